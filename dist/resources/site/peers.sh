# shellcheck shell=sh
# The other servers of the same registry.

# `NAME=ADDRESS` for each. nginx gets addresses, because it would not start with a name that can't be resolved.
site_peers_probe() { # DIRECTORY [PEER ...]
  fact_file site.trust "$1/peers.pem"
  shift
  site_peers=
  for site_peer; do site_peers="$site_peers$site_peer=$(site_address "$site_peer") "; done
  fact site.peers "$site_peers"
}

# Sorted, so that it is the same address each time.
site_address() { # HOST
  { timeout 5 getent ahostsv4 "$1" | sort || :; timeout 5 getent ahostsv6 "$1" | sort; } 2>/dev/null | awk '{ print $1; exit }'
}

site_trust() { # DIRECTORY PEM
  folder "$1" 0755
  put "$1/peers.pem" 0644 "$2"
}

site_distrust() { # DIRECTORY
  rm -f "$1/peers.pem"
}
