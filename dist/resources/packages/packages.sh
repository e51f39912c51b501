# shellcheck shell=sh
# The programs that Berth needs.

packages_probe() {
  for program in nginx certbot apt-get; do
    fact_if "packages.$program" has "$program"
  done
  fact_if packages.docker docker_found
  fact packages.halves "$(packages_halves)"
}

# Those of our packages that an interrupted package manager has left half installed.
packages_halves() {
  has dpkg-query || return 0
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'docker*' containerd runc 'nginx*' 'certbot' 'python3-certbot' 2>/dev/null |
    awk '$1 !~ /^(installed|not-installed|config-files)$/ { printf "%s ", $2 }'
}

# The client alone is not an engine, nor is podman's replacement for it. A snap's engine is outside of PATH.
docker_found() {
  has docker && { has dockerd || engine version --format '{{.Server.Version}}'; }
}

# certbot's plugin for a DNS provider: `there`; `package` if the distribution has one; `unknown` while apt has no lists; or `lacking`
# with the plugins that there are; or `foreign` with them, if certbot is not the distribution's.
packages_probe_plugin() { # NAME
  fact packages.plugin "$(packages_plugin "$1")"
}

packages_plugin() { # NAME
  if has certbot && [ "$(readlink -f "$(command -v certbot)")" != /usr/bin/certbot ]; then
    packages_own=$(certbot plugins 2>/dev/null | sed -n 's/^\* dns-//p' | packages_usable)
    case " $packages_own" in
    *" $1 "*) echo there ;;
    *) echo "foreign $packages_own" ;;
    esac
  elif [ "$(dpkg-query -W -f '${db:Status-Status}' "python3-certbot-dns-$1" 2>/dev/null)" = installed ]; then
    # Not by its files, which may have other names: gandi's are in certbot_plugin_gandi.
    echo there
  elif apt-cache show "python3-certbot-dns-$1" >/dev/null 2>&1; then
    echo package
  elif packages_listed; then
    echo "lacking $(packages_plugins)"
  else
    echo unknown
  fi
}

# Without its lists, apt knows only what is installed.
packages_listed() {
  find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' 2>/dev/null | grep -q .
}

# Those of the distribution.
packages_plugins() {
  apt-cache search --names-only '^python3-certbot-dns-' | sed -n 's/^python3-certbot-dns-\([^ ]*\) .*/\1/p' | packages_usable
}

# Plugins, one a line, as a list. `standalone` is a name server of its own, which answers only while it is at work.
packages_usable() {
  sed '/^standalone$/d' | sort | tr '\n' ' '
}

packages_install() { # NAME ... , of docker nginx>=OLDEST certbot and certbot's plugins
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  packages_settle
  # An earlier installation may have been cut off, or stopped at a question.
  unbroken=yes
  # shellcheck disable=SC2086 # options
  patiently dpkg $KEEP --configure -a || unbroken=
  [ $# -gt 0 ] || [ -z "$unbroken" ] || return 0
  # A source that is not Debian's may be gone. Then the packages come from the others, or the installation fails.
  apt_get update || echo 'not all lists of packages could be read'
  if [ -z "$unbroken" ]; then apt_get install --yes --fix-broken --no-remove; fi
  [ $# -gt 0 ] || return 0
  wanted=
  for name in "$@"; do
    case $name in
    python3-certbot-dns-*)
      if ! apt-cache show "$name" >/dev/null 2>&1; then
        echo "lacking ${name#python3-certbot-dns-}: $(packages_plugins)"
        return 1
      fi
      wanted="$wanted $name"
      ;;
    'nginx>='*)
      candidate=$(apt-cache show --no-all-versions nginx 2>/dev/null | sed -n 's/^Version: \([0-9.]*\).*/\1/p')
      if [ -n "$candidate" ] && ! at_least "${name#*>=}" "$candidate"; then
        echo "old nginx $candidate"
        return 1
      fi
      wanted="$wanted nginx"
      ;;
    docker) wanted="$wanted docker.io $(available docker-cli) $(apparmor_tools)" ;;
    *) wanted="$wanted $name" ;;
    esac
  done
  # shellcheck disable=SC2086 # a list of package names
  apt_get install --yes --no-install-recommends --no-remove $wanted
}

# A new machine accepts SSH while cloud-init is still writing its package sources, and installing packages itself.
packages_settle() {
  case $(has cloud-init && timeout 20 cloud-init status 2>/dev/null) in
  *'status: running'*)
    tell say 'waiting for cloud-init, which is still setting up this server' >&3
    timeout 300 cloud-init status --wait >/dev/null 2>&1 || :
    ;;
  esac
}

# The first package that this distribution has: newer Debians have Docker's client in a package of its own, for example.
available() { # PACKAGE ...
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      echo "$package"
      return
    fi
  done
}

# A configuration file that was there before its package stays, without a question.
KEEP='--force-confdef --force-confold'

apt_get() { # ARGUMENT ...
  patiently apt-get -q -o Acquire::Retries=3 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# Another package manager (most often unattended upgrades) gets five minutes to finish. apt can wait for dpkg's lock, but dpkg itself
# can't, and apt can't wait for the lock on its lists.
patiently() { # COMMAND ...
  waited=0
  while :; do
    code=0
    said=$("$@" 2>&1) || code=$?
    case $code$said in
    0*) break ;;
    *'lock was locked by '* | *'locked by another process'* | *'Could not get lock '*)
      [ "$waited" -lt 300 ] || { echo "$said" && exit "$code"; }
      ;;
    *) break ;;
    esac
    [ "$waited" -gt 0 ] || tell say 'waiting for another package manager, which is running on this server' >&3
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
