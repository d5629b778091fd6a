//! How a [`Verifier`] is configured, and what is checked before it exists.

use std::sync::Arc;
use std::time::Duration;

use super::admissions::Admissions;
use super::{Verifier, registrations};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::config_error::ConfigError;
use crate::event::EventSink;
use crate::loosening::risk;
use crate::policy::{AudienceRule, Audiences, Limits, Policy, is_audience, is_issuer};
use crate::registry::ClientRegistry;
use crate::replay::{ReplayStore, Tenant};
use crate::setting::{Setting, SettingError, at_most, no_longer_than, positive};
use crate::verifier::overload::SignatureChecks;

/// The most policies of a verifier. A junk assertion may be checked by each of them.
const MAX_POLICIES: usize = 16;

const LONGEST_PORT_TIMEOUT: Duration = Duration::from_secs(60);

/// Configures a [`Verifier`]. [`build`](Self::build) checks all settings.
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder {
    verifier: Verifier,
    issuer_without_tls: bool,
    tenant: Option<String>,
}

impl VerifierBuilder {
    pub(super) fn new(policy: Policy, registry: Box<dyn ClientRegistry>, replay: Box<dyn ReplayStore>) -> Self {
        let admissions = Admissions::new(replay.admissions_per_client());
        let verifier = Verifier {
            policies: vec![policy],
            limits: Limits::default(),
            audiences: Audiences::default(),
            registry,
            replay,
            clock: Box::new(SystemClock),
            events: None,
            timed: false,
            checks: None,
            admissions,
            tenant: Tenant::new(Arc::from("")),
            port_timeout: Duration::from_secs(5),
            issued_from: None,
            slow_replay: Duration::from_millis(100),
        };
        Self { verifier, issuer_without_tls: false, tenant: None }
    }

    /// Sets the issuer identifier of the authorization server (RFC 8414, section 2). All policies
    /// except those of Redox and SMART accept it in `aud`, and most accept nothing else. Values are
    /// compared byte for byte. Default: none.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.verifier.audiences.issuer = Some(Arc::from(issuer.into()));
        self.issuer_without_tls = false;
        self
    }

    /// Adds a URL that is accepted in `aud`, under policies whose
    /// [audience rule](crate::policy::AudienceRule) accepts URLs. Call it again for each alias.
    /// Values are compared byte for byte. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.verifier.audiences.urls.push(Arc::from(audience.into()));
        self
    }

    /// Adds a policy for the clients that are registered under its [name](Policy::name). All other
    /// clients are judged by the first policy, and the wording of error responses is always that of
    /// the first. At most 15 can be added.
    ///
    /// The replay store remembers a spent assertion until its client's policy no longer accepts it.
    /// If you move a client to a policy that accepts assertions for longer, an assertion that it
    /// spent just before could be accepted once more. To avoid this, wait for the difference
    /// between the two maximum lifetimes before you use the new policy.
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
    /// const LEGACY: Policy = Policy::RFC7523
    ///     .dangerous()
    ///     .audience(AudienceRule::IssuerOrUrls)
    ///     .with_name("legacy");
    ///
    /// let build = |clients| {
    ///     let registry = FixedRegistry::new(clients)?;
    ///     let replay = MemoryReplay::new(100_000)?;
    ///     Verifier::builder(Policy::RFC7523, registry, replay)
    ///         .issuer("https://as.example.com")
    ///         .audience("https://as.example.com/token")
    ///         .client_policy(LEGACY)
    ///         .build()
    /// };
    /// let modern = Client::new("modern", keys())?;
    /// let old = Client::new("old", keys())?.with_policy("legacy");
    /// assert!(build([modern.clone(), old.clone()]).is_ok());
    ///
    /// let mistyped = old.with_policy("legasy");
    /// let error = build([modern, mistyped]).unwrap_err();
    /// assert!(matches!(error, ConfigError::UnknownPolicy { .. }));
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn client_policy(mut self, policy: Policy) -> Self {
        self.verifier.policies.push(policy);
        self
    }

    /// Sets the name under which this verifier spends assertions in its replay store. Verifiers
    /// that share a store refuse what another one has accepted, if they have the same tenant.
    /// Default: the [issuer](Self::issuer) or, without one, the smallest [audience](Self::audience),
    /// compared byte for byte. The order of the audiences does not matter.
    ///
    /// Set it for several verifiers of one authorization server that accept the same audience, but
    /// differ in their issuer or in their smallest audience; otherwise each of them accepts an
    /// assertion once.
    ///
    /// The same holds for the nodes of a fleet. A new or a first issuer changes the default, and so
    /// does a smaller audience where there is no issuer. Old and new nodes then each accept an
    /// assertion once, and new nodes accept what old ones have accepted before. To prevent it,
    /// first set the tenant on all nodes to the default that they have: the old issuer or the old
    /// smallest audience. Any other value is such a change itself.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use tower_client_assertion::rejection::{ClientFault, RejectionKind};
    /// use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{Policy, TokenRequest, Verifier};
    /// # use tower_client_assertion::mint::{Minter, SecretSigner};
    /// # use tower_client_assertion::policy::Algorithm;
    /// # use tower_client_assertion::registry::{Client, FixedRegistry};
    /// # use tower_client_assertion::secret::ClientSecret;
    /// # const SECRET: &str = "a secret of more than forty-eight bytes, for HS384";
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::with_secret("clinic-7", ClientSecret::new(SECRET)?)?;
    /// let replay = Arc::new(MemoryReplay::new(100_000)?);
    /// let verifier = |audience| {
    ///     # let clients = FixedRegistry::new([client.clone()])?;
    ///     Verifier::builder(Policy::REDOX, clients, Arc::clone(&replay))
    ///         .audience(audience)
    ///         .audience("https://api.example.com/token")
    ///         .tenant("api.example.com")
    ///         .build()
    /// };
    /// let token = verifier("https://api.example.com/v1/token")?;
    /// let introspection = verifier("https://api.example.com/v1/introspect")?;
    ///
    /// # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS384)?;
    /// # let minter = Minter::builder(Policy::REDOX, "clinic-7", signer);
    /// # let minter = minter.audience("https://api.example.com/token").build()?;
    /// # let form = minter.request("/token").client_credentials().build().await?.into_body().into_bytes();
    /// // The form has an assertion for "https://api.example.com/token".
    /// let request = TokenRequest::new(&form);
    /// assert!(token.verify(&request).await.is_ok());
    /// let rejection = introspection.verify(&request).await.unwrap_err();
    /// let replayed = RejectionKind::Client(ClientFault::Replayed);
    /// assert_eq!(*rejection.kind(), replayed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.tenant = Some(name.into());
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.verifier.clock = Box::new(clock);
        self
    }

    /// Reports every outcome to `events`. Default: outcomes are not reported.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.verifier.events = Some(Arc::new(events));
        self
    }

    /// Sets limits for the parts of a request. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.verifier.limits = limits;
        self
    }

    /// Bounds how many signatures are checked concurrently; see [`overload`](crate::overload).
    /// Default: no bound.
    pub fn signature_checks(mut self, checks: SignatureChecks) -> Self {
        self.verifier.checks = Some(checks);
        self
    }

    /// Refuses assertions that were issued before `start` or in the same second: those with such an
    /// `iat` and, without an `iat`, those that could have been accepted before. Default: no such
    /// time.
    ///
    /// A [`MemoryReplay`](crate::replay::MemoryReplay) is empty after a restart of the process.
    /// With the time of the start, an assertion that was accepted before is not accepted once more.
    /// In return, clients must sign new ones; those without an `iat` wait for up to one lifetime. A
    /// store that outlives the process does not need it.
    ///
    /// The time is compared with the clocks of the clients. Add the
    /// [future skew](crate::Policy::future_skew) to include assertions of clients whose clocks are
    /// ahead; requests are then refused for that long.
    ///
    /// ```
    /// use tower_client_assertion::clock::{Clock, SystemClock};
    /// use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{Policy, TokenRequest, Verifier};
    /// # use serde_json::json;
    /// # use tower_client_assertion::mint::{Minter, SecretSigner};
    /// # use tower_client_assertion::policy::Algorithm;
    /// # use tower_client_assertion::registry::{Client, FixedRegistry};
    /// # use tower_client_assertion::secret::ClientSecret;
    /// # const SECRET: &str = "a secret of more than thirty-two bytes";
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
    /// # let clients = FixedRegistry::new([client])?;
    /// let start = SystemClock.now().ok_or("the system has no clock")?;
    /// let replay = MemoryReplay::new(100_000)?;
    /// let verifier = Verifier::builder(Policy::OIDC, clients, replay)
    ///     .issuer("https://as.example.com")
    ///     .refuse_issued_before(start)
    ///     .build()?;
    ///
    /// # let issued_at = async |iat: u64| {
    /// #     let signer = SecretSigner::new(ClientSecret::new(SECRET).unwrap(), Algorithm::HS256).unwrap();
    /// #     let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com");
    /// #     let minter = minter.dangerous().replace_claim("iat", json!(iat)).build().unwrap();
    /// #     minter.request("/token").client_credentials().build().await.unwrap().into_body().into_bytes()
    /// # };
    /// let before = issued_at(start.as_secs() - 1).await;
    /// let request = TokenRequest::new(&before);
    /// assert!(verifier.verify(&request).await.is_err());
    /// let same_second = issued_at(start.as_secs()).await;
    /// let request = TokenRequest::new(&same_second);
    /// assert!(verifier.verify(&request).await.is_err());
    /// let after = issued_at(start.as_secs() + 1).await;
    /// let request = TokenRequest::new(&after);
    /// assert!(verifier.verify(&request).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn refuse_issued_before(mut self, start: UnixTime) -> Self {
        self.verifier.issued_from = Some(start);
        self
    }

    /// Sets how long one request waits for ports: for the registry, for keys at a URL and for the
    /// replay store, all together. After that it is refused as unavailable (503), and the fault
    /// names the port that did not answer. At most 60 s. Default: 5 s.
    ///
    /// A request that waits for newer keys has been refused by those at hand, and is told that.
    ///
    /// Waiting needs a Tokio runtime with timers. Without one, a request for which a port has no
    /// answer at hand is refused ([`Timer`](crate::rejection::ServerFault::Timer)). A runtime
    /// without timers is found out by a panic, which is caught: with `panic = "abort"`, it ends the
    /// process. Ports may have shorter timeouts.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use tower_client_assertion::port::Awaited;
    /// use tower_client_assertion::registry::{AsyncClientRegistry, FindResult};
    /// use tower_client_assertion::rejection::{RejectionKind, ServerFault};
    /// use tower_client_assertion::replay::MemoryReplay;
    /// use tower_client_assertion::{Policy, TokenRequest, Verifier};
    /// # use tower_client_assertion::mint::{Minter, SecretSigner};
    /// # use tower_client_assertion::policy::Algorithm;
    /// # use tower_client_assertion::registry::Client;
    /// # use tower_client_assertion::secret::ClientSecret;
    /// # const SECRET: &str = "a secret of more than thirty-two bytes";
    ///
    /// /// Takes this long for every client.
    /// #[derive(Debug)]
    /// struct Database(Duration, Arc<Client>);
    ///
    /// impl AsyncClientRegistry for Database {
    ///     async fn find(&self, _: &str) -> FindResult {
    ///         tokio::time::sleep(self.0).await;
    ///         Ok(Some(Arc::clone(&self.1)))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Arc::new(Client::with_secret("reports", ClientSecret::new(SECRET)?)?);
    /// # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS256)?;
    /// # let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com").build()?;
    /// # let form = minter.request("/token").client_credentials().build().await?.into_body().into_bytes();
    /// let verifier = |delay| {
    ///     let database = Database(delay, Arc::clone(&client));
    ///     let replay = MemoryReplay::new(100_000)?;
    ///     Verifier::builder(Policy::OIDC, Awaited::new(database), replay)
    ///         .issuer("https://as.example.com")
    ///         .port_timeout(Duration::from_secs(2))
    ///         .build()
    /// };
    /// let request = TokenRequest::new(&form);
    ///
    /// let in_time = verifier(Duration::from_secs(1))?;
    /// assert!(in_time.verify(&request).await.is_ok());
    ///
    /// let too_late = verifier(Duration::from_secs(3))?;
    /// let rejection = too_late.verify(&request).await.unwrap_err();
    /// let registry = RejectionKind::Server(ServerFault::Registry);
    /// assert_eq!(*rejection.kind(), registry);
    /// # Ok(())
    /// # }
    /// ```
    pub fn port_timeout(mut self, timeout: Duration) -> Self {
        self.verifier.port_timeout = timeout;
        self
    }

    /// Sets how long a request may wait for the replay store before the [events](Self::events)
    /// report it as [slow](crate::event::ReplayNews::Slow). A store that fails is always reported.
    /// Default: 100 ms, which is far more than a store in the same data center needs, and far less
    /// than the [port timeout](Self::port_timeout). [`Duration::MAX`] reports no store as slow.
    ///
    /// Stores that block are timed as well, so zero reports every question to a store. Without a
    /// sink, no clock is read.
    pub fn slow_replay(mut self, threshold: Duration) -> Self {
        self.verifier.slow_replay = threshold;
        self
    }

    /// Returns the settings that must not be used in production.
    pub fn dangerous(self) -> DangerousVerifierBuilder {
        DangerousVerifierBuilder(self)
    }

    /// Checks the configuration and builds the verifier.
    ///
    /// If the registry can [list its clients](crate::registry::ClientRegistry::all), a
    /// [`Warning`](crate::event::Warning) reports each client and each key that this verifier could
    /// never accept; see [`problems_of`](Verifier::problems_of). The other keys of such a client
    /// work.
    ///
    /// # Errors
    ///
    /// Only the first problem is reported, in this order:
    ///
    /// - The issuer is not an `https` URL. An audience is empty or not printable ASCII.
    /// - There are more than 16 policies.
    /// - The rules of a policy make no sense, each by itself, together or in its profile: see
    ///   [`Policy`]. It needs an issuer or an audience and there is none. Another policy has the
    ///   same name.
    /// - An audience is set and no policy accepts any.
    /// - The registry can [list its clients](crate::registry::ClientRegistry::all), and a client is
    ///   registered under a policy that the verifier does not have, or no client can meet its
    ///   policy.
    /// - The replay store allows a client [no assertion](ReplayStore::admissions_per_client).
    /// - A limit is zero, or the JSON depth is over 64.
    /// - The [port timeout](Self::port_timeout) is zero, or over 60 s.
    /// - The [tenant](Self::tenant) is empty.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let Self { mut verifier, issuer_without_tls, tenant } = self;
        check_audiences(&verifier.audiences, issuer_without_tls)?;
        check_policies(&verifier.policies, &verifier.audiences)?;
        check_audience_used(&verifier.policies, &verifier.audiences)?;
        let clients = verifier.registry.all().unwrap_or_default();
        registrations::check_clients(&clients, &verifier.policies)?;
        positive(Setting::ReplayAdmissionsPerClient, verifier.admissions.per_client())?;
        check_limits(&verifier.limits)?;
        positive(Setting::PortTimeout, verifier.port_timeout)?;
        no_longer_than(Setting::PortTimeout, verifier.port_timeout, LONGEST_PORT_TIMEOUT)?;
        verifier.tenant = Tenant::new(tenant_name(tenant, &verifier.audiences)?);
        verifier.timed = verifier.events.as_ref().is_some_and(|events| events.needs_times());
        if let Some(events) = verifier.events.as_deref() {
            registrations::warn(&verifier, &clients, events);
        }
        Ok(verifier)
    }
}

fn tenant_name(set: Option<String>, audiences: &Audiences) -> Result<Arc<str>, SettingError> {
    match set {
        Some(name) if name.is_empty() => {
            let (setting, expected) = (Setting::Tenant, "a text that is not empty");
            Err(SettingError::InvalidText { setting, value: name, expected })
        }
        Some(name) => Ok(Arc::from(name)),
        None => Ok(audiences.issuer.as_ref().or(audiences.urls.iter().min()).cloned().unwrap_or_default()),
    }
}

/// Settings of a [`Verifier`] that weaken it or are for tests on one machine.
#[derive(Debug)]
#[must_use]
pub struct DangerousVerifierBuilder(VerifierBuilder);

impl DangerousVerifierBuilder {
    /// Sets the [issuer](VerifierBuilder::issuer), which may be an `http` URL: for trying a server
    /// on loopback.
    ///
    #[doc = risk!(IssuerWithoutTls)]
    pub fn issuer_without_tls(self, issuer: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder { issuer_without_tls: true, ..self.0.issuer(issuer) }
    }
}

fn check_audiences(audiences: &Audiences, without_tls: bool) -> Result<(), ConfigError> {
    if let Some(issuer) = audiences.issuer.as_deref()
        && !is_issuer(issuer, without_tls)
    {
        return Err(ConfigError::InvalidIssuer { issuer: issuer.to_owned() });
    }
    if let Some(audience) = audiences.urls.iter().find(|audience| !is_audience(audience)) {
        return Err(ConfigError::InvalidAudience { audience: audience.to_string() });
    }
    Ok(())
}

/// Comes after the check that each policy has what it needs: the error about a missing issuer is
/// more helpful than the one about an unused URL.
fn check_audience_used(policies: &[Policy], audiences: &Audiences) -> Result<(), ConfigError> {
    match audiences.urls.is_empty() || policies.iter().any(|policy| policy.audience.knows_urls()) {
        true => Ok(()),
        false => Err(ConfigError::UnusedAudience),
    }
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

/// A policy can accept an `aud` only if the names that it must contain are configured.
fn check_addressable(policy: &Policy, audiences: &Audiences) -> Result<(), ConfigError> {
    let name = || policy.name().to_owned();
    if policy.needs_issuer() && audiences.issuer.is_none() {
        return Err(ConfigError::NoIssuer { policy: name(), only: !policy.audience.knows_urls() });
    }
    if policy.audience == AudienceRule::Urls && audiences.urls.is_empty() {
        return Err(ConfigError::NoAudience { policy: name() });
    }
    Ok(())
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
    // The scanner recurses once per level.
    at_most(Setting::LimitJsonDepth, *json_depth, 64)
}
