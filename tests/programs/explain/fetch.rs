//! Key sets at URLs: at hand or not, and fetched where `--fetch` says so.

use serde_json::json;
use tower_client_assertion::clock::{Clock, SystemClock};

use super::agreement::agree;
use super::{explain, jwt_at, rules};
use crate::common::key_server::{KeyServer, Reply};
use crate::common::{Signer, form};
use crate::server::{ClientFile, Server};

#[tokio::test]
async fn key_sets_are_fetched_once_and_only_if_asked() {
    let (signer, other) = (Signer::es384("key-1"), Signer::es384("key-2"));
    let keys = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let clients = ClientFile::new(&json!([
        {"client_id": "clinic-7", "jwks_uri": keys.url()},
        {"client_id": "clinic-8", "jwks": {"keys": [signer.jwk()]}},
    ]));
    let common = [rules("redox"), vec!["--allow-http-jwks", "--clients", clients.path().to_str().unwrap()]].concat();
    let now = SystemClock.now().unwrap().as_secs();
    let skipped = json!({"kty": "EC", "crv": "P-999", "kid": "odd"});
    let both = Reply::keys(&[signer.jwk(), skipped]);
    let unlike = Reply::keys(&[other.jwk()]);
    // The client, whether --fetch is given, and the reply; the exit code, the fetches, and what is
    // printed about them.
    let table = [
        ("clinic-7", false, &both, 3, 0, ""),
        ("clinic-7", true, &both, 0, 1, ": status 200, 1 key; key 1 (\"odd\") is skipped: "),
        ("clinic-7", true, &unlike, 1, 1, ": status 200, 1 key\n"),
        ("clinic-7", true, &Reply::status("404 Not Found"), 1, 1, ": status 404, "),
        ("clinic-7", true, &Reply::json("<html>"), 1, 1, ": status 200, "),
        ("clinic-8", true, &both, 0, 0, "fetched   nothing: client \"clinic-8\" has no jwks_uri"),
        ("clinic-9", true, &both, 1, 0, "fetched   nothing: the client is not registered"),
    ];
    for (client, fetch, reply, code, fetches, printed) in table {
        let case = format!("{client} {fetch} {printed}");
        keys.reply(reply.clone());
        for json in [false, true] {
            let before = keys.fetches();
            let jwt = jwt_at(&signer, client, now).signed_by(&signer);
            let more = [(fetch, "--fetch"), (json, "--json"), (true, "-")];
            let more = more.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag).collect();
            let output = explain(&[common.clone(), more].concat(), jwt.as_bytes()).await;
            assert_eq!(output.code, code, "{case}: {output}");
            assert_eq!(keys.fetches() - before, fetches, "{case}: {output}");
            let place = if json { &output.stderr } else { &output.stdout };
            assert!(place.contains(printed), "{case}: {output}");
            assert_eq!(place.contains("fetched   "), fetch, "{case}: {output}");
            if json {
                output.json();
            }
        }
    }
}

/// With the keys fetched, the verdict is what a server answers that fetches them now.
#[tokio::test]
async fn verdicts_with_fetched_keys_are_those_of_the_server() {
    let (signer, other) = (Signer::es384("key-1"), Signer::es384("key-2"));
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_vec();
    let table = [
        ("keys", Reply::keys(&[signer.jwk()]), true),
        ("other keys", Reply::keys(&[other.jwk()]), false),
        ("no keys", Reply::keys(&[]), false),
        ("HTML", Reply::with_headers("content-type: text/html\r\n", b"<html>"), false),
        ("404", Reply::status("404 Not Found"), false),
        ("503", Reply::status("503 Service Unavailable"), false),
        ("redirect", Reply::Bytes(redirect), false),
        ("no response", Reply::Bytes(Vec::new()), false),
    ];
    for profile in ["redox", "oidc"] {
        for (case, reply, is_accepted) in &table {
            let keys = KeyServer::start(reply.clone()).await;
            let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks_uri": keys.url()}]));
            let server = [clients.arguments_for(profile), vec!["--allow-http-jwks".to_owned()]].concat();
            let server = Server::start(&server).await;
            let now = SystemClock.now().unwrap().as_secs();
            let form = form(&jwt_at(&signer, "clinic-7", now).signed_by(&signer));
            let head = server.token_request(form.len());
            let path = clients.path().to_str().unwrap();
            let more = ["--allow-http-jwks", "--fetch", "--json", "--clients", path, "-"];
            let input = format!("{head}\r\n\r\n{form}");
            let explained = explain(&[&rules(profile)[..], &more].concat(), input.as_bytes()).await;
            let answer = server.send(&head, &form).await;
            assert_eq!(agree(&explained, &answer, &format!("{profile}, {case}")), *is_accepted, "{case}: {explained}");
        }
    }
}

#[tokio::test]
async fn what_names_no_client_fetches_nothing() {
    let clients = ClientFile::new(&json!([]));
    let arguments = [rules("redox"), vec!["--fetch", "--clients", clients.path().to_str().unwrap(), "-"]].concat();
    let signer = Signer::es384("key-1");
    for (input, printed) in [
        ("grant_type=client_credentials".to_owned(), "the input has no assertion"),
        ("eyJh.%%%.x".to_owned() + "&client_assertion=eyJh.e.x", "the assertion cannot be read"),
        (jwt_at(&signer, "a", 1).without_claim("iss").signed_by(&signer), "the assertion names no client"),
    ] {
        let output = explain(&arguments, input.as_bytes()).await;
        assert!(output.stdout.contains(&format!("\nfetched   nothing: {printed}\n")), "{output}");
    }
}

#[tokio::test]
async fn fetches_are_guarded_as_those_of_the_server() {
    let signer = Signer::es384("key-1");
    let keys = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks_uri": keys.url()}]));
    let now = SystemClock.now().unwrap().as_secs();
    let jwt = jwt_at(&signer, "clinic-7", now).signed_by(&signer);
    let arguments = [rules("redox"), vec!["--fetch", "--clients", clients.path().to_str().unwrap(), "-"]].concat();
    let output = explain(&arguments, jwt.as_bytes()).await;
    assert_eq!((output.code, keys.fetches()), (1, 0), "{output}");
    assert!(output.stderr.contains("clinic-7") && output.stderr.contains("jwks_uri"), "{output}");
}
