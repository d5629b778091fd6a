//! Why a source has no keys to verify with.

use std::error::Error;
use std::fmt;

use crate::jwks::fetch::FetchError;

/// A source has no usable keys: none were ever fetched, or they are revoked or too old.
#[derive(Clone, Debug)]
pub struct KeysUnavailable {
    pub(super) error: FetchError,
    pub(super) is_server_fault: bool,
}

impl KeysUnavailable {
    /// Returns how the last fetch failed.
    pub fn error(&self) -> &FetchError {
        &self.error
    }

    /// Returns whether the authorization server is at fault, so that the client is told to try
    /// again (503). Otherwise the client is, whose own server did not deliver the keys.
    pub fn is_server_fault(&self) -> bool {
        self.is_server_fault
    }

    /// Returns whether the client was invalidated while a request waited for its keys. The request
    /// must begin again: look the client up in the registry, and take the keys of what is
    /// registered now. The earlier registration may be gone.
    pub fn is_superseded(&self) -> bool {
        matches!(self.error, FetchError::Superseded)
    }

    /// Nothing is known about the keys, and they may not be fetched.
    pub(crate) fn not_at_hand() -> Self {
        Self { error: FetchError::Aborted, is_server_fault: true }
    }

    pub(super) fn superseded() -> Self {
        Self { error: FetchError::Superseded, is_server_fault: true }
    }
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client's key set could not be retrieved")
    }
}

impl Error for KeysUnavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
