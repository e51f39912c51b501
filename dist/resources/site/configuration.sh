# shellcheck shell=sh
# What nginx's configuration has beside Berth's site.

# All files in the form of `nginx -T`. nginx prints none if it refuses one of them; then those that it would read.
site_files() { # OUTPUT
  case $1 in
  *'# configuration file '*)
    printf '%s\n' "$1"
    return
    ;;
  esac
  for site_each in /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
    if [ -f "$site_each" ]; then
      printf '# configuration file %s:\n' "$site_each"
      cat "$site_each"
      echo
    fi
  done
}

# Reads what `site_files` prints, and prints a line `NAME VALUE` for each of:
#
# rival       another file with a site for the same name: `PATH`, with ` and others` if it serves more names
# others      `4`, `6` or `46`: where another site answers for unknown names
# names       how many bytes nginx reserves for a site's name
# neighbours  whatever listens on ports 80 and 443 in a way that leaves no room for our servers: `KIND LISTEN PATH;` for each. `dual` is
#             an IPv6 socket that takes IPv4 too, `stream` is not a web server, `proxy` needs another protocol from all clients, and
#             `address` gets everything that is sent to its address
# named       those of the directives that are named outside of Berth's own sites
site_configuration() { # FILE DOMAIN DIRECTIVES
  site_file=$1 site_domain=$2 site_directives=$3
  awk -v file="$site_file" -v domain="$site_domain" -v directives="$site_directives" '
    BEGIN { for (n = split(directives, list); n > 0; n--) asked[list[n]] = 1 }

    # A line without quotes and comments. What was quoted ends no statement.
    function plain(text,    before, quoted) {
      while (match(text, /"[^"]*"|\047[^\047]*\047/)) {
        quoted = substr(text, RSTART + 1, RLENGTH - 2)
        gsub(/[{};# \t]/, "_", quoted)
        before = before substr(text, 1, RSTART - 1) quoted
        text = substr(text, RSTART + RLENGTH)
      }
      text = before text
      sub(/(^|[ \t])#.*/, "", text)
      return text
    }

    function file_ends() {
      if (own_name && rival == "") rival = path (other_name ? " and others" : "")
      own_name = other_name = depth = server = 0
      statement = ""
    }

    function statement_ends(    words, count, i) {
      count = split(statement, words)
      if (words[1] in asked && !berths) named[words[1]] = 1
      if (words[1] == "server_names_hash_bucket_size") bytes = words[2]
      if (words[1] == "server_name")
        for (i = 2; i <= count; i++) {
          words[i] = tolower(words[i])
          if (words[i] == domain || words[i] == "." domain) own_name = 1
          else if (words[i] != "_") other_name = 1
        }
      if (words[1] == "listen") {
        for (i = 3; i <= count; i++)
          if (words[i] ~ /^default(_server)?$/) {
            if (words[2] ~ /^\[.*\]:443$/) six = 6
            else if (words[2] ~ /(^|:)443$/) four = 4
          }
        if (server && depth == server) listening[++listens] = substr(statement, 8)
      }
      # In a web server, it would be in a location.
      if (words[1] == "proxy_pass" && server && depth == server) stream = 1
      statement = ""
      return words[1]
    }

    function found(kind) {
      if (!seen[kind, listen, path]++) neighbours = neighbours kind " " listen " " path ";"
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

    /^# configuration file / { file_ends() }
    /^# configuration file / {
      path = substr($0, 22)
      sub(/:$/, "", path)
      name = path
      sub(/.*\//, "", name)
      own = name == file
      berths = name ~ /^berth-.*\.conf$/
      next
    }
    own { next }
    {
      $0 = plain($0)
      gsub(/[{};]/, " & ")
      for (i = 1; i <= NF; i++) {
        if ($i == "{") {
          block[++depth] = statement_ends()
          if (block[depth] == "server") { server = depth; listens = 0; stream = block[1] == "stream" }
        } else if ($i == "}") {
          if (block[depth] == "server" && server == depth) { server_ends(); server = 0 }
          depth--
          statement = ""
        } else if ($i == ";") statement_ends()
        else statement = statement (statement == "" ? "" : " ") $i
      }
    }

    END {
      file_ends()
      print "rival", rival
      print "others", four six
      print "names", path == "" ? "" : bytes ? bytes : 64
      print "neighbours", neighbours
      for (each in named) words = words each " "
      print "named", words
    }'
}
