//! Command lines and inputs that leave nothing to judge.

use serde_json::json;

use super::input::JWT;
use super::{explain, jwt_at, rules};
use crate::common::{Signer, TempFile};
use crate::server::{AUDIENCE, ClientFile};

#[tokio::test]
async fn invalid_command_lines_are_refused_by_flag() {
    let clients = ClientFile::new(&json!([]));
    let clients = clients.path().to_str().unwrap();
    let redox = ["--profile", "redox", "--audience", AUDIENCE];
    fn join<'a>(redox: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        [redox, more].concat()
    }
    let with = |more: &[&'static str]| join(&redox, more);
    let table: Vec<(Vec<&str>, &str)> = vec![
        (vec!["-"], "--profile: missing: expected redox, smart, fapi2, rfc7523 or oidc; see --help"),
        (vec![], "--profile: missing"),
        (vec!["--profile", "saml", "-"], "--profile: \"saml\": expected redox, smart, fapi2, rfc7523 or oidc"),
        (vec!["--profile", "redox", "-"], "--audience: missing: expected a URL that clients put into aud"),
        (vec!["--profile", "smart", "-"], "--audience: missing"),
        (vec!["--profile", "fapi2", "-"], "--issuer: missing: expected the http or https URL of this server"),
        (vec!["--profile", "rfc7523", "--audience", AUDIENCE, "-"], "--issuer: missing: expected"),
        (vec!["--profile", "oidc", "-"], "--issuer: missing: expected"),
        (vec!["--profile"], "--profile: no value: expected redox"),
        (with(&["--profile", "oidc", "-"]), "--profile: given 2 times: expected once"),
        (with(&[]), "INPUT: missing: expected a file, or - for standard input; see --help"),
        (with(&["-", "-"]), "INPUT: given 2 times: expected one file, or - for standard input"),
        (with(&["a", "b", "c"]), "INPUT: given 3 times"),
        (with(&["/nowhere/request.txt"]), "INPUT: \"/nowhere/request.txt\": No such file or directory"),
        (with(&["/"]), "INPUT: \"/\": Is a directory"),
        (with(&["client_secret=secret"]), "INPUT: (not repeated): No such file"),
        (with(&["a&secret"]), "INPUT: (not repeated): No such file"),
        (with(&["secret-of-sixteen"]), "INPUT: (not repeated): No such file"),
        (with(&["--client_secret=secret", "-"]), "--client_secret: unknown flag"),
        (with(&[""]), "INPUT: \"\": No such file"),
        (with(&[JWT]), "INPUT: an assertion does not belong on the command line: expected a file, or -"),
        (with(&["client_assertion=eyJh.e30.x"]), "INPUT: an assertion does not belong on the command line"),
        (with(&["--colour", "-"]), "--colour: unknown flag; see --help"),
        (with(&["-x", "-"]), "-x: unknown flag; see --help"),
        (with(&["--input=eyJh", "-"]), "(an assertion): unknown flag; see --help"),
        (with(&["--listen", "127.0.0.1:0", "-"]), "--listen: unknown flag"),
        (with(&["--at", "yesterday", "-"]), "--at: \"yesterday\": expected an RFC 3339 time, Unix seconds, iat or now"),
        (with(&["--at", "-5", "-"]), "--at: \"-5\": expected"),
        (with(&["--at", "2023-11-14T22:13:20", "-"]), "--at: \"2023-11-14T22:13:20\": expected"),
        (
            with(&["--at", "1700000000000", "-"]),
            "--at: \"1700000000000\": expected an RFC 3339 time, Unix seconds, iat or now; this looks like milliseconds",
        ),
        (with(&["--at", "eyJh", "-"]), "--at: (an assertion): expected"),
        (with(&["--at"]), "--at: no value: expected"),
        (with(&["--at", "now", "--at", "iat", "-"]), "--at: given 2 times: expected once"),
        (with(&["--entry", "first", "-"]), "--entry: \"first\": expected the number of an entry in a HAR file, from 0"),
        (with(&["--entry", "-1", "-"]), "--entry: \"-1\": expected"),
        (with(&["--entry", "0", "-"]), "INPUT: --entry: the input is no HAR file"),
        (
            with(&["--issuer", "auth.example.com", "-"]),
            "--issuer: \"auth.example.com\": expected the http or https URL",
        ),
        (with(&["--audience", "not a URL", "-"]), "--audience: "),
        (with(&["--clients", "/nowhere/clients.json", "-"]), "--clients: "),
        (with(&["--error-uri", "https://a.example/\"b\"", "-"]), "--error-uri: "),
        (with(&["--error-pages", "https://a.example/#b", "-"]), "--error-pages: "),
        (with(&["--error-uri", "a", "--error-pages", "b", "-"]), "--error-pages: expected without --error-uri"),
        (with(&["--search-clients", "-"]), "--search-clients: it searches a file: expected --clients"),
        (with(&["--fetch", "-"]), "--fetch: it fetches the keys of a registered client: expected --clients"),
        (join(&redox, &["--clients", clients, "--clients", clients, "-"]), "--clients: given 2 times"),
    ];
    for (arguments, expected) in table {
        let output = explain(&arguments, JWT.as_bytes()).await;
        assert_eq!((output.code, &*output.stdout), (64, ""), "{arguments:?}: {output}");
        assert!(output.stderr.starts_with(expected), "{arguments:?}: expected {expected}: {output}");
        assert_eq!(output.stderr.lines().count(), 1, "{arguments:?}: {output}");
        assert!(!output.stderr.contains("eyJ") && !output.stderr.replace("_secret", "").contains("secret"), "{output}");
    }
}

#[tokio::test]
async fn unreadable_input_is_refused_by_one_line() {
    let table: &[(&[u8], &[&str], &str)] = &[
        (b"", &[], "INPUT: the input is empty: expected a curl line, a raw HTTP request, a HAR file, a form"),
        (b"hello world", &[], "INPUT: the input is not recognized: expected a curl line"),
        (b"{\"log\":{}}", &[], "INPUT: the input is JSON, but no HAR file"),
        (b"{", &["--json"], "INPUT: the input begins like JSON, but is not valid at line 1, column 1"),
        (b"\x80\x81", &["--json"], "INPUT: the input is not text in UTF-8"),
        (b"curl 'https://a.example", &[], "INPUT: line 1: what a quotation mark"),
        (b"{\"log\":{\"entries\":[]}}", &["--entry", "0"], "INPUT: --entry: 0: expected less than 0"),
    ];
    for (input, more, expected) in table {
        let output = explain(&[rules("redox"), more.to_vec(), vec!["-"]].concat(), input).await;
        assert_eq!((output.code, &*output.stdout), (64, ""), "{expected}: {output}");
        assert!(output.stderr.starts_with(expected), "{expected}: {output}");
        assert_eq!(output.stderr.lines().count(), 1, "{expected}: {output}");
    }
    for content in ["", "no JSON", "{}"] {
        let clients = TempFile::new(content.as_bytes());
        let clients = ["--clients", clients.path().to_str().unwrap(), "-"];
        let output = explain(&[rules("redox"), clients.to_vec()].concat(), JWT.as_bytes()).await;
        assert_eq!((output.code, &*output.stdout), (64, ""), "{content:?}: {output}");
        assert!(output.stderr.starts_with("--clients: ") && output.stderr.lines().count() == 1, "{output}");
    }
}

#[tokio::test]
async fn clients_that_cannot_be_used_are_on_stderr() {
    let (signer, other) = (Signer::es384("key-1"), Signer::es256("key-2"));
    let clients = ClientFile::new(&json!([
        {"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "clinic-8"},
        {"client_id": "clinic-9", "jwks": {"keys": [other.jwk()]}},
    ]));
    let arguments = [rules("redox"), vec!["--clients", clients.path().to_str().unwrap(), "--json", "-"]].concat();
    let output = explain(&arguments, JWT.as_bytes()).await;
    assert_eq!(output.stderr, "2 problems with other clients, such as \"clinic-8\", \"clinic-9\"\n");
    output.json();
    for (client, first, second) in [
        ("clinic-7", "2 problems with other clients, such as ", None),
        ("clinic-8", "client 1 (\"clinic-8\"): ", Some("client \"clinic-9\": it can use ES256")),
        ("clinic-9", "client \"clinic-9\": it can use ES256", Some("client 1 (\"clinic-8\"): ")),
    ] {
        let jwt = jwt_at(&signer, client, 1_700_000_000).signed_by(&signer);
        let output = explain(&arguments, jwt.as_bytes()).await;
        let mut lines = output.stderr.lines();
        assert!(lines.next().is_some_and(|line| line.starts_with(first)), "{client}: {output}");
        assert_eq!(lines.next().is_some_and(|line| line.starts_with(second.unwrap())), second.is_some(), "{output}");
    }
}

#[tokio::test]
async fn help_and_version_go_to_stdout() {
    for arguments in [&["--help"][..], &["-h"], &["--colour", "--help"], &["--profile", "saml", "-h"]] {
        let output = explain(arguments, b"").await;
        assert_eq!((output.code, &*output.stderr), (0, ""), "{arguments:?}: {output}");
        for flag in ["--profile NAME", "--clients FILE", "--at TIME", "--entry N", "--fetch", "--json", "-V, --version"]
        {
            assert!(output.stdout.contains(&format!("\n  {flag} ")), "{flag}: {output}");
        }
        assert!(output.stdout.lines().all(|line| line.len() <= 120), "{output}");
    }
    for arguments in [["--version"], ["-V"]] {
        let output = explain(&arguments, b"").await;
        let version = format!("explain {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((output.code, output.stdout, output.stderr), (0, version, String::new()));
    }
}
