# shellcheck shell=sh
# The certificate as it is on the server: certbot's, or brought by the user; and that nginx serves it.

LETSENCRYPT=/etc/letsencrypt

certificate_probe() { # DOMAIN DIRECTORY NOW
  domain=$1 directory=$2 now=$3
  fact certificate.served "$(certificate_served "$domain")"
  certificate_look certificate "$domain"
  certificate_look certificate.apart "berth-$domain"
  fact certificate.webroots "$(certificate_webroots "$domain")"
  fact_file certificate.contact "$LETSENCRYPT/berth/$domain.contact"
  fact certificate.own "$(certificate_own "$directory/tls.pem")"
  fact certificate.dns "$(certificate_credential "$LETSENCRYPT/berth/dns/$domain")"
  fact_if certificate.ipv6 test -e /proc/net/if_inet6
  fact certificate.addresses "$(certificate_addresses)"
  fact certificate.clock "$(certificate_clock "$now")"
}

# certbot's name for a certificate is usually the first of its domains, but need not be.
certificate_look() { # FACT NAME
  lineage=$(certificate_lineage "$2")
  fact "$1.lineage" "$lineage"
  case $lineage in
  whole) fact_file "$1.chain" "$LETSENCRYPT/live/$2/fullchain.pem" ;;
  lost) fact "$1.chain" absent ;;
  *) fact_file "$1.chain" "$LETSENCRYPT/archive/$2/fullchain$lineage.pem" ;;
  esac
  fact_file "$1.conf" "$LETSENCRYPT/renewal/$2.conf"
}

# `NAME PATH;` for each certificate that certbot renews by a challenge for the domain in a folder.
certificate_webroots() { # DOMAIN
  set -- "$1" "$LETSENCRYPT"/renewal/*.conf
  [ -f "$2" ] || return 0
  webroots_domain=$1
  shift
  awk -v domain="$webroots_domain" '
    FNR == 1 { map = 0 }
    /^ *\[\[/ { map = $1 == "[[webroot_map]]" }
    map && $1 == domain && $2 == "=" && NF == 3 {
      name = FILENAME
      sub(/.*\//, "", name)
      sub(/\.conf$/, "", name)
      printf "%s %s;", name, $3
    }' "$@" 2>/dev/null
}

# `whole`; or the newest version in certbot's archive from which the live folder can be restored; or `lost`.
certificate_lineage() { # NAME
  if ! [ -e "$LETSENCRYPT/live/$1" ] && ! [ -e "$LETSENCRYPT/archive/$1" ]; then
    echo lost
    return
  fi
  links=$(cd "$LETSENCRYPT/live/$1" 2>/dev/null && readlink cert.pem chain.pem fullchain.pem privkey.pem)
  version=${links%%.pem*}
  version=${version##*cert}
  if certificate_linked "$1" "$version" "$links" && certificate_paired "$1" "$version"; then
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

certificate_versions() { # NAME
  find "$LETSENCRYPT/archive/$1" -name 'fullchain*.pem' 2>/dev/null |
    sed -n 's/.*fullchain\([0-9]*\)\.pem$/\1/p' | sort -rn
}

# certbot makes the four links one by one, and may be killed between two of them.
certificate_linked() { # NAME VERSION LINKS
  linked_name=$1 linked_version=$2 linked_to=$3
  [ "$linked_to" = "../../archive/$linked_name/cert$linked_version.pem
../../archive/$linked_name/chain$linked_version.pem
../../archive/$linked_name/fullchain$linked_version.pem
../../archive/$linked_name/privkey$linked_version.pem" ]
}

certificate_paired() { # NAME VERSION
  for kind in cert chain fullchain privkey; do
    [ -s "$LETSENCRYPT/archive/$1/$kind$2.pem" ] || return 1
  done
  has openssl || return 0
  # Writes nothing. Fails if key and certificate do not belong together.
  openssl pkcs12 -export -nomac -keypbe NONE -certpbe NONE -passout pass: -out /dev/null \
    -in "$LETSENCRYPT/archive/$1/fullchain$2.pem" -inkey "$LETSENCRYPT/archive/$1/privkey$2.pem" 2>/dev/null
}

# The file has a private key, which must not leave the server. Its checksum is enough.
certificate_own() { # FILE
  if [ -f "$1" ]; then
    echo "$(stat -c '%a %U:%G' "$1") $(sha256sum <"$1" | cut -d ' ' -f 1)"
  else
    echo absent
  fi
}

# The same for what sets a record in DNS; `unfinished` if a run that was killed has left two of them.
certificate_credential() { # FILE
  if [ -e "$1.new" ] || [ -e "$1.old" ]; then echo unfinished; else certificate_own "$1"; fi
}

# The first certificate on stdin, in base64 without line breaks.
certificate_first() {
  awk '/^-----BEGIN CERT/ { inside = 1; next } /^-----END CERT/ { exit } inside { printf "%s", $0 }'
}

# The certificate that clients get here, whatever is on disk; empty if nobody answers. It is not verified, because reading the
# system's authorities takes as long as everything else.
certificate_served() { # DOMAIN
  if has openssl; then
    SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/dev/null timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$1" \
      </dev/null 2>/dev/null | certificate_first
  fi
}

# Without addresses of containers, which come and go and can't be reached from outside.
certificate_addresses() {
  ip -o addr show scope global 2>/dev/null |
    awk '$2 !~ /^(docker|br-|veth|berth-)/ && $3 ~ /^inet/ { sub("/.*", "", $4); printf "%s ", $4 }'
}

# `right`, or the date that this clock shows, if that is more than a day away from SECONDS since 1970.
certificate_clock() { # SECONDS
  off=$(($(date +%s) - $1))
  if [ "${off#-}" -lt 86400 ]; then echo right; else date -u +%Y-%m-%d; fi
}

certificate_restore() { # NAME VERSION
  folder "$LETSENCRYPT/live/$1" 0755
  for kind in cert chain fullchain privkey; do
    ln -sf "../../archive/$1/$kind$2.pem" "$LETSENCRYPT/live/$1/$kind.pem.berth-new"
    mv -fT "$LETSENCRYPT/live/$1/$kind.pem.berth-new" "$LETSENCRYPT/live/$1/$kind.pem"
  done
}

# Key and chain are in one file, so that a power cut can't separate them.
certificate_bring() { # DOMAIN DIRECTORY CONTENT SITE_FILE
  domain=$1 directory=$2 content=$3 site=$4
  folder "$directory" 0755
  put "$directory/tls.pem" 0600 "$content"
  certificate_serve "$domain" "$site" "$directory/tls.pem"
}

# A reload returns before it is done, and if it fails the old workers go on: only what is served shows whether it worked.
certificate_serve() { # DOMAIN SITE_FILE CHAIN_FILE
  serve_domain=$1 serve_site=$2 serve_chain=$3
  if ! has openssl || ! grep -qF "ssl_certificate $serve_chain;" "$(site_path "$serve_site")" 2>/dev/null; then return 0; fi
  wanted=$(certificate_first <"$serve_chain")
  if [ "$(certificate_served "$serve_domain")" = "$wanted" ]; then return 0; fi
  nginx -t
  nginx_reload
  tries=0
  while [ "$(certificate_served "$serve_domain")" != "$wanted" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 25 ]; then
      echo "nginx was reloaded, but port 443 still shows another certificate for $serve_domain than $serve_chain; see what uses the port with \`ss -ltnp sport = :443\`"
      return 1
    fi
    sleep 0.2
  done
}
