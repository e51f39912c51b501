# shellcheck shell=sh
# Who may log in: DIRECTORY/auth/htpasswd.

users_probe() { # DIRECTORY [PORT OF A REGISTRY TO ADOPT]
  fact_file users.htpasswd "$1/auth/htpasswd" %u:%g
  users_old=
  if [ -n "${2:-}" ]; then users_old=$(holder "$2" "$(listeners)"); fi
  if is_registry "$users_old"; then
    fact users.adopted "644 root:root $(registry_htpasswd "${users_old#container }" | base64 -w 0)"
  else
    fact users.adopted absent
  fi
}

# The registry reads the file again when its time changes. It mounts the folder, for a mounted file would stay the old
# one when a new one takes its name.
users_write() { # DIRECTORY ACCOUNT CONTENT [LINE_THAT_MUST_BE_GONE ...]
  folder "$1" 0755
  registry_folder "$1/auth" "$2"
  put "$1/auth/htpasswd" 0600 "$3" "$2"
  users_now="
$(cat "$1/auth/htpasswd")
"
  shift 3
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
