# shellcheck shell=sh
# What changes things: one run at a time, step by step, each step whole or undone.

# The file is there as a whole or not at all, and never readable by more than MODE says.
put() { # PATH MODE CONTENT [OWNER:GROUP]
  put_new=$1.berth-new
  rm -f "$put_new"
  # Made anew or not at all: whoever laid a link there must not choose what is written over.
  (umask 077 && set -C && printf '%s' "$3" >"$put_new") &&
    chmod "$2" "$put_new" &&
    chown "${4:-root:root}" "$put_new" &&
    sync "$put_new" &&
    mv -fT "$put_new" "$1" &&
    return
  rm -f "$put_new"
  return 1
}

# Makes a folder, and leaves one that is there as it is.
folder() { # PATH MODE
  [ -d "$1" ] || install -d -m "$2" "$1"
}

# A step that has begun runs in a subshell of its own, with errexit; what it has to `tell` at once goes to descriptor 3. What its
# programs say goes into a file first: a program that writes to a connection that is gone would be killed.
begin() { # NUMBER FUNCTION [ARGUMENT ...]
  step_number=$1
  shift
  tell start "$step_number"
  (
    set -e
    "$@"
  ) 3>&1 >"$words/$step_number" 2>&1 </dev/null &
  begun="$begun $!:$step_number"
}

# Waits for all that has begun. A failure is told last, for it is the end.
finish() {
  failed=
  for each in $begun; do
    if wait "${each%:*}"; then
      relay "${each#*:}"
      tell ok "${each#*:}"
    else
      failed="$failed ${each#*:}"
    fi
  done
  begun=
  for each in $failed; do
    relay "$each"
    tell failed "$each"
  done
  [ -z "$failed" ] || exit 1
}

step() { # NUMBER FUNCTION [ARGUMENT ...]
  begin "$@"
  finish
}

# What a step has said.
relay() { # NUMBER
  quoted <"$words/$1"
  # dash says it in words of its own.
  if grep -qi 'no space left on device\|: I/O error' "$words/$1"; then tell full "$(fullest)"; fi
}

# The disk with the least room of those that are written to, if it has next to none. DISKS is set by the script.
fullest() {
  # shellcheck disable=SC2086 # a list of paths
  df --output=avail,target $DISKS 2>/dev/null | sort -n | awk '$1 ~ /^[0-9]+$/ { if ($1 < 1024) print $2; exit }' |
    xargs -r df -h --output=avail,size,target | awk 'NR == 2 { print $1 " of " $2 " are free on " $3 }'
}

# Runs a function to its first error and leaves its exit code in `code`. `if FUNCTION` would run on after an error, for a
# test switches errexit off in all that it calls.
attempt() { # FUNCTION [ARGUMENT ...]
  set +e
  (
    set -e
    "$@"
  )
  # shellcheck disable=SC2034 # the caller reads it
  code=$?
  set -e
}

# In a folder of root's: in /run/lock anybody could take it, or make it impossible to open.
LOCK=/run/berth.lock

# One run at a time. The kernel frees the lock when the last process that holds it ends, so nothing is left to clean up.
lock() { # SECONDS
  exec 9>>"$LOCK"
  if ! flock -n 9; then
    tell say "waiting for another run of Berth on this server, at work since $(date -r "$LOCK" +%H:%M:%S)"
    if ! flock -w "$1" 9; then
      tell busy "$1"
      exit 1
    fi
  fi
  touch "$LOCK"
  begun=
  words=$(mktemp -d /run/berth.XXXXXX)
  trap 'wait; rm -rf "$words"' EXIT
}

# Facts are good only while nobody changes what they tell of, and another run may have held the lock.
still() { # CHECKSUM FUNCTION
  if [ "$("$2" | markers | sha256sum | cut -d ' ' -f 1)" != "$1" ]; then
    tell stale facts
    exit 1
  fi
}
