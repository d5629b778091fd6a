//! Why no keys can be read from a document, and what it is instead.

use std::error::Error;
use std::fmt;

/// Why no keys can be read from a document: a JWK Set, a single JWK, or PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// The document is longer than the limit, in bytes.
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The document is not well-formed JSON.
    #[non_exhaustive]
    NotJson {
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one, in bytes.
        column: usize,
    },
    /// The document is not a JSON object with one array `keys` (RFC 7517, section 5).
    #[non_exhaustive]
    NotAKeySet {
        /// What it is instead.
        found: Document,
    },
    /// The document has more keys than the limit.
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
    /// The document has no key in PEM.
    NoPem,
    /// The document has a private key: in PEM, or as a JWK outside of a JWK Set. It must never
    /// leave the client: **if it was sent, it is no longer secret.** No key of the document is
    /// used. In a JWK Set, such a key is skipped with
    /// [`PrivateMembers`](crate::keys::SkipReason::PrivateMembers).
    #[non_exhaustive]
    PrivateKey {
        /// The label of its block, or `JWK with` and the names of the members that are private. It
        /// contains nothing of the key.
        label: String,
    },
    /// A block of PEM cannot be read.
    #[non_exhaustive]
    Pem {
        /// The position of the block in the document, counted from zero.
        index: usize,
        /// The label of the block.
        label: String,
        /// What is wrong with it.
        problem: PemProblem,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the document is longer than {limit} bytes"),
            Self::NotJson { line, column } => {
                write!(f, "the document is not well-formed JSON at line {line}, column {column}")
            }
            Self::NotAKeySet { found } => write!(f, "this is not a JWK Set: {found}"),
            Self::TooManyKeys { limit } => write!(f, "the document has more than {limit} keys"),
            Self::NoPem => f.write_str("the document has no public key or certificate in PEM"),
            Self::PrivateKey { label } => {
                write!(f, "the document has a private key ({label}), which must never leave the client")
            }
            Self::Pem { index, label, problem } => write!(f, "block {index} of the PEM document ({label}) {problem}"),
        }
    }
}

impl Error for KeySetError {}

/// What a document is that should have been a JWK Set. It displays as a sentence that says what to
/// do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Document {
    /// Nothing, or white space.
    Empty,
    /// A single JWK.
    Jwk,
    /// An array, usually of JWKs.
    Array,
    /// An object whose `keys` is not an array.
    OtherKeys,
    /// An object with more than one member `keys`.
    RepeatedKeys,
    /// The metadata of an authorization server (RFC 8414, or OpenID Connect Discovery).
    ServerMetadata,
    /// The metadata of a client (RFC 7591).
    ClientMetadata,
    /// A page in HTML, or another document in XML.
    Markup,
    /// Keys or certificates in PEM, as text or as the values of an object.
    Pem,
    /// A JWT, for example a signed key set.
    Jwt,
    /// A text in UTF-16. JSON is written in UTF-8 (RFC 8259, section 8.1).
    Utf16,
    /// An object with a member whose name has half of a surrogate pair (RFC 8259, section 8.2).
    UnreadableName,
    /// Another object.
    Object,
    /// A string, a number or another value.
    Value,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the document is empty",
            Self::Jwk => r#"it is one JWK; wrap it in {"keys":[..]}"#,
            Self::Array => r#"it is an array; wrap it in {"keys":..}"#,
            Self::OtherKeys => "its member keys is not an array",
            Self::RepeatedKeys => "it has more than one member keys",
            Self::ServerMetadata => "it is the metadata of a server; use the URL that it names as jwks_uri",
            Self::ClientMetadata => "it is the metadata of a client; use its member jwks",
            Self::Markup => "it is a page in HTML or XML; check the URL",
            Self::Pem => "it has keys or certificates in PEM; convert it to a JWK Set",
            Self::Jwt => "it is a JWT; use the plain JWK Set",
            Self::Utf16 => "it is UTF-16; write it in UTF-8",
            Self::UnreadableName => "it has a member whose name cannot be read",
            Self::Object => "it is an object without the array keys",
            Self::Value => r#"it is a single value, expected an object {"keys":[..]}"#,
        })
    }
}

/// What is wrong with a block of a PEM document. It displays as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PemProblem {
    /// The line that ends the block is missing, or the line that begins it is not complete.
    Unfinished,
    /// It is not base64.
    NotBase64,
    /// It does not have the structure that its label names.
    NotDer,
    /// It is a certificate request.
    CertificateRequest,
    /// It has a label that names no public key.
    OtherLabel,
}

impl fmt::Display for PemProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unfinished => "has no end; is the file complete?",
            Self::NotBase64 => "is not base64",
            Self::NotDer => "does not have the structure of its label",
            Self::CertificateRequest => "is a request for a certificate; use the certificate or the public key",
            Self::OtherLabel => "has no public key; use PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE",
        })
    }
}
