# shellcheck shell=sh
# The server renews the certificate by itself, without a workflow: by a timer, and a script that makes nginx load the new certificate.

CERTBOT=/etc/letsencrypt
HOOK=$CERTBOT/renewal-hooks/deploy/berth
AUTHORITIES=/etc/letsencrypt/berth/authorities

renewal_probe() { # DOMAIN
  fact renewal.settings "$(renewal_settings)"
  fact_file renewal.hook "$HOOK"
  fact_file renewal.ca "$AUTHORITIES/$1.pem"
  for renewal_timer in $TIMERS; do
    fact_file "renewal.care.$renewal_timer" "$(renewal_dropin care "$renewal_timer")"
    fact_file "renewal.trust.$renewal_timer" "$(renewal_dropin trust "$renewal_timer")"
  done
}

# `FILE NAME VALUE;` for settings for all certificates which could keep one from being renewed while nginx runs. No other line is
# reported, because it may have secrets.
renewal_settings() {
  set --
  for each in "$CERTBOT/cli.ini" /root/.config/letsencrypt/cli.ini "$CERTBOT"/renewal-hooks/pre/*; do
    if [ -f "$each" ]; then set -- "$@" "$each"; fi
  done
  [ $# -gt 0 ] || return 0
  awk '
    BEGIN { ORS = ";" }
    /^[ \t]*#/ { next }
    { stops = /nginx/ && /stop|kill/ }
    FILENAME ~ /\/renewal-hooks\// { if (stops) { print FILENAME, "hook nginx"; nextfile } else next }
    {
      name = $0
      sub(/[ \t]*[=:].*/, "", name)
      gsub(/^[ \t-]+/, "", name)
      value = $0
      sub(/^[^=:]*[=:][ \t]*/, "", value)
      sub(/[ \t]+$/, "", value)
    }
    name ~ /^(pre|post)-hook$/ && stops { print FILENAME, name, "nginx" }
    name ~ /^manual-(auth|cleanup)-hook$/ { print FILENAME, name, "script" }
    name ~ /^(authenticator|configurator|installer|preferred-challenges|server|webroot-path|webroot-map|config-dir|cert-name|csr|account|standalone|nginx|apache|manual|dns-[a-z0-9-]+|staging|test-cert|dry-run)$/ {
      gsub(/[^A-Za-z0-9:\/._,-]/, "", value)
      print FILENAME, name, value
    }' "$@" 2>/dev/null
  renewal_refused
}

# `FILE refused OPTION;` if certbot rejects an option there, and so no longer works at all: one of a plugin that is gone, or a typing
# mistake. certbot is slow, so it is asked only if somebody has changed the file that comes with it. For this it has its lock and its
# log in memory. Values are not reported.
renewal_refused() {
  refused_in=$(grep -lsEv '^[[:space:]]*(#|$|max-log-backups = 0$|preconfigured-renewal = True$)' "$CERTBOT/cli.ini" /root/.config/letsencrypt/cli.ini)
  if [ -z "$refused_in" ] || ! has certbot; then return 0; fi
  refused_work=$(mktemp -d /run/berth-look.XXXXXX) || return 0
  refused=$(timeout -k 5 20 certbot plugins --non-interactive --config-dir "$refused_work" --work-dir "$refused_work" \
    --logs-dir "$refused_work" 2>&1 </dev/null | sed -n 's/^certbot: error: //p' | tail -n 1)
  rm -rf "$refused_work"
  [ -n "$refused" ] || return 0
  printf '%s refused %s;' "${refused_in%%"$LINE_BREAK"*}" \
    "$(echo "$refused" | sed -n 's/^[^-]*--*\([A-Za-z0-9-]*\).*/\1/p' | grep . || echo -)"
}

# Only if Amazon's plugin is wanted.
renewal_probe_aws() { # DOMAIN
  for renewal_timer in $TIMERS; do
    fact_file "renewal.aws.$renewal_timer" "$(renewal_dropin "aws-$1" "$renewal_timer")"
  done
}

# The timer that came with certbot, from a package or a snap, or Berth's own if none did (pip). Never two, because they would only wait
# for each other.
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
  domain=$1 ca=$2 content=$3
  dropin=$(renewal_dropin trust)
  mkdir -p "$AUTHORITIES"
  folder "${dropin%/*}" 0755
  put "$AUTHORITIES/$domain.pem" 0644 "$ca"
  put "$dropin" 0644 "$content"
  systemctl daemon-reload
}

# Another registry on this server may also have a private authority.
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

renewal_conf() { # NAME CONTENT
  put "/etc/letsencrypt/renewal/$1.conf" 0644 "$2"
}

# The old certificate is still good, so a failure must not stop the rest of the run.
renewal_order() { # ORDER CA CHALLENGE_SITE [CREDENTIAL REHEARSAL]
  attempt certificate_order "$@"
  # shellcheck disable=SC2154 # `attempt` sets it
  if [ "$code" -ne 0 ]; then tell undone "$code" >&3; fi
}

# Other registries on this server may still need the hook.
renewal_unhook() { # SITE_FILE
  for site in /etc/nginx/sites-enabled/berth-*.conf /etc/nginx/conf.d/berth-*.conf; do
    if [ -f "$site" ] && [ "${site##*/}" != "$1" ]; then return 0; fi
  done
  rm -f "$(renewal_dropin care)" "$HOOK"
  systemctl daemon-reload
}
