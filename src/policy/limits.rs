//! How large the parts of a request may be.

/// How large the parts of a request may be before they are looked into any further. None of these has a source in a
/// specification; they keep an attacker's requests cheap.
///
/// ```
/// use tower_client_assertion::policy::Limits;
///
/// let limits = Limits::default().assertion(8 * 1024).jti(64);
/// # let _ = limits;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    pub(crate) parameters: usize,
    pub(crate) assertion: usize,
    pub(crate) header: usize,
    pub(crate) json_depth: usize,
    pub(crate) kid: usize,
    pub(crate) jti: usize,
    pub(crate) client_id: usize,
    pub(crate) audiences: usize,
}

impl Limits {
    /// The form's parameters, counted. Default: 100.
    pub const fn parameters(mut self, count: usize) -> Self {
        self.parameters = count;
        self
    }

    /// The assertion, in bytes as it was sent. Default: 16 KiB.
    pub const fn assertion(mut self, bytes: usize) -> Self {
        self.assertion = bytes;
        self
    }

    /// The decoded JOSE header, in bytes. Default: 4 KiB.
    pub const fn header(mut self, bytes: usize) -> Self {
        self.header = bytes;
        self
    }

    /// The nesting of the header and of the claims, in levels. Default: 16. At most 64.
    pub const fn json_depth(mut self, levels: usize) -> Self {
        self.json_depth = levels;
        self
    }

    /// The `kid` header parameter, in bytes. Default: 256.
    pub const fn kid(mut self, bytes: usize) -> Self {
        self.kid = bytes;
        self
    }

    /// The `jti` claim, in bytes. Default: 256.
    pub const fn jti(mut self, bytes: usize) -> Self {
        self.jti = bytes;
        self
    }

    /// The `iss` claim, which is the client's id, in bytes. Default: 512.
    pub const fn client_id(mut self, bytes: usize) -> Self {
        self.client_id = bytes;
        self
    }

    /// The members of an `aud` array, counted. Default: 8.
    pub const fn audiences(mut self, count: usize) -> Self {
        self.audiences = count;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parameters: 100,
            assertion: 16 * 1024,
            header: 4 * 1024,
            json_depth: 16,
            kid: 256,
            jti: 256,
            client_id: 512,
            audiences: 8,
        }
    }
}
