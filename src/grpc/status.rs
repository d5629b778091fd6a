//! The response to a refused call. A gRPC response without a message consists of its headers, with
//! the status among them.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, Response, header};

use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::render::standard_response;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The gRPC status codes in use, as they are written on the wire.
const INVALID_ARGUMENT: &str = "3";
const NOT_FOUND: &str = "5";
const RESOURCE_EXHAUSTED: &str = "8";
const INTERNAL: &str = "13";
const UNAVAILABLE: &str = "14";
const UNAUTHENTICATED: &str = "16";

/// Whether a refused call is told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Messages {
    Sent,
    /// The status alone is sent.
    Withheld,
}

pub(crate) fn response<RB: Default>(rejection: &Rejection, messages: Messages) -> Response<RB> {
    let (status, own) = match rejection.kind() {
        RejectionKind::Client(fault) => client_status(fault),
        RejectionKind::Server(fault) => (server_status(fault), None),
    };
    let mut response = Response::new(RB::default());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    if messages == Messages::Sent {
        let message = own.map_or_else(|| standard_response(rejection.kind()).description, Cow::Borrowed);
        // No message has a character that needs percent-encoding, or that a header cannot have.
        let message = HeaderValue::from_str(&message).unwrap_or(HeaderValue::from_static(""));
        headers.insert(GRPC_MESSAGE, message);
    }
    response.extensions_mut().insert(rejection.clone());
    response
}

/// Returns the status, and the message if the text about a form does not fit metadata.
fn client_status(fault: &ClientFault) -> (&'static str, Option<&'static str>) {
    use ClientFault as F;
    match fault {
        F::TenantUnknown => (NOT_FOUND, None),
        F::FormMalformed => (INVALID_ARGUMENT, Some("Metadata are not valid UTF-8")),
        F::RepeatedParameter(_) => (INVALID_ARGUMENT, Some("Client assertion metadata must not be repeated")),
        F::TooManyParameters => (INVALID_ARGUMENT, Some("Too many metadata or query parameters")),
        F::MissingAssertionType => (INVALID_ARGUMENT, Some("Missing client-assertion-type metadata")),
        F::UnsupportedAssertionType => (INVALID_ARGUMENT, Some("Unsupported client-assertion-type")),
        F::MissingAssertion => (INVALID_ARGUMENT, Some("Missing client-assertion metadata")),
        F::CredentialsInQuery => (INVALID_ARGUMENT, None),
        F::NoAuthentication(_) => (UNAUTHENTICATED, Some("Client authentication required")),
        F::SeveralMechanisms(_)
        | F::AssertionTooLong
        | F::NotThreeParts
        | F::Encrypted
        | F::NotBase64Url(..)
        | F::HeaderTooLong
        | F::NotJsonObject(..)
        | F::KidMissing
        | F::KidTooLong
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
        | F::SignatureLength
        | F::BadSignature
        | F::Replayed
        | F::OtherMethod(_) => (UNAUTHENTICATED, None),
        // These do not occur in a call. Its method and messages are not checked, and it has no
        // grant type.
        F::Method
        | F::ContentEncoding
        | F::ContentType
        | F::Charset
        | F::BodyTooLarge
        | F::BodyUnreadable
        | F::BodyTimeout
        | F::MissingGrantType
        | F::UnsupportedGrantType => (UNAUTHENTICATED, None),
    }
}

fn server_status(fault: &ServerFault) -> &'static str {
    use ServerFault as F;
    match fault {
        F::Clock | F::Registry | F::KeySetFetch | F::ReplayStore | F::Timer | F::Overloaded => UNAVAILABLE,
        F::ClientOverloaded | F::ClientQuota => RESOURCE_EXHAUSTED,
        F::MountedTwice | F::BodyConsumed => INTERNAL,
    }
}
