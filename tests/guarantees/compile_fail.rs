//! Stacks that must not compile. Each message of rustc must say how to fix the mistake. Only this
//! crate's notes and phrases that users search for are compared, because rustc changes the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const PRELUDE: &str = "
#![allow(unused)]
use std::convert::Infallible;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::replay::{AsyncReplayStore, MemoryReplay};
use tower_client_assertion::*;

fn serves<B>(_: impl Service<Request<B>, Error = Infallible>) {}
async fn handler<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> { unimplemented!() }
async fn axums(_: Request<axum::body::Body>) -> Result<axum::response::Response, Infallible> { unimplemented!() }
";

/// Code that must compile, so that the other cases do not fail by mistake.
const FINE: &str = "
fn case(layer: ClientAssertionLayer, calls: GrpcAssertionLayer) {
    serves::<Incoming>(layer.clone().layer(service_fn(handler::<RequestBody<Incoming>>)));
    serves::<Full<Bytes>>(layer.clone().preserve_body_types().layer(service_fn(handler::<Full<Bytes>>)));
    let stack = ServiceBuilder::new().layer(layer.preserve_body_types())
        .layer(axum::middleware::from_fn(|request: axum::extract::Request, next: axum::middleware::Next| next.run(request)));
    axum::Router::<()>::new().layer(stack);
}";

struct Case {
    name: &'static str,
    source: &'static str,
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "bodies preserved in front of hyper, whose incoming body cannot be made",
        source: "
fn case(layer: ClientAssertionLayer) {
    serves::<Incoming>(layer.preserve_body_types().layer(service_fn(handler::<Incoming>)));
}",
        says: &[
            "`PreservedBodies` cannot make a body of the type `",
            "Incoming`",
            "without `preserve_body_types` the layer takes every body",
        ],
    },
    Case {
        name: "bodies preserved in front of tonic, whose body is made from another",
        source: "
fn case(layer: ClientAssertionLayer) {
    serves::<tonic::body::Body>(layer.preserve_body_types().layer(service_fn(handler::<tonic::body::Body>)));
}",
        says: &[
            "`PreservedBodies` cannot make a body of the type `",
            "rebuild_bodies_with(tonic::body::Body::new)",
        ],
    },
    Case {
        name: "a function that makes another body",
        source: "
fn case(layer: ClientAssertionLayer) {
    let layer = layer.rebuild_bodies_with(axum::body::Body::new);
    serves::<tonic::body::Body>(layer.layer(service_fn(handler::<tonic::body::Body>)));
}",
        says: &["cannot make a body of the type `", "RebuiltBodies<"],
    },
    Case {
        name: "a service that cannot be cloned",
        source: "
fn case(layer: ClientAssertionLayer) {
    let inner = service_fn(handler::<RequestBody<Incoming>>);
    let limited = tower::limit::RateLimitLayer::new(1, std::time::Duration::from_secs(1)).layer(inner);
    serves::<Incoming>(layer.layer(limited));
}",
        says: &["RateLimit", "Clone` is not satisfied", "ClientAssertion<RateLimit"],
    },
    Case {
        name: "from_fn behind the layer in one builder, which insists on axum's body",
        source: "
fn case(layer: ClientAssertionLayer) {
    let stack = ServiceBuilder::new().layer(layer)
        .layer(axum::middleware::from_fn(|request: axum::extract::Request, next: axum::middleware::Next| next.run(request)));
    axum::Router::<()>::new().layer(stack);
}",
        says: &["FromFn", "RequestBody<axum::body::Body>"],
    },
    Case {
        name: "an asynchronous store without its wrapper",
        source: "
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::replay::{AdmitResult, ReplayKey};
#[derive(Debug)]
struct Store;
impl AsyncReplayStore for Store {
    async fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult { unimplemented!() }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}
fn case(registry: FixedRegistry) {
    Verifier::builder(Policy::REDOX, registry, Store);
}",
        says: &["ReplayStore` is not satisfied", "becomes one by `port::Awaited::new`"],
    },
    Case {
        name: "a gRPC service that was layered without its name",
        source: "
fn case(calls: GrpcAssertionLayer) {
    let (_, health) = tonic_health::server::health_reporter();
    tonic::transport::Server::builder().add_service(calls.layer(health));
}",
        says: &["GrpcAssertion", "NamedService` is not satisfied"],
    },
    Case {
        name: "an identity without verification",
        source: "
fn case(client: std::sync::Arc<tower_client_assertion::registry::Client>) -> ClientIdentity {
    ClientIdentity { client, ..unimplemented!() }
}",
        says: &["ClientIdentity` are private"],
    },
];

#[test]
fn rustc_says_how_to_fix_stacks_that_cannot_work() {
    let libraries = Libraries::built();
    let (compiled, said) = libraries.compile("fine", FINE);
    assert!(compiled, "{said}");
    for (index, Case { name, source, says }) in CASES.iter().enumerate() {
        let (compiled, said) = libraries.compile(&format!("case_{index}"), source);
        assert!(!compiled, "{name}: it compiles");
        for phrase in *says {
            assert!(said.contains(phrase), "{name}: rustc does not say {phrase:?}, but\n{said}");
        }
    }
}

/// The libraries of the dependency graph that the tests themselves use.
struct Libraries {
    files: BTreeMap<String, PathBuf>,
    scratch: PathBuf,
}

impl Libraries {
    /// Everything is built before the tests run, so cargo only reports the paths.
    fn built() -> Self {
        let arguments = ["build", "--all-features", "--examples", "--message-format=json", "--quiet"];
        let output =
            Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut files = BTreeMap::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            let library = message["target"]["kind"].as_array().is_some_and(|kinds| kinds.contains(&"lib".into()));
            let rlib = message["filenames"].as_array().and_then(|files| {
                files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".rlib")).map(PathBuf::from)
            });
            if let (true, Some(file)) = (library, rlib) {
                files.insert(message["target"]["name"].as_str().unwrap().replace('-', "_"), file);
            }
        }
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-fail");
        std::fs::create_dir_all(&scratch).unwrap();
        Self { files, scratch }
    }

    /// Whether it compiles, and the messages of rustc in one line.
    fn compile(&self, name: &str, source: &str) -> (bool, String) {
        let file = self.scratch.join(format!("{name}.rs"));
        std::fs::write(&file, format!("{PRELUDE}{source}")).unwrap();
        let mut command = Command::new("rustc");
        command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--diagnostic-width=1000"]);
        command.arg("--out-dir").arg(&self.scratch);
        for krate in ["axum", "bytes", "http", "http_body_util", "hyper", "tonic", "tonic_health", "tower", OURS] {
            let file = self.files.get(krate).unwrap_or_else(|| panic!("{krate} is not in {:?}", self.files));
            let deps = if krate == OURS { file.parent().unwrap().join("deps") } else { file.parent().unwrap().into() };
            command.arg("--extern").arg(format!("{krate}={}", file.display()));
            command.arg("-L").arg(format!("dependency={}", deps.display()));
        }
        let output = command.arg(&file).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

const OURS: &str = "tower_client_assertion";
