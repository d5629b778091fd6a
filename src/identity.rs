//! Who the client was proven to be.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::clock::UnixTime;

/// The identifier of a client (RFC 6749, section 2.2): printable ASCII (appendix A.1), not empty. Cheap to clone.
///
/// Identifiers are compared byte for byte, without any normalisation.
///
/// ```
/// use tower_client_assertion::ClientId;
///
/// assert_eq!(ClientId::new("clinic-7").unwrap().as_str(), "clinic-7");
/// assert!(ClientId::new("").is_none());
/// assert!(ClientId::new("clinic\n7").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// The identifier `id`, or `None` if it is empty or has a character outside `%x20-7E`.
    pub fn new(id: &str) -> Option<Self> {
        Self::is_valid(id).then(|| Self(Arc::from(id)))
    }

    pub(crate) fn is_valid(id: &str) -> bool {
        !id.is_empty() && id.bytes().all(|byte| matches!(byte, 0x20..=0x7E))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The verified identity of the client that sent a request.
///
/// Only a [`Verifier`](crate::Verifier) makes one, after the signature was checked and the assertion was recorded as spent.
/// The layer puts it into the request's extensions; a handler that finds one there may rely on it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    pub(crate) client_id: ClientId,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Arc<str>>,
    pub(crate) valid_until: UnixTime,
}

impl ClientIdentity {
    /// The client: the `iss` and `sub` of its assertion, and the id under which it is registered.
    ///
    /// An authorization server that also has users must keep client identifiers apart from user identifiers, lest one pass
    /// for the other (RFC 9700, section 4.15).
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The algorithm of the signature that was verified.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` of the key that verified the signature, if that key has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// From this moment on the assertion cannot be accepted any more, clock skew included.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }
}
