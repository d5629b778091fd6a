//! Inputs in which a key is written in an unusual way.

use super::{Field, Row, form, jwt};
use crate::common::key_server::Reply;
use crate::common::{Signer, form as form_of, with_member};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(super) async fn rows() -> Vec<Row> {
    let mut field = Field::new("rfc7523");
    empty_members(&mut field).await;
    coordinates(&mut field);
    unusable(&mut field).await;
    let mut rows = field.run().await;
    for profile in ["smart", "redox"] {
        rows.extend(repeated(profile).await);
    }
    rows
}

const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

async fn empty_members(field: &mut Field) {
    let signer = Signer::rsa("RS256", "a");
    let public = ["use", "key_ops", "alg", "kid", "x5c", "x5u", "x5t", "x5t#S256", "exp"];
    for member in PRIVATE.into_iter().chain(public) {
        for empty in [Value::Null, json!(""), json!([])] {
            let key = with_member(&signer.jwk(), member, empty.clone());
            let inline = field.client_with(std::slice::from_ref(&key));
            let by_url = field.client_at(Reply::keys(&[key])).await;
            for (client, place) in [(inline, "inline"), (by_url, "by URL")] {
                let jwt = jwt(&signer, &client);
                let jwt = if member == "kid" { jwt.without_header("kid") } else { jwt };
                field.case("F2", format!("{member}: {empty}, {place}"), &client, form_of(&jwt.signed_by(&signer)));
            }
        }
    }
    let all = PRIVATE
        .into_iter()
        .chain(["alg", "use"])
        .fold(signer.jwk(), |key, member| with_member(&key, member, Value::Null));
    let all = with_member(&with_member(&all, "x5c", json!([])), "key_ops", json!([]));
    let client = field.client_with(&[all]);
    field.case("F2", "every member, as many programs write them", &client, form(&signer, &client));
    for member in PRIVATE {
        let content = if member == "oth" { json!([{"r": "AQAB"}]) } else { json!("AQAB") };
        let key = with_member(&signer.jwk(), member, content);
        let inline = field.client_with(std::slice::from_ref(&key));
        let by_url = field.client_at(Reply::keys(&[key])).await;
        for (client, place) in [(inline, "inline"), (by_url, "by URL")] {
            let case = field.case("F2", format!("{member} with a value, {place}"), &client, form(&signer, &client));
            case.refused(400, "").logged("must never leave the client").logged(format!("({member})"));
        }
    }
}

/// A key in which the coordinate begins with a zero.
fn with_leading_zero(make: fn(&'static str) -> Signer, coordinate: &str) -> Signer {
    loop {
        let signer = make("a");
        if bytes(&signer.jwk()[coordinate])[0] == 0 {
            return signer;
        }
    }
}

fn bytes(encoded: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(encoded.as_str().unwrap()).unwrap()
}

fn coordinates(field: &mut Field) {
    type Curve = (&'static str, usize, fn(&'static str) -> Signer);
    let curves: [Curve; 3] = [("P-256", 32, Signer::es256), ("P-384", 48, Signer::es384), ("P-521", 66, Signer::es512)];
    for (curve, len, make) in curves {
        for coordinate in ["x", "y"] {
            let signer = with_leading_zero(make, coordinate);
            let full = bytes(&signer.jwk()[coordinate]);
            let changed = |bytes: &[u8]| with_member(&signer.jwk(), coordinate, json!(URL_SAFE_NO_PAD.encode(bytes)));
            let significant: Vec<u8> = full.iter().copied().skip_while(|byte| *byte == 0).collect();
            for (input, key) in [
                ("without its leading zero", changed(&significant)),
                ("with another zero in front", changed(&[&[0], &*full].concat())),
            ] {
                let client = field.client_with(&[key]);
                field.case("F5", format!("{coordinate} of {curve} {input}"), &client, form(&signer, &client));
            }
            let client = field.client_with(&[changed(&[&[1; 2], &*full].concat())]);
            let case = field.case("F5", format!("{coordinate} of {curve}, too long"), &client, form(&signer, &client));
            case.refused(400, "").logged(format!("{coordinate} has {} bytes, {curve} has {len}", len + 2));
        }
    }
}

async fn unusable(field: &mut Field) {
    let signer = Signer::rsa("RS256", "a");
    let n = signer.jwk()["n"].as_str().unwrap().to_owned();
    let table = [
        ("n with padding", with_member(&signer.jwk(), "n", json!(n + "==")), vec!["n is not base64url", "padding"]),
        (
            "a key for encryption",
            with_member(&with_member(&signer.jwk(), "use", "enc"), "alg", "RSA-OAEP"),
            vec!["use is", "enc"],
        ),
        (
            "alg for another type",
            with_member(&signer.jwk(), "alg", json!("ES256")),
            vec![r#"alg is "ES256""#, "type RSA"],
        ),
        ("e as a number", with_member(&signer.jwk(), "e", json!(65537)), vec!["e is", "number"]),
        ("kty in lower case", with_member(&signer.jwk(), "kty", json!("rsa")), vec!["kty is", "rsa"]),
    ];
    for (input, key, logged) in table {
        let inline = field.client_with(std::slice::from_ref(&key));
        let by_url = field.client_at(Reply::keys(&[key])).await;
        for (client, place) in [(inline, "inline"), (by_url, "by URL")] {
            let case = field.case("F16", format!("{input}, {place}"), &client, form(&signer, &client));
            case.refused(400, "");
            for part in &logged {
                case.logged(*part);
            }
        }
    }
    let key = |number: usize| with_member(&signer.jwk(), "kid", json!(number.to_string()));
    let named = with_member(&signer.jwk(), "kid", json!("k".repeat(257)));
    let client = field.client_with(&[named]);
    field.case("F17", "a kid of 257 bytes", &client, form(&signer, &client)).refused(400, "").logged("257 bytes");
    let hundred = [vec![signer.jwk()], (1..100).map(key).collect()].concat();
    let client = field.client_with(&hundred);
    field.case("F20", "100 keys inline", &client, form(&signer, &client));
    let client = field.client_with(&[hundred, vec![key(100)]].concat());
    field.case("F20", "101 keys inline", &client, form(&signer, &client)).refused(400, "").logged("more than 100 keys");
}

async fn repeated(profile: &'static str) -> Vec<Row> {
    let mut field = Field::new(profile);
    let (signer, other) = (Signer::es384("a"), Signer::es384("a"));
    for (input, second) in
        [("identical", signer.jwk()), ("except for alg", with_member(&signer.jwk(), "alg", json!("ES384")))]
    {
        let client = field.client_with(&[signer.jwk(), second]);
        field.case("F7", format!("one key twice, {input}, in {profile}"), &client, form(&signer, &client));
    }
    let client = field.client_with(&[signer.jwk(), other.jwk()]);
    let case = field.case("F7", format!("two keys of one kid, in {profile}"), &client, form(&signer, &client));
    case.refused(400, "").logged("several keys");
    field.run().await
}
