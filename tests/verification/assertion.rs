//! Which assertions are well formed: their characters, base64url and JSON, and the limits of each.

use crate::common::{AUDIENCE, CLIENT, Jwt, NOW, SIGNER, fixture, fresh_jti, outcome, verifier};
use proptest::prelude::*;
use tower_client_assertion::policy::Limits;
use tower_client_assertion::rejection::{Base64UrlFault, Claim, ClaimFault, ClientFault, JsonFault, JsonPart, JwtPart};

fn fault_within(limits: Limits, assertion: &str) -> Option<ClientFault> {
    let verifier = fixture().builder().limits(limits).build().unwrap();
    outcome(&verifier, assertion).err()
}

fn fault(assertion: &str) -> Option<ClientFault> {
    fault_within(Limits::default(), assertion)
}

const HEADER: &str = r#"{"alg":"ES384","kid":"key-1"}"#;

fn claims() -> String {
    let jti = fresh_jti();
    format!(r#"{{"iss":"{CLIENT}","sub":"{CLIENT}","aud":"{AUDIENCE}","jti":"{jti}","iat":{NOW}}}"#)
}

fn with_header(header: impl AsRef<[u8]>) -> Option<ClientFault> {
    fault(&SIGNER.sign(header, claims()))
}

fn with_claims(claims: impl AsRef<[u8]>) -> Option<ClientFault> {
    fault(&SIGNER.sign(HEADER, claims))
}

#[test]
fn equivalent_json_spellings_are_accepted() {
    assert_eq!(with_header(" {\t\"alg\" : \"ES384\" ,\r\n\"kid\":\"key-1\"} \n"), None);
    assert_eq!(with_header(r#"{"\u0061lg":"ES\u003384","kid":"key\u002d1"}"#), None);
    let spelled = claims().replace(r#""iss""#, r#""\u0069ss""#).replace("https://", r"https:\u002f\/");
    assert_eq!(with_claims(spelled), None);
    assert_eq!(with_claims(claims().replace('{', r#"{"deep":[[[{"a":[1,2,{"b":null}]}]]],"#)), None);
}

#[test]
fn header_and_claims_must_be_single_json_objects() {
    let not_objects: &[(&[u8], JsonFault)] = &[
        (b"", JsonFault::Syntax),
        (b"{", JsonFault::Syntax),
        (b"[]", JsonFault::NotAnObject),
        (b"null", JsonFault::NotAnObject),
        (b"\"x\"", JsonFault::NotAnObject),
        (b"{}{}", JsonFault::Syntax),
        (b"{} x", JsonFault::Syntax),
        (b"\xEF\xBB\xBF{}", JsonFault::ByteOrderMark),
        (b"{\"a\":\"\xff\"}", JsonFault::NotUtf8),
        (b"{\"a\":\"\xc0\xaf\"}", JsonFault::NotUtf8),
        (b"{\"a\":\"\\ud800\"}", JsonFault::Syntax),
        (b"{\"a\":\"\x00\"}", JsonFault::Syntax),
        (b"{\"a\":1,\"a\":1}", JsonFault::RepeatedMember),
        (b"{\"a\":NaN}", JsonFault::Syntax),
        (b"{'a':1}", JsonFault::Syntax),
        (b"{\"\x00a\":1}", JsonFault::Syntax),
        (b"\x00{}", JsonFault::NotUtf8),
        (b"{\0}", JsonFault::NotUtf8),
    ];
    for (json, fault) in not_objects {
        let name = String::from_utf8_lossy(json);
        assert_eq!(with_header(json), Some(ClientFault::NotJsonObject(JsonPart::Header, *fault)), "header {name}");
        assert_eq!(with_claims(json), Some(ClientFault::NotJsonObject(JsonPart::Claims, *fault)), "claims {name}");
    }
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(bytes).collect();
        let fault = ClientFault::NotJsonObject(JsonPart::Header, JsonFault::NotUtf8);
        assert_eq!(with_header(utf16), Some(fault));
    }
}

#[test]
fn repeated_members_are_refused_in_any_spelling() {
    for header in [
        r#"{"alg":"ES384","kid":"key-1","alg":"ES384"}"#,
        r#"{"alg":"ES384","kid":"key-1","\u0061lg":"none"}"#,
        r#"{"alg":"ES384","kid":"key-1","x":1,"x":2}"#,
    ] {
        let fault = ClientFault::NotJsonObject(JsonPart::Header, JsonFault::RepeatedMember);
        assert_eq!(with_header(header), Some(fault), "{header}");
    }
    for member in [r#"{"iss":"x","#, r#"{"\u0069ss":"x","#, r#"{"y":1,"\u0079":1,"#] {
        let claims = claims().replace('{', member);
        let fault = ClientFault::NotJsonObject(JsonPart::Claims, JsonFault::RepeatedMember);
        assert_eq!(with_claims(&claims), Some(fault), "{claims}");
    }
}

#[test]
fn nesting_is_bounded_in_both_objects() {
    for (levels, refused) in [(14, false), (15, false), (16, true), (3_000, true)] {
        let nested = format!("{{\"deep\":{}{},", "[".repeat(levels), "]".repeat(levels));
        let expected = |part| refused.then_some(ClientFault::NotJsonObject(part, JsonFault::TooDeep));
        assert_eq!(with_claims(claims().replace('{', &nested)), expected(JsonPart::Claims), "claims, {levels}");
        assert_eq!(with_header(HEADER.replace('{', &nested)), expected(JsonPart::Header), "header, {levels}");
    }
}

#[test]
fn base64url_has_one_spelling() {
    let right = Jwt::new().signed();
    let parts: Vec<&str> = right.split('.').collect();
    let spoils = [
        ("=", Base64UrlFault::Padding),
        ("==", Base64UrlFault::Padding),
        ("+", Base64UrlFault::StandardAlphabet),
        ("/", Base64UrlFault::StandardAlphabet),
        (" ", Base64UrlFault::WhiteSpace),
        ("\t", Base64UrlFault::WhiteSpace),
        ("\r", Base64UrlFault::WhiteSpace),
        ("\n", Base64UrlFault::WhiteSpace),
        ("\0", Base64UrlFault::Character),
        ("\"", Base64UrlFault::Character),
        ("{", Base64UrlFault::Character),
        ("\u{a0}", Base64UrlFault::Character),
    ];
    for (index, part) in [JwtPart::Header, JwtPart::Claims, JwtPart::Signature].into_iter().enumerate() {
        for (spoil, expected) in spoils {
            let mut parts = parts.clone();
            let spoilt = format!("{}{spoil}", parts[index]);
            parts[index] = &spoilt;
            let expected = ClientFault::NotBase64Url(part, expected);
            assert_eq!(fault(&parts.join(".")), Some(expected), "part {index} with {spoil:?}");
        }
        let mut parts = parts.clone();
        let longer = format!("{}A", parts[index]);
        parts[index] = &longer;
        assert!(fault(&parts.join(".")).is_some(), "part {index} with a zero more");
    }
    // 41 bytes take 54 characters and two thirds, so two bits of the last one must be zero.
    let header = parts[0];
    assert_eq!(header.len() % 4, 3, "the test needs a header whose last character has spare bits");
    let last = header.chars().last().unwrap();
    let next = char::from(last as u8 + 1);
    let spoilt = right.replacen(&format!("{last}."), &format!("{next}."), 1);
    let expected = ClientFault::NotBase64Url(JwtPart::Header, Base64UrlFault::Incomplete);
    assert_eq!(fault(&spoilt), Some(expected), "spare bits");
}

#[test]
fn an_assertion_has_three_parts() {
    let right = Jwt::new().signed();
    let unsigned = right.rsplit_once('.').unwrap().0;
    for text in [
        unsigned,
        "x",
        ".",
        "....",
        "a.b.c.d.e",
        &format!("{right}.{right}"),
        &format!("{right},{right}"),
        "{\"payload\":1}",
    ] {
        assert_eq!(fault(text), Some(ClientFault::NotThreeParts), "{text}");
    }
    let incomplete = |part| ClientFault::NotBase64Url(part, Base64UrlFault::Incomplete);
    for (text, expected) in [
        ("..", ClientFault::NotJsonObject(JsonPart::Header, JsonFault::Syntax)),
        ("a..", incomplete(JwtPart::Header)),
        (".b.", incomplete(JwtPart::Claims)),
        ("..c", incomplete(JwtPart::Signature)),
    ] {
        assert_eq!(fault(text), Some(expected), "{text}");
    }
    assert_eq!(fault(&format!("{unsigned}.")), Some(ClientFault::SignatureLength));
}

#[test]
fn lengths_are_bounded() {
    let padded = |len: usize| {
        let base = SIGNER.sign(HEADER, claims().replace('{', r#"{"pad":"","#)).len();
        let padding = (len - base) * 3 / 4;
        let mut assertion = String::new();
        for extra in 0..4 {
            let pad = format!(r#"{{"pad":"{}","#, "x".repeat(padding + extra));
            assertion = SIGNER.sign(HEADER, claims().replace('{', &pad));
            if assertion.len() >= len {
                break;
            }
        }
        assertion
    };
    for len in [2_000, 2_046, 2_048, 2_049, 2_050, 4_096, 10_000] {
        let assertion = padded(len);
        let limit = |bytes| Limits::default().with_assertion(bytes);
        assert_eq!(fault_within(limit(assertion.len() - 1), &assertion), Some(ClientFault::AssertionTooLong), "{len}");
        assert_eq!(fault_within(limit(assertion.len()), &assertion), None, "{len}");
    }
    let long = padded(16 * 1024 + 1);
    assert_eq!(fault(&long), Some(ClientFault::AssertionTooLong));

    let limits = Limits::default();
    assert_eq!(limits.header(), limits.assertion() * 3 / 4, "by default, the assertion's limit bounds the header");
    for (len, refused) in [(4_095, false), (4_096, false), (4_097, true)] {
        let pad = "x".repeat(len - HEADER.len() - r#""p":"","#.len());
        let header = HEADER.replace('{', &format!(r#"{{"p":"{pad}","#));
        assert_eq!(header.len(), len);
        let assertion = SIGNER.sign(header, claims());
        let limits = Limits::default().with_header(4_096);
        assert_eq!(fault_within(limits, &assertion), refused.then_some(ClientFault::HeaderTooLong), "{len}");
    }
    for (len, refused) in [(511, false), (512, false), (513, true)] {
        let jwt = Jwt::by(&SIGNER, &"c".repeat(len));
        let expected =
            if refused { ClientFault::Claim(Claim::Iss, ClaimFault::TooLong) } else { ClientFault::UnknownClient };
        assert_eq!(fault(&jwt.signed()), Some(expected), "{len}");
    }
    for (len, refused) in [(255, false), (256, false), (257, true)] {
        let jti = "j".repeat(len);
        let expected = refused.then_some(ClientFault::Claim(Claim::Jti, ClaimFault::TooLong));
        assert_eq!(fault(&Jwt::new().claim("jti", jti).signed()), expected, "{len}");
    }
    for (count, refused) in [(7, false), (8, false), (9, true)] {
        let aud = vec![AUDIENCE; count];
        let expected = refused.then_some(ClientFault::Claim(Claim::Aud, ClaimFault::TooLong));
        assert_eq!(fault(&Jwt::new().claim("aud", aud).signed()), expected, "{count}");
    }
}

#[test]
fn wrong_types_are_malformed_and_never_missing() {
    use serde_json::{Value, json};
    let types = || [Value::Null, json!(true), json!({}), json!([]), json!([[]])];
    for (name, claim) in [("exp", Claim::Exp), ("nbf", Claim::Nbf), ("iat", Claim::Iat)] {
        for value in types().into_iter().chain([json!("1700000000"), json!("")]) {
            let found = fault(&Jwt::new().claim(name, value.clone()).signed());
            assert_eq!(found, Some(ClientFault::Claim(claim, ClaimFault::Malformed)), "{name}: {value}");
        }
    }
    for (name, claim) in [("iss", Claim::Iss), ("sub", Claim::Sub), ("jti", Claim::Jti)] {
        for value in types().into_iter().chain([json!(7), json!([CLIENT])]) {
            let found = fault(&Jwt::new().claim(name, value.clone()).signed());
            assert_eq!(found, Some(ClientFault::Claim(claim, ClaimFault::Malformed)), "{name}: {value}");
        }
        for jwt in [Jwt::new().claim(name, ""), Jwt::new().without_claim(name)] {
            assert_eq!(fault(&jwt.signed()), Some(ClientFault::Claim(claim, ClaimFault::Missing)), "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_causes_a_panic(text in "[a-zA-Z0-9_.=-]{0,80}|.{0,80}") {
        prop_assert!(outcome(&verifier(), &text).is_err());
    }

    #[test]
    fn no_json_causes_a_panic_or_is_accepted(header in ".{0,60}", claims in ".{0,60}") {
        prop_assert!(outcome(&verifier(), &SIGNER.sign(header, claims)).is_err());
    }

    /// A change of any single character makes another text, which this signature does not cover.
    #[test]
    fn no_changed_assertion_is_accepted(place in 0..1_000_usize, character in "[A-Za-z0-9_.=-]") {
        let right = Jwt::new().signed();
        let place = place % right.len();
        let mut changed = right.clone();
        changed.replace_range(place..=place, &character);
        prop_assume!(changed != right);
        prop_assert!(outcome(&verifier(), &changed).is_err());
    }
}
