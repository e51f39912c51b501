# shellcheck shell=sh
# The page: its files, and the service that tells it which images there are.

page_probe() { # UNIT DIRECTORY
  page_files=
  if [ -d "$2/page" ]; then
    page_files=$(cd "$2/page" && { stat --printf '%n %a %U:%G;' -- . * && sha256sum -- * | tr '\n' ';'; } 2>/dev/null)
  fi
  fact page.files "$page_files"
  fact_if page.socket test -S "$2/run/page.sock"
  fact page.group "$(stat -c %G "$2/run/page.sock" 2>/dev/null)"
  fact_file page.script "$2/catalog.pl"
  fact_file page.unit "/etc/systemd/system/$1.service"
}

page_write() { # DIRECTORY (NAME CONTENT) ...
  directory=$1
  shift
  folder "$directory/page" 0755
  while [ $# -gt 0 ]; do
    put "$directory/page/$1" 0644 "$2"
    shift 2
  done
  chown root:root "$directory/page"
  chmod 0755 "$directory/page"
}

page_serve() { # UNIT DIRECTORY SCRIPT CONTENT
  unit=$1 directory=$2 script=$3 content=$4
  put "$directory/catalog.pl" 0644 "$script"
  put "/etc/systemd/system/$unit.service" 0644 "$content"
  systemctl --no-reload enable "$unit.service"
  systemctl daemon-reload
  systemctl restart "$unit.service"
  page_tries=0
  until [ -S "$directory/run/page.sock" ]; do
    page_tries=$((page_tries + 1))
    if [ "$page_tries" -ge 100 ]; then
      echo "$unit does not start; see journalctl -u $unit"
      return 1
    fi
    sleep 0.1
  done
}

page_remove() { # UNIT DIRECTORY
  unit=$1 directory=$2
  if [ -e "/etc/systemd/system/$unit.service" ]; then
    systemctl disable --now "$unit.service"
    rm -f "/etc/systemd/system/$unit.service"
    systemctl daemon-reload
  fi
  rm -rf "$directory/catalog.pl" "$directory/run/page.sock" "$directory/page"
}
