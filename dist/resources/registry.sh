# shellcheck shell=sh
# The registry's container, its two files and its data.

registry_probe() { # DIRECTORY CONTAINER
  fact_file registry.compose "$1/compose.yaml"
  fact_file registry.config "$1/config.yml"
  fact registry.secret "$(yes_if test -s "$1/secret.env")"
  if has docker && docker info >/dev/null 2>&1; then
    fact registry.engine yes
    fact registry.container "$(docker inspect --type container \
      --format '{{.State.Status}} {{index .Config.Labels "berth.config"}}' "$2" 2>/dev/null || echo absent)"
  else
    fact registry.engine no
    fact registry.container absent
  fi
}

# The image is pulled before anything is touched; if the new container does not come up, the old files and the old
# container are back when this returns.
registry_up() { # DIRECTORY CONTAINER IMAGE COMPOSE CONFIG
  directory=$1 container=$2
  engine_up
  docker image inspect "$3" >/dev/null 2>&1 || docker pull "$3"

  install -d -m 0755 "$directory"
  install -d -m 0700 "$directory/auth" "$directory/data"
  secret_once
  keep_old compose.yaml
  keep_old config.yml
  put "$directory/config.yml" 0600 "$5"
  put "$directory/compose.yaml" 0644 "$4"
  if compose_up && healthy; then
    rm -f "$directory/compose.yaml.berth-old" "$directory/config.yml.berth-old"
    return
  fi

  docker logs --tail 5 "$container" || :
  if [ -f "$directory/compose.yaml.berth-old" ]; then
    echo 'going back to the registry as it was'
    mv -f "$directory/config.yml.berth-old" "$directory/config.yml"
    mv -f "$directory/compose.yaml.berth-old" "$directory/compose.yaml"
    compose_up && healthy
  else
    docker rm -f "$container"
    rm -f "$directory/config.yml" "$directory/compose.yaml"
  fi
  return 1
}

engine_up() {
  docker info >/dev/null 2>&1 && return
  systemctl enable --now docker
  docker info >/dev/null
}

# Uploads in flight are signed with it: made once, on the server, and kept.
secret_once() {
  [ -s "$directory/secret.env" ] && return
  put "$directory/secret.env" 0600 "REGISTRY_HTTP_SECRET=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
"
}

keep_old() { # FILE
  if [ -f "$directory/$1" ]; then cp -p "$directory/$1" "$directory/$1.berth-old"; fi
}

compose_up() {
  if docker compose version >/dev/null 2>&1; then
    docker compose --project-name "$container" --file "$directory/compose.yaml" up --detach --remove-orphans
  else
    docker-compose --project-name "$container" --file "$directory/compose.yaml" up --detach --remove-orphans
  fi
}

# A container that restarts all the time looks alive for a moment; one that answers is.
healthy() {
  tries=0
  until docker exec "$container" wget -q -O /dev/null http://127.0.0.1:5000/ 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || return 1
    sleep 0.5
  done
}
