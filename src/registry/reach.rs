//! Registrations that no assertion can ever match, because the limits of the verifier are narrower.

use crate::client::Client;
use crate::jose::verification_key::VerificationKey;
use crate::policy::Limits;
use crate::text::{Excerpt, has_control};

/// A client, or one of its keys, that no assertion can reach.
pub(crate) struct OutOfReach {
    /// The metadata member that is wrong.
    pub(crate) member: &'static str,
    pub(crate) why: String,
    /// Whether it concerns the client, and not only one of its keys.
    pub(crate) whole_client: bool,
}

/// Returns what of this client is out of reach under these limits.
pub(crate) fn out_of_reach(client: &Client, limits: &Limits) -> impl Iterator<Item = OutOfReach> {
    let keys = client.keys().into_iter().flatten().filter_map(|key| unnameable(key, limits));
    long_id(client, limits).into_iter().chain(keys)
}

fn long_id(client: &Client, limits: &Limits) -> Option<OutOfReach> {
    let (len, limit) = (client.id().as_str().len(), limits.client_id());
    (len > limit).then(|| OutOfReach {
        member: "client_id",
        why: format!("{len} bytes are over the limit of {limit} (limit client_id), so every assertion is refused"),
        whole_client: true,
    })
}

/// A `kid` that is too long, or has a control character, is refused in an assertion before any key
/// is looked up.
fn unnameable(key: &VerificationKey, limits: &Limits) -> Option<OutOfReach> {
    let kid = key.key_id()?;
    let (len, limit) = (kid.len(), limits.kid());
    let why = match len > limit {
        true => format!("has {len} bytes, over the limit of {limit} (limit kid)"),
        false if has_control(kid) => "has a control character".to_owned(),
        false => return None,
    };
    let why = format!("the kid {} {why}, so no assertion can name it", Excerpt::new(kid));
    Some(OutOfReach { member: "jwks", why, whole_client: false })
}
