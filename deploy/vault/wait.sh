#!/bin/sh
# Waits until Vault's agent has written every secret, HELIOGRAPH_WRITTEN_SECONDS (60) at most, so that workers that start after it find them.
#   $1: the folder, /run/heliograph-secrets where it is not given
set -eu
folder=${1:-/run/heliograph-secrets}
left=${HELIOGRAPH_WRITTEN_SECONDS:-60}
for template in "$(dirname "$0")"/templates/*.ctmpl; do
  file=$folder/$(basename "$template" .ctmpl)
  until [ -e "$file" ]; do
    if [ "$left" -le 0 ]; then
      echo "$file was not written: journalctl -u heliograph-vault-agent says why" >&2
      exit 1
    fi
    left=$((left - 1))
    sleep 1
  done
done
