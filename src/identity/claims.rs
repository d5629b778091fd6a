//! The claims of a verified assertion. Known claims are typed, all others are JSON.
//!
//! The claims of an ordinary assertion need no allocation. Only unknown claims and a long `jti` do.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::clock::UnixTime;
use crate::jose::digest::sha256;

/// The claims of a verified assertion. Its `iss` and `sub` are the [client's
/// id](crate::ClientIdentity::client_id).
///
/// A claim is the client's own statement. The signature proves that the client made it, not that it
/// is true.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    pub(crate) audience: Arc<str>,
    pub(crate) single_use: SingleUse,
    pub(crate) issued_at: Option<UnixTime>,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) expires_at: Option<UnixTime>,
    /// The text of all claims, if there are others than those above.
    pub(crate) with_others: Option<Arc<str>>,
}

impl VerifiedClaims {
    /// Returns the value of `aud`, or the first of several: the issuer or one of the configured
    /// URLs.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns the SHA-256 hash of the `jti`, if there is one. It is the same on every node and
    /// safe to log, since it cannot be used for a replay.
    pub fn jti_hash(&self) -> Option<[u8; 32]> {
        match &self.single_use {
            SingleUse::Jti(jti) => Some(sha256(jti.as_bytes())),
            SingleUse::SigningInput(_) | SingleUse::No => None,
        }
    }

    /// Returns whether the assertion was recorded as spent, and cannot be used again (RFC
    /// 7523, section 3). It was not if it has no `jti` and the policy is
    /// [reusable without one](crate::Policy::is_reusable_without_jti).
    pub fn is_single_use(&self) -> bool {
        self.single_use != SingleUse::No
    }

    /// Returns `iat`, in whole seconds, rounded down.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// Returns `nbf`, in whole seconds, rounded down.
    pub fn not_before(&self) -> Option<UnixTime> {
        self.not_before
    }

    /// Returns `exp`, in whole seconds, rounded down. Unlike
    /// [`valid_until`](crate::ClientIdentity::valid_until), it does not include the clock skew.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// Returns all claims other than `iss`, `sub`, `aud`, `jti`, `iat`, `nbf` and `exp`, as JSON.
    /// Each call parses them.
    ///
    /// # Errors
    ///
    /// A claim has a number that `serde_json` cannot represent, such as `1e400`.
    pub fn others(&self) -> serde_json::Result<Map<String, Value>> {
        let text = self.with_others.as_deref().unwrap_or("{}");
        let mut claims: Map<String, Value> = serde_json::from_str(text)?;
        claims.retain(|name, _| !matches!(name.as_str(), "iss" | "sub" | "aud" | "jti" | "iat" | "nbf" | "exp"));
        Ok(claims)
    }
}

/// Shows neither the `jti` nor unknown claims.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VerifiedClaims");
        debug.field("audience", &self.audience).field("issued_at", &self.issued_at);
        debug.field("not_before", &self.not_before).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What a replay store knows the assertion by.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SingleUse {
    Jti(Jti),
    /// Without a `jti`: the identifier that was made of the signing input.
    SigningInput([u8; 33]),
    /// It was not recorded.
    No,
}

/// A `jti`, stored inline unless it is unusually long.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Jti {
    Short { len: u8, bytes: [u8; Self::SHORT] },
    Long(Arc<str>),
}

impl Jti {
    /// Enough for a UUID, or for 256 bits in base64url.
    const SHORT: usize = 46;

    pub(crate) fn new(jti: &str) -> Self {
        let mut bytes = [0; Self::SHORT];
        match (bytes.get_mut(..jti.len()), u8::try_from(jti.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(jti.as_bytes());
                Self::Short { len, bytes }
            }
            _ => Self::Long(Arc::from(jti)),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}
