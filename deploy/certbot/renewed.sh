#!/bin/sh
# What certbot runs after each renewal (Debian's certbot.timer, or /etc/cron.d/certbot, looks twice a day). Nobody's stream is cut.
# - TLS_FOLDER, /etc/heliograph/tls where that is unset: if it is there, the certificate and its key are put into it, for the folder's group to
#   read. The server takes them by itself (TLS_CERT_FILE=…/fullchain.pem, TLS_KEY_FILE=…/privkey.pem).
# - nginx, if it runs, is told to read its configuration anew. NGINX_COMMAND is how it is called.
# - NGINX_RELOAD_COMMAND does that instead where nginx runs elsewhere, as in a container (docker-compose.prod.yml).
set -eu
: "${RENEWED_LINEAGE:?is set by certbot: the folder of the certificate}"
tls=${TLS_FOLDER:-/etc/heliograph/tls}
nginx=${NGINX_COMMAND:-nginx}

if [ -d "$tls" ]; then
  group=$(stat -c %g "$tls")
  for file in privkey.pem fullchain.pem; do # the server takes neither before both are there
    install -m 640 -g "$group" "$RENEWED_LINEAGE/$file" "$tls/.$file.new"
  done
  for file in privkey.pem fullchain.pem; do
    mv -f "$tls/.$file.new" "$tls/$file"
  done
fi

# shellcheck disable=SC2086 # it may have options
if [ -n "${NGINX_RELOAD_COMMAND:-}" ]; then
  sh -c "$NGINX_RELOAD_COMMAND"
elif command -v ${nginx%% *} >/dev/null; then
  configuration=$($nginx -T 2>&1) || { echo "nginx was not reloaded, its configuration has a fault: $configuration" >&2; exit 1; }
  pid_file=$(echo "$configuration" | sed -n 's/^pid[[:space:]]*\(.*\);$/\1/p' | tail -n 1)
  pid=$(cat "${pid_file:-/run/nginx.pid}" 2>/dev/null || true)
  if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then $nginx -s reload; fi
fi
