//! What a refused call is told. A gRPC response that has no message is its headers alone, with the status among them.

use http::{HeaderName, HeaderValue, Response, header};

use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};
use crate::render::{describe, describe_ours};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The codes of gRPC that we use, as they go over the wire.
const INVALID_ARGUMENT: &str = "3";
const RESOURCE_EXHAUSTED: &str = "8";
const INTERNAL: &str = "13";
const UNAVAILABLE: &str = "14";
const UNAUTHENTICATED: &str = "16";

pub(crate) fn response<RB: Default>(rejection: &Rejection) -> Response<RB> {
    let mut response = Response::new(RB::default());
    let (status, message) = match rejection.kind() {
        RejectionKind::Client(fault) => of_theirs(fault),
        RejectionKind::Server(fault) => (of_ours(fault), describe_ours(fault)),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    // No message has a character that would have to be percent-encoded here.
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    response.extensions_mut().insert(rejection.clone());
    response
}

/// In the words of the metadata where they differ from those of a form.
fn of_theirs(fault: &ClientFault) -> (&'static str, &'static str) {
    match fault {
        ClientFault::FormMalformed => (INVALID_ARGUMENT, "Metadata are not valid UTF-8"),
        ClientFault::RepeatedParameter(_) => (INVALID_ARGUMENT, "Client assertion metadata must not be repeated"),
        ClientFault::TooManyParameters => (INVALID_ARGUMENT, "Client assertion metadata must not be repeated"),
        ClientFault::MissingAssertionType => (INVALID_ARGUMENT, "Missing client-assertion-type metadata"),
        ClientFault::UnsupportedAssertionType => (INVALID_ARGUMENT, "Unsupported client-assertion-type"),
        ClientFault::MissingAssertion => (INVALID_ARGUMENT, "Missing client-assertion metadata"),
        ClientFault::CredentialsInQuery => (INVALID_ARGUMENT, describe(fault)),
        _ => (UNAUTHENTICATED, describe(fault)),
    }
}

fn of_ours(fault: &ServerFault) -> &'static str {
    match fault {
        ServerFault::ClientOverloaded => RESOURCE_EXHAUSTED,
        fault if fault.is_lasting() => INTERNAL,
        _ => UNAVAILABLE,
    }
}
