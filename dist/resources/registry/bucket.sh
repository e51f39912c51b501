# shellcheck shell=sh
# The bucket in object storage in which a registry keeps its images.

# Tries everything that a registry needs of it. ACCESS is JSON with the key, so it is passed on stdin.
bucket_check() { # PROGRAM ACCESS
  printf '%s\n' "$2" | python3 -I -c "$1" "$ACCOUNT"
}
