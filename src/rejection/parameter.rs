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
            /// Returns the parameter with this name, compared byte for byte. Those of every request
            /// come first.
            #[inline]
            pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
                $(
                    if name == $text.as_bytes() {
                        return Some(Self::$variant);
                    }
                )+
                None
            }
        }
    };
}

parameters! {
    /// A form parameter that must not be repeated (RFC 6749, section 3.2). Displays as its name.
    ///
    /// These are the parameters of RFC 6749, RFC 7009, RFC 7521, RFC 7636, RFC 7662, RFC 8628, RFC
    /// 8693 and RFC 9126. `resource` and `audience`, which may be repeated (RFC 8693, section 2.1;
    /// RFC 8707, section 2), are not among them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    ClientAssertion => "client_assertion",
    ClientAssertionType => "client_assertion_type",
    GrantType => "grant_type",
    ClientId => "client_id",
    ClientSecret => "client_secret",
    Code => "code",
    CodeVerifier => "code_verifier",
    RedirectUri => "redirect_uri",
    RefreshToken => "refresh_token",
    Scope => "scope",
    ActorToken => "actor_token",
    ActorTokenType => "actor_token_type",
    Assertion => "assertion",
    CodeChallenge => "code_challenge",
    CodeChallengeMethod => "code_challenge_method",
    DeviceCode => "device_code",
    Password => "password",
    Request => "request",
    RequestUri => "request_uri",
    RequestedTokenType => "requested_token_type",
    ResponseType => "response_type",
    State => "state",
    SubjectToken => "subject_token",
    SubjectTokenType => "subject_token_type",
    Token => "token",
    TokenTypeHint => "token_type_hint",
    Username => "username",
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
    /// Returns the scheme of this header value, in any case (RFC 9110, section 11.1). A value of
    /// nothing but white space carries no credential and has no scheme.
    pub(crate) fn of(value: &[u8]) -> Option<Self> {
        match value.trim_ascii().split(u8::is_ascii_whitespace).next()? {
            b"" => None,
            scheme if scheme.eq_ignore_ascii_case(b"Basic") => Some(Self::Basic),
            scheme if scheme.eq_ignore_ascii_case(b"Bearer") => Some(Self::Bearer),
            scheme if scheme.eq_ignore_ascii_case(b"DPoP") => Some(Self::DPoP),
            _ => Some(Self::Other),
        }
    }
}
