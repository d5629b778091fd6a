#!/usr/bin/env bash
# busy.sh [TIMES [ARGUMENTS]]: runs `cargo test --all-features ARGUMENTS` this many times, by default ten, while something
# else keeps every core busy. A test that depends on the speed of the machine fails here. Run it before a release.
set -euo pipefail
cd "$(dirname "$0")/.."
times=${1:-10}
shift || true

cargo build --all-features --examples
cargo test --all-features "$@" --no-run

pids=()
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
for _ in $(seq $((2 * $(nproc)))); do
    while :; do :; done &
    pids+=($!)
done

for round in $(seq "$times"); do
    echo "== round $round of $times"
    cargo test --quiet --all-features "$@"
done
