#!/bin/sh
# What a person does by the tutorials, without the typing and the reading: by-hand.sh DOMAIN ACME_DIRECTORY, beside the files it installs.
set -eu
cd "$(dirname "$0")"
domain=$1
generation=$(cat generation)
site=/etc/nginx/sites-available/berth-$domain.conf

if ! command -v docker >/dev/null || ! command -v nginx >/dev/null || ! command -v certbot >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install --yes --no-install-recommends docker.io docker-cli nginx certbot
fi

# The registry does not run as root.
install -d -m 700 -o 65532 -g 65532 /opt/berth/data
install -d -m 2710 -o 65532 -g www-data /opt/berth/run
install -d "/opt/berth/generations/$generation"
install -m 755 start "/opt/berth/generations/$generation"
install -m 600 -o 65532 -g 65532 config.yml "/opt/berth/generations/$generation"
install -m 600 secret.env /opt/berth
install -m 640 -g www-data htpasswd /opt/berth
docker inspect "berth-$(echo "$domain" | tr . -)-$generation" >/dev/null 2>&1 || "/opt/berth/generations/$generation/start"
ln -sfn "run/$generation.sock" /opt/berth/registry.sock

if ! [ -e "/etc/letsencrypt/live/$domain" ]; then
  install -d /var/www/berth
  install -m 644 challenge.conf "$site"
  ln -sfn "$site" "/etc/nginx/sites-enabled/${site##*/}"
  systemctl enable --now nginx
  systemctl reload nginx
  cat /etc/ssl/certs/ca-certificates.crt ca.pem >authorities.pem
  REQUESTS_CA_BUNDLE=$PWD/authorities.pem certbot certonly --non-interactive --agree-tos --email ops@example.com \
    --server "$2" --webroot --webroot-path /var/www/berth --domain "$domain"
fi
install -m 644 site.conf "$site"
nginx -t -q
systemctl reload nginx
install -D -m 755 hook /etc/letsencrypt/renewal-hooks/deploy/berth
systemctl enable --now certbot.timer

tries=0
until [ -S /opt/berth/registry.sock ] && [ "$(curl -sk -o /dev/null -w '%{http_code}' --resolve "$domain:443:127.0.0.1" "https://$domain/v2/")" = 401 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ]
  sleep 0.1
done
