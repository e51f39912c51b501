# shellcheck shell=sh
# The programs that Berth stands on.

packages_probe() {
  for program in nginx certbot apt-get; do
    fact_if "packages.$program" has "$program"
  done
  fact_if packages.docker docker_found
  fact packages.halves "$(packages_halves)"
}

# What a package manager that was cut off has left half installed, of ours.
packages_halves() {
  has dpkg-query || return 0
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'docker*' containerd runc 'nginx*' 'certbot' 'python3-certbot' 2>/dev/null |
    awk '$1 !~ /^(installed|not-installed|config-files)$/ { printf "%s ", $2 }'
}

# The client alone is no engine, and podman's stand-in for it is none either. A snap has its engine where no PATH leads.
docker_found() {
  has docker && { has dockerd || docker version --format '{{.Server.Version}}'; }
}

packages_install() { # NAME ... , of docker nginx certbot
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  # An earlier installation may have been cut off.
  patiently dpkg --configure -a
  [ $# -gt 0 ] || return 0
  apt_get update
  wanted=
  for name in "$@"; do
    case $name in
    docker) wanted="$wanted docker.io $(available docker-cli) $(apparmor_tools)" ;;
    *) wanted="$wanted $name" ;;
    esac
  done
  # shellcheck disable=SC2086 # a list of package names
  apt_get install --yes --no-install-recommends --no-remove $wanted
}

# The first that this distribution has: newer Debians have Docker's client in a package of its own, and so on.
available() { # PACKAGE ...
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      echo "$package"
      return
    fi
  done
}

apt_get() {
  patiently apt-get -q -o Acquire::Retries=3 "$@"
}

# Whoever else is at work (unattended upgrades, most often) gets five minutes to finish. apt could wait for dpkg's lock by
# itself, but neither does dpkg, nor apt for the lock on its lists.
patiently() { # COMMAND ...
  waited=0
  while :; do
    code=0
    said=$("$@" 2>&1) || code=$?
    case $code$said in
    0*) break ;;
    *'lock was locked by '* | *'locked by another process'* | *'Could not get lock '*) [ "$waited" -lt 300 ] || break ;;
    *) break ;;
    esac
    [ "$waited" -gt 0 ] || tell say 'waiting for another package manager, which is at work on this server' >&3
    sleep 2
    waited=$((waited + 2))
  done
  echo "$said"
  return "$code"
}

# Where the kernel has AppArmor, Docker starts no container without its parser.
apparmor_tools() {
  if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] && ! has apparmor_parser; then
    echo apparmor
  fi
}
