//! The ten steps in a row: from a token request to a verified identity, or to the first reason why not.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::algorithm::AlgorithmSet;
use crate::assertion::{Assertion, Buffer};
use crate::claims::{PlausibleAssertion, Rules, findings};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::config::ConfigError;
use crate::event::{Event, EventSink, Excerpt, Finding, Refused};
use crate::form::{TokenForm, TokenRequest};
use crate::identity::ClientIdentity;
use crate::policy::{Limits, Policy};
use crate::port::{Answer, BoxFuture, PortError};
use crate::registry::{Client, ClientRegistry, Found};
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::replay::{Admitted, ReplayKey, ReplayStore};
use crate::signature::{SignedAssertion, Unspent};

/// Verifies client assertions. It knows nothing of HTTP; the [layer](crate::ClientAssertionLayer) drives one, and you may too:
///
/// ```
/// use tower_client_assertion::registry::FixedRegistry;
/// use tower_client_assertion::rejection::{ClientFault, RejectionKind};
/// use tower_client_assertion::replay::MemoryReplay;
/// use tower_client_assertion::{Policy, TokenRequest, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_client_assertion::ConfigError> {
/// let registry = FixedRegistry::new([])?;
/// let verifier = Verifier::builder(Policy::REDOX, registry, MemoryReplay::new(100_000)?)
///     .audience("https://api.example.com/v2/auth/token")
///     .build()?;
///
/// let request = TokenRequest::new(b"grant_type=client_credentials");
/// let rejection = verifier.verify(&request).await.unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::Client(ClientFault::NoAuthentication(None)));
/// # Ok(())
/// # }
/// ```
pub struct Verifier {
    policy: Policy,
    limits: Limits,
    audiences: Vec<Box<str>>,
    registry: Box<dyn ClientRegistry>,
    replay: Box<dyn ReplayStore>,
    clock: Box<dyn Clock>,
    events: Option<Box<dyn EventSink>>,
}

impl Verifier {
    /// Starts to configure a verifier that judges by `policy`, knows the clients of `registry`, and remembers spent
    /// assertions in `replay`.
    ///
    /// To keep a handle on a port, wrap it in an [`Arc`] and pass a clone.
    pub fn builder(policy: Policy, registry: impl ClientRegistry, replay: impl ReplayStore) -> VerifierBuilder {
        VerifierBuilder(Self {
            policy,
            limits: Limits::default(),
            audiences: Vec::new(),
            registry: Box::new(registry),
            replay: Box::new(replay),
            clock: Box::new(SystemClock),
            events: None,
        })
    }

    /// The policy that it judges by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Verifies the assertion of `request`, and records it as spent.
    ///
    /// Dropping the future before it is ready leaves nothing behind, except that an assertion which a slow replay store was
    /// about to admit may have been recorded.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] names the first thing that was wrong.
    pub async fn verify(&self, request: &TokenRequest<'_>) -> Result<ClientIdentity, Rejection> {
        let mut progress = self.start(request);
        loop {
            match progress {
                Progress::Done(outcome) => return outcome,
                Progress::Waiting(mut waiting) => {
                    let answered = poll_fn(|cx| waiting.poll(cx)).await;
                    progress = self.resume(request, answered);
                }
            }
        }
    }

    /// Goes on until the outcome is known or a port needs time.
    pub(crate) fn start(&self, request: &TokenRequest<'_>) -> Progress {
        self.advance(request, None)
    }

    /// Goes on with what a port has answered. The request is read again rather than kept half read: that costs a
    /// microsecond, and judges the assertion by the time at which the answer came.
    pub(crate) fn resume(&self, request: &TokenRequest<'_>, answered: Answered) -> Progress {
        match answered {
            Answered::Client(found) => self.advance(request, Some(found)),
            Answered::Admission(unspent, admitted) => {
                let now = self.clock.now();
                Progress::Done(self.reported(request, now, unspent.settle_late(admitted, now)))
            }
        }
    }

    fn advance(&self, request: &TokenRequest<'_>, found: Option<Found>) -> Progress {
        let now = self.clock.now();
        match self.steps(request, now, found) {
            Ok(Progress::Waiting(waiting)) => Progress::Waiting(waiting),
            Ok(Progress::Done(outcome)) => Progress::Done(self.reported(request, now, outcome)),
            Err(rejection) => Progress::Done(self.reported(request, now, Err(rejection))),
        }
    }

    /// Each step consumes what the step before has made: what comes later cannot be reached without what comes first.
    fn steps(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        found: Option<Found>,
    ) -> Result<Progress, Rejection> {
        let form = TokenForm::parse(request, &self.policy, &self.limits)?;
        let mut buffer = Buffer::new();
        let assertion = Assertion::parse(&form.assertion, &mut buffer, &self.limits)?;
        let now = now.ok_or(ServerFault::Clock)?;
        let plausible = PlausibleAssertion::judge(assertion, form.client_id.as_deref(), &self.rules(now))?;
        let found = match found.map_or_else(|| self.registry.find(&plausible.client_id), Answer::Ready) {
            Answer::Ready(found) => found,
            Answer::Pending(future) => return Ok(Progress::Waiting(Waiting::Client(future))),
        };
        let client = known(found, &plausible)?;
        let key = client.key_for(&plausible)?;
        self.refuse_spent(&plausible, &client, now)?;
        let signed = SignedAssertion::verify(plausible, &client, key)?;
        Ok(self.admit(signed, now))
    }

    fn rules(&self, now: UnixTime) -> Rules<'_> {
        Rules { policy: &self.policy, limits: &self.limits, audiences: &self.audiences, now }
    }

    /// A look before the signature check: a replay should not cost one.
    fn refuse_spent(
        &self,
        plausible: &PlausibleAssertion<'_>,
        client: &Client,
        now: UnixTime,
    ) -> Result<(), ClientFault> {
        let key = ReplayKey::new(client.id().as_str(), &plausible.jti);
        match self.replay.seen(key, now) {
            Some(true) => Err(ClientFault::Replayed),
            Some(false) | None => Ok(()),
        }
    }

    /// The insert comes last, so that a forged assertion can neither fill the store nor burn somebody's `jti`.
    fn admit(&self, signed: SignedAssertion<'_>, now: UnixTime) -> Progress {
        let admission = self.replay.admit(signed.replay_key(), signed.valid_until(), now);
        match admission {
            Answer::Ready(admitted) => Progress::Done(signed.into_unspent().settle(admitted)),
            Answer::Pending(future) => Progress::Waiting(Waiting::Admission(Some(signed.into_unspent()), future)),
        }
    }

    fn reported(
        &self,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        outcome: Result<ClientIdentity, Rejection>,
    ) -> Result<ClientIdentity, Rejection> {
        if let Some(events) = &self.events {
            match &outcome {
                Ok(identity) => events.record(&Event::Accepted(identity)),
                Err(rejection) => self.report_refusal(&**events, request, now, rejection),
            }
        }
        outcome
    }

    /// Reads a refused request once more for what the operator may know: the way of an accepted one stays free of it.
    fn report_refusal(
        &self,
        events: &dyn EventSink,
        request: &TokenRequest<'_>,
        now: Option<UnixTime>,
        rejection: &Rejection,
    ) {
        let mut buffer = Buffer::new();
        let form = TokenForm::parse(request, &self.policy, &self.limits);
        let assertion =
            form.as_ref().ok().and_then(|form| Assertion::parse(&form.assertion, &mut buffer, &self.limits).ok());
        let (Ok(form), Some(assertion)) = (&form, &assertion) else {
            return events.record(&Event::Refused(Refused::bare(rejection)));
        };
        let client_id = form.client_id.as_deref();
        let findings: Vec<_> = match (now, rejection.kind()) {
            (Some(now), RejectionKind::Client(ClientFault::Claim(..) | ClientFault::ClientIdMismatch)) => {
                let rules = self.rules(now);
                let faults = findings(assertion, client_id, &rules);
                faults.iter().map(|fault| Finding::new(fault, assertion, client_id, &rules)).collect()
            }
            _ => Vec::new(),
        };
        let claimed_client = Excerpt::of(&assertion.claims.iss);
        let key_id = Excerpt::of(&assertion.header.kid);
        events.record(&Event::Refused(Refused { rejection, claimed_client, key_id, findings: &findings }));
    }

    /// Reports a refusal that was decided before there was a form to read.
    pub(crate) fn report_unread(&self, rejection: &Rejection) {
        if let Some(events) = &self.events {
            events.record(&Event::Refused(Refused::bare(rejection)));
        }
    }
}

fn known(found: Found, plausible: &PlausibleAssertion<'_>) -> Result<Arc<Client>, Rejection> {
    let found = found.map_err(|cause| Rejection::unavailable(ServerFault::Registry, cause))?;
    let client = found.ok_or(ClientFault::UnknownClient)?;
    if client.id().as_str() != plausible.client_id {
        let cause = PortError::new("the registry answered with another client than was asked for");
        return Err(Rejection::unavailable(ServerFault::Registry, cause));
    }
    Ok(client)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policy", &self.policy.name())
            .field("audiences", &self.audiences)
            .field("registry", &self.registry)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

/// How far a verification has come.
pub(crate) enum Progress {
    Done(Result<ClientIdentity, Rejection>),
    Waiting(Waiting),
}

/// What a port is being asked.
pub(crate) enum Waiting {
    Client(BoxFuture<Found>),
    Admission(Option<Unspent>, BoxFuture<Admitted>),
}

/// What a port has answered.
pub(crate) enum Answered {
    Client(Found),
    Admission(Unspent, Admitted),
}

impl Waiting {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answered> {
        match self {
            Self::Client(future) => future.as_mut().poll(cx).map(Answered::Client),
            Self::Admission(unspent, future) => {
                // Taken with the answer, and there is but one answer.
                let Some(taken) = unspent.take() else { return Poll::Pending };
                match future.as_mut().poll(cx) {
                    Poll::Ready(admitted) => Poll::Ready(Answered::Admission(taken, admitted)),
                    Poll::Pending => {
                        *unspent = Some(taken);
                        Poll::Pending
                    }
                }
            }
        }
    }
}

/// Configures a [`Verifier`].
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder(Verifier);

impl VerifierBuilder {
    /// Accepts assertions that address this URL. Call it again for each alias.
    ///
    /// Values are compared byte for byte: no trailing slash, port or case is forgiven (RFC 7519, section 2).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// Reads the time from `clock`. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Box::new(clock);
        self
    }

    /// Reports every outcome to `events`. Default: to nobody.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.0.events = Some(Box::new(events));
        self
    }

    /// Bounds the parts of a request. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// - There is no audience, or one is empty or not printable ASCII.
    /// - A skew is over 300 s (RFC 7519, section 4.1.4: "no more than a few minutes"), or the maximum age is zero or over
    ///   a day, or one of them is not of whole seconds.
    /// - The policy allows no algorithm, or none that a registered key can verify.
    /// - A limit is zero, or the JSON depth is over 64.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let Self(verifier) = self;
        check_audiences(&verifier.audiences)?;
        check_times(&verifier.policy)?;
        check_algorithms(verifier.policy.algorithms, verifier.registry.algorithms())?;
        check_limits(&verifier.limits)?;
        Ok(verifier)
    }
}

fn check_audiences(audiences: &[Box<str>]) -> Result<(), ConfigError> {
    if audiences.is_empty() {
        return Err(ConfigError::NoAudience);
    }
    let valid = |audience: &str| !audience.is_empty() && audience.bytes().all(|byte| byte.is_ascii_graphic());
    match audiences.iter().find(|audience| !valid(audience)) {
        Some(audience) => Err(ConfigError::InvalidAudience { audience: audience.to_string() }),
        None => Ok(()),
    }
}

fn check_times(policy: &Policy) -> Result<(), ConfigError> {
    const LONGEST_SKEW: Duration = Duration::from_secs(300);
    const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);
    for (setting, skew) in [("future_skew", policy.future_skew), ("expiry_skew", policy.expiry_skew)] {
        if skew > LONGEST_SKEW {
            return Err(ConfigError::SkewTooLarge { setting });
        }
    }
    let times = [("future_skew", policy.future_skew), ("expiry_skew", policy.expiry_skew), ("max_age", policy.max_age)];
    if let Some((setting, _)) = times.into_iter().find(|(_, time)| time.subsec_nanos() != 0) {
        return Err(ConfigError::FractionOfASecond { setting });
    }
    match policy.max_age {
        Duration::ZERO => Err(ConfigError::Zero { setting: "max_age" }),
        age if age > LONGEST_AGE => {
            Err(ConfigError::TooLarge { setting: "max_age (seconds)", limit: LONGEST_AGE.as_secs() })
        }
        _ => Ok(()),
    }
}

fn check_algorithms(allowed: AlgorithmSet, registered: Option<AlgorithmSet>) -> Result<(), ConfigError> {
    if allowed.is_empty() {
        return Err(ConfigError::NoAlgorithms);
    }
    match registered {
        // Without any client there is no key that could contradict the policy.
        Some(registered) if !registered.is_empty() && allowed.intersection(registered).is_empty() => {
            Err(ConfigError::UnmeetableAlgorithms { allowed, registered })
        }
        _ => Ok(()),
    }
}

fn check_limits(limits: &Limits) -> Result<(), ConfigError> {
    let Limits { parameters, assertion, header, json_depth, kid, jti, client_id, audiences } = limits;
    let counts = [
        ("limit parameters", parameters),
        ("limit assertion", assertion),
        ("limit header", header),
        ("limit json_depth", json_depth),
        ("limit kid", kid),
        ("limit jti", jti),
        ("limit client_id", client_id),
        ("limit audiences", audiences),
    ];
    if let Some((setting, _)) = counts.into_iter().find(|(_, count)| **count == 0) {
        return Err(ConfigError::Zero { setting });
    }
    // The scanner recurses once a level.
    match *json_depth {
        0..=64 => Ok(()),
        _ => Err(ConfigError::TooLarge { setting: "limit json_depth", limit: 64 }),
    }
}
