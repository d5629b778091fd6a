//! A request with a form and an assertion.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body::{Body, Frame, SizeHint};
use zeroize::Zeroizing;

use super::assertion::Assertion;
use super::error::MintError;
use super::minter::Minter;
use crate::endpoint::JWT_BEARER;
use crate::policy::Limits;

/// The minter writes the first three, and a client must not use two mechanisms (RFC 6749, section
/// 2.3).
const RESERVED: &[&str] = &["client_id", "client_assertion", "client_assertion_type", "client_secret"];

/// Builds a POST with a form. Created by [`Minter::request`].
///
/// ```
/// use tower_client_assertion::Policy;
/// use tower_client_assertion::mint::{Minter, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::ES256)?;
/// let minter = Minter::builder(Policy::FAPI2, "reports", key)
///     .issuer("https://as.example.com")
///     .build()?;
/// let par = minter
///     .request("https://as.example.com/par")
///     .parameter("response_type", "code");
/// let form = par.build().await?.into_body().into_bytes();
/// assert!(form.starts_with(b"response_type=code&client_id=reports&"));
///
/// let second = minter
///     .request("https://as.example.com/token")
///     .parameter("client_secret", "hush");
/// assert!(second.build().await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct FormBuilder<'a> {
    minter: &'a Minter,
    endpoint: &'a str,
    parameters: Vec<(String, Zeroizing<String>)>,
}

impl Minter {
    /// Starts a POST with a form to an endpoint of the server: its token, pushed authorization
    /// request, introspection or revocation endpoint. The form gets `client_id` and a new
    /// assertion.
    pub fn request<'a>(&'a self, endpoint: &'a str) -> FormBuilder<'a> {
        FormBuilder { minter: self, endpoint, parameters: Vec::new() }
    }
}

impl FormBuilder<'_> {
    /// Asks for a token of the client credentials grant (RFC 6749, section 4.4).
    pub fn client_credentials(self) -> Self {
        self.parameter("grant_type", "client_credentials")
    }

    /// Asks for these scopes, separated by spaces (RFC 6749, section 3.3).
    pub fn scope(self, scope: &str) -> Self {
        self.parameter("scope", scope)
    }

    /// Adds a parameter, such as `code` or `resource`.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), Zeroizing::new(value.to_owned())));
        self
    }

    /// Makes the assertion and the request, for one attempt.
    ///
    /// # Errors
    ///
    /// Fails like [`Minter::mint`], if the endpoint is neither an `https` URL nor a path, if there
    /// are over 96 parameters, and if one is one that the minter writes, is another credential, or
    /// occurs twice. `resource` (RFC 8707) and
    /// `audience` (RFC 8693) may occur more than once.
    pub async fn build(self) -> Result<Request<FormBody>, MintError> {
        let refused = || MintError::Endpoint { endpoint: self.endpoint.to_owned() };
        let uri = self.endpoint.parse().ok().filter(|uri| is_endpoint(self.endpoint, uri)).ok_or_else(refused)?;
        self.check_parameters()?;
        let assertion = self.minter.mint().get().await?;
        let mut request = Request::new(FormBody(self.encode(&assertion)));
        (*request.method_mut(), *request.uri_mut()) = (Method::POST, uri);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn check_parameters(&self) -> Result<(), MintError> {
        let limit = Limits::default().parameters;
        if self.parameters.len() + RESERVED.len() > limit {
            return Err(MintError::TooManyParameters { limit });
        }
        let mut rest = self.parameters.as_slice();
        while let [(name, _), others @ ..] = rest {
            let may_repeat = matches!(name.as_str(), "resource" | "audience");
            let is_repeated = !may_repeat && others.iter().any(|(other, _)| other == name);
            if is_repeated || RESERVED.contains(&name.as_str()) {
                return Err(MintError::Parameter { name: name.clone() });
            }
            rest = others;
        }
        Ok(())
    }

    fn encode(&self, assertion: &Assertion) -> Zeroizing<String> {
        let own = [
            ("client_id", self.minter.client_id().as_str()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.text()),
        ];
        let given = self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<_> = given.chain(own).collect();
        // Pairs of text always have this form.
        Zeroizing::new(serde_urlencoded::to_string(pairs).unwrap_or_default())
    }
}

/// Anyone on the path of an `http` request could take its assertion and use it.
fn is_endpoint(endpoint: &str, uri: &Uri) -> bool {
    let is_plain =
        !endpoint.contains('#') && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let is_local = || matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    is_plain
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_local(),
            _ => endpoint.starts_with('/') && !endpoint.starts_with("//"),
        }
}

/// The form of a request with an assertion, for one attempt: it is not `Clone`, and `Debug` shows
/// nothing of it. It is a body for every HTTP stack that is generic over [`http_body::Body`]. For
/// others there is [`into_bytes`](Self::into_bytes).
#[derive(Default)]
pub struct FormBody(Zeroizing<String>);

impl FormBody {
    /// Returns the form. It is wiped with the last reference to it, but it can be sent more than
    /// once, and servers refuse a second use.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(Exposed(self.0))
    }
}

struct Exposed(Zeroizing<String>);

impl AsRef<[u8]> for Exposed {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let form = std::mem::take(&mut *self);
        Poll::Ready((!form.0.is_empty()).then(|| Ok(Frame::data(form.into_bytes()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

impl fmt::Debug for FormBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormBody(..)")
    }
}
