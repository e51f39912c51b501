#!/bin/sh
# Runs on the server: makes repositories with a small image each: fill.sh COUNT, with USER:PASSWORD on stdin.
set -eu
read -r user || [ -n "$user" ]
digest() { echo "sha256:$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"; }
ask() { printf 'user = "%s"\n' "$user" | curl -sSf -K - -o /dev/null "$@"; }
config='{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
type=application/vnd.oci.image.manifest.v1+json
manifest='{"schemaVersion":2,"mediaType":"'$type'","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'$(digest "$config")'","size":'${#config}'},"layers":[]}'
for number in $(seq "$1"); do
  base=http://127.0.0.1:5000/v2/fill/app$number
  place=$(printf 'user = "%s"\n' "$user" | curl -sSf -K - -X POST -o /dev/null -w '%header{location}' "$base/blobs/uploads/")
  ask -X PUT -H 'Content-Type: application/octet-stream' --data-binary "$config" "http://127.0.0.1:5000$place&digest=$(digest "$config")"
  ask -X PUT -H "Content-Type: $type" --data-binary "$manifest" "$base/manifests/latest"
done
