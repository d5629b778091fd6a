//! How captured input is recognized and read, except `curl` lines.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use proptest::prelude::RngExt as _;
use serde_json::json;

use crate::explain_input::claims::{client_id, issued_at};
use crate::explain_input::moment::Moment;
use crate::explain_input::{Captured, What, read_bounded};

pub(crate) const JWT: &str = "eyJhbGciOiJFUzM4NCJ9.eyJpYXQiOjE3MDAwMDAwMDB9.c2ln";

pub(crate) fn form() -> String {
    format!("grant_type=client_credentials&client_assertion={JWT}")
}

fn read(input: &[u8]) -> Result<Captured, String> {
    Captured::read(input, None)
}

pub(crate) fn request(captured: Captured, case: &str) -> Request<Bytes> {
    match captured.what {
        What::Request(request) => *request,
        other => panic!("{case}: {other:?}"),
    }
}

/// Returns the kind and the content.
fn kind(captured: Captured) -> (&'static str, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match captured.what {
        What::Request(request) => ("request", text(request.body())),
        What::Form(body) => ("form", text(&body)),
        What::Assertion(jwt) => ("jwt", jwt),
    }
}

#[test]
fn input_is_recognized_by_its_looks() {
    let form = form();
    let utf16 = |mark: [u8; 2], encode: fn(u16) -> [u8; 2]| {
        mark.into_iter().chain(form.encode_utf16().flat_map(encode)).collect::<Vec<u8>>()
    };
    let raw = format!("POST /t HTTP/1.1\r\nContent-Length: {}\r\n\r\n{form}", form.len());
    let har = har(&[entry("POST", &form)]);
    let (bearer, quoted) = (format!("Bearer {JWT}"), format!("\"{JWT}\""));
    let table: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("form", form.clone().into(), "form", &form),
        ("form with LF", (form.clone() + "\n").into(), "form", &form),
        ("form with CRLF", (form.clone() + "\r\n").into(), "form", &form),
        ("form behind empty lines", ("\n\r\n".to_owned() + &form).into(), "form", &form),
        ("form with a byte order mark", ("\u{FEFF}".to_owned() + &form).into(), "form", &form),
        ("form in UTF-16LE", utf16([0xFF, 0xFE], u16::to_le_bytes), "form", &form),
        ("form in UTF-16BE", utf16([0xFE, 0xFF], u16::to_be_bytes), "form", &form),
        ("form without an assertion", "grant_type=client_credentials".into(), "form", "grant_type=client_credentials"),
        ("form with spaces", "scope=a b&client_id=c".into(), "form", "scope=a b&client_id=c"),
        ("wrapped form", "client_assertion=eyJ\nabc\n".into(), "form", "client_assertion=eyJ\nabc"),
        ("line of a log", format!("12:00 refused\n{form}\nend of log\n").into(), "form", &form),
        ("jwt", JWT.into(), "jwt", JWT),
        ("jwt with LF", (JWT.to_owned() + "\n").into(), "jwt", JWT),
        ("jwt with CRLF", (JWT.to_owned() + "\r\n").into(), "jwt", JWT),
        ("Bearer", format!("Bearer {JWT}\n").into(), "jwt", &bearer),
        ("quoted jwt", format!("\"{JWT}\"").into(), "jwt", &quoted),
        ("wrapped jwt", "eyJh\nbGci.e30\n.c2ln\n".into(), "jwt", "eyJh\nbGci.e30\n.c2ln"),
        ("two parts", "eyJh.e30".into(), "jwt", "eyJh.e30"),
        ("five parts", "eyJh.a.b.c.d".into(), "jwt", "eyJh.a.b.c.d"),
        ("unsecured jwt", "eyJh.e30.".into(), "jwt", "eyJh.e30."),
        ("jwt whose header is no object", "WzFd.e30.c2ln".into(), "jwt", "WzFd.e30.c2ln"),
        ("padded jwt", "eyJh.e30=.c2k=".into(), "jwt", "eyJh.e30=.c2k="),
        ("raw", raw.clone().into(), "request", &form),
        ("raw with LF", raw.replace("\r\n", "\n").into(), "request", &form),
        ("raw with a byte order mark", ("\u{FEFF}".to_owned() + &raw).into(), "request", &form),
        ("raw behind an empty line", ("\r\n".to_owned() + &raw).into(), "request", &form),
        ("har", har.clone().into(), "request", &form),
        ("har with a byte order mark", ("\u{FEFF}".to_owned() + &har).into(), "request", &form),
        ("curl", format!("curl https://a.example/ -d '{form}'").into(), "request", &form),
        ("curl with CRLF", format!("curl https://a.example/ \\\r\n -d '{form}'\r\n").into(), "request", &form),
    ];
    for (case, input, expected, content) in table {
        let captured = read(&input).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(kind(captured), (expected, content.to_owned()), "{case}");
    }
}

#[test]
fn what_is_not_recognized_is_refused_by_one_line() {
    let nul = b"client_assertion=a\0b";
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "the input is empty: expected a curl line, "),
        ("only white space", b" \r\n\t\n".to_vec(), "the input is empty: expected"),
        ("only a byte order mark", vec![0xEF, 0xBB, 0xBF], "the input is empty"),
        ("words", b"hello world".to_vec(), "the input is not recognized: expected a curl line"),
        ("one word", b"hello".to_vec(), "the input is not recognized"),
        ("another form", b"a=b&c=d".to_vec(), "the input is not recognized"),
        ("binary", vec![0x80, 0xFF, 0x00, 0x13], "the input is not text in UTF-8"),
        ("NUL", nul.to_vec(), "the input has NUL bytes"),
        ("half of UTF-16", vec![0xFF, 0xFE, b'a'], "the input begins like UTF-16, but is not"),
        ("a lone surrogate", vec![0xFF, 0xFE, 0x00, 0xD8], "the input begins like UTF-16, but is not"),
        ("two assertions", format!("a b\n{0}\nc d\n{0}", form()).into(), "the input has several lines"),
        ("cut JSON", b"{\"log\":".to_vec(), "the input begins like JSON, but is not valid at line 1, column 7"),
        ("other JSON", b"{\"client_assertion\":\"eyJ\"}".to_vec(), "the input is JSON, but no HAR file"),
        ("HAR of another type", b"{\"log\":{\"entries\":\"eyJ\"}}".to_vec(), "the input is JSON, but no HAR file"),
        ("no header", b"POST / HTTP/1.1\nHost\n\n".to_vec(), "line 2: expected NAME: VALUE, a header"),
        ("header on two lines", b"POST / HTTP/1.1\nA: b\n c\n\n".to_vec(), "line 3: expected NAME: VALUE"),
        (
            "header with a control",
            b"POST / HTTP/1.1\nA: b\x01\n\n".to_vec(),
            "line 2: the value of the header has characters",
        ),
        ("target", b"POST a\x7F HTTP/1.1\n\n".to_vec(), "the target of the request is no URL"),
        ("no body", b"POST / HTTP/1.1\nContent-Length: 1\n\n".to_vec(), "the head declares a body with"),
        ("chunks", b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n5\nab".to_vec(), "the chunked body is damaged"),
        ("open quotation", b"curl 'https://a.example".to_vec(), "line 1: what a quotation mark"),
        ("no URL", b"curl -d a=b".to_vec(), "the curl line has no URL"),
        ("no value", b"curl https://a.example -d".to_vec(), "the curl line ends after data, which has no value"),
        ("cmd.exe", b"curl ^\"https://a.example^\" ^\n -d a".to_vec(), "the curl line is written for cmd.exe"),
    ];
    for (case, input, expected) in table {
        let error = read(&input).expect_err(case);
        assert!(error.starts_with(expected), "{case}: {error}");
        assert!(!error.contains('\n') && !error.contains("eyJ"), "{case}: {error}");
    }
}

#[test]
fn raw_requests_are_read_as_servers_read_them() {
    // The head below the request line, and what follows it; the body, and whether there is a note.
    let table: &[(&str, &str, &str, bool)] = &[
        ("Content-Length: 3\r\n", "a=b", "a=b", false),
        ("Content-Length: 3\r\n", "a=b\n", "a=b", false),
        ("Content-Length: 3\r\n", "a=b\r\n", "a=b", false),
        ("Content-Length: 3\r\n", "a=bc", "a=b", true),
        ("Content-Length: 4\r\n", "a=b", "a=b", true),
        ("Content-Length: 4\r\n", "a=b\n", "a=b\n", false),
        ("Content-Length: 0\r\n", "a=b", "", true),
        ("Content-Length: 3\r\nContent-Length: 3\r\n", "a=b", "a=b", false),
        ("content-length: 3\r\n", "a=b\r\n", "a=b", false),
        ("", "a=b", "a=b", true),
        ("", "a=b\r\n", "a=b", true),
        ("", "", "", false),
        ("Transfer-Encoding: chunked\r\n", "3\r\na=b\r\n0\r\n\r\n", "a=b", false),
        ("Transfer-Encoding: chunked\r\n", "2\na=\n1;x=y\nb\n0\n", "a=b", true),
        ("Transfer-Encoding: chunked\r\n", "3\r\na=b\n0\r\n\r\n", "a=b", true),
        ("Transfer-Encoding: gzip, chunked\r\n", "3\r\na=b\r\n0\r\n\r\n", "a=b", false),
        ("Content-Length: 9\r\nTransfer-Encoding: chunked\r\n", "3\r\na=b\r\n0\r\n\r\n", "a=b", false),
        ("Transfer-Encoding: Chunked\r\n", "A\r\n0123456789\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n", "0123456789!", false),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "", false),
        ("Transfer-Encoding: chunked\r\n", "grant_type=x", "grant_type=x", true),
    ];
    for (head, rest, body, noted) in table {
        let case = format!("{head:?} {rest:?}");
        let input = format!("POST /v2?a=b HTTP/1.1\r\nHost: a\r\n{head}\r\n{rest}");
        let captured = read(input.as_bytes()).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(!captured.notes.is_empty(), *noted, "{case}: {:?}", captured.notes);
        let request = request(captured, &case);
        assert_eq!((request.method().as_str(), &*request.uri().to_string()), ("POST", "/v2?a=b"), "{case}");
        assert_eq!(String::from_utf8_lossy(request.body()), *body, "{case}");
        assert_eq!(request.headers()["host"], "a", "{case}");
    }
    for (target, expected) in [
        ("/", "/"),
        ("https://a.example", "/"),
        ("https://a.example:8443/token?x=y", "/token?x=y"),
        ("HTTP://A.example/t", "/t"),
    ] {
        let captured = read(format!("get {target} HTTP/1.0\n\n").as_bytes()).unwrap();
        let request = request(captured, target);
        assert_eq!((request.method().as_str(), &*request.uri().to_string()), ("get", expected), "{target}");
    }
    let repeated = read(b"POST / HTTP/1.1\nContent-Type: a\nContent-Type: b\n").unwrap();
    let values: Vec<_> = request(repeated, "repeated").headers().get_all("content-type").iter().cloned().collect();
    assert_eq!(values, ["a", "b"]);
    let gzip = read(b"POST / HTTP/1.1\nContent-Encoding: gzip\nContent-Length: 4\n\n\x1F\x8B\x00\xFF").unwrap();
    assert_eq!(&request(gzip, "gzip").body()[..], b"\x1F\x8B\x00\xFF");
}

/// As `token_server` refuses them, with 400 or 431 and without a look at the body.
#[test]
fn heads_that_servers_refuse_are_not_judged() {
    let many = |count: usize| (0..count).map(|number| format!("a{number}: b\r\n")).collect::<String>();
    let long = |length: usize| format!("A: {}\r\n", "a".repeat(length));
    let length = "Content-Length: 3\r\n";
    let table = [
        (
            "HTTP/1.1",
            "Content-Length: 3\r\nContent-Length: 4\r\n".to_owned(),
            "the head has two different Content-Length",
        ),
        ("HTTP/1.1", "Content-Length: abc\r\n".to_owned(), "Content-Length is no number"),
        ("HTTP/1.1", "Content-Length: +3\r\n".to_owned(), "Content-Length is no number"),
        ("HTTP/1.1", "Content-Length: 3, 3\r\n".to_owned(), "Content-Length is no number"),
        ("HTTP/1.1", "Content-Length:\r\n".to_owned(), "Content-Length is no number"),
        ("HTTP/1.1", "Content-Length: 99999999999999999999\r\n".to_owned(), "Content-Length is no number"),
        ("HTTP/1.1", "Transfer-Encoding: identity\r\n".to_owned(), "Transfer-Encoding does not end with chunked"),
        ("HTTP/1.1", "Transfer-Encoding: chunked, gzip\r\n".to_owned(), "Transfer-Encoding does not end with"),
        ("HTTP/1.5", length.to_owned(), "the request line has an unknown version of HTTP"),
        ("HTTP/eyJ", length.to_owned(), "the request line has an unknown version of HTTP"),
        ("HTTP/1.1", length.to_owned() + &many(100), "the head has more than 100 headers"),
        ("HTTP/1.1", length.to_owned() + &long(420_000), "the head has more than 417792 bytes"),
        ("HTTP/1.1", length.to_owned() + &many(99), ""),
        ("HTTP/1.0", length.to_owned() + &long(410_000), ""),
        ("HTTP/2", length.to_owned(), "the request line is not one of HTTP/1.1: it is judged as if it were"),
        ("HTTP/2.0", length.to_owned(), "the request line is not one of HTTP/1.1"),
    ];
    for (version, head, expected) in table {
        let case = &head[..head.len().min(60)];
        match read(format!("POST /v2 {version}\r\n{head}\r\na=b").as_bytes()) {
            Ok(captured) if expected.is_empty() => assert_eq!(captured.notes, [""; 0], "{case}"),
            Ok(captured) => assert!(captured.notes[0].starts_with(expected), "{case}: {:?}", captured.notes),
            Err(error) => assert!(!expected.is_empty() && error.starts_with(expected), "{case}: {error}"),
        }
    }
    let error = read(b"POST / HTTP/1.1\nSecret-Of-The-Client: b\x01\n\n").unwrap_err();
    assert!(!error.to_lowercase().contains("secret"), "{error}");
    let headers = |count: usize| (0..count).map(|number| format!(" -H a{number}:b")).collect::<String>();
    for (count, is_read) in [(99, true), (100, true), (101, false), (4_900, false)] {
        let captured = read(format!("curl https://a.example{}", headers(count)).as_bytes());
        assert_eq!(captured.is_ok(), is_read, "{count}");
    }
}

#[test]
fn what_is_odd_in_har_files_is_noted() {
    let encoded = |text: &str| {
        let mut entry = entry("POST", text);
        entry["request"]["postData"]["encoding"] = json!("base64");
        entry
    };
    let form = form();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&form);
    let captured = read(har(&[encoded("%"), encoded(&base64)]).as_bytes()).unwrap();
    assert_eq!((&*captured.source, captured.notes.len()), ("a HAR file, entry 1", 0));
    assert_eq!(request(captured, "base64").body(), form.as_bytes());
    let error = Captured::read(har(&[encoded("%")]).as_bytes(), Some(0)).unwrap_err();
    assert_eq!(error, "entry 0: postData.text is not base64");

    for (time, noted) in [(json!("yesterday"), true), (json!(null), true), (json!("2023-11-14T22:13:20Z"), false)] {
        let mut entry = entry("POST", &form);
        entry["startedDateTime"] = time.clone();
        let captured = read(har(&[entry]).as_bytes()).unwrap();
        let expected = ["entry 0: startedDateTime is no RFC 3339 time: without --at, it is judged now"];
        assert_eq!(captured.notes, &expected[..usize::from(noted)], "{time}");
    }
    let mut entry = entry("POST", "a=bc");
    entry["request"]["headers"] = json!([{"name": "Content-Length", "value": "6"}]);
    let captured = Captured::read(har(&[entry]).as_bytes(), Some(0)).unwrap();
    assert!(captured.notes[0].starts_with("Content-Length says 6, but the body has 4 bytes"), "{:?}", captured.notes);
}

fn har(entries: &[serde_json::Value]) -> String {
    json!({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).to_string()
}

fn entry(method: &str, body: &str) -> serde_json::Value {
    json!({
        "startedDateTime": "2023-11-14T23:13:20.999+01:00", "time": 12.5,
        "request": {
            "method": method, "url": "https://a.example/token?x=y", "httpVersion": "HTTP/2",
            "headers": [{"name": ":path", "value": "/token"}, {"name": "content-type", "value": "text/plain"}],
            "postData": {"mimeType": "text/plain", "text": body},
        },
        "response": {"status": 400, "content": {"text": "x"}},
    })
}

#[test]
fn har_files_yield_the_first_assertion_or_an_entry() {
    let form = form();
    let entries =
        [entry("GET", ""), entry("GET", &form), entry("POST", "a=b"), entry("POST", &form), entry("POST", "c=d")];
    let file = har(&entries);
    for (number, body) in [(None, &*form), (Some(0), ""), (Some(2), "a=b"), (Some(3), &*form), (Some(4), "c=d")] {
        let case = format!("{number:?}");
        let captured = Captured::read(file.as_bytes(), number).unwrap();
        assert_eq!(captured.source, format!("a HAR file, entry {}", number.unwrap_or(3)));
        assert_eq!(captured.sent_at, Some(1_700_000_000), "{case}");
        let request = request(captured, &case);
        assert_eq!(String::from_utf8_lossy(request.body()), body, "{case}");
        assert_eq!(request.uri(), "/token?x=y", "{case}");
        assert_eq!(request.headers()["content-type"], "text/plain", "{case}");
        assert_eq!(request.headers().len(), 1, "{case}");
    }
    for (file, number, expected) in [
        (&*file, Some(5), "--entry: 5: expected less than 5, the number of entries"),
        (&*har(&entries[..3]), None, "none of the 3 entries of the HAR file is a POST with a client_assertion"),
        (&*har(&[]), None, "none of the 0 entries"),
        (&*form, Some(0), "--entry: the input is no HAR file"),
    ] {
        let error = Captured::read(file.as_bytes(), number).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn absent_members_of_har_files_may_be_null() {
    let pair = json!({"name": "scope", "value": null});
    let table = [
        (json!({"method": "POST", "url": "https://a.example"}), ""),
        (json!({"method": "POST", "url": "https://a.example", "headers": null, "postData": null}), ""),
        (json!({"method": "POST", "url": "/", "postData": {"mimeType": null, "text": null, "params": null}}), ""),
        (json!({"method": "POST", "url": "/", "postData": {"params": [pair]}}), "scope="),
    ];
    for (sent, body) in table {
        let entry = json!({"startedDateTime": null, "request": sent});
        let captured =
            Captured::read(har(&[entry]).as_bytes(), Some(0)).unwrap_or_else(|error| panic!("{sent}: {error}"));
        assert_eq!(captured.sent_at, None, "{sent}");
        assert_eq!(request(captured, "null").body(), body.as_bytes(), "{sent}");
    }
}

#[test]
fn har_files_yield_bodies_that_are_no_form_if_there_is_no_other() {
    let (form, json) = (form(), json!({"client_assertion": JWT}).to_string());
    for (bodies, expected) in [(vec!["a=b", &*json], &json), (vec![&*json, &*form], &form)] {
        let entries: Vec<_> = bodies.iter().map(|body| entry("POST", body)).collect();
        let captured = Captured::read(har(&entries).as_bytes(), None).unwrap();
        assert_eq!(captured.source, "a HAR file, entry 1");
        assert_eq!(String::from_utf8_lossy(request(captured, expected).body()), **expected);
    }
}

#[test]
fn parameters_of_har_files_become_a_form() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("scope", "a b"), ("c", "d/e")], "scope=a+b&c=d%2Fe"),
        (&[("scope", "a%20b"), ("type", "urn%3Aietf")], "scope=a%20b&type=urn%3Aietf"),
        (&[("scope", "a%20b"), ("type", "urn:ietf")], "scope=a%2520b&type=urn%3Aietf"),
        (&[("a", "b"), ("c", "")], "a=b&c="),
        (&[], ""),
    ];
    for (parameters, form) in table {
        let mut entry = entry("POST", "");
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        entry["request"]["postData"] = json!({"mimeType": "x", "params": parameters});
        let captured = Captured::read(har(&[entry]).as_bytes(), Some(0)).unwrap();
        assert_eq!(String::from_utf8_lossy(request(captured, form).body()), *form);
    }
}

#[test]
fn times_have_four_spellings() {
    for (text, expected) in [
        ("now", Some(Moment::Now)),
        ("iat", Some(Moment::Iat)),
        ("0", Some(Moment::At(0))),
        ("1700000000", Some(Moment::At(1_700_000_000))),
        ("253402300799", Some(Moment::At(253_402_300_799))),
        ("253402300800", Some(Moment::At(253_402_300_800))),
        ("946684799999", Some(Moment::At(946_684_799_999))),
        ("946684800000", None),
        ("4102444799999", None),
        ("4102444800000", Some(Moment::At(4_102_444_800_000))),
        ("1700000000000", None),
        ("99999999999999999999", None),
        ("2023-11-14T22:13:20Z", Some(Moment::At(1_700_000_000))),
        ("2023-11-14T22:13:20.999Z", Some(Moment::At(1_700_000_000))),
        ("2023-11-14T23:13:20+01:00", Some(Moment::At(1_700_000_000))),
        ("2023-11-14T22:13:20-00:00", Some(Moment::At(1_700_000_000))),
        ("1970-01-01T00:00:00Z", Some(Moment::At(0))),
        ("1969-12-31T23:59:59Z", None),
        ("2024-02-30T00:00:00Z", None),
        ("2023-11-14T22:13:20", None),
        ("2023-11-14", None),
        ("-1", None),
        ("1.5", None),
        ("Now", None),
        ("", None),
    ] {
        assert_eq!(Moment::parse(text), expected, "{text:?}");
    }
}

#[test]
fn claims_are_read_from_assertions() {
    for (claims, expected) in [
        ("{\"iat\":1700000000}", Ok((1_700_000_000, None))),
        ("{\"iat\":1700000000.9}", Ok((1_700_000_000, None))),
        ("{\"iat\":\"1700000000\"}", Ok((1_700_000_000, Some("iat is a string")))),
        ("{\"iat\":1700000000999}", Ok((1_700_000_000, Some("iat is in milliseconds")))),
        ("{\"iat\":\"yesterday\"}", Err("iat is no time")),
        ("{\"iat\":-1}", Err("iat is no time")),
        ("{\"iat\":1e300}", Err("iat is no time")),
        ("{\"iat\":null}", Err("iat is no time")),
        ("{}", Err("the assertion has no iat")),
        ("[]", Err("the assertion cannot be read")),
        ("no JSON", Err("the assertion cannot be read")),
    ] {
        let jwt = format!("eyJ9.{}.x", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(issued_at(jwt.as_bytes()), expected, "{claims}");
    }
    let (unnamed, unreadable) = ("the assertion names no client", "the assertion cannot be read");
    let table =
        [("{\"iss\":\"a\"}", Ok("a")), ("{\"iss\":1}", Err(unnamed)), ("{}", Err(unnamed)), ("1", Err(unreadable))];
    for (claims, expected) in table {
        let jwt = format!("eyJ9.{}.x", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(client_id(jwt.as_bytes()), expected.map(str::to_owned), "{claims}");
    }
    for jwt in ["", "a", "a.b", ".", "..", "a.%.b"] {
        assert_eq!(issued_at(jwt.as_bytes()), Err(unreadable), "{jwt:?}");
        assert_eq!(client_id(jwt.as_bytes()), Err(unreadable), "{jwt:?}");
    }
}

#[test]
fn size_of_input_is_bounded() {
    let most = 64 << 20;
    assert!(read_bounded(std::io::repeat(b'a')).unwrap().unwrap_err().contains("at most 64 MiB"));
    assert_eq!(read_bounded(std::io::Read::take(std::io::repeat(b'a'), most)).unwrap().unwrap().len() as u64, most);
    let long = |length: usize| format!("scope={}", "a".repeat(length - 6));
    assert!(read(long(1 << 20).as_bytes()).is_ok());
    assert_eq!(read(long((1 << 20) + 1).as_bytes()).unwrap_err(), "the input is too large: expected at most 1 MiB");
}

/// The time that one takes is bounded by its size.
#[test]
fn mutated_input_causes_no_panic() {
    let form = form();
    let raw = format!("POST /t?a=b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{form}\r\n0\r\n\r\n");
    let curl =
        format!("$ curl -sS -X POST \\\n 'https://a.example' -u a:$(b) -H \"A: b\" --data-urlencode $'a\\x20={form}'");
    let seeds = [form.clone(), JWT.to_owned(), raw, curl, har(&[entry("POST", &form)])];
    let mut random = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let pieces: [&[u8]; 12] =
        [b"'", b"\"", b"\\", b"$(", b"${", b"$'", b"\n", b"\0", b"\xFF\xFE", b"=", b"{", b"\xF0\x9F"];
    let (mut read_well, mut refused) = (0, 0);
    for number in 0..20_000 {
        let mut input = seeds[number % seeds.len()].clone().into_bytes();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..=input.len());
            let to = random.random_range(at..=input.len().min(at + 9));
            let piece = match random.random_range(0..3) {
                0 => pieces[random.random_range(0..pieces.len())].to_vec(),
                1 => vec![random.random()],
                _ => Vec::new(),
            };
            input.splice(at..to, piece);
        }
        let is_har = number % seeds.len() == 4;
        match Captured::read(&input, (is_har && random.random()).then_some(0)) {
            Ok(captured) => {
                captured.assertion().map(|assertion| issued_at(&assertion));
                read_well += 1;
            }
            Err(error) => {
                assert!(!error.contains('\n') && !error.contains("eyJ"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(read_well > 4000 && refused > 4000, "{read_well} {refused}");
}
