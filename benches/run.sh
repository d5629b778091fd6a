#!/bin/sh
# Measures everything and writes the tables and plots of benches/README.md. Takes about twenty-five minutes; nothing else
# should run meanwhile. With names of sections it measures only those: layer instructions allocations replay scale cold features
# peers.
set -eu
cd "$(dirname "$0")/.."
[ "$(nproc)" -ge 2 ] || { echo "two processors are needed: one for a server, one for its load" >&2; exit 1; }

sections=${*:-layer instructions allocations replay scale cold features peers}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# write SECTION: puts what comes in between the markers of the section.
write() {
    grep -q "^<!-- $1 -->\$" benches/README.md || { echo "benches/README.md has no section $1" >&2; exit 1; }
    cat > "$scratch/table"
    [ -s "$scratch/table" ] || { echo "nothing was measured for $1" >&2; exit 1; }
    awk -v section="$1" -v table="$scratch/table" '
        $0 == "<!-- /" section " -->" { skip = 0 }
        !skip
        $0 == "<!-- " section " -->" { skip = 1; while ((getline line < table) > 0) print line }
    ' benches/README.md > "$scratch/README"
    cat "$scratch/README" > benches/README.md
}

about() {
    echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) processors; Linux $(uname -r | cut -d- -f1);"
    echo "$(rustc --version | cut -d' ' -f1,2); $(date -u '+%Y-%m-%d %H:%M') UTC, load average $(cut -d' ' -f1-3 /proc/loadavg)."
}

# measure SECTION: its table.
measure() {
    case $1 in
        layer | allocations | replay | scale | cold) cargo bench --quiet --bench "$1" ;;
        instructions) benches/instructions.sh ;;
        features) benches/features.sh ;;
        peers)
            cargo build --quiet --release --manifest-path benches/peers/Cargo.toml
            taskset -c 1 benches/peers/target/release/peers
            ;;
        *) echo "there is no section $1" >&2; exit 1 ;;
    esac
}

for section in $sections; do
    echo "== $section"
    { about && echo && measure "$section"; } > "$scratch/$section"
    write "$section" < "$scratch/$section"
done
