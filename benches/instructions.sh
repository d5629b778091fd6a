#!/bin/sh
# Counts the instructions of every candidate of benches/layer.rs with callgrind, as a Markdown table.
#
#   benches/instructions.sh                       # all, in about two minutes
#   benches/instructions.sh "bare layer" "ES256"  # these candidates, these algorithms
#
# Each candidate runs twice with the same setup, 200 and 400 times; the difference, divided by 200, is one call. The last
# column is what a call takes more than one of the first candidate.
set -eu
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "valgrind is missing: apt-get install valgrind" >&2; exit 1; }

candidates=${1:-"bare jsonwebtoken verifier layer unguarded pass-through content-type no-assertion not-three-parts junk-16k expired wrong-audience unknown-client"}
algorithms=${2:-"ES256 ES384 EdDSA RS384 PS256"}

bench=$(cargo bench --bench layer --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# One pool for all: other keys and signatures would take other numbers of instructions.
"$bench" --mint "$scratch"

# instructions CANDIDATE ALGORITHM COUNT
instructions() {
    valgrind --tool=callgrind --toggle-collect='*::counted' --callgrind-out-file=/dev/null "$bench" --instructions "$scratch" "$@" 2>&1 |
        sed -n 's/.*Collected : *//p'
}

echo "| algorithm | candidate | instructions | over the first |"
echo "|---|---|--:|--:|"
for algorithm in $algorithms; do
    first=
    for candidate in $candidates; do
        few=$(instructions "$candidate" "$algorithm" 200)
        many=$(instructions "$candidate" "$algorithm" 400)
        each=$(((many - few) / 200))
        first=${first:-$each}
        echo "| $algorithm | $candidate | $each | $((each - first)) |"
    done
done
