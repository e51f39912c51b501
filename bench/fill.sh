#!/bin/sh
# Runs on the server: makes repositories with a small image each: fill.sh COUNT [LAYERS]. Speaks to the registry behind nginx.
set -eu
digest() { printf %s "$1" | sha256sum | sed 's/^/sha256:/; s/ .*//'; }
ask() { curl -sSf --unix-socket /opt/berth/registry.sock -o /dev/null "$@"; }
# upload REPOSITORY CONTENT
upload() {
  place=$(ask -X POST -w '%header{location}' "http://registry/v2/$1/blobs/uploads/")
  ask -X PUT -H 'Content-Type: application/octet-stream' --data-binary "$2" "http://registry/${place#"${place%%v2/*}"}&digest=$(digest "$2")"
}
config='{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
type=application/vnd.oci.image.manifest.v1+json
for number in $(seq "$1"); do
  repository=fill/app$number
  upload "$repository" "$config"
  layers=
  for layer in $(seq "${2:-0}"); do
    upload "$repository" "layer $layer of $number"
    layers="$layers${layers:+,}"'{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"'$(digest "layer $layer of $number")'","size":'$(printf %s "layer $layer of $number" | wc -c)'}'
  done
  manifest='{"schemaVersion":2,"mediaType":"'$type'","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'$(digest "$config")'","size":'${#config}'},"layers":['$layers']}'
  ask -X PUT -H "Content-Type: $type" --data-binary "$manifest" "http://registry/v2/$repository/manifests/latest"
done
