//! Why a request was refused: the client's fault or ours, and never a mixture of the two.
//!
//! A [`Rejection`] says what the operator may know. What the client is told is the business of a
//! [renderer](crate::render); both families have one there, and it cannot confuse them.

use std::error::Error;
use std::fmt;

use crate::port::PortError;

/// The refusal of a request.
///
/// It rides in the extensions of every response that this crate generates, whatever renderer made the body, so that
/// logging around the layer can see it.
///
/// ```
/// use tower_client_assertion::Rejection;
/// use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
///
/// let theirs = Rejection::from(ClientFault::Replayed);
/// assert_eq!(theirs.kind(), RejectionKind::Client(ClientFault::Replayed));
/// assert_eq!(theirs.to_string(), "the client assertion has already been used");
///
/// let ours = Rejection::from(ServerFault::Clock);
/// assert_eq!(ours.kind(), RejectionKind::Server(ServerFault::Clock));
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: RejectionKind,
    cause: Option<PortError>,
    proven: bool,
    /// Which of its verifier's policies the request was judged by.
    policy: u8,
}

impl Rejection {
    /// The client's fault, with what the operator should know about it.
    pub(crate) fn because(fault: ClientFault, cause: PortError) -> Self {
        Self { cause: Some(cause), ..Self::from(fault) }
    }

    /// Our fault, with what the port said about it.
    pub(crate) fn unavailable(fault: ServerFault, cause: PortError) -> Self {
        Self { cause: Some(cause), ..Self::from(fault) }
    }

    /// The same rejection, found after the signature had verified.
    pub(crate) fn of_proven_sender(self) -> Self {
        Self { proven: true, ..self }
    }

    /// The same rejection, by another policy than the verifier's first.
    pub(crate) fn under(self, policy: PolicyIndex) -> Self {
        Self { policy: policy.0, ..self }
    }

    /// The same rejection for another reason.
    pub(crate) fn because_of(self, fault: ServerFault) -> Self {
        Self { kind: RejectionKind::Server(fault), ..self }
    }

    pub(crate) fn policy(&self) -> PolicyIndex {
        PolicyIndex(self.policy)
    }

    /// What was wrong.
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Whether the sender had been proven to be the client that it claims to be: its signature had verified. Most faults are
    /// found before that, a replay too if a look into the store was enough to see it.
    pub fn is_proven(&self) -> bool {
        self.proven
    }
}

/// One of the policies of a verifier, of which there are few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyIndex(pub(crate) u8);

impl From<ClientFault> for Rejection {
    fn from(fault: ClientFault) -> Self {
        Self { kind: RejectionKind::Client(fault), cause: None, proven: false, policy: 0 }
    }
}

impl From<ServerFault> for Rejection {
    fn from(fault: ServerFault) -> Self {
        Self { kind: RejectionKind::Server(fault), cause: None, proven: false, policy: 0 }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

/// Whose fault it was, and what exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The client sent something that it must mend. Answered with a status of the 400s.
    Client(ClientFault),
    /// We could not find out. Answered with 503 and `Retry-After`, as the same request may succeed later; see [`ServerFault`]
    /// for those that are answered otherwise.
    Server(ServerFault),
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(fault) => fault.fmt(f),
            Self::Server(fault) => fault.fmt(f),
        }
    }
}

/// What the client must mend, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientFault {
    /// The method is not POST (RFC 6749, section 3.2).
    Method,
    /// The body is encoded, with gzip say (RFC 9110, section 15.5.16).
    ContentEncoding,
    /// `Content-Type` is missing, repeated, or not `application/x-www-form-urlencoded` (RFC 6749, section 4.4.2).
    ContentType,
    /// The body is longer than the limit (RFC 9110, section 15.5.14).
    BodyTooLarge,
    /// The body ended in an error, or is shorter than its `Content-Length`.
    BodyUnreadable,
    /// The body did not arrive in time.
    BodyTimeout,
    /// A parameter that we read is wrongly percent-encoded or is not UTF-8 (RFC 6749, appendix B).
    FormMalformed,
    /// The form has more parameters than the limit.
    TooManyParameters,
    /// A parameter occurs more than once (RFC 6749, section 3.2).
    RepeatedParameter(Parameter),
    /// Credentials stand in the query (RFC 6749, section 2.3.1).
    CredentialsInQuery,
    /// `grant_type` is missing (RFC 6749, section 4.4.2).
    MissingGrantType,
    /// `grant_type` is not one that the policy permits (RFC 6749, section 5.2).
    UnsupportedGrantType,
    /// An assertion came together with another kind of credential (RFC 6749, section 2.3; RFC 7521, section 4.2.1).
    SeveralMechanisms(Option<AuthScheme>),
    /// Neither `client_assertion` nor `client_assertion_type` came (RFC 6749, section 3.2.1).
    NoAuthentication(Option<AuthScheme>),
    /// `client_assertion_type` is missing beside an assertion (RFC 7521, section 4.2).
    MissingAssertionType,
    /// `client_assertion_type` is not the JWT bearer type (RFC 7523, section 2.2).
    UnsupportedAssertionType,
    /// `client_assertion` is missing beside its type (RFC 7521, section 4.2).
    MissingAssertion,
    /// The assertion is longer than the limit.
    AssertionTooLong,
    /// The assertion does not have three parts (RFC 7515, section 7.1).
    NotThreeParts,
    /// The assertion is, or holds, an encrypted or nested JWT; we verify signatures only.
    Encrypted,
    /// Three parts, but not three base64url parts of which two are JSON objects (RFC 7515, section 5.2).
    Malformed,
    /// The `kid` header parameter is missing, empty or no string (RFC 7515, section 4.1.4).
    KidMissing,
    /// The `kid` header parameter is too long or has control characters.
    KidInvalid,
    /// `alg` is missing, unknown, or not allowed by the policy (RFC 8725, section 3.1).
    AlgorithmNotAllowed,
    /// `alg` is not the one that this client registered (OpenID Connect Registration, section 2).
    AlgorithmNotRegistered,
    /// A `crit` or `b64` header parameter is present; we understand no extension (RFC 7515, section 4.1.11; RFC 7797).
    CriticalHeader,
    /// A claim, or the `typ` header parameter, is not what the policy asks for.
    Claim(Claim, ClaimFault),
    /// The `client_id` parameter names another client than the assertion (RFC 7521, section 4.2).
    ClientIdMismatch,
    /// No client of this name is registered.
    UnknownClient,
    /// The client is registered with keys and used a symmetric algorithm, or with a secret and used an asymmetric one (OpenID
    /// Connect Registration, section 2, `token_endpoint_auth_method`).
    MethodNotRegistered,
    /// `jku` is present and is not the key set URL that the client registered (SMART App Launch).
    KeySetUrl,
    /// The client's key set could not be fetched from the URL that it registered, and no set from before may serve. The
    /// [source](Error::source) says why.
    KeySetUnavailable,
    /// The client has no usable key for this algorithm, of this `kid` if there is one (RFC 8725, section 3.8).
    NoKey,
    /// The client has more than one usable key of this `kid` for this algorithm, and the policy wants exactly one.
    AmbiguousKey,
    /// There is no `kid`, and the client has more than one usable key for this algorithm (OpenID Connect Core, section
    /// 10.1).
    KidNeeded,
    /// The client's key of this `kid` is too weak to be used (RFC 7518, section 3.3).
    WeakKey,
    /// The signature does not verify (RFC 7523, section 3).
    BadSignature,
    /// The assertion has been used before (RFC 7523, section 3).
    Replayed,
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("the method is not POST"),
            Self::ContentEncoding => f.write_str("the body has a content encoding"),
            Self::ContentType => f.write_str("the content type is not application/x-www-form-urlencoded"),
            Self::BodyTooLarge => f.write_str("the body is too large"),
            Self::BodyUnreadable => f.write_str("the body could not be read"),
            Self::BodyTimeout => f.write_str("the body did not arrive in time"),
            Self::FormMalformed => f.write_str("the body is not valid form data"),
            Self::TooManyParameters => f.write_str("the form has too many parameters"),
            Self::RepeatedParameter(parameter) => write!(f, "the parameter {parameter} is repeated"),
            Self::CredentialsInQuery => f.write_str("the query holds client credentials"),
            Self::MissingGrantType => f.write_str("the parameter grant_type is missing"),
            Self::UnsupportedGrantType => f.write_str("the grant type is not permitted"),
            Self::SeveralMechanisms(_) => f.write_str("more than one client authentication method was used"),
            Self::NoAuthentication(_) => f.write_str("no client assertion was sent"),
            Self::MissingAssertionType => f.write_str("the parameter client_assertion_type is missing"),
            Self::UnsupportedAssertionType => f.write_str("the client assertion type is not the JWT bearer type"),
            Self::MissingAssertion => f.write_str("the parameter client_assertion is missing"),
            Self::AssertionTooLong => f.write_str("the client assertion is too long"),
            Self::NotThreeParts => f.write_str("the client assertion does not have three parts"),
            Self::Encrypted => f.write_str("the client assertion is encrypted or nested"),
            Self::Malformed => f.write_str("the client assertion is malformed"),
            Self::KidMissing => f.write_str("the header parameter kid is missing"),
            Self::KidInvalid => f.write_str("the header parameter kid is too long or has control characters"),
            Self::AlgorithmNotAllowed => f.write_str("the signature algorithm is not allowed"),
            Self::AlgorithmNotRegistered => f.write_str("the signature algorithm is not the client's registered one"),
            Self::CriticalHeader => f.write_str("the header has a critical extension"),
            Self::Claim(claim, fault) => write!(f, "{claim} {fault}"),
            Self::ClientIdMismatch => f.write_str("the parameter client_id does not match the client assertion"),
            Self::UnknownClient => f.write_str("the client is not registered"),
            Self::MethodNotRegistered => f.write_str("the client is not registered for this authentication method"),
            Self::KeySetUrl => f.write_str("the header parameter jku is not the client's registered key set URL"),
            Self::KeySetUnavailable => f.write_str("the client's key set could not be retrieved"),
            Self::NoKey => f.write_str("the client has no such usable key for this algorithm"),
            Self::AmbiguousKey => f.write_str("the client has several keys of this kid for this algorithm"),
            Self::KidNeeded => f.write_str("there is no kid, and the client has several keys for this algorithm"),
            Self::WeakKey => f.write_str("the client's key of this kid is too weak"),
            Self::BadSignature => f.write_str("the signature does not verify"),
            Self::Replayed => f.write_str("the client assertion has already been used"),
        }
    }
}

/// What we could not find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerFault {
    /// The [`Clock`](crate::clock::Clock) has no time.
    Clock,
    /// The [`ClientRegistry`](crate::registry::ClientRegistry) gave no usable answer.
    Registry,
    /// A client's key set could not be fetched, and that was not for the client to mend: too much else was being fetched, or
    /// our own network seems to be down.
    KeySetFetch,
    /// The [`ReplayStore`](crate::replay::ReplayStore) gave no answer, or is full.
    ReplayStore,
    /// There is no Tokio runtime to bound a slow body's time with.
    Timer,
    /// As many signatures are being checked as [`SignatureChecks`](crate::overload::SignatureChecks) permits.
    Overloaded,
    /// As many signatures are being checked for this client as [`SignatureChecks`](crate::overload::SignatureChecks) permits
    /// for one. Answered with 429 and `Retry-After`. Whether the client itself has sent them is not known.
    ClientOverloaded,
    /// A layer around this one has authenticated this very request, and spent its assertion: two layers are mounted where one
    /// belongs. Answered with 500, as no other request would fare better.
    MountedTwice,
    /// `Content-Length` speaks of a body and there is none: something around this layer has read it. Answered with 500.
    BodyConsumed,
}

impl ServerFault {
    /// Whether the request will fail again until somebody mends the server.
    pub(crate) fn is_lasting(self) -> bool {
        matches!(self, Self::MountedTwice | Self::BodyConsumed)
    }
}

impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clock => "the clock has no time",
            Self::Registry => "the client registry is unavailable",
            Self::KeySetFetch => "the client's key set could not be fetched",
            Self::ReplayStore => "the replay store is unavailable",
            Self::Timer => "there is no Tokio runtime to time a slow body with",
            Self::Overloaded => "too many signatures are being checked",
            Self::ClientOverloaded => "too many signatures are being checked for this client",
            Self::MountedTwice => {
                "a layer around this one has authenticated this request and spent its assertion: mount one of the two"
            }
            Self::BodyConsumed => "the body is gone: something around this layer has read it, and should be inside",
        })
    }
}

/// A form parameter that must not be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// `client_assertion`
    ClientAssertion,
    /// `client_assertion_type`
    ClientAssertionType,
    /// `client_id`
    ClientId,
    /// `client_secret`
    ClientSecret,
    /// `code`
    Code,
    /// `code_verifier`
    CodeVerifier,
    /// `grant_type`
    GrantType,
    /// `redirect_uri`
    RedirectUri,
    /// `refresh_token`
    RefreshToken,
    /// `scope`
    Scope,
}

impl Parameter {
    /// The parameter of this name, compared byte for byte.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"client_assertion" => Self::ClientAssertion,
            b"client_assertion_type" => Self::ClientAssertionType,
            b"client_id" => Self::ClientId,
            b"client_secret" => Self::ClientSecret,
            b"code" => Self::Code,
            b"code_verifier" => Self::CodeVerifier,
            b"grant_type" => Self::GrantType,
            b"redirect_uri" => Self::RedirectUri,
            b"refresh_token" => Self::RefreshToken,
            b"scope" => Self::Scope,
            _ => return None,
        })
    }

    /// The name as it stands in a form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client_assertion",
            Self::ClientAssertionType => "client_assertion_type",
            Self::ClientId => "client_id",
            Self::ClientSecret => "client_secret",
            Self::Code => "code",
            Self::CodeVerifier => "code_verifier",
            Self::GrantType => "grant_type",
            Self::RedirectUri => "redirect_uri",
            Self::RefreshToken => "refresh_token",
            Self::Scope => "scope",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The scheme of an `Authorization` header that came with a request. A refusal must answer with a challenge of the same
/// scheme (RFC 6749, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthScheme {
    /// `Basic` (RFC 7617).
    Basic,
    /// `Bearer` (RFC 6750).
    Bearer,
    /// `DPoP` (RFC 9449).
    DPoP,
    /// Any other scheme. We know no challenge for it.
    Other,
}

impl AuthScheme {
    /// The scheme of this header value, in any case (RFC 9110, section 11.1).
    pub(crate) fn of(value: &[u8]) -> Self {
        match value.split(|byte| *byte == b' ').next().unwrap_or_default() {
            scheme if scheme.eq_ignore_ascii_case(b"Basic") => Self::Basic,
            scheme if scheme.eq_ignore_ascii_case(b"Bearer") => Self::Bearer,
            scheme if scheme.eq_ignore_ascii_case(b"DPoP") => Self::DPoP,
            _ => Self::Other,
        }
    }
}

/// A claim of the assertion, or its `typ` header parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// `iss`, the issuer: the client itself (RFC 7523, section 3).
    Iss,
    /// `sub`, the subject: the client itself (RFC 7523, section 3).
    Sub,
    /// `jti`, the identifier of this one assertion (RFC 7519, section 4.1.7).
    Jti,
    /// `aud`, the audience: us (RFC 7523, section 3).
    Aud,
    /// `typ`, the kind of JWT (RFC 7515, section 4.1.9).
    Typ,
    /// `iat`, when it was issued (RFC 7519, section 4.1.6).
    Iat,
    /// `nbf`, from when on it holds (RFC 7519, section 4.1.5).
    Nbf,
    /// `exp`, until when it holds (RFC 7519, section 4.1.4).
    Exp,
}

impl Claim {
    /// The name as it stands in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iss => "iss",
            Self::Sub => "sub",
            Self::Jti => "jti",
            Self::Aud => "aud",
            Self::Typ => "typ",
            Self::Iat => "iat",
            Self::Nbf => "nbf",
            Self::Exp => "exp",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a claim. A claim of the wrong type is never taken for an absent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClaimFault {
    /// Absent though required, or an empty string.
    Missing,
    /// Of the wrong JSON type, too long, or of characters that it may not have.
    Malformed,
    /// Well formed, but not a value that we accept.
    Unexpected,
    /// A moment that is too far in the past.
    Past,
    /// A moment that is too far in the future.
    Future,
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Malformed => "is malformed",
            Self::Unexpected => "is not an accepted value",
            Self::Past => "is too far in the past",
            Self::Future => "is too far in the future",
        })
    }
}
