# shellcheck shell=sh
# The service that tells nginx whose passwords were right.

brake_probe() { # UNIT DIRECTORY
  fact_file brake.script "$2/watcher.pl"
  fact_file brake.unit "/etc/systemd/system/$1.service"
  fact brake.group "$(stat -c %G "/run/$1" 2>/dev/null)"
}

brake_up() { # UNIT DIRECTORY SCRIPT CONTENT
  unit=$1 directory=$2 script=$3 content=$4
  put "$directory/watcher.pl" 0644 "$script"
  put "/etc/systemd/system/$unit.service" 0644 "$content"
  systemctl --no-reload enable "$unit.service"
  systemctl daemon-reload
  systemctl restart "$unit.service"
}

brake_down() { # UNIT DIRECTORY
  unit=$1 directory=$2
  systemctl disable --now "$unit.service"
  rm -f "$directory/watcher.pl" "/etc/systemd/system/$unit.service"
  systemctl daemon-reload
}
