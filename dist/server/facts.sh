# shellcheck shell=sh
# How to look at a server: read-only.

# sudo and non-login shells often lack the sbin folders, and messages are parsed in English.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
LC_ALL=C
export PATH LC_ALL

# /etc/environment and login files are for people. They could send Docker to another machine, or make it refuse every image that is not
# signed. Only variables about the user and the proxy stay.
for variable in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
  case $variable in
  PATH | LC_ALL | HOME | USER | LOGNAME | SHELL | PWD | OLDPWD | SHLVL | _ | SHELLOPTS | BASH* | UID | EUID | PPID) ;;
  *_proxy | *_PROXY) ;;
  *) unset "$variable" ;;
  esac
done
# Nor does the context count that root's own client is switched to.
DOCKER_CONTEXT=default
export DOCKER_CONTEXT

# `file OWNER PATH`, or `absent` if there is no such file; `files` adds the content. OWNER is a format of stat, by default names.
fact_file() { # NAME PATH [OWNER]
  fact_file_name=$1 fact_file_path=$2 fact_file_owner=${3:-%U:%G}
  if [ -f "$fact_file_path" ]; then
    fact "$fact_file_name" "file $fact_file_owner $fact_file_path"
  else
    fact "$fact_file_name" absent
  fi
}

# Passes stdin on, and then adds all files that it named at once, because starting two programs for each would take longer than reading
# them. In base64: a line `PATH MODE USER:GROUP UID:GID BYTES` for each file, an empty line, and the contents.
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

# Docker, which may not answer at all. Then this exits with 124. Steps that work with it allow it more time.
engine() { # ARGUMENT ...
  # shellcheck disable=SC2031 # of the step that runs
  timeout -k 5 "${ENGINE_SECONDS:-20}" docker "$@"
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

# Who listens on a TCP port: `container NAME` or `program NAME`, and nothing if nobody does. For a container it is Docker itself, its
# proxy, or nothing at all. Only then Docker is asked, which takes three times as long.
holder() { # PORT LISTENERS
  holder_program=$(echo "$2" | awk -F '"' -v port=":$1" '
    { split($1, words, " ") }
    NF > 1 && substr(words[4], length(words[4]) - length(port) + 1) == port && (least == "" || $2 < least) { least = $2 }
    END { print least }')
  case $holder_program in
  '' | *docker* | *rootless*)
    holder_name=$(engine ps --filter "publish=$1" --format '{{.Names}}' 2>/dev/null | sort | head -n 1)
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
