# shellcheck shell=sh
# The certificate, by certbot.

certificate_probe() { # DOMAIN
  fact_file certificate.chain "/etc/letsencrypt/live/$1/fullchain.pem"
  fact certificate.server "$(sed -n 's/^server = //p' "/etc/letsencrypt/renewal/$1.conf" 2>/dev/null)"
  fact certificate.ipv6 "$(yes_if test -e /proc/net/if_inet6)"
}

# nginx goes on serving all that it serves; the authority asks it for a file on port 80.
certificate_issue() { # DOMAIN EMAIL SERVER CA_FILE CHALLENGE_SITE SITE_FILE
  install -d -m 0755 /var/www/berth
  if ! [ -f "$(site_path "$6")" ]; then
    site_write "$6" 0 "$5"
  fi
  set -- "$@" certonly --non-interactive --agree-tos --webroot --webroot-path /var/www/berth \
    --cert-name "$1" --domain "$1" --server "$3" --key-type ecdsa --elliptic-curve secp256r1 --force-renewal
  if [ -n "$2" ]; then
    set -- "$@" --email "$2"
  else
    set -- "$@" --register-unsafely-without-email
  fi
  if [ -n "$4" ]; then export REQUESTS_CA_BUNDLE="$4"; fi
  shift 6
  certbot "$@"
}
