#!/usr/bin/env bash
# The procedure that people run by hand today: a fresh cluster with default settings, pg_restore, a count, all removed again.
# Usage: bare.sh DUMP
set -euo pipefail
dump=$1
for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do [ ! -x "$folder/initdb" ] || bin=$folder; done
room=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then chown nobody "$room"; as=(setpriv --reuid nobody --clear-groups --); fi
trap 'rm -rf "$room"' EXIT
install -m 0644 "$dump" "$room/dump"
cd "$room"
"${as[@]}" "$bin/initdb" -D data -U postgres -A trust >/dev/null
"${as[@]}" "$bin/pg_ctl" -D data -w -l log -o "-k $room -c listen_addresses=''" start >/dev/null
"${as[@]}" "$bin/createdb" -h "$room" -U postgres restored
"${as[@]}" "$bin/pg_restore" --no-owner --no-privileges -h "$room" -U postgres -d restored dump
for table in users channels messages memberships orders; do
  "${as[@]}" "$bin/psql" -h "$room" -U postgres -d restored -qAtc "select count(*) from $table"
done
"${as[@]}" "$bin/pg_ctl" -D data -m fast stop >/dev/null
