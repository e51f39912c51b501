# shellcheck shell=sh
# Who may log in: DIRECTORY/auth/htpasswd.

users_probe() { # DIRECTORY [PORT OF A REGISTRY TO ADOPT]
  fact_file users.htpasswd "$1/auth/htpasswd"
  users_old=$(holder "${2:-0}")
  if is_registry "$users_old"; then
    fact users.adopted "644 root:root $(registry_htpasswd "${users_old#container }" | base64 -w 0)"
  else
    fact users.adopted absent
  fi
}

# The registry reads the file again when its time changes. It mounts the folder, for a mounted file would stay the old
# one when a new one takes its name.
users_write() { # DIRECTORY CONTENT
  folder "$1" 0755
  folder "$1/auth" 0700
  put "$1/auth/htpasswd" 0600 "$2"
}

users_remove() { # DIRECTORY
  rm -f "$1/auth/htpasswd"
}
