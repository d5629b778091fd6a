//! What the hints look at.

use std::borrow::Cow;
use std::sync::Arc;

use crate::client::Client;
use crate::clock::UnixTime;
use crate::jose::keys::KeySet;
use crate::rejection::Reason;
use crate::verifier::Verifier;
use crate::verifier::assertion::Assertion;
use crate::verifier::rules::Rules;

/// A request with everything that could be read of it, and what is registered.
pub(super) struct Context<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) at: UnixTime,
    pub(super) body: &'a [u8],
    /// The value of `client_assertion`, decoded once. It may be anything.
    pub(super) parameter: Option<Cow<'a, [u8]>>,
    pub(super) assertion: Option<&'a Assertion<'a>>,
    /// The rules of the policy that judges.
    pub(super) rules: Option<Rules<'a>>,
    pub(super) client: Option<&'a Arc<Client>>,
    /// The keys of the client, registered or at hand.
    pub(super) keys: Option<&'a KeySet>,
    pub(super) failed: &'a [Reason],
}
