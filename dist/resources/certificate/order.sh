# shellcheck shell=sh
# Orders a certificate with certbot through nginx's own port 80, and helps over what certbot itself gives up at.

WEBROOT=/var/www/berth
CHALLENGES=$WEBROOT/.well-known/acme-challenge
LOG=/var/log/letsencrypt/letsencrypt.log

# nginx goes on serving all that it serves; the authority asks it for a file on port 80.
certificate_order() { # DOMAIN SERVER ACCOUNT CA CHALLENGE_SITE
  domain=$1 server=$2 ca=$4 challenge=$5
  order_account "$3"
  site=berth-$domain.conf
  before=$(certificate_first 2>/dev/null <"$LETSENCRYPT/live/$1/fullchain.pem" || :)
  order_workplace
  order_challenge "$challenge" "$site"
  order_reachable
  order_trust "$ca"
  order_aside
  if [ -n "$kid" ]; then
    # Not on a command line, where everybody on the server could read it.
    (umask 077 && printf 'eab-kid = %s\neab-hmac-key = %s\n' "$kid" "$hmac" >"$work/eab.ini")
  fi
  set -- certonly --non-interactive --agree-tos --webroot --webroot-map "{\"$domain\": \"$WEBROOT\"}" \
    --cert-name "$domain" --domain "$domain" --server "$server" --key-type ecdsa --elliptic-curve secp256r1 --force-renewal
  if [ -n "$email" ]; then set -- "$@" --email "$email"; else set -- "$@" --register-unsafely-without-email; fi
  order_certbot "$@"
  rm -rf "$aside"
  order_note "$domain" "$server $email"
  certificate_serve "$domain" "$site" "$LETSENCRYPT/live/$domain/fullchain.pem"
}

certificate_contact() { # DOMAIN SERVER EMAIL CA
  domain=$1 server=$2 email=$3 ca=$4
  before=
  order_workplace
  order_trust "$ca"
  order_certbot update_account --non-interactive --agree-tos --no-eff-email --server "$server" --email "$email"
  order_note "$domain" "$server $email"
}

# Whom the authority knows: `EMAIL KID HMAC`, each `-` if there is none.
order_account() { # ACCOUNT
  set -f
  # shellcheck disable=SC2086 # words
  set -- $1
  set +f
  email=$1 kid=$2 hmac=$3
  # What an authority has given out may begin with a hyphen, too.
  if [ "$email" = - ]; then email=; fi
  if [ "$kid" = - ]; then kid=; fi
  if [ "$hmac" = - ]; then hmac=; fi
}

# certbot does not keep the address that it told the authority.
order_note() { # DOMAIN TEXT
  folder "$LETSENCRYPT/berth" 0755
  put "$LETSENCRYPT/berth/$1.contact" 0644 "$2
"
}

# In memory, readable by root only; the next order removes what a killed one left.
order_workplace() {
  rm -rf /run/berth-order.*
  work=$(mktemp -d /run/berth-order.XXXXXX)
  aside=$LETSENCRYPT/berth/$domain.aside
  token=
  trap 'order_leave' EXIT
}

order_leave() {
  order_put_back
  rm -rf "$work"
  if [ -n "$token" ]; then rm -f "$CHALLENGES/berth-$token"; fi
}

order_trust() { # PEM
  [ -n "$1" ] || return 0
  { cat /etc/ssl/certs/ca-certificates.crt && printf '%s' "$1"; } >"$work/ca.pem"
  export REQUESTS_CA_BUNDLE="$work/ca.pem"
}

# A site that is there and runs stays as it is: the certificate that it names may be the very one that is missing, and
# nginx would refuse to load it again.
order_challenge() { # CHALLENGE_SITE SITE_FILE
  case $(cat "$(site_path "$2")" 2>/dev/null) in
  "$1"*) if systemctl --quiet is-active nginx; then return 0; fi ;;
  esac
  site_write "$2" 0 "$1"
}

# Each failed validation counts at the authority, five an hour. So the runner asks first what the authority would ask, on
# every address of the name. This script can't hear the runner, for its input ended with itself: the word to go on
# comes the way the authority's own request will, over port 80 into nginx's log. A runner takes up to 9 s; 30 s are for a busy one.
order_reachable() {
  token=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
  install -d -m 0755 "$WEBROOT" "$WEBROOT/.well-known" "$CHALLENGES"
  printf '%s' "$token" >"$CHALLENGES/berth-$token"
  chmod 0644 "$CHALLENGES/berth-$token"
  tell token "$token" >&3
  tries=0
  until tail -n 1000 "/var/log/nginx/$domain.access.log" 2>/dev/null | grep -qF "/berth-$token-seen"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 150 ]; then
      echo 'the runner did not give the word within 30 s'
      return 1
    fi
    sleep 0.2
  done
}

order_accounts() {
  url=${server#*://}
  echo "$LETSENCRYPT/accounts/${url%/}"
}

# The account of the certificate, else any for this authority; certbot stops where it would have to ask which.
order_account_known() {
  account=$(sed -n 's/^account = //p' "$LETSENCRYPT/renewal/$domain.conf" 2>/dev/null)
  if [ -z "$account" ] || ! [ -d "$(order_accounts)/$account" ]; then
    account=$(find "$(order_accounts)/" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort | sed 's|.*/||;q')
  fi
  [ -n "$account" ]
}

# certbot refuses a name that it has leftovers of; they come back if the order fails.
order_aside() {
  order_put_back
  if [ "$(certificate_lineage "$domain")" = whole ] && order_renewable; then return 0; fi
  for part in live archive; do
    if [ -e "$LETSENCRYPT/$part/$domain" ]; then
      (umask 077 && mkdir -p "$aside")
      mv "$LETSENCRYPT/$part/$domain" "$aside/$part"
    fi
  done
  if [ -e "$LETSENCRYPT/renewal/$domain.conf" ]; then
    (umask 077 && mkdir -p "$aside")
    mv "$LETSENCRYPT/renewal/$domain.conf" "$aside/conf"
  fi
}

order_put_back() {
  [ -d "$aside" ] || return 0
  for part in live archive; do
    if [ -e "$aside/$part" ] && ! [ -e "$LETSENCRYPT/$part/$domain" ]; then
      mv "$aside/$part" "$LETSENCRYPT/$part/$domain"
    fi
  done
  if [ -e "$aside/conf" ] && ! [ -e "$LETSENCRYPT/renewal/$domain.conf" ]; then
    mv "$aside/conf" "$LETSENCRYPT/renewal/$domain.conf"
  fi
  rm -rf "$aside"
}

order_renewable() {
  for setting in cert privkey chain fullchain server account authenticator; do
    grep -q "^$setting = ." "$LETSENCRYPT/renewal/$domain.conf" 2>/dev/null || return 1
  done
}

# Waits for another certbot up to five minutes, and helps over what certbot itself gives up at.
order_certbot() { # ARGUMENT ...
  waited=0 helps=0
  while :; do
    set -- "$@"
    code=0
    logged=$(stat -c '%i %s' "$LOG" 2>/dev/null || :)
    order_once "$@" >"$work/said" 2>&1 || code=$?
    if [ "$code" -ne 0 ]; then order_cause >>"$work/said"; fi
    cat "$work/said"
    [ "$code" -ne 0 ] || return 0
    if grep -q 'Another instance of Certbot is already running' "$work/said" && [ "$waited" -lt 300 ]; then
      [ "$waited" -gt 0 ] || tell say 'waiting for certbot, which is already at work on this server' >&3
      sleep 2
      waited=$((waited + 2))
      order_renewed_meanwhile && return 0
    elif [ "$helps" -lt 2 ] && order_help; then
      helps=$((helps + 1))
    else
      return "$code"
    fi
  done
}

# certbot 2.1 with Python 3.11 stumbles over every answer of the authority that it does not like, and says `AttributeError:
# can't set attribute`; what the authority answered is only in its log. Debian's certbot goes on with the log of the last
# time and others begin it anew: what an earlier order failed of must not be taken for this one's cause.
order_cause() {
  read_from=1
  if [ "$(stat -c %i "$LOG" 2>/dev/null)" = "${logged%% *}" ]; then read_from=$((${logged##* } + 1)); fi
  tail -c "+$read_from" "$LOG" 2>/dev/null | sed -n 's/^acme\.messages\.Error: //p' | tail -n 1
}

order_once() { # ARGUMENT ...
  if order_account_known; then
    set -- "$@" --account "$account"
  elif [ -f "$work/eab.ini" ]; then
    set -- "$@" --config "$work/eab.ini"
  fi
  certbot "$@"
}

# The other certbot may have been the server's own timer, and a second order would be one for nothing.
order_renewed_meanwhile() {
  [ -n "$before" ] && [ "$(certificate_first 2>/dev/null <"$LETSENCRYPT/live/$domain/fullchain.pem")" != "$before" ]
}

order_help() {
  if grep -qi 'badNonce\|JWS has an invalid anti-replay nonce' "$work/said"; then
    tell say 'the authority rejects nonces; asking more patiently' >&3
    order_patience
  elif grep -qi 'accountDoesNotExist\|unable to find existing account\|specified an account that does not exist' "$work/said" &&
    order_account_known; then
    tell say 'the authority does not know this account any more; registering anew' >&3
    folder "$LETSENCRYPT/berth/accounts" 0700
    rm -rf "$LETSENCRYPT/berth/accounts/$account"
    mv "$(order_accounts)/$account" "$LETSENCRYPT/berth/accounts/$account"
  else
    return 1
  fi
}

# certbot asks again once when a nonce is rejected. An authority that rejects every other one would get through an order
# of eight requests one time in ten, and each try would be an order more.
order_patience() {
  cat >"$work/sitecustomize.py" <<'PYTHON'
from acme import client, messages

once = client.ClientNetwork._post_once


def patient(self, *args, **kwargs):
    for _ in range(20):
        try:
            return once(self, *args, **kwargs)
        except messages.Error as error:
            if error.code != "badNonce":
                raise
    return once(self, *args, **kwargs)


client.ClientNetwork._post_once = patient
PYTHON
  export PYTHONPATH="$work"
}
