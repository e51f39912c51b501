# shellcheck shell=sh
# Berth's own nginx site, and nothing else of nginx.

site_probe() { # FILE
  fact site.nginx "$(nginx_version)"
  fact site.ipv6 "$(yes_if test -e /proc/net/if_inet6)"
  fact site.path "$(site_path "$1")"
  fact_file site.file "$(site_path "$1")"
  fact site.enabled "$(yes_if site_enabled "$1")"
  fact site.running "$(yes_if systemctl --quiet is-active nginx)"
}

nginx_version() {
  if has nginx; then nginx -v 2>&1 | sed 's|.*nginx/\([0-9.]*\).*|\1|'; fi
}

# Debian and Ubuntu keep sites in one folder and link them from another; others read conf.d.
site_path() { # FILE
  if [ -d /etc/nginx/sites-enabled ]; then
    echo "/etc/nginx/sites-available/$1"
  else
    echo "/etc/nginx/conf.d/$1"
  fi
}

site_enabled() { # FILE
  [ ! -d /etc/nginx/sites-enabled ] ||
    [ "$(readlink -f "/etc/nginx/sites-enabled/$1")" = "/etc/nginx/sites-available/$1" ]
}

# Takes the first content that this nginx understands. nginx has the last word: what it refuses is taken back.
site_write() { # FILE (VERSION CONTENT) ...
  path=$(site_path "$1") file=$1
  shift
  version=$(nginx_version)
  while ! at_least "$1" "$version"; do shift 2; done
  if [ -f "$path" ]; then cp -p "$path" "$path.berth-old"; fi
  put "$path" 0644 "$2"
  if [ -d /etc/nginx/sites-enabled ]; then ln -sfn "$path" "/etc/nginx/sites-enabled/$file"; fi
  if nginx -t; then
    rm -f "$path.berth-old"
    nginx_reload
    return
  fi
  if [ -f "$path.berth-old" ]; then
    mv -f "$path.berth-old" "$path"
  else
    rm -f "$path" "/etc/nginx/sites-enabled/$file"
  fi
  return 1
}

nginx_reload() {
  if systemctl --quiet is-active nginx; then
    systemctl reload nginx
  else
    systemctl enable --now nginx
  fi
}

at_least() { # WANTED FOUND
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}
