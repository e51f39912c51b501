# shellcheck shell=sh
# What the store of a registry has, and how to remove what nobody needs. `store.pl` and `bucket.py` do the work.

# The config.yml of the registry that serves, with the bucket's key, in base64; empty if none serves.
retention_config() { # DIRECTORY
  fact retention.config "$(base64 -w 0 "$1/generations/$(registry_generation "$1")/config.yml" 2>/dev/null)"
}

# Everything that is there, as `parseInventory` reads it. PULLS is the program that reads pulls, if they are needed.
retention_look() { # DIRECTORY DOMAIN GRACE STORE [PULLS]
  directory=$1 domain=$2 grace=$3 store=$4 pulls=${5-}
  fact retention.domain "$(cat "$directory/domain" 2>/dev/null)"
  [ "$(cat "$directory/domain" 2>/dev/null)" = "$domain" ] || return 0
  retention_config "$directory"
  fact retention.store "$({
    if [ -n "$pulls" ]; then retention_pulls "$directory" "$domain" "$pulls"; fi
    perl -e "$store" look "$directory/data" "$ACCOUNT" "$grace"
  } | gzip -c | base64 -w 0)"
}

# The disk itself knows when an image was read, unless it is mounted with noatime.
retention_pulls() { # DIRECTORY DOMAIN PROGRAM
  pulls_directory=$1 pulls_domain=$2 pulls_program=$3
  find /var/log/nginx -name "$pulls_domain.access.log*" -exec zcat -f {} + 2>/dev/null | perl -e "$pulls_program"
  case ,$(findmnt --noheadings --output OPTIONS --target "$pulls_directory/data"), in
  *,noatime,*) echo 'noatime' ;;
  esac
}

# Sets aside what ORDERS names, and garbage; or puts back what the last run set aside.
retention_run() { # COMMAND DIRECTORY GRACE STORE ORDERS
  command=$1 directory=$2 grace=$3 store=$4 orders=$5
  result=$(printf '%s' "$orders" | perl -e "$store" "$command" "$directory/data" "$ACCOUNT" "$grace")
  fact retention.result "$(echo "$result" | gzip -c | base64 -w 0)"
}

# The same for images in a bucket. SETTINGS tell PROGRAM what to do, and have the bucket's key.
retention_look_bucket() { # DIRECTORY DOMAIN SETTINGS PROGRAM [PULLS]
  directory=$1 domain=$2 settings=$3 program=$4 pulls=${5-}
  fact retention.domain "$(cat "$directory/domain" 2>/dev/null)"
  [ "$(cat "$directory/domain" 2>/dev/null)" = "$domain" ] || return 0
  retention_config "$directory"
  fact retention.store "$({
    if [ -n "$pulls" ]; then find /var/log/nginx -name "$domain.access.log*" -exec zcat -f {} + 2>/dev/null | perl -e "$pulls"; fi
    retention_bucket "$domain" "$settings" "$program" ''
  } | gzip -c | base64 -w 0)"
}

# Other runs in the bucket know this server by a number: of the same server there is no other, for it has a lock.
retention_run_bucket() { # DOMAIN SETTINGS PROGRAM ORDERS
  [ -s /run/berth-server ] || put /run/berth-server 0600 "$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')"
  result=$(retention_bucket "$@")
  fact retention.result "$(echo "$result" | gzip -c | base64 -w 0)"
}

retention_layers() { # DOMAIN
  find /var/log/nginx -name "$1.access.log*" -mtime -8 -exec zcat -f {} + 2>/dev/null | grep -aE '/(blobs|manifests)/[a-z0-9]+:|[?&]mount=' || :
}

# What a server that does not collect knows about its clients.
retention_logs() { # DIRECTORY DOMAIN [PULLS]
  directory=$1 domain=$2 pulls=${3-}
  fact retention.domain "$(cat "$directory/domain" 2>/dev/null)"
  fact retention.layers "$(retention_layers "$domain" | gzip -c | base64 -w 0)"
  [ -n "$pulls" ] || return 0
  fact retention.pulls "$(find /var/log/nginx -name "$domain.access.log*" -exec zcat -f {} + 2>/dev/null | perl -e "$pulls" | gzip -c | base64 -w 0)"
}

# Only nginx's logs tell which layers and images were read. The script sets OTHER_LOGS to those of the other servers.
retention_bucket() { # DOMAIN SETTINGS PROGRAM ORDERS
  bucket_domain=$1 bucket_settings=$2 bucket_program=$3 bucket_orders=$4
  {
    printf '%s\n%s' "$bucket_settings" "$bucket_orders"
    retention_layers "$bucket_domain"
    for retention_log in ${OTHER_LOGS-}; do printf '%s' "$retention_log" | base64 -d; done | gzip -dc 2>/dev/null
  } | python3 -I -c "$bucket_program" "$ACCOUNT"
}

# A registry with a cache would still claim what is gone, so the same generation is started again, with an empty cache.
retention_restart() { # DIRECTORY DOMAIN
  directory=$1 domain=$2
  generation=$(registry_generation "$directory")
  start=$(cat "$directory/generations/$generation/start" && echo .)
  config=$(cat "$directory/generations/$generation/config.yml" && echo .)
  registry_up "$directory" "$domain" "${generation%%-*}" "${start%.}" "${config%.}" || tell retention.restart failed
}

# Puts back the layers of images that such a registry accepted in the meantime because it still claimed them.
retention_settle() { # DIRECTORY GRACE STORE
  directory=$1 grace=$2 store=$3
  perl -e "$store" settle "$directory/data" "$ACCOUNT" "$grace" >/dev/null
}
