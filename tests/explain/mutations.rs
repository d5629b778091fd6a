//! Agreement on requests that no one has thought of.

use std::collections::BTreeMap;

use tower_client_assertion::clock::UnixTime;

use crate::agreement::check;
use crate::layer::{Found, explain, send};
use crate::random::{Random, request};
use crate::secrets::check_hidden;
use crate::servers::all;

/// `EXPLAIN_MUTATIONS=100000 cargo test --all-features --test explain mutations` judges more.
fn count() -> usize {
    std::env::var("EXPLAIN_MUTATIONS").map_or(20_000, |count| count.parse().unwrap())
}

#[test]
fn mutated_requests_get_the_verdict_of_the_server() {
    let servers = all();
    let mut random = Random(7);
    let mut counts = BTreeMap::<String, usize>::new();
    for number in 0..count() {
        let server = &servers[random.below(servers.len())];
        let (request, second) = request(&mut random, server);
        let at = UnixTime::from_secs(second);
        server.clock.set(at);
        let explanation = explain(&server.layer, &request, at);
        let found = send(&server.layer, &request);
        let what = || format!("number {number} at {:?} ({}), {second}: {request:?}", server.base, server.name);
        check(&explanation, &found, &what());
        if number % 4 == 0 {
            check_hidden(&explanation, &request, &what());
        }
        let code = match found {
            Found::Accepted(..) => "accepted".to_owned(),
            Found::LetPass => "let_pass".to_owned(),
            Found::Refused { code, .. } => code.to_owned(),
        };
        *counts.entry(code).or_default() += 1;
    }
    for (code, count) in &counts {
        println!("{count:7} {code}");
    }
    assert!(counts.len() > 40, "{counts:?}");
}
