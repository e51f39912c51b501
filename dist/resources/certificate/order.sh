# shellcheck shell=sh
# Orders a certificate with certbot, through nginx's port 80 or by DNS, and helps where certbot itself would give up.
# All functions here and in dns.sh share the variables of the order: `domain name server email kid hmac dns` of order_words, `work aside
# token` of order_workplace, `account` of order_account_known, `logged` of order_certbot, and `challenge before` of certificate_order.
# certificate_contact sets those that it needs by itself.

WEBROOT=/var/www/berth
CHALLENGES=$WEBROOT/.well-known/acme-challenge
LOG=/var/log/letsencrypt/letsencrypt.log

# nginx goes on serving. The authority asks it for a file on port 80, or asks the domain's name servers for a record.
certificate_order() { # ORDER CA CHALLENGE_SITE [CREDENTIAL REHEARSAL]
  order=$1 ca=$2 challenge=$3 credential=${4-} rehearsal=${5-}
  order_words "$order"
  site=berth-$domain.conf
  before=$(certificate_first 2>/dev/null <"$LETSENCRYPT/live/$name/fullchain.pem" || :)
  order_workplace
  order_trust "$ca"
  if [ -n "$dns" ]; then
    dns_prove "$credential" "$rehearsal"
  else
    order_challenge "$challenge" "$site"
    order_reachable
  fi
  order_aside
  if [ -n "$kid" ]; then
    # Not on the command line, where everybody on the server could read it.
    (umask 077 && printf 'eab-kid = %s\neab-hmac-key = %s\n' "$kid" "$hmac" >"$work/eab.ini")
  fi
  set -- certonly --non-interactive --agree-tos --cert-name "$name" --domain "$domain" --server "$server" \
    --key-type ecdsa --elliptic-curve secp256r1 --force-renewal --config-dir "$LETSENCRYPT"
  if [ -n "$email" ]; then set -- "$@" --email "$email"; else set -- "$@" --register-unsafely-without-email; fi
  # Only if one would stop nginx: hooks that run after an order may be wanted.
  if grep -qs 'nginx' "$LETSENCRYPT"/renewal-hooks/pre/*; then set -- "$@" --no-directory-hooks; fi
  if [ -n "$dns" ]; then
    dns_with "$(dns_file)" order_unhooked order_certbot "$@"
    dns_done
  else
    order_unhooked order_certbot "$@" --authenticator webroot --preferred-challenges http \
      --webroot-map "{\"$domain\": \"$WEBROOT\"}"
  fi
  rm -rf "$aside"
  order_note "$domain" "$server $email"
  certificate_serve "$domain" "$site" "$LETSENCRYPT/live/$name/fullchain.pem"
}

certificate_contact() { # DOMAIN NAME SERVER EMAIL CA
  domain=$1 name=$2 server=$3 email=$4 ca=$5
  before=
  order_workplace
  order_trust "$ca"
  # Where there is none, or the authority has forgotten it, the next order registers one with this address.
  if order_account_known; then
    code=0
    order_certbot update_account --non-interactive --agree-tos --no-eff-email --server "$server" --email "$email" || code=$?
    if [ "$code" -ne 0 ] && order_account_known; then return "$code"; fi
  fi
  order_note "$domain" "$server $email"
}

# Reads an order: `DOMAIN NAME SERVER EMAIL KID HMAC DNS`, each `-` if there is none. NAME is certbot's name for the certificate; KID
# and HMAC are those of the account that the authority knows.
order_words() { # ORDER
  set -f
  # shellcheck disable=SC2086 # words
  set -- $1
  set +f
  domain=$1 name=$2 server=$3 email=$4 kid=$5 hmac=$6 dns=$7
  # What an authority has given out may begin with a hyphen.
  if [ "$email" = - ]; then email=; fi
  if [ "$kid" = - ]; then kid=; fi
  if [ "$hmac" = - ]; then hmac=; fi
  if [ "$dns" = - ]; then dns=; fi
}

# certbot does not remember which address it told the authority.
order_note() { # DOMAIN TEXT
  folder "$LETSENCRYPT/berth" 0755
  put "$LETSENCRYPT/berth/$1.contact" 0644 "$2
"
}

# In memory, readable only by root. The next order removes what a killed one has left.
order_workplace() {
  rm -rf /run/berth-order.*
  work=$(mktemp -d /run/berth-order.XXXXXX)
  aside=$LETSENCRYPT/berth/$name.aside
  token=
  trap 'order_leave' EXIT
}

order_leave() {
  dns_undo
  order_put_back
  rm -rf "$work"
  if [ -n "$token" ]; then rm -f "$CHALLENGES/berth-$token"; fi
}

order_trust() { # PEM
  [ -n "$1" ] || return 0
  { cat /etc/ssl/certs/ca-certificates.crt && printf '%s' "$1"; } >"$work/ca.pem"
  export REQUESTS_CA_BUNDLE="$work/ca.pem"
}

# A site that is right is not written again: the certificate that it names may be the one that is missing, and nginx would refuse to
# load it. A site that another version of Berth wrote stays too, as long as nginx takes it: mode `renew` would not bring it back.
order_challenge() { # CHALLENGE_SITE SITE_FILE
  if systemctl --quiet is-active nginx; then
    case $(cat "$(site_path "$2")" 2>/dev/null) in
    "$1"*) return 0 ;;
    *"location /.well-known/acme-challenge/ { root $WEBROOT;"*) if nginx -t -q; then return 0; fi ;;
    esac
  fi
  site_write "$2" 0 "$1"
}

# Authorities allow some five failed validations an hour. So the runner first asks what the authority would ask, on every address of
# the name. This script has no input from the runner, so the go-ahead comes as the authority's own request will: over port 80,
# into nginx's log. A runner takes up to 9 s; 30 s allow for a busy one.
order_reachable() {
  token=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
  install -d -m 0755 "$WEBROOT" "$WEBROOT/.well-known" "$CHALLENGES"
  printf '%s' "$token" >"$CHALLENGES/berth-$token"
  chmod 0644 "$CHALLENGES/berth-$token"
  tell token "$token" >&3
  limit=30
  # Another server of the registry may not know this one yet.
  case $challenge in *X-Berth-Peer*) limit=150 ;; esac
  tries=0
  until tail -n 1000 "/var/log/nginx/$domain.access.log" 2>/dev/null | grep -qF "/berth-$token-seen"; do
    tries=$((tries + 1))
    if [ "$tries" -ge $((limit * 5)) ]; then
      echo "the runner did not give the word within $limit s"
      return 1
    fi
    sleep 0.2
  done
}

order_accounts() {
  url=${server#*://}
  echo "$LETSENCRYPT/accounts/${url%/}"
}

# The certificate's account, else any for this authority: certbot stops where it would have to ask which one.
order_account_known() {
  account=$(sed -n 's/^account = //p' "$LETSENCRYPT/renewal/$name.conf" 2>/dev/null)
  if [ -z "$account" ] || ! [ -d "$(order_accounts)/$account" ]; then
    account=$(find "$(order_accounts)/" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort | sed 's|.*/||;q')
  fi
  [ -n "$account" ]
}

# certbot refuses a name of which it has leftovers. They are put back if the order fails.
order_aside() {
  order_put_back
  if [ "$(certificate_lineage "$name")" = whole ] && order_renewable; then return 0; fi
  for part in live archive; do
    if [ -e "$LETSENCRYPT/$part/$name" ]; then
      (umask 077 && mkdir -p "$aside")
      mv "$LETSENCRYPT/$part/$name" "$aside/$part"
    fi
  done
  if [ -e "$LETSENCRYPT/renewal/$name.conf" ]; then
    (umask 077 && mkdir -p "$aside")
    mv "$LETSENCRYPT/renewal/$name.conf" "$aside/conf"
  fi
}

order_put_back() {
  [ -d "$aside" ] || return 0
  for part in live archive; do
    if [ -e "$aside/$part" ] && ! [ -e "$LETSENCRYPT/$part/$name" ]; then
      mv "$aside/$part" "$LETSENCRYPT/$part/$name"
    fi
  done
  if [ -e "$aside/conf" ] && ! [ -e "$LETSENCRYPT/renewal/$name.conf" ]; then
    mv "$aside/conf" "$LETSENCRYPT/renewal/$name.conf"
  fi
  rm -rf "$aside"
}

order_renewable() {
  for setting in cert privkey chain fullchain server account authenticator; do
    grep -q "^$setting = ." "$LETSENCRYPT/renewal/$name.conf" 2>/dev/null || return 1
  done
}

# Runs a command without the hooks that cli.ini sets for all certificates.
order_unhooked() { # COMMAND ...
  if grep -qs '^[ -]*\(pre\|post\)-hook' "$LETSENCRYPT/cli.ini" /root/.config/letsencrypt/cli.ini; then
    set -- "$@" --pre-hook '' --post-hook ''
  fi
  "$@"
}

# Waits up to five minutes for another certbot, and helps where certbot itself would give up.
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
      [ "$waited" -gt 0 ] || tell say 'waiting for certbot, which is already running on this server' >&3
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

# certbot 2.1 with Python 3.11 fails on every error of the authority with `AttributeError: can't set attribute`, and only its log has
# the authority's answer. Debian's certbot appends to the log of the last run, and others begin a new one, so the cause of an
# earlier failure must not be taken for this one's.
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
  order_bounded certbot "$@"
}

# Somebody else's hook may never end.
order_bounded() { # COMMAND ...
  timeout -k 30 900 "$@" || {
    code=$?
    if [ "$code" -eq 124 ]; then echo 'certbot did not finish within 15 minutes'; fi
    return "$code"
  }
}

# The other certbot may have been the server's timer. Then a second order would be wasted.
order_renewed_meanwhile() {
  [ -n "$before" ] && [ "$(certificate_first 2>/dev/null <"$LETSENCRYPT/live/$name/fullchain.pem")" != "$before" ]
}

order_help() {
  if grep -qi 'badNonce\|JWS has an invalid anti-replay nonce' "$work/said"; then
    tell say 'the authority rejects nonces; retrying more slowly' >&3
    order_nonce_retries
  elif grep -qi 'accountDoesNotExist\|unable to find existing account\|specified an account that does not exist' "$work/said" &&
    order_account_known; then
    tell say 'the authority no longer knows this account; putting it aside' >&3
    folder "$LETSENCRYPT/berth/accounts" 0700
    rm -rf "$LETSENCRYPT/berth/accounts/$account"
    mv "$(order_accounts)/$account" "$LETSENCRYPT/berth/accounts/$account"
  else
    return 1
  fi
}

# certbot tries again once when a nonce is rejected. With an authority that rejects every other nonce, an order of eight requests
# succeeds one time in ten, and each try counts as another order.
order_nonce_retries() {
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
