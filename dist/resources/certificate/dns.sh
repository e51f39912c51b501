# shellcheck shell=sh
# Answers the authority by DNS: certbot's plugin for a provider, or the user's script, sets a record and removes it.
# `domain`, `dns` and `work` are the order's, see order.sh. `wait` and `note` are what dns_prove tells dns_with: how many seconds certbot
# waits for a record, and what runs after a hook that set one.

# It belongs to root, and certbot's settings name it, so that the timer finds it again.
dns_file() {
  echo "$LETSENCRYPT/berth/dns/$domain"
}

# Only use shows what a credential may do, and authorities count failed orders. So an order is rehearsed first, with a stand-in for
# the authority. Only a credential that has passed replaces the old one.
# shellcheck disable=SC2154 # `work` is made by order_workplace
dns_prove() { # CREDENTIAL REHEARSAL
  dns_credential=$(dns_file)
  rm -f "$dns_credential.new" "$dns_credential.old"
  if [ -n "$1" ]; then
    folder "${dns_credential%/*/*}" 0755
    folder "${dns_credential%/*}" 0700
    # Programs can't run from /run, so a hook is put beside its place.
    if [ "$dns" = hook ]; then put "$dns_credential.new" 0700 "$1"; else put "$dns_credential.new" 0600 "$1"; fi
  fi
  mkdir -p "$work/rehearsal"
  printf '%s' "$2" >"$work/rehearsal.py"
  wait=0
  note=" || echo \$? >$work/rehearsal/hook"
  dns_with "$dns_credential.new" order_unhooked order_bounded python3 "$work/rehearsal.py" "$domain" "$work/rehearsal" -- \
    certbot certonly --non-interactive --agree-tos --register-unsafely-without-email --domain "$domain"
  wait=$(cat "$work/rehearsal/wait")
  note=" && sleep $wait"
  dns_seen=$(cat "$work/rehearsal/seen")
  if [ "$dns_seen" = blind ]; then
    tell say "this server can’t ask the name servers of $domain, so the record was not checked; certbot will wait $wait s for it" >&3
  else
    tell say "a record was set for a rehearsal, and the name servers of $domain showed it after $dns_seen s; certbot will wait $wait s" >&3
  fi
  if [ -e "$dns_credential" ]; then mv -f "$dns_credential" "$dns_credential.old"; fi
  dns_moved=yes
  if [ -n "$1" ]; then mv -f "$dns_credential.new" "$dns_credential"; fi
}

# Runs a command with the arguments by which certbot sets the record. The wait is the measured one, not the plugin's own.
dns_with() { # CREDENTIAL_FILE COMMAND ...
  dns_used=$1
  shift
  set -- "$@" --preferred-challenges dns
  case $dns in
  hook)
    set -- "$@" --authenticator manual --manual-auth-hook "$dns_used set$note" \
      --manual-cleanup-hook "$dns_used clear"
    ;;
  route53)
    # It waits by itself until all of Amazon's servers have the record, and has no option for its credentials.
    set -- "$@" --authenticator dns-route53
    if [ -e "$dns_used" ]; then export AWS_CONFIG_FILE="$dns_used" AWS_SHARED_CREDENTIALS_FILE="$dns_used"; fi
    ;;
  *)
    set -- "$@" --authenticator "dns-$dns" "--dns-$dns-propagation-seconds" "$wait"
    if [ -e "$dns_used" ]; then set -- "$@" "--dns-$dns-credentials" "$dns_used"; fi
    ;;
  esac
  "$@"
}

# The credential that passed is used from now on.
dns_done() {
  dns_moved=
  rm -f "$(dns_file).old"
  [ "$dns" = route53 ] || dns_distrust "$domain"
}

# Puts back what an order found, unless it is done.
dns_undo() {
  dns_credential=$(dns_file)
  rm -f "$dns_credential.new"
  if [ -e "$dns_credential.old" ]; then
    mv -f "$dns_credential.old" "$dns_credential"
  elif [ "${dns_moved-}" = yes ]; then
    rm -f "$dns_credential"
  fi
}

# From now on certbot renews with another credential, or by DNS. The certificate is still good, so nothing is ordered.
dns_renew() { # ORDER CA CREDENTIAL REHEARSAL CONF
  order=$1 ca=$2 credential=$3 rehearsal=$4 conf=$5
  order_words "$order"
  order_workplace
  order_trust "$ca"
  dns_prove "$credential" "$rehearsal"
  # shellcheck disable=SC2154 # set by order_words
  put "$LETSENCRYPT/renewal/$name.conf" 0644 "$(printf '%s' "$conf" | sed "s/@WAIT@/$wait/")
"
  dns_done
}

# Amazon's library reads its credentials only from the environment, so the timer's service gets them there.
dns_trust() { # DOMAIN DROPIN
  dns_dropin=$(renewal_dropin "aws-$1")
  folder "${dns_dropin%/*}" 0755
  put "$dns_dropin" 0644 "$2"
  systemctl daemon-reload
}

dns_distrust() { # DOMAIN
  dns_dropin=$(renewal_dropin "aws-$1")
  if [ -e "$dns_dropin" ]; then
    rm -f "$dns_dropin"
    systemctl daemon-reload
  fi
}

# What certbot would still renew by DNS no longer can be: its timer would fail twice a day.
dns_forget() { # DOMAIN NAME
  domain=$1
  dns_conf=$LETSENCRYPT/renewal/$2.conf
  if grep -q '^authenticator = \(dns-\|manual\)' "$dns_conf" 2>/dev/null && ! grep -q '^autorenew' "$dns_conf"; then
    put "$dns_conf" 0644 "$(sed 's/^\[renewalparams\]$/&\nautorenew = False/' "$dns_conf")
"
  fi
  rm -f "$(dns_file)" "$(dns_file).old" "$(dns_file).new"
  rmdir "$LETSENCRYPT/berth/dns" 2>/dev/null || :
  dns_distrust "$1"
}
