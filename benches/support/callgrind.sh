# Counts instructions per call. Sourced, in the crate's directory, by benches/instructions.sh and benches/check.sh.
#
# Two processes take the same number of instructions, because they use the same keys and assertions and the same
# environment, and valgrind gives both the same addresses. Only accepted requests differ a little: the key of the replay
# store's hash is random.

all_algorithms="ES256 ES384 EdDSA RS256 RS384 RS384-4096 PS256 HS256 ML-DSA-44"

command -v valgrind >/dev/null || { echo "valgrind is missing (Debian: apt-get install valgrind)" >&2; exit 1; }

bench=$(cargo bench --bench layer --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -1)
[ -x "$bench" ] || { echo "benches/layer.rs does not compile: cargo bench --bench layer --no-run" >&2; exit 1; }
forged_bench=$(cargo bench --bench forged --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# mint ALGORITHM...: saves keys and assertions for these. Other keys and signatures would take other numbers of instructions.
mint() {
    "$bench" --mint "$scratch" "$@"
}

# each CANDIDATE ALGORITHM COUNT: prints the instructions of one call, the mean of COUNT calls after as many to warm up.
each() {
    # The allocator keeps everything that is freed: it would tidy up at moments that depend on addresses.
    counted=$(env -i "PATH=$PATH" GLIBC_TUNABLES=glibc.malloc.tcache_count=60000 \
        valgrind --tool=callgrind --toggle-collect='*::counted' --callgrind-out-file=/dev/null \
        "$bench" --instructions "$scratch" "$@" 2>&1 | sed -n 's/.*Collected : *//p')
    echo $((counted / $3))
}

# forged --forged|--parsed KIND COUNT: the same for benches/forged.rs.
forged() {
    counted=$(env -i "PATH=$PATH" valgrind --tool=callgrind --toggle-collect='*::counted' --callgrind-out-file=/dev/null \
        "$forged_bench" "$@" 2>&1 | sed -n 's/.*Collected : *//p')
    echo $((counted / $3))
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
