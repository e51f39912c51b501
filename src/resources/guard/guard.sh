# shellcheck shell=sh
# A service on the server that keeps the registry from filling the disk, and others from going round nginx. The service
# itself is this file and a call of `guard`.

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

guard_down() { # UNIT DIRECTORY BRIDGE
  systemctl disable --now "$1.service"
  rm -f "$2/guard.sh" "/etc/systemd/system/$1.service"
  systemctl daemon-reload
  # shellcheck disable=SC2046 # words
  iptables -w -D $(fence_rule "$3") 2>/dev/null || :
}

# Runs until it is stopped. nginx refuses uploads while FLAG is there. An upload that has begun goes on, until half of the
# room is gone that was left: then the registry starts anew, once, which ends it. No DATA: images are not kept on this disk.
guard() { # FLAG CONTAINER BRIDGE [DATA]
  # shellcheck disable=SC2046 # words
  iptables -w -C $(fence_rule "$3") 2>/dev/null || iptables -w -I $(fence_rule "$3") || :
  [ $# -gt 3 ] || exec sleep infinity
  ended=
  while level=$(room "$4"); do
    case $level in
    low | critical) [ -e "$1" ] || : >"$1" ;;
    *) rm -f "$1" && ended= ;;
    esac
    if [ "$level" = critical ] && [ -z "$ended" ] && uploading "$4"; then
      echo 'the disk is nearly full: the registry starts anew, to end the uploads that still run'
      docker restart -t 0 "$2" && ended=yes
    fi
    sleep 2
  done
}

# Docker before 28 lets a machine of the same network, which takes the server for a router, reach a container's published
# port itself, though it is published on loopback only. What nginx asks is not forwarded, so this does not concern it.
fence_rule() { # BRIDGE
  echo "DOCKER-USER -o $1 -m conntrack --ctstate NEW -j DROP"
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
