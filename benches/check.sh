#!/bin/sh
# Whether a request has become dearer: counts instructions with callgrind, and fails where they are more than 5 % over
# benches/baseline.txt. Takes about a minute.
#
#   benches/check.sh            # compare
#   benches/check.sh --rewrite  # take what is measured now for the baseline
#
# Accepted requests count what they take more than the bare signature check. Counts depend on the compiler and on the
# versions of the dependencies: rewrite the baseline with those, in a commit that does nothing else.
set -eu
cd "$(dirname "$0")/.."
. benches/support/callgrind.sh

baseline=benches/baseline.txt
calls=100

# The hashes of maps are seeded at random, so the middle one of three counts.
middle() {
    { "$@"; "$@"; "$@"; } | sort -n | sed -n 2p
}

# over LESS MORE ALGORITHM COUNT: what the one takes more than the other
over() {
    less=$(each "$1" "$3" "$4")
    more=$(each "$2" "$3" "$4")
    echo $((more - less))
}

measure() {
    echo "ES256-over-bare $(middle over bare layer ES256 20)"
    echo "RS256-over-bare $(middle over bare layer RS256 20)"
    echo "HS256-over-bare $(middle over bare layer HS256 $calls)"
    echo "wrong-audience $(middle each wrong-audience HS256 $calls)"
    echo "expired $(middle each expired HS256 $calls)"
    echo "junk-16k $(middle each junk-16k HS256 $calls)"
    echo "pass-through-over-unguarded $(middle over unguarded pass-through HS256 $calls)"
}

mint ES256 RS256 HS256
if [ "${1:-}" = --rewrite ]; then
    measure | tee "$baseline"
    exit
fi

failed=0
measure > "$scratch/now"
while read -r what now; do
    before=$(sed -n "s/^$what //p" "$baseline")
    [ -n "$before" ] || { echo "$what is not in $baseline: benches/check.sh --rewrite" >&2; exit 1; }
    verdict=ok
    if [ $((now * 100)) -gt $((before * 105)) ]; then verdict="MORE THAN 5 % OVER" failed=1; fi
    echo "$what: $now instructions, baseline $before: $verdict"
done < "$scratch/now"
exit $failed
