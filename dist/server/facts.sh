# shellcheck shell=sh
# How to look at a server: read-only.

# sudo and non-login shells often lack the sbin folders, and messages are parsed in English.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
LC_ALL=C
export PATH LC_ALL

# `file OWNER PATH`, or `absent` where there is no such file; what is in it comes with `files`. OWNER is the format of stat
# that tells it, by names unless told otherwise.
fact_file() { # NAME PATH [OWNER]
  if [ -f "$2" ]; then fact "$1" "file ${3:-%U:%G} $2"; else fact "$1" absent; fi
}

# Passes on what is said, and then what is in all the files that were named, for to start two programs for each takes longer
# than all the reading: in base64, a line `PATH MODE USER:GROUP UID:GID BYTES` for each, an empty line, and their contents.
files() {
  set --
  while IFS= read -r said; do
    printf '%s\n' "$said"
    case $said in
    "$MARK"*=file\ %*) set -- "$@" "${said##* }" ;;
    esac
  done
  if [ $# -gt 0 ]; then
    fact files.seen "$({ stat -L --printf '%n %a %U:%G %u:%g %s\n' "$@" && echo && cat "$@"; } | base64 -w 0)"
  fi
}

has() { # COMMAND
  command -v "$1" >/dev/null 2>&1
}

fact_if() { # NAME COMMAND [ARGUMENT ...]
  fact_name=$1
  shift
  if "$@" >/dev/null 2>&1; then fact "$fact_name" yes; else fact "$fact_name" no; fi
}

# Who listens on TCP ports, as `holder` reads it.
listeners() {
  ss -ltnpH 2>/dev/null
}

# Who listens on a TCP port: `container NAME` or `program NAME`, and nothing if nobody does. For a container listens
# Docker itself, its proxy, or nothing at all; only then Docker is asked, which takes three times as long.
holder() { # PORT LISTENERS
  holder_program=$(echo "$2" | awk -F '"' -v port=":$1" '
    { split($1, words, " ") }
    NF > 1 && substr(words[4], length(words[4]) - length(port) + 1) == port && (least == "" || $2 < least) { least = $2 }
    END { print least }')
  case $holder_program in
  '' | *docker* | *rootless*)
    holder_name=$(docker ps --filter "publish=$1" --format '{{.Names}}' 2>/dev/null | sort | head -n 1)
    if [ -n "$holder_name" ]; then
      echo "container $holder_name"
      return
    fi
    ;;
  esac
  if [ -n "$holder_program" ]; then echo "program $holder_program"; fi
}

# The fact `unit.NAME` of each is `LOAD_STATE ACTIVE_STATE UNIT_FILE_STATE`. systemctl puts an empty line between two units.
units_probe() { # UNIT ...
  systemctl show --property Id,LoadState,ActiveState,UnitFileState "$@" 2>/dev/null | awk -F= '
    { states[$1] = $2 }
    function unit() { print states["Id"], states["LoadState"], states["ActiveState"], states["UnitFileState"] }
    $0 == "" { unit() }
    END { if (NR) unit() }' | while read -r unit states; do fact "unit.$unit" "$states"; done
}
