# shellcheck shell=sh
# Berth's own nginx site, and nothing else of nginx.

site_probe() { # FILE DOMAIN OWN_CERTIFICATE DIRECTIVES
  site_file=$1 site_domain=$2 site_own=$3 site_directives=$4
  site_place
  site_nginx=$(nginx -v -T 2>&1)
  fact site.nginx "$(version_in "$site_nginx")"
  fact site.group "$(nginx_group)"
  fact_if site.ipv6 test -e /proc/net/if_inet6
  fact site.folder "$site_folder"
  fact_file site.file "$(site_path "$site_file")"
  fact_if site.enabled site_enabled "$site_file"
  fact_if site.loaded site_loaded "$site_file"
  site_files "$site_nginx" | site_configuration "$site_file" "$site_domain" "$site_directives" |
    while read -r site_name site_value; do fact "site.$site_name" "$site_value"; done
  fact_if site.own test -e "$site_own"
  site_ports "$site_file" "$site_nginx"
}

# Who has ports 80 and 443: nginx, where it runs with our site. Otherwise ss is asked, which looks through all processes.
site_ports() { # FILE OUTPUT
  if site_listens "$1" "$2" && site_enabled "$1" && site_loaded "$1" && nginx_runs; then
    fact site.port80 'program nginx'
    fact site.port443 'program nginx'
  else
    site_listeners=$(listeners)
    fact site.port80 "$(holder 80 "$site_listeners")"
    fact site.port443 "$(holder 443 "$site_listeners")"
  fi
}

# While the first certificate is ordered, the site has port 80 alone.
site_listens() { # FILE OUTPUT
  case $2 in
  *"/$1:"*'listen 443 '*) true ;;
  *) false ;;
  esac
}

# The number in the file may be another program's by now.
nginx_runs() {
  nginx_named=
  { read -r nginx_pid && read -r nginx_named <"/proc/$nginx_pid/comm"; } 2>/dev/null </run/nginx.pid
  [ "$nginx_named" = nginx ]
}

nginx_version() {
  if has nginx; then version_in "$(nginx -v 2>&1)"; fi
}

# The group of nginx's workers, which connect to the registry and read the file of users. It is read from the file, because nginx itself
# says nothing while a certificate is missing. If `user` names no group, it is that of the user's name; without `user` it is what
# nginx was built with.
nginx_group() {
  has nginx || return 0
  group_found=$(awk '{ sub(/[;#].*/, "") } $1 == "user" { print $NF; exit }' /etc/nginx/nginx.conf 2>/dev/null)
  if [ -z "$group_found" ]; then group_found=$(nginx -V 2>&1 | sed -n 's/.*--group=\([^ ]*\).*/\1/p'); fi
  echo "${group_found:-nogroup}"
}

# nginx's first line is `nginx version: nginx/1.26.3`, perhaps with the distribution's name.
version_in() { # OUTPUT
  case $1 in
  *'nginx version: nginx/'*)
    version_found=${1#*nginx version: nginx/}
    echo "${version_found%%[!0-9.]*}"
    ;;
  esac
}

# Debian and Ubuntu keep sites in one folder and link to them from another; others read conf.d. Only a folder that nginx.conf includes is
# of use; `site_folder` is empty if there is none.
site_place() {
  site_folder=
  if ! [ -e /etc/nginx/nginx.conf ]; then
    if [ -d /etc/nginx/sites-enabled ]; then site_folder=sites-available; else site_folder=conf.d; fi
    return
  fi
  for site_candidate in sites-enabled conf.d; do
    # If nginx is not there yet, its package will make them.
    if { [ -d "/etc/nginx/$site_candidate" ] || ! has nginx; } && site_included "$site_candidate"; then
      case $site_candidate in sites-enabled) site_folder=sites-available ;; *) site_folder=conf.d ;; esac
      return
    fi
  done
}

site_included() { # FOLDER
  grep -qs "^[^#]*include[[:space:]]\{1,\}[\"']\{0,1\}\(/etc/nginx/\)\{0,1\}$1/\*" /etc/nginx/*.conf
}

site_path() { # FILE
  [ -n "${site_folder-}" ] || site_place
  echo "/etc/nginx/${site_folder:-conf.d}/$1"
}

# The link by which nginx reads a site; empty if it reads the file itself.
site_link() { # FILE
  case $(site_path "$1") in /etc/nginx/sites-available/*) echo "/etc/nginx/sites-enabled/$1" ;; esac
}

site_enabled() { # FILE
  site_linked=$(site_link "$1")
  [ -z "$site_linked" ] || [ "$(readlink -f "$site_linked")" = "$(site_path "$1")" ]
}

# A run that was cut off leaves one of the two.
site_loaded() { # FILE
  [ ! -e "$(site_pending "$1")" ] && [ ! -e "$DRAINING" ]
}

# Exists from before the site changes until nginx has loaded the change. A reboot makes nginx load it, and clears /run.
site_pending() { # FILE
  echo "/run/berth-$1.pending"
}

# If nginx refused somebody else's site, our own change would fail, or be taken for the cause.
site_check() { # FILE DOMAIN
  has nginx || return 0
  if ! said=$(nginx -t -q 2>&1); then
    case $said in
    *"$1"* | *"/live/$2/"* | *"/live/berth-$2/"*) return 0 ;;
    esac
    echo 'nginx refuses its configuration as it is, before any change by Berth; fix it and run again:'
    echo "$said"
    return 1
  fi
}

site_forget() { # OWN_CERTIFICATE
  rm -f "$1"
}

# Writes the first content that this nginx understands. If nginx refuses it, the change is undone.
site_write() { # FILE (VERSION CONTENT) ...
  path=$(site_path "$1") file=$1
  shift
  version=$(nginx_version)
  while ! at_least "$1" "$version"; do shift 2; done
  : >"$(site_pending "$file")"
  if [ -f "$path" ]; then cp -p "$path" "$path.berth-old"; fi
  put "$path" 0644 "$2"
  link=$(site_link "$file")
  if [ -n "$link" ]; then ln -sfn "$path" "$link"; fi
  if nginx -t -q && nginx_reload; then
    rm -f "$path.berth-old" "$(site_pending "$file")"
    return
  fi
  if [ -f "$path.berth-old" ]; then
    mv -f "$path.berth-old" "$path"
  else
    rm -f "$path" "/etc/nginx/sites-enabled/$file"
  fi
  rm -f "$(site_pending "$file")"
  return 1
}

# The site that somebody set up for the same name by hand; it is kept where nginx does not read it.
site_retire() { # RIVAL DIRECTORY
  folder "$2/before-berth" 0700
  cp -L "$1" "$2/before-berth/${1##*/}"
  mv "$1" "$2/before-berth/.retiring"
  if nginx -t -q && nginx_reload; then
    rm "$2/before-berth/.retiring"
  else
    mv "$2/before-berth/.retiring" "$1"
    return 1
  fi
}

site_remove() { # FILE
  rm -f "/etc/nginx/sites-enabled/$1" "$(site_path "$1")"
  if has nginx && nginx -t -q; then nginx_reload; fi
}

at_least() { # WANTED FOUND
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}
