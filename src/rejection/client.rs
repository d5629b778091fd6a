//! What the client did wrong.

use super::list::listed_enum;
use super::{AuthScheme, Base64UrlFault, Claim, ClaimFault, JsonFault, JsonPart, JwtPart, Parameter};

listed_enum! {
    /// What the client must fix, in the order of the checks.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum ClientFault {
        /// The request is for a tenant that the server does not have (RFC 9110, section 15.5.5).
        /// See [`ClientAssertionLayer::choose`](crate::ClientAssertionLayer::choose).
        TenantUnknown => "there is no such tenant",
        /// The method is not POST (RFC 6749, section 3.2).
        Method => "the method is not POST",
        /// The body has a content encoding, for example gzip (RFC 9110, section 15.5.16).
        ContentEncoding => "the body has a content encoding",
        /// `Content-Type` is missing, repeated, or not `application/x-www-form-urlencoded` (RFC
        /// 6749, section 4.4.2).
        ContentType => "the content type is not application/x-www-form-urlencoded",
        /// `Content-Type` names a form in another charset than UTF-8 (RFC 6749, appendix B).
        Charset => "the charset of the form is not UTF-8",
        /// The body is longer than the limit (RFC 9110, section 15.5.14).
        BodyTooLarge => "the body is too large",
        /// The body ended in an error, or is shorter than its `Content-Length`.
        BodyUnreadable => "the body could not be read",
        /// The body did not arrive in time.
        BodyTimeout => "the body did not arrive in time",
        /// A parameter that the verifier reads is not valid percent-encoding or not UTF-8 (RFC
        /// 6749, appendix B).
        FormMalformed => "the body is not valid form data",
        /// The form has more parameters than the limit.
        TooManyParameters => "the form has too many parameters",
        /// A parameter occurs more than once (RFC 6749, section 3.2).
        RepeatedParameter(parameter: Parameter) => "the parameter {parameter} is repeated",
        /// The query contains client credentials (RFC 6749, section 2.3.1).
        CredentialsInQuery => "the query contains client credentials",
        /// `grant_type` is missing (RFC 6749, section 4.4.2).
        MissingGrantType => "the parameter grant_type is missing",
        /// The policy does not permit this `grant_type` (RFC 6749, section 5.2).
        UnsupportedGrantType => "the grant type is not permitted",
        /// An assertion arrived together with another kind of credential (RFC 6749, section 2.3;
        /// RFC 7521, section 4.2.1).
        SeveralMechanisms(scheme: Option<AuthScheme>) => "more than one client authentication method was used",
        /// Neither `client_assertion` nor `client_assertion_type` was sent (RFC 6749, section
        /// 3.2.1).
        NoAuthentication(scheme: Option<AuthScheme>) => "no client assertion was sent",
        /// The form has a `client_assertion` and no `client_assertion_type` (RFC 7521, section
        /// 4.2).
        MissingAssertionType => "the parameter client_assertion_type is missing",
        /// `client_assertion_type` is not the JWT bearer type (RFC 7523, section 2.2).
        UnsupportedAssertionType => "the client assertion type is not the JWT bearer type",
        /// The form has a `client_assertion_type` and no `client_assertion` (RFC 7521, section
        /// 4.2).
        MissingAssertion => "the parameter client_assertion is missing",
        /// The assertion is longer than the limit.
        AssertionTooLong => "the client assertion is too long",
        /// The assertion does not have three parts (RFC 7515, section 7.1).
        NotThreeParts => "the client assertion does not have three parts",
        /// The assertion is an encrypted JWT or contains a nested one. Only signed JWTs are
        /// accepted.
        Encrypted => "the client assertion is encrypted or nested",
        /// A part of the assertion is not base64url (RFC 7515, sections 2 and 5.2).
        NotBase64Url(part: JwtPart, fault: Base64UrlFault) => "the {part} of the client assertion {fault}",
        /// The decoded header is longer than the limit.
        HeaderTooLong => "the header of the client assertion is too long",
        /// The decoded header or claims set is not one JSON object in UTF-8 (RFC 7515, section 5.2;
        /// RFC 7519, section 7.2).
        NotJsonObject(part: JsonPart, fault: JsonFault) => "the {part} of the client assertion {fault}",
        /// The `kid` header parameter is missing, empty or not a string (RFC 7515, section 4.1.4).
        KidMissing => "the header parameter kid is missing",
        /// The `kid` header parameter is longer than the limit.
        KidTooLong => "the header parameter kid is too long",
        /// The `kid` header parameter contains control characters.
        KidInvalid => "the header parameter kid has control characters",
        /// `alg` is missing, unknown, or not allowed by the policy (RFC 8725, section 3.1).
        AlgorithmNotAllowed => "the signature algorithm is not allowed",
        /// `alg` is not the algorithm that this client registered (OpenID Connect Registration,
        /// section 2).
        AlgorithmNotRegistered => "the signature algorithm is not the one that the client registered",
        /// A `crit` or `b64` header parameter is present. This crate supports no extension (RFC
        /// 7515, section 4.1.11; RFC 7797).
        CriticalHeader => "the header has a critical extension",
        /// A claim, or the `typ` header parameter, does not meet the policy.
        Claim(claim: Claim, fault: ClaimFault) => "{claim} {fault}",
        /// The `client_id` parameter and the assertion name different clients (RFC 7521, section
        /// 4.2).
        ClientIdMismatch => "the parameter client_id does not match the client assertion",
        /// No client with this id is registered.
        UnknownClient => "the client is not registered",
        /// The client is registered with keys and used a symmetric algorithm, or with a secret and
        /// used an asymmetric one (OpenID Connect Registration, section 2,
        /// `token_endpoint_auth_method`).
        MethodNotRegistered => "the client is not registered for this authentication method",
        /// `jku` is present and is not the key set URL that the client registered (SMART App
        /// Launch).
        JkuMismatch => "the header parameter jku is not the client's registered key set URL",
        /// The client's key set could not be fetched from the registered URL, and no earlier copy
        /// may be used. The [source](std::error::Error::source) of the rejection says why.
        KeySetUnavailable => "the client's key set could not be retrieved",
        /// The client has no usable key for this algorithm and, if the header has a `kid`, with
        /// this `kid` (RFC 8725, section 3.8).
        NoKey => "the client has no usable key for this algorithm and kid",
        /// The client has several usable keys with this `kid` for this algorithm, and the policy
        /// accepts exactly one.
        AmbiguousKey => "the client has several keys with this kid for this algorithm",
        /// The header has no `kid`, and the client has several usable keys for this algorithm
        /// (OpenID Connect Core, section 10.1).
        KidNeeded => "the header has no kid, but the client has several keys for this algorithm",
        /// The client's key with this `kid` is too weak to be used (RFC 7518, section 3.3).
        WeakKey => "the client's key with this kid is too weak",
        /// The signature does not have the one length that signatures of its algorithm have. A
        /// signature in DER instead of the form of RFC 7518, section 3.4, is such a case.
        SignatureLength => "the signature has the wrong length for its algorithm",
        /// The signature does not verify (RFC 7523, section 3).
        BadSignature => "the signature does not verify",
        /// The assertion has been used before (RFC 7523, section 3).
        Replayed => "the client assertion has already been used",
        /// The application has refused credentials of another method, for example
        /// `client_secret_basic` (RFC 6749, section 5.2). No verifier finds this: see
        /// [`ClientAssertionLayer::refuse`](crate::ClientAssertionLayer::refuse).
        OtherMethod(scheme: Option<AuthScheme>) => "the client could not be authenticated by another method",
    }
}

impl ClientFault {
    /// Returns whether the client's newest keys could lead to another outcome.
    pub(crate) const fn depends_on_keys(&self) -> bool {
        match self {
            Self::NoKey | Self::AmbiguousKey | Self::WeakKey | Self::BadSignature => true,
            Self::TenantUnknown
            | Self::Method
            | Self::ContentEncoding
            | Self::ContentType
            | Self::Charset
            | Self::BodyTooLarge
            | Self::BodyUnreadable
            | Self::BodyTimeout
            | Self::FormMalformed
            | Self::TooManyParameters
            | Self::RepeatedParameter(..)
            | Self::CredentialsInQuery
            | Self::MissingGrantType
            | Self::UnsupportedGrantType
            | Self::SeveralMechanisms(..)
            | Self::NoAuthentication(..)
            | Self::MissingAssertionType
            | Self::UnsupportedAssertionType
            | Self::MissingAssertion
            | Self::AssertionTooLong
            | Self::NotThreeParts
            | Self::Encrypted
            | Self::NotBase64Url(..)
            | Self::HeaderTooLong
            | Self::NotJsonObject(..)
            | Self::KidMissing
            | Self::KidTooLong
            | Self::KidInvalid
            | Self::AlgorithmNotAllowed
            | Self::AlgorithmNotRegistered
            | Self::CriticalHeader
            | Self::Claim(..)
            | Self::ClientIdMismatch
            | Self::UnknownClient
            | Self::MethodNotRegistered
            | Self::JkuMismatch
            | Self::KeySetUnavailable
            | Self::KidNeeded
            | Self::SignatureLength
            | Self::Replayed
            | Self::OtherMethod(..) => false,
        }
    }
}
