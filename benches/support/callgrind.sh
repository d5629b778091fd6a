# Counts instructions per call. Sourced, in the crate's directory, by benches/instructions.sh and benches/check.sh.
#
# Counts repeat to within a few instructions, because all that varies between two processes is fixed: the keys and the
# assertions come from one pool, addresses and the environment are the same, and the allocator defers nothing. The key of
# the replay store's hash is the exception; see `each`.

all_algorithms="ES256 ES384 EdDSA RS256 RS384 RS384-4096 PS256 HS256 ML-DSA-44"

command -v valgrind >/dev/null || { echo "valgrind is missing (Debian: apt-get install valgrind)" >&2; exit 1; }

bench=$(cargo bench --bench layer --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -1)
[ -x "$bench" ] || { echo "benches/layer.rs does not compile: cargo bench --bench layer --no-run" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# mint ALGORITHM...: saves keys and assertions for these. Other keys and signatures would take other numbers of instructions.
mint() {
    "$bench" --mint "$scratch" "$@"
}
