#!/bin/sh
# Makes a backup, and removes those that need not be kept: npm run admin -- backup, with what is built, for cron and systemd.
#   HELIOGRAPH_ENV_FILE    the variables of the server, and BACKUP_*
#   BACKUP_METRICS_FILE    written once it is made, for the textfile collector of Prometheus' node_exporter; nothing where its folder is not there
set -eu
cd "$(dirname "$0")/../.."
umask 077

node ${HELIOGRAPH_ENV_FILE:+"--env-file=$HELIOGRAPH_ENV_FILE"} backend/dist/admin.js backup "$@"

metrics=${BACKUP_METRICS_FILE:-}
folder=$(dirname "$metrics")
if [ -z "$metrics" ] || [ ! -d "$folder" ]; then exit 0; fi
if [ ! -w "$folder" ]; then
  echo "$metrics cannot be written: Prometheus is not told of this backup" >&2
  exit 0
fi
{
  echo '# HELP heliograph_backup_last_success_timestamp_seconds When the last whole backup was made.'
  echo '# TYPE heliograph_backup_last_success_timestamp_seconds gauge'
  echo "heliograph_backup_last_success_timestamp_seconds $(date +%s)"
} > "$metrics.$$"
chmod 644 "$metrics.$$"
mv "$metrics.$$" "$metrics"
