#!/bin/sh
# The first certificate, while nothing listens on port 80 yet: certbot answers there itself.
#   deploy/certbot/standalone.sh chat.example.com admin@example.com [options of certbot]
# Once nginx runs, or the server with HTTP_REDIRECT_PORT=80 and ACME_WEBROOT, type the same with webroot.sh.
set -eu
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
name=$1 email=$2
shift 2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

exec certbot certonly --standalone --non-interactive --agree-tos --email "$email" --cert-name heliograph --domain "$name" \
  --deploy-hook "$here/renewed.sh" "$@"
