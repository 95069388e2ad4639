#!/bin/sh
# Prints what CHANGELOG.md says of a version, such as 1.2.3: the release's notes.
# Ends with 1 where it says nothing, or where package.json has another version.
set -eu
version=${1:?usage: release_notes.sh VERSION}
cd "${2:-"$(dirname "$0")/.."}"

packaged=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
[ "$packaged" = "$version" ] || { echo "package.json has version $packaged, not $version" >&2; exit 1; }

# From `## 1.2.3` or `## [1.2.3] - 2026-11-21` to the next `## `.
notes=$(awk -v version="$version" '
  /^## / { heading = $2; gsub(/[][]/, "", heading); inside = heading == version; next }
  inside' CHANGELOG.md)
[ -n "$notes" ] || { echo "CHANGELOG.md says nothing of $version" >&2; exit 1; }
printf '%s\n' "$notes" | sed '/./,$!d'
