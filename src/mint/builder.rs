//! What a minter is made of, and what it must not be made of.

use std::fmt;
use std::time::Duration;

use http::Uri;
use serde_json::Value;

use super::edits::Edits;
use super::error::MinterConfigError;
use super::minter::{Minter, Plan};
use super::ring::KeyRing;
use super::{extra, times};
use crate::client::ClientId;
use crate::clock::{Clock, SystemClock};
use crate::jose::media_type::is_media_type;
use crate::policy::{AudienceRule, Limits, Policy, Presence, is_audience, is_issuer};

/// The `typ` of RFC 10070.
const EXPLICIT_TYP: &str = "client-authentication+jwt";
const USUAL_TYP: &str = "JWT";

/// Builds a [`Minter`]. Created by [`Minter::builder`].
#[must_use]
pub struct MinterBuilder {
    policy: Policy,
    client_id: String,
    keys: KeyRing,
    issuer: Option<String>,
    pub(super) issuer_without_tls: bool,
    audience: Option<String>,
    lifetime: Option<Duration>,
    backdate: Option<Duration>,
    explicit_typ: Option<bool>,
    key_set_url: Option<String>,
    header: Vec<(String, Value)>,
    claims: Vec<(String, Value)>,
    clock: Box<dyn Clock>,
    pub(super) edits: Edits,
}

impl Minter {
    /// Starts building a minter for the client `client_id` at a server with this policy. `keys` is
    /// a [`SigningKey`](crate::mint::SigningKey), any other [`Signer`](crate::mint::Signer), or a [`KeyRing`].
    pub fn builder(policy: Policy, client_id: impl Into<String>, keys: impl Into<KeyRing>) -> MinterBuilder {
        MinterBuilder {
            policy,
            client_id: client_id.into(),
            keys: keys.into(),
            issuer: None,
            issuer_without_tls: false,
            audience: None,
            lifetime: None,
            backdate: None,
            explicit_typ: None,
            key_set_url: None,
            header: Vec::new(),
            claims: Vec::new(),
            clock: Box::new(SystemClock),
            edits: Edits::default(),
        }
    }
}

impl MinterBuilder {
    /// Sets the issuer identifier of the authorization server (RFC 8414, section 2), byte for byte
    /// as its metadata has it. It is the value of `aud` under every policy that accepts it
    /// (RFC 10070).
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        (self.issuer, self.issuer_without_tls) = (Some(issuer.into()), false);
        self
    }

    /// Sets the URL of the token endpoint, byte for byte as the server expects it in `aud`. It is
    /// the value under the policies that accept no issuer, and where no issuer is set. It need not
    /// be the URL that requests are sent to.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets how long assertions are valid. Default: 60 seconds, or as long as the policy permits.
    /// At least 5 seconds, and at most the maximum lifetime of the policy less 30 seconds, so that
    /// the clock of the client may be ahead of the server's. Where the maximum is less than a
    /// minute, at most half of it.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets how far `iat` is in the past. Default: 10 seconds, so that the clock of the client may
    /// be ahead of the server's. Together with the lifetime, at most the maximum age of the policy.
    ///
    /// A server that [refuses what was issued before its
    /// start](crate::VerifierBuilder::refuse_issued_before) does so for that much longer.
    pub fn backdate(mut self, by: Duration) -> Self {
        self.backdate = Some(by);
        self
    }

    /// Sets `typ` to `client-authentication+jwt` (RFC 10070) or to `JWT`. Default: the first under
    /// policies that accept the issuer alone in `aud`, the second under all others. Many servers
    /// know the second only.
    pub fn explicit_typ(mut self, explicit: bool) -> Self {
        self.explicit_typ = Some(explicit);
        self
    }

    /// Sets `jku`, for servers that have this URL as the `jwks_uri` of the client and want it in
    /// every assertion. Default: none.
    pub fn key_set_url(mut self, url: impl Into<String>) -> Self {
        self.key_set_url = Some(url.into());
        self
    }

    /// Adds a header parameter, such as `x5t#S256` or `x5c`. Those that the minter writes, `jwk`,
    /// `x5u`, and those of encryption and of extensions cannot be added.
    pub fn header(mut self, name: impl Into<String>, value: Value) -> Self {
        self.header.push((name.into(), value));
        self
    }

    /// Adds a claim. The claims of RFC 7519, section 4.1, cannot be added.
    pub fn claim(mut self, name: impl Into<String>, value: Value) -> Self {
        self.claims.push((name.into(), value));
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Builds the minter.
    ///
    /// # Errors
    ///
    /// Fails if a server with this policy would refuse the assertions, by the checks of
    /// [`Verifier`](crate::Verifier) with its default [`Limits`].
    pub fn build(self) -> Result<Minter, MinterConfigError> {
        let limits = Limits::default();
        self.policy.check()?;
        let client_id = ClientId::new(&self.client_id)?;
        if self.client_id.len() > limits.client_id {
            let bytes = self.client_id.len();
            return Err(MinterConfigError::ClientIdTooLong { bytes, limit: limits.client_id });
        }
        let audience = self.audience_value()?;
        let typ = self.typ(audience)?;
        let times = times::judge(&self.policy, self.lifetime, self.backdate)?;
        self.check_key_set_url()?;
        let header = extra::header(typ, self.key_set_url.as_deref(), &self.header)?;
        let claims = extra::claims(&client_id, audience, &self.claims)?;
        let plan = Plan { client_id, header, claims, times, policy: self.policy, edits: self.edits };
        Minter::of(plan, self.keys, self.clock)
    }

    /// Servers fetch key sets over `https` only.
    fn check_key_set_url(&self) -> Result<(), MinterConfigError> {
        let Some(url) = self.key_set_url.as_deref() else { return Ok(()) };
        let parsed = url.parse::<Uri>().ok().filter(|_| !url.contains('#'));
        match parsed.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some()) {
            true => Ok(()),
            false => Err(MinterConfigError::KeySetUrl { url: url.to_owned() }),
        }
    }

    fn policy_name(&self) -> String {
        self.policy.name().to_owned()
    }

    fn audience_value(&self) -> Result<&str, MinterConfigError> {
        if let Some(issuer) = self.issuer.as_deref()
            && !is_issuer(issuer, self.issuer_without_tls)
        {
            return Err(MinterConfigError::InvalidIssuer { issuer: issuer.to_owned() });
        }
        if let Some(audience) = self.audience.as_deref()
            && !is_audience(audience)
        {
            return Err(MinterConfigError::InvalidAudience { audience: audience.to_owned() });
        }
        let rule = self.policy.audience;
        if self.audience.is_some() && !rule.knows_urls() {
            return Err(MinterConfigError::UnusedAudience { policy: self.policy_name() });
        }
        let issuer = self.issuer.as_deref().filter(|_| rule.knows_issuer());
        let missing = || match rule.knows_issuer() {
            true => MinterConfigError::NoIssuer { policy: self.policy_name(), only: !rule.knows_urls() },
            false => MinterConfigError::NoAudience { policy: self.policy_name() },
        };
        issuer.or(self.audience.as_deref()).ok_or_else(missing)
    }

    /// Returns no type if the policy accepts none.
    fn typ(&self, audience: &str) -> Result<Option<&str>, MinterConfigError> {
        let is_issuer = self.issuer.as_deref() == Some(audience);
        let fits = |typ: &str| {
            let strict = self.policy.strict_by_typ && is_media_type(typ, EXPLICIT_TYP);
            self.policy.accepted_typ.any(|accepted| is_media_type(typ, accepted)) && (is_issuer || !strict)
        };
        if let Some(explicit) = self.explicit_typ {
            let typ = if explicit { EXPLICIT_TYP } else { USUAL_TYP };
            let refused = || MinterConfigError::Typ { policy: self.policy_name(), typ: typ.to_owned() };
            return fits(typ).then_some(Some(typ)).ok_or_else(refused);
        }
        let preferred = match self.policy.audience {
            AudienceRule::IssuerString | AudienceRule::SoleIssuer => [EXPLICIT_TYP, USUAL_TYP],
            AudienceRule::Urls | AudienceRule::IssuerOrUrls => [USUAL_TYP, EXPLICIT_TYP],
        };
        let typ = preferred.into_iter().chain(self.policy.accepted_typ.iter()).find(|typ| fits(typ));
        match (typ, self.policy.typ) {
            (None, Presence::Required) => {
                Err(MinterConfigError::Typ { policy: self.policy_name(), typ: preferred[0].to_owned() })
            }
            (typ, _) => Ok(typ),
        }
    }
}

impl fmt::Debug for MinterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, client_id, keys, .. } = self;
        let mut shown = f.debug_struct("MinterBuilder");
        shown.field("policy", &policy.name()).field("client_id", client_id).field("keys", keys).finish_non_exhaustive()
    }
}
