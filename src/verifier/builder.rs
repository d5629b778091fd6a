//! How a [`Verifier`] is configured, and what must hold before there is one.

use std::sync::Arc;

use super::Verifier;
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::event::EventSink;
use crate::jose::algorithm::AlgorithmSet;
use crate::policy::{AudienceRule, Audiences, Limits, Policy};
use crate::registry::{Client, ClientRegistry};
use crate::replay::ReplayStore;
use crate::setting::{Setting, SettingError, at_most, positive};
use crate::verifier::overload::SignatureChecks;

/// The most policies that a verifier has: each may have to look at a junk assertion.
const MAX_POLICIES: usize = 16;

/// Configures a [`Verifier`].
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder {
    verifier: Verifier,
    issuer_without_tls: bool,
}

impl VerifierBuilder {
    pub(super) fn new(policy: Policy, registry: Box<dyn ClientRegistry>, replay: Box<dyn ReplayStore>) -> Self {
        let verifier = Verifier {
            policies: vec![policy],
            limits: Limits::default(),
            audiences: Audiences::default(),
            registry,
            replay,
            clock: Box::new(SystemClock),
            events: None,
            checks: None,
        };
        Self { verifier, issuer_without_tls: false }
    }

    /// The issuer identifier of the authorization server (RFC 8414, section 2), which all policies
    /// but Redox's and SMART's accept in `aud`, and most accept alone. Compared byte for byte.
    /// Default: none.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.verifier.audiences.issuer = Some(Arc::from(issuer.into()));
        self.issuer_without_tls = false;
        self
    }

    /// Accepts assertions that address this URL, where the policy's [audience
    /// rule](crate::policy::AudienceRule) knows URLs. Call it again for each alias. Compared byte
    /// for byte. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.verifier.audiences.urls.push(Arc::from(audience.into()));
        self
    }

    /// Judges the clients that are registered under the [name](Policy::name) of this policy by it,
    /// and not by the first. The wording of refusals stays that of the first. At most 15.
    ///
    /// A spent assertion is remembered for as long as its client's policy could accept it. When a
    /// running client is moved to a policy that accepts for longer, what it spent just before may
    /// be good once more; wait out the difference between the two before the new policy is used.
    ///
    /// ```
    /// use tower_client_assertion::policy::{AudienceRule, Policy};
    /// use tower_client_assertion::registry::{Client, FixedRegistry};
    /// use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{ConfigError, Verifier};
    /// # use tower_client_assertion::keys::KeySet;
    ///
    /// # let keys = || KeySet::parse(br#"{"keys":[
    /// #     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    /// # ]}"#).unwrap();
    /// const LEGACY: Policy = Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls).with_name("legacy");
    ///
    /// let build = |clients| {
    ///     Verifier::builder(Policy::RFC7523, FixedRegistry::new(clients)?, MemoryReplay::new(100_000)?)
    ///         .issuer("https://as.example.com")
    ///         .audience("https://as.example.com/token")
    ///         .client_policy(LEGACY)
    ///         .build()
    /// };
    /// assert!(build([Client::new("modern", keys())?, Client::new("old", keys())?.policy("legacy")]).is_ok());
    ///
    /// let error = build([Client::new("modern", keys())?, Client::new("old", keys())?.policy("legasy")]).unwrap_err();
    /// assert!(matches!(error, ConfigError::UnknownPolicy { .. }));
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn client_policy(mut self, policy: Policy) -> Self {
        self.verifier.policies.push(policy);
        self
    }

    /// Reads the time from `clock`. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.verifier.clock = Box::new(clock);
        self
    }

    /// Reports every outcome to `events`. Default: to nobody.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.verifier.events = Some(Box::new(events));
        self
    }

    /// Bounds the parts of a request. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.verifier.limits = limits;
        self
    }

    /// Bounds how many signatures are checked at once; see [`overload`](crate::overload). Default:
    /// no bound.
    pub fn signature_checks(mut self, checks: SignatureChecks) -> Self {
        self.verifier.checks = Some(checks);
        self
    }

    /// What a server that is on the net should not have.
    pub fn dangerous(self) -> DangerousVerifierBuilder {
        DangerousVerifierBuilder(self)
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// - The rules of a policy contradict each other or their profile, or one of them makes no
    ///   sense by itself: see [`Policy`].
    /// - There is no issuer or no audience though a policy needs one; the issuer is no `https` URL;
    ///   an audience is empty or not printable ASCII, or no policy accepts any.
    /// - Two policies have the same name, or there are more than 16.
    /// - Of a registry that tells its clients: none can meet its policy, or one is registered under
    ///   a policy that is not here.
    /// - A limit is zero, or the JSON depth is over 64.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let Self { verifier, issuer_without_tls } = self;
        check_audiences(&verifier.audiences, &verifier.policies, issuer_without_tls)?;
        check_policies(&verifier.policies, &verifier.audiences)?;
        if let Some(clients) = verifier.registry.all() {
            check_clients(&clients, &verifier.policies)?;
        }
        check_limits(&verifier.limits)?;
        Ok(verifier)
    }
}

/// What weakens a [`Verifier`], or is for trying it out.
#[derive(Debug)]
#[must_use]
pub struct DangerousVerifierBuilder(VerifierBuilder);

impl DangerousVerifierBuilder {
    /// As [`VerifierBuilder::issuer`], and lets an `http` URL pass, as of a server that is tried
    /// out on loopback.
    ///
    /// The risk: whoever can change what clients read over the net can have them address somebody
    /// else.
    pub fn issuer_without_tls(self, issuer: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder { issuer_without_tls: true, ..self.0.issuer(issuer) }
    }
}

fn check_audiences(audiences: &Audiences, policies: &[Policy], without_tls: bool) -> Result<(), ConfigError> {
    if let Some(issuer) = audiences.issuer.as_deref()
        && !is_issuer(issuer, without_tls)
    {
        return Err(ConfigError::InvalidIssuer { issuer: issuer.to_owned() });
    }
    let valid = |audience: &str| !audience.is_empty() && audience.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(audience) = audiences.urls.iter().find(|audience| !valid(audience)) {
        return Err(ConfigError::InvalidAudience { audience: audience.to_string() });
    }
    match audiences.urls.is_empty() || policies.iter().any(|policy| policy.audience.knows_urls()) {
        true => Ok(()),
        false => Err(ConfigError::UnusedAudience),
    }
}

/// RFC 8414, section 2: an `https` URL without query and fragment. Where it has a user, somebody is
/// being fooled.
fn is_issuer(issuer: &str, without_tls: bool) -> bool {
    let http = || issuer.strip_prefix("http://").filter(|_| without_tls);
    let Some(rest) = issuer.strip_prefix("https://").or_else(http) else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
    !host.is_empty() && !host.starts_with(':') && !host.contains('@') && rest.bytes().all(plain)
}

fn check_policies(policies: &[Policy], audiences: &Audiences) -> Result<(), ConfigError> {
    at_most(Setting::ClientPolicy, policies.len().saturating_sub(1), MAX_POLICIES - 1)?;
    for (index, policy) in policies.iter().enumerate() {
        policy.check()?;
        check_addressable(policy, audiences)?;
        if policies.iter().skip(index + 1).any(|other| other.name() == policy.name()) {
            return Err(ConfigError::DuplicatePolicy { policy: policy.name().to_owned() });
        }
    }
    Ok(())
}

/// A policy can only accept an `aud` if what it must contain is configured.
fn check_addressable(policy: &Policy, audiences: &Audiences) -> Result<(), ConfigError> {
    let name = || policy.name().to_owned();
    if policy.needs_issuer() && audiences.issuer.is_none() {
        return Err(ConfigError::NoIssuer { policy: name() });
    }
    if policy.audience == AudienceRule::Urls && audiences.urls.is_empty() {
        return Err(ConfigError::NoAudience { policy: name() });
    }
    Ok(())
}

/// One client that cannot be served is its own problem; if none can, it is the configuration's.
fn check_clients(clients: &[Arc<Client>], policies: &[Policy]) -> Result<(), ConfigError> {
    let (mut allowed, mut registered) = (AlgorithmSet::EMPTY, AlgorithmSet::EMPTY);
    let mut served = clients.is_empty();
    for client in clients {
        let policy = policy_of(client, policies)?;
        allowed = allowed.union(policy.algorithms);
        registered = registered.union(client.algorithms());
        served |= !policy.algorithms.intersection(client.algorithms()).is_empty();
    }
    match served {
        true => Ok(()),
        false => Err(ConfigError::UnmeetableAlgorithms { allowed, registered }),
    }
}

fn policy_of<'p>(client: &Client, policies: &'p [Policy]) -> Result<&'p Policy, ConfigError> {
    let named = |policy: &&Policy| client.policy_name().is_none_or(|name| policy.name() == name);
    policies.iter().find(named).ok_or_else(|| ConfigError::UnknownPolicy {
        client_id: client.id().to_string(),
        policy: client.policy_name().unwrap_or_default().to_owned(),
    })
}

fn check_limits(limits: &Limits) -> Result<(), SettingError> {
    let Limits { parameters, assertion, header, json_depth, kid, jti, client_id, audiences } = limits;
    let counts = [
        (Setting::LimitParameters, parameters),
        (Setting::LimitAssertion, assertion),
        (Setting::LimitHeader, header),
        (Setting::LimitJsonDepth, json_depth),
        (Setting::LimitKid, kid),
        (Setting::LimitJti, jti),
        (Setting::LimitClientId, client_id),
        (Setting::LimitAudiences, audiences),
    ];
    counts.into_iter().try_for_each(|(setting, count)| positive(setting, *count))?;
    // The scanner recurses once a level.
    at_most(Setting::LimitJsonDepth, *json_depth, 64)
}
