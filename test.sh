#!/usr/bin/env bash
# Everything that must hold, in one command: format, lints, tests, documentation, and each feature alone.
set -euo pipefail
cd "$(dirname "$0")"

need() {
    command -v "$1" >/dev/null || { echo "test.sh needs $1: $2" >&2; exit 1; }
}
need cargo "install Rust with rustup"
need cc "install a C compiler (Debian: apt-get install gcc libc6-dev)"
cargo fmt --version >/dev/null 2>&1 || { echo "test.sh needs rustfmt: rustup component add rustfmt" >&2; exit 1; }
cargo clippy --version >/dev/null 2>&1 || { echo "test.sh needs clippy: rustup component add clippy" >&2; exit 1; }

step() {
    echo "== $*"
    "$@"
}

step cargo fmt --check
step cargo clippy --all-targets --all-features -- -D warnings
for features in "" tracing jwks-client jsonwebtoken; do
    # The library by itself: the example brings features in that it needs.
    step cargo clippy --lib --no-default-features --features "$features" -- -D warnings
    step cargo clippy --all-targets --no-default-features --features "$features" -- -D warnings
    step cargo test --quiet --no-default-features --features "$features"
done
RUSTDOCFLAGS="-D warnings" step cargo doc --no-deps --all-features
RUSTDOCFLAGS="-D warnings" step cargo doc --no-deps --all-features --document-private-items
step cargo test --all-features --all-targets
step cargo test --all-features --doc
