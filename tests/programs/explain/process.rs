//! What the program prints about requests that it can judge.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tower_client_assertion::clock::{Clock, SystemClock, UnixTime};
use tower_client_assertion::explain::{NoReplay, Part};
use tower_client_assertion::registry::FileRegistry;
use tower_client_assertion::{ClientAssertionLayer, JWT_BEARER, Policy, Verifier};

use super::{Output, explain, jwt_at, rules};
use crate::common::{NOW, Signer, TempFile, example, form};
use crate::server::{AUDIENCE, ClientFile, ISSUER, soon};

const TIME: &str = "2023-11-14T22:13:20Z";

/// A client file with one client, and its key.
fn clinic() -> (Signer, ClientFile) {
    let signer = Signer::es384("key-1");
    let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]));
    (signer, clients)
}

fn with_clients<'a>(clients: &'a ClientFile, more: &[&'a str]) -> Vec<&'a str> {
    [rules("redox"), vec!["--clients", clients.path().to_str().unwrap()], more.to_vec()].concat()
}

fn curl(assertion: &str) -> String {
    format!(
        "$ curl -i {AUDIENCE} \\\n  -d grant_type=client_credentials \\\n  -d client_assertion_type={JWT_BEARER} \\\n  \
         --data-urlencode 'client_assertion={assertion}'\n"
    )
}

fn raw(form: &str) -> String {
    format!(
        "POST /v2/auth/token HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

fn har(form: &str, time: &str) -> String {
    let headers = [json!({"name": "Content-Type", "value": "application/x-www-form-urlencoded"})];
    let request = json!({"method": "POST", "url": AUDIENCE, "headers": headers, "postData": {"text": form}});
    json!({"log": {"entries": [{"startedDateTime": time, "request": request}]}}).to_string()
}

/// The checks that were not judged, except that of the replay store.
fn unjudged(output: &Output) -> Vec<String> {
    let json = output.json();
    let steps = json["steps"].as_array().unwrap().iter();
    let unjudged = steps.filter(|step| step["outcome"] == "not_judged" && step["check"] != "unspent");
    unjudged.map(|step| step["check"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_kind_of_input_is_judged_from_stdin_and_a_file() {
    let (signer, clients) = clinic();
    let jwt = || jwt_at(&signer, "clinic-7", NOW).signed_by(&signer);
    let head = ["method", "content_encoding", "content_type"];
    let around = ["body_size", "form", "parameters", "grant_type", "assertion_type"];
    // The input, what is said about it, and some checks that are and are not judged.
    type Row<'a> = (&'a str, String, &'a str, &'a [&'a str], &'a [&'a str]);
    let table: [Row<'_>; 5] = [
        ("curl", curl(&jwt()), "a curl line, line 1: POST /v2/auth/token, ", &[], &[&head[..], &around[..]].concat()),
        ("raw", raw(&form(&jwt())), "a raw request: POST /v2/auth/token, ", &[], &[&head[..], &around[..]].concat()),
        ("har", har(&form(&jwt()), TIME), "a HAR file, entry 0: POST /v2/auth/token, ", &[], &head),
        ("form", form(&jwt()) + "\n", "a form body, ", &head, &around),
        ("jwt", jwt() + "\n", "a JWT, ", &[&head[..], &["form", "grant_type"]].concat(), &["kid", "aud", "signature"]),
    ];
    for (case, input, about, not_judged, judged) in &table {
        let file = TempFile::new(input);
        for place in ["-", file.path().to_str().unwrap()] {
            let stdin = if place == "-" { input.as_bytes() } else { b"" };
            let text = explain(&with_clients(&clients, &["--at", TIME, place]), stdin).await;
            assert_eq!((text.code, &*text.stderr), (0, ""), "{case}: {text}");
            assert!(text.stdout.contains(&format!("\ninput     {about}")), "{case}: {text}");
            assert!(text.stdout.contains("\nverdict   accepted: "), "{case}: {text}");
            let until = "\nsecret    until 2023-11-14T22:18:";
            assert!(text.stdout.contains(until), "{case}: {text}");
            let json = explain(&with_clients(&clients, &["--json", "--at", TIME, place]), stdin).await;
            assert_eq!((json.code, &*json.stderr), (0, ""), "{case}: {json}");
            assert_eq!(json.json()["verdict"]["client"], "clinic-7", "{case}: {json}");
            assert_eq!((json.json()["at"].as_u64(), json.stdout.lines().count()), (Some(NOW), 1), "{case}");
            let unjudged = unjudged(&json);
            let is_unjudged = |check: &&&str| unjudged.contains(&(**check).to_owned());
            assert!(not_judged.iter().all(|check| is_unjudged(&check)), "{case}: {json}");
            assert!(!judged.iter().any(|check| is_unjudged(&check)), "{case}: {json}");
        }
    }
}

/// The text and the JSON are those of the library, with lines about the input behind the text.
#[tokio::test]
async fn explanations_are_those_of_the_library() {
    let (signer, clients) = clinic();
    let registry = FileRegistry::load(clients.path()).unwrap();
    let verifier = Verifier::builder(Policy::REDOX, registry, NoReplay).audience(AUDIENCE).build().unwrap();
    let layer = ClientAssertionLayer::new(verifier);
    let at = UnixTime::from_secs(NOW);
    for (case, jwt) in [
        ("right", jwt_at(&signer, "clinic-7", NOW)),
        ("wrong", jwt_at(&signer, "clinic-7", NOW - 453).claim("aud", "x").header("kid", "key-2")),
        ("no date fits", jwt_at(&signer, "clinic-7", NOW).claim("exp", NOW - 5000)),
    ] {
        let jwt = jwt.signed_by(&signer);
        let explanation = layer.explain_part(Part::Assertion(&jwt), at).await;
        let json = explain(&with_clients(&clients, &["--at", TIME, "--json", "-"]), jwt.as_bytes()).await;
        assert_eq!(json.stdout, serde_json::to_string(&explanation).unwrap() + "\n", "{case}");
        let text = explain(&with_clients(&clients, &["--at", TIME, "-"]), jwt.as_bytes()).await;
        let more = text.stdout.strip_prefix(&explanation.to_string()).unwrap_or_else(|| panic!("{case}: {text}"));
        let about = format!("\ninput     a JWT, {} bytes\n", jwt.len());
        let until = match case {
            "right" => {
                "secret    until 2023-11-14T22:18:29Z the input is as good as a password, unless it has been used\n"
            }
            "wrong" => {
                "secret    at most until 2023-11-14T22:10:56Z the input is as good as a password, unless it has been used\n"
            }
            _ => "secret    the input has a JWT, which is as good as a password where it is accepted\n",
        };
        assert_eq!(more, about + until, "{case}");
    }
}

#[tokio::test]
async fn both_mistakes_of_a_doubly_wrong_request_are_shown() {
    let (signer, clients) = clinic();
    let jwt = jwt_at(&signer, "clinic-7", NOW - 453).claim("aud", format!("{AUDIENCE}/")).signed_by(&signer);
    let text = explain(&with_clients(&clients, &["--at", TIME, "-"]), curl(&jwt).as_bytes()).await;
    assert_eq!(text.code, 1, "{text}");
    for expected in [
        "FAIL  aud                aud_unexpected: ",
        "FAIL  iat                iat_past: ",
        "verdict   refused, aud_unexpected: 400 invalid_request \"Unexpected aud claim value\"",
        "whose     the client's",
    ] {
        assert!(text.stdout.contains(expected), "{expected}: {text}");
    }
    let json = explain(&with_clients(&clients, &["--json", "--at", TIME, "-"]), curl(&jwt).as_bytes()).await;
    assert_eq!(
        (json.code, json.reasons()),
        (1, ["aud_unexpected", "exp_past", "iat_past"].map(str::to_owned).to_vec())
    );
    let signature = json.json()["steps"].as_array().unwrap().iter().find(|step| step["check"] == "signature").cloned();
    assert_eq!(signature.unwrap()["outcome"], "passed");
}

/// An assertion is judged at the time that it was sent, unless another one is asked for.
#[tokio::test]
async fn time_is_that_of_the_flag_or_the_har_file_or_now() {
    let (signer, clients) = clinic();
    let jwt = jwt_at(&signer, "clinic-7", NOW).signed_by(&signer);
    let now = SystemClock.now().unwrap().as_secs();
    let fresh = jwt_at(&signer, "clinic-7", now).signed_by(&signer);
    let with_har = har(&form(&jwt), "2023-11-14T23:13:30.5+01:00");
    type Row<'a> = (&'a str, &'a [&'a str], String, i32, Option<u64>);
    let table: [Row<'_>; 11] = [
        ("now", &[], jwt.clone(), 1, None),
        ("fresh, now", &[], fresh.clone(), 0, None),
        ("fresh, now by flag", &["--at", "now"], fresh, 0, None),
        ("iat", &["--at", "iat"], jwt.clone(), 0, Some(NOW)),
        ("iat of a form", &["--at", "iat"], form(&jwt), 0, Some(NOW)),
        ("iat of a curl line", &["--at", "iat"], curl(&jwt), 0, Some(NOW)),
        ("Unix seconds", &["--at", "1700000005"], jwt.clone(), 0, Some(NOW + 5)),
        ("RFC 3339", &["--at", "2023-11-14t22:13:20z"], jwt.clone(), 0, Some(NOW)),
        ("before", &["--at", "2023-11-14T22:13:00Z"], jwt, 1, Some(NOW - 20)),
        ("HAR", &[], with_har.clone(), 0, Some(NOW + 10)),
        ("HAR and a flag", &["--at", "2024-01-01T00:00:00Z"], with_har, 1, Some(1_704_067_200)),
    ];
    for (case, more, input, code, at) in table {
        let output = explain(&with_clients(&clients, &[more, &["--json", "-"]].concat()), input.as_bytes()).await;
        assert_eq!(output.code, code, "{case}: {output}");
        match (at, output.json()["at"].as_u64()) {
            (Some(at), found) => assert_eq!(found, Some(at), "{case}"),
            (None, found) => assert!(found.unwrap() >= now, "{case}"),
        }
    }
}

/// Where `iat` cannot be used, the time is that of the clock.
#[tokio::test]
async fn iat_that_is_no_time_is_noted() {
    let (signer, clients) = clinic();
    let jwt = jwt_at(&signer, "clinic-7", NOW);
    let text = jwt.clone().claim("iat", NOW.to_string());
    let table = [
        (text, Some(NOW), "note      --at iat: iat is a string: it is read as 1700000000\n"),
        (jwt.clone().claim("iat", NOW * 1000), Some(NOW), "note      --at iat: iat is in milliseconds: it is read as"),
        (jwt.clone().without_claim("iat"), None, "note      --at iat: the assertion has no iat: the request is judged"),
        (jwt.claim("iat", "soon"), None, "note      --at iat: iat is no time: the request is judged now\n"),
    ];
    let now = SystemClock.now().unwrap().as_secs();
    for (jwt, at, note) in table {
        let flags = with_clients(&clients, &["--at", "iat", "--json", "-"]);
        let output = explain(&flags, jwt.signed_by(&signer).as_bytes()).await;
        assert!(output.code == 1 && output.stderr.starts_with(note), "{note}: {output}");
        let found = output.json()["at"].as_u64().unwrap();
        assert!(at.map_or(found >= now, |at| found == at), "{note}: {output}");
    }
    let output = explain(&with_clients(&clients, &["--at", "iat", "--json", "-"]), b"grant_type=x").await;
    assert!(output.stderr.contains("--at iat: the input has no assertion: "), "{output}");
    let later = explain(&with_clients(&clients, &["--at", "18446744073709551615", "-"]), b"grant_type=x").await;
    assert_eq!((later.code, &*later.stderr), (1, ""), "{later}");
}

#[tokio::test]
async fn credentials_in_the_input_are_named() {
    let (signer, clients) = clinic();
    let jwt = |now| jwt_at(&signer, "clinic-7", now).signed_by(&signer);
    let forged = jwt_at(&signer, "clinic-7", NOW).signed_by(&Signer::es384("key-1"));
    let never = jwt_at(&signer, "clinic-7", NOW).claim("exp", NOW - 5000).signed_by(&signer);
    let until = "until 2023-11-14T22:18:29Z the input is as good as a password, unless it has been used";
    let at_most = format!("at most {until}");
    let somewhere = "the input has a JWT, which is as good as a password where it is accepted";
    let (secret, header) = (
        "the input has a client_secret: keep it like a password",
        "the input has an Authorization header: keep it like a password",
    );
    let basic = raw("grant_type=x&client_secret=s3cr3t").replace("\r\nHost", "\r\nAuthorization: Basic YTpi\r\nHost");
    let bearer = raw("grant_type=x").replace("\r\nHost", &format!("\r\nAuthorization: Bearer {}\r\nHost", jwt(NOW)));
    let table: [(String, &[&str]); 8] = [
        (jwt(NOW), &[until]),
        (forged, &[&at_most]),
        (never, &[somewhere]),
        (basic, &[secret, header]),
        (bearer, &[somewhere, header]),
        (form(&jwt(NOW)) + "&client_secret=s3cr3t", &[until, secret]),
        (raw(&json!({"client_assertion": jwt(NOW)}).to_string()), &[somewhere]),
        ("grant_type=x".to_owned(), &[]),
    ];
    for (input, expected) in table {
        let text = explain(&with_clients(&clients, &["--at", TIME, "-"]), input.as_bytes()).await;
        let found: Vec<_> = text.stdout.lines().filter_map(|line| line.strip_prefix("secret    ")).collect();
        assert_eq!(found, expected, "{text}");
        assert!(!text.stdout.contains("s3cr3t") && !text.stdout.contains("YTpi"), "{text}");
    }
    let text = explain(&[rules("redox"), vec!["--at", TIME, "-"]].concat(), jwt(NOW).as_bytes()).await;
    assert!(text.stdout.contains(&format!("\nsecret    {at_most}\n")), "{text}");
}

/// What was not printed was not explained.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn full_disks_are_no_success() {
    let (signer, clients) = clinic();
    let input = TempFile::new(jwt_at(&signer, "clinic-7", NOW).signed_by(&signer));
    for flags in [&["--json", input.path().to_str().unwrap()][..], &["--help"]] {
        let mut command = Command::new(example("explain"));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        command.args(with_clients(&clients, &["--at", "iat"])).args(flags).stdin(Stdio::null()).stdout(full);
        let child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let output = soon("the end of the program", child.wait_with_output()).await.unwrap();
        assert_eq!(output.status.code(), Some(64), "{flags:?}");
        assert!(output.stderr.starts_with(b"stdout: No space left"), "{flags:?}");
    }
}

#[tokio::test]
async fn without_clients_only_the_rest_is_judged() {
    let signer = Signer::es384("key-1");
    let jwt = jwt_at(&signer, "clinic-7", NOW);
    let table = [
        ("right", jwt.clone(), 3, "not_decided"),
        ("wrong audience", jwt.clone().claim("aud", "x"), 1, "refused"),
        ("no kid", jwt.without_header("kid"), 1, "refused"),
    ];
    for (case, jwt, code, outcome) in table {
        let input = form(&jwt.signed_by(&signer));
        let output = explain(&[rules("redox"), vec!["--at", "iat", "--json", "-"]].concat(), input.as_bytes()).await;
        assert_eq!((output.code, &output.json()["verdict"]["outcome"]), (code, &json!(outcome)), "{case}: {output}");
        let unjudged = unjudged(&output);
        assert!(["client", "key", "signature"].iter().all(|check| unjudged.contains(&(*check).to_owned())), "{output}");
    }
}

/// An issuer is not needed where only URLs are accepted.
#[tokio::test]
async fn profiles_have_their_own_audiences() {
    let (signer, clients) = clinic();
    let path = clients.path().to_str().unwrap();
    for (profile, flags, audience, code) in [
        ("redox", &["--audience", AUDIENCE][..], AUDIENCE, 0),
        ("redox", &["--audience", AUDIENCE, "--issuer", ISSUER], ISSUER, 1),
        ("redox", &["--audience", ISSUER, "--audience", AUDIENCE], AUDIENCE, 0),
        ("smart", &["--audience", AUDIENCE], AUDIENCE, 0),
        ("rfc7523", &["--issuer", ISSUER], ISSUER, 0),
        ("rfc7523", &["--issuer", ISSUER], AUDIENCE, 1),
        ("rfc7523", &["--issuer", ISSUER, "--audience", AUDIENCE], AUDIENCE, 0),
        ("oidc", &["--issuer", ISSUER, "--audience", AUDIENCE], AUDIENCE, 0),
        ("oidc", &["--issuer", "http://127.0.0.1:8080"], "http://127.0.0.1:8080", 0),
    ] {
        let jwt = jwt_at(&signer, "clinic-7", NOW).claim("aud", audience).signed_by(&signer);
        let common = ["--profile", profile, "--clients", path, "--at", "iat", "-"];
        let output = explain(&[&common[..], flags].concat(), form(&jwt).as_bytes()).await;
        assert_eq!(output.code, code, "{profile} {flags:?}: {output}");
    }
}

#[tokio::test]
async fn another_client_that_signed_is_found_if_asked() {
    let (signer, other) = (Signer::es384("key-1"), Signer::es384("key-1"));
    let clients = ClientFile::new(&json!([
        {"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "clinic-8", "jwks": {"keys": [other.jwk()]}},
    ]));
    let jwt = || jwt_at(&other, "clinic-7", NOW).signed_by(&other);
    for (kind, input) in [("jwt", jwt()), ("form", form(&jwt())), ("curl", curl(&jwt())), ("raw", raw(&form(&jwt())))] {
        for search in [false, true] {
            let flags = ["--at", "iat", "--json", "-", "--search-clients"];
            let flags = &flags[..flags.len() - usize::from(!search)];
            let output = explain(&with_clients(&clients, flags), input.as_bytes()).await;
            assert_eq!((output.code, output.reasons()), (1, vec!["bad_signature".to_owned()]), "{kind}: {output}");
            let json = output.json();
            let found = json["hints"].as_array().unwrap().iter().find(|hint| hint["hint"] == "other_client");
            assert_eq!(found.is_some(), search, "{kind}: {output}");
            assert!(
                found.is_none_or(|hint| hint["client_id"].as_str().unwrap().contains("clinic-8")),
                "{kind}: {output}"
            );
        }
    }
}

#[tokio::test]
async fn notes_say_what_was_not_followed() {
    let (signer, clients) = clinic();
    let jwt = jwt_at(&signer, "clinic-7", NOW).signed_by(&signer);
    let input = curl(&jwt).replace(" -i ", " -i -H \"X-Id: $(uuidgen)\" ");
    let note = "note      line 1: $(..) is not run: it stands for itself\n";
    let text = explain(&with_clients(&clients, &["--at", "iat", "-"]), input.as_bytes()).await;
    assert!(text.code == 0 && text.stdout.contains(note) && text.stderr.is_empty(), "{text}");
    let json = explain(&with_clients(&clients, &["--at", "iat", "--json", "-"]), input.as_bytes()).await;
    assert_eq!((json.code, &*json.stderr), (0, note));
    assert_ne!(json.json(), Value::Null);
}

/// A path that is long or odd is not shown: a credential may be in it.
#[tokio::test]
async fn requests_to_another_path_are_noted() {
    let (signer, clients) = clinic();
    let jwt = jwt_at(&signer, "clinic-7", NOW).signed_by(&signer);
    let note = |path: &str| format!("note      the server answers at /v2/auth/token; this request went to {path}\n");
    let signature = &jwt[jwt.len() - 40..];
    let table = [
        ("/v2/auth/token", "/v2/auth/token", false),
        ("/v2/auth/token?x=y", "/v2/auth/token", false),
        ("/v2/auth/token/", "/v2/auth/token/", true),
        ("/V2/auth/token", "/V2/auth/token", true),
        ("/", "/", true),
        (&*format!("/{jwt}"), &*format!("(path of {} bytes)", jwt.len() + 1), true),
        (&*format!("/v2/{signature}"), "(path of 44 bytes)", true),
        ("/eyJh", "(path of 5 bytes)", true),
        ("/a%20b", "(path of 6 bytes)", true),
    ];
    for (target, shown, noted) in table {
        let input = raw(&form(&jwt)).replace("/v2/auth/token", target);
        let text = explain(&with_clients(&clients, &["--at", "iat", "-"]), input.as_bytes()).await;
        assert_eq!(text.code, 0, "{target}: {text}");
        assert!(text.stdout.contains(&format!("\ninput     a raw request: POST {shown}, ")), "{target}: {text}");
        assert_eq!(text.stdout.contains(&note(shown)), noted, "{target}: {text}");
        assert!(!text.stdout.contains("eyJ"), "{target}: {text}");
    }
    let arguments = ["--audience", "https://api.example.com/token", "--at", "iat", "-"];
    let text = explain(&with_clients(&clients, &arguments), raw(&form(&jwt)).replace("/v2/auth", "").as_bytes()).await;
    assert!(text.code == 0 && !text.stdout.contains("\nnote "), "{text}");
    for (url, noted) in [("$URL", false), ("$HOST/oauth/token", true)] {
        let input = curl(&jwt).replace(AUDIENCE, url);
        let text = explain(&with_clients(&clients, &["--at", "iat", "-"]), input.as_bytes()).await;
        assert_eq!(text.stdout.contains("this request went to"), noted, "{url}: {text}");
    }
}

#[tokio::test]
async fn a_reader_that_closes_stdout_causes_no_panic() {
    let (signer, clients) = clinic();
    let input = TempFile::new(jwt_at(&signer, "clinic-7", NOW).signed_by(&signer));
    let path = input.path().to_str().unwrap();
    for flags in [&["--json", path][..], &[path], &["--help"]] {
        let mut command = Command::new(example("explain"));
        command.args(with_clients(&clients, &["--at", "iat"])).args(flags).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        drop(child.stdout.take());
        let output = soon("the end of the program", child.wait_with_output()).await.unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
    }
}
