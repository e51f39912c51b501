# shellcheck shell=sh
# What changes things: atomic files and steps that report as they go.

# The file is there as a whole or not at all, and never readable by more than MODE says.
put() { # PATH MODE CONTENT
  put_new=$1.berth-new
  (umask 077 && printf '%s' "$3" >"$put_new") &&
    chmod "$2" "$put_new" &&
    chown root:root "$put_new" &&
    sync "$put_new" &&
    mv -f "$put_new" "$1"
}

# A line for the reader of the log. Markers start on a line of their own, whatever a program left unfinished.
say() { # TEXT
  printf '\nberth:say=%s\n' "$1"
}

# A step must run in a subshell of its own with errexit, and must not be tested by `if` or `||`, which switch it off.
step() { # NUMBER FUNCTION [ARGUMENT ...]
  step_number=$1
  shift
  printf '\nberth:start=%s\n' "$step_number"
  (
    set -e
    "$@"
  ) 2>&1 </dev/null
  step_code=$?
  if [ "$step_code" -ne 0 ]; then
    printf '\nberth:failed=%s\n' "$step_number"
    exit 1
  fi
  printf '\nberth:done=%s\n' "$step_number"
}

# One run at a time. The kernel frees the lock when its holder dies, so there is nothing to clean up.
lock() { # SECONDS
  exec 9>/run/lock/berth.lock
  if ! flock -n 9; then
    say "waiting for another run of Berth on this server"
    flock -w "$1" 9 || {
      printf 'berth:busy=%s\n' "$1"
      exit 1
    }
  fi
}

# Facts are only good while nobody changes what they tell of, and another run may have been waiting for the lock.
still() { # CHECKSUM FUNCTION
  if [ "$("$2" | sha256sum | cut -d ' ' -f 1)" != "$1" ]; then
    printf 'berth:stale=facts\n'
    exit 1
  fi
}
