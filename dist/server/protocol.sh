# shellcheck shell=sh
# The lines by which this script speaks to the runner: `berth:NAME=VALUE`. `protocol.ts` is the other side. The output of programs is
# quoted, so that it never looks like such a line.

MARK=berth:
LINE_BREAK='
'

# Something that was seen on the server. The value must be one line.
fact() { # NAME VALUE
  fact_value=${2-}
  printf '%s%s=%s\n' "$MARK" "$1" "${fact_value%%"$LINE_BREAK"*}"
}

# Something that happens now. If nobody listens any more, because the job was cancelled or the connection was lost, the run ends here,
# between two steps and never within one: killing a package manager does more damage than waiting for it.
tell() { # NAME VALUE
  trap '' PIPE
  printf '\n%s%s=%s\n' "$MARK" "$1" "$2" 2>/dev/null || exit 1
  trap - PIPE
}

# Quotes the output of programs, from stdin, so that it can't pass for the script's own lines.
quoted() {
  sed "s/^$MARK/ &/"
}

# The lines of the protocol on stdin.
markers() {
  grep "^$MARK"
}
