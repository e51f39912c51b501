# shellcheck shell=sh
# Takes over a registry that somebody set up by hand.

# Only while there is no registry of Berth's. Whatever somebody sets up later is meant to be there.
adoption_probe() { # DIRECTORY WANTED
  if [ -e "$1/registry.sock" ] || ! has docker; then
    fact registry.predecessors
    return
  fi
  fact registry.predecessors "$(predecessors "$2")"
}

# Names of containers that hold a registry, whatever the name of their image: those that run or, if none runs and one is WANTED, those
# that don't, because a run that was cut off may have stopped the right one.
predecessors() { # WANTED
  # shellcheck disable=SC2046 # names
  set -- "$1" $(engine ps --all --quiet 2>/dev/null)
  wanted=$1
  shift
  [ $# -gt 0 ] || return 0
  engine inspect --type container --format '{{.Name}} {{.State.Running}} {{json .Config}}' "$@" 2>/dev/null |
    awk -v wanted="$wanted" '
      !/\/var\/lib\/registry/ || /"berth\./ || $1 ~ /-before-berth$/ { next }
      $2 == "true" { running = running substr($1, 2) " " }
      { all = all substr($1, 2) " " }
      END { print running == "" && wanted != "" ? all : running }'
}

# Takes over the images and the place of the old container. That one stays, stopped and with its volume, so that one can go back. If the
# new registry does not start, the old one serves again.
registry_adopt() { # DIRECTORY DOMAIN GENERATION START CONFIG
  directory=$1 domain=$2 generation=$3 start=$4 config=$5
  engine_up
  predecessor=$(predecessors wanted)
  predecessor=${predecessor%% *}
  folder "$directory" 0755
  engine stop "$predecessor"
  attempt images_over "$predecessor" "$directory"
  # shellcheck disable=SC2154 # set by attempt
  if [ "$code" -eq 0 ]; then attempt registry_up "$directory" "$domain" "$generation" "$start" "$config"; fi
  if [ "$code" -ne 0 ]; then
    images_back "$directory"
    engine start "$predecessor" >/dev/null
    return 1
  fi
  engine update --restart no "$predecessor"
  engine rename "$predecessor" "$predecessor-before-berth"
}

# Removes the copy that a run has made whose registry never served: the next one would take it for somebody's images.
images_back() { # DIRECTORY
  if [ -e "$1/adopting" ]; then rm -rf "$1/data" "$1/adopting"; fi
}

# Files are linked where possible, which takes no time and no space. A link has the owner of its file, so the files of a registry that
# was not root are copied: it could not go on with them.
images_over() { # PREDECESSOR DIRECTORY
  images_back "$2"
  if [ -d "$2/data" ] && ! rmdir "$2/data"; then
    echo "$2/data holds images already; move it away, or adopt into another directory"
    return 1
  fi
  root=$(registry_setting "$1" REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY rootdirectory)
  root=${root:-/var/lib/registry}
  source=$(engine inspect --type container \
    --format "{{range .Mounts}}{{if eq .Destination \"$root\"}}{{.Source}}{{end}}{{end}}" "$1")
  rm -rf "$2/data.berth-new"
  install -d -m 0700 "$2/data.berth-new"
  if [ -n "$source" ]; then
    { as_root_before "$1" && cp -al "$source/." "$2/data.berth-new" 2>/dev/null; } || cp -a "$source/." "$2/data.berth-new"
  else
    # This has no timeout: there may be many images.
    docker cp "$1:$root/." "$2/data.berth-new"
  fi
  chmod 0700 "$2/data.berth-new"
  : >"$2/adopting"
  mv -T "$2/data.berth-new" "$2/data"
}

as_root_before() { # PREDECESSOR
  case $(engine inspect --type container --format '{{.Config.User}}' "$1") in
  '' | 0 | 0:* | root | root:*) ;;
  *) return 1 ;;
  esac
}

# A setting of the registry in a container: from its environment, else from its config.yml.
registry_setting() { # CONTAINER VARIABLE KEY
  setting_container=$1 setting_variable=$2 setting_key=$3
  engine inspect --type container --format '{{range .Config.Env}}{{println .}}{{end}}' "$setting_container" |
    sed -n "s/^$setting_variable=//p" | grep . && return
  for config in /etc/docker/registry/config.yml /etc/distribution/config.yml; do
    engine cp "$setting_container:$config" - 2>/dev/null | tar -xO 2>/dev/null | sed -n "s/^ *$setting_key: *//p" | head -n 1 | grep . && return
  done
  return 0
}

# The htpasswd file of a container that was set up by hand, whether it runs or not.
registry_htpasswd() { # CONTAINER
  htpasswd=$(registry_setting "$1" REGISTRY_AUTH_HTPASSWD_PATH path)
  if [ -n "$htpasswd" ]; then engine cp --follow-link "$1:$htpasswd" - 2>/dev/null | tar -xO 2>/dev/null; fi
}
