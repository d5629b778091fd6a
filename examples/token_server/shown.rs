//! `--show-client`: what the layer told the handler about the client, in the answer, so that a test
//! can see it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_client_assertion::ClientIdentity;

#[derive(serde::Serialize)]
pub(crate) struct Shown {
    id: String,
    method: &'static str,
    alg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    /// RFC 7638, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    policy: String,
    single_use: bool,
}

impl Shown {
    pub(crate) fn of(identity: &ClientIdentity) -> Self {
        Self {
            id: identity.client_id().to_string(),
            method: identity.method().name(),
            alg: identity.algorithm().to_string(),
            kid: identity.key_id().map(str::to_owned),
            jkt: identity.key_thumbprint().map(|hash| URL_SAFE_NO_PAD.encode(hash)),
            policy: identity.policy().to_owned(),
            single_use: identity.claims().is_single_use(),
        }
    }
}
