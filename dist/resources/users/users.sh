# shellcheck shell=sh
# Who may log in: DIRECTORY/htpasswd, which nginx reads for each request.

users_probe() { # DIRECTORY ADOPT
  directory=$1 adopt=$2
  fact_file users.htpasswd "$directory/htpasswd"
  predecessor=
  if [ -n "$adopt" ] && ! [ -e "$directory/registry.sock" ]; then
    predecessor=$(predecessors wanted)
    predecessor=${predecessor%% *}
  fi
  if [ -n "$predecessor" ]; then
    fact users.before "644 root:root $(registry_htpasswd "$predecessor" | base64 -w 0)"
  else
    # From an older Berth, in which the registry checked passwords.
    fact_file users.before "$directory/auth/htpasswd"
  fi
}

# The shell itself looks for the lines that must be gone: the arguments of a program appear in the process list.
users_write() { # DIRECTORY CONTENT [LINE_THAT_MUST_BE_GONE ...]
  directory=$1 content=$2
  shift 2
  folder "$directory" 0755
  put "$directory/htpasswd" 0640 "$content" "root:$(nginx_group)"
  written="
$(cat "$directory/htpasswd")
"
  for line in "$@"; do
    case $written in
    *"
$line
"*)
      echo "${line%%:*} still has an old hash in htpasswd"
      return 1
      ;;
    esac
  done
}

users_remove() { # DIRECTORY
  rm -f "$1/htpasswd"
}
