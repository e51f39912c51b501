# shellcheck shell=sh
# Makes nginx load its configuration without any client noticing. This is also part of the renewal hook on the server.

# While this file exists, nginx keeps no connection open.
DRAINING=/run/berth-draining

# A reload returns before it is done. If nginx can't load the configuration, for example because it can't bind an address, it only says
# so in its log, goes on as before, and won't start the next time. So this fails unless there are new workers.
nginx_reload() {
  systemctl --quiet is-enabled nginx || systemctl enable nginx
  if ! systemctl --quiet is-active nginx; then
    systemctl start nginx
    return
  fi
  workers_before=" $(nginx_workers) "
  reload_log=$(stat -c %s /var/log/nginx/error.log 2>/dev/null || echo 0)
  nginx_drain
  systemctl reload nginx || { rm -f "$DRAINING" && return 1; }
  if [ -e "$DRAINING" ]; then
    sleep 0.3
    rm -f "$DRAINING"
  fi
  reload_tries=0
  until nginx_has_taken "$workers_before" "$reload_tries"; do
    reload_tries=$((reload_tries + 1))
    if [ "$reload_tries" -ge 100 ]; then
      echo 'nginx was told to reload but keeps its old configuration; its error log says:'
      tail -c "+$((reload_log + 1))" /var/log/nginx/error.log | grep -F '[emerg]' | tail -n 3
      return 1
    fi
    sleep 0.1
  done
}

# Within this time, active clients get an answer that tells them not to use the connection again. The old workers need a moment more to
# notice.
nginx_drain() {
  if [ -n "$(ss -Htn state established '( sport = :443 )')" ]; then
    : >"$DRAINING"
    sleep 0.5
  fi
}

# Those that accept connections.
nginx_workers() {
  ps -o pid=,args= --ppid "$(systemctl show --property MainPID --value nginx 2>/dev/null)" 2>/dev/null |
    awk '!/is shutting down/ { printf "%s ", $1 }'
}

# Whether there are new workers, and none of the old ones accepts connections, by the old rules: nginx tells them only 100 ms later. One
# that is busy gets two seconds. Where nginx's master can't be found, there is nothing to compare.
nginx_has_taken() { # WORKERS_BEFORE TRIES
  workers_now=$(nginx_workers)
  [ -n "$workers_now" ] || return 0
  workers_old='' workers_new=''
  for worker in $workers_now; do
    case $1 in *" $worker "*) workers_old=yes ;; *) workers_new=yes ;; esac
  done
  [ -n "$workers_new" ] && { [ -z "$workers_old" ] || [ "$2" -ge 20 ]; }
}
