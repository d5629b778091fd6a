#!/bin/sh
# Counts the instructions of the candidates of benches/layer.rs with callgrind, and prints them as a Markdown table.
#
#   benches/instructions.sh                       # all, in about three minutes
#   benches/instructions.sh "bare layer" "ES256"  # these candidates, these algorithms
#
# The last column is what a call takes more than one of the first candidate of its algorithm.
set -eu
cd "$(dirname "$0")/.."
. benches/support/callgrind.sh

if [ $# -gt 0 ]; then
    candidates=$1 algorithms=${2:-ES256}
    mint $algorithms
    print_header
    for algorithm in $algorithms; do print_candidates "$algorithm" 200 $candidates; done
    exit
fi

mint $all_algorithms
print_header
for algorithm in $all_algorithms; do
    case $algorithm in
        ML-DSA-44) print_candidates "$algorithm" 200 bare verifier layer ;;
        *) print_candidates "$algorithm" 200 bare jsonwebtoken verifier layer ;;
    esac
done
print_candidates ES256 200 $("$bench" --cheap)
