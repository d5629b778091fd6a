//! The response to a refused call. A gRPC response without a message consists of its headers, with
//! the status among them.

use http::{HeaderName, HeaderValue, Response, header};

use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::render::standard_response;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The gRPC status codes in use, as they are written on the wire.
const INVALID_ARGUMENT: &str = "3";
const RESOURCE_EXHAUSTED: &str = "8";
const INTERNAL: &str = "13";
const UNAVAILABLE: &str = "14";
const UNAUTHENTICATED: &str = "16";

pub(crate) fn response<RB: Default>(rejection: &Rejection) -> Response<RB> {
    let standard = standard_response(rejection.kind()).description;
    let (status, message) = match rejection.kind() {
        RejectionKind::Client(fault) => client_status(fault, standard),
        RejectionKind::Server(fault) => (server_status(fault), standard),
    };
    let mut response = Response::new(RB::default());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    // No message has a character that needs percent-encoding here.
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    response.extensions_mut().insert(rejection.clone());
    response
}

/// Returns the status and the message. `standard` is the text about a form, which also fits most
/// faults of metadata.
fn client_status(fault: &ClientFault, standard: &'static str) -> (&'static str, &'static str) {
    use ClientFault as F;
    match fault {
        F::FormMalformed => (INVALID_ARGUMENT, "Metadata are not valid UTF-8"),
        F::RepeatedParameter(_) | F::TooManyParameters => {
            (INVALID_ARGUMENT, "Client assertion metadata must not be repeated")
        }
        F::MissingAssertionType => (INVALID_ARGUMENT, "Missing client-assertion-type metadata"),
        F::UnsupportedAssertionType => (INVALID_ARGUMENT, "Unsupported client-assertion-type"),
        F::MissingAssertion => (INVALID_ARGUMENT, "Missing client-assertion metadata"),
        F::CredentialsInQuery => (INVALID_ARGUMENT, standard),
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
        | F::Replayed => (UNAUTHENTICATED, standard),
        // These do not occur in a call. Its method and messages are not checked, and it has no
        // grant type.
        F::Method
        | F::ContentEncoding
        | F::ContentType
        | F::BodyTooLarge
        | F::BodyUnreadable
        | F::BodyTimeout
        | F::MissingGrantType
        | F::UnsupportedGrantType => (UNAUTHENTICATED, standard),
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
