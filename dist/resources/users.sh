# shellcheck shell=sh
# Who may log in: DIRECTORY/auth/htpasswd.

users_probe() { # DIRECTORY
  fact_file users.htpasswd "$1/auth/htpasswd"
}

# The registry reads the file again when its time changes. It mounts the folder, for a mounted file would stay the old
# one when a new one takes its name.
users_write() { # DIRECTORY CONTENT
  install -d -m 0755 "$1"
  install -d -m 0700 "$1/auth"
  put "$1/auth/htpasswd" 0600 "$2"
}

users_remove() { # DIRECTORY
  rm -f "$1/auth/htpasswd"
}
