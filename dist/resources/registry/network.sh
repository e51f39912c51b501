# shellcheck shell=sh
# The network of a registry that connects to others, such as object storage. Docker writes rules for it only when it starts.

network_probe() { # DIRECTORY
  fact_if registry.rules network_rules
  fact_if registry.trust network_trust "$1/generations/$(registry_generation "$1")/start"
}

# Whether the registry knows the authorities that somebody has given the server, for it reads them once, when it starts. Those that come with
# the distribution change too often to count, and not in what matters here.
network_trust() { # START
  [ -z "$(find /etc/ssl/certs/ca-certificates.crt -newer "$1" -exec find /usr/local/share/ca-certificates -cnewer "$1" -print -quit \; 2>/dev/null)" ]
}

# Whether the rules are there, or not needed. `nft flush ruleset`, with which Debian's nftables.conf begins, removes them.
network_rules() {
  ! systemctl --quiet is-active docker || network_unruled || iptables-save 2>/dev/null | grep -q '^:DOCKER ' ||
    nft list tables 2>/dev/null | grep -q docker
}

network_unruled() {
  grep -Eqs '"iptables" *: *false' /etc/docker/daemon.json || systemctl show --property ExecStart docker | grep -q -e '--iptables=false'
}
