#!/bin/sh
# A certificate while the service runs: it shows what certbot puts into a folder. All renewals go this way from then on.
#   deploy/certbot/webroot.sh chat.example.com admin@example.com [options of certbot]
# The folder is WEBROOT, /var/www/certbot where that is unset: nginx has it in snippets/challenge.conf, the server in ACME_WEBROOT.
set -eu
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
name=$1 email=$2
shift 2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
webroot=${WEBROOT:-/var/www/certbot}
mkdir -p -m 755 "$webroot"

# Forced, for certbot remembers the way with a certificate: it would leave one that is good where standalone.sh put it.
exec certbot certonly --webroot --webroot-path "$webroot" --non-interactive --agree-tos --email "$email" --cert-name heliograph \
  --domain "$name" --force-renewal --deploy-hook "$here/renewed.sh" "$@"
