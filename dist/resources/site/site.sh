# shellcheck shell=sh
# Berth's own nginx site, and nothing else of nginx.

site_probe() { # FILE DOMAIN OWN_CERTIFICATE DIRECTIVES
  site_file=$1 site_domain=$2 site_own=$3 site_directives=$4
  site_place
  site_nginx=$(nginx -v -T 2>&1)
  site_listeners=$(listeners)
  fact site.nginx "$(version_in "$site_nginx")"
  fact site.group "$(nginx_group)"
  fact_if site.ipv6 test -e /proc/net/if_inet6
  fact site.folder "$site_folder"
  fact_file site.file "$(site_path "$site_file")"
  fact_if site.enabled site_enabled "$site_file"
  fact_if site.loaded site_loaded "$site_file"
  fact site.rival "$(echo "$site_nginx" | sed -n 's/^# configuration file \(.*\):$/\1/p' | site_rival "$site_file" "$site_domain")"
  fact site.others "$(echo "$site_nginx" | site_others "$site_file")"
  fact site.names "$(site_names "$site_nginx")"
  fact site.neighbours "$(echo "$site_nginx" | site_neighbours "$site_file")"
  fact site.named "$(echo "$site_nginx" | site_named "$site_directives")"
  fact_if site.own test -e "$site_own"
  fact site.port80 "$(holder 80 "$site_listeners")"
  fact site.port443 "$(holder 443 "$site_listeners")"
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

# Another file that nginx reads with a site for the same name: `PATH`, with ` and others` if it serves more names. stdin has the paths of
# all files that nginx reads; nginx prints none if it refuses one of them.
site_rival() { # FILE DOMAIN
  file=$1 domain=$2
  set --
  while read -r rival; do set -- "$@" "$rival"; done
  [ $# -gt 0 ] || set -- /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*
  for rival; do
    shift
    if [ -f "$rival" ] && [ "${rival##*/}" != "$file" ]; then set -- "$@" "$rival"; fi
  done
  [ $# -gt 0 ] || return 0
  awk -v domain="$domain" '
    function found(    statements, words, i, j, own, others) {
      for (i = split(tolower(text), statements, /[;{}]/); i > 0; i--)
        if (statements[i] ~ /^[ \t]*server_name[ \t]/)
          for (j = split(statements[i], words); j > 1; j--) {
            gsub(/["\047]/, "", words[j])
            if (words[j] == domain || words[j] == "." domain) own = 1
            else if (words[j] != "_") others = 1
          }
      if (own) print file (others ? " and others" : "")
      return own
    }
    FNR == 1 { if (found()) exit; file = FILENAME; text = "" }
    { sub(/#.*/, ""); text = text $0 " " }
    END { if (FILENAME == file) found() }' "$@" | head -n 1
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

# `4`, `6`, `46`: where another site answers for unknown names, from the output of `nginx -T`, which has every file that counts.
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

# How many bytes nginx reserves for a site's name; empty if it does not say.
site_names() { # OUTPUT
  case $1 in
  *'# configuration file '*)
    echo "$1" | sed -n 's/^[[:space:]]*server_names_hash_bucket_size[[:space:]]*\([0-9]*\);.*/\1/p' | grep . || echo 64
    ;;
  esac
}

# Whatever listens on ports 80 and 443 in a way that leaves no room for our servers, from the output of `nginx -T`: `KIND LISTEN PATH;`
# for each. `dual` is an IPv6 socket that takes IPv4 too, `stream` is not a web server, `proxy` needs another protocol from all
# clients, and `address` gets everything that is sent to its address.
site_neighbours() { # FILE
  awk -v file="/$1:" '
    function found(kind) {
      if (!seen[kind, listen, path]++) printf "%s %s %s;", kind, listen, path
    }
    function server_ends(    i, words, port) {
      for (i = 1; i <= listens; i++) {
        split(listening[i], words)
        listen = words[1]
        port = listen
        if (port !~ /^[0-9]+$/ && !sub(/^.*[^:]*:/, "", port)) port = 80
        if (listen ~ /^unix:/ || listening[i] ~ / (udp|quic)/) continue
        if (port ~ /\]$/ || port !~ /^[0-9]+$/) port = 80
        if (port != 80 && port != 443) continue
        if (stream) found("stream")
        else if (listening[i] ~ / proxy_protocol/) found("proxy")
        else if (listen ~ /^\[::\]/) { if (listening[i] ~ / ipv6only=off/) found("dual") }
        else if (listen !~ /^([0-9]+$|\*|0\.0\.0\.0)/) found("address")
      }
    }
    /^# configuration file / {
      path = $4
      sub(/:$/, "", path)
      other = substr($0, length($0) - length(file) + 1) != file
      depth = 0
      statement = ""
      next
    }
    !other { next }
    {
      gsub(/"[^"]*"|\047[^\047]*\047/, "_")
      sub(/(^|[ \t])#.*/, "")
      gsub(/[{};]/, " & ")
      for (i = 1; i <= NF; i++) {
        if ($i == "{") {
          split(statement, first)
          block[++depth] = first[1]
          if (first[1] == "server") { server = depth; listens = 0; stream = block[1] == "stream" }
          statement = ""
        } else if ($i == "}") {
          if (block[depth] == "server" && server == depth) { server_ends(); server = 0 }
          depth--
          statement = ""
        } else if ($i == ";") {
          if (server && depth == server) {
            if (statement ~ /^listen /) listening[++listens] = substr(statement, 8)
            # In a web server, it would be in a location.
            if (statement ~ /^proxy_pass /) stream = 1
          }
          statement = ""
        } else statement = statement (statement == "" ? "" : " ") $i
      }
    }'
}

# Those of the directives that the configuration names outside of Berth's own sites.
site_named() { # DIRECTIVES
  awk -v names="$1" '
    BEGIN { for (n = split(names, list); n > 0; n--) asked[list[n]] = 1 }
    /^# configuration file / { own = $0 ~ /\/berth-[^\/]*\.conf:$/; next }
    !own {
      sub(/#.*/, "")
      for (n = split($0, parts, /[;{}]/); n > 0; n--)
        if (split(parts[n], words) && words[1] in asked) found[words[1]] = 1
    }
    END { for (name in found) printf "%s ", name }'
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
