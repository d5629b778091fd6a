//! How near a `kid` is to that of a key.

use super::excerpt;
use crate::explain::hint::Hint;
use crate::explain::kind::KidKind;
use crate::jose::base64url;
use crate::jose::keys::KeySet;

/// The most keys that hints name.
const MOST: usize = 4;

/// A longer `kid` is not compared, in bytes. A thumbprint as a URN with colons is shorter.
const LONGEST: usize = 256;

/// The differences that are looked for.
const TOLERATED: [KidKind; 4] = [KidKind::Case, KidKind::WhiteSpace, KidKind::Padding, KidKind::Alphabet];

/// Returns the keys that the sender may have meant by `kid`, which names none.
pub(super) fn near(kid: &str, keys: &KeySet) -> Vec<Hint> {
    let mut hints = Vec::new();
    if kid.len() > LONGEST {
        return hints;
    }
    for key in keys {
        let named = key.key_id();
        let kinds = match named {
            Some(same) if same == kid => continue,
            _ if is_thumbprint(kid, &key.thumbprint()) => vec![KidKind::Thumbprint],
            Some(other) => differences(other, kid),
            None => Vec::new(),
        };
        hints.extend(kinds.into_iter().map(|kind| Hint::KidNear { kind, kid: named.map(excerpt) }));
        if hints.len() >= MOST {
            break;
        }
    }
    hints
}

fn differences(registered: &str, given: &str) -> Vec<KidKind> {
    let equal_except = |kind| normal(registered, kind) == normal(given, kind);
    if given.is_empty() || !equal_except(None) {
        return Vec::new();
    }
    TOLERATED.into_iter().filter(|kind| !equal_except(Some(*kind))).collect()
}

fn normal(kid: &str, except: Option<KidKind>) -> String {
    let tolerates = |kind| except != Some(kind);
    let is_space = |character: char| character.is_whitespace() || character.is_control();
    let kid = if tolerates(KidKind::WhiteSpace) { kid.trim_matches(is_space) } else { kid };
    let kid = if tolerates(KidKind::Padding) { kid.trim_end_matches('=') } else { kid };
    let kid = if tolerates(KidKind::Alphabet) { kid.replace('+', "-").replace('/', "_") } else { kid.to_owned() };
    if tolerates(KidKind::Case) { kid.to_lowercase() } else { kid }
}

/// Whether a `kid` is the SHA-256 thumbprint of a key (RFC 7638), in base64url, base64 or
/// hexadecimal digits, or as a URN (RFC 9278).
fn is_thumbprint(kid: &str, thumbprint: &[u8; 32]) -> bool {
    const URN: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";
    let kid = kid.strip_prefix(URN).unwrap_or(kid);
    let as_base64url = kid.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let as_hex = || thumbprint.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    as_base64url == base64url::encode(thumbprint)
        || kid.len() >= 64 && kid.replace(':', "").to_ascii_lowercase() == as_hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn keys(kid: Option<&str>) -> KeySet {
        let kid = kid.map(|kid| format!(r#""kid":{kid:?},"#)).unwrap_or_default();
        let key = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        KeySet::parse(format!(r#"{{"keys":[{{{kid}{key}}}]}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn near_kids_are_named_with_their_difference() {
        use KidKind as K;
        let cases: &[(&str, &str, &[KidKind])] = &[
            ("key-1", "KEY-1", &[K::Case]),
            ("key-1", " key-1", &[K::WhiteSpace]),
            ("key-1", "key-1\n", &[K::WhiteSpace]),
            ("a2V5LTE", "a2V5LTE=", &[K::Padding]),
            ("a2V5LTE=", "a2V5LTE", &[K::Padding]),
            ("a-b_c", "a+b/c", &[K::Alphabet]),
            ("a-b_c", "A+b/c==", &[K::Case, K::Padding, K::Alphabet]),
            ("key-1", "key-1", &[]),
            ("key-1", "key-2", &[]),
            ("key-1", "key-10", &[]),
            ("key-1", "key1", &[]),
            ("key-1", "", &[]),
            ("=", "", &[]),
        ];
        for (registered, given, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|&kind| Hint::KidNear { kind, kid: Some(excerpt(registered)) }).collect();
            assert_eq!(near(given, &keys(Some(registered))), expected, "{given:?} for {registered:?}");
        }
    }

    #[test]
    fn a_long_kid_is_not_compared() {
        let spaces = |count: usize| format!("key-1{}", " ".repeat(count));
        assert_eq!(near(&spaces(251), &keys(Some("key-1"))).len(), 1);
        assert_eq!(near(&spaces(252), &keys(Some("key-1"))).len(), 0);
    }

    #[test]
    fn thumbprints_are_recognised_in_every_spelling() {
        let bytes = base64url::decode(THUMBPRINT).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let colons = bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let spellings = [
            THUMBPRINT.to_owned(),
            format!("{THUMBPRINT}="),
            THUMBPRINT.replace('_', "/"),
            format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{THUMBPRINT}"),
            hex.clone(),
            hex.to_uppercase(),
            colons,
        ];
        for kid in [None, Some("key-1")] {
            let expected = [Hint::KidNear { kind: KidKind::Thumbprint, kid: kid.map(excerpt) }];
            for given in &spellings {
                assert_eq!(near(given, &keys(kid)), expected, "{given} for {kid:?}");
            }
            let others = [THUMBPRINT.to_lowercase(), THUMBPRINT[1..].to_owned(), hex[..62].to_owned(), String::new()];
            for given in others {
                assert_eq!(near(&given, &keys(kid)), [], "{given} for {kid:?}");
            }
        }
    }
}
