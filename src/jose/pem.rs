//! Public keys in PEM (RFC 7468): a public key by itself, in the form of PKCS #1, or in a
//! certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode, Error, Reader, Result, SliceReader, Tag, TagNumber};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::key_set_error::{KeySetError, PemProblem};
use crate::jose::private;
use crate::jose::public_key::{Curve, PublicKey, RsaKey};
use crate::jose::skip::{Flaw, SkipReason};

/// A key of a document, or why it cannot be used.
pub(crate) type ReadKey = std::result::Result<(PublicKey, AlgorithmSet), Flaw>;

/// Reads each block of a document within these limits. A private key is found before anything else
/// is judged.
pub(crate) fn read_keys(
    pem: &[u8],
    max_bytes: usize,
    max_keys: usize,
) -> std::result::Result<Vec<ReadKey>, KeySetError> {
    if pem.len() > max_bytes {
        return Err(KeySetError::TooLong { limit: max_bytes });
    }
    // Text that is not UTF-8 may stand between the blocks.
    let text = String::from_utf8_lossy(pem);
    let blocks: Vec<_> = blocks(&text).collect();
    if let Some(label) = private::in_document(pem).or_else(|| mislabelled(&blocks)) {
        return Err(KeySetError::PrivateKey { label });
    }
    if blocks.is_empty() {
        return Err(KeySetError::NoPem);
    }
    if blocks.len() > max_keys {
        return Err(KeySetError::TooManyKeys { limit: max_keys });
    }
    let keys = blocks.iter().enumerate().map(|(index, block)| {
        let invalid = |problem| KeySetError::Pem { index, label: block.label.to_owned(), problem };
        block.key().map_err(invalid)
    });
    keys.collect()
}

const BEGIN: &str = "-----BEGIN ";

/// Writes DER in lines of 64 characters (RFC 7468, section 2).
#[cfg(feature = "mint")]
pub(crate) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(STANDARD.encode(der));
    let newlines = encoded.len().div_ceil(64);
    // With room for all of it: a text that grows leaves copies behind, which are not wiped.
    let mut pem = Zeroizing::new(String::with_capacity(encoded.len() + newlines + 2 * label.len() + 40));
    pem.extend([BEGIN, label, "-----\n"]);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.extend([line, "\n"]);
        rest = others;
    }
    pem.extend(["-----END ", label, "-----\n"]);
    pem
}

/// Returns every block of a document.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    text.split(BEGIN).skip(1).map(Block::of)
}

pub(crate) struct Block<'a> {
    /// Errors repeat it, so it contains nothing of the key, even if its dashes are missing.
    label: &'a str,
    has_dashes: bool,
    /// Until the line that ends it, if there is one.
    body: Option<&'a str>,
}

impl<'a> Block<'a> {
    /// Reads a block behind its [`BEGIN`].
    fn of(text: &'a str) -> Self {
        let label = private::label(text);
        let Some(rest) = text.strip_prefix(label).and_then(|rest| rest.strip_prefix("-----")) else {
            // What is not a capital may be base64.
            let end = label.find(|character: char| !matches!(character, 'A'..='Z' | '0'..='9' | ' '));
            let label = end.and_then(|end| label.get(..end)).unwrap_or(label);
            return Self { label, has_dashes: false, body: None };
        };
        let body = rest.split_once("-----END ").filter(|(_, end)| end.starts_with(&format!("{label}-----")));
        Self { label, has_dashes: true, body: body.map(|(body, _)| body) }
    }

    fn key(&self) -> std::result::Result<ReadKey, PemProblem> {
        let read = match self.label {
            _ if !self.has_dashes => return Err(PemProblem::Unfinished),
            "PUBLIC KEY" => public_key,
            "RSA PUBLIC KEY" => rsa_public_key,
            "CERTIFICATE" | "X509 CERTIFICATE" => certificate,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => return Err(PemProblem::CertificateRequest),
            _ => return Err(PemProblem::OtherLabel),
        };
        read(&self.der()?).map_err(|_| PemProblem::NotDer)
    }

    #[cfg(feature = "mint")]
    pub(crate) fn label(&self) -> &'a str {
        self.label
    }

    /// Returns whether the block has a line with this field above its base64 (RFC 1421, section
    /// 4.6).
    #[cfg(feature = "mint")]
    pub(crate) fn has_field(&self, name: &str) -> bool {
        let is_named = |line: &str| line.split_once(':').is_some_and(|(field, _)| field == name);
        self.body.is_some_and(|body| body.lines().any(is_named))
    }

    /// Private keys pass through here, so everything is wiped. A vector with room for all of it
    /// does not grow: growing leaves copies behind.
    pub(crate) fn der(&self) -> std::result::Result<Zeroizing<Vec<u8>>, PemProblem> {
        let body = self.body.ok_or(PemProblem::Unfinished)?;
        let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
        base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let mut der = Zeroizing::new(vec![0; base64.len().div_ceil(4) * 3]);
        let len = STANDARD.decode_slice(&*base64, &mut der).map_err(|_| PemProblem::NotBase64)?;
        der.truncate(len);
        Ok(der)
    }
}

/// Returns the label of a private key that has the label of something else.
fn mislabelled(blocks: &[Block<'_>]) -> Option<String> {
    let private = blocks.iter().find(|block| block.der().is_ok_and(|der| private::is_der(&der)))?;
    Some(private.label.to_owned())
}

/// RFC 5280, section 4.1.2.7.
fn public_key(der: &[u8]) -> Result<ReadKey> {
    SubjectPublicKeyInfoRef::from_der(der).and_then(|info| judge(&info))
}

/// RFC 8017, appendix A.1.1.
fn rsa_public_key(der: &[u8]) -> Result<ReadKey> {
    let (n, e) = two_numbers(der)?;
    Ok(PublicKey::rsa(n.as_bytes(), e.as_bytes()).map(|key| (key, RsaKey::ALGORITHMS)))
}

/// Reads a sequence of two unsigned numbers and nothing else.
pub(crate) fn two_numbers(der: &[u8]) -> Result<(UintRef<'_>, UintRef<'_>)> {
    let mut reader = SliceReader::new(der)?;
    let numbers = reader.sequence(|both| Ok::<_, Error>((UintRef::decode(both)?, UintRef::decode(both)?)))?;
    reader.finish()?;
    Ok(numbers)
}

/// Returns the key of a certificate (RFC 5280, section 4.1). Nothing else in it is read: its dates,
/// its issuer and its extensions say nothing about the registration of a client.
fn certificate(der: &[u8]) -> Result<ReadKey> {
    let mut reader = SliceReader::new(der)?;
    let info = reader.sequence(|certificate| {
        let info = certificate.sequence(|to_be_signed| {
            let version = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
            let version = usize::from(Tag::peek(to_be_signed)? == version);
            // Serial number, signature algorithm, issuer, validity, subject.
            skip(to_be_signed, version + 5)?;
            let info = SubjectPublicKeyInfoRef::decode(to_be_signed)?;
            while !to_be_signed.is_finished() {
                skip(to_be_signed, 1)?;
            }
            Ok::<_, Error>(info)
        })?;
        // Signature algorithm, signature.
        skip(certificate, 2)?;
        Ok::<_, Error>(info)
    })?;
    reader.finish()?;
    judge(&info)
}

fn skip<'a>(reader: &mut impl Reader<'a>, values: usize) -> Result<()> {
    (0..values).try_for_each(|_| AnyRef::decode(reader).map(|_| ()))
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// Two names of one algorithm (RFC 9864, section 2.2).
const FOR_ED25519: AlgorithmSet = AlgorithmSet::of(&[Algorithm::EdDSA, Algorithm::Ed25519]);
const FOR_PSS: AlgorithmSet = AlgorithmSet::of(&[Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]);
/// RFC 5480, section 2.1.1.1.
const CURVES: [(ObjectIdentifier, &str); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), "P-256"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "P-384"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521"),
];
/// RFC 9881, section 2.
const ML_DSA: [(ObjectIdentifier, Algorithm); 3] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), Algorithm::MlDsa44),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"), Algorithm::MlDsa65),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"), Algorithm::MlDsa87),
];

/// Returns the algorithms that keys with this identifier are for: none, if they are not supported.
#[cfg(feature = "mint")]
pub(crate) fn algorithms_of(identifier: &spki::AlgorithmIdentifierRef<'_>) -> AlgorithmSet {
    match identifier.oid {
        RSA => RsaKey::ALGORITHMS,
        RSA_PSS => FOR_PSS,
        EC => named_curve(identifier.parameters).map_or(AlgorithmSet::EMPTY, |curve| curve.algorithm.into()),
        ED25519 => FOR_ED25519,
        oid => ML_DSA.iter().filter(|(other, _)| *other == oid).map(|(_, algorithm)| *algorithm).collect(),
    }
}

/// Returns whether DER is a public key or a certificate.
#[cfg(feature = "mint")]
pub(crate) fn is_public(der: &[u8]) -> bool {
    public_key(der).is_ok() || two_numbers(der).is_ok() || certificate(der).is_ok()
}

/// Judges the key like one of a JWK Set.
fn judge(info: &SubjectPublicKeyInfoRef<'_>) -> Result<ReadKey> {
    let key = info.subject_public_key.as_bytes().ok_or(Tag::BitString.value_error())?;
    let (oid, parameters) = (info.algorithm.oid, info.algorithm.parameters);
    if oid == RSA {
        return rsa_public_key(key);
    }
    if oid == RSA_PSS {
        return Ok(rsa_public_key(key)?.and_then(|(key, _)| for_pss(key, parameters)));
    }
    if oid == EC {
        return Ok(elliptic_curve(parameters, key));
    }
    if oid == ED25519 {
        return Ok(PublicKey::ed25519(key).map(|key| (key, FOR_ED25519)));
    }
    Ok(match ML_DSA.iter().find(|(other, _)| *other == oid) {
        Some((_, algorithm)) => PublicKey::ml_dsa(*algorithm, key).map(|key| (key, (*algorithm).into())),
        None => Err(SkipReason::UnsupportedType.with(format!("its algorithm {oid} is not supported"))),
    })
}

/// A key for PSS serves no other padding. Its parameters, if there are any, permit one hash only
/// (RFC 4055, section 3.3).
fn for_pss(key: PublicKey, parameters: Option<AnyRef<'_>>) -> ReadKey {
    match parameters {
        None => Ok((key, FOR_PSS)),
        Some(_) => {
            Err(SkipReason::UnsupportedType
                .with("its algorithm is RSASSA-PSS with parameters, which are not supported"))
        }
    }
}

fn elliptic_curve(parameters: Option<AnyRef<'_>>, point: &[u8]) -> ReadKey {
    let unsupported = || SkipReason::UnsupportedType.with("its curve is not supported, expected P-256, P-384 or P-521");
    let curve = named_curve(parameters).ok_or_else(unsupported)?;
    let name = curve.name;
    // SEC 1, section 2.3.3.
    let coordinates = point.split_first().filter(|(form, _)| **form == 4).and_then(|(_, coordinates)| {
        let (x, y) = coordinates.split_at_checked(curve.len)?;
        (y.len() == curve.len).then_some((x, y))
    });
    let other_form = || SkipReason::Invalid.with(format!("it is not an uncompressed point of {name}"));
    let (x, y) = coordinates.ok_or_else(other_form)?;
    PublicKey::ec(curve, x, y).map(|key| (key, curve.algorithm.into()))
}

fn named_curve(parameters: Option<AnyRef<'_>>) -> Option<&'static Curve> {
    let oid = parameters?.decode_as::<ObjectIdentifier>().ok()?;
    let (_, name) = CURVES.iter().find(|(curve, _)| *curve == oid)?;
    Curve::named(name)
}
