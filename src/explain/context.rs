//! What the hints look at.

use std::borrow::Cow;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::endpoint::Endpoint;
use crate::jose::keys::KeySet;
use crate::registry::Client;
use crate::rejection::{AuthScheme, Reason};
use crate::verifier::Verifier;
use crate::verifier::assertion::Assertion;
use crate::verifier::rules::Rules;

/// A request with everything that could be read of it, and what is registered.
#[expect(dead_code, reason = "each hint reads a part of it")]
pub(super) struct Context<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) at: UnixTime,
    pub(super) endpoint: Endpoint,
    /// The first value of the header, if there is a head.
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) authorization: Option<AuthScheme>,
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
