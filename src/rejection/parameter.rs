//! The form parameters and the `Authorization` schemes that the verifier knows.

use super::list::{listed_enum, named_enum};

/// Defines the parameters, and finds them by name.
macro_rules! parameters {
    ($(#[$attribute:meta])* $($variant:ident => $text:literal,)+) => {
        named_enum! {
            $(#[$attribute])*
            pub enum Parameter {
                $(#[doc = concat!("`", $text, "`")] $variant => $text,)+
            }
        }

        impl Parameter {
            /// Returns the parameter with this name, compared byte for byte.
            #[allow(non_upper_case_globals, reason = "each constant is named like its variant")]
            pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
                $(
                    // A constant, because a pattern cannot call a function.
                    const $variant: &[u8] = Parameter::$variant.name().as_bytes();
                )+
                match name {
                    $($variant => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

parameters! {
    /// A form parameter that must not be repeated. Displays as its name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    ClientAssertion => "client_assertion",
    ClientAssertionType => "client_assertion_type",
    ClientId => "client_id",
    ClientSecret => "client_secret",
    Code => "code",
    CodeVerifier => "code_verifier",
    GrantType => "grant_type",
    RedirectUri => "redirect_uri",
    RefreshToken => "refresh_token",
    Scope => "scope",
}

listed_enum! {
    /// The scheme of the `Authorization` header of a request. A 401 response must challenge with
    /// the same scheme (RFC 6749, section 5.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum AuthScheme {
        /// `Basic` (RFC 7617).
        Basic => "Basic",
        /// `Bearer` (RFC 6750).
        Bearer => "Bearer",
        /// `DPoP` (RFC 9449).
        DPoP => "DPoP",
        /// Any other scheme. This crate knows no challenge for it.
        Other => "another scheme",
    }
}

impl AuthScheme {
    /// Returns the scheme of this header value, in any case (RFC 9110, section 11.1).
    pub(crate) fn of(value: &[u8]) -> Self {
        match value.split(|byte| *byte == b' ').next().unwrap_or_default() {
            scheme if scheme.eq_ignore_ascii_case(b"Basic") => Self::Basic,
            scheme if scheme.eq_ignore_ascii_case(b"Bearer") => Self::Bearer,
            scheme if scheme.eq_ignore_ascii_case(b"DPoP") => Self::DPoP,
            _ => Self::Other,
        }
    }
}
