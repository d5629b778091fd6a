//! Inputs in which a client file, a registration or a key set is unusual.

use super::{Field, Row, form};
use crate::common::Signer;
use crate::common::key_server::{KeyServer, Reply};
use serde_json::{Value, json};

pub(super) async fn rows() -> Vec<Row> {
    let signer = Signer::es384("a");
    let mut field = Field::new("rfc7523");
    addresses(&mut field, &signer).await;
    registrations(&mut field, &signer).await;
    key_sets(&mut field, &signer).await;
    let mut rows = field.run().await;

    let mut field = Field::new("rfc7523");
    field.prefix = b"\xef\xbb\xbf";
    let client = field.client_with(&[signer.jwk()]);
    field.case("F6", "a client file with a byte order mark", &client, form(&signer, &client));
    rows.extend(field.run().await);
    rows.extend(shared(&signer).await);
    rows
}

/// `localhost` is `::1` as well, where nothing listens.
async fn addresses(field: &mut Field, signer: &Signer) {
    let server = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let client = field.client(json!({"jwks_uri": format!("http://localhost:{}/", server.address.port())}));
    field.key_servers.push(server);
    field.case("F1", "a host whose first address does not answer", &client, form(signer, &client));
}

async fn registrations(field: &mut Field, signer: &Signer) {
    let keys = json!({"keys": [signer.jwk()]});
    for (input, jwks) in [
        ("{}", json!({})),
        ("null", Value::Null),
        (r#"{"keys":null}"#, json!({"keys": null})),
        (r#"{"keys":[]}"#, json!({"keys": []})),
    ] {
        let server = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
        let client = field.client(json!({"jwks": jwks, "jwks_uri": server.url()}));
        field.key_servers.push(server);
        field.case("F3", format!("jwks: {input}, with a jwks_uri"), &client, form(signer, &client));
    }
    let members = [
        "jwks_uri",
        "token_endpoint_auth_signing_alg",
        "token_endpoint_auth_method",
        "client_assertion_policy",
        "scope",
    ];
    for member in members {
        for empty in [json!(""), Value::Null, json!([])] {
            let mut metadata = json!({"jwks": keys});
            metadata[member] = empty.clone();
            let client = field.client(metadata);
            field.case("F3", format!("{member}: {empty}"), &client, form(signer, &client));
        }
    }
    let server = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let client = field.client(json!({"jwks": keys, "jwks_uri": server.url()}));
    field.key_servers.push(server);
    field.case("F3", "keys and a jwks_uri", &client, form(signer, &client)).refused(400, "").logged("jwks_uri");

    let long = "c".repeat(513);
    field.clients.push(json!({"client_id": long, "jwks": keys}));
    let case = field.case("F17", "a client id of 513 bytes", &long[..64], form(signer, &long));
    case.refused(400, "iss claim is too long").logged("513 bytes");
    for (input, pem) in [("a public key in PEM", "PUBLIC KEY"), ("a certificate in PEM", "CERTIFICATE")] {
        let text = format!("-----BEGIN {pem}-----\nMFkw\n-----END {pem}-----\n");
        let client = field.client(json!({"jwks": text}));
        field.case("F19", input, &client, form(signer, &client)).refused(400, "").logged("PEM").logged("JWK Set");
    }
}

async fn key_sets(field: &mut Field, signer: &Signer) {
    let set = json!({"keys": [signer.jwk()]}).to_string();
    let json_type = "content-type: application/json\r\n";
    let marked = Reply::with_headers(json_type, format!("\u{feff}{set}").as_bytes());
    let client = field.client_at(marked).await;
    field.case("F6", "a key set by URL with a byte order mark", &client, form(signer, &client));

    let key = signer.jwk();
    let table: Vec<(&str, Reply, Vec<&str>)> = vec![
        ("an array of keys", Reply::json(&json!([key]).to_string()), vec!["array"]),
        ("a single key", Reply::json(&key.to_string()), vec!["JWK", "keys"]),
        ("a trailing comma", Reply::json("{\"keys\":[\n],}"), vec!["line 2, column 3"]),
        (
            "Content-Encoding: UTF-8",
            Reply::with_headers(&format!("{json_type}content-encoding: UTF-8\r\n"), set.as_bytes()),
            vec!["content encoding", "UTF-8"],
        ),
        (
            "Content-Type: text/html",
            Reply::with_headers("content-type: text/html\r\n", set.as_bytes()),
            vec!["content type", "text/html"],
        ),
        ("a member twice", Reply::json(r#"{"keys":[],"keys":[]}"#), vec!["more than one member keys"]),
    ];
    for (input, reply, logged) in table {
        let client = field.client_at(reply).await;
        let case = field.case("F16", input, &client, form(signer, &client));
        case.refused(400, "Client key set could not be retrieved");
        for part in logged {
            case.logged(part);
        }
    }
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
    let client = field.client_at(Reply::Bytes(busy.into())).await;
    let case = field.case("F9", "429 with Retry-After: 120", &client, form(signer, &client));
    case.refused(400, "Client key set could not be retrieved").logged("429").logged("120");
}

/// Clients of one vendor, and the number of fetches.
async fn shared(signer: &Signer) -> Vec<Row> {
    let mut field = Field::new("rfc7523");
    let server = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    for number in 0..20 {
        let client = field.client(json!({"jwks_uri": server.url()}));
        field.case("F8", format!("client {number} of a shared jwks_uri"), &client, form(signer, &client));
    }
    let mut rows = field.run().await;
    rows.push(Row {
        kind: "F8",
        input: "all 20 clients".to_owned(),
        expected: "1 GET".to_owned(),
        got: format!("{} GET", server.fetches()),
        passed: server.fetches() == 1,
    });
    rows
}
