//! Inputs in which the request or the assertion is unusual.

use super::{Field, Row, form, jwt, now};
use crate::common::{Signer, form as form_of};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(super) async fn rows() -> Vec<Row> {
    let signer = Signer::es256("a");
    let mut field = Field::new("rfc7523");
    let client = field.client(json!({"scope": "a", "jwks": {"keys": [signer.jwk()]}}));
    limits(&mut field, &signer, &client);
    malformations(&mut field, &signer, &client);
    keys_and_signatures(&mut field);
    mechanisms(&mut field, &signer, &client);
    claims(&mut field, &signer, &client);
    let mut rows = field.run().await;
    for profile in ["rfc7523", "oidc"] {
        rows.extend(algorithms(profile).await);
    }
    rows.extend(redox().await);
    rows
}

fn limits(field: &mut Field, signer: &Signer, client: &str) {
    let with_chain = |bytes: usize| {
        let header = |chain: &str| json!({"alg": "ES256", "kid": "a", "typ": "JWT", "x5c": [chain]}).to_string();
        let missing = bytes - header("").len();
        let claims = Value::from(jwt(signer, client).claims).to_string();
        form_of(&signer.sign(header(&"A".repeat(missing)), claims))
    };
    field.case("F4", "a header of 4,436 bytes, with certificates", client, with_chain(4_436));
    field.case("F4", "a header of 11,500 bytes", client, with_chain(11_500));
    let case =
        field.case("F4", "a header of 12,289 bytes, which makes the assertion too long", client, with_chain(12_289));
    case.refused(400, "Client assertion is too long").logged("too long").logged("16384");
    let jti = jwt(signer, client).claim("jti", "j".repeat(257)).signed_by(signer);
    field.case("F4", "a jti of 257 bytes", client, form_of(&jti)).refused(400, "jti claim is too long").logged("257");
    let kid = jwt(signer, client).header("kid", "k".repeat(257)).signed_by(signer);
    let case = field.case("F4", "a kid of 257 bytes", client, form_of(&kid));
    case.refused(400, "JWT header 'kid' is too long").logged("257");
    let aud = jwt(signer, client).claim("aud", vec![crate::server::AUDIENCE; 9]).signed_by(signer);
    field
        .case("F4", "an aud of nine values", client, form_of(&aud))
        .refused(400, "aud claim has too many values")
        .logged("9");
}

fn malformations(field: &mut Field, signer: &Signer, client: &str) {
    let good = || jwt(signer, client).signed_by(signer);
    let parts = |jwt: &str| jwt.split('.').map(str::to_owned).collect::<Vec<_>>();
    let claims = || Value::from(jwt(signer, client).claims).to_string();
    let header = r#"{"alg":"ES256","kid":"a"}"#;
    let join = |header: String, claims: String| format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([1; 64]));
    // With a character that the two alphabets spell differently.
    let odd = r#"{"alg":"ES256","kid":"a","x":"~~~???>>>"}"#;
    let standard = STANDARD.encode(odd).replace('=', "");
    assert!(standard.contains(['+', '/']));
    let padded = URL_SAFE.encode(header);
    assert!(padded.ends_with('='));
    let utf_16: Vec<u8> = header.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = "not base64url";
    let table: Vec<(&str, String, &'static str, Vec<&str>)> = vec![
        ("padding", join(padded, URL_SAFE_NO_PAD.encode(claims())), base64, vec!["header", "padding"]),
        ("standard base64", join(standard, URL_SAFE_NO_PAD.encode(claims())), base64, vec!["header", "at byte"]),
        ("a line break", good().replacen('.', ".\n", 1), base64, vec!["claims", "at byte"]),
        ("quotes", format!("\"{}\"", good()), base64, vec!["header", "at byte 0"]),
        ("Bearer in front", format!("Bearer {}", good()), base64, vec!["header", "at byte 6"]),
        (
            "a byte order mark",
            join(URL_SAFE_NO_PAD.encode(format!("\u{feff}{header}")), URL_SAFE_NO_PAD.encode(claims())),
            "JWT header",
            vec!["header", "at byte 0"],
        ),
        (
            "UTF-16",
            join(URL_SAFE_NO_PAD.encode(utf_16), URL_SAFE_NO_PAD.encode(claims())),
            "JWT header",
            vec!["header", "at byte"],
        ),
        (
            "a claim twice",
            join(URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(r#"{"iss":"a","iss":"a"}"#)),
            "JWT claims",
            vec!["claims", "iss", "at byte"],
        ),
        (
            "bad JSON",
            join(URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(r#"{"iss":"a",}"#)),
            "JWT claims",
            vec!["claims", "at byte"],
        ),
        (
            "claims that are no object",
            join(URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("[]")),
            "JWT claims",
            vec!["claims"],
        ),
        ("no signature", parts(&good())[..2].join("."), "three components", vec!["three parts"]),
    ];
    for (input, assertion, told, logged) in table {
        let case = field.case("F10", input, client, form_of(&assertion));
        case.refused(400, told);
        for part in logged {
            case.logged(part);
        }
    }
    let body = form_of(&good()) + "\n";
    let case = field.case("F10", "a body that ends in a line feed", client, body);
    case.refused(400, base64).logged("signature").logged("a line feed").logged("which ends with it");
    let twice = form_of(&good()) + "&client_assertion=" + &good();
    let case = field.case("F10", "a second assertion", client, twice);
    case.refused(400, "'client_assertion' must not be repeated").logged("client_assertion is repeated");
}

fn keys_and_signatures(field: &mut Field) {
    let (signer, rsa) = (Signer::es384("a"), Signer::rsa("RS384", "r"));
    let mut bound = rsa.jwk();
    bound["alg"] = json!("RS256");
    let weak = json!({"kty": "RSA", "kid": "w", "n": "AQAB", "e": "AQAB"});
    let client = field.client_with(&[signer.jwk(), bound, weak]);
    let failed = "Client authentication failed";
    let unknown = jwt(&signer, &client).header("kid", "b").signed_by(&signer);
    let case = field.case("F11", "an unknown kid", &client, form_of(&unknown));
    case.refused(400, failed).logged("\"b\"").logged("\"a\"");
    let case = field.case("F11", "a kid registered for another alg", &client, form(&rsa, &client));
    case.refused(400, failed).logged("RS256").logged("RS384");
    let skipped = jwt(&rsa, &client).header("kid", "w").signed_by(&rsa);
    field.case("F11", "a kid whose key is skipped", &client, form_of(&skipped)).refused(400, failed).logged("skipped");

    let signed = jwt(&signer, &client).signed_by(&signer);
    let (input, signature) = signed.rsplit_once('.').unwrap();
    let der = der(&URL_SAFE_NO_PAD.decode(signature).unwrap());
    let told = "Client assertion signature has the wrong length for its algorithm";
    let length = format!("{} bytes", der.len());
    let body = form_of(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(&der)));
    let case = field.case("F12", "an ES384 signature in DER", &client, body);
    case.refused(400, told).logged(length).logged("96").logged("DER");
    let body = form_of(&format!("{input}.{}", URL_SAFE_NO_PAD.encode([1; 64])));
    field
        .case("F12", "an ES384 signature of 64 bytes", &client, body)
        .refused(400, told)
        .logged("64 bytes")
        .logged("96");
}

/// An ECDSA signature in the encoding of X.509.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap();
        let sign = if bytes[start] < 0x80 { &[][..] } else { &[0] };
        let number = [sign, &bytes[start..]].concat();
        [&[2, u8::try_from(number.len()).unwrap()], &*number].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &*both].concat()
}

fn mechanisms(field: &mut Field, signer: &Signer, client: &str) {
    field.case("F13", "an empty Authorization header", client, form(signer, client)).header("Authorization:");
    let several = "More than one client authentication method was used";
    for scheme in ["Basic", "Bearer", "DPoP"] {
        let case = field.case("F13", format!("an assertion and {scheme}"), client, form(signer, client));
        case.header(format!("Authorization: {scheme} YTpi")).refused(401, several);
        case.logged(scheme).logged("client_assertion");
    }
    let body = form(signer, client) + "&client_secret=hush";
    let case = field.case("F13", "an assertion and a client_secret", client, body);
    case.refused(400, several).logged("client_secret").logged("client_assertion");

    let bearer = format!("Authorization: Bearer {}", jwt(signer, client).signed_by(signer));
    let case =
        field.case("F15", "the assertion in the Authorization header", client, "grant_type=client_credentials".into());
    case.header(bearer).refused(400, "client_assertion is missing from the form").without = "www-authenticate";

    let case = field.case("F16", "a form in ISO-8859-1", client, form(signer, client));
    case.header("Content-Type: application/x-www-form-urlencoded; charset=ISO-8859-1").refused(400, "in UTF-8");

    let scope = |scope: &str| form(signer, client) + "&scope=" + scope;
    field.case("F22", "a registered scope", client, scope("a")).told = r#""scope":"a""#;
    field.case("F22", "another scope", client, scope("b")).refused(400, "not registered for the requested scope");
    field.case("F22", "a scope with a quotation mark", client, scope("%22")).refused(400, "not allowed");
    let unscoped = field.client_with(&[signer.jwk()]);
    let body = form(signer, &unscoped) + "&scope=a";
    field.case("F22", "a scope of a client without any", &unscoped, body).refused(400, "not registered");
}

fn claims(field: &mut Field, signer: &Signer, client: &str) {
    let tool = jwt(signer, client).claim("iss", "https://tool.example.com").signed_by(signer);
    let case = field.case("F14", "iss is the URL of a tool", client, form_of(&tool));
    case.refused(400, "iss and sub must both be the client id").logged("https://tool.example.com");

    for name in ["exp", "iat", "nbf"] {
        let late = jwt(signer, client).claim(name, (now() + 60) * 1000).signed_by(signer);
        let case = field.case("F23", format!("{name} in milliseconds"), client, form_of(&late));
        case.refused(400, "").logged(name).logged("looks like milliseconds");
        let text = jwt(signer, client).claim(name, (now() + 60).to_string()).signed_by(signer);
        let case = field.case("F23", format!("{name} as a string"), client, form_of(&text));
        case.refused(400, "must be a number").logged(name);
    }
}

/// The texts of Redox stay as they are, while the operator is told more.
async fn redox() -> Vec<Row> {
    let signer = Signer::es384("a");
    let mut field = Field::new("redox");
    let client = &field.client_with(&[signer.jwk()]);
    let signed = jwt(&signer, client).signed_by(&signer);
    let (input, signature) = signed.rsplit_once('.').unwrap();
    let der = URL_SAFE_NO_PAD.encode(der(&URL_SAFE_NO_PAD.decode(signature).unwrap()));
    let tool = jwt(&signer, client).claim("iss", "https://tool.example.com").signed_by(&signer);
    let late = jwt(&signer, client).claim("exp", "tomorrow").signed_by(&signer);
    let unknown = jwt(&signer, client).header("kid", "b").signed_by(&signer);
    let jti = jwt(&signer, client).claim("jti", "j".repeat(257)).signed_by(&signer);
    let chain = "A".repeat(16_000);
    let long = jwt(&signer, client).header("x5c", vec![chain]).signed_by(&signer);
    for (kind, input, assertion, told) in [
        ("F10", "a quoted assertion", format!("\"{signed}\""), r#""JWT is malformed""#),
        ("F10", "a line break", signed.replacen('.', ".\n", 1), r#""JWT is malformed""#),
        ("F10", "two parts", input.to_owned(), r#""JWTs must have three components""#),
        ("F4", "an assertion over 16 KiB", long, r#""JWT is malformed""#),
        ("F4", "a jti of 257 bytes", jti, r#""Unexpected jti claim value""#),
        (
            "F11",
            "an unknown kid",
            unknown,
            r#""Public key not found, check client_id, kid and Redox dashboard settings""#,
        ),
        ("F12", "a signature in DER", format!("{input}.{der}"), r#""error_description":"""#),
        ("F14", "iss is the URL of a tool", tool, r#""Unexpected sub claim value""#),
        ("F23", "exp as a string", late, r#"\"exp\" claim timestamp check failed"#),
    ] {
        field.case(kind, format!("{input}, in redox"), client, form_of(&assertion)).refused(400, told);
    }
    field.run().await
}

async fn algorithms(profile: &'static str) -> Vec<Row> {
    let mut field = Field::new(profile);
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|alg| Signer::rsa(alg, "a"));
    let ec = [Signer::es256("a"), Signer::es384("a"), Signer::es512("a")];
    let edwards = ["EdDSA", "Ed25519"].map(|alg| Signer::ed25519(alg, "a"));
    let ml_dsa = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"].map(|alg| Signer::ml_dsa(alg, "a"));
    for signer in rsa.iter().chain(&ec).chain(&edwards).chain(&ml_dsa) {
        let client = field.client_with(&[signer.jwk()]);
        field.case("F21", format!("{} in {profile}", signer.alg), &client, form(signer, &client));
    }
    field.run().await
}
