#!/bin/sh
# Asks a deployment how it is, prints one line, and ends as monitoring plugins do:
#   0 it takes requests and all works · 1 it takes requests, something beside the database is away (degraded)
#   2 it does not: no answer within HEALTH_TIMEOUT_SECONDS (10), not ready, or unhealthy · 3 it was called wrongly, or curl is missing
# With -q it says nothing where all is well, so that cron mails what is not:
#   * * * * *  nobody  /opt/heliograph/deploy/health_check.sh -q https://chat.example.com
set -u
export LC_ALL=C

quiet=no
if [ "${1:-}" = -q ]; then quiet=yes; shift; fi
url=${1:-}
url=${url%/}
case $#:$url in
  1:http://?*|1:https://?*) ;;
  *) echo "usage: health_check.sh [-q] URL, such as https://chat.example.com" >&2; exit 3 ;;
esac
command -v curl >/dev/null || { echo "UNKNOWN $url: curl is needed" >&2; exit 3; }

critical() { echo "CRITICAL $url: $1"; exit 2; }

# $1: a path. Sets `body` and `status`, the answer's.
ask() {
  answer=$(curl --silent --show-error --max-time "${HEALTH_TIMEOUT_SECONDS:-10}" --write-out '\n%{http_code}' "$url$1" 2>&1) ||
    critical "$1: $(printf '%s' "$answer" | sed -n 's/^\(curl: .*\)$/\1/p' | head -n 1)"
  status=$(printf '%s' "$answer" | tail -n 1)
  body=$(printf '%s' "$answer" | sed '$d')
}
# The first status in the body, which is the whole's.
said() { printf '%s' "$body" | grep -o '"status":"[a-z-]*"' | head -n 1 | cut -d '"' -f 4; }

ask /health/ready
[ "$status" = 200 ] || critical "/health/ready: $status $(said)"
[ "$(said)" = ready ] || critical '/health/ready: 200, but not from this API'

ask /health
away=$(printf '%s' "$body" | grep -o '"[a-z]*":{"status":"unhealthy"' | cut -d '"' -f 2 | paste -s -d ' ' -)
case $status:$(said) in
  200:healthy) [ "$quiet" = yes ] || echo "OK $url: ready, healthy" ;;
  200:degraded) echo "WARNING $url: ready, degraded, without $away"; exit 1 ;;
  *) critical "/health: $status $(said)${away:+, without $away}" ;;
esac
