# shellcheck shell=sh
# What changes things: one run at a time, step by step, each step completely or not at all.

# Writes a file completely or not at all. It is never readable by more people than MODE says.
put() { # PATH MODE CONTENT [OWNER:GROUP]
  put_new=$1.berth-new
  rm -f "$put_new"
  # With `-C`, so that a link which somebody put there can't choose what is overwritten.
  (umask 077 && set -C && printf '%s' "$3" >"$put_new") &&
    chmod "$2" "$put_new" &&
    chown "${4:-root:root}" "$put_new" &&
    sync "$put_new" &&
    mv -fT "$put_new" "$1" &&
    return
  rm -f "$put_new"
  return 1
}

# Makes a folder, unless there is one already.
folder() { # PATH MODE
  [ -d "$1" ] || install -d -m "$2" "$1"
}

# Starts a step in its own subshell, with errexit. What it has to `tell` at once goes to descriptor 3. The output of its programs first
# goes into a file, because a program that writes to a lost connection would be killed.
begin() { # NUMBER FUNCTION [ARGUMENT ...]
  step_number=$1
  shift
  tell start "$step_number"
  (
    set -e
    # shellcheck disable=SC2034,SC2030 # `engine` reads it, in this step only
    ENGINE_SECONDS=120
    "$@"
  ) 3>&1 >"$words/$step_number" 2>&1 </dev/null &
  begun="$begun $!:$step_number"
}

# Waits for all steps that have begun. A failure is told last, because it ends the run.
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

# Prints the output of a step.
relay() { # NUMBER
  quoted <"$words/$1"
  # dash has its own words for it.
  if grep -qi 'no space left on device\|: I/O error' "$words/$1"; then tell full "$(fullest)"; fi
}

# Of the disks that are written to, the one with the least room, if it has almost none. The script sets DISKS.
fullest() {
  # shellcheck disable=SC2086 # a list of paths
  df --output=avail,target $DISKS 2>/dev/null | sort -n | awk '$1 ~ /^[0-9]+$/ { if ($1 < 1024) print $2; exit }' |
    xargs -r df -h --output=avail,size,target | awk 'NR == 2 { print $1 " of " $2 " are free on " $3 }'
}

# Runs a function up to its first error and leaves its exit code in `code`. `if FUNCTION` would go on after an error, because a condition
# switches errexit off in everything that it calls.
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

# Only root can write to this folder. In /run/lock anybody could take the lock, or make it impossible to open.
LOCK=/run/berth.lock

# One run at a time. The kernel frees the lock when the last process that holds it ends, so nothing has to be cleaned up. begin, finish and
# relay use what this sets: `begun` is `PID:NUMBER` of each step that runs, and `words` the folder with the output of each.
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

# Stops if the facts no longer hold: another run may have had the lock before.
still() { # CHECKSUM FUNCTION
  if [ "$("$2" | markers | sha256sum | cut -d ' ' -f 1)" != "$1" ]; then
    tell stale facts
    exit 1
  fi
}
