//! How large the parts of a request may be.

/// How large the parts of a request may be before they are processed any further. No specification
/// defines these values. They keep an attacker's requests cheap. Zero is refused when the verifier
/// is built.
///
/// ```
/// use tower_client_assertion::policy::Limits;
///
/// let limits = Limits::default().with_assertion(8 * 1024).with_jti(64);
/// assert_eq!(limits.jti(), 64);
/// assert_eq!(limits.kid(), 256);
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

/// A setter and a getter for each limit.
macro_rules! limits {
    ($($limit:ident, $setter:ident: $what:literal;)+) => {
        impl Limits {
            $(
                #[doc = concat!("Sets the maximum ", $what)]
                pub const fn $setter(mut self, limit: usize) -> Self {
                    self.$limit = limit;
                    self
                }

                #[doc = concat!("Returns the maximum ", $what)]
                pub const fn $limit(&self) -> usize {
                    self.$limit
                }
            )+
        }
    };
}

limits! {
    parameters, with_parameters: "number of form parameters. Default: 100.";
    assertion, with_assertion: "size of the assertion as it was sent, in bytes. Default: 16 KiB.";
    header, with_header: "size of the decoded JOSE header, in bytes. Default: 12 KiB. No assertion of 16 KiB has a longer one.";
    json_depth, with_json_depth: "nesting of the header and of the claims, in levels. Default: 16. At most 64.";
    kid, with_kid: "length of the `kid` header parameter, in bytes. Default: 256.";
    jti, with_jti: "length of the `jti` claim, in bytes. Default: 256.";
    client_id, with_client_id: "length of the `iss` claim, which is the client id, in bytes. Default: 512.";
    audiences, with_audiences: "number of members of an `aud` array. Default: 8.";
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parameters: 100,
            assertion: 16 * 1024,
            header: 12 * 1024,
            json_depth: 16,
            kid: 256,
            jti: 256,
            client_id: 512,
            audiences: 8,
        }
    }
}
