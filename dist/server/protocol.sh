# shellcheck shell=sh
# The lines by which this script speaks to the runner: `berth:NAME=VALUE`. `protocol.ts` is the other side. Only what is said
# here counts: what programs print is kept from looking like it.

MARK=berth:
LINE_BREAK='
'

# What was seen on the server. A value is one line.
fact() { # NAME VALUE
  fact_value=${2-}
  printf '%s%s=%s\n' "$MARK" "$1" "${fact_value%%"$LINE_BREAK"*}"
}

# What happens. When nobody listens any more, because the job was cancelled or the connection was cut off, the run ends here,
# between two steps and never within one: a package manager that is killed leaves more to mend than one that is waited for.
tell() { # NAME VALUE
  trap '' PIPE
  printf '\n%s%s=%s\n' "$MARK" "$1" "$2" 2>/dev/null || exit 1
  trap - PIPE
}

# What programs said, on stdin: it must not pass for the script's own words.
quoted() {
  sed "s/^$MARK/ &/"
}

# Of what is said on stdin, the lines of the protocol.
markers() {
  grep "^$MARK"
}
