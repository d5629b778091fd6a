//! The kinds of hints that have several.

use std::fmt;

use serde::Serialize;

/// Defines the kinds of a hint from rows of `Variant => "name", "phrase"`. The name is the one in
/// JSON, and the phrase is part of the hint's sentence.
macro_rules! kinds {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident => $text:literal, $phrase:literal;)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_attribute])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name in JSON. It never changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// Returns the words for it in a sentence.
            pub(super) const fn phrase(self) -> &'static str {
                match self {
                    $(Self::$variant => $phrase,)+
                }
            }
        }

        /// Displays as its name.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

kinds! {
    /// How an `aud` that is not accepted differs from one that is.
    pub enum AudKind {
        /// A slash at the end.
        TrailingSlash => "trailing_slash", "the slash at its end";
        /// Upper and lower case, in the host or elsewhere.
        Case => "case", "upper and lower case";
        /// `http` in place of `https`, or no scheme.
        Scheme => "scheme", "its scheme";
        /// The default port of the scheme, written or left out.
        DefaultPort => "default_port", "the default port";
        /// White space around it.
        WhiteSpace => "white_space", "the white space around it";
        /// Characters that are percent-encoded.
        PercentEncoding => "percent_encoding", "its percent-encoding";
        /// The URL of an endpoint, where the issuer is asked.
        TokenEndpoint => "token_endpoint", "the URL of an endpoint";
        /// The issuer, where the URL of the endpoint is asked.
        Issuer => "issuer", "the issuer identifier of this server";
        /// An array, where a string is asked.
        Array => "array", "an array";
        /// More values than the accepted one.
        Several => "several", "more than one value";
        /// A value that another policy of this verifier accepts.
        OtherPolicy => "other_policy", "what another policy of this server accepts";
        /// Another path at the same host. Given if no other kind is.
        Path => "path", "its path";
    }
}

kinds! {
    /// How a `kid` that names no key differs from one that does.
    pub enum KidKind {
        /// Upper and lower case.
        Case => "case", "upper and lower case";
        /// White space around it.
        WhiteSpace => "white_space", "the white space around it";
        /// The padding of base64.
        Padding => "padding", "the padding of base64";
        /// The characters in which base64 and base64url differ.
        Alphabet => "alphabet", "the alphabet of base64";
        /// It is the thumbprint of a key that is registered without a `kid` or under another one.
        Thumbprint => "thumbprint", "its thumbprint";
    }
}

kinds! {
    /// What was encoded twice.
    pub enum EncodedTwice {
        /// The whole body.
        Body => "body", "the whole body";
        /// The parameter `client_assertion_type`.
        AssertionType => "client_assertion_type", "client_assertion_type";
        /// The parameter `client_assertion`.
        Assertion => "client_assertion", "client_assertion";
    }
}

kinds! {
    /// How a date was written as a JSON string.
    pub enum DateText {
        /// As seconds.
        Seconds => "seconds", "a number in quotation marks";
        /// As a calendar date, for example by RFC 3339.
        Calendar => "calendar", "a calendar date";
    }
}

kinds! {
    /// What is in a JWT that is not just signed.
    pub enum Wrapping {
        /// It is encrypted (RFC 7516).
        Encrypted => "encrypted", "an encrypted JWT";
        /// It is signed and has another JWT in it (RFC 7519, section 5.2).
        Nested => "nested", "a JWT inside of another";
    }
}

kinds! {
    /// Another kind of JWT, by its `typ` or its claims.
    pub enum OtherToken {
        /// A logout token (OpenID Connect Back-Channel Logout, section 2.4).
        LogoutToken => "logout_token", "a logout token";
        /// A refresh token that is a JWT.
        RefreshToken => "refresh_token", "a refresh token";
        /// A proof of possession (RFC 9449, section 4.2).
        DpopProof => "dpop_proof", "a DPoP proof";
        /// A request object (RFC 9101, section 4).
        RequestObject => "request_object", "a request object";
        /// A security event (RFC 8417, section 2.3).
        SecurityEvent => "security_event", "a security event token";
        /// A response of introspection (RFC 9701, section 5).
        IntrospectionResponse => "introspection_response", "a response of introspection";
        /// A client attestation, or the proof that goes with it.
        ClientAttestation => "client_attestation", "a client attestation";
        /// An entity statement (OpenID Federation, section 3).
        EntityStatement => "entity_statement", "an entity statement";
    }
}

kinds! {
    /// How a secret was decoded before it was used as a key.
    pub enum SecretText {
        /// As base64 or base64url.
        Base64 => "base64", "base64";
        /// As hexadecimal digits.
        Hex => "hex", "hexadecimal digits";
    }
}
