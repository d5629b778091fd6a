#!/bin/sh
# Runs the benchmarks and writes their tables into benches/RESULTS.md, and the plots. Takes about thirty minutes; run
# nothing else meanwhile.
#
#   benches/run.sh               # all sections
#   benches/run.sh layer replay  # these sections
set -eu
cd "$(dirname "$0")/.."
[ "$(nproc)" -ge 2 ] || { echo "two processors are needed: one for a server, one for its load" >&2; exit 1; }

all="layer instructions allocations replay scale cold features peers grpc overload redis"
results=benches/RESULTS.md
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# write SECTION FILE: replaces the lines between the markers of a section by this file.
write() {
    [ -s "$2" ] || { echo "nothing was measured for $1" >&2; exit 1; }
    awk -v section="$1" -v file="$2" '
        $0 == "<!-- /" section " -->" { skip = 0 }
        !skip
        $0 == "<!-- " section " -->" { skip = 1; while ((getline line < file) > 0) print line }
    ' "$results" > "$scratch/results"
    cat "$scratch/results" > "$results"
}

machine() {
    echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) processors; Linux $(uname -r | cut -d- -f1);"
    echo "$(rustc --version | cut -d' ' -f1,2); $(date -u '+%Y-%m-%d %H:%M') UTC, load average $(cut -d' ' -f1-3 /proc/loadavg)."
}

# measure SECTION: prints its tables.
measure() {
    case $1 in
        instructions | features) "benches/$1.sh" ;;
        peers)
            cargo build --quiet --release --manifest-path benches/peers/Cargo.toml
            taskset -c 1 benches/peers/target/release/peers
            ;;
        redis) cargo bench --quiet --features redis --bench redis ;;
        *) cargo bench --quiet --bench "$1" ;;
    esac
}

for section in ${*:-$all}; do
    grep -qx "<!-- $section -->" "$results" || { echo "there is no section $section; expected: $all" >&2; exit 1; }
done
for section in ${*:-$all}; do
    echo "== $section"
    { machine && echo && measure "$section"; } > "$scratch/$section"
    write "$section" "$scratch/$section"
done
