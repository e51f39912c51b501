# shellcheck shell=sh
# The certificate: ordered with certbot through nginx's own port 80, or brought by the user.

LETSENCRYPT=/etc/letsencrypt
WEBROOT=/var/www/berth
CHALLENGES=$WEBROOT/.well-known/acme-challenge

certificate_probe() { # DOMAIN DIRECTORY NOW
  fact certificate.served "$(certificate_served "$1")" | {
    certificate_kept "$@" </dev/null
    cat
  }
}

certificate_kept() { # DOMAIN DIRECTORY NOW
  lineage=$(certificate_lineage "$1")
  fact certificate.lineage "$lineage"
  case $lineage in
  whole) fact_file certificate.chain "$LETSENCRYPT/live/$1/fullchain.pem" ;;
  lost) fact certificate.chain absent ;;
  *) fact_file certificate.chain "$LETSENCRYPT/archive/$1/fullchain$lineage.pem" ;;
  esac
  fact_file certificate.conf "$LETSENCRYPT/renewal/$1.conf"
  fact_file certificate.contact "$LETSENCRYPT/berth/$1.contact"
  fact certificate.own "$(certificate_own "$2/tls.pem")"
  fact certificate.ipv6 "$(yes_if test -e /proc/net/if_inet6)"
  fact certificate.addresses "$(certificate_addresses)"
  fact certificate.clock "$(certificate_clock "$3")"
}

# `whole`; the newest version in certbot's archive that the live folder can be made from again; `lost`.
certificate_lineage() { # DOMAIN
  version=$(readlink "$LETSENCRYPT/live/$1/cert.pem" 2>/dev/null | sed -n 's/.*cert\([0-9]*\)\.pem$/\1/p')
  if [ -n "$version" ] && certificate_linked "$1" "$version" && certificate_paired "$1" "$version"; then
    echo whole
    return
  fi
  for version in $(certificate_versions "$1"); do
    if certificate_paired "$1" "$version"; then
      echo "$version"
      return
    fi
  done
  echo lost
}

certificate_versions() { # DOMAIN
  find "$LETSENCRYPT/archive/$1" -name 'fullchain*.pem' 2>/dev/null |
    sed -n 's/.*fullchain\([0-9]*\)\.pem$/\1/p' | sort -rn
}

# certbot makes the four links one by one, so it can be killed between two of them.
certificate_linked() { # DOMAIN VERSION
  [ "$(cd "$LETSENCRYPT/live/$1" && readlink cert.pem chain.pem fullchain.pem privkey.pem)" = "../../archive/$1/cert$2.pem
../../archive/$1/chain$2.pem
../../archive/$1/fullchain$2.pem
../../archive/$1/privkey$2.pem" ]
}

certificate_paired() { # DOMAIN VERSION
  for kind in cert chain fullchain privkey; do
    [ -s "$LETSENCRYPT/archive/$1/$kind$2.pem" ] || return 1
  done
  has openssl || return 0
  # Makes nothing, and fails where key and certificate are no pair.
  openssl pkcs12 -export -nomac -keypbe NONE -certpbe NONE -passout pass: -out /dev/null \
    -in "$LETSENCRYPT/archive/$1/fullchain$2.pem" -inkey "$LETSENCRYPT/archive/$1/privkey$2.pem" 2>/dev/null
}

# The file holds a private key, which has no business outside of the server: its checksum will do.
certificate_own() { # FILE
  if [ -f "$1" ]; then
    echo "$(stat -c '%a %U:%G' "$1") $(sha256sum <"$1" | cut -d ' ' -f 1)"
  else
    echo absent
  fi
}

# Of the first certificate on stdin, as `openssl x509 -fingerprint -sha256` prints it and in a third of its time.
certificate_fingerprint() {
  pem=$(sed -n '/^-----BEGIN CERT/,/^-----END CERT/{ /^-----END/q; /^-----/!p; }')
  if [ -n "$pem" ]; then
    echo "$pem" | base64 -d | sha256sum | sed 's/ .*//; s/../&:/g; s/:$//; y/abcdef/ABCDEF/'
  fi
}

# Of the certificate that clients get here, whatever is on disk; empty if nobody answers.
certificate_served() { # DOMAIN
  if has openssl; then
    timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$1" </dev/null 2>/dev/null | certificate_fingerprint
  fi
}

# Those of containers come and go, and nobody outside knows them.
certificate_addresses() {
  ip -o addr show scope global 2>/dev/null |
    sed -n '/^[0-9]*: \(docker\|br-\|veth\)/d; s/.* inet6\{0,1\} \([^ /]*\).*/\1/p' | sort | tr '\n' ' '
}

# `right`, or the date that this clock shows, if it is more than a day away from SECONDS since 1970.
certificate_clock() { # SECONDS
  off=$(($(date +%s) - $1))
  if [ "${off#-}" -lt 86400 ]; then echo right; else date -u +%Y-%m-%d; fi
}

certificate_restore() { # DOMAIN VERSION
  folder "$LETSENCRYPT/live/$1" 0755
  for kind in cert chain fullchain privkey; do
    ln -sf "../../archive/$1/$kind$2.pem" "$LETSENCRYPT/live/$1/$kind.pem.berth-new"
    mv -fT "$LETSENCRYPT/live/$1/$kind.pem.berth-new" "$LETSENCRYPT/live/$1/$kind.pem"
  done
}

# Key and chain are one file, so that no power cut can part a pair.
certificate_bring() { # DOMAIN DIRECTORY CONTENT SITE_FILE
  folder "$2" 0755
  put "$2/tls.pem" 0600 "$3"
  certificate_serve "$1" "$4" "$2/tls.pem"
}

# nginx goes on serving all that it serves; the authority asks it for a file on port 80.
certificate_order() { # DOMAIN SERVER EMAIL CA EAB_KID EAB_HMAC CHALLENGE_SITE SITE_FILE
  domain=$1 server=$2
  before=$(certificate_fingerprint <"$LETSENCRYPT/live/$1/fullchain.pem" 2>/dev/null || :)
  certificate_workplace
  certificate_challenge "$7" "$8"
  certificate_reachable
  certificate_trust "$4"
  certificate_aside
  if [ -n "$5" ]; then
    # Not on a command line, where everybody on the server could read it.
    (umask 077 && printf 'eab-kid = %s\neab-hmac-key = %s\n' "$5" "$6" >"$work/eab.ini")
  fi
  set -- "$1" "$3" "$8" certonly --non-interactive --agree-tos --webroot --webroot-path "$WEBROOT" \
    --cert-name "$1" --domain "$1" --server "$2" --key-type ecdsa --elliptic-curve secp256r1 --force-renewal
  if [ -n "$2" ]; then set -- "$@" --email "$2"; else set -- "$@" --register-unsafely-without-email; fi
  email=$2 site=$3
  shift 3
  certificate_certbot "$@"
  rm -rf "$aside"
  certificate_note "$domain" "$server $email"
  certificate_serve "$domain" "$site" "$LETSENCRYPT/live/$domain/fullchain.pem"
}

certificate_contact() { # DOMAIN SERVER EMAIL CA
  domain=$1 server=$2
  before=
  certificate_workplace
  certificate_trust "$4"
  certificate_certbot update_account --non-interactive --agree-tos --no-eff-email --server "$2" --email "$3"
  certificate_note "$1" "$2 $3"
}

# certbot does not keep the address that it told the authority.
certificate_note() { # DOMAIN TEXT
  folder "$LETSENCRYPT/berth" 0755
  put "$LETSENCRYPT/berth/$1.contact" 0644 "$2
"
}

# In memory, readable by root only; the next order removes what a killed one left.
certificate_workplace() {
  rm -rf /run/berth-order.*
  work=$(mktemp -d /run/berth-order.XXXXXX)
  aside=$LETSENCRYPT/berth/$domain.aside
  token=
  trap 'certificate_leave' EXIT
}

certificate_leave() {
  certificate_put_back
  rm -rf "$work"
  if [ -n "$token" ]; then rm -f "$CHALLENGES/berth-$token"; fi
}

certificate_trust() { # PEM
  [ -n "$1" ] || return 0
  { cat /etc/ssl/certs/ca-certificates.crt && printf '%s' "$1"; } >"$work/ca.pem"
  export REQUESTS_CA_BUNDLE="$work/ca.pem"
}

# A site that is there and runs stays as it is: the certificate that it names may be the very one that is missing, and
# nginx would refuse to load it again.
certificate_challenge() { # CHALLENGE_SITE SITE_FILE
  case $(cat "$(site_path "$2")" 2>/dev/null) in
  "$1"*) if systemctl --quiet is-active nginx; then return 0; fi ;;
  esac
  site_write "$2" 0 "$1"
}

# Each failed validation counts at the authority, five an hour. So the runner asks first what the authority would ask, on
# every address of the name. This script can't hear the runner, for its input ended with itself: the word to go on
# comes the way the authority's own request will, over port 80 into nginx's log. 15 s are more than the runner takes.
certificate_reachable() {
  token=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
  install -d -m 0755 "$WEBROOT" "$WEBROOT/.well-known" "$CHALLENGES"
  printf '%s' "$token" >"$CHALLENGES/berth-$token"
  chmod 0644 "$CHALLENGES/berth-$token"
  tell token "$token" >&3
  tries=0
  until tail -n 1000 "/var/log/nginx/$domain.access.log" 2>/dev/null | grep -qF "/berth-$token-seen"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 75 ]; then
      echo "the runner did not see http://$domain/.well-known/acme-challenge/ within 15 s"
      return 1
    fi
    sleep 0.2
  done
}

certificate_accounts() {
  url=${server#*://}
  echo "$LETSENCRYPT/accounts/${url%/}"
}

# The account of the certificate, else any for this authority; certbot stops where it would have to ask which.
certificate_account_known() {
  account=$(sed -n 's/^account = //p' "$LETSENCRYPT/renewal/$domain.conf" 2>/dev/null)
  if [ -z "$account" ] || ! [ -d "$(certificate_accounts)/$account" ]; then
    account=$(find "$(certificate_accounts)/" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort | sed 's|.*/||;q')
  fi
  [ -n "$account" ]
}

# certbot refuses a name that it has leftovers of; they come back if the order fails.
certificate_aside() {
  certificate_put_back
  if [ "$(certificate_lineage "$domain")" = whole ] && certificate_renewable; then return 0; fi
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

certificate_put_back() {
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

certificate_renewable() {
  for setting in cert privkey chain fullchain server account authenticator; do
    grep -q "^$setting = ." "$LETSENCRYPT/renewal/$domain.conf" 2>/dev/null || return 1
  done
}

# Waits for another certbot up to five minutes, and helps over what certbot itself gives up at.
certificate_certbot() { # ARGUMENT ...
  waited=0 helps=0
  while :; do
    set -- "$@"
    code=0
    certificate_once "$@" >"$work/said" 2>&1 || code=$?
    if [ "$code" -ne 0 ]; then certificate_cause >>"$work/said"; fi
    cat "$work/said"
    [ "$code" -ne 0 ] || return 0
    if grep -q 'Another instance of Certbot is already running' "$work/said" && [ "$waited" -lt 300 ]; then
      [ "$waited" -gt 0 ] || tell say 'waiting for certbot, which is already at work on this server' >&3
      sleep 2
      waited=$((waited + 2))
      certificate_renewed_meanwhile && return 0
    elif [ "$helps" -lt 2 ] && certificate_help; then
      helps=$((helps + 1))
    else
      return "$code"
    fi
  done
}

# certbot 2.1 with Python 3.11 stumbles over every answer of the authority that it does not like, and says `AttributeError:
# can't set attribute`; what the authority answered is only in its log, which it begins anew each time.
certificate_cause() {
  sed -n 's/^acme\.messages\.Error: //p' /var/log/letsencrypt/letsencrypt.log 2>/dev/null | tail -n 1
}

certificate_once() { # ARGUMENT ...
  if certificate_account_known; then
    set -- "$@" --account "$account"
  elif [ -f "$work/eab.ini" ]; then
    set -- "$@" --config "$work/eab.ini"
  fi
  certbot "$@"
}

# The other certbot may have been the server's own timer, and a second order would be one for nothing.
certificate_renewed_meanwhile() {
  [ -n "$before" ] && [ "$(certificate_fingerprint <"$LETSENCRYPT/live/$domain/fullchain.pem" 2>/dev/null)" != "$before" ]
}

certificate_help() {
  if grep -qi 'badNonce\|JWS has an invalid anti-replay nonce' "$work/said"; then
    tell say 'the authority rejects nonces; asking more patiently' >&3
    certificate_patience
  elif grep -qi 'accountDoesNotExist\|unable to find existing account\|specified an account that does not exist' "$work/said" &&
    certificate_account_known; then
    tell say 'the authority does not know this account any more; registering anew' >&3
    folder "$LETSENCRYPT/berth/accounts" 0700
    rm -rf "$LETSENCRYPT/berth/accounts/$account"
    mv "$(certificate_accounts)/$account" "$LETSENCRYPT/berth/accounts/$account"
  else
    return 1
  fi
}

# certbot asks again once when a nonce is rejected. An authority that rejects every other one would get through an order
# of eight requests one time in ten, and each try would be an order more.
certificate_patience() {
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

# A reload returns before it has happened, and a failed one leaves the old workers serving: only what is served tells.
certificate_serve() { # DOMAIN SITE_FILE CHAIN_FILE
  if ! has openssl || ! grep -qF "ssl_certificate $3;" "$(site_path "$2")" 2>/dev/null; then return 0; fi
  wanted=$(certificate_fingerprint <"$3")
  if [ "$(certificate_served "$1")" = "$wanted" ]; then return 0; fi
  nginx -t
  nginx_reload
  tries=0
  while [ "$(certificate_served "$1")" != "$wanted" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 25 ]; then
      echo "nginx was reloaded, and port 443 still shows another certificate for $1 than $3; see who holds the port with \`ss -ltnp sport = :443\`"
      return 1
    fi
    sleep 0.2
  done
}
