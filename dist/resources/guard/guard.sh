# shellcheck shell=sh
# A service on the server that keeps the registry from filling the disk. The service itself is this file and a call of `guard`.

guard_probe() { # UNIT DIRECTORY
  fact_if guard.silent test -e "/run/$1/silent"
  fact_file guard.script "$2/guard.sh"
  fact_file guard.unit "/etc/systemd/system/$1.service"
  # Only when there is little: a number that always changes would look as if another run was at work.
  if [ "$(room "$2/data")" = ample ]; then
    fact guard.room
  else
    fact guard.room "$(df -h --output=avail,size,target "$(existing "$2/data")" | awk 'NR == 2 { print $1 " of " $2 " are free on " $3 }')"
  fi
}

guard_up() { # UNIT DIRECTORY SCRIPT CONTENT
  unit=$1 directory=$2 script=$3 content=$4
  put "$directory/guard.sh" 0644 "$script"
  put "/etc/systemd/system/$unit.service" 0644 "$content"
  systemctl --no-reload enable "$unit.service"
  systemctl daemon-reload
  systemctl restart "$unit.service"
}

guard_down() { # UNIT DIRECTORY
  systemctl disable --now "$1.service"
  rm -f "$2/guard.sh" "/etc/systemd/system/$1.service"
  systemctl daemon-reload
}

# Runs until it is stopped, where images are in object storage. While FLAG is there, nginx answers in place of the registry. Otherwise
# all clients would hang with the storage, because neither the registry nor its health check has a timeout.
guard_storage() { # FLAG SOCKET
  while :; do
    if storage_answers "$2" || storage_answers "$2"; then
      rm -f "$1"
      sleep 15
    else
      [ -e "$1" ] || echo 'the object storage does not answer'
      : >"$1"
      sleep 3
    fi
  done
}

# Whether the registry gets an answer from its storage. An answer that there is no such repository will do. If the registry itself is
# down, that says nothing about the storage.
storage_answers() { # SOCKET
  # shellcheck disable=SC2016 # perl's variables
  perl -MSocket -e '
    $SIG{ALRM} = sub { exit 1 };
    alarm 5;
    socket my $socket, PF_UNIX, SOCK_STREAM, 0 or exit 0;
    connect $socket, sockaddr_un($ARGV[0]) or exit 0;
    syswrite $socket, "GET /v2/berth-guard/tags/list HTTP/1.0\r\n\r\n";
    sysread $socket, my $answer, 64 or exit 0;
    exit($answer =~ m{^HTTP/1\.. 5})' "$1"
}

# Runs until it is stopped. While FLAG is there, nginx refuses uploads. An upload that has begun goes on until half of the remaining
# room is used. Then the registry restarts, once, which ends the upload. What mode `clean` has set aside is deleted when room is
# short.
guard() { # FLAG DOMAIN DATA ACCOUNT STORE
  flag=$1 domain=$2 data=$3 account=$4 store=$5
  ended=
  freed=0
  while level=$(room "$data"); do
    case $level in
    low | critical) [ -e "$flag" ] || : >"$flag" ;;
    *) rm -f "$flag" && ended= ;;
    esac
    if [ "$level" != ample ] && [ "$(($(date +%s) - freed))" -gt 60 ] && has_aside "$data"; then
      freed=$(date +%s)
      echo 'the disk is short of space: deleting what mode clean has set aside'
      # In the background, while this goes on watching: it takes long if there is much. The program is in a file, because systemd reads
      # dollar signs in a command as its own.
      printf '%s\n' "$store" >"${flag%/*}/store.pl"
      systemd-run --quiet --collect --unit "berth-free-$domain" perl "${flag%/*}/store.pl" free "$data" "$account" 86400
    fi
    if [ "$level" = critical ] && [ -z "$ended" ] && uploading "$data"; then
      echo 'the disk is nearly full: restarting the registry, to end the uploads that are still running'
      # shellcheck disable=SC2046 # one, or two while one takes over from the other
      timeout 60 docker restart -t 0 $(timeout 20 docker ps --quiet --filter "label=berth.domain=$domain") && ended=yes
    fi
    sleep 2
  done
}

# How much room there is: `ample`, `short`, `low` (less than a tenth or 2 GiB, whichever is smaller: more than clients upload between
# two looks) or `critical` (half of that). Many small files use up inodes first.
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

# The folder, or the nearest one above it that exists.
existing() { # PATH
  existing=$1
  while ! [ -d "$existing" ]; do existing=${existing%/*}; done
  echo "${existing:-/}"
}

# Whether a run has set something aside.
has_aside() { # DATA
  for aside in "$1"/aside/[0-9]*; do [ -d "$aside" ] && return; done
  return 1
}

# Whether something has been uploaded in the last minute.
uploading() { # DATA
  find "$1/docker/registry/v2/repositories" -path '*/_uploads/*' -name data -mmin -1 2>/dev/null | grep -q .
}
