//! What the events of one request have in common.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::times::{StepTimes, Stopwatch};
use crate::endpoint::Endpoint;
use crate::text::{is_visible_ascii, secret_in};

/// What every outcome says about its request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestInfo<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) correlation: Option<&'a Correlation>,
    pub(crate) times: StepTimes,
}

impl<'a> RequestInfo<'a> {
    pub(crate) fn new(endpoint: Endpoint, correlation: Option<&'a Correlation>, stopwatch: Option<&Stopwatch>) -> Self {
        Self { endpoint, correlation, times: stopwatch.map(Stopwatch::read).unwrap_or_default() }
    }
}

/// Defines the accessors of an outcome with a field `request` of type [`RequestInfo`].
macro_rules! request_accessors {
    () => {
        /// Returns the endpoint that the request was for.
        pub fn endpoint(&self) -> Endpoint {
            self.request.endpoint
        }

        /// Returns the name by which other logs know the request, if there is one. See
        /// [`ClientAssertionLayer::correlate`](crate::ClientAssertionLayer::correlate).
        pub fn correlation(&self) -> Option<&'a Correlation> {
            self.request.correlation
        }

        /// Returns how long the steps took. All are `None` unless the sink
        /// [needs times](crate::event::EventSink::needs_times).
        pub fn times(&self) -> StepTimes {
            self.request.times
        }
    };
}

pub(super) use request_accessors;

/// A name by which other logs know the same request, such as the value of an `x-request-id`
/// header. Cheap to clone.
///
/// It is safe to print, even if the sender of the request has chosen it: everything but visible
/// ASCII is escaped, and the text is cut after 128 characters. Visible ASCII stays as it is, so a
/// search for the name finds it. A text that looks like a JWT or a private key is replaced by its
/// length.
///
/// ```
/// use tower_client_assertion::event::Correlation;
///
/// assert_eq!(Correlation::new("7f3a-0c11").as_str(), "7f3a-0c11");
/// assert_eq!(Correlation::new("a\nb").as_str(), r"a\u{a}b");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Correlation {
    name: Arc<str>,
    source_ip: Option<IpAddr>,
}

impl Correlation {
    const LONGEST: usize = 128;

    /// Creates a name from this text.
    pub fn new(text: &str) -> Self {
        // Shorter texts have no room for a secret, and the search costs more than a request may.
        if text.len() >= 40 && secret_in(text, Self::LONGEST).is_some() {
            return Self::from_name(format!("{}-bytes-not-shown", text.len()).into());
        }
        if text.len() <= Self::LONGEST && is_visible_ascii(text) {
            return Self::from_name(text.into());
        }
        let mut escaped = String::new();
        for character in text.chars().take(Self::LONGEST) {
            match character {
                '!'..='~' => escaped.push(character),
                _ => escaped.extend(character.escape_unicode()),
            }
        }
        Self::from_name(escaped.into())
    }

    fn from_name(name: Arc<str>) -> Self {
        Self { name, source_ip: None }
    }

    /// Adds the address that the request came from. A verifier does not know it: behind a proxy,
    /// the address of the connection is that of the proxy, and which header to believe depends on
    /// the deployment. Default: none.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// use http::request::Parts;
    /// use tower_client_assertion::event::Correlation;
    ///
    /// /// For `ClientAssertionLayer::correlate`, in a server without a proxy.
    /// fn correlate(head: &Parts) -> Option<Correlation> {
    ///     let id = head.headers.get("x-request-id")?.to_str().ok()?;
    ///     let peer = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    ///     Some(Correlation::new(id).with_source_ip(peer.0.ip()))
    /// }
    /// # let request = http::Request::post("/").header("x-request-id", "7f3a");
    /// # let peer = ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 9)));
    /// # let (head, ()) = request.extension(peer).body(()).unwrap().into_parts();
    /// # let found = correlate(&head).unwrap();
    /// # assert_eq!(found.source_ip(), Some([192, 0, 2, 1].into()));
    /// ```
    #[must_use]
    pub fn with_source_ip(self, address: IpAddr) -> Self {
        Self { source_ip: Some(address.to_canonical()), ..self }
    }

    /// Returns the address that the request came from, if the application has added it. An IPv4
    /// address that is mapped into IPv6 is an IPv4 address here.
    pub fn source_ip(&self) -> Option<IpAddr> {
        self.source_ip
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl AsRef<str> for Correlation {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Shows the name as a string literal.
impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
