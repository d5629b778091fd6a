//! Each hint: a request that gets it, and requests close to that one which do not.

use std::convert::Infallible;
use std::sync::Arc;

use crate::common::{
    AUDIENCE, CLIENT, ISSUER, Jwt, NOW, SIGNER, Signer, TempFile, client, client_with, fixture, form, key_set,
    now_or_never, verifier, with_member,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::explain::{NoClients, Part};
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::port::{Answer, PortError};
use tower_client_assertion::registry::{Client, ClientRegistry, FileRegistry, FindResult};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{JWT_BEARER, Policy, TokenRequest, Verifier};

/// A request, and the hints that it gets.
struct Case {
    name: &'static str,
    verifier: Verifier,
    body: String,
    hints: Value,
}

fn case(name: &'static str, verifier: Verifier, body: impl Into<String>, hints: Value) -> Case {
    Case { name, verifier, body: body.into(), hints }
}

/// The hints of a request to a server with the Redox profile.
fn redox(name: &'static str, body: impl Into<String>, hints: Value) -> Case {
    case(name, verifier(), body, hints)
}

/// The hints of an assertion to the same server.
fn jwt(name: &'static str, jwt: &Jwt, hints: Value) -> Case {
    redox(name, form(&jwt.signed()), hints)
}

fn hints(verifier: &Verifier, body: &str, at: u64) -> Value {
    let request = TokenRequest::new(body.as_bytes());
    let explanation = now_or_never(verifier.explain(&request, UnixTime::from_secs(at)));
    for hint in explanation.hints() {
        let text = hint.to_string();
        assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'), "{text:?} is no sentence");
    }
    serde_json::to_value(explanation.hints()).unwrap()
}

#[track_caller]
fn check(cases: Vec<Case>) {
    let of = |case: &Case| hints(&case.verifier, &case.body, NOW);
    let wrong: Vec<_> = cases.iter().filter(|case| of(case) != case.hints).collect();
    let shown = wrong.iter().map(|case| format!("{}\n  got      {}\n  expected {}", case.name, of(case), case.hints));
    assert!(wrong.is_empty(), "{}", shown.collect::<Vec<_>>().join("\n"));
}

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A form with a value as it is written, without any encoding.
fn raw_form(assertion: &str) -> String {
    let typ = JWT_BEARER.replace(':', "%3A");
    format!("grant_type=client_credentials&client_assertion_type={typ}&client_assertion={assertion}")
}

#[test]
fn bodies_and_values_that_were_sent_wrongly_get_hints() {
    let signed = Jwt::new().signed();
    let json = json!({"grant_type": "client_credentials", "client_assertion": signed}).to_string();
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n");
    let multipart = part("grant_type", "client_credentials") + &part("client_assertion", &signed) + "--x--\r\n";
    let whole = form(&signed).replace('=', "%3D").replace('&', "%26");
    let typ = form(&signed).replace("%3A", "%253A");
    // `>` and `?` at these places become a plus sign and a slash in standard base64.
    let jwt = Jwt::new().header("x", ">>>>>>").claim("x", "??????");
    let (header, claims) = (json!(jwt.header).to_string(), json!(jwt.claims).to_string());
    let standard = |text: &str| STANDARD_NO_PAD.encode(text);
    let input = format!("{}.{}", standard(&header), standard(&claims));
    let plus = format!("{input}.{}", STANDARD.encode(SIGNER.signature(input.as_bytes())));
    assert!(plus.contains('+'), "{plus}");
    let inner = encoded(json!({"alg": "ES384", "kid": "key-1", "cty": "JWT"}).to_string());
    let nested = format!("{inner}.{}", signed.split_once('.').unwrap().1);
    let jwe = format!("{}.a.b.c.d", encoded(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#));
    check(vec![
        redox("JSON", json.clone(), json!([{"hint": "json_body"}])),
        redox("multipart", multipart, json!([{"hint": "multipart_body"}])),
        redox("body twice", whole, json!([{"hint": "double_encoded", "kind": "body"}])),
        redox("type twice", typ, json!([{"hint": "double_encoded", "kind": "client_assertion_type"}])),
        redox(
            "assertion twice",
            form(&signed.replace('.', "%2E")),
            json!([{"hint": "double_encoded", "kind": "client_assertion"}]),
        ),
        redox("Bearer", form(&format!("Bearer {signed}")), json!([{"hint": "bearer_prefix"}])),
        redox("quoted", form(&format!("\"{signed}\"")), json!([{"hint": "quoted"}])),
        redox("LF at the end", form(&format!("{signed}\n")), json!([{"hint": "line_break"}])),
        redox("body ends with LF", raw_form(&format!("{signed}\n")), json!([{"hint": "line_break"}])),
        redox("plus", raw_form(&plus), json!([{"hint": "plus_as_space"}])),
        redox("nested", form(&nested), json!([{"hint": "encrypted_or_nested", "kind": "nested"}])),
        redox("encrypted", form(&jwe), json!([{"hint": "encrypted_or_nested", "kind": "encrypted"}])),
        redox(
            "all around it",
            form(&format!("\"Bearer {signed}\"\n")),
            json!([{"hint": "quoted"}, {"hint": "bearer_prefix"}, {"hint": "line_break"}]),
        ),
    ]);
    check(vec![
        redox("accepted", form(&signed), json!([])),
        redox("a form that begins like JSON", format!("{{\"a=b&{}", raw_form(&signed)), json!([])),
        redox("no form", "hello", json!([])),
        redox("two parts", form("a.b"), json!([])),
        redox("Bearer alone", form("Bearer"), json!([])),
        redox("padding", form(&format!("{signed}==")), json!([{"hint": "standard_base64"}])),
        redox("a tab", form(&format!("{signed}\t")), json!([{"hint": "white_space"}])),
        redox("a space", form(&format!(" {signed}")), json!([{"hint": "white_space"}])),
        redox("four parts", form(&format!("{signed}.a")), json!([])),
        redox("another type", form(&signed).replace("jwt-bearer", "saml2-bearer"), json!([])),
        redox("another grant", form(&signed).replace("client_credentials", "password"), json!([])),
        redox("JSON as the assertion", form(&json), json!([])),
    ]);
}

#[test]
fn other_kinds_of_jwts_get_hints() {
    let issued = |claims: Value| {
        let claims = claims.as_object().unwrap().clone();
        let jwt = Jwt::new().claim("iss", ISSUER).claim("sub", "user-1").claim("aud", CLIENT);
        claims.into_iter().fold(jwt, |jwt, (name, value)| jwt.claim(&name, value))
    };
    let typed = |typ: &str| Jwt::new().header("typ", typ);
    let logout = json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    let other = |kind: &str| json!([{"hint": "other_token", "kind": kind}]);
    check(vec![
        jwt("ID token", &issued(json!({"nonce": "n", "auth_time": NOW})), json!([{"hint": "id_token"}])),
        jwt("azp", &issued(json!({"azp": CLIENT})), json!([{"hint": "id_token"}])),
        jwt("access token", &issued(json!({"scope": "openid"})), json!([{"hint": "access_token"}])),
        jwt("at+jwt", &typed("at+jwt"), json!([{"hint": "access_token"}])),
        jwt(
            "at+jwt by its issuer",
            &issued(json!({})).claim("sub", CLIENT).header("typ", "at+jwt"),
            json!([{"hint": "access_token"}]),
        ),
        jwt("logout token", &issued(logout), other("logout_token")),
        jwt("logout+jwt", &typed("logout+jwt"), other("logout_token")),
        jwt("refresh token", &issued(json!({"typ": "Refresh"})), other("refresh_token")),
        jwt("dpop+jwt", &typed("dpop+jwt"), other("dpop_proof")),
        jwt("request object", &typed("oauth-authz-req+jwt"), other("request_object")),
        jwt("secevent+jwt", &typed("secevent+jwt"), other("security_event")),
        jwt("introspection", &typed("token-introspection+jwt"), other("introspection_response")),
        jwt("attestation", &typed("oauth-client-attestation+jwt"), other("client_attestation")),
        jwt("entity statement", &typed("entity-statement+jwt"), other("entity_statement")),
    ]);
    check(vec![
        jwt("a claim of an assertion", &Jwt::new().claim("scope", "openid"), json!([])),
        jwt("one of an unknown client", &Jwt::by(&SIGNER, "clinic-8").claim("scope", "openid"), json!([])),
        jwt(
            "one of a client for a user",
            &Jwt::new().claim("sub", "user-1").claim("scope", "openid"),
            json!([{"hint": "sub_is_user"}]),
        ),
        jwt("one of an old assertion", &Jwt::new().claim("nonce", "n").claim("exp", NOW - 100), json!([])),
        jwt("an unknown issuer", &issued(json!({"name": "Ada"})), json!([])),
        jwt("typ of nothing known", &typed("at-jwt"), json!([])),
    ]);
}

#[test]
fn near_audiences_get_their_kinds() {
    let near = |kinds: &[&str]| kinds.iter().map(|kind| json!({"hint": "aud_near", "kind": kind})).collect::<Value>();
    let redox_aud = |aud: &str, kinds| jwt("redox", &Jwt::new().claim("aud", aud), near(kinds));
    check(vec![
        redox_aud("https://api.example.com/v2/auth/token/", &["trailing_slash"]),
        redox_aud("https://API.example.com/v2/auth/token", &["case"]),
        redox_aud("http://api.example.com/v2/auth/token", &["scheme"]),
        redox_aud("https://api.example.com:443/v2/auth/token", &["default_port"]),
        redox_aud(" https://api.example.com/v2/auth/token", &["white_space"]),
        redox_aud("https%3A%2F%2Fapi.example.com%2Fv2%2Fauth%2Ftoken", &["percent_encoding"]),
        redox_aud("https://Api.example.com/v2/auth/token/", &["trailing_slash", "case"]),
        redox_aud("https://api.example.com/v1/auth/token", &["path"]),
    ]);
    check(vec![
        redox_aud("https://other.example.com/v2/auth/token", &[]),
        redox_aud("https://api.example.com:8443/v2/auth/token", &[]),
        redox_aud("clinic-7", &[]),
        redox_aud("", &[]),
        jwt("no aud", &Jwt::new().without_claim("aud"), json!([])),
        jwt("a number", &Jwt::new().claim("aud", 1), json!([])),
        jwt("accepted", &Jwt::new().claim("exp", NOW - 100), json!([])),
    ]);
    let of = |policy: Policy, aud: Value, kinds: &[&str]| {
        let name = "by the issuer";
        let jwt = Jwt::new().claim("aud", aud.clone());
        let fixture = fixture().policy(policy.clone());
        let verifier = match policy.name() {
            "rfc7523" => fixture.at_issuer().build(),
            _ => fixture.at_issuer_and_url().build(),
        };
        Case { hints: near(kinds), ..case(name, verifier, form(&jwt.signed()), json!(null)) }
    };
    let smart = || Policy::SMART_BACKEND_SERVICES;
    check(vec![
        of(Policy::RFC7523, json!(AUDIENCE), &["token_endpoint"]),
        of(Policy::RFC7523, json!("https://as.example.com/token"), &["token_endpoint"]),
        of(Policy::RFC7523, json!("https://as.example.com/"), &["trailing_slash"]),
        of(Policy::RFC7523, json!([ISSUER, AUDIENCE]), &["several", "token_endpoint"]),
        of(Policy::OIDC, json!("https://as.example.com/token"), &["token_endpoint"]),
        of(Policy::OIDC, json!("https://api.example.com/v2/auth/token/"), &["trailing_slash"]),
        of(Policy::OIDC, json!("https://api.example.com/"), &["path"]),
        of(smart(), json!(ISSUER), &["issuer"]),
        of(smart(), json!([AUDIENCE, "https://other.example.com"]), &["several"]),
        of(smart(), json!([AUDIENCE, 5]), &[]),
    ]);
}

#[test]
fn audiences_of_other_policies_and_arrays_get_hints() {
    let signer = Signer::es256("key-1");
    let both = || {
        let clients = [client_with(&[signer.jwk()])];
        let fixture = fixture().policy(Policy::FAPI2).at_issuer_and_url().clients(clients);
        fixture.builder().client_policy(Policy::OIDC.with_name("legacy")).build().unwrap()
    };
    let form = |aud: Value| form(&Jwt::by(&signer, CLIENT).claim("aud", aud).signed_by(&signer));
    let near = |kind: &str| json!({"hint": "aud_near", "kind": kind});
    check(vec![
        case("the URL", both(), form(json!(AUDIENCE)), json!([near("token_endpoint"), near("other_policy")])),
        case("an array", both(), form(json!([ISSUER])), json!([near("array"), near("other_policy")])),
        case("another array", both(), form(json!(["a"])), json!([])),
        case("another URL", both(), form(json!("https://as.example.org/token")), json!([])),
    ]);
}

#[test]
fn mistaken_issuers_and_subjects_get_hints() {
    let of = |iss: &str, sub: &str| Jwt::new().claim("iss", iss).claim("sub", sub);
    check(vec![
        jwt("iss is a tool", &of("https://tool.example", CLIENT), json!([{"hint": "iss_sub_swapped"}])),
        jwt("sub is a user", &of(CLIENT, "user-1"), json!([{"hint": "sub_is_user"}])),
    ]);
    let long = "x".repeat(513);
    for sub in ["\u{e9}", "", &long] {
        let strict = fixture().registry(Unlisted(Arc::new(client()))).build();
        let body = form(&of("https://tool.example", sub).signed());
        assert_eq!(hints(&strict, &body, NOW), json!([]), "the registry is not asked for {sub:?}");
    }
    let two = || fixture().clients([client(), Client::new("lab-1", key_set(&[SIGNER.jwk()])).unwrap()]).build();
    check(vec![
        jwt("neither is registered", &of("https://tool.example", "user-1"), json!([])),
        jwt("an unknown client", &of("clinic-8", "clinic-8"), json!([])),
        jwt("no sub", &Jwt::new().without_claim("sub"), json!([])),
        jwt("no iss", &Jwt::new().without_claim("iss"), json!([])),
        case("both are registered", two(), form(&of(CLIENT, "lab-1").signed()), json!([])),
    ]);
}

#[test]
fn dates_that_are_not_seconds_get_hints() {
    let dates = |iat: Value, exp: Value| Jwt::new().claim("iat", iat).claim("exp", exp);
    let of = |unit: u64| dates(json!(NOW * unit), json!((NOW + 300) * unit));
    let zone = |minutes: i64| {
        let iat = NOW.checked_add_signed(minutes * 60).unwrap();
        dates(json!(iat), json!(iat + 300))
    };
    let both = json!(["iat", "exp"]);
    check(vec![
        jwt("milliseconds", &of(1_000), json!([{"hint": "milliseconds", "claims": both}])),
        jwt("microseconds", &of(1_000_000), json!([{"hint": "microseconds", "claims": both}])),
        jwt("nanoseconds", &of(1_000_000_000), json!([{"hint": "nanoseconds", "claims": both}])),
        jwt("a duration", &Jwt::new().claim("exp", 300), json!([{"hint": "duration", "claims": ["exp"]}])),
        jwt("UTC-5", &zone(-300), json!([{"hint": "time_zone", "minutes": -300}])),
        jwt("UTC+5:45", &zone(345), json!([{"hint": "time_zone", "minutes": 345}])),
        jwt(
            "strings",
            &dates(json!(NOW.to_string()), json!((NOW + 300).to_string())),
            json!([{"hint": "date_as_string", "kind": "seconds", "claims": both}]),
        ),
        jwt(
            "calendar",
            &Jwt::new().claim("exp", "2026-11-30T12:00:00Z"),
            json!([{"hint": "date_as_string", "kind": "calendar", "claims": ["exp"]}]),
        ),
    ]);
    check(vec![
        jwt(
            "exp in milliseconds is accepted",
            &Jwt::new().claim("exp", NOW * 1_000),
            json!([{"hint": "milliseconds", "claims": ["exp"]}]),
        ),
        jwt("past the age by two minutes", &zone(-7), json!([])),
        jwt("half way between", &zone(-22), json!([])),
        jwt("61 s off", &dates(json!(NOW - 961), json!(NOW - 661)), json!([])),
        jwt("another string", &Jwt::new().claim("exp", "tomorrow"), json!([])),
        jwt("a day", &zone(-24 * 60), json!([])),
        jwt("a negative date", &Jwt::new().claim("exp", -300), json!([])),
    ]);
}

#[test]
fn mistaken_kids_get_hints() {
    let thumbprint = {
        let set = key_set(&[SIGNER.jwk()]);
        encoded(set.iter().next().unwrap().thumbprint())
    };
    let other = json!({"hint": "other_key", "kid": "key-1", "thumbprint": thumbprint});
    let near = |kind: &str| json!([{"hint": "kid_near", "kind": kind, "kid": "key-1"}, other]);
    let of = |kid: &str| Jwt::new().header("kid", kid);
    check(vec![
        jwt("case", &of("KEY-1"), near("case")),
        jwt("white space", &of(" key-1"), near("white_space")),
        jwt("padding", &of("key-1="), near("padding")),
        jwt("thumbprint", &of(&thumbprint), near("thumbprint")),
        jwt("another kid", &of("key-2"), json!([other])),
    ]);
    let twin = Signer::es384("KEY-1");
    let twins = fixture().keys(&[SIGNER.jwk(), twin.jwk()]).build();
    check(vec![
        jwt("accepted", &Jwt::new().claim("exp", NOW - 100), json!([])),
        case("one of two near kids", twins, form(&Jwt::new().claim("exp", NOW - 100).signed()), json!([])),
        redox("another key", form(&of("key-2").signed_by(&Signer::es384("key-2"))), json!([])),
        jwt("no kid", &Jwt::new().without_header("kid"), json!([])),
    ]);
}

/// ECDSA signatures in DER (RFC 3279, section 2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let sign: &[u8] = if number[zeros] & 0x80 == 0 { &[] } else { &[0] };
        let number = [sign, &number[zeros..]].concat();
        [&[2, u8::try_from(number.len()).unwrap()], number.as_slice()].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let numbers = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap()], numbers.as_slice()].concat()
}

/// An assertion with another signature.
fn with_signature(jwt: &Jwt, signature: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = jwt.signed();
    let (input, _) = signed.rsplit_once('.').unwrap();
    format!("{input}.{}", encoded(signature(input.as_bytes())))
}

#[test]
fn signatures_that_do_not_verify_get_hints() {
    let second = Signer::es384("key-2");
    let two = || fixture().keys(&[SIGNER.jwk(), second.jwk()]).build();
    let thumbprint = encoded(key_set(&[second.jwk()]).iter().next().unwrap().thumbprint());
    let by_second = Jwt::new().signed_by(&second);
    check(vec![
        case(
            "another key",
            two(),
            form(&by_second),
            json!([{"hint": "other_key", "kid": "key-2", "thumbprint": thumbprint}]),
        ),
        redox(
            "DER",
            form(&with_signature(&Jwt::new(), |input| der(&SIGNER.signature(input)))),
            json!([{"hint": "der_signature"}]),
        ),
    ]);
    let stranger = Signer::es384("key-1");
    check(vec![
        case("of no client", two(), form(&Jwt::new().signed_by(&stranger)), json!([])),
        redox("short", form(&with_signature(&Jwt::new(), |_| vec![0x30; 70])), json!([])),
        redox(
            "DER of an unknown client",
            form(&with_signature(&Jwt::by(&SIGNER, "clinic-8"), |input| der(&SIGNER.signature(input)))),
            json!([]),
        ),
        redox(
            "DER cut",
            form(&with_signature(&Jwt::new(), |input| der(&SIGNER.signature(input))[1..].into())),
            json!([]),
        ),
        case("accepted", two(), form(&Jwt::new().signed()), json!([])),
        case(
            "right key, wrong aud",
            two(),
            form(&Jwt::new().claim("aud", "https://other.example.com").signed()),
            json!([]),
        ),
    ]);
}

/// The key that signed is the last of many that come before it in the set.
#[test]
fn at_most_eight_other_keys_are_tried() {
    let signer = Signer::es384("z");
    let strangers: Vec<_> = (0..9).map(|_| Signer::es384("key-1")).collect();
    let named = Signer::es384("key-1");
    for (others, found) in [(7, true), (8, false), (9, false)] {
        let kids = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let mut jwks: Vec<_> =
            strangers.iter().zip(kids).take(others).map(|(key, kid)| with_member(&key.jwk(), "kid", kid)).collect();
        jwks.push(signer.jwk());
        for named in [vec![], vec![named.jwk()]] {
            let verifier = fixture().keys(&[named, jwks.clone()].concat()).build();
            let hints = hints(&verifier, &form(&Jwt::new().signed_by(&signer)), NOW);
            assert_eq!(hints != json!([]), found, "{others} keys before it: {hints}");
        }
    }
}

#[test]
fn decoded_secrets_get_hints() {
    let octets: Vec<u8> = (100..160).collect();
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let verifier = |secret: &str| {
        let client = Client::with_secret(CLIENT, ClientSecret::new(secret).unwrap()).unwrap();
        fixture().clients([client]).build()
    };
    let signed = |secret: &[u8]| {
        let signer = Signer::secret("HS384", secret);
        form(&Jwt::by(&signer, CLIENT).without_header("kid").signed_by(&signer))
    };
    let hint = |kind: &str| json!([{"hint": "secret_as_base64", "kind": kind}]);
    check(vec![
        case("base64", verifier(&STANDARD.encode(&octets)), signed(&octets), hint("base64")),
        case("base64url", verifier(&encoded(&octets)), signed(&octets), hint("base64")),
        case("hex", verifier(&hex), signed(&octets), hint("hex")),
        case("accepted", verifier(&hex), signed(hex.as_bytes()), json!([])),
        case("another", verifier(&hex), signed(&[7; 60]), json!([])),
    ]);
}

#[test]
fn keys_that_cannot_be_used_get_hints() {
    let weak = json!({"kty": "RSA", "alg": "ES384", "kid": "key-1", "n": encoded([0xFF; 128]), "e": "AQAB"});
    let of = |jwks: &[Value]| fixture().keys(jwks).build();
    let other = Signer::es384("key-2");
    let body = form(&Jwt::new().signed());
    let hints = hints(&of(&[weak.clone(), other.jwk()]), &body, NOW);
    assert_eq!(hints[0]["hint"], "keys_skipped", "{hints}");
    let reason = hints[0]["reason"].as_str().unwrap();
    assert!(reason.contains("\"key-1\""), "{reason}");
    assert_eq!(hints.as_array().unwrap().len(), 1, "{hints}");
    check(vec![
        case("another kid", of(&[with_member(&weak, "kid", "key-3"), other.jwk()]), body.clone(), json!([])),
        case("not needed", of(&[with_member(&weak, "kid", "key-3"), SIGNER.jwk()]), body, json!([])),
        case(
            "without a kid, and not needed",
            of(&[with_member(&weak, "kid", Value::Null), SIGNER.jwk()]),
            form(&Jwt::new().claim("exp", NOW - 100).signed()),
            json!([]),
        ),
    ]);
}

#[test]
fn registrations_that_cannot_be_used_get_hints() {
    let file = TempFile::new(
        json!([{"client_id": CLIENT, "jwks": {"keys": []}}, {"client_id": "twice"},
        {"client_id": "twice"}])
        .to_string(),
    );
    let verifier = || fixture().registry(FileRegistry::load(file.path()).unwrap()).build();
    let refused = |problem: &str| json!([{"hint": "client_refused", "problem": problem}]);
    let of = |id: &str| form(&Jwt::by(&SIGNER, id).signed());
    let missing = "jwks: missing; register the client's public keys, or their URL as jwks_uri";
    check(vec![
        case("no keys", verifier(), of(CLIENT), refused(missing)),
        case(
            "an id twice",
            verifier(),
            of("twice"),
            refused("client_id: another client of the file has the same id; neither is used"),
        ),
        case("not registered", verifier(), of("clinic-8"), json!([])),
    ]);
    let second = fixture().keys(&[SIGNER.jwk(), Signer::es256("key-2").jwk()]).build();
    check(vec![case(
        "a key that the policy does not allow",
        second,
        form(&Jwt::new().claim("exp", NOW - 100).signed()),
        json!([]),
    )]);
    let gone = Unlisted(Arc::new(client().with_policy("gone")));
    let problem = "client_assertion_policy: the verifier has no policy \"gone\"";
    check(vec![case("a policy that is gone", fixture().registry(gone).build(), of(CLIENT), refused(problem))]);
}

/// A registry that cannot list its clients, so that the verifier does not refuse to be built.
#[derive(Debug)]
struct Unlisted(Arc<Client>);

impl ClientRegistry for Unlisted {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        assert!(!client_id.is_empty() && client_id.len() <= 512 && client_id.is_ascii(), "{client_id:?}");
        Answer::Ready(Ok((client_id == CLIENT).then(|| Arc::clone(&self.0))))
    }
}

/// A registry that answers so for every other client than [`CLIENT`].
#[derive(Debug)]
enum Partial {
    Failing,
    Waiting,
    /// For every client.
    Down,
}

impl ClientRegistry for Partial {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        match self {
            Self::Failing | Self::Waiting if client_id == CLIENT => Answer::Ready(Ok(Some(Arc::new(client())))),
            Self::Failing | Self::Down => Answer::Ready(Err(PortError::new("down"))),
            Self::Waiting => Answer::later(std::future::pending()),
        }
    }
}

/// No answer of a registry is not the answer no.
#[test]
fn unknown_is_no_hint() {
    let token = Jwt::new().claim("iss", ISSUER).claim("sub", "user-1").claim("aud", CLIENT);
    let id_token = || form(&token.clone().claim("nonce", "n").signed());
    let access_token = || form(&token.clone().claim("scope", "openid").signed());
    let user = || form(&Jwt::new().claim("sub", "user-1").signed());
    let swapped = || form(&Jwt::new().claim("iss", "https://tool.example").claim("sub", CLIENT).signed());
    let of = |registry| fixture().registry(registry).build();
    let without = || fixture().registry(NoClients).build();
    check(vec![
        case("another may be a client", of(Partial::Failing), user(), json!([])),
        case("another may be one after a wait", of(Partial::Waiting), user(), json!([])),
        case("iss may be a client", of(Partial::Failing), swapped(), json!([])),
        case("an ID token without clients", without(), id_token(), json!([])),
        case("an access token without clients", without(), access_token(), json!([])),
        case("an ID token, registry down", of(Partial::Down), id_token(), json!([])),
        case("an access token, registry down", of(Partial::Down), access_token(), json!([])),
        jwt("no iss", &Jwt::new().without_claim("iss").claim("scope", "openid"), json!([])),
    ]);
}

/// A correct request that was captured two hours before it is explained.
#[test]
fn an_expired_request_is_no_hint_of_a_time_zone() {
    let without_age = fixture().policy(Policy::OIDC).at_issuer_and_url().build();
    let body = form(&Jwt::new().claim("aud", ISSUER).signed());
    assert_eq!(hints(&without_age, &body, NOW + 7_200), json!([]), "only exp failed");
    let body = form(&Jwt::new().signed());
    assert_eq!(hints(&verifier(), &body, NOW + 7_200), json!([{"hint": "time_zone", "minutes": -120}]));
}

#[test]
fn other_clients_are_named_if_they_are_searched() {
    let (test, live) = (Signer::es384("key-1"), Signer::es384("key-1"));
    let of = |id: &str, signer: &Signer| Arc::new(Client::new(id, key_set(&[signer.jwk()])).unwrap());
    let octets = "a secret of more than forty-eight bytes, which is enough";
    let secret = Arc::new(Client::with_secret("lab-1", ClientSecret::new(octets).unwrap()).unwrap());
    let strangers = |count: usize| {
        let key = Signer::es384("key-1");
        let ids: Vec<_> = (0..count).map(|number| format!("stranger-{number}")).collect();
        ids.iter().map(|id| of(id, &key)).collect::<Vec<_>>()
    };
    let search = |iss: &str, signer: &Signer, clients: &[Arc<Client>]| {
        let jwt = Jwt::by(signer, iss).signed_by(signer);
        let body = form(&jwt);
        let explain = || {
            let request = TokenRequest::new(body.as_bytes());
            now_or_never(verifier().explain(&request, UnixTime::from_secs(NOW)))
        };
        let found = serde_json::to_value(explain().search_clients(Part::Form(body.as_bytes()), clients).hints());
        let bare = serde_json::to_value(explain().search_clients(Part::Assertion(&jwt), clients).hints());
        assert_eq!(found.as_ref().unwrap(), &bare.unwrap());
        found.unwrap()
    };
    let found = |id: &str| json!([{"hint": "other_client", "client_id": id}]);
    let clients = [of("clinic-7", &live), of("clinic-test", &test), secret];
    assert_eq!(search(CLIENT, &test, &clients), found("clinic-test"));
    assert_eq!(search("clinic-8", &test, &clients), found("clinic-test"), "an unknown client");
    assert_eq!(search(CLIENT, &Signer::secret("HS384", octets.as_bytes()), &clients), found("lab-1"));
    assert_eq!(search(CLIENT, &live, &clients), json!([]), "of the claimed client");
    assert_eq!(search(CLIENT, &Signer::es384("key-1"), &clients), json!([]), "of no client");
    assert_eq!(search(CLIENT, &test, &[]), json!([]), "among none");
    assert_eq!(search(CLIENT, &SIGNER, &[of("clinic-test", &SIGNER)]), json!([]), "accepted");
    for (before, expected) in [(63, found("clinic-test")), (64, json!([]))] {
        let clients = [strangers(before), vec![of("clinic-test", &test)]].concat();
        assert_eq!(search(CLIENT, &test, &clients), expected, "{before} clients before it");
    }
    let octets_of = |number: usize| format!("the secret of the client {number:04}, which is long enough for HS384");
    let secrets: Vec<_> = (0..1_024)
        .map(|number| {
            let secret = ClientSecret::new(&octets_of(number)).unwrap();
            Arc::new(Client::with_secret(&format!("lab-{number}"), secret).unwrap())
        })
        .collect();
    for (number, expected) in [(1_023, found("lab-1023")), (1_024, json!([]))] {
        let octets = octets_of(number);
        let last = Client::with_secret(&format!("lab-{number}"), ClientSecret::new(&octets).unwrap()).unwrap();
        let clients = [&secrets[..number.min(1_024)], &[Arc::new(last)]].concat();
        let signer = Signer::secret("HS384", octets.as_bytes());
        assert_eq!(search(CLIENT, &signer, &clients), expected, "{number} secrets before it");
    }
    let elsewhere = with_member(&Signer::es384("a").jwk(), "kid", "key-2");
    let elsewhere = Arc::new(Client::new("elsewhere", key_set(&[elsewhere])).unwrap());
    let clients = [vec![elsewhere; 64], vec![of("clinic-test", &test)]].concat();
    assert_eq!(search(CLIENT, &test, &clients), found("clinic-test"), "keys of the same kid come first");
}

/// A cache that gets this response for every URL, and a verifier that knows [`CLIENT`] by it.
pub(crate) fn fetching(status: u16, body: String) -> (KeySetCache, Verifier) {
    let fetch = move |_: JwksRequest| {
        let response = Response::builder().status(status).body(Full::new(Bytes::from(body.clone()))).unwrap();
        async move { Ok::<_, Infallible>(response) }
    };
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let url = JwksUrl::parse("https://clinic.example/keys").unwrap();
    let client = Client::with_key_set_url(CLIENT, &url, &cache).unwrap();
    let verifier = fixture().clients([client]).build();
    (cache, verifier)
}

#[tokio::test]
async fn key_sets_that_fail_or_are_stale_get_hints() {
    let body = form(&Jwt::new().signed());
    let url = JwksUrl::parse("https://clinic.example/keys").unwrap();
    let now = UnixTime::from_secs(NOW);
    let other = json!({"keys": [Signer::es384("key-2").jwk()]}).to_string();

    let (cache, verifier) = fetching(404, String::new());
    assert_eq!(hints(&verifier, &body, NOW), json!([]), "nothing was fetched yet");
    cache.source(CLIENT, &url).unwrap().keys(now).get().await.unwrap_err();
    let failed = json!({"hint": "key_set_failed", "error": "the server answered with the status 404"});
    assert_eq!(hints(&verifier, &body, NOW), json!([failed]));

    let (cache, verifier) = fetching(200, other);
    let source = cache.source(CLIENT, &url).unwrap();
    source.keys(now).get().await.unwrap();
    assert_eq!(hints(&verifier, &body, NOW), json!([]), "fresh, without the key");
    let until = source.state().fresh_until().unwrap().as_secs();
    let late = |now: u64| form(&Jwt::new().claim("iat", now).claim("exp", now + 300).signed());
    for (after, stale) in
        [(0, json!([{"hint": "key_set_stale", "seconds": 0}])), (60, json!([{"hint": "key_set_stale", "seconds": 60}]))]
    {
        assert_eq!(hints(&verifier, &late(until + after), until + after), stale, "{after} s after it went stale");
    }
    assert_eq!(hints(&verifier, &late(until - 1), until - 1), json!([]), "one second before");

    let (cache, verifier) = fetching(200, json!({"keys": [SIGNER.jwk()]}).to_string());
    let source = cache.source(CLIENT, &url).unwrap();
    source.keys(now).get().await.unwrap();
    let late = late(until + 60);
    assert_eq!(hints(&verifier, &late, until + 60), json!([]), "stale, and the key is in it");
}

#[test]
fn every_documented_hint_has_a_request() {
    let rows = include_str!("../../src/explain/hints.md").lines().filter(|line| line.starts_with("| `"));
    let names = rows.filter_map(|row| row.split('`').nth(1));
    let without: Vec<_> = names.filter(|name| !include_str!("hints.rs").contains(&format!("\"{name}\""))).collect();
    assert!(without.is_empty(), "{without:?}");
}
