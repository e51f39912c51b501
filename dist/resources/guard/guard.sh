# shellcheck shell=sh
# A service on the server that keeps the registry from filling the disk. The service itself is this file and a call of `guard`.

guard_probe() { # UNIT DIRECTORY
  fact_file guard.script "$2/guard.sh"
  fact_file guard.unit "/etc/systemd/system/$1.service"
  # Only when there is little: a number that always changes would look as if somebody else was at work.
  if [ "$(room "$2/data")" = ample ]; then
    fact guard.room
  else
    fact guard.room "$(df -h --output=avail,size,target "$(existing "$2/data")" | awk 'NR == 2 { print $1 " of " $2 " are free on " $3 }')"
  fi
}

guard_up() { # UNIT DIRECTORY SCRIPT CONTENT
  put "$2/guard.sh" 0644 "$3"
  put "/etc/systemd/system/$1.service" 0644 "$4"
  systemctl --no-reload enable "$1.service"
  systemctl daemon-reload
  systemctl restart "$1.service"
}

guard_down() { # UNIT DIRECTORY
  systemctl disable --now "$1.service"
  rm -f "$2/guard.sh" "/etc/systemd/system/$1.service"
  systemctl daemon-reload
}

# Runs until it is stopped. nginx refuses uploads while FLAG is there. An upload that has begun goes on, until half of the
# room is gone that was left: then the registry starts anew, once, which ends it. No DATA: images are not kept on this disk.
guard() { # FLAG DOMAIN [DATA]
  [ $# -gt 2 ] || exec sleep infinity
  ended=
  while level=$(room "$3"); do
    case $level in
    low | critical) [ -e "$1" ] || : >"$1" ;;
    *) rm -f "$1" && ended= ;;
    esac
    if [ "$level" = critical ] && [ -z "$ended" ] && uploading "$3"; then
      echo 'the disk is nearly full: the registry starts anew, to end the uploads that still run'
      # shellcheck disable=SC2046 # one, or two while one takes over from the other
      docker restart -t 0 $(docker ps --quiet --filter "label=berth.domain=$2") && ended=yes
    fi
    sleep 2
  done
}

# How much room there is: `ample`, `short`, `low` (less than a tenth or 2 GiB, whichever is smaller: more than comes in
# between two looks), `critical` (half of that). Many small files use up inodes first.
room() { # PATH
  df --block-size=1 --output=size,avail,itotal,iavail "$(existing "$1")" | awk '
    NR == 2 {
      limit = $1 / 10
      if (limit > 2147483648) limit = 2147483648
      if ($2 < limit / 2) print "critical"
      else if ($2 < limit || $4 + 0 < $3 / 50) print "low"
      else if ($2 < 2 * limit || $4 + 0 < $3 / 20) print "short"
      else print "ample"
    }'
}

# The folder, or the one in which it would be made.
existing() { # PATH
  existing=$1
  while ! [ -d "$existing" ]; do existing=${existing%/*}; done
  echo "${existing:-/}"
}

# Whether something has been uploaded in the last minute.
uploading() { # DATA
  find "$1/docker/registry/v2/repositories" -path '*/_uploads/*' -name data -mmin -1 2>/dev/null | grep -q .
}
