//! Errors in a policy.

use std::error::Error;
use std::fmt;

use crate::setting::{Setting, SettingError, debug_is_display};

/// A policy whose rules make no sense: one by itself, two together, or one against the policy's
/// profile.
///
/// The sentence that it displays may change between releases; the variants do not.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two rules contradict each other.
    #[non_exhaustive]
    Contradiction {
        /// The name of the policy.
        policy: String,
        /// The two settings.
        settings: [Setting; 2],
        /// Why they contradict each other, and how to fix it.
        why: &'static str,
    },
    /// A rule is outside the bounds of the policy's profile.
    #[non_exhaustive]
    OutsideProfile {
        /// The name of the policy.
        policy: String,
        /// The setting.
        setting: Setting,
        /// What the profile requires, and how to fix it.
        why: String,
    },
    /// An accepted `typ` belongs to another kind of JWT (RFC 8725, section 3.12).
    #[non_exhaustive]
    ForeignTyp {
        /// The name of the policy.
        policy: String,
        /// The `typ`.
        typ: String,
    },
    /// The policy allows no algorithm.
    #[non_exhaustive]
    NoAlgorithms {
        /// The name of the policy.
        policy: String,
    },
    /// The policy permits no grant type.
    #[non_exhaustive]
    NoGrantTypes {
        /// The name of the policy.
        policy: String,
    },
    /// A setting has a value that it cannot have.
    #[non_exhaustive]
    Setting {
        /// The name of the policy.
        policy: String,
        /// What is wrong with the value.
        error: SettingError,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction { policy, settings: [one, other], why } => {
                write!(f, "{one} and {other} of the policy {policy} contradict each other: {why}")
            }
            Self::OutsideProfile { policy, setting, why } => {
                write!(f, "{setting}: the policy {policy} does not fit its profile: {why}")
            }
            Self::ForeignTyp { policy, typ } => write!(
                f,
                "accept_typ of the policy {policy}: {typ} is the type of another kind of JWT and is never accepted; \
                 remove it"
            ),
            Self::NoAlgorithms { policy } => {
                write!(f, "algorithms: the policy {policy} allows none; allow at least one")
            }
            Self::NoGrantTypes { policy } => {
                write!(f, "grant_types: the policy {policy} permits none; permit at least one")
            }
            Self::Setting { error, .. } if error.setting() == Setting::PolicyName => error.fmt(f),
            Self::Setting { policy, error } => write!(f, "{error} (policy {policy})"),
        }
    }
}

impl Error for PolicyError {}

debug_is_display!(PolicyError);
