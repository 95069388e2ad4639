#!/bin/sh
# Puts a backup back: npm run admin -- restore, with what is built. Stop the workers first, and start them after.
#   restore.sh <folder of a backup> [--identity <file>] [--yes]   the variables' file names the new database then
#   restore.sh <folder of a backup> --rehearse                    beside the running system; changes nothing
#   HELIOGRAPH_ENV_FILE    the variables of the server, with a line MONGO_URI=
set -eu
case "${1:-}" in
  '' | -*) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
  /*) folder=$1 ;;
  *) folder=$PWD/$1 ;;
esac
shift
cd "$(dirname "$0")/../.."
umask 077

switch=${HELIOGRAPH_ENV_FILE:-}
for word in "$@"; do
  case $word in --rehearse | --env-file | --env-file=*) switch= ;; esac
done
exec node ${HELIOGRAPH_ENV_FILE:+"--env-file=$HELIOGRAPH_ENV_FILE"} backend/dist/admin.js restore "$folder" ${switch:+"--env-file=$switch"} "$@"
