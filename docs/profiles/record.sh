#!/usr/bin/env bash
# Records flame graphs of the server under load: docs/profiles/record.sh BINARY [DIRECTORY]
#
# Needs perf (Debian: linux-perf) and inferno (cargo install inferno). Nothing else should run. To be
# called in the repository, after `cargo xtask bench --quick` or another run that has built what it needs.
set -euo pipefail
for tool in perf inferno-collapse-perf inferno-flamegraph; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: see the head of this file" >&2; exit 1; }
done
server= running=
trap 'kill ${server:-} ${running:-} 2>/dev/null || true' EXIT
binary=$(realpath "$1")
out=$(realpath "$(dirname "$0")")
directory=${2:-$(mktemp -d)}
mkdir -p "$directory"
seconds=4

server() {
    "$binary" serve --listen 127.0.0.1:0 --data-dir "$directory/data" --limits off \
        >"$directory/out" 2>"$directory/log" &
    server=$!
    until grep -q listening "$directory/out"; do :; done
    endpoint=$(sed 's/listening on //' "$directory/out")
}

stop() {
    kill "$server"
    wait "$server" || true
    server=
    rm -rf "$directory/data"
}

load() {
    "$binary" bench --endpoint "$endpoint" --record-size 1KiB --json "$@" >/dev/null
}

record() {
    perf record --quiet --event cpu-clock --freq 499 --call-graph dwarf,8192 \
        --pid "$server" --output "$directory/perf.data" -- sleep "$seconds" 2>/dev/null
    perf script --no-inline --input "$directory/perf.data" 2>/dev/null |
        inferno-collapse-perf 2>/dev/null |
        inferno-flamegraph --title "$2" --minwidth 0.3 >"$out/$1.svg"
    rm "$directory/perf.data"
}

# name, title, arguments of the load
profile() {
    local name=$1 title=$2
    shift 2
    server
    load "$@" --duration 8s &
    running=$!
    sleep 2
    record "$name" "$title"
    wait "$running"
    running=
    stop
}

profile put-records "PutRecords 500 x 1 KiB, 4 shards, 16 connections" \
    --stream puts --shards 4 --workload put-records --batch 500 --connections 16
profile put-record "PutRecord 1 KiB, 4 shards, 64 connections" \
    --stream puts --shards 4 --workload put-record --connections 64

server
load --stream reads --shards 4 --workload put-records --batch 500 --connections 16 --duration 1s
while load --stream reads --workload get --connections 4; do :; done &
running=$!
record get-records "GetRecords from the tail, 4 connections"
kill "$running"
running=
stop

# 320 subscriptions and four producers, as the benchmark has them; of its binary, target/release/anabranch.
cargo xtask bench --only fan-out --rounds 1 --seconds 12 --no-build --data-dir "$directory" \
    --output "$directory/bench.md" >/dev/null 2>&1 &
running=$!
until server=$(pgrep --newest --full "anabranch serve .*--data-dir $directory"); do sleep 0.1; done
sleep 6
record fan-out "1 stream of 16 shards pushed to 20 consumers, 4 producers of 500 x 1 KiB"
wait "$running"
running=
