# shellcheck shell=sh
# Who may log in: DIRECTORY/auth/htpasswd.

users_probe() { # DIRECTORY
  fact_file users.htpasswd "$1/auth/htpasswd"
}

# The registry reads the file again when its time changes. It mounts the folder, for a mounted file would stay the old
# one when a new one takes its name.
users_write() { # DIRECTORY CONTENT [LINE_THAT_MUST_BE_GONE ...]
  install -d -m 0755 "$1"
  install -d -m 0700 "$1/auth"
  put "$1/auth/htpasswd" 0600 "$2"
  users_now="
$(cat "$1/auth/htpasswd")
"
  shift 2
  # Not by grep: the arguments of a program show in the process list.
  for users_line in "$@"; do
    case $users_now in
    *"
$users_line
"*)
      echo "${users_line%%:*} still has an old hash in htpasswd"
      return 1
      ;;
    esac
  done
}

users_remove() { # DIRECTORY
  rm -f "$1/auth/htpasswd"
}
