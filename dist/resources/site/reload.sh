# shellcheck shell=sh
# Makes nginx take its configuration, without any client noticing. The renewal hook on the server has this, too.

# Tells nginx to keep no connection.
DRAINING=/run/berth-draining

# A reload returns before it has happened. If nginx can't do what it was told, as when it can't bind an address, it says so in
# its log only, goes on as before, and does not start the next time: so this fails unless new workers are there.
nginx_reload() {
  systemctl --quiet is-enabled nginx || systemctl enable nginx
  if ! systemctl --quiet is-active nginx; then
    systemctl start nginx
    return
  fi
  workers_before=" $(nginx_workers) "
  nginx_drain
  systemctl reload nginx || { rm -f "$DRAINING" && return 1; }
  if [ -e "$DRAINING" ]; then
    sleep 0.3
    rm -f "$DRAINING"
  fi
  reload_tries=0
  until nginx_has_taken "$workers_before"; do
    reload_tries=$((reload_tries + 1))
    if [ "$reload_tries" -ge 100 ]; then
      echo 'nginx was told to reload and keeps its old configuration; its error log says:'
      grep -F '[emerg]' /var/log/nginx/error.log | tail -n 3
      return 1
    fi
    sleep 0.1
  done
}

# Clients that are at work get an answer within this time, and with it the word not to use the connection again; the old
# workers take a moment more to notice.
nginx_drain() {
  if [ -n "$(ss -Htn state established '( sport = :443 )')" ]; then
    : >"$DRAINING"
    sleep 0.5
  fi
}

nginx_workers() {
  ps -o pid= --ppid "$(cat /run/nginx.pid 2>/dev/null || echo 0)" 2>/dev/null | tr -s '\n ' ' '
}

# Where nginx's master can't be found, there is nothing to compare.
nginx_has_taken() { # WORKERS_BEFORE
  workers_now=$(nginx_workers)
  [ -n "$workers_now" ] || return 0
  for worker in $workers_now; do
    case $1 in *" $worker "*) ;; *) return 0 ;; esac
  done
  return 1
}
