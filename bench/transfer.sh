#!/bin/sh
# Runs on the server: transfer.sh up|down URL [CURL_OPTION], with USER:PASSWORD on stdin. Prints seconds.
set -eu
direction=$1 url=$2
shift 2
read -r user || [ -n "$user" ]
# Noise for no disk or wire to make smaller, once.
if [ "$(stat -c %s /tmp/layer 2>/dev/null)" != 1000000000 ]; then
  openssl enc -aes-128-ctr -nosalt -K 0 -iv 0 </dev/zero 2>/dev/null | head -c 1000000000 >/tmp/layer
  sha256sum /tmp/layer | cut -d ' ' -f 1 >/tmp/layer.sum
fi
digest=sha256:$(cat /tmp/layer.sum)
# The cipher that Docker’s own client asks for first; curl would ask for another.
ask() { printf 'user = "%s"\n' "$user" | curl -sSfk --tls13-ciphers TLS_AES_128_GCM_SHA256 -K - --resolve "*:443:127.0.0.1" --resolve "*:5443:127.0.0.1" --resolve "*:8443:127.0.0.1" -o /dev/null "$@"; }

if [ "$direction" = down ]; then
  ask "$@" -w '%{time_total}\n' "$url/v2/bench/layer/blobs/$digest"
else
  place=$(ask "$@" -X POST -w '%header{location}' "$url/v2/bench/layer/blobs/uploads/")
  # The blog's nginx and the registry itself may answer with a whole URL.
  ask "$@" -T /tmp/layer -H 'Content-Type: application/octet-stream' -w '%{time_total}\n' "$url/${place#"${place%%v2/*}"}&digest=$digest"
fi
