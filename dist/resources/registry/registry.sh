# shellcheck shell=sh
# The registry's container, one generation after the other, and its data.
#
# DIRECTORY/generations/NAME/   the script that starts a generation, and its configuration
# DIRECTORY/run/NAME.sock       its socket, owned by the registry and by the group of nginx's workers
# DIRECTORY/registry.sock       a link to the socket of the generation that serves: what nginx connects to

# Whose the images are: a number without a name.
ACCOUNT=65532:65532

registry_probe() { # DIRECTORY CONTAINER DOMAIN
  directory=$1 container=$2 domain=$3
  generation=$(registry_generation "$directory")
  fact registry.generation "$generation"
  fact registry.domain "$(cat "$directory/domain" 2>/dev/null)"
  fact registry.parents "$(registry_parents "$directory")"
  fact_file registry.start "$directory/generations/$generation/start"
  fact_file registry.config "$directory/generations/$generation/config.yml" %u:%g
  fact registry.leftovers "$(registry_leftovers "$directory" "$generation")"
  fact_if registry.secret test -s "$directory/secret.env"
  fact registry.data "$(stat -c %u:%g "$directory/data" 2>/dev/null || echo absent)"
  fact registry.group "$(stat -c %G "$directory/run" 2>/dev/null)"
  # One question for both: the container that serves, and that of a Berth that published a port.
  docker inspect --type container --format '{{.Name}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' \
    "$container-$generation" "$container" 2>/dev/null | awk -v now="/$container-$generation" -v before="/$container" '
    $1 == now { current = $2 " " $3 }
    $1 == before { published = $2 }
    END { print current ? current : "absent"; print published ? published : "absent" }' | {
    read -r current
    read -r published
    fact registry.container "$current"
    fact registry.published "$published"
  }
}

# The generation that serves; empty if none does.
registry_generation() { # DIRECTORY
  link=$(readlink "$1/registry.sock" 2>/dev/null) || return 0
  link=${link##*/}
  echo "${link%.sock}"
}

# The folders from / to the directory, those that are there: `UID MODE PATH;` for each.
registry_parents() { # DIRECTORY
  path=$1
  set --
  while [ -n "$path" ]; do
    if [ -d "$path" ]; then set -- "$path" "$@"; fi
    path=${path%/*}
  done
  stat -L -c '%u %a %n' / "$@" 2>/dev/null | tr '\n' ';'
}

# Folders of generations that neither serve nor end their work: one that is retired has lost its folder.
registry_leftovers() { # DIRECTORY GENERATION
  for left in "$1"/generations/*/; do
    left=${left%/}
    left=${left##*/}
    if [ "$left" != '*' ] && [ "$left" != "$2" ]; then printf '%s ' "$left"; fi
  done
}

# Starts a generation, waits until it answers, and lets it serve. Until then nothing has happened to the one before it.
registry_up() { # DIRECTORY DOMAIN GENERATION START CONFIG
  directory=$1 domain=$2 generation=$3 start=$4 config=$5
  engine_up
  container=$(container_of "$domain")
  before=$(registry_generation "$directory")
  registry_clear "$directory" "$domain" "$before"
  generation=$(registry_name "$container" "$generation" "$before")
  registry_place "$directory" "$domain"
  registry_data "$directory/data"
  folder "$directory/generations" 0755
  folder "$directory/generations/$generation" 0755
  put "$directory/generations/$generation/start" 0755 "$start"
  put "$directory/generations/$generation/config.yml" 0600 "$config" "$ACCOUNT"

  words=
  if registry_start "$directory" "$container" "$generation"; then
    ln -sfn "run/$generation.sock" "$directory/registry.sock.berth-new"
    mv -fT "$directory/registry.sock.berth-new" "$directory/registry.sock"
    if [ -n "$before" ]; then registry_retire "$directory" "$container" "$before"; fi
    return
  fi
  words=${words:-$(last_words "$container-$generation")}
  docker rm -f "$container-$generation" >/dev/null 2>&1 || :
  rm -rf "$directory/generations/$generation" "$directory/run/$generation.sock"
  if [ -n "$before" ]; then
    echo 'the registry serves as before; the new one said:'
  else
    echo 'the registry does not start; mend what it says and run again:'
  fi
  echo "$words"
  return 1
}

container_of() { # DOMAIN
  echo "berth-$(echo "$1" | tr . -)"
}

# The same generation again has a number behind its name: one that ends its work may still be there, and have its socket.
registry_name() { # CONTAINER GENERATION BEFORE
  candidate=$2 number=1
  while [ "$candidate" = "$3" ] || docker inspect --type container "$1-$candidate" >/dev/null 2>&1; do
    number=$((number + 1))
    candidate=$2-$number
  done
  echo "$candidate"
}

# Everything but the registry's container. Root owns what root writes through; only what is inside `run` and `data` is the registry's.
registry_place() { # DIRECTORY DOMAIN
  folder "$1" 0755
  put "$1/domain" 0644 "$2"
  group=$(nginx_group)
  folder "$1/run" 0700
  # What is made there gets nginx's group, so that its workers may connect; while a registry serves they must be able to all the time.
  if [ "$(stat -c '%u:%G %a' "$1/run")" != "${ACCOUNT%:*}:$group 2750" ]; then
    chown "${ACCOUNT%:*}:$group" "$1/run"
    chmod 2750 "$1/run"
  fi
  # Uploads in flight are signed with it: made once, on the server, and the same in all generations.
  [ -s "$1/secret.env" ] || put "$1/secret.env" 0600 "REGISTRY_HTTP_SECRET=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
"
}

# Images that came from a backup, or from a registry that ran as root. The folder itself comes last, so that its owner
# tells whether all is done. Each is named from within its own folder, and links are not followed: the registry, which may be
# running, could lead a path outside.
registry_data() { # PATH
  [ -d "$1" ] || install -d -m 0700 "$1"
  find "$1" -depth ! -user "${ACCOUNT%:*}" -execdir chown -h "$ACCOUNT" {} +
  chmod 0700 "$1"
}

# A container that restarts all the time looks alive for a moment; one that answers is. If Docker could not start it, `words` says why.
registry_start() { # DIRECTORY CONTAINER GENERATION
  if ! started=$(sh "$1/generations/$3/start" 2>&1); then
    words=$(echo "$started" | tail -n 3)
    return 1
  fi
  tries=0
  until socket_answers "$1/run/$3.sock"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || return 1
    case $(docker inspect --format '{{.State.Status}} {{.RestartCount}}' "$2-$3" 2>/dev/null) in
    'running '[012]* | 'created '* | 'restarting '[012]*) ;;
    *) return 1 ;;
    esac
    sleep 0.1
  done
}

# Whether a registry answers on a socket. wget can't ask one, and curl need not be there; perl always is.
socket_answers() { # SOCKET
  [ -S "$1" ] || return 1
  # shellcheck disable=SC2016 # perl's variables
  timeout 10 perl -MSocket -e '
    socket my $socket, PF_UNIX, SOCK_STREAM, 0 or exit 1;
    connect $socket, sockaddr_un($ARGV[0]) or exit 1;
    syswrite $socket, "GET / HTTP/1.0\r\n\r\n";
    sysread $socket, my $answer, 64;
    exit($answer !~ m{^HTTP/1\.. 200})' "$1" 2>/dev/null
}

# Lets a generation end what it has begun, for as long as its draintimeout says, and then takes it away; the run does not wait
# for that. A request that nginx was just handing over gets time to arrive, also on a server that has too much to do.
registry_retire() { # DIRECTORY CONTAINER GENERATION
  rm -rf "$1/generations/$3"
  docker update --restart no "$2-$3" >/dev/null 2>&1 || :
  # shellcheck disable=SC2016 # the inner shell's arguments
  systemd-run --quiet --collect /bin/sh -c '
    sleep 2
    docker kill --signal TERM "$1"
    docker wait "$1"
    docker rm -f "$1"
    rm -f "$2"' sh "$2-$3" "$1/run/$3.sock"
}

# What a run that was cut off has left, and retired generations that were ended before they could be taken away.
registry_clear() { # DIRECTORY DOMAIN GENERATION
  container=$(container_of "$2")
  for left in $(registry_leftovers "$1" "$3"); do
    docker rm -f "$container-$left" >/dev/null 2>&1 || :
    rm -rf "$1/generations/$left" "$1/run/$left.sock"
  done
  for left in $(docker ps --all --filter "label=berth.domain=$2" --filter status=exited --format '{{.Names}}'); do
    if [ "$left" != "$container-$3" ]; then docker rm "$left" >/dev/null 2>&1 || :; fi
  done
}

# Why a container does not serve. A registry that refuses its configuration says so, and then how it is used.
last_words() { # CONTAINER
  docker logs --tail 50 "$1" 2>&1 | grep -i -e error -e fatal -e panic -e 'no such' | uniq | tail -n 3 | grep . ||
    docker logs --tail 3 "$1" 2>&1 | grep . ||
    echo "nothing; its container is $(docker inspect --format '{{.State.Status}}, with exit code {{.State.ExitCode}}' "$1" 2>/dev/null || echo absent)"
}

# Data and users stay.
registry_down() { # DIRECTORY CONTAINER DOMAIN
  for left in $(docker ps --all --quiet --filter "label=berth.domain=$3") $(docker ps --all --quiet --filter "name=^/$2\$"); do
    docker rm -f "$left"
  done
  rm -rf "$1/generations" "$1/run" "$1/registry.sock" "$1/domain" "$1/compose.yaml" "$1/config.yml"
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

# The container of a Berth that published a port on loopback. nginx has just left it: what it was doing for clients it
# may end, for as long as they need for a request or two. The rule that kept others from its port goes with it.
registry_retire_published() { # DIRECTORY CONTAINER DOMAIN
  docker update --restart no "$2" || :
  # shellcheck disable=SC2016 # the inner shell's arguments
  systemd-run --quiet --collect /bin/sh -c '
    sleep 10
    docker rm -f "$1"
    docker network rm "$1_default"
    iptables -w -D DOCKER-USER -o "$3" -m conntrack --ctstate NEW -j DROP
    rm -rf "$2/auth" "$2/compose.yaml" "$2/config.yml"' sh "$2" "$1" "berth-$(printf %s "$3" | sha256sum | cut -c 1-8)"
}
