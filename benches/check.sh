#!/bin/sh
# Counts the instructions of requests with callgrind, and fails if a count has grown by more than 1 % over
# benches/baseline.txt. Takes about a minute.
#
#   benches/check.sh            # compare
#   benches/check.sh --rewrite  # replace the baseline by what is measured now
#
# For an accepted request, the instructions on top of the bare signature check count. All counts depend on the compiler and
# on the versions in Cargo.lock: when these change, rewrite the baseline in a separate commit.
set -eu
cd "$(dirname "$0")/.."
. benches/support/callgrind.sh

baseline=benches/baseline.txt

# The key of the replay store's hash is random in each process and decides how many entries a look compares. One process
# varies by up to 0.3 %, the middle one of five by less than 0.1 %.
middle() {
    for _ in 1 2 3 4 5; do each "$@"; done | sort -n | sed -n 3p
}

# over_bare ALGORITHM COUNT
over_bare() {
    bare=$(each bare "$@")
    layer=$(middle layer "$@")
    echo "$1-over-bare $((layer - bare))"
}

# over_layer CANDIDATE ALGORITHM COUNT
over_layer() {
    layer=$(middle layer "$2" "$3")
    echo "$1-over-layer $(($(middle "$@") - layer))"
}

measure() {
    over_bare ES256 50
    over_bare RS256 100
    over_bare HS256 200
    over_layer metrics HS256 200
    over_layer metrics-with-times HS256 200
    for candidate in wrong-audience expired junk-16k; do
        count=$(each "$candidate" HS256 100)
        echo "$candidate $count"
    done
    unguarded=$(each unguarded HS256 100)
    passed=$(each pass-through HS256 100)
    echo "pass-through-over-unguarded $((passed - unguarded))"
    for kind in $("$forged_bench" --kinds); do echo "forged-$kind $(forged --forged "$kind" 10)"; done
    for set in $("$forged_bench" --sets); do echo "parsed-$set $(forged --parsed "$set" 2)"; done
}

# allowed WHAT COUNT: prints the largest count that passes.
# One percent of a request that passes through is less than the variation between compiler versions. A forged request is
# checked with new keys each time, and checks on elliptic curves vary with the key. Metrics have a bound that is promised, and
# are the difference of two counts that vary.
allowed() {
    case $1 in
        pass-through-*) echo $(($2 + 5)) ;;
        metrics-over-layer) echo $(($2 * 105 / 100 < 1500 ? $2 * 105 / 100 : 1500)) ;;
        metrics-*) echo $(($2 * 105 / 100)) ;;
        forged-* | parsed-*) echo $(($2 * 105 / 100)) ;;
        *) echo $(($2 * 101 / 100)) ;;
    esac
}

mint ES256 RS256 HS256
if [ "${1:-}" = --rewrite ]; then
    measure > "$scratch/now"
    cat "$scratch/now" > "$baseline"
    cat "$baseline"
    exit
fi

measure > "$scratch/now"
failed=0
while read -r what now; do
    before=$(sed -n "s/^$what //p" "$baseline")
    [ -n "$before" ] || { echo "$what: not in $baseline; run benches/check.sh --rewrite" >&2; exit 1; }
    verdict=ok
    if [ "$now" -gt "$(allowed "$what" "$before")" ]; then verdict="MORE THAN ALLOWED" failed=1; fi
    echo "$what: $now instructions, baseline $before: $verdict"
done < "$scratch/now"
exit $failed
