# shellcheck shell=sh
# The server renews by itself: certbot's own timer, a hook that makes nginx take the new certificate, and the private
# authority to trust, if there is one.

HOOK=/etc/letsencrypt/renewal-hooks/deploy/berth
TRUST=/etc/systemd/system/certbot.service.d/berth.conf

renewal_probe() { # DIRECTORY
  fact_file renewal.hook "$HOOK"
  fact_file renewal.ca "$1/ca.crt"
  fact_file renewal.trust "$TRUST"
  fact renewal.timer "$(systemctl show --property ActiveState,UnitFileState --value certbot.timer 2>/dev/null | tr '\n' ' ')"
}

renewal_hook() { # CONTENT
  folder "${HOOK%/*}" 0755
  put "$HOOK" 0755 "$1"
}

# The bundle holds the system's authorities too, for certbot's service renews the other certificates of this server as well.
renewal_trust() { # DIRECTORY CA DROPIN
  folder "$1" 0755
  folder "${TRUST%/*}" 0755
  put "$1/ca.crt" 0644 "$2"
  put "$1/ca-bundle.crt" 0644 "$(cat /etc/ssl/certs/ca-certificates.crt)
$2"
  put "$TRUST" 0644 "$3"
  systemctl daemon-reload
}

renewal_distrust() { # DIRECTORY
  rm -f "$1/ca.crt" "$1/ca-bundle.crt" "$TRUST"
  systemctl daemon-reload
}

renewal_unhook() {
  rm -f "$HOOK"
}

renewal_timer() {
  systemctl enable --now certbot.timer
}
