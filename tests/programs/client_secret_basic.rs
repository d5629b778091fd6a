//! `examples/client_secret_basic`: the header in every form, and one answer to every refusal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::examples::Example;
use crate::server::{Answer, FORM, soon};

const FAILED: &str = "Client authentication failed";

/// Sends a form with these `Authorization` headers.
async fn send(url: &str, values: &[String], form: &str) -> Answer {
    let address = url.strip_prefix("http://").unwrap();
    let headers: String = values.iter().map(|value| format!("Authorization: {value}\r\n")).collect();
    let length = form.len();
    let head = format!("POST /token HTTP/1.1\r\nHost: {address}\r\n{FORM}\r\nContent-Length: {length}\r\n{headers}");
    let exchange = async {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(format!("{head}Connection: close\r\n\r\n{form}").as_bytes()).await?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await.map(|_| text)
    };
    Answer::parse(&soon("a response", exchange).await.unwrap())
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

const GOOD: &str = "legacy+client:100%25+s%2Bcret%3A+no";

#[tokio::test]
async fn a_client_authenticates_by_its_secret_or_by_an_assertion() {
    let mut example = Example::start("client_secret_basic").await;
    let (_, form) = example.pasted().await;
    let asserted = send(&example.url, &[], &form).await;
    assert_eq!((asserted.status, &*asserted.body), (200, "a token for demo-client"));
    let spaces = "legacy%20client:100%25%20s%2bcret%3a%20no";
    for value in [basic(GOOD), basic(spaces), basic(GOOD).replace("Basic", "bAsIc"), basic(GOOD).replace(' ', "   ")] {
        for form in ["grant_type=client_credentials", "client_id=legacy+client", ""] {
            let answer = send(&example.url, std::slice::from_ref(&value), form).await;
            assert_eq!((answer.status, &*answer.body), (200, "a token for legacy client"), "{value} {form}");
        }
    }
}

#[tokio::test]
async fn every_other_header_is_refused_in_one_way() {
    let example = Example::start("client_secret_basic").await;
    let unpadded = basic("legacy+client:xy").trim_end_matches('=').to_owned();
    let urlsafe = format!("Basic {}", STANDARD.encode("a?>:b?>").replace('/', "_").replace('+', "-"));
    let table = [
        ("a wrong secret", vec![basic("legacy+client:x")]),
        ("a secret of another case", vec![basic(&GOOD.replace("cret", "CRET"))]),
        ("an unknown client", vec![basic("stranger:100%25+s%2Bcret%3A+no")]),
        ("the client of assertions", vec![basic("demo-client:x")]),
        ("values that are not encoded", vec![basic("legacy client:100% s+cret: no")]),
        ("values that are encoded twice", vec![basic("legacy%2Bclient:100%2525+s%252Bcret%253A+no")]),
        ("no colon", vec![basic("legacy+client")]),
        ("no id", vec![basic(":100%25+s%2Bcret%3A+no")]),
        ("no secret", vec![basic("legacy+client:")]),
        ("an incomplete escape", vec![basic("legacy+client:x%2")]),
        ("an escape that is not hexadecimal", vec![basic("legacy+client:x%+1")]),
        ("a control character", vec![basic("legacy+client:x%00")]),
        ("a line break", vec![basic("legacy+client%0a:x")]),
        ("a character beyond ASCII", vec![basic("legacy+client:%C3%A9")]),
        ("no base64", vec!["Basic !".to_owned()]),
        ("base64 without padding", vec![unpadded]),
        ("base64url", vec![urlsafe]),
        ("nothing after the scheme", vec!["Basic".to_owned()]),
        ("two values", vec![basic(GOOD), basic(GOOD)]),
        ("a long value", vec![basic(&format!("legacy+client:{}", "x".repeat(2000)))]),
    ];
    for (name, values) in table {
        let answer = send(&example.url, &values, "grant_type=client_credentials").await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"token endpoint\""), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(answer.json(), json!({"error": "invalid_client", "error_description": FAILED}), "{name}");
    }
}

#[tokio::test]
async fn several_methods_and_clients_are_refused() {
    let mut example = Example::start("client_secret_basic").await;
    let (_, form) = example.pasted().await;
    let table = [
        (vec![basic(GOOD)], "client_secret=x", 401, "More than one client authentication method was used"),
        (vec![basic(GOOD)], &form, 401, "More than one client authentication method was used"),
        (vec![basic(GOOD)], "client_id=other", 401, FAILED),
        (vec![basic(GOOD)], "client_id=a&client_id=a", 400, "Parameter 'client_id' must not be repeated"),
        (vec![], "client_id=legacy+client", 400, "Client authentication required"),
        (vec!["Digest x".to_owned()], "a=b", 400, "Client authentication required"),
    ];
    for (values, form, status, description) in table {
        let answer = send(&example.url, &values, form).await;
        assert_eq!((answer.status, &answer.json()["error_description"]), (status, &json!(description)), "{form}");
    }
}
