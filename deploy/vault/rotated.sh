#!/bin/sh
# What Vault's agent runs when it has written a secret's file: the workers are replaced one after the other, and the new ones read it.
#   HELIOGRAPH_PORTS            systemd's instances, such as "3000 3001"; those that do not run are left alone
#   HELIOGRAPH_PM2_USER         without ports: whose PM2 it is, where that is another user
#   HELIOGRAPH_READY_SECONDS    how long a worker may take until it is well, 60 where unset
# A worker that does not become well ends it with 1: the others go on with the secrets that they have.
set -eu
cd "$(dirname "$0")/../.."
exec 9>"${HELIOGRAPH_LOCK_FILE:-/run/lock/heliograph-rotated}"
flock 9 # the agent may come again meanwhile

if [ -z "${HELIOGRAPH_PORTS:-}" ]; then
  pm2() { ${HELIOGRAPH_PM2_USER:+runuser -u "$HELIOGRAPH_PM2_USER" --} npx pm2 "$@"; }
  [ -n "$(pm2 pid chat-api)" ] || exit 0
  pm2 reload chat-api
  exit
fi

for port in $HELIOGRAPH_PORTS; do
  systemctl is-active --quiet "heliograph@$port" || continue
  systemctl restart "heliograph@$port"
  left=${HELIOGRAPH_READY_SECONDS:-60}
  until deploy/health_check.sh "http://127.0.0.1:$port" >/dev/null 2>&1; do
    if [ "$left" -le 0 ]; then
      echo "heliograph@$port is not well with the new secrets: the other workers keep theirs" >&2
      exit 1
    fi
    left=$((left - 1))
    sleep 1
  done
done
