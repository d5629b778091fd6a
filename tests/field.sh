#!/usr/bin/env bash
# Sends what real clients send to the release build of `token_server`, prints what is expected and what came, and fails if
# they differ. The inputs are in `tests/programs/field/`.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --example token_server
TOKEN_SERVER=${CARGO_TARGET_DIR:-target}/release/examples/token_server \
    cargo test --all-features --test programs field:: -- --nocapture
