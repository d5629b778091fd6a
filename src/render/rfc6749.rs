//! The standard vocabulary: how RFC 6749 and RFC 7521 answer each fault.

use bytes::Bytes;
use http::{Response, StatusCode, header};

use super::RenderRejection;
use super::link::ErrorLink;
use super::response::ErrorResponse;
use crate::rejection::{
    AuthScheme, Base64UrlFault, Claim, ClaimFault, ClientFault, Rejection, RejectionKind, ServerFault,
};
use crate::setting::SettingError;

/// Answers as RFC 6749, section 5.2, and RFC 7521, section 4.2.1, require, with a description of
/// the first fault.
///
/// This is the default for every profile except Redox.
#[derive(Clone, Debug, Default)]
pub struct Rfc6749 {
    link: ErrorLink,
}

impl Rfc6749 {
    /// Adds one `error_uri` to every response: a page that explains the errors. Default: none. It
    /// replaces [`error_pages`](Self::error_pages).
    ///
    /// # Errors
    ///
    /// Fails if it is not a URI reference (RFC 6749, section 5.2; RFC 3986).
    pub fn error_uri(mut self, uri: &str) -> Result<Self, SettingError> {
        self.link = ErrorLink::one(uri)?;
        Ok(self)
    }

    /// Adds an `error_uri` to every response that leads to the section about its description.
    /// Default: none. It replaces [`error_uri`](Self::error_uri).
    ///
    /// `base` is the URI of the page. The fragment after it is made of the description alone:
    /// responses with the same text have the same link, so that the link says no more than the
    /// text. That of an empty text is `blank`.
    ///
    /// ```
    /// use tower_client_assertion::rejection::ClientFault;
    /// use tower_client_assertion::render::{RenderRejection, Rfc6749};
    ///
    /// let page = "https://docs.example.com/errors";
    /// let renderer = Rfc6749::default().error_pages(page)?;
    /// let body = |fault: ClientFault| renderer.render(&fault.into()).into_body();
    ///
    /// let link = b"/errors#client-authentication-failed";
    /// for fault in [ClientFault::UnknownClient, ClientFault::NoKey] {
    ///     assert!(body(fault).windows(link.len()).any(|part| part == link));
    /// }
    ///
    /// // The fragment is for the topic.
    /// assert!(Rfc6749::default().error_pages("/errors#top").is_err());
    /// # Ok::<(), tower_client_assertion::SettingError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if it is not a URI reference (RFC 6749, section 5.2; RFC 3986), or has a fragment.
    pub fn error_pages(mut self, base: &str) -> Result<Self, SettingError> {
        self.link = ErrorLink::topics(base)?;
        Ok(self)
    }
}

impl RenderRejection for Rfc6749 {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let response = standard_response(rejection.kind());
        response.respond(Some(&response.description), self.link.about(&response.description).as_deref())
    }

    fn depends_on_kind_alone(&self) -> bool {
        true
    }
}

/// Returns the status, code and description for a rejection. The descriptions keep to the
/// characters of RFC 6749, appendix A.8.
pub(crate) fn standard_response(kind: &RejectionKind) -> ErrorResponse {
    match kind {
        RejectionKind::Client(fault) => client_response(fault),
        RejectionKind::Server(fault) => server_response(fault),
    }
}

/// An unknown client and a client without the key get the same text. That makes guessing client ids
/// harder, not impossible: a sender who knows a client's `kid`, or may omit it, is told about the
/// signature, and one who uses the wrong kind of algorithm is told about that. The client's own
/// developers need these texts. [`Opaque`](super::Opaque) omits them all.
fn client_response(fault: &ClientFault) -> ErrorResponse {
    use ClientFault as F;
    let invalid_request = ErrorResponse::invalid_request;
    let invalid_client = ErrorResponse::invalid_client;
    match fault {
        F::TenantUnknown => invalid_request("Unknown tenant").with_status(StatusCode::NOT_FOUND),
        // RFC 9110, section 15.5.6, requires `Allow`.
        F::Method => invalid_request("Token requests must use POST")
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_header(header::ALLOW, "POST"),
        // RFC 9110, section 15.5.16.
        F::ContentEncoding => invalid_request("Request body must not have a content encoding")
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .with_header(header::ACCEPT_ENCODING, "identity"),
        F::ContentType => invalid_request("Content-Type must be application/x-www-form-urlencoded"),
        F::Charset => invalid_request("Content-Type must be application/x-www-form-urlencoded in UTF-8"),
        F::BodyTooLarge => invalid_request("Request body too large").with_status(StatusCode::PAYLOAD_TOO_LARGE),
        F::BodyUnreadable => invalid_request("Request body could not be read"),
        F::BodyTimeout => {
            invalid_request("Request body did not arrive in time").with_status(StatusCode::REQUEST_TIMEOUT)
        }
        F::FormMalformed => invalid_request("Request body is not valid form data"),
        F::TooManyParameters => invalid_request("Request body has too many parameters"),
        F::RepeatedParameter(parameter) => {
            ErrorResponse::invalid_request(format!("Parameter '{parameter}' must not be repeated"))
        }
        F::CredentialsInQuery => invalid_request("Client credentials must not be sent in the query string"),
        F::MissingGrantType => invalid_request("Missing grant_type parameter"),
        F::UnsupportedGrantType => ErrorResponse::new("unsupported_grant_type", "Grant type is not supported"),
        F::SeveralMechanisms(scheme) => {
            invalid_client("More than one client authentication method was used").challenging(*scheme)
        }
        F::NoAuthentication(scheme) => describe_no_authentication(*scheme),
        F::MissingAssertionType => invalid_request("Missing client_assertion_type parameter"),
        F::UnsupportedAssertionType => invalid_request("Unsupported client_assertion_type"),
        F::MissingAssertion => invalid_request("Missing client_assertion parameter"),
        F::AssertionTooLong => invalid_client("Client assertion is too long"),
        F::NotThreeParts => invalid_client("Client assertion must have three components"),
        F::Encrypted => invalid_client("Encrypted client assertions are not supported"),
        F::NotBase64Url(_, fault) => invalid_client(describe_base64url(*fault)),
        F::HeaderTooLong => invalid_client("JWT header is too long"),
        F::NotJsonObject(part, fault) => ErrorResponse::invalid_client(format!("JWT {part} {fault}")),
        F::KidMissing | F::KidNeeded => invalid_client("JWT header 'kid' is required"),
        F::KidTooLong => invalid_client("JWT header 'kid' is too long"),
        F::KidInvalid => invalid_client("JWT header 'kid' is invalid"),
        F::AlgorithmNotAllowed => invalid_client("Signing algorithm is not allowed"),
        F::AlgorithmNotRegistered => invalid_client("Signing algorithm does not match the registered one"),
        F::CriticalHeader => invalid_client("Unsupported critical header parameter"),
        F::Claim(claim, fault) => invalid_client(describe_claim(*claim, *fault)),
        F::ClientIdMismatch => invalid_client("client_id does not match the client assertion"),
        F::UnknownClient | F::NoKey | F::AmbiguousKey | F::WeakKey => invalid_client("Client authentication failed"),
        F::MethodNotRegistered => invalid_client("Authentication method is not registered for this client"),
        F::KeySetUnavailable => invalid_client("Client key set could not be retrieved"),
        F::JkuMismatch => invalid_client("JWT header 'jku' does not match the registered key set URL"),
        F::SignatureLength => invalid_client("Client assertion signature has the wrong length for its algorithm"),
        F::BadSignature => invalid_client("Client assertion signature is invalid"),
        F::Replayed => invalid_client("Client assertion has already been used"),
        F::OtherMethod(scheme) => ErrorResponse::invalid_client("Client authentication failed").challenging(*scheme),
    }
}

/// A client that sent another scheme than `Basic` did not authenticate by a header. It probably
/// sent its assertion there, so a challenge of that scheme would invite it to do the same again.
fn describe_no_authentication(scheme: Option<AuthScheme>) -> ErrorResponse {
    match scheme {
        None | Some(AuthScheme::Basic) => {
            ErrorResponse::invalid_client("Client authentication required").challenging(scheme)
        }
        Some(AuthScheme::Bearer | AuthScheme::DPoP | AuthScheme::Other) => ErrorResponse::invalid_client(
            "client_assertion is missing from the form and cannot be sent in the Authorization header",
        ),
    }
}

fn describe_base64url(fault: Base64UrlFault) -> &'static str {
    match fault {
        Base64UrlFault::Padding => "Client assertion has characters that are not base64url: padding",
        Base64UrlFault::StandardAlphabet => "Client assertion has characters that are not base64url: '+' or '/'",
        Base64UrlFault::WhiteSpace => "Client assertion has characters that are not base64url: white space",
        Base64UrlFault::Character => "Client assertion has characters that are not base64url",
        Base64UrlFault::Incomplete => "Client assertion is not complete base64url",
    }
}

fn describe_claim(claim: Claim, fault: ClaimFault) -> &'static str {
    use ClaimFault::{Future, Malformed, Missing, Past, TooLong, Unexpected};
    match (claim, fault) {
        (Claim::Iss, TooLong) => "iss claim is too long",
        (Claim::Iss, _) => "Unexpected iss claim",
        // Either of the two may be the wrong one.
        (Claim::Sub, Unexpected) => "iss and sub must both be the client id",
        (Claim::Sub, _) => "Unexpected sub claim",
        (Claim::Jti, TooLong) => "jti claim is too long",
        (Claim::Jti, _) => "Unexpected jti claim",
        (Claim::Aud, TooLong) => "aud claim has too many values",
        (Claim::Aud, _) => "Unexpected aud claim",
        (Claim::Typ, _) => "Unexpected JWT type",
        (Claim::Iat, Missing) => "Missing iat claim",
        (Claim::Iat, Malformed | TooLong | Unexpected) => "The iat claim must be a number",
        (Claim::Iat, Past) => "iat is too far in the past",
        (Claim::Iat, Future) => "iat is in the future",
        (Claim::Nbf, Malformed | TooLong | Unexpected) => "The nbf claim must be a number",
        (Claim::Nbf, Missing | Past | Future) => "Client assertion is not yet valid",
        (Claim::Exp, Missing) => "Missing exp claim",
        (Claim::Exp, Malformed | TooLong | Unexpected) => "The exp claim must be a number",
        (Claim::Exp, Past) => "Client assertion has expired",
        (Claim::Exp, Future) => "exp is too far in the future",
    }
}

/// A client does not need to know which dependency failed, only that it should try again. The two
/// codes are defined for the authorization endpoint (RFC 6749, section 4.1.2.1); at the token
/// endpoint they are an extension.
fn server_response(fault: &ServerFault) -> ErrorResponse {
    use ServerFault as F;
    let unavailable = |description| {
        ErrorResponse::new("temporarily_unavailable", description).with_status(StatusCode::SERVICE_UNAVAILABLE)
    };
    match fault {
        F::Clock | F::Registry | F::KeySetFetch | F::ReplayStore | F::Timer => {
            unavailable("The authorization server is temporarily unavailable").with_retry_after("5")
        }
        // A signature check takes less than a millisecond, so the shortest possible delay is ample.
        F::Overloaded => unavailable("The authorization server is temporarily unavailable").with_retry_after("1"),
        // RFC 6585, section 4.
        F::ClientOverloaded => unavailable("Too many requests of this client at once")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_retry_after("1"),
        // Places come back one by one, as assertions expire, which live for minutes.
        F::ClientQuota => unavailable("This client has too many unexpired assertions")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_retry_after("30"),
        F::MountedTwice | F::BodyConsumed => {
            ErrorResponse::new("server_error", "The authorization server is misconfigured")
                .with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
