#!/usr/bin/env bash
# Everything that must hold, in one command: format, lints, tests, documentation, and each feature alone.
set -euo pipefail
cd "$(dirname "$0")"

need() {
    command -v "$1" >/dev/null || { echo "test.sh needs $1: $2" >&2; exit 1; }
}
# Installs a program on a Debian machine, if permitted. `need` reports it if this fails.
provide() {
    command -v "$1" >/dev/null || ! command -v apt-get >/dev/null && return
    local root=""
    [ "$(id -u)" = 0 ] || root="sudo -n"
    $root apt-get update -qq && $root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$1" || true
} >&2

need cargo "install Rust with rustup"
need cc "install a C compiler (Debian: apt-get install gcc libc6-dev)"
provide redis-server
need redis-server "install Redis 7 or newer, which the tests start themselves (Debian: apt-get install redis-server)"
provide openssl
need openssl "install OpenSSL, which makes certificates for the tests (Debian: apt-get install openssl)"
provide prometheus
need promtool "install Prometheus, which the tests start themselves (Debian: apt-get install prometheus)"
provide valgrind
need valgrind "install valgrind, which counts instructions for benches/check.sh (Debian: apt-get install valgrind)"
cargo fmt --version >/dev/null 2>&1 || { echo "test.sh needs rustfmt: rustup component add rustfmt" >&2; exit 1; }
cargo clippy --version >/dev/null 2>&1 || { echo "test.sh needs clippy: rustup component add clippy" >&2; exit 1; }

step() {
    echo "== $*"
    "$@"
}

step cargo fmt --check
# --locked: what is tested is what Cargo.lock names. `.ci/newest` and `.ci/oldest` test others.
step cargo clippy --locked --all-targets --all-features -- -D warnings
# The library with each feature alone. Tests and examples always enable those that the example server needs.
for features in "" axum tracing metrics mint jsonwebtoken jwks-client jwks-client-no-provider redis redis-no-provider; do
    step cargo clippy --locked --lib --no-default-features --features "$features" -- -D warnings
done
step cargo clippy --locked --all-targets -- -D warnings
step cargo test --locked --quiet
# Those tests enable features through the crate's dev-dependency on itself. This tests the library with only `mint`.
step cargo fmt --check --manifest-path tests/bare/Cargo.toml
step cargo test --locked --quiet --manifest-path tests/bare/Cargo.toml --target-dir target
# A program on rustls with another crypto provider, with the features that add none and with those that do.
step cargo fmt --check --manifest-path tests/ring/Cargo.toml
step cargo test --locked --quiet --manifest-path tests/ring/Cargo.toml --target-dir target
step cargo test --locked --quiet --manifest-path tests/ring/Cargo.toml --target-dir target --features both
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --no-deps --all-features
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --no-deps --all-features --document-private-items
# --all-targets builds examples as tests. Some tests run the examples as programs.
step cargo build --locked --all-features --examples
step cargo test --locked --all-features --all-targets
step cargo test --locked --all-features --doc
step benches/check.sh
