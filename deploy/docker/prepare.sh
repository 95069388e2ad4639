#!/bin/sh
# Makes what docker-compose.yml reads from the folder `secrets`: every secret, and a certificate for localhost until there is a real one.
# What is there already stays as it is, so that it is safe to run again.
#   deploy/docker/prepare.sh [folder]
set -eu

folder=${1:-secrets}
command -v openssl >/dev/null || { echo 'openssl is needed' >&2; exit 1; }

# Containers read the files as users of their own; who is not let into the folder does not.
mkdir -p "$folder"
chmod 700 "$folder"
umask 022

# keep NAME: its content comes from standard input, unless it is there; whole or not at all.
keep() {
  if [ -s "$folder/$1" ]; then
    cat >/dev/null
    echo "$1: kept"
  else
    cat >"$folder/.$1.new"
    [ -s "$folder/.$1.new" ] || { rm -f "$folder/.$1.new"; echo "$1: could not be made" >&2; exit 1; }
    mv "$folder/.$1.new" "$folder/$1"
    echo "$1: made"
  fi
}

openssl rand -base64 48 | keep jwt_secret
openssl rand -base64 48 | keep auth_pepper
openssl rand -hex 24 | keep grafana_password
openssl rand -hex 32 | keep redis_password
openssl rand -hex 32 | keep mongo_root_password
openssl rand -hex 32 | keep mongo_password
openssl rand -hex 32 | keep mongo_restore_password
openssl rand -base64 756 | keep mongo_keyfile
echo "mongodb://heliograph:$(cat "$folder/mongo_password")@mongodb:27017/heliograph?replicaSet=rs0&authSource=heliograph" | keep mongo_uri
echo "mongodb://heliograph_restore:$(cat "$folder/mongo_restore_password")@mongodb:27017/heliograph?replicaSet=rs0&authSource=admin" | keep mongo_restore_uri

certificates=$folder/letsencrypt/live/heliograph
if [ -s "$certificates/fullchain.pem" ]; then
  echo 'certificate: kept'
else
  mkdir -p "$certificates"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "$certificates/privkey.pem" -out "$certificates/fullchain.pem" 2>/dev/null
  echo 'certificate: made, for localhost'
fi
