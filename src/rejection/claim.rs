//! The claim that failed, and what is wrong with it.

use super::list::{listed_enum, named_enum};

named_enum! {
    /// A claim of the assertion, or its `typ` header parameter. Displays as its name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Claim {
        /// `iss`, the issuer: the client itself (RFC 7523, section 3).
        Iss => "iss",
        /// `sub`, the subject: the client itself (RFC 7523, section 3).
        Sub => "sub",
        /// `jti`, the identifier of this one assertion (RFC 7519, section 4.1.7).
        Jti => "jti",
        /// `aud`, the audience: this authorization server (RFC 7523, section 3).
        Aud => "aud",
        /// `typ`, the kind of JWT (RFC 7515, section 4.1.9).
        Typ => "typ",
        /// `iat`, the time of issue (RFC 7519, section 4.1.6).
        Iat => "iat",
        /// `nbf`, the time before which it is not valid (RFC 7519, section 4.1.5).
        Nbf => "nbf",
        /// `exp`, the time at which it expires (RFC 7519, section 4.1.4).
        Exp => "exp",
    }
}

listed_enum! {
    /// What is wrong with a claim. A claim of the wrong type never counts as absent.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum ClaimFault {
        /// It is required and absent, or an empty string.
        Missing => "is missing",
        /// It has the wrong JSON type, or contains characters that it must not contain.
        Malformed => "is malformed",
        /// It is longer, or has more values, than the limit.
        TooLong => "is too long",
        /// It is well formed, but its value is not accepted.
        Unexpected => "is not an accepted value",
        /// It is a time too far in the past.
        Past => "is too far in the past",
        /// It is a time too far in the future.
        Future => "is too far in the future",
    }
}
