#!/bin/sh
# Makes a backup, and removes those that need not be kept: npm run admin -- backup, with what is built, for cron and systemd.
#   HELIOGRAPH_ENV_FILE    the variables of the server, and BACKUP_*
#   BACKUP_METRICS_FILE    written once it is made, for the textfile collector of Prometheus' node_exporter
set -eu
cd "$(dirname "$0")/../.."
umask 077

node ${HELIOGRAPH_ENV_FILE:+"--env-file=$HELIOGRAPH_ENV_FILE"} backend/dist/admin.js backup "$@"

if [ -n "${BACKUP_METRICS_FILE:-}" ]; then
  {
    echo '# HELP heliograph_backup_last_success_timestamp_seconds When the last whole backup was made.'
    echo '# TYPE heliograph_backup_last_success_timestamp_seconds gauge'
    echo "heliograph_backup_last_success_timestamp_seconds $(date +%s)"
  } > "$BACKUP_METRICS_FILE.$$"
  chmod 644 "$BACKUP_METRICS_FILE.$$"
  mv "$BACKUP_METRICS_FILE.$$" "$BACKUP_METRICS_FILE"
fi
