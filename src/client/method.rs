//! How a client authenticates.

use std::fmt;

use crate::jose::algorithm::Algorithm;

/// How a client authenticated (RFC 7591, section 2, `token_endpoint_auth_method`). Displays as the
/// registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthMethod {
    /// With a private key. The client registered its public key.
    PrivateKeyJwt,
    /// With a secret that the client shares with the server.
    ClientSecretJwt,
}

impl AuthMethod {
    /// Returns the registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretJwt => "client_secret_jwt",
        }
    }

    pub(crate) const fn of(algorithm: Algorithm) -> Self {
        if algorithm.is_mac() { Self::ClientSecretJwt } else { Self::PrivateKeyJwt }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
