# shellcheck shell=sh
# The registry's container, its two files and its data.

registry_probe() { # DIRECTORY CONTAINER PORT
  fact_file registry.compose "$1/compose.yaml"
  fact_file registry.config "$1/config.yml" %u:%g
  fact_if registry.secret test -s "$1/secret.env"
  fact_if registry.settled test ! -e "$1/compose.yaml.berth-old"
  fact registry.data "$(stat -c %u:%g "$1/data" 2>/dev/null || echo absent)"
  registry_container=$(docker inspect --type container \
    --format '{{range .HostConfig.PortBindings}}{{range .}}{{.HostPort}},{{end}}{{end}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels "berth.config"}}' "$2" 2>/dev/null)
  registry_container=${registry_container:-"- absent"}
  fact registry.container "${registry_container#* }"
  case $registry_container in
  "$3, running "*) registry_holder= ;;
  *) registry_holder=$(holder "$3" "$(listeners)") ;;
  esac
  [ "$registry_holder" != "container $2" ] || registry_holder=
  fact registry.holder "$registry_holder"
  fact_if registry.predecessor is_registry "$registry_holder"
}

# A container that somebody set up by hand, by whatever name its image goes.
is_registry() { # HOLDER
  case $1 in
  'container '*) docker inspect --type container --format '{{json .Config}}' "${1#container }" | grep -q '/var/lib/registry' ;;
  *) return 1 ;;
  esac
}

# Takes the images over from a container that was set up by hand, and its place. It stays, stopped and with its volume,
# for whoever wants to go back; if the new registry does not come up, it is the one that serves.
registry_adopt() { # DIRECTORY CONTAINER ACCOUNT IMAGE COMPOSE CONFIG PREDECESSOR
  predecessor=$7
  image_here "$4"
  folder "$1" 0755
  docker stop "$predecessor"
  attempt images_over "$1"
  # shellcheck disable=SC2154 # set by attempt
  if [ "$code" -eq 0 ]; then attempt registry_up "$1" "$2" "$3" "$4" "$5" "$6"; fi
  if [ "$code" -ne 0 ]; then
    docker start "$predecessor" >/dev/null
    return 1
  fi
  docker update --restart no "$predecessor"
  docker rename "$predecessor" "$predecessor-before-berth"
}

# Linked where that is possible, so that it takes no time and no space. A link has the owner of its file, so files of a
# registry that was not root are copied: it could not go on with them if it had to.
images_over() { # DIRECTORY
  if [ -d "$1/data" ] && ! rmdir "$1/data"; then
    echo "$1/data holds images already; move it away, or adopt into another directory"
    return 1
  fi
  root=$(registry_setting REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY rootdirectory)
  root=${root:-/var/lib/registry}
  source=$(docker inspect --type container \
    --format "{{range .Mounts}}{{if eq .Destination \"$root\"}}{{.Source}}{{end}}{{end}}" "$predecessor")
  rm -rf "$1/data.berth-new"
  install -d -m 0700 "$1/data.berth-new"
  if [ -n "$source" ]; then
    { as_root_before && cp -al "$source/." "$1/data.berth-new" 2>/dev/null; } || cp -a "$source/." "$1/data.berth-new"
  else
    docker cp "$predecessor:$root/." "$1/data.berth-new"
  fi
  chmod 0700 "$1/data.berth-new"
  mv -T "$1/data.berth-new" "$1/data"
}

as_root_before() {
  case $(docker inspect --type container --format '{{.Config.User}}' "$predecessor") in
  '' | 0 | 0:* | root | root:*) ;;
  *) return 1 ;;
  esac
}

# A setting of the registry in a container: from its environment, else from its config.yml.
registry_setting() { # VARIABLE KEY
  docker inspect --type container --format '{{range .Config.Env}}{{println .}}{{end}}' "$predecessor" |
    sed -n "s/^$1=//p" | grep . && return
  for config in /etc/docker/registry/config.yml /etc/distribution/config.yml; do
    docker cp "$predecessor:$config" - 2>/dev/null | tar -xO 2>/dev/null | sed -n "s/^ *$2: *//p" | head -n 1 | grep . && return
  done
  return 0
}

# The htpasswd file of a container that was set up by hand, whether it runs or not.
registry_htpasswd() { # CONTAINER
  predecessor=$1
  path=$(registry_setting REGISTRY_AUTH_HTPASSWD_PATH path)
  if [ -n "$path" ]; then docker cp --follow-link "$predecessor:$path" - 2>/dev/null | tar -xO 2>/dev/null; fi
}

# The image is pulled before anything is touched; if the new container does not come up, the old files and the old
# container are back when this returns.
registry_up() { # DIRECTORY CONTAINER ACCOUNT IMAGE COMPOSE CONFIG
  directory=$1 container=$2 account=$3
  engine_up
  image_here "$4"
  folder "$directory" 0755
  registry_folder "$directory/auth" "$account"
  registry_data "$directory/data"
  secret_once
  # What Docker makes of a file that is missing when a container starts that mounts it. The container keeps that folder.
  if [ -d "$directory/config.yml" ]; then
    docker rm -f "$container"
    rmdir "$directory/config.yml"
  fi
  keep_old config.yml
  keep_old compose.yaml
  if (new_registry "$5" "$6"); then
    rm -f "$directory/config.yml.berth-old" "$directory/compose.yaml.berth-old"
    return
  fi

  last_words=$(last_words)
  if [ -f "$directory/compose.yaml.berth-old" ]; then
    mv -f "$directory/config.yml.berth-old" "$directory/config.yml"
    mv -f "$directory/compose.yaml.berth-old" "$directory/compose.yaml"
    if (compose_up && healthy); then
      echo 'the registry is back as it was; the new one said:'
    else
      echo 'the registry did not come back either; the new one said:'
    fi
  else
    docker rm -f "$container" || :
    rm -f "$directory/config.yml" "$directory/compose.yaml"
    echo 'the registry does not start; mend what it says and run again:'
  fi
  echo "$last_words"
  return 1
}

# For root and the registry only.
registry_folder() { # PATH ACCOUNT
  install -d -m 0700 -o "${2%:*}" -g "${2#*:}" "$1"
}

# Images that came from a backup, or from a registry that ran as root. The folder itself comes last, so that its owner
# tells whether all is done.
registry_data() { # PATH
  folder "$1" 0700
  find "$1" -depth ! -user "${account%:*}" -exec chown -h "$account" {} +
  registry_folder "$1" "$account"
}

# compose leaves a container as it is whose files have not changed, whatever has been changed in the container.
new_registry() { # COMPOSE CONFIG
  put "$directory/config.yml" 0600 "$2" "$account" &&
    put "$directory/compose.yaml" 0644 "$1" &&
    compose_up &&
    docker update --restart always "$container" &&
    healthy
}

# Why the container does not serve. A registry that refuses its configuration says so, and then how it is used.
last_words() {
  docker logs --tail 50 "$container" 2>&1 | grep -i -e error -e fatal -e panic -e 'no such' | uniq | tail -n 3 | grep . ||
    docker logs --tail 3 "$container" 2>&1 | grep . ||
    echo "nothing; its container is $(docker inspect --format '{{.State.Status}}, with exit code {{.State.ExitCode}}' "$container")"
}

image_here() { # IMAGE
  docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1"
}

# Data and users stay.
registry_down() { # DIRECTORY CONTAINER
  docker rm -f "$2"
  docker network rm "$2_default" 2>/dev/null || :
  rm -f "$1/compose.yaml" "$1/config.yml"
}

registry_purge() { # DIRECTORY
  rm -rf "$1"
}

engine_up() {
  systemctl is-enabled docker >/dev/null 2>&1 || systemctl enable docker || engine_down
  docker ps >/dev/null 2>&1 || systemctl start docker || engine_down
  docker ps >/dev/null
}

# What systemd says is only that it failed.
engine_down() {
  if [ "$(systemctl is-enabled docker 2>/dev/null)" = masked ]; then
    echo 'Docker does not start: its unit is masked'
  else
    echo "Docker does not start: $(journalctl --unit docker --identifier dockerd --lines 1 --output cat 2>/dev/null)"
  fi
  return 1
}

# Uploads in flight are signed with it: made once, on the server, and kept.
secret_once() {
  [ -s "$directory/secret.env" ] && return
  put "$directory/secret.env" 0600 "REGISTRY_HTTP_SECRET=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
"
}

# What is kept already is from before a change that was cut off: it is the last that is known to have served.
keep_old() { # FILE
  if [ -f "$directory/$1" ] && ! [ -f "$directory/$1.berth-old" ]; then
    cp -p "$directory/$1" "$directory/$1.berth-old"
  fi
}

compose_up() {
  # A container that Docker starts again and again would be left to that, with ever longer waits; it holds nothing.
  if [ "$(docker inspect --type container --format '{{.State.Status}}' "$container" 2>/dev/null)" = restarting ]; then
    docker rm -f "$container"
  fi
  if compose_plugin; then
    docker compose --project-name "$container" --file "$directory/compose.yaml" up --detach --remove-orphans
  elif at_least 1.27 "$(docker-compose version --short)"; then
    docker-compose --project-name "$container" --file "$directory/compose.yaml" up --detach --remove-orphans
  else
    # Debian 11's takes no file without a version, and the newer ones warn of a file with one.
    versioned=$(mktemp /run/berth-compose.XXXXXX)
    { echo 'version: "2.4"' && cat "$directory/compose.yaml"; } >"$versioned"
    code=0
    docker-compose --project-name "$container" --project-directory "$directory" --file "$versioned" up --detach --remove-orphans || code=$?
    rm "$versioned"
    return "$code"
  fi
}

# A container that restarts all the time looks alive for a moment; one that answers is.
healthy() {
  tries=0
  until docker exec "$container" wget -q -O /dev/null http://127.0.0.1:5000/ 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] && [ "$(docker inspect --format '{{.RestartCount}}' "$container")" -lt 3 ] || return 1
    sleep 0.1
  done
}
