#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: the binaries of a
# PostgreSQL server, the Lua interpreter and valgrind. Quick when all is there.
set -euo pipefail

has_postgres() {
	command -v postgres >/dev/null && command -v initdb >/dev/null && return
	local dir
	for dir in /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)"; do
		if [[ -x $dir/postgres && -x $dir/initdb ]]; then
			return
		fi
	done
	return 1
}

has_lua() {
	command -v lua5.4 >/dev/null
}

has_valgrind() {
	command -v valgrind >/dev/null
}

missing() {
	has_postgres || echo postgresql
	has_lua || echo lua5.4
	has_valgrind || echo valgrind
}

# as_root runs its arguments as root, or says that it cannot.
as_root() {
	if [[ $EUID -eq 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		sudo -n "$@"
	else
		return 1
	fi
}

mapfile -t packages < <(missing)
if [[ ${#packages[@]} -eq 0 ]]; then
	exit 0
fi

if command -v apt-get >/dev/null && as_root true; then
	echo "installing: ${packages[*]}"
	as_root apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "${packages[@]}"
fi

mapfile -t packages < <(missing)
if [[ ${#packages[@]} -gt 0 ]]; then
	echo "the tests need these packages (names of Debian): ${packages[*]}" >&2
	exit 1
fi
