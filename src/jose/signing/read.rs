//! Private keys from PEM, DER and JWK.

use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, PqdsaKeyPair};
use serde_json::value::RawValue;
use spki::AlgorithmIdentifierRef;
use spki::der::asn1::{AnyRef, OctetStringRef};
use spki::der::{Decode, Reader, SliceReader};
use zeroize::{Zeroize, Zeroizing};

use super::{Kind, Pair, SigningKey};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::document::without_byte_order_mark;
use crate::jose::key_error::KeyError;
use crate::jose::member::{Member, Members, object, read_object};
use crate::jose::pem::{self, Block};
use crate::jose::public_key::{Curve, RsaKey};

impl SigningKey {
    /// Reads a private key in PEM (RFC 7468): PKCS #8 (`PRIVATE KEY`), PKCS #1 (`RSA PRIVATE KEY`)
    /// or SEC 1 (`EC PRIVATE KEY`). Its `kid` is its thumbprint, unless
    /// [`with_key_id`](Self::with_key_id) sets another.
    ///
    /// # Errors
    ///
    /// Fails if there is no private key or more than one, if it is encrypted, too weak, or for
    /// another algorithm.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let pem = std::str::from_utf8(pem.as_ref()).map_err(|_| KeyError::NoPem)?;
        // OpenSSL writes the name of the curve as another block.
        let blocks: Vec<_> = pem::blocks(pem).filter(|block| block.label() != "EC PARAMETERS").collect();
        let private: Vec<_> = blocks.iter().filter(|block| block.label().contains("PRIVATE KEY")).collect();
        let block = match (private.as_slice(), blocks.is_empty()) {
            ([block], _) => block,
            ([], true) => return Err(KeyError::NoPem),
            ([], false) => return Err(KeyError::NotPrivate),
            _ => return Err(KeyError::SeveralKeys),
        };
        Self::from_der(algorithm, &private_der(block)?)
    }

    /// Reads a private key in DER: PKCS #8 (RFC 5958), PKCS #1 (RFC 8017, appendix A.1.2) or SEC 1
    /// (RFC 5915). The caller still owns `der` and should wipe it.
    ///
    /// # Errors
    ///
    /// Fails if it is none of these, is encrypted, too weak, or for another algorithm.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let kind = Kind::of(algorithm).ok_or(KeyError::Symmetric(algorithm))?;
        if let Some(usable) = algorithms_of_pkcs8(der)
            && !usable.contains(algorithm)
        {
            return Err(KeyError::OtherAlgorithm { wanted: algorithm, usable });
        }
        let pair = match kind {
            Kind::Ec(signing) => EcdsaKeyPair::from_private_key_der(signing, der).map(Pair::Ec),
            Kind::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519),
            Kind::Rsa(encoding) => {
                let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
                pair.map(|pair| Pair::Rsa(pair, encoding))
            }
            Kind::MlDsa(signing) => PqdsaKeyPair::from_pkcs8(signing, der).map(Pair::MlDsa),
        };
        match pair {
            Ok(pair) => Self::of(algorithm, pair),
            Err(_) if is_encrypted(der) => Err(KeyError::Encrypted),
            Err(_) if pem::is_public(der) => Err(KeyError::NotPrivate),
            Err(_) => Err(KeyError::NotDer(algorithm)),
        }
    }

    /// Reads a private JWK (RFC 7517, section 4; RFC 8037; RFC 9964). The algorithm is that of
    /// `alg`. Without one, it is that of the curve, or `EdDSA` for Ed25519. The `kid` is that of
    /// the JWK, or else its thumbprint.
    ///
    /// # Errors
    ///
    /// Fails if it is no private JWK, if it is an RSA key without `alg`, if it is too weak, or if
    /// its parts do not fit together.
    pub fn from_jwk(jwk: &[u8]) -> Result<Self, KeyError> {
        let document =
            serde_json::from_slice(without_byte_order_mark(jwk)).map_err(|_| KeyError::jwk(NOT_AN_OBJECT))?;
        let jwk: PrivateJwk<'_> = read_object(document).ok_or_else(|| unreadable(document))?;
        jwk.check_use()?;
        let algorithm = jwk.algorithm()?;
        let kind = Kind::of(algorithm).ok_or(KeyError::Symmetric(algorithm))?;
        let key = Self::of(algorithm, jwk.pair(kind, algorithm)?)?;
        jwk.check_public(&key)?;
        match text("kid", jwk.kid)? {
            Some(kid) => key.with_key_id(&kid),
            None => Ok(key),
        }
    }
}

fn private_der(block: &Block<'_>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match block.label() {
        "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
        "OPENSSH PRIVATE KEY" => return Err(KeyError::OpenSsh),
        // RFC 1421, section 4.6.1.1: the older form of encryption, which keeps the label.
        _ if block.has_field("Proc-Type") => return Err(KeyError::Encrypted),
        _ => {}
    }
    block.der().map_err(KeyError::Pem)
}

/// RFC 5958, section 2.
fn algorithms_of_pkcs8(der: &[u8]) -> Option<AlgorithmSet> {
    let mut reader = SliceReader::new(der).ok()?;
    let identifier = reader.sequence(|key| {
        let version = u8::decode(key)?;
        let identifier = AlgorithmIdentifierRef::decode(key)?;
        while !key.is_finished() {
            AnyRef::decode(key)?;
        }
        Ok::<_, spki::der::Error>((version <= 1).then_some(identifier))
    });
    identifier.ok()?.map(|identifier| pem::algorithms_of(&identifier))
}

/// RFC 5958, section 3: an algorithm for encryption, and what is encrypted.
fn is_encrypted(der: &[u8]) -> bool {
    let read = |der| -> spki::der::Result<bool> {
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|key| {
            AlgorithmIdentifierRef::decode(key)?;
            <&OctetStringRef>::decode(key)?;
            Ok::<_, spki::der::Error>(key.is_finished())
        })
    };
    read(der).unwrap_or(false)
}

object! {
    struct PrivateJwk {
        kty = "kty", crv = "crv", alg = "alg", kid = "kid", public_use = "use", key_ops = "key_ops", keys = "keys",
        n = "n", e = "e", d = "d", p = "p", q = "q", dp = "dp", dq = "dq", qi = "qi", oth = "oth",
        x = "x", y = "y", public = "pub", seed = "priv",
    }
}

type Secret = Zeroizing<Vec<u8>>;

impl PrivateJwk<'_> {
    fn check_use(&self) -> Result<(), KeyError> {
        match text("use", self.public_use)?.as_deref() {
            None | Some("sig") => {}
            Some(_) => return Err(KeyError::jwk(r#"its use is not "sig""#)),
        }
        let operations = self.key_ops.read("an array of strings");
        let operations: Option<Vec<String>> =
            operations.map_err(|wrong| KeyError::jwk(format!("key_ops is {wrong}")))?;
        match operations.is_none_or(|operations| operations.iter().any(|operation| operation == "sign")) {
            true => Ok(()),
            false => Err(KeyError::jwk(r#"its key_ops do not have "sign""#)),
        }
    }

    fn algorithm(&self) -> Result<Algorithm, KeyError> {
        if self.keys.is_present() {
            return Err(KeyError::jwk("it is a JWK Set; pass one of its keys"));
        }
        let kty = text("kty", self.kty)?.ok_or_else(|| missing("kty"))?;
        let crv = text("crv", self.crv)?.unwrap_or_default();
        let (of_type, usual) = match &*kty {
            "RSA" => (RsaKey::ALGORITHMS, None),
            "EC" => {
                let curve = Curve::named(&crv).ok_or_else(|| KeyError::jwk("its crv is not P-256, P-384 or P-521"))?;
                (curve.algorithm.into(), Some(curve.algorithm))
            }
            "OKP" if crv == "Ed25519" => {
                (AlgorithmSet::of(&[Algorithm::EdDSA, Algorithm::Ed25519]), Some(Algorithm::EdDSA))
            }
            "AKP" => (AlgorithmSet::of(&[Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87]), None),
            "oct" => return Err(KeyError::jwk("it is a secret; use SecretSigner")),
            _ => return Err(KeyError::jwk("its type is not supported, expected RSA, EC, OKP with Ed25519, or AKP")),
        };
        let alg = text("alg", self.alg)?;
        let Some(alg) = alg else {
            return usual.ok_or_else(|| KeyError::jwk("alg is missing, and the key could serve several algorithms"));
        };
        let wanted = Algorithm::from_name(&alg).filter(|alg| of_type.contains(*alg));
        wanted.ok_or_else(|| KeyError::jwk(format!("its alg is not one of those of its type: {of_type}")))
    }

    fn pair(&self, kind: Kind, algorithm: Algorithm) -> Result<Pair, KeyError> {
        let pair = match kind {
            Kind::Ec(signing) => {
                let curve = Curve::of(algorithm).ok_or(KeyError::NotDer(algorithm))?;
                let (d, x, y) = (bytes("d", self.d)?, bytes("x", self.x)?, bytes("y", self.y)?);
                let (d, x, y) = (full(curve, "d", &d)?, full(curve, "x", &x)?, full(curve, "y", &y)?);
                let point = [&[4], x.as_slice(), &y].concat();
                EcdsaKeyPair::from_private_key_and_public_key(signing, &d, &point).map(Pair::Ec)
            }
            Kind::Ed25519 => {
                Ed25519KeyPair::from_seed_and_public_key(&bytes("d", self.d)?, &bytes("x", self.x)?).map(Pair::Ed25519)
            }
            Kind::Rsa(encoding) => RsaKeyPair::from_components(&self.rsa()?).map(|pair| Pair::Rsa(pair, encoding)),
            Kind::MlDsa(signing) => PqdsaKeyPair::from_seed(signing, &bytes("priv", self.seed)?).map(Pair::MlDsa),
        };
        pair.map_err(|_| KeyError::jwk(format!("its parts are no key for {algorithm}, or do not fit together")))
    }

    fn rsa(&self) -> Result<KeyPairComponents<Secret>, KeyError> {
        if self.oth.is_present() {
            return Err(KeyError::jwk("it has more than two primes (oth)"));
        }
        Ok(KeyPairComponents {
            public_key: PublicKeyComponents { n: number("n", self.n)?, e: number("e", self.e)? },
            d: bytes("d", self.d)?,
            p: bytes("p", self.p)?,
            q: bytes("q", self.q)?,
            dP: bytes("dp", self.dp)?,
            dQ: bytes("dq", self.dq)?,
            qInv: bytes("qi", self.qi)?,
        })
    }

    /// The crypto library derives the public half of an ML-DSA key from its seed and does not see
    /// the one that is written.
    fn check_public(&self, key: &SigningKey) -> Result<(), KeyError> {
        match text("pub", self.public)? {
            Some(public) if !key.public_jwk().has_member("pub", &public) => {
                Err(KeyError::jwk("its pub does not belong to its priv"))
            }
            _ => Ok(()),
        }
    }
}

/// The message of the parser is not used: it can quote a secret.
const NOT_AN_OBJECT: &str = "it is not a JSON object";

fn unreadable(jwk: &RawValue) -> KeyError {
    match Members::of(jwk).and_then(|members| members.repeated(PrivateJwk::NAMES)) {
        Some(name) => KeyError::jwk(format!("{name} occurs more than once")),
        None => KeyError::jwk(NOT_AN_OBJECT),
    }
}

type Text<'a> = std::borrow::Cow<'a, str>;

fn text<'a>(name: &str, member: Member<'a>) -> Result<Option<Text<'a>>, KeyError> {
    member.text().map_err(|wrong| KeyError::jwk(format!("{name} is {wrong}")))
}

fn missing(name: &str) -> KeyError {
    let is_private = crate::jose::private::MEMBERS.contains(&name);
    KeyError::jwk(format!("{name} is missing{}", if is_private { "; is it a public key?" } else { "" }))
}

fn bytes(name: &str, member: Member<'_>) -> Result<Secret, KeyError> {
    let encoded = text(name, member)?.ok_or_else(|| missing(name))?;
    let decoded = base64url::decode(&encoded).map(Zeroizing::new);
    if let Text::Owned(mut escaped) = encoded {
        escaped.zeroize();
    }
    decoded.ok_or_else(|| KeyError::jwk(format!("{name} is not base64url without padding")))
}

/// Returns a number without leading zeros, as the crypto library takes the public ones.
fn number(name: &str, member: Member<'_>) -> Result<Secret, KeyError> {
    let bytes = bytes(name, member)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Ok(Zeroizing::new(bytes.get(zeros..).unwrap_or_default().to_vec()))
}

/// Returns a number in the length of the curve: some programs leave leading zeros out.
fn full(curve: &Curve, name: &str, number: &[u8]) -> Result<Secret, KeyError> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = number.get(zeros..).unwrap_or_default();
    let missing = curve.len.checked_sub(significant.len());
    let missing = missing.ok_or_else(|| KeyError::jwk(format!("{name} is longer than {} permits", curve.name)))?;
    let mut full = Zeroizing::new(vec![0; missing]);
    full.reserve_exact(significant.len());
    full.extend_from_slice(significant);
    Ok(full)
}
