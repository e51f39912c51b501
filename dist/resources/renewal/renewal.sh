# shellcheck shell=sh
# The server renews by itself, without any workflow: a timer, and a script that makes nginx take the new certificate.

HOOK=/etc/letsencrypt/renewal-hooks/deploy/berth
AUTHORITIES=/etc/letsencrypt/berth/authorities

renewal_probe() { # DOMAIN
  fact_file renewal.hook "$HOOK"
  fact_file renewal.ca "$AUTHORITIES/$1.pem"
  for renewal_timer in $TIMERS; do
    fact_file "renewal.care.$renewal_timer" "$(renewal_dropin care "$renewal_timer")"
    fact_file "renewal.trust.$renewal_timer" "$(renewal_dropin trust "$renewal_timer")"
  done
}

# The timer that certbot came with, from a package or a snap, or Berth's own where it came without (pip). Never two: they
# would only meet at certbot's lock.
TIMERS='certbot snap.certbot.renew berth-renewal'
renewal_unit() {
  for timer in $TIMERS; do
    case $(systemctl show --property LoadState --value "$timer.timer") in
    loaded | masked) break ;;
    esac
  done
  echo "$timer"
}

renewal_dropin() { # NAME [UNIT]
  echo "/etc/systemd/system/${2:-$(renewal_unit)}.service.d/berth-$1.conf"
}

renewal_hook() { # CONTENT
  folder "${HOOK%/*}" 0755
  put "$HOOK" 0755 "$1"
}

renewal_care() { # DROPIN
  dropin=$(renewal_dropin care)
  folder "${dropin%/*}" 0755
  put "$dropin" 0644 "$1"
  systemctl daemon-reload
}

renewal_trust() { # DOMAIN CA DROPIN
  dropin=$(renewal_dropin trust)
  mkdir -p "$AUTHORITIES"
  folder "${dropin%/*}" 0755
  put "$AUTHORITIES/$1.pem" 0644 "$2"
  put "$dropin" 0644 "$3"
  systemctl daemon-reload
}

# Another registry on this server may have a private authority too.
renewal_distrust() { # DOMAIN
  rm -f "$AUTHORITIES/$1.pem"
  if rmdir "$AUTHORITIES" 2>/dev/null; then
    rm -f "$(renewal_dropin trust)"
    systemctl daemon-reload
  fi
}

renewal_timer() { # SERVICE TIMER
  unit=$(renewal_unit)
  if [ "$unit" = berth-renewal ]; then
    put "/etc/systemd/system/$unit.service" 0644 "$1"
    put "/etc/systemd/system/$unit.timer" 0644 "$2"
    systemctl daemon-reload
  fi
  systemctl unmask "$unit.timer"
  systemctl enable --now "$unit.timer"
}

renewal_conf() { # DOMAIN CONTENT
  put "/etc/letsencrypt/renewal/$1.conf" 0644 "$2"
}

# The old certificate is still good, and what else a run has to do need not wait for the authority.
renewal_order() { # as certificate_order
  attempt certificate_order "$@"
  # shellcheck disable=SC2154 # `attempt` sets it
  if [ "$code" -ne 0 ]; then tell undone "$code" >&3; fi
}

# Other registries on this server need it as much.
renewal_unhook() { # SITE_FILE
  for site in /etc/nginx/sites-enabled/berth-*.conf /etc/nginx/conf.d/berth-*.conf; do
    if [ -f "$site" ] && [ "${site##*/}" != "$1" ]; then return 0; fi
  done
  rm -f "$(renewal_dropin care)" "$HOOK"
  systemctl daemon-reload
}
