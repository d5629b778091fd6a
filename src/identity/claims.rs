//! The claims of an assertion, once they are proven: typed where we know them, as JSON where we do not.
//!
//! An ordinary assertion has nothing here that would need memory of its own. Only claims that we do not know do.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::clock::UnixTime;
use crate::jose::digest::sha256;

/// The claims of a verified assertion. Its `iss` and `sub` are the [client's id](crate::ClientIdentity::client_id).
///
/// A claim is the client's own word: that it said so is proven, and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    pub(crate) audience: Arc<str>,
    pub(crate) jti: Option<Jti>,
    pub(crate) issued_at: Option<UnixTime>,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) expires_at: Option<UnixTime>,
    /// All of them, where there are others than these.
    pub(crate) with_others: Option<Arc<str>>,
}

impl VerifiedClaims {
    /// The value of `aud`, or the first of several: the issuer or one of the configured URLs.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// SHA-256 of the `jti`, if there is one: the same for the same assertion on every node, and of no use to whoever reads
    /// it in a log.
    pub fn jti_hash(&self) -> Option<[u8; 32]> {
        self.jti.as_ref().map(|jti| sha256(jti.as_bytes()))
    }

    pub(crate) fn has_jti(&self, jti: &str) -> bool {
        self.jti.as_ref().is_some_and(|own| own.as_bytes() == jti.as_bytes())
    }

    /// `iat`, in whole seconds, rounded down.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// `nbf`, in whole seconds, rounded down.
    pub fn not_before(&self) -> Option<UnixTime> {
        self.not_before
    }

    /// `exp`, in whole seconds, rounded down. Clock skew is not in it, as it is in
    /// [`valid_until`](crate::ClientIdentity::valid_until).
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// The claims besides `iss`, `sub`, `aud`, `jti`, `iat`, `nbf` and `exp`, as JSON. They are parsed at each call.
    ///
    /// # Errors
    ///
    /// One of them is a number that `serde_json` cannot hold, such as `1e400`.
    pub fn others(&self) -> serde_json::Result<Map<String, Value>> {
        let text = self.with_others.as_deref().unwrap_or("{}");
        let mut claims: Map<String, Value> = serde_json::from_str(text)?;
        claims.retain(|name, _| !matches!(name.as_str(), "iss" | "sub" | "aud" | "jti" | "iat" | "nbf" | "exp"));
        Ok(claims)
    }
}

/// The `jti` itself is not printed, nor are claims that we do not know.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VerifiedClaims");
        debug.field("audience", &self.audience).field("issued_at", &self.issued_at);
        debug.field("not_before", &self.not_before).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A `jti`, in place if it is as short as nearly all are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Jti {
    Short { len: u8, bytes: [u8; Self::SHORT] },
    Long(Arc<str>),
}

impl Jti {
    /// Room for a UUID, or for 256 bits in base64url.
    const SHORT: usize = 46;

    pub(crate) fn new(jti: &str) -> Self {
        let mut bytes = [0; Self::SHORT];
        match (bytes.get_mut(..jti.len()), u8::try_from(jti.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(jti.as_bytes());
                Self::Short { len, bytes }
            }
            _ => Self::Long(Arc::from(jti)),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}
