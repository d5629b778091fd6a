//! A signed assertion that has not been sent yet.

use std::fmt;

use zeroize::Zeroizing;

/// An assertion for one request. It is not `Clone`, since servers refuse an assertion that comes a
/// second time: mint another for each attempt. It is wiped when it is dropped, and `Debug` shows
/// nothing of it.
#[must_use = "an assertion is for one request"]
pub struct Assertion(Zeroizing<String>);

impl Assertion {
    pub(super) fn new(jwt: Zeroizing<String>) -> Self {
        Self(jwt)
    }

    /// Returns the JWT, to be sent as the form parameter `client_assertion`. The first to send
    /// it authenticates as the client.
    pub fn expose(mut self) -> String {
        std::mem::take(&mut *self.0)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(..)")
    }
}
