#!/bin/sh
# Prints a Markdown table of what each feature adds to a program that guards an endpoint: crates, the size of its stripped
# executable, and the time of a clean compile with all dependencies. Takes about eight minutes.
set -eu
crate=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir "$scratch/src"
cat > "$scratch/src/main.rs" <<'RUST'
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_client_assertion::registry::FileRegistry;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, Policy, RequestBody, Verifier};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let clients = std::env::args().nth(1).expect("a client file");
    let registry = FileRegistry::load(clients).expect("a client file");
    let verifier = Verifier::builder(Policy::RFC7523, registry, MemoryReplay::new(100_000).expect("a capacity"));
    let verifier = verifier.issuer("https://as.example.com").build().expect("a verifier");
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = ClientAssertionLayer::new(verifier).layer(handler);
    let answer = service.oneshot(Request::post("/token").body(Full::default()).expect("a request")).await;
    println!("{:?}", answer.map(|answer| answer.status()));
}
RUST

# manifest FEATURES: writes the manifest of a program that uses the layer with these features.
manifest() {
    cat > "$scratch/Cargo.toml" <<TOML
[workspace]
[package]
name = "size"
version = "0.0.0"
edition = "2024"
[dependencies]
bytes = "1"
http = "1"
http-body-util = "0.1"
tokio = { version = "1", features = ["macros", "rt"] }
tower = { version = "0.5", features = ["util"] }
tower-client-assertion = { path = "$crate", features = [$1] }
[profile.release]
lto = "thin"
codegen-units = 1
strip = true
TOML
}

features=$(sed -n '/^\[features\]/,/^\[/s/^\([a-z][a-z0-9-]*\) = .*/\1/p' "$crate/Cargo.toml" | grep -v '^default$')
echo "| features | crates | executable | clean compile |"
echo "|---|--:|--:|--:|"
all=
for feature in "" $features all; do
    case $feature in
        "") list= name=none ;;
        all) list=$all name=all ;;
        *) list="\"$feature\"" name=$feature all="$all\"$feature\"," ;;
    esac
    manifest "$list"
    (cd "$scratch" && cargo fetch --quiet)
    crates=$(cd "$scratch" && cargo tree --prefix none --edges normal,build | sort -u | grep -vc '^size ')
    start=$(date +%s)
    (cd "$scratch" && cargo build --quiet --release --offline --target-dir "$scratch/$name")
    took=$(($(date +%s) - start))
    size=$(($(wc -c < "$scratch/$name/release/size") / 1024))
    rm -rf "${scratch:?}/$name"
    echo "| $name | $crates | $size KiB | $took s |"
done
