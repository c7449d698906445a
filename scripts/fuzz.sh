#!/usr/bin/env bash
# Runs every fuzz target of the packages, one after another.
# Usage: fuzz.sh TIME PACKAGES...   (TIME for each, as in go test -fuzztime)
set -euo pipefail

go=${GO:-go}
time=$1
shift

# go test -list prints the names of a package's targets, then "ok" and its path.
listing=$("$go" test -list '^Fuzz' "$@")
targets=$(awk '/^Fuzz/ { names[++n] = $1 }
	/^ok/ { for (i = 1; i <= n; i++) print names[i], $2; n = 0 }' <<<"$listing")
if [[ -z $targets ]]; then
	echo "no fuzz targets in $*" >&2
	exit 1
fi

failed=()
while read -r name package; do
	echo "== $name in $package, for $time"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" </dev/null ||
		failed+=("$package.$name")
done <<<"$targets"

if [[ ${#failed[@]} -gt 0 ]]; then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
