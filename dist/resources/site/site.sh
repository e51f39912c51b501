# shellcheck shell=sh
# Berth's own nginx site, and nothing else of nginx.

site_probe() { # FILE DOMAIN OWN_CERTIFICATE
  site_nginx=$(nginx -v -T 2>&1)
  site_listeners=$(listeners)
  fact site.nginx "$(version_in "$site_nginx")"
  fact site.group "$(nginx_group)"
  fact_if site.ipv6 test -e /proc/net/if_inet6
  fact_file site.file "$(site_path "$1")"
  fact_if site.enabled site_enabled "$1"
  fact_if site.loaded site_loaded "$1"
  fact site.rival "$(site_rival "$1" "$2")"
  fact site.others "$(echo "$site_nginx" | site_others "$1")"
  fact_if site.own test -e "$3"
  fact site.port80 "$(holder 80 "$site_listeners")"
  fact site.port443 "$(holder 443 "$site_listeners")"
}

nginx_version() {
  if has nginx; then version_in "$(nginx -v 2>&1)"; fi
}

# The group of nginx's workers, which is who asks the registry and reads the file of users. It is looked for in the file and not asked of
# nginx, which tells nothing while a certificate is missing. Where `user` names no group, it has the name of the user; without
# `user` it is what nginx was built with.
nginx_group() {
  has nginx || return 0
  group_found=$(awk '{ sub(/[;#].*/, "") } $1 == "user" { print $NF; exit }' /etc/nginx/nginx.conf 2>/dev/null)
  if [ -z "$group_found" ]; then group_found=$(nginx -V 2>&1 | sed -n 's/.*--group=\([^ ]*\).*/\1/p'); fi
  echo "${group_found:-nogroup}"
}

# What nginx says first is `nginx version: nginx/1.26.3`, maybe with the name of the distribution.
version_in() { # OUTPUT
  case $1 in
  *'nginx version: nginx/'*)
    version_found=${1#*nginx version: nginx/}
    echo "${version_found%%[!0-9.]*}"
    ;;
  esac
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

# A run that was cut off leaves one of the two.
site_loaded() { # FILE
  [ ! -e "$(site_pending "$1")" ] && [ ! -e "$DRAINING" ]
}

# Is there from before the site changes until nginx has taken the change. A reboot makes nginx take it, and clears /run.
site_pending() { # FILE
  echo "/run/berth-$1.pending"
}

# Another file that nginx reads and that says it serves the same name: `PATH`, with ` and others` if it serves more.
site_rival() { # FILE DOMAIN
  file=$1 domain=$2
  set --
  for rival in /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
    if [ -f "$rival" ] && [ "${rival##*/}" != "$file" ]; then set -- "$@" "$rival"; fi
  done
  [ $# -gt 0 ] || return 0
  awk -v domain="$domain" '
    function found(    statements, words, i, j, own, others) {
      for (i = split(text, statements, /[;{}]/); i > 0; i--)
        if (statements[i] ~ /^[ \t]*server_name[ \t]/)
          for (j = split(statements[i], words); j > 1; j--)
            if (words[j] == domain) own = 1
            else if (words[j] != "_") others = 1
      if (own) print file (others ? " and others" : "")
      return own
    }
    FNR == 1 { if (found()) exit; file = FILENAME; text = "" }
    { sub(/#.*/, ""); text = text $0 " " }
    END { if (FILENAME == file) found() }' "$@" | head -n 1
}

# A site of somebody else that nginx refuses would make our own change fail, or be taken for its cause.
site_check() { # FILE DOMAIN
  has nginx || return 0
  if ! said=$(nginx -t -q 2>&1); then
    case $said in
    *"$1"* | *"/live/$2/"*) return 0 ;;
    esac
    echo 'nginx refuses its configuration as it is, before any change of ours; mend it and run again:'
    echo "$said"
    return 1
  fi
}

# `4`, `6`, `46`: where another site is the one for names that nobody knows, from what `nginx -T` prints: every file that
# counts.
site_others() { # FILE
  awk -v file="/$1:" '
    /^# configuration file / { other = substr($0, length($0) - length(file) + 1) != file; next }
    other {
      sub(/#.*/, "")
      for (n = split($0, parts, /[;{}]/); n > 0; n--)
        if (parts[n] ~ /^[ \t]*listen[ \t].*[ \t]default(_server)?([ \t]|$)/) {
          split(parts[n], words)
          if (words[2] ~ /^\[.*\]:443$/) six = 6
          else if (words[2] ~ /(^|:)443$/) four = 4
        }
    }
    END { print four six }'
}

site_forget() { # OWN_CERTIFICATE
  rm -f "$1"
}

# Takes the first content that this nginx understands. nginx has the last word: what it refuses is taken back.
site_write() { # FILE (VERSION CONTENT) ...
  path=$(site_path "$1") file=$1
  shift
  version=$(nginx_version)
  while ! at_least "$1" "$version"; do shift 2; done
  : >"$(site_pending "$file")"
  if [ -f "$path" ]; then cp -p "$path" "$path.berth-old"; fi
  put "$path" 0644 "$2"
  if [ -d /etc/nginx/sites-enabled ]; then ln -sfn "$path" "/etc/nginx/sites-enabled/$file"; fi
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
