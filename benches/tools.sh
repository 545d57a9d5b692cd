#!/usr/bin/env bash
# The tools alone, as the large benchmark sets them beside assay. Every server is private, on a Unix socket, and gone afterwards.
#
#   tools.sh make ROOM MIB           a database of about so many MiB (pgbench and a wide table of text), dumped to ROOM/large.dump
#   tools.sh cluster ROOM            ROOM/cluster: an initialised data folder with the settings of ROOM/settings, as assay caches one
#   tools.sh tuned ROOM DUMP JOBS    restore into a copy of that cluster, count every table
#   tools.sh plain ROOM DUMP         what people do by hand: initdb, default settings, serial pg_restore, count every table
#   tools.sh read DUMP               pg_restore -f /dev/null: the tool's own look through an archive
set -euo pipefail
for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do [ ! -x "$folder/initdb" ] || bin=$folder; done
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid nobody --regid nogroup --clear-groups --); fi
mode=$1 room=$2
cd /

run() { "${as[@]}" env "PGHOST=$work" PGUSER=postgres LC_ALL=C "$bin/$1" "${@:2}"; }
start() { "${as[@]}" "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" -o "-k $work -c listen_addresses=''" start >/dev/null; }
stop() { "${as[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null; }

# A folder of the server's user; goes with the script.
workshop() {
    work=$(mktemp -d "$room/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    [ "$(id -u)" != 0 ] || chown nobody "$work"
}

count() {
    local tables
    tables=$(run psql -d restored -qAtc "select format('select count(*) from only %s', oid::regclass) from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace")
    run psql -d restored -qAt <<<"${tables//$'\n'/;$'\n'};" >/dev/null
}

case $mode in
make)
    workshop
    "${as[@]}" "$bin/initdb" --no-sync -D "$work/data" -U postgres -A trust >/dev/null
    printf "fsync = off\nmax_wal_size = 4GB\nautovacuum = off\n" >>"$work/data/postgresql.conf"
    start
    run createdb large
    # Half of it is pgbench's (about 15 MiB for each unit of scale), half is text that compresses as text does.
    run pgbench -q -i -s $(($3 / 30 + 1)) large 2>/dev/null
    run psql -d large -qc "create table documents (id bigserial primary key, author text, title text, body text, tags text[], changed timestamptz);
        insert into documents (author, title, body, tags, changed)
        select 'author ' || i % 977, 'On ' || md5(i::text),
            (select string_agg(md5((i * 31 + n)::text) || ' and what follows from it ', '') from generate_series(1, 12) n),
            array['a' || i % 7, 'b' || i % 11], timestamptz '2026-01-01' + i * interval '1 second'
        from generate_series(1, $3 * 600) i; create index on documents (author); create index on documents (changed);"
    run pg_dump -Fc large >"$room/large.dump"
    run psql -d large -qAtc "select pg_database_size('large')" >"$room/large.bytes"
    stop
    ;;
cluster)
    workshop
    "${as[@]}" "$bin/initdb" --no-sync -D "$work/data" -U postgres -A trust >/dev/null
    cp "$room/settings" "$work/data/postgresql.conf"
    rm -rf "$room/cluster"
    mv "$work/data" "$room/cluster"
    ;;
tuned)
    workshop
    cp -a "$room/cluster" "$work/data"
    start
    run createdb -T template0 restored
    run pg_restore -j "$4" --no-owner --no-privileges --no-tablespaces -d restored "$3"
    count
    stop
    ;;
plain)
    workshop
    "${as[@]}" "$bin/initdb" -D "$work/data" -U postgres -A trust >/dev/null
    start
    run createdb restored
    run pg_restore --no-owner --no-privileges -d restored "$3"
    count
    "${as[@]}" "$bin/pg_ctl" -D "$work/data" -m fast stop >/dev/null
    ;;
read)
    work=/ run pg_restore -f /dev/null "$room"
    ;;
esac
