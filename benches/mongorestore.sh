#!/usr/bin/env bash
# mongorestore.sh DIR ARCHIVE TOOLS SERVER: starts a server and restores an archive into it, as one would by hand.
set -euo pipefail

as_nobody() {
    if [ "$(id -u)" = 0 ]; then exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else exec "$@"; fi
}

room=$(mktemp -d "$1/bare-XXXXXX")
mkdir "$room/data" "$room/s"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$room"
line=${4//\{dir\}/$room/data}
line=${line//\{socket\}/$room/s/mongodb.sock}
(as_nobody sh -c "exec $line") >"$room.log" 2>&1 &
server=$!
trap 'kill -TERM "$server"; wait "$server" || true; rm -rf "$room"' EXIT
until [ -S "$room/s/mongodb.sock" ]; do sleep 0.01; done
cd "$room" # the tools write paths of sockets in small letters: a short relative one has no others
"$3/mongorestore" --uri="mongodb://s%2Fmongodb.sock/" --archive="$2" --gzip --drop 2>/dev/null
