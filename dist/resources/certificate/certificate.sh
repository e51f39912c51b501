# shellcheck shell=sh
# The certificate as it is on the server: certbot's, or brought by the user; and that nginx serves it.

LETSENCRYPT=/etc/letsencrypt

# Two looks at once: the one waits for nginx, the other works on files. Each says what it has seen when it has all of it: the
# second passes on what the first one said.
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
  fact_if certificate.ipv6 test -e /proc/net/if_inet6
  fact certificate.addresses "$(certificate_addresses)"
  fact certificate.clock "$(certificate_clock "$3")"
}

# `whole`; the newest version in certbot's archive that the live folder can be made from again; `lost`.
certificate_lineage() { # DOMAIN
  links=$(cd "$LETSENCRYPT/live/$1" 2>/dev/null && readlink cert.pem chain.pem fullchain.pem privkey.pem)
  version=${links%%.pem*}
  version=${version##*cert}
  if certificate_linked "$1" "$version" && certificate_paired "$1" "$version"; then
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
  [ "$links" = "../../archive/$1/cert$2.pem
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

# The first certificate on stdin, in base64 without line breaks.
certificate_first() {
  sed -n '/^-----BEGIN CERT/,/^-----END CERT/{ /^-----END/q; /^-----/!p; }' | tr -d '\n'
}

# The certificate that clients get here, whatever is on disk; empty if nobody answers. Nothing is checked, so the
# system's authorities need not be read, which takes as long as all the rest.
certificate_served() { # DOMAIN
  if has openssl; then
    SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/dev/null timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$1" \
      </dev/null 2>/dev/null | certificate_first
  fi
}

# Those of containers come and go, and nobody outside knows them; `berth-` is the bridge of a registry.
certificate_addresses() {
  ip -o addr show scope global 2>/dev/null |
    awk '$2 !~ /^(docker|br-|veth|berth-)/ && $3 ~ /^inet/ { sub("/.*", "", $4); printf "%s ", $4 }'
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

# A reload returns before it has happened, and a failed one leaves the old workers serving: only what is served tells.
certificate_serve() { # DOMAIN SITE_FILE CHAIN_FILE
  if ! has openssl || ! grep -qF "ssl_certificate $3;" "$(site_path "$2")" 2>/dev/null; then return 0; fi
  wanted=$(certificate_first <"$3")
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
