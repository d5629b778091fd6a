//! The reasons why a request is refused.
//!
//! A [`Rejection`] belongs to one of two families, which never mix:
//!
//! - A [`ClientFault`] is something the client must fix. It is answered with a 4xx status.
//! - A [`ServerFault`] is something the server could not find out. It is answered with 503 and
//!   `Retry-After`, except for an overload by one client ([of signature
//!   checks](ServerFault::ClientOverloaded) or [of the replay store](ServerFault::ClientQuota): 429)
//!   and wrongly mounted layers (500). It is never reported as the client's fault.
//!
//! If a fault comes from a specification, its documentation names the section. A rejection is for
//! the operator. The [renderer](crate::render) decides what the client reads. The [event
//! sink](crate::event) gets every claim that failed, not only the first.
//!
//! Each fault has a [`Reason`]: a stable code, the source of the rule, and what to do.
//!
//! ```
//! use tower_client_assertion::Rejection;
//! use tower_client_assertion::rejection::{
//!     ClientFault, RejectionKind, ServerFault,
//! };
//!
//! fn needs_an_alert(rejection: &Rejection) -> bool {
//!     match rejection.kind() {
//!         // A sender with a valid signature repeats itself: a retry, or a thief.
//!         RejectionKind::Client(ClientFault::Replayed) => rejection.is_proven(),
//!         RejectionKind::Client(_) => false,
//!         _ => true,
//!     }
//! }
//!
//! assert!(needs_an_alert(&Rejection::from(ServerFault::Registry)));
//! assert!(!needs_an_alert(&Rejection::from(ClientFault::BadSignature)));
//! ```

mod claim;
mod client;
mod list;
mod malformed;
mod parameter;
mod reason;
mod reason_of;
mod server;

use std::error::Error;
use std::fmt;

use crate::port::PortError;
use list::{Listed, listed_enum};

pub use claim::{Claim, ClaimFault};
pub use client::ClientFault;
pub use malformed::{Base64UrlFault, JsonFault, JsonPart, JwtPart};
pub use parameter::{AuthScheme, Parameter};
pub use reason::{Party, Reason};
pub use server::ServerFault;

/// The refusal of a request.
///
/// The layer puts it into the extensions of every response that it generates, with any renderer, so
/// that middleware around the layer can log it.
///
/// ```
/// use tower_client_assertion::Rejection;
/// use tower_client_assertion::rejection::{
///     ClientFault, RejectionKind, ServerFault,
/// };
///
/// let replayed = Rejection::from(ClientFault::Replayed);
/// assert_eq!(*replayed.kind(), RejectionKind::Client(ClientFault::Replayed));
/// assert_eq!(replayed.to_string(), "the client assertion has already been used");
///
/// let no_clock = Rejection::from(ServerFault::Clock);
/// assert_eq!(*no_clock.kind(), RejectionKind::Server(ServerFault::Clock));
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: RejectionKind,
    cause: Option<PortError>,
    proven: bool,
}

impl Rejection {
    /// A fault of the client, with a cause for the operator.
    pub(crate) fn because(fault: ClientFault, cause: PortError) -> Self {
        Self { cause: Some(cause), ..Self::from(fault) }
    }

    /// A fault of the server, with the error of the port.
    pub(crate) fn unavailable(fault: ServerFault, cause: PortError) -> Self {
        Self { cause: Some(cause), ..Self::from(fault) }
    }

    /// The same rejection, found after the signature had verified.
    pub(crate) fn with_proven_sender(self) -> Self {
        Self { proven: true, ..self }
    }

    /// The same rejection for another reason.
    pub(crate) fn because_of(self, fault: ServerFault) -> Self {
        Self { kind: RejectionKind::Server(fault), ..self }
    }

    /// Returns the error of the port, if one is the reason.
    pub(crate) fn cause(&self) -> Option<&PortError> {
        self.cause.as_ref()
    }

    /// Returns what was wrong.
    pub fn kind(&self) -> &RejectionKind {
        &self.kind
    }

    /// Returns the [code](Reason::code) of what was wrong, for labels and alerts.
    pub fn code(&self) -> &'static str {
        self.kind.reason().code()
    }

    /// Returns whether the signature had been verified. If so, the sender is the client that it
    /// claims to be. Most faults are found before the signature check. This includes a replay that
    /// a look into the replay store finds, and a client or a key that was replaced while a request
    /// waited after the check.
    pub fn is_proven(&self) -> bool {
        self.proven
    }
}

impl From<ClientFault> for Rejection {
    fn from(fault: ClientFault) -> Self {
        Self { kind: RejectionKind::Client(fault), cause: None, proven: false }
    }
}

impl From<ServerFault> for Rejection {
    fn from(fault: ServerFault) -> Self {
        Self { kind: RejectionKind::Server(fault), cause: None, proven: false }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

listed_enum! {
    /// The two families of rejections. Displays as the fault.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum RejectionKind {
        /// The client sent something that it must fix. Answered with a 4xx status.
        Client(fault: ClientFault) => "{fault}",
        /// The server could not decide. Answered with 503 and `Retry-After`, because the same
        /// request may succeed later. [`ServerFault`] lists the exceptions.
        Server(fault: ServerFault) => "{fault}",
    }
}

impl RejectionKind {
    /// The number of kinds, for tables that have a place for each.
    pub(crate) const COUNT: usize = <Self as Listed>::COUNT;

    /// Returns the place of this kind in such a table. All values of a fault that carries owned
    /// data share one place.
    pub(crate) fn index(&self) -> usize {
        Listed::index(self)
    }

    /// Returns every kind, for example to test a [renderer](crate::render) with each of them.
    pub fn all() -> impl Iterator<Item = Self> {
        <Self as Listed>::all()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn kinds_are_numbered_without_gaps() {
        let kinds: Vec<_> = RejectionKind::all().collect();
        assert_eq!(kinds.len(), RejectionKind::COUNT);
        assert_eq!(kinds.iter().collect::<HashSet<_>>().len(), RejectionKind::COUNT);
        for (index, kind) in kinds.iter().enumerate() {
            assert_eq!(kind.index(), index, "{kind:?}");
        }
    }

    #[test]
    fn the_list_has_all_fields_of_all_variants() {
        let kinds: HashSet<_> = RejectionKind::all().collect();
        let schemes = [None, Some(AuthScheme::Basic), Some(AuthScheme::Bearer), Some(AuthScheme::DPoP)];
        for scheme in schemes.into_iter().chain([Some(AuthScheme::Other)]) {
            assert!(kinds.contains(&RejectionKind::Client(ClientFault::SeveralMechanisms(scheme))));
            assert!(kinds.contains(&RejectionKind::Client(ClientFault::NoAuthentication(scheme))));
            assert!(kinds.contains(&RejectionKind::Client(ClientFault::OtherMethod(scheme))));
        }
        let claims = kinds.iter().filter(|kind| matches!(kind, RejectionKind::Client(ClientFault::Claim(..))));
        assert_eq!(claims.count(), 8 * 6);
        for kind in [ClientFault::Method, ClientFault::Replayed] {
            assert!(kinds.contains(&RejectionKind::Client(kind)));
        }
        for kind in [ServerFault::Clock, ServerFault::BodyConsumed] {
            assert!(kinds.contains(&RejectionKind::Server(kind)));
        }
    }

    #[test]
    fn codes_are_unique_and_lead_back() {
        let shape = |code: &str| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        for reason in Reason::ALL {
            let code = reason.code();
            assert!((3..=32).contains(&code.len()) && shape(code), "{code}");
            assert_eq!(Reason::from_code(code), Some(*reason));
            assert!(reason.advice().ends_with(['.', '?']), "{code}: {:?}", reason.advice());
        }
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
    }

    #[test]
    fn every_reason_belongs_to_a_kind() {
        let of_kinds: HashSet<_> = RejectionKind::all().map(|kind| kind.reason()).collect();
        assert_eq!(of_kinds, Reason::ALL.iter().copied().collect());
    }

    /// Alerts and pages elsewhere name these codes. When a reason is added, add its code.
    #[test]
    fn committed_codes_only_grow() {
        let committed = include_str!("../../tests/vectors/reasons.txt");
        let missing: Vec<_> = committed.lines().filter(|code| Reason::from_code(code).is_none()).collect();
        assert!(missing.is_empty(), "codes that exist no longer: {missing:?}");
        let new: Vec<_> =
            Reason::ALL.iter().filter(|reason| !committed.lines().any(|code| code == reason.code())).collect();
        assert!(new.is_empty(), "codes that are not in tests/vectors/reasons.txt: {new:?}");
    }

    #[test]
    fn every_kind_has_a_different_text() {
        let texts: HashSet<_> = RejectionKind::all().map(|kind| kind.to_string()).collect();
        let schemes = 3 * 4;
        assert_eq!(texts.len() + schemes, RejectionKind::COUNT, "all but the scheme of a header is in the text");
    }
}
