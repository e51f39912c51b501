# shellcheck shell=sh
# What every script starts with. Looking is read-only; what is seen goes out as lines `berth:NAME=VALUE`.

# sudo and non-login shells often lack the sbin folders, and messages are parsed in English.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
LC_ALL=C
export PATH LC_ALL

fact() { # NAME VALUE
  printf 'berth:%s=%s\n' "$1" "$2"
}

# `MODE OWNER:GROUP CONTENT`, the content in base64; `absent` where there is no such file. OWNER:GROUP in names, unless
# told another format of stat.
fact_file() { # NAME PATH [OWNER_FORMAT]
  if [ -f "$2" ]; then
    fact "$1" "$(stat -L --printf "%a ${3:-%U:%G} " "$2" && base64 -w 0 <"$2")"
  else
    fact "$1" absent
  fi
}

has() { # COMMAND
  command -v "$1" >/dev/null 2>&1
}

yes_if() { # COMMAND [ARGUMENT ...]
  if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi
}

# Who listens on TCP ports, as `holder` reads it.
listeners() {
  ss -ltnpH 2>/dev/null
}

# Who listens on a TCP port: `container NAME` or `program NAME`, and nothing if nobody does. For a container listens
# Docker itself, its proxy, or nothing at all; only then Docker is asked, which takes three times as long.
holder() { # PORT LISTENERS
  holder_programs=$(echo "$2" | sed -n "s/^[^ ]* *[^ ]* *[^ ]* *[^ ]*:$1 .*users:((\"\([^\"]*\)\".*/program \1/p" | sort -u)
  case $holder_programs in
  '' | *docker* | *rootless*)
    holder_name=$(docker ps --filter "publish=$1" --format '{{.Names}}' 2>/dev/null | sort | head -n 1)
    if [ -n "$holder_name" ]; then
      echo "container $holder_name"
      return
    fi
    ;;
  esac
  if [ -n "$holder_programs" ]; then echo "$holder_programs" | head -n 1; fi
}

# `unit.NAME=LOAD_STATE ACTIVE_STATE UNIT_FILE_STATE` for each.
units_probe() { # UNIT ...
  systemctl show --property Id,LoadState,ActiveState,UnitFileState "$@" 2>/dev/null | awk -F= '
    { states[$1] = $2 }
    function unit() { print "berth:unit." states["Id"] "=" states["LoadState"], states["ActiveState"], states["UnitFileState"] }
    $0 == "" { unit() }
    END { if (NR) unit() }'
}
