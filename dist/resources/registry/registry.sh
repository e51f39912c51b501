# shellcheck shell=sh
# The registry's container, one generation after the other, and its data.
#
# DIRECTORY/generations/NAME/   the script that starts a generation, and its configuration
# DIRECTORY/run/NAME.sock       its socket, owned by the registry and by the group of nginx's workers
# DIRECTORY/registry.sock       a link to the socket of the generation that serves: what nginx connects to
# DIRECTORY/domain              the registry that all of this belongs to, even after it was removed

# The account that owns the images: a number without a name.
ACCOUNT=65532:65532

registry_probe() { # DIRECTORY CONTAINER DOMAIN
  directory=$1 container=$2 domain=$3
  generation=$(registry_generation "$directory")
  fact registry.generation "$generation"
  fact registry.domain "$(registry_owner "$directory" "$domain")"
  fact registry.parents "$(registry_parents "$directory")$(registry_elsewhere "$directory/data")"
  fact_file registry.start "$directory/generations/$generation/start"
  fact_file registry.config "$directory/generations/$generation/config.yml" %u:%g
  fact registry.leftovers "$(registry_leftovers "$directory" "$generation")"
  fact_if registry.secret test -s "$directory/secret.env"
  fact registry.data "$(registry_data_owner "$directory/data")"
  fact registry.group "$(stat -c %G "$directory/run" 2>/dev/null)"
  # One call for both: the container that serves, and that of an older Berth, which published a port.
  engine inspect --type container --format '{{.Name}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Binds}}' \
    "$container-$generation" "$container" 2>/dev/null | {
    current=absent published=absent
    while read -r held status restart binds; do
      case "$held $binds" in
      "/$container-$generation "*) current="$status $restart" ;;
      "/$container "*"$directory/data:"*) published=$status ;;
      esac
    done
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

# The domain that the directory belongs to; empty if there is none. Earlier versions of Berth did not write it down. `void` follows the
# name if it is another registry's that has never served: most often a first run for a wrong name.
registry_owner() { # DIRECTORY DOMAIN
  owner=
  read -r owner 2>/dev/null <"$1/domain" || [ -n "$owner" ] ||
    owner=$(grep -lsF "/bin/sh $1/guard.sh" /etc/systemd/system/berth-guard-*.service | sed 's|.*/berth-guard-||; s|\.service$||; q')
  if [ -n "$owner" ] && [ "$owner" != "$2" ] && registry_void "$1" "$owner"; then owner="$owner void"; fi
  echo "$owner"
}

# Nobody could ever log in there, nothing was pushed, and nginx has no certificate for it.
registry_void() { # DIRECTORY OWNER
  ! [ -e "$1/htpasswd" ] && ! [ -e "$1/auth" ] && [ -z "$(find "$1/data/" -type f -print -quit 2>/dev/null)" ] &&
    ! grep -qs ssl_certificate "$(site_path "berth-$2.conf")"
}

# The existing folders from / to the directory: `UID MODE PATH;` for each.
registry_parents() { # DIRECTORY
  path=$1
  set --
  while [ -n "$path" ]; do
    if [ -d "$path" ]; then set -- "$path" "$@"; fi
    path=${path%/*}
  done
  stat -L --printf '%u %a %n;' / "$@" 2>/dev/null
}

# The folders above the images if those are elsewhere, that is, if `data` is a link.
registry_elsewhere() { # DATA
  if [ -L "$1" ]; then
    elsewhere=$(readlink -f "$1")
    registry_parents "${elsewhere%/*}"
  fi
}

# Who owns the images: not the registry if one of the upper folders belongs to somebody else. Images from a backup often belong to root,
# below a folder that doesn't. What the registry makes has the group of nginx's workers.
registry_data_owner() { # DATA
  stat -L -c %u:%g "$1" "$1/docker" "$1/docker/registry" "$1/docker/registry/v2" "$1"/docker/registry/v2/*/ 2>/dev/null |
    {
      data_owner=absent
      while read -r data_each; do
        case $data_each in
        "${ACCOUNT%:*}:"*) [ "$data_owner" != absent ] || data_owner=$data_each ;;
        *)
          data_owner=$data_each
          break
          ;;
        esac
      done
      echo "$data_owner"
    }
}

# Folders of generations that don't serve. A generation that is finishing its work has no folder any more.
registry_leftovers() { # DIRECTORY GENERATION
  for left in "$1"/generations/*/; do
    left=${left%/}
    left=${left##*/}
    if [ "$left" != '*' ] && [ "$left" != "$2" ]; then printf '%s ' "$left"; fi
  done
}

# Starts a generation, waits until it answers, and lets it serve. Until then the one before it is not touched.
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

  registry_words=
  if registry_start "$directory" "$container" "$generation"; then
    # From now on images are pushed here, see registry_adopt.
    rm -f "$directory/adopting"
    ln -sfn "run/$generation.sock" "$directory/registry.sock.berth-new"
    mv -fT "$directory/registry.sock.berth-new" "$directory/registry.sock"
    if [ -n "$before" ]; then registry_retire "$directory" "$container" "$before"; fi
    return
  fi
  registry_words=${registry_words:-$(last_words "$container-$generation")}
  engine rm -f "$container-$generation" >/dev/null 2>&1 || :
  rm -rf "$directory/generations/$generation" "$directory/run/$generation.sock"
  if [ -n "$before" ]; then
    echo 'the registry serves as before; the new one said:'
  else
    echo 'the registry does not start; fix what it says and run again:'
  fi
  echo "$registry_words"
  return 1
}

container_of() { # DOMAIN
  echo "berth-$(echo "$1" | tr . -)"
}

# If the same generation is started again, its name gets a number: the one before may still be finishing, and use its socket. If it
# ended early, what was to remove it is still at work, and would remove whatever has its name.
registry_name() { # CONTAINER GENERATION BEFORE
  name_container=$1 name_generation=$2 name_before=$3
  candidate=$name_generation number=1
  while [ "$candidate" = "$name_before" ] || engine inspect --type container "$name_container-$candidate" >/dev/null 2>&1 ||
    systemctl --quiet is-active "$name_container-$candidate"; do
    number=$((number + 1))
    candidate=$name_generation-$number
  done
  echo "$candidate"
}

# Everything but the registry's container. Root owns the folders in which root writes. The registry owns only the contents of `run` and `data`.
registry_place() { # DIRECTORY DOMAIN
  folder "$1" 0755
  put "$1/domain" 0644 "$2"
  group=$(nginx_group)
  folder "$1/run" 0700
  # Sockets made there get nginx's group, so that its workers may connect, as they must be able to all the time.
  if [ "$(stat -c '%u:%G %a' "$1/run")" != "${ACCOUNT%:*}:$group 2750" ]; then
    chown "${ACCOUNT%:*}:$group" "$1/run"
    chmod 2750 "$1/run"
  fi
  # It signs uploads in progress. It is made once, on the server, and is the same for all generations.
  [ -s "$1/secret.env" ] || put "$1/secret.env" 0600 "REGISTRY_HTTP_SECRET=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
"
}

# For images from a backup, or from a registry that ran as root. The folder itself comes last, so that its owner shows whether all is
# done. Files are named from within their own folders, and links are not followed, because the registry may be running and could
# make a path lead outside.
registry_data() { # PATH
  [ -d "$1" ] || install -d -m 0700 "$1"
  images=$(readlink -f "$1")
  if find "$images" -mindepth 1 -depth ! -user "${ACCOUNT%:*}" -execdir chown -h "$ACCOUNT" {} + &&
    { [ "$(stat -c %u:%g "$images")" = "$ACCOUNT" ] || chown "$ACCOUNT" "$images"; } &&
    chmod 0700 "$images" &&
    [ "$(registry_data_owner "$images")" = "$ACCOUNT" ]; then
    return
  fi
  # Some file systems refuse another owner, others forget it at once. A file may be refused for a reason of its own, which is said then.
  if registry_ownerless "$images"; then
    echo "the images in $images can't be given to the registry: their file system, $(stat -f -c %T "$images"), knows no owners"
  fi
  return 1
}

registry_ownerless() { # FOLDER
  sample=$(mktemp "$1/berth.XXXXXX") || return 1
  chown -h "$ACCOUNT" "$sample" 2>/dev/null || :
  owner=$(stat -c %u:%g "$sample")
  rm -f "$sample"
  [ "$owner" != "$ACCOUNT" ]
}

# A container that keeps restarting looks alive for a moment, so it has to answer. If Docker could not start it, `registry_words` says
# why.
registry_start() { # DIRECTORY CONTAINER GENERATION
  start_directory=$1 start_container=$2 start_generation=$3
  if ! started=$(timeout -k 5 1200 sh "$start_directory/generations/$start_generation/start" 2>&1); then
    registry_words=$(echo "${started:-Docker has not started it within 20 minutes}" | tail -n 3)
    return 1
  fi
  note=$(echo "$started" | sed -n 's/^note: //p')
  [ -z "$note" ] || tell say "$note" >&3
  until_then=$(($(date +%s) + 60))
  until socket_answers "$start_directory/run/$start_generation.sock"; do
    [ "$(date +%s)" -lt "$until_then" ] || return 1
    case $(engine inspect --format '{{.State.Status}} {{.RestartCount}}' "$start_container-$start_generation" 2>/dev/null) in
    'running '[012]* | 'created '* | 'restarting '[012]*) ;;
    *) return 1 ;;
    esac
    sleep 0.1
  done
}

# Whether a registry answers on a socket. wget can't use sockets, and curl may be missing; perl is always there.
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

# Lets a generation finish its requests, for up to its draintimeout, and then removes it. The run does not wait for that. A request that
# nginx was just handing over gets time to arrive, even on a busy server. Docker may restart a container once more, and then
# makes its missing folder again, empty, so that is deleted twice.
registry_retire() { # DIRECTORY CONTAINER GENERATION
  retire_directory=$1 retire_container=$2 retire_generation=$3
  engine update --restart no "$retire_container-$retire_generation" >/dev/null 2>&1 || :
  rm -rf "$retire_directory/generations/$retire_generation"
  # shellcheck disable=SC2016 # the inner shell's arguments
  systemd-run --quiet --collect --unit "$retire_container-$retire_generation" --setenv=DOCKER_CONTEXT=default /bin/sh -c '
    sleep 2
    docker kill --signal TERM "$1"
    docker wait "$1"
    docker stop "$1"
    rm -rf "$2" "$3"
    docker rm -f "$1"' sh "$retire_container-$retire_generation" "$retire_directory/run/$retire_generation.sock" \
    "$retire_directory/generations/$retire_generation"
}

# Removes what a run that was cut off has left, and retired generations that ended before they could be removed.
registry_clear() { # DIRECTORY DOMAIN GENERATION
  clear_directory=$1 clear_domain=$2 clear_generation=$3
  container=$(container_of "$clear_domain")
  for left in $(registry_leftovers "$clear_directory" "$clear_generation"); do
    engine rm -f "$container-$left" >/dev/null 2>&1 || :
    rm -rf "$clear_directory/generations/$left" "$clear_directory/run/$left.sock"
  done
  for left in $(engine ps --all --filter "label=berth.domain=$clear_domain" --filter status=exited --format '{{.Names}}'); do
    if [ "$left" != "$container-$clear_generation" ]; then engine rm "$left" >/dev/null 2>&1 || :; fi
  done
}

# Why a container does not serve. A registry that refuses its configuration prints the reason, and then its usage.
last_words() { # CONTAINER
  engine logs --tail 50 "$1" 2>&1 | grep -i -e error -e fatal -e panic -e 'no such' | uniq | tail -n 3 | grep . ||
    engine logs --tail 3 "$1" 2>&1 | grep . ||
    echo "nothing; its container is $(engine inspect --format '{{.State.Status}}, with exit code {{.State.ExitCode}}' "$1" 2>/dev/null || echo absent)"
}

# Removes what a first run for another name has left that never served. Of its containers, only those of this directory.
registry_abandon() { # DIRECTORY OWNER
  directory=$1 owner=$2
  for left in "$directory"/generations/*/; do
    left=${left%/}
    engine rm -f "$(container_of "$owner")-${left##*/}" >/dev/null 2>&1 || :
  done
  site_remove "berth-$owner.conf"
  for left in brake page guard; do
    if [ -e "/etc/systemd/system/berth-$left-$owner.service" ]; then
      systemctl disable --now "berth-$left-$owner.service"
      rm -f "/etc/systemd/system/berth-$left-$owner.service"
    fi
  done
  systemctl daemon-reload
  rm -rf "$directory/generations" "$directory/run" "$directory/registry.sock" "$directory/domain"
}

# Data and users stay, and so does the name of the registry that they belong to.
registry_down() { # DIRECTORY CONTAINER DOMAIN
  directory=$1 container=$2 domain=$3
  for left in $(engine ps --all --quiet --filter "label=berth.domain=$domain") \
    $(engine ps --all --quiet --filter "name=^/$container\$" --filter "volume=$directory/data"); do
    engine rm -f "$left"
  done
  rm -rf "$directory/generations" "$directory/run" "$directory/registry.sock" "$directory/compose.yaml" "$directory/config.yml"
}

# Removes what is Berth's, and the directory if nothing else is in it.
registry_purge() { # DIRECTORY
  # `data` may be a link, or a disk of its own, which can't be removed.
  if [ -d "$1/data" ]; then find "$1/data/" -mindepth 1 -delete; fi
  rm -rf "$1/data" 2>/dev/null || :
  for left in data.berth-new adopting generations run registry.sock secret.env peers.pem htpasswd domain tls.pem page catalog.pl \
    watcher.pl guard.sh before-berth auth compose.yaml config.yml; do
    rm -rf "${1:?}/$left" "${1:?}/$left.berth-new"
  done
  rmdir "$1" 2>/dev/null || :
}

# Asks for a list, with the short timeout of a probe: everything would wait for a slower engine.
engine_up() {
  # shellcheck disable=SC2031 # of the step that runs
  engine_seconds=${ENGINE_SECONDS-}
  ENGINE_SECONDS=20
  systemctl is-enabled docker >/dev/null 2>&1 || systemctl enable docker || engine_down
  engine ps >/dev/null 2>&1 || systemctl start docker || engine_down
  if ! said=$(engine ps 2>&1); then
    echo "Docker is silent: $(echo "$said" | tail -n 1)"
    return 1
  fi
  ENGINE_SECONDS=$engine_seconds
}

# systemd only says that it failed.
engine_down() {
  if [ "$(systemctl is-enabled docker 2>/dev/null)" = masked ]; then
    echo 'Docker does not start: its unit is masked'
  else
    echo "Docker does not start: $(journalctl --unit docker --identifier dockerd --lines 1 --output cat 2>/dev/null)"
  fi
  return 1
}

# Removes the container of an older Berth, which published a port on loopback. nginx no longer uses it, and it may finish its requests.
# The firewall rule that protected the port is removed with it.
registry_retire_published() { # DIRECTORY CONTAINER DOMAIN
  directory=$1 container=$2 domain=$3
  engine update --restart no "$container" || :
  # shellcheck disable=SC2016 # the inner shell's arguments
  systemd-run --quiet --collect --setenv=DOCKER_CONTEXT=default /bin/sh -c '
    sleep 10
    docker rm -f "$1"
    docker network rm "$1_default"
    iptables -w -D DOCKER-USER -o "$3" -m conntrack --ctstate NEW -j DROP
    rm -rf "$2/auth" "$2/compose.yaml" "$2/config.yml"' sh "$container" "$directory" "berth-$(printf %s "$domain" | sha256sum | cut -c 1-8)"
}
