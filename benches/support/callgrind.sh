# Sourced by benches/instructions.sh and benches/check.sh: counts of instructions per call, from the crate's directory.

all_algorithms="ES256 ES384 EdDSA RS256 RS384 RS384-4096 PS256 HS256 ML-DSA-44"

command -v valgrind >/dev/null || { echo "valgrind is missing (Debian: apt-get install valgrind)" >&2; exit 1; }

bench=$(cargo bench --bench layer --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -1)
[ -x "$bench" ] || { echo "benches/layer.rs does not compile: cargo bench --bench layer --no-run" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# One pool for all candidates: other keys and signatures would take other numbers of instructions.
mint() {
    "$bench" --mint "$scratch" "$@"
}

# Left to itself, the allocator tidies up at moments that depend on where everything happens to lie.
export GLIBC_TUNABLES=glibc.malloc.tcache_count=60000

# instructions CANDIDATE ALGORITHM COUNT: of that many calls, and nothing else.
instructions() {
    valgrind --tool=callgrind --toggle-collect='*::counted' --callgrind-out-file=/dev/null "$bench" --instructions "$scratch" "$@" 2>&1 |
        sed -n 's/.*Collected : *//p'
}

# each CANDIDATE ALGORITHM COUNT: of one call. What only the first ones take is left out.
each() {
    few=$(instructions "$1" "$2" "$3")
    many=$(instructions "$1" "$2" "$(($3 * 2))")
    echo $(((many - few) / $3))
}

print_header() {
    echo "| algorithm | candidate | instructions | over the first |"
    echo "|---|---|--:|--:|"
}

# print_candidates ALGORITHM COUNT CANDIDATE...
print_candidates() {
    algorithm=$1 count=$2 first=
    shift 2
    for candidate in "$@"; do
        now=$(each "$candidate" "$algorithm" "$count")
        first=${first:-$now}
        echo "| $algorithm | $candidate | $now | $((now - first)) |"
    done
}
