//! The verdict on a request, and the answer that its client reads.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::check::Check;
use crate::client::{AuthMethod, ClientId};
use crate::rejection::{Reason, Rejection, RejectionKind};
use crate::verifier::dry::Conclusion;

/// What the server decides about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The client is authenticated.
    #[non_exhaustive]
    Accepted {
        /// The client.
        client: ClientId,
        /// The name of the policy that accepts it.
        policy: Box<str>,
        /// How it authenticates.
        method: AuthMethod,
    },
    /// The request is refused, for the first fault.
    #[non_exhaustive]
    Refused {
        /// The reason that the client is told, in the words of a renderer.
        reason: Reason,
        /// See [`Rejection::is_proven`].
        proven: bool,
    },
    /// The server cannot decide: its own fault.
    #[non_exhaustive]
    Unavailable {
        /// The reason. The client is told to try again.
        reason: Reason,
        /// See [`Rejection::is_proven`].
        proven: bool,
    },
    /// The layer passes the request on without an identity.
    LetPass,
    /// It depends on something that is not known here, such as keys that would be fetched.
    #[non_exhaustive]
    NotDecided {
        /// The check that could not be judged. [`why`](super::Step::why) says what it needs.
        check: Check,
    },
}

impl Verdict {
    /// Returns the outcome as a word: `accepted`, `refused`, `unavailable`, `let_pass` or
    /// `not_decided`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
            Self::LetPass => "let_pass",
            Self::NotDecided { .. } => "not_decided",
        }
    }

    /// Returns the reason of a refusal, by whose fault it is.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } | Self::Unavailable { reason, .. } => Some(*reason),
            Self::Accepted { .. } | Self::LetPass | Self::NotDecided { .. } => None,
        }
    }

    pub(super) fn of(decision: &Conclusion) -> Self {
        match decision {
            Conclusion::Accepted { client, policy, method } => {
                Self::Accepted { client: client.clone(), policy: policy.clone(), method: *method }
            }
            Conclusion::Refused(rejection) => rejection.into(),
            Conclusion::LetPass => Self::LetPass,
            Conclusion::KeysNotAtHand => Self::NotDecided { check: Check::Key },
            Conclusion::SignatureOpen => Self::NotDecided { check: Check::Signature },
            Conclusion::ClientsUnknown => Self::NotDecided { check: Check::Client },
        }
    }
}

impl From<&Rejection> for Verdict {
    fn from(rejection: &Rejection) -> Self {
        let (reason, proven) = (rejection.kind().reason(), rejection.is_proven());
        match rejection.kind() {
            RejectionKind::Client(_) => Self::Refused { reason, proven },
            RejectionKind::Server(_) => Self::Unavailable { reason, proven },
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("outcome", self.name())?;
        match self {
            Self::Accepted { client, policy, method } => {
                members.serialize_entry("client", client)?;
                members.serialize_entry("policy", policy)?;
                members.serialize_entry("method", method.name())?;
            }
            Self::Refused { reason, proven } | Self::Unavailable { reason, proven } => {
                members.serialize_entry("reason", reason.code())?;
                members.serialize_entry("fault", reason.party().name())?;
                members.serialize_entry("proven", proven)?;
            }
            Self::NotDecided { check } => members.serialize_entry("check", check)?,
            Self::LetPass => {}
        }
        members.end()
    }
}

/// The answer that the client of a refused request reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The error code, if the body has one.
    pub error: Option<String>,
    /// The description, if the body has one.
    pub error_description: Option<String>,
    /// The link, if the body has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
}

impl Answer {
    /// Reads the answer of a renderer. A body that is not JSON has none of the members.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        #[derive(Default, serde::Deserialize)]
        struct Body {
            error: Option<String>,
            error_description: Option<String>,
            error_uri: Option<String>,
        }
        let Body { error, error_description, error_uri } = serde_json::from_slice(body).unwrap_or_default();
        Self { status, error, error_description, error_uri }
    }
}
