# shellcheck shell=sh
# Makes nginx load the certificates on disk, if it serves older ones.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
systemctl --quiet is-active nginx || exit 0
if ! command -v openssl >/dev/null; then
  nginx -t -q && nginx_reload
  exit
fi
fingerprint() { openssl x509 -noout -fingerprint -sha256 2>/dev/null; }
setting() { sed -n "s/^ *$1 \(.*\);/\1/p" "$2" | head -n 1; }
# Whether nginx serves an older certificate than one on disk, whose `name` and `file` this leaves for the message below.
old() {
  for site in /etc/nginx/sites-enabled/berth-*.conf /etc/nginx/conf.d/berth-*.conf; do
    file=$(setting ssl_certificate "$site" 2>/dev/null)
    [ -f "$file" ] || continue
    name=$(setting server_name "$site")
    served=$(timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$name" </dev/null 2>/dev/null | fingerprint)
    [ "$served" = "$(fingerprint <"$file")" ] || return 0
  done
  return 1
}
old || exit 0
nginx -t -q || exit 1
nginx_reload || exit 1
for _ in 1 2 3 4 5 6 7 8 9 10; do
  old || exit 0
  sleep 0.5
done
echo "nginx was reloaded but does not serve the certificate of $name in $file" >&2
exit 1
