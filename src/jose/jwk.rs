//! One JWK: what it may be used for, and the public key that it holds.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::member::{Member, Members, json_type, object, read_object};
use crate::jose::private;
use crate::jose::public_key::{Curve, PublicKey, RsaKey};
use crate::jose::skip::{Flaw, SkipReason};
use crate::text::Excerpt;

object! {
    /// The members of a JWK that matter here, not parsed yet. Each is judged separately, so that
    /// the reason can name it.
    pub(crate) struct Jwk {
        kty = "kty",
        kid = "kid",
        alg = "alg",
        public_use = "use",
        key_ops = "key_ops",
        crv = "crv",
        x = "x",
        y = "y",
        n = "n",
        e = "e",
        public = "pub",
        d = "d",
        p = "p",
        q = "q",
        dp = "dp",
        dq = "dq",
        qi = "qi",
        oth = "oth",
        k = "k",
        private = "priv",
    }
}

/// RFC 7517 registers eight operations. They are compared in pairs, so their number is bounded.
const MAX_OPERATIONS: usize = 16;

/// A key that may verify signatures.
pub(crate) struct Judged {
    pub(crate) key: PublicKey,
    /// What its type permits, narrowed by its `alg`.
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) kid: Option<Box<str>>,
}

/// What the type of a key permits.
enum KeyType {
    Rsa,
    Ec(&'static Curve),
    Ed25519,
    /// Its `alg` says which ML-DSA it is (RFC 9964, section 3).
    Akp,
}

impl<'a> Jwk<'a> {
    pub(crate) fn read(json: &'a RawValue) -> Result<Self, Flaw> {
        read_object(json).ok_or_else(|| unreadable(json))
    }

    pub(crate) fn judge(&self) -> Result<Judged, Flaw> {
        self.refuse_private_members()?;
        let kid = text("kid", self.kid)?.map(|kid| Box::from(&*kid));
        let key_type = self.key_type()?;
        self.check_use()?;
        let algorithms = self.narrowed(&key_type)?;
        let key = self.public_key(&key_type, algorithms)?;
        Ok(Judged { key, algorithms, kid })
    }

    /// Returns the `kid` even if the key cannot be used.
    pub(crate) fn key_id(&self) -> Option<String> {
        text("kid", self.kid).ok().flatten().map(Cow::into_owned)
    }

    /// Returns the algorithms that the key would verify if it could be used.
    pub(crate) fn algorithms(&self) -> AlgorithmSet {
        self.key_type().and_then(|key_type| self.narrowed(&key_type)).unwrap_or_default()
    }

    /// A key set is public, so a secret in it is no longer secret (OpenID Connect Registration,
    /// section 2). An empty value holds no secret: many programs write public keys with empty
    /// private members.
    fn refuse_private_members(&self) -> Result<(), Flaw> {
        let Self { d, p, q, dp, dq, qi, oth, k, private, .. } = self;
        let present = [d, p, q, dp, dq, qi, oth, k, private].map(|member| member.is_present());
        let names = private::MEMBERS.iter().zip(present).filter(|(_, present)| *present).map(|(name, _)| *name);
        refuse_private(&names.collect::<Vec<_>>())
    }

    fn key_type(&self) -> Result<KeyType, Flaw> {
        let unsupported = |member: &str, value: &str, expected: &str| {
            SkipReason::UnsupportedType.with(format!("{member} is {}, expected {expected}", Excerpt::new(value)))
        };
        match &*required("kty", text("kty", self.kty)?)? {
            "RSA" => Ok(KeyType::Rsa),
            "EC" => {
                let crv = required("crv", text("crv", self.crv)?)?;
                Curve::named(&crv).map(KeyType::Ec).ok_or_else(|| unsupported("crv", &crv, "P-256, P-384 or P-521"))
            }
            "OKP" => match &*required("crv", text("crv", self.crv)?)? {
                "Ed25519" => Ok(KeyType::Ed25519),
                crv => Err(unsupported("crv", crv, "Ed25519")),
            },
            "AKP" => Ok(KeyType::Akp),
            kty => Err(unsupported("kty", kty, "RSA, EC, OKP or AKP")),
        }
    }

    /// `use` and `key_ops` must permit verifying and must not contradict each other (RFC 7517,
    /// sections 4.2 and 4.3).
    fn check_use(&self) -> Result<(), Flaw> {
        let public_use = text("use", self.public_use)?;
        if let Some(other) = public_use.as_deref().filter(|public_use| *public_use != "sig") {
            let detail = format!(r#"use is {}, expected "sig""#, Excerpt::new(other));
            return Err(SkipReason::NotForSignatures.with(detail));
        }
        let strings = |wrong| SkipReason::Malformed.with(format!("key_ops is {wrong}"));
        let operations = self.key_ops.read("an array of strings").map_err(strings)?;
        operations.map_or(Ok(()), |operations: Vec<String>| check_operations(&operations, public_use.is_some()))
    }

    /// Returns what a key of this type may verify, narrowed by its `alg` (RFC 8725, section 3.1).
    fn narrowed(&self, key_type: &KeyType) -> Result<AlgorithmSet, Flaw> {
        let of_type = key_type.algorithms();
        let alg = text("alg", self.alg)?;
        let Some(alg) = alg else {
            return match key_type {
                KeyType::Akp => Err(missing("alg")),
                KeyType::Rsa | KeyType::Ec(_) | KeyType::Ed25519 => Ok(of_type),
            };
        };
        let declared = match Algorithm::from_name(&alg) {
            // Two names of one algorithm (RFC 9864, section 2.2).
            Some(Algorithm::EdDSA | Algorithm::Ed25519) => KeyType::Ed25519.algorithms(),
            Some(algorithm) => AlgorithmSet::from(algorithm),
            None => AlgorithmSet::EMPTY,
        };
        match of_type.intersection(declared) {
            AlgorithmSet::EMPTY => {
                let (alg, key) = (Excerpt::new(&alg), key_type.name());
                let detail = format!("alg is {alg}, but a key of type {key} is for {of_type}");
                Err(SkipReason::AlgorithmConflict.with(detail))
            }
            algorithms => Ok(algorithms),
        }
    }

    fn public_key(&self, key_type: &KeyType, algorithms: AlgorithmSet) -> Result<PublicKey, Flaw> {
        match key_type {
            KeyType::Rsa => PublicKey::rsa(&bytes("n", self.n)?, &bytes("e", self.e)?),
            KeyType::Ec(curve) => PublicKey::ec(curve, &bytes("x", self.x)?, &bytes("y", self.y)?),
            KeyType::Ed25519 => PublicKey::ed25519(&bytes("x", self.x)?),
            KeyType::Akp => {
                let algorithm = algorithms.iter().next().ok_or_else(|| missing("alg"))?;
                PublicKey::ml_dsa(algorithm, &bytes("pub", self.public)?)
            }
        }
    }
}

impl KeyType {
    fn name(&self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec(curve) => curve.name,
            Self::Ed25519 => "Ed25519",
            Self::Akp => "AKP",
        }
    }

    fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Rsa => RsaKey::ALGORITHMS,
            Self::Ec(curve) => curve.algorithm.into(),
            Self::Ed25519 => AlgorithmSet::of(&[Algorithm::EdDSA, Algorithm::Ed25519]),
            Self::Akp => AlgorithmSet::of(&[Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87]),
        }
    }
}

/// Says why a value is not the JWK that it should be. A secret counts even here.
#[cold]
fn unreadable(json: &RawValue) -> Flaw {
    let Some(members) = Members::of(json) else {
        if let Some(label) = private::in_value(json) {
            return private_key(&label);
        }
        return SkipReason::Malformed.with(format!("it is {}, expected an object", json_type(json)));
    };
    if let Err(flaw) = refuse_private(&private::private_members(&members)) {
        return flaw;
    }
    match members.repeated(Jwk::NAMES) {
        Some(name) => SkipReason::Malformed.with(format!("{name} occurs more than once")),
        None => SkipReason::Malformed.with("it is not an object that can be read"),
    }
}

fn refuse_private(names: &[&str]) -> Result<(), Flaw> {
    match names {
        [] => Ok(()),
        names => {
            let names = names.join(", ");
            let detail = format!("it has private or symmetric members ({names}), which must never leave the client");
            Err(SkipReason::PrivateMembers.with(detail))
        }
    }
}

fn private_key(label: &str) -> Flaw {
    SkipReason::PrivateMembers.with(format!("it has a private key ({label}), which must never leave the client"))
}

fn check_operations(operations: &[String], has_use: bool) -> Result<(), Flaw> {
    let refused = |detail: String| Err(SkipReason::NotForSignatures.with(detail));
    if operations.len() > MAX_OPERATIONS {
        return refused(format!("key_ops has {} values, expected at most {MAX_OPERATIONS}", operations.len()));
    }
    if !operations.iter().any(|operation| operation == "verify") {
        return refused(r#"key_ops does not have "verify""#.to_owned());
    }
    let mut earlier = operations;
    while let [rest @ .., last] = earlier {
        if rest.contains(last) {
            return refused(format!("key_ops has {} more than once", Excerpt::new(last)));
        }
        earlier = rest;
    }
    let foreign = |operation: &&String| !matches!(operation.as_str(), "verify" | "sign");
    match operations.iter().find(foreign) {
        Some(foreign) if has_use => {
            refused(format!(r#"key_ops has {}, which contradicts the use "sig""#, Excerpt::new(foreign)))
        }
        _ => Ok(()),
    }
}

fn text<'a>(name: &str, member: Member<'a>) -> Result<Option<Cow<'a, str>>, Flaw> {
    member.text().map_err(|wrong| SkipReason::Malformed.with(format!("{name} is {wrong}")))
}

fn missing(name: &str) -> Flaw {
    SkipReason::Malformed.with(format!("{name} is missing"))
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, Flaw> {
    value.ok_or_else(|| missing(name))
}

/// Returns the bytes of a required member in base64url.
fn bytes(name: &str, member: Member<'_>) -> Result<Vec<u8>, Flaw> {
    let encoded = required(name, text(name, member)?)?;
    let why = || match private::in_pem(&encoded) {
        Some(label) => private_key(&label),
        None => SkipReason::Malformed.with(format!("{name} is not base64url: {}", not_base64url(&encoded))),
    };
    base64url::decode(&encoded).ok_or_else(why)
}

/// Says why a text is not base64url without padding (RFC 7515, section 2).
#[cold]
fn not_base64url(text: &str) -> &'static str {
    if text.contains("-----BEGIN ") {
        return "it is PEM";
    }
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let others: Vec<_> = text.bytes().filter(|byte| !is_symbol(byte)).collect();
    match others.as_slice() {
        [] if text.len() % 4 == 1 => "its length is impossible",
        [] => "its last character has bits that belong to no byte",
        others if others.iter().all(|byte| *byte == b'=') => "it has padding",
        others if others.iter().any(u8::is_ascii_whitespace) => "it has white space",
        others if others.iter().all(|byte| b"+/=".contains(byte)) => "it is base64, which has another alphabet",
        _ => "it has a character of no base64 alphabet",
    }
}
