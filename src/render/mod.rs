//! What a refused client is told.
//!
//! Whoever sits at the client's end sees nothing but these answers, so each says what to mend, in words of a fixed set:
//! nothing of the request is ever repeated. Three renderers are here; a closure is one too.
//!
//! ```
//! use http::{Response, StatusCode};
//! use tower_client_assertion::Rejection;
//! use tower_client_assertion::rejection::{ClientFault, ServerFault};
//! use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749};
//!
//! let replayed = Rejection::from(ClientFault::Replayed);
//! let body = |renderer: &dyn RenderRejection| renderer.render(&replayed).into_body();
//!
//! assert_eq!(body(&Redox::default()), r#"{"error":"invalid_request","error_description":"Unexpected jti claim value"}"#);
//! assert_eq!(
//!     body(&Rfc6749::default()),
//!     r#"{"error":"invalid_client","error_description":"Client assertion has already been used"}"#,
//! );
//! assert_eq!(body(&Opaque), r#"{"error":"invalid_client"}"#);
//!
//! // What is our fault is never the client's.
//! let ours = Rfc6749::default().render(&Rejection::from(ServerFault::Registry));
//! assert_eq!(ours.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(ours.headers()["retry-after"], "5");
//! ```

mod redox;
mod response_cache;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::rejection::{AuthScheme, Claim, ClaimFault, ClientFault, Parameter, Rejection, RejectionKind, ServerFault};
use crate::setting::{Setting, SettingError};

pub use redox::Redox;
pub(crate) use response_cache::ResponseCache;

/// Makes the response to a refused request.
///
/// The layer sets `Content-Length` and puts the [`Rejection`] into the response's extensions, whatever this returns. A closure
/// will do:
///
/// ```
/// use http::{Response, StatusCode};
/// use tower_client_assertion::Rejection;
/// use tower_client_assertion::rejection::{ClientFault, RejectionKind};
/// use tower_client_assertion::render::RenderRejection;
///
/// let renderer = |rejection: &Rejection| {
///     let (status, text) = match rejection.kind() {
///         RejectionKind::Client(_) => (StatusCode::BAD_REQUEST, "no"),
///         _ => (StatusCode::SERVICE_UNAVAILABLE, "later"),
///     };
///     let mut response = Response::new(text.into());
///     *response.status_mut() = status;
///     response
/// };
/// let response = renderer.render(&Rejection::from(ClientFault::Replayed));
/// assert_eq!((response.status(), &response.body()[..]), (StatusCode::BAD_REQUEST, &b"no"[..]));
/// ```
pub trait RenderRejection: Send + Sync + 'static {
    /// The response to `rejection`.
    fn render(&self, rejection: &Rejection) -> Response<Bytes>;

    /// Whether the response to a rejection depends on its [kind](Rejection::kind) alone. The layer then asks for it once, and
    /// answers with copies. Default: no, so that a renderer may count, or tell one request from another.
    fn depends_on_kind_alone(&self) -> bool {
        false
    }
}

impl<F: Fn(&Rejection) -> Response<Bytes> + Send + Sync + 'static> RenderRejection for F {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        self(rejection)
    }
}

/// Answers as RFC 6749, section 5.2, and RFC 7521, section 4.2.1, ask, with a description of the first fault.
#[derive(Clone, Debug, Default)]
pub struct Rfc6749 {
    error_uri: Option<Box<str>>,
}

impl Rfc6749 {
    /// Adds an `error_uri` to every answer: a page that explains them.
    ///
    /// # Errors
    ///
    /// The URI is empty or has a character outside those of RFC 6749, appendix A.9.
    pub fn error_uri(mut self, uri: &str) -> Result<Self, SettingError> {
        self.error_uri = Some(checked_uri(uri)?);
        Ok(self)
    }
}

impl RenderRejection for Rfc6749 {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let description = match rejection.kind() {
            RejectionKind::Client(fault) => describe(fault),
            RejectionKind::Server(fault) => describe_ours(fault),
        };
        let error = code(rejection.kind());
        respond(
            rejection.kind(),
            &OAuthError { error, error_description: Some(description), error_uri: self.error_uri.as_deref() },
        )
    }

    fn depends_on_kind_alone(&self) -> bool {
        true
    }
}

/// Answers as [`Rfc6749`] does, and says nothing but the code.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opaque;

impl RenderRejection for Opaque {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let error = code(rejection.kind());
        respond(rejection.kind(), &OAuthError { error, error_description: None, error_uri: None })
    }

    fn depends_on_kind_alone(&self) -> bool {
        true
    }
}

/// The client need not know what ails us, only whether to try again.
pub(crate) fn describe_ours(fault: &ServerFault) -> &'static str {
    match fault {
        fault if fault.is_lasting() => "The authorization server is misconfigured",
        ServerFault::ClientOverloaded => "Too many requests of this client at once",
        _ => "The authorization server is temporarily unavailable",
    }
}

/// `temporarily_unavailable` and `server_error` are defined for the authorization endpoint (RFC 6749, section 4.1.2.1); at the
/// token endpoint they are custom.
fn code(kind: &RejectionKind) -> &'static str {
    use ClientFault as F;
    match kind {
        RejectionKind::Server(fault) if fault.is_lasting() => "server_error",
        RejectionKind::Server(_) => "temporarily_unavailable",
        RejectionKind::Client(fault) => match fault {
            F::Method
            | F::ContentEncoding
            | F::ContentType
            | F::BodyTooLarge
            | F::BodyUnreadable
            | F::BodyTimeout
            | F::FormMalformed
            | F::TooManyParameters
            | F::RepeatedParameter(_)
            | F::CredentialsInQuery
            | F::MissingGrantType
            | F::MissingAssertionType
            | F::UnsupportedAssertionType
            | F::MissingAssertion => "invalid_request",
            F::UnsupportedGrantType => "unsupported_grant_type",
            F::SeveralMechanisms(_)
            | F::NoAuthentication(_)
            | F::AssertionTooLong
            | F::NotThreeParts
            | F::Encrypted
            | F::Malformed
            | F::KidMissing
            | F::KidInvalid
            | F::AlgorithmNotAllowed
            | F::AlgorithmNotRegistered
            | F::CriticalHeader
            | F::Claim(..)
            | F::ClientIdMismatch
            | F::UnknownClient
            | F::MethodNotRegistered
            | F::JkuMismatch
            | F::KeySetUnavailable
            | F::NoKey
            | F::AmbiguousKey
            | F::KidNeeded
            | F::WeakKey
            | F::BadSignature
            | F::Replayed => "invalid_client",
        },
    }
}

/// The texts of all profiles but Redox's, within the characters of RFC 6749, appendix A.8. An unknown client and a client
/// without the key read the same. That makes guessing names harder, not impossible: whoever knows a client's `kid`, or may
/// leave it out, is told of the signature, and whoever takes the other kind of algorithm is told of that, as the client's
/// own engineers must be. [`Opaque`] tells nobody.
pub(crate) fn describe(fault: &ClientFault) -> &'static str {
    use ClientFault as F;
    match fault {
        F::Method => "Token requests must use POST",
        F::ContentEncoding => "Request body must not have a content encoding",
        F::ContentType => "Content-Type must be application/x-www-form-urlencoded",
        F::BodyTooLarge => "Request body too large",
        F::BodyUnreadable => "Request body could not be read",
        F::BodyTimeout => "Request body did not arrive in time",
        F::FormMalformed => "Request body is not valid form data",
        F::TooManyParameters => "Request body has too many parameters",
        F::RepeatedParameter(parameter) => repeated(*parameter),
        F::CredentialsInQuery => "Client credentials must not be sent in the query string",
        F::MissingGrantType => "Missing grant_type parameter",
        F::UnsupportedGrantType => "Grant type is not supported",
        F::SeveralMechanisms(_) => "More than one client authentication method was used",
        F::NoAuthentication(_) => "Client authentication required",
        F::MissingAssertionType => "Missing client_assertion_type parameter",
        F::UnsupportedAssertionType => "Unsupported client_assertion_type",
        F::MissingAssertion => "Missing client_assertion parameter",
        F::AssertionTooLong => "Client assertion is too long",
        F::NotThreeParts => "Client assertion must have three components",
        F::Encrypted => "Encrypted client assertions are not supported",
        F::Malformed => "Client assertion is not a valid JWT",
        F::KidMissing | F::KidNeeded => "JWT header 'kid' is required",
        F::KidInvalid => "JWT header 'kid' is invalid",
        F::AlgorithmNotAllowed => "Signing algorithm is not allowed",
        F::AlgorithmNotRegistered => "Signing algorithm does not match the registered one",
        F::CriticalHeader => "Unsupported critical header parameter",
        F::Claim(claim, fault) => describe_claim(*claim, *fault),
        F::ClientIdMismatch => "client_id does not match the client assertion",
        F::UnknownClient | F::NoKey | F::AmbiguousKey | F::WeakKey => "Client authentication failed",
        F::MethodNotRegistered => "Authentication method is not registered for this client",
        F::KeySetUnavailable => "Client key set could not be retrieved",
        F::JkuMismatch => "JWT header 'jku' does not match the registered key set URL",
        F::BadSignature => "Client assertion signature is invalid",
        F::Replayed => "Client assertion has already been used",
    }
}

fn describe_claim(claim: Claim, fault: ClaimFault) -> &'static str {
    use ClaimFault::{Future, Malformed, Missing, Past, Unexpected};
    match (claim, fault) {
        (Claim::Iss, _) => "Unexpected iss claim",
        (Claim::Sub, _) => "Unexpected sub claim",
        (Claim::Jti, _) => "Unexpected jti claim",
        (Claim::Aud, _) => "Unexpected aud claim",
        (Claim::Typ, _) => "Unexpected JWT type",
        (Claim::Iat, Missing) => "Missing iat claim",
        (Claim::Iat, Malformed | Unexpected) => "The iat claim must be a number",
        (Claim::Iat, Past) => "iat is too far in the past",
        (Claim::Iat, Future) => "iat is in the future",
        (Claim::Nbf, Malformed | Unexpected) => "The nbf claim must be a number",
        (Claim::Nbf, Missing | Past | Future) => "Client assertion is not yet valid",
        (Claim::Exp, Missing) => "Missing exp claim",
        (Claim::Exp, Malformed | Unexpected) => "The exp claim must be a number",
        (Claim::Exp, Past) => "Client assertion has expired",
        (Claim::Exp, Future) => "exp is too far in the future",
    }
}

fn repeated(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::ClientAssertion => "Parameter 'client_assertion' must not be repeated",
        Parameter::ClientAssertionType => "Parameter 'client_assertion_type' must not be repeated",
        Parameter::ClientId => "Parameter 'client_id' must not be repeated",
        Parameter::ClientSecret => "Parameter 'client_secret' must not be repeated",
        Parameter::Code => "Parameter 'code' must not be repeated",
        Parameter::CodeVerifier => "Parameter 'code_verifier' must not be repeated",
        Parameter::GrantType => "Parameter 'grant_type' must not be repeated",
        Parameter::RedirectUri => "Parameter 'redirect_uri' must not be repeated",
        Parameter::RefreshToken => "Parameter 'refresh_token' must not be repeated",
        Parameter::Scope => "Parameter 'scope' must not be repeated",
    }
}

/// The body of an error response (RFC 6749, section 5.2).
#[derive(serde::Serialize)]
struct OAuthError<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<&'a str>,
}

/// Status and headers, which follow from the kind alone, around `body`.
fn respond(kind: &RejectionKind, body: &OAuthError<'_>) -> Response<Bytes> {
    // Three strings always serialise; were it otherwise, an empty body would still refuse.
    let json = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(json));
    let (status, extra) = status(kind);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if let Some((name, value)) = extra {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The status, and the header that goes with it.
fn status(kind: &RejectionKind) -> (StatusCode, Option<(header::HeaderName, &'static str)>) {
    use ClientFault as F;
    match kind {
        RejectionKind::Server(fault) if fault.is_lasting() => (StatusCode::INTERNAL_SERVER_ERROR, None),
        // RFC 6585, section 4. A check takes less than a millisecond, so the shortest time that can be said is long.
        RejectionKind::Server(ServerFault::ClientOverloaded) => {
            (StatusCode::TOO_MANY_REQUESTS, Some((header::RETRY_AFTER, "1")))
        }
        RejectionKind::Server(ServerFault::Overloaded) => {
            (StatusCode::SERVICE_UNAVAILABLE, Some((header::RETRY_AFTER, "1")))
        }
        // RFC 9110, section 10.2.3: in seconds.
        RejectionKind::Server(_) => (StatusCode::SERVICE_UNAVAILABLE, Some((header::RETRY_AFTER, "5"))),
        // RFC 9110, section 15.5.6: must be sent.
        RejectionKind::Client(F::Method) => (StatusCode::METHOD_NOT_ALLOWED, Some((header::ALLOW, "POST"))),
        // RFC 9110, section 15.5.16.
        RejectionKind::Client(F::ContentEncoding) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some((header::ACCEPT_ENCODING, "identity")))
        }
        RejectionKind::Client(F::BodyTooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        RejectionKind::Client(F::BodyTimeout) => (StatusCode::REQUEST_TIMEOUT, None),
        // RFC 6749, section 5.2: whoever used the Authorization header is challenged with its scheme.
        RejectionKind::Client(F::SeveralMechanisms(Some(scheme)) | F::NoAuthentication(Some(scheme))) => {
            match challenge(*scheme) {
                Some(challenge) => (StatusCode::UNAUTHORIZED, Some((header::WWW_AUTHENTICATE, challenge))),
                None => (StatusCode::BAD_REQUEST, None),
            }
        }
        RejectionKind::Client(_) => (StatusCode::BAD_REQUEST, None),
    }
}

fn challenge(scheme: AuthScheme) -> Option<&'static str> {
    match scheme {
        AuthScheme::Basic => Some("Basic realm=\"token endpoint\""),
        AuthScheme::Bearer => Some("Bearer realm=\"token endpoint\""),
        AuthScheme::DPoP => Some("DPoP realm=\"token endpoint\""),
        // A 401 without a challenge is none (RFC 9110, section 15.5.2), and we know none for this.
        AuthScheme::Other => None,
    }
}

fn checked_uri(uri: &str) -> Result<Box<str>, SettingError> {
    let printable = uri.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    match !uri.is_empty() && printable {
        true => Ok(uri.into()),
        false => {
            let expected = "a URI of printable ASCII without quotation marks and backslashes (RFC 6749, appendix A.9)";
            Err(SettingError::InvalidText { setting: Setting::ErrorUri, value: uri.to_owned(), expected })
        }
    }
}
