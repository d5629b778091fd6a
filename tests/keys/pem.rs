//! Public keys in PEM and single JWKs: that they are the keys that a JWK Set would have, and what
//! is said about documents that cannot be read.

use std::sync::LazyLock;

use crate::common::{self, CLIENT, ISSUER, Jwt, Signer, fixture, key_set};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_client_assertion::Policy;
use tower_client_assertion::keys::{KeySet, KeySetError, MAX_BYTES, MAX_KEYS, PemProblem, SkipReason};
use tower_client_assertion::policy::AlgorithmSet;
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::ClientFault;

static VECTORS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("../vectors/pem.json")).unwrap());

fn vectors(which: &str) -> &'static [Value] {
    VECTORS[which].as_array().unwrap()
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

fn block(label: &str, der: &[u8]) -> String {
    let lines = STANDARD.encode(der);
    let lines = lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.collect::<Vec<_>>().join("\n"))
}

fn from_pem(pem: impl AsRef<[u8]>) -> KeySet {
    KeySet::from_pem(pem.as_ref()).unwrap()
}

fn error(pem: impl AsRef<[u8]>) -> String {
    KeySet::from_pem(pem.as_ref()).unwrap_err().to_string()
}

#[test]
fn pem_and_jwk_of_a_key_are_the_same_key() {
    for vector in vectors("usable") {
        let (name, keys) = (text(vector, "name"), from_pem(text(vector, "pem")));
        let expected = key_set(&[vector["jwk"].clone()]);
        let [key, of_jwk] = [&keys, &expected].map(|keys| keys.iter().next().expect(name));
        assert_eq!((keys.len(), keys.skipped().len()), (1, 0), "{name}");
        assert_eq!(key.thumbprint(), of_jwk.thumbprint(), "{name}");
        let algorithms = vector.get("algorithms").and_then(Value::as_str).map(str::to_owned);
        let algorithms = algorithms.unwrap_or_else(|| of_jwk.algorithms().to_string());
        assert_eq!(key.algorithms().to_string(), algorithms, "{name}");
        assert_eq!(key.key_id(), Some(&*URL_SAFE_NO_PAD.encode(key.thumbprint())), "{name}");
    }
}

#[test]
fn keys_in_pem_are_as_strong_as_those_of_a_set() {
    for vector in vectors("skipped") {
        let (name, keys) = (text(vector, "name"), from_pem(text(vector, "pem")));
        let [skipped] = keys.skipped() else { panic!("{name} is usable") };
        assert_eq!(format!("{:?}", skipped.reason()), text(vector, "reason"), "{name}");
        assert_eq!((skipped.detail(), keys.len()), (text(vector, "detail"), 0), "{name}");
        let error = Client::new("a", keys).unwrap_err().to_string();
        assert!(error.contains(text(vector, "detail")), "{error}");
    }
}

#[test]
fn layout_and_text_around_blocks_do_not_matter() {
    let pem = text(&vectors("usable")[0], "pem");
    let thumbprint = |pem: &[u8]| from_pem(pem).iter().next().map(|key| key.thumbprint());
    let plain = thumbprint(pem.as_bytes());
    let variants = [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        pem.trim_end().to_owned(),
        format!("\u{feff}{pem}"),
        format!("subject=/CN=clinic\nKey Attributes: <None>\n{pem}\ntrailing"),
        pem.replace('\n', "\n   "),
        pem.split_inclusive('\n')
            .map(|line| if line.starts_with('-') { line } else { line.trim_end() })
            .collect::<String>()
            .replace("-----END", "\n-----END"),
    ];
    for variant in variants {
        assert_eq!(thumbprint(variant.as_bytes()), plain, "{variant:?}");
    }
    let latin = [b"Schl\xFCssel\n", pem.as_bytes()].concat();
    assert_eq!(thumbprint(&latin), plain, "text that is not UTF-8");
}

#[test]
fn several_blocks_are_several_keys_and_twins_are_one() {
    let all: String = vectors("usable").iter().chain(vectors("skipped")).map(|vector| text(vector, "pem")).collect();
    let keys = from_pem(&all);
    let mut thumbprints: Vec<_> = keys.iter().map(|key| key.thumbprint()).collect();
    thumbprints.sort_unstable();
    thumbprints.dedup();
    assert_eq!(thumbprints.len(), keys.len());
    assert_eq!(keys.len(), 6, "each key is there as a certificate, too");
    let first_skipped = vectors("usable").len();
    let places: Vec<_> = keys.skipped().iter().map(|key| key.index()).collect();
    assert_eq!(places, (first_skipped..first_skipped + vectors("skipped").len()).collect::<Vec<_>>());

    let one = text(&vectors("usable")[4], "pem");
    assert_eq!(from_pem(one.repeat(MAX_KEYS)).len(), 1);
    let many = KeySet::from_pem(one.repeat(MAX_KEYS + 1).as_bytes()).unwrap_err();
    assert_eq!(many, KeySetError::TooManyKeys { limit: MAX_KEYS });
    let padded = |len: usize| format!("{}{one}", " ".repeat(len - one.len()));
    assert_eq!(from_pem(padded(MAX_BYTES)).len(), 1);
    assert_eq!(
        KeySet::from_pem(padded(MAX_BYTES + 1).as_bytes()).unwrap_err(),
        KeySetError::TooLong { limit: MAX_BYTES }
    );
}

#[test]
fn a_private_key_raises_the_alarm_next_to_anything() {
    let public = text(&vectors("usable")[0], "pem");
    let labels = [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ANY PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ];
    for label in labels {
        let private = block(label, b"secret");
        let documents = [
            private.clone(),
            format!("{public}{private}"),
            format!("{private}{public}"),
            format!("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n{private}"),
            format!("{}{private}", block("EC PARAMETERS", b"curve")),
            private[..30 + label.len()].to_owned(),
            private.replace('\n', "\\n"),
            public.repeat(MAX_KEYS) + &private,
        ];
        for document in documents {
            let error = KeySet::from_pem(document.as_bytes()).unwrap_err();
            let text = format!("the document has a private key ({label}), which must never leave the client");
            assert_eq!(error.to_string(), text, "{document}");
            assert!(matches!(error, KeySetError::PrivateKey { .. }));
            assert!(!format!("{error:?}").contains(&STANDARD.encode("secret")));
        }
    }
}

/// A label without its dashes would otherwise go on into the key.
#[test]
fn key_29_a_label_shows_nothing_of_its_key() {
    let keys = ["MHcCAQEEIKabcdefgh+/x==", "MHCAQEEI0123456789ABCD", "MC4CAQ\nTx7Gq"];
    let ends = ["----", "---", "-", "", " ", ":", "----\\n", "\t", "----\r\n", "\n", "\u{2013}\n"];
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        for (key, end) in keys.iter().flat_map(|key| ends.map(|end| (key, end))) {
            for document in [
                format!("-----BEGIN {label}{end}{key}\n-----END {label}-----\n"),
                format!("-----BEGIN {label}{end}{key}"),
            ] {
                let error = KeySet::from_pem(document.as_bytes()).unwrap_err();
                let is_alarm = matches!(&error, KeySetError::PrivateKey { label: shown, .. } if shown == label);
                assert!(is_alarm, "{error:?}: {document}");
            }
        }
    }
    let secret = "MHcCAQEEIKabcdefgh";
    for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", ""] {
        for end in ends.into_iter().filter(|end| *end != "\n") {
            let document = format!("-----BEGIN {label}{end}{secret}\n-----END {label}-----\n");
            let error = KeySet::from_pem(document.as_bytes()).unwrap_err();
            let unfinished = matches!(&error, KeySetError::Pem { problem: PemProblem::Unfinished, .. });
            assert!(unfinished && !format!("{error:?}").contains("cCAQ"), "{error:?}: {document}");
        }
    }
}

/// Tags and lengths of DER are one byte each here.
fn der(tag: u8, values: &[&[u8]]) -> Vec<u8> {
    let content = values.concat();
    [&[tag, content.len() as u8], content.as_slice()].concat()
}

#[test]
fn key_28_a_private_key_is_found_under_any_label() {
    let secret = [0x5A; 32];
    let (octets, number) = (der(4, &[&secret]), der(2, &[&secret]));
    let [zero, one, two] = [0, 1, 2].map(|version| der(2, &[&[version]]));
    let algorithm = der(0x30, &[&der(6, &[&[0x2B, 0x65, 0x70]])]);
    let bits = der(3, &[&[0], &secret]);
    let private = [
        der(0x30, &[&zero, &number, &one, &number]),
        der(0x30, &[&one, &number, &one, &number]),
        der(0x30, &[&one, &octets]),
        der(0x30, &[&one, &octets, &der(0xA0, &[&der(6, &[&[0x2B]])])]),
        der(0x30, &[&zero, &algorithm, &octets]),
        der(0x30, &[&one, &algorithm, &octets]),
        der(0x30, &[&algorithm, &octets]),
    ];
    let public = [
        der(0x30, &[&zero, &one]),
        der(0x30, &[&one, &number]),
        der(0x30, &[&two, &octets]),
        der(0x30, &[&number, &one, &number]),
        der(0x30, &[&algorithm, &bits]),
        der(0x30, &[&one]),
        der(0x30, &[]),
        octets,
    ];
    let good = text(&vectors("usable")[0], "pem");
    for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "X509 CRL"] {
        for key in &private {
            for document in
                [block(label, key), format!("{good}{}", block(label, key)), block(label, key) + "-----BEGIN X"]
            {
                let error = KeySet::from_pem(document.as_bytes()).unwrap_err();
                assert!(
                    matches!(&error, KeySetError::PrivateKey { label: shown, .. } if shown == label),
                    "{error:?}: {document}"
                );
            }
        }
        for other in &public {
            let read = KeySet::from_pem(block(label, other).as_bytes());
            assert!(!matches!(read, Err(KeySetError::PrivateKey { .. })), "{read:?}");
        }
    }
}

#[test]
fn key_28_a_private_key_in_damaged_pem_is_found() {
    let body = STANDARD.encode([0x5A; 32]);
    let encoded = |pem: &str| {
        let units = || pem.encode_utf16();
        let little: Vec<_> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<_> = units().flat_map(u16::to_be_bytes).collect();
        let marked = [[&[0xFF, 0xFE], little.as_slice()].concat(), [&[0xFE, 0xFF], big.as_slice()].concat()];
        [marked.to_vec(), vec![little, big, pem.as_bytes().to_vec()]].concat()
    };
    let cases = [
        ("PRIVATE KEY", block("PRIVATE KEY", &[0x5A; 32])),
        ("private key", block("private key", &[0x5A; 32])),
        ("EC PRIVATE KEY", format!("----BEGIN EC PRIVATE KEY----\n{body}\n----END EC PRIVATE KEY----")),
        (
            "SSH2 ENCRYPTED PRIVATE KEY",
            format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{body}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"),
        ),
        ("RSA PRIVATE KEY", format!("{body}\n-----END RSA PRIVATE KEY-----\n")),
        ("RSA PRIVATE KEY", format!("-----BEGIN  RSA PRIVATE KEY-----\n{body}")),
    ];
    for (label, pem) in cases {
        for document in encoded(&pem) {
            let error = KeySet::from_pem(&document).unwrap_err();
            let text = format!("the document has a private key ({label}), which must never leave the client");
            assert_eq!(error.to_string(), text, "{pem}");
            assert_eq!(KeySet::parse(&document).unwrap_err(), error, "{pem}");
        }
    }
    for text in ["the END of a PRIVATE KEY", "-----BEGIN PRIVATE-----", "---- BEGIN SSH2 PUBLIC KEY ----"] {
        let error = KeySet::from_pem(text.as_bytes()).unwrap_err();
        assert!(!matches!(error, KeySetError::PrivateKey { .. }), "{text}");
    }
}

#[test]
fn blocks_that_cannot_be_read_are_named() {
    let public = text(&vectors("usable")[0], "pem");
    let certificate = text(&vectors("usable")[1], "pem");
    let body = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let (spki, x509) = (STANDARD.decode(body(public)).unwrap(), STANDARD.decode(body(certificate)).unwrap());
    let cases = [
        (block("CERTIFICATE REQUEST", &[]), "CERTIFICATE REQUEST", PemProblem::CertificateRequest),
        (block("NEW CERTIFICATE REQUEST", &[]), "NEW CERTIFICATE REQUEST", PemProblem::CertificateRequest),
        (block("X509 CRL", &[]), "X509 CRL", PemProblem::OtherLabel),
        (block("EC PARAMETERS", &[]), "EC PARAMETERS", PemProblem::OtherLabel),
        (block("public key", &spki), "public key", PemProblem::OtherLabel),
        (block("", &spki), "", PemProblem::OtherLabel),
        (public.lines().next().unwrap().to_owned(), "PUBLIC KEY", PemProblem::Unfinished),
        (public.replace("END PUBLIC", "END RSA PUBLIC"), "PUBLIC KEY", PemProblem::Unfinished),
        (format!("-----BEGIN PUBLIC KEY-----\n{public}"), "PUBLIC KEY", PemProblem::Unfinished),
        (public.replace('\n', "\\n"), "PUBLIC KEY", PemProblem::NotBase64),
        (public.replacen('A', "-", 1), "PUBLIC KEY", PemProblem::NotBase64),
        (block("PUBLIC KEY", &[]), "PUBLIC KEY", PemProblem::NotDer),
        (block("PUBLIC KEY", &x509), "PUBLIC KEY", PemProblem::NotDer),
        (block("PUBLIC KEY", &[spki.as_slice(), &[0]].concat()), "PUBLIC KEY", PemProblem::NotDer),
        (block("RSA PUBLIC KEY", &spki), "RSA PUBLIC KEY", PemProblem::NotDer),
        (block("CERTIFICATE", &spki), "CERTIFICATE", PemProblem::NotDer),
        (block("CERTIFICATE", &[x509.as_slice(), &[0]].concat()), "CERTIFICATE", PemProblem::NotDer),
    ];
    for (document, label, problem) in cases {
        let error = KeySet::from_pem(document.as_bytes()).unwrap_err();
        let found = matches!(&error, KeySetError::Pem { index: 0, label: other, problem: found, .. } if other == label && *found == problem);
        assert!(found, "{error:?}: {document}");
        assert_eq!(error.to_string(), format!("block 0 of the PEM document ({label}) {problem}"));
    }
    assert!(
        error(format!("{public}{}", block("X509 CRL", &[]))).starts_with("block 1 of the PEM document (X509 CRL) has")
    );
    for document in ["", "MFkw", "-----END PUBLIC KEY-----", &json!({"keys": []}).to_string()] {
        assert_eq!(error(document), "the document has no public key or certificate in PEM");
    }
    let long = error(format!("-----BEGIN {}-----", "\u{1b}x\n".repeat(100)));
    assert!(long.len() < 200 && !long.chars().any(char::is_control), "{long:?}");
    // Nothing that is cut or changed makes the reader fail.
    for der in [&spki, &x509] {
        let label = if der.len() == spki.len() { "PUBLIC KEY" } else { "CERTIFICATE" };
        for at in 0..der.len() {
            assert!(KeySet::from_pem(block(label, &der[..at]).as_bytes()).is_err(), "{label} of {at} bytes");
            for bit in [0x01, 0x20, 0x80, 0xFF] {
                let mut der = der.clone();
                der[at] ^= bit;
                let _ = KeySet::from_pem(block(label, &der).as_bytes());
            }
        }
    }
}

fn outcome(keys: KeySet, signer: &Signer, kid: Option<&str>) -> Result<(), ClientFault> {
    let policy = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC);
    let verifier = fixture().policy(policy).at_issuer().clients([Client::new(CLIENT, keys).unwrap()]).build();
    let jwt = Jwt::by(signer, CLIENT).claim("aud", ISSUER).without_header("kid");
    let jwt = kid.into_iter().fold(jwt, |jwt, kid| jwt.header("kid", kid));
    common::outcome(&verifier, &jwt.signed_by(signer)).map(|_| ())
}

#[test]
fn a_client_registered_by_pem_authenticates() {
    let signers = [
        Signer::rsa("PS384", "k"),
        Signer::es256("k"),
        Signer::es384("k"),
        Signer::es512("k"),
        Signer::ed25519("EdDSA", "k"),
        Signer::ml_dsa("ML-DSA-44", "k"),
        Signer::ml_dsa("ML-DSA-65", "k"),
        Signer::ml_dsa("ML-DSA-87", "k"),
    ];
    for signer in signers {
        let keys = from_pem(signer.pem());
        let thumbprint = key_set(&[signer.jwk()]).iter().next().unwrap().thumbprint();
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        assert_eq!(outcome(keys.clone(), &signer, Some(&kid)), Ok(()), "{}", signer.alg);
        assert_eq!(outcome(keys.clone(), &signer, None), Ok(()), "{}", signer.alg);
        assert_eq!(outcome(keys.clone(), &signer, Some("mine")), Err(ClientFault::NoKey), "{}", signer.alg);
        let named = keys.with_kid("mine");
        assert_eq!(outcome(named.clone(), &signer, Some("mine")), Ok(()), "{}", signer.alg);
        assert_eq!(outcome(named, &signer, Some(&kid)), Err(ClientFault::NoKey), "{}", signer.alg);
    }
}

#[test]
fn a_point_in_a_certificate_or_public_key_has_one_length() {
    let pem = Signer::es256("k").pem();
    let spki = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let spki = STANDARD.decode(spki).unwrap();
    let (head, point) = spki.split_at(spki.len() - 65);
    let with_point = |point: &[u8]| {
        let mut head = head.to_vec();
        // The lengths of the sequence and of the bit string, whose last byte counts unused bits.
        (head[1], head[24]) = (head[1] + point.len() as u8 - 65, 1 + point.len() as u8);
        from_pem(block("PUBLIC KEY", &[head.as_slice(), point].concat()))
    };
    assert_eq!(with_point(point).len(), 1);
    let (x, y) = point[1..].split_at(32);
    let points = [
        [&[4], x, &[0], y].concat(),
        [&[4, 0], x, y].concat(),
        [&[4, 0], x, &[0], y].concat(),
        [&[4], x, &y[1..]].concat(),
        [&[0], x, y].concat(),
        [&[6], x, y].concat(),
        [&[2], x].concat(),
        vec![4],
        vec![0],
        vec![],
    ];
    for point in points {
        let keys = with_point(&point);
        assert_eq!((keys.len(), keys.skipped()[0].reason()), (0, SkipReason::Invalid), "{point:?}");
        assert_eq!(keys.skipped()[0].detail(), "it is not an uncompressed point of P-256");
    }
}

#[test]
fn a_kid_can_be_given_to_several_keys() {
    let (one, two) = (Signer::es256("one"), Signer::es384("two"));
    let keys = key_set(&[one.jwk(), two.jwk(), one.jwk()]).with_kid("shared");
    assert_eq!(keys.iter().map(|key| key.key_id()).collect::<Vec<_>>(), [Some("shared"); 2]);
    for signer in [&one, &two] {
        assert_eq!(outcome(keys.clone(), signer, Some("shared")), Ok(()));
    }
    let twice = key_set(&[one.jwk(), json!({"kty": "PQC"})]);
    let mut other = one.jwk();
    other["kid"] = "other".into();
    let same = key_set(&[one.jwk(), other]);
    assert_eq!((same.len(), same.with_kid("a").len()), (2, 1), "one key under two names becomes one key");
    assert_eq!(twice.with_kid("a").skipped()[0].key_id(), None, "what is skipped stays as it is");
}

#[test]
fn a_single_jwk_is_judged_like_one_of_a_set() {
    let jwk = Signer::es256("key-1").jwk();
    for text in [jwk.to_string(), format!("\u{feff} {jwk}\n")] {
        let keys = KeySet::from_jwk(text.as_bytes()).unwrap();
        assert_eq!(keys.iter().map(|key| key.key_id()).collect::<Vec<_>>(), [Some("key-1")]);
    }
    let unusable = [
        (json!({"kty": "oct", "k": "AQ"}), SkipReason::PrivateMembers),
        (json!({"kty": "PQC"}), SkipReason::UnsupportedType),
        (json!({"keys": [jwk]}), SkipReason::Malformed),
        (json!([jwk]), SkipReason::Malformed),
    ];
    for (document, reason) in unusable {
        let keys = KeySet::from_jwk(document.to_string().as_bytes()).unwrap();
        assert_eq!((keys.len(), keys.skipped()[0].reason()), (0, reason), "{document}");
    }
    let error = |text: &str| KeySet::from_jwk(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error("{"), "the document is not well-formed JSON at line 1, column 1");
    assert_eq!(
        error(&format!("{jwk}{jwk}")),
        format!("the document is not well-formed JSON at line 1, column {}", jwk.to_string().len() + 1)
    );
    assert_eq!(error(&" ".repeat(MAX_BYTES + 1)), "the document is longer than 262144 bytes");
    let pem = error(text(&vectors("usable")[0], "pem"));
    assert_eq!(pem, "this is not a JWK Set: it has keys or certificates in PEM; convert it to a JWK Set");
}
