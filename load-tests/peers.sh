#!/bin/sh
# Installs what Eider is compared with into DIR and prints the environment that names it.
# Usage: peers.sh DIR     PostgreSQL and ClickHouse come from Debian, ClickHouse without being installed; Datasette from PyPI.
set -eu
dir=$(mkdir -p "$1" && cd "$1" && pwd)
if [ ! -d /usr/lib/postgresql ]; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } >&2
fi
if [ ! -x "$dir/datasette/bin/datasette" ]; then
    { python3 -m venv "$dir/datasette" && "$dir/datasette/bin/pip" install -q --pre datasette; } >&2
fi
if [ ! -x "$dir/clickhouse/usr/sbin/clickhouse-server" ]; then
    mkdir -p "$dir/packages" "$dir/clickhouse"
    # The server, and what it links to without the C library and its like, which the system has.
    libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances clickhouse-server | grep -E '^lib' | grep -vE '^lib(c6|gcc|stdc\+\+|crypt)' | sort -u)
    cd "$dir/packages"
    for package in clickhouse-server clickhouse-common $libraries; do
        apt-get download -qq "$package" >/dev/null 2>&1 || true
    done
    for package in *.deb; do dpkg -x "$package" "$dir/clickhouse"; done
fi
cat <<END
export DATASETTE_PYTHON=$dir/datasette/bin/python
export CLICKHOUSE_BIN=$dir/clickhouse/usr/sbin/clickhouse-server
export CLICKHOUSE_LIBS=$dir/clickhouse/usr/lib/x86_64-linux-gnu:$dir/clickhouse/lib/x86_64-linux-gnu
END
