//! The stable names of the faults.

use std::fmt;

/// Who can do something about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Party {
    /// The engineers of the client.
    Client,
    /// The operators of what is between the client and the server.
    Network,
    /// The operator of the server.
    Server,
}

impl Party {
    /// Returns the name: `client`, `network` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Network => "network",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Defines the reasons from rows of `Variant "code", Party, "source", "advice";`.
macro_rules! reasons {
    ($(#[$attribute:meta])* $($variant:ident $code:literal, $party:ident, $source:literal, $advice:literal;)+) => {
        $(#[$attribute])*
        pub enum Reason {
            $(#[doc = concat!("`", $code, "` (", $source, "): ", $advice)] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code, for labels, alerts and pages. It never changes, and no other
            /// reason ever gets it.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// Returns who can do something about it.
            pub const fn party(self) -> Party {
                match self {
                    $(Self::$variant => Party::$party,)+
                }
            }

            /// Returns the section of the specification that the rule comes from.
            pub const fn source(self) -> &'static str {
                match self {
                    $(Self::$variant => $source,)+
                }
            }

            /// Returns what the [party](Self::party) should do, in one or two sentences. It depends
            /// on nothing in the request.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)+
                }
            }
        }
    };
}

reasons! {
    /// The name of a fault, without what the fault carries: the same reason stands for a
    /// [repeated parameter](super::ClientFault::RepeatedParameter) of any name.
    ///
    /// Metrics, alerts and pages need names that stay. A reason has a [`code`](Self::code), the
    /// [source](Self::source) of its rule, and [what to do](Self::advice). It displays as its code.
    /// Later versions may add reasons, and never rename or reuse one.
    ///
    /// ```
    /// use tower_client_assertion::Rejection;
    /// use tower_client_assertion::rejection::{ClientFault, Reason};
    ///
    /// let rejection = Rejection::from(ClientFault::KidMissing);
    /// assert_eq!(rejection.code(), "kid_missing");
    /// assert_eq!(Reason::from_code("kid_missing"), Some(Reason::KidMissing));
    /// assert_eq!(Reason::KidMissing.source(), "RFC 7515, section 4.1.4");
    ///
    /// assert_eq!(Reason::from_code("KID_MISSING"), None);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    TenantUnknown "tenant_unknown", Client, "RFC 9110, section 15.5.5",
        "Check the URL of the endpoint: it names a tenant that the server does not have.";
    Method "method", Client, "RFC 6749, section 3.2",
        "Send a POST request.";
    ContentEncoding "content_encoding", Client, "RFC 9110, section 15.5.16",
        "Send the form uncompressed.";
    ContentType "content_type", Client, "RFC 6749, section 4.4.2",
        "Send Content-Type: application/x-www-form-urlencoded, once, and a form as the body.";
    Charset "charset", Client, "RFC 6749, appendix B",
        "Send the form in UTF-8, or leave out charset.";
    BodyTooLarge "body_too_large", Client, "RFC 9110, section 15.5.14",
        "Send a shorter form.";
    BodyUnreadable "body_unreadable", Network, "RFC 9112, section 8",
        "Send the whole body. The connection broke, or the body is shorter than its Content-Length.";
    BodyTimeout "body_timeout", Network, "RFC 9110, section 15.5.9",
        "Send the body faster.";
    FormMalformed "form_malformed", Client, "RFC 6749, appendix B",
        "Percent-encode each name and value as UTF-8.";
    TooManyParameters "too_many_parameters", Client, "a limit of the server",
        "Send fewer parameters.";
    ParameterRepeated "parameter_repeated", Client, "RFC 6749, section 3.2",
        "Send each parameter once, even if the values are equal.";
    CredentialsInQuery "credentials_in_query", Client, "RFC 6749, section 2.3.1",
        "Send credentials in the body. Treat those that were in a URL as disclosed, since URLs are logged.";
    GrantTypeMissing "grant_type_missing", Client, "RFC 6749, section 4.4.2",
        "Send the parameter grant_type.";
    GrantTypeUnsupported "grant_type_unsupported", Client, "RFC 6749, section 5.2",
        "Send a grant type that the server permits, for example client_credentials.";
    SeveralMechanisms "several_mechanisms", Client, "RFC 6749, section 2.3; RFC 7521, section 4.2.1",
        "Send the assertion alone, without client_secret, an Authorization header or attestation headers.";
    NoAuthentication "no_authentication", Client, "RFC 6749, section 3.2.1",
        "Send client_assertion_type and client_assertion in the form.";
    AssertionTypeMissing "assertion_type_missing", Client, "RFC 7521, section 4.2",
        "Send client_assertion_type with the assertion.";
    AssertionTypeUnsupported "assertion_type_unsupported", Client, "RFC 7523, section 2.2",
        "Send the client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer.";
    AssertionMissing "assertion_missing", Client, "RFC 7521, section 4.2",
        "Send the assertion in client_assertion, with its type.";
    AssertionTooLong "assertion_too_long", Client, "a limit of the server",
        "Leave out what the server does not need, for example x5c.";
    NotThreeParts "not_three_parts", Client, "RFC 7515, section 7.1",
        "Send a compact JWS: three base64url parts, separated by periods.";
    Encrypted "encrypted", Client, "RFC 7523, section 3, item 9",
        "Sign the assertion and do not encrypt it. Nested JWTs are not accepted either.";
    Malformed "malformed", Client, "RFC 7515, section 5.2; RFC 7519, section 7.2",
        "Encode each part as base64url without padding, and sign one JSON object in UTF-8.";
    HeaderTooLong "header_too_long", Client, "a limit of the server",
        "Leave out what the server does not need, for example x5c.";
    KidMissing "kid_missing", Client, "RFC 7515, section 4.1.4",
        "Set kid in the header to the id of the key.";
    KidTooLong "kid_too_long", Client, "a limit of the server",
        "Use a shorter kid.";
    KidInvalid "kid_invalid", Client, "RFC 7515, section 4.1.4",
        "Use a kid without control characters.";
    AlgNotAllowed "alg_not_allowed", Client, "RFC 8725, section 3.1",
        "Sign with an algorithm that the server allows; its metadata lists them.";
    AlgNotRegistered "alg_not_registered", Client, "OpenID Connect Registration, section 2",
        "Sign with the algorithm that the client registered, or register another.";
    CriticalHeader "critical_header", Client, "RFC 7515, section 4.1.11; RFC 7797",
        "Leave out crit and b64.";
    IssMissing "iss_missing", Client, "RFC 7523, section 3, item 1",
        "Set iss to the client id.";
    IssMalformed "iss_malformed", Client, "RFC 6749, appendix A.1",
        "Set iss to the client id: a string of printable ASCII.";
    IssTooLong "iss_too_long", Client, "a limit of the server",
        "Use a shorter client id.";
    SubMissing "sub_missing", Client, "RFC 7523, section 3, item 2",
        "Set sub to the client id, equal to iss.";
    SubMalformed "sub_malformed", Client, "RFC 7519, section 4.1.2",
        "Set sub to the client id: a string, equal to iss.";
    SubUnexpected "sub_unexpected", Client, "RFC 7523, section 3, item 2",
        "Set both iss and sub to the client id. Neither is a user or the URL of the client.";
    JtiMissing "jti_missing", Client, "RFC 7523, section 3, item 7",
        "Set jti to a new random string for each assertion.";
    JtiMalformed "jti_malformed", Client, "RFC 7519, section 4.1.7",
        "Set jti to a string without control characters.";
    JtiTooLong "jti_too_long", Client, "a limit of the server",
        "Use a shorter jti.";
    AudMissing "aud_missing", Client, "RFC 7523, section 3, item 3",
        "Set aud to the value that the server publishes.";
    AudMalformed "aud_malformed", Client, "RFC 7519, section 4.1.3",
        "Set aud to the value that the server publishes, as a string.";
    AudUnexpected "aud_unexpected", Client, "RFC 7523, section 3, item 3; RFC 10070",
        "Set aud to the value that the server publishes, byte for byte, and to nothing else.";
    AudTooLong "aud_too_long", Client, "a limit of the server",
        "Send fewer values in aud, best the one that the server publishes.";
    TypMissing "typ_missing", Client, "RFC 8725, section 3.11",
        "Set typ in the header to a value that the server accepts.";
    TypMalformed "typ_malformed", Client, "RFC 7515, section 4.1.9",
        "Set typ in the header to a string, or leave it out.";
    TypUnexpected "typ_unexpected", Client, "RFC 8725, section 3.11",
        "Leave out typ, or set it to a value that the server accepts. Do not send another kind of JWT.";
    IatMissing "iat_missing", Client, "RFC 7519, section 4.1.6",
        "Set iat to the time of signing, in seconds since 1970.";
    IatMalformed "iat_malformed", Client, "RFC 7519, section 2",
        "Send iat as a number of seconds since 1970, not as a string.";
    IatPast "iat_past", Client, "RFC 7523, section 3, item 6",
        "Sign a new assertion for each request, and set the client's clock.";
    IatFuture "iat_future", Client, "RFC 7519, section 4.1.6",
        "Set the client's clock: iat is in the future here.";
    NbfMalformed "nbf_malformed", Client, "RFC 7519, section 2",
        "Send nbf as a number of seconds since 1970, not as a string.";
    NbfFuture "nbf_future", Client, "RFC 7519, section 4.1.5",
        "Set the client's clock: nbf is in the future here.";
    ExpMissing "exp_missing", Client, "RFC 7523, section 3, item 4",
        "Set exp to a time shortly after signing, in seconds since 1970.";
    ExpMalformed "exp_malformed", Client, "RFC 7519, section 2",
        "Send exp as a number of seconds since 1970, not as a string.";
    ExpPast "exp_past", Client, "RFC 7519, section 4.1.4",
        "Sign a new assertion for each request, and set the client's clock.";
    ExpFuture "exp_future", Client, "RFC 7523, section 3, item 4",
        "Let the assertion expire sooner, and send seconds rather than milliseconds.";
    ClientIdMismatch "client_id_mismatch", Client, "RFC 7521, section 4.2",
        "Leave out the parameter client_id, or make it equal to iss.";
    UnknownClient "unknown_client", Client, "RFC 6749, section 5.2",
        "Check the client id and the environment: is the client registered with this server?";
    MethodNotRegistered "method_not_registered", Client, "OpenID Connect Registration, section 2",
        "Sign with a key if the client registered keys, and with the secret if it registered a secret.";
    KeySetUrl "key_set_url", Client, "SMART App Launch 2.2, key retrieval",
        "Leave out jku, or set it to the registered key set URL.";
    KeySetUnavailable "key_set_unavailable", Client, "RFC 7591, section 2, jwks_uri",
        "Make the registered jwks_uri answer with the key set.";
    NoKey "no_key", Client, "RFC 8725, section 3.8",
        "Publish or register the key that signs, with the kid of the header and a fitting alg and use.";
    AmbiguousKey "ambiguous_key", Client, "RFC 7517, section 4.5",
        "Give each key its own kid.";
    KidNeeded "kid_needed", Client, "OpenID Connect Core, section 10.1",
        "Set kid in the header: the client has several keys that fit.";
    WeakKey "weak_key", Client, "RFC 7518, section 3.3",
        "Replace the key: RSA keys need 2048 bits or more.";
    SignatureLength "signature_length", Client, "RFC 7518, section 3.4",
        "Send the signature in the form of JOSE: for ECDSA, R and S in fixed length, not DER.";
    BadSignature "bad_signature", Client, "RFC 7523, section 3, item 9",
        "Sign with the private key that belongs to the registered key.";
    Replayed "replayed", Client, "RFC 7523, section 3, item 7",
        "Sign a new assertion with a new jti for each request and each retry.";
    OtherMethod "other_method", Client, "RFC 6749, section 5.2",
        "Check the client id and the secret, and how both are encoded.";
    Clock "clock", Server, "RFC 9110, section 15.6.4",
        "Check the clock that was passed to the verifier, or the system clock.";
    Registry "registry", Server, "RFC 9110, section 15.6.4",
        "Check the client registry. The source of the rejection has its error.";
    KeySetFetch "key_set_fetch", Server, "RFC 9110, section 15.6.4",
        "Check the server's own network, and how many fetches it permits to run.";
    ReplayStore "replay_store", Server, "RFC 9110, section 15.6.4",
        "Check the replay store: it is unreachable or full.";
    ClientQuota "client_quota", Client, "RFC 6585, section 4",
        "Send fewer requests, or let assertions expire sooner. The operator can raise the client's share.";
    Timer "timer", Server, "RFC 9110, section 15.6.4",
        "Run the layer in a Tokio runtime with its timer enabled.";
    Overloaded "overloaded", Server, "RFC 9110, section 15.6.4",
        "Expected in a flood; otherwise raise the bound of signature checks.";
    ClientOverloaded "client_overloaded", Client, "RFC 6585, section 4",
        "Send fewer requests concurrently. If the client does not send many, others send in its name: tell the operator, \
         who can also raise the bound for one client.";
    MountedTwice "mounted_twice", Server, "RFC 9110, section 15.6.1",
        "Mount one layer instead of two.";
    BodyConsumed "body_consumed", Server, "RFC 9110, section 15.6.1",
        "Move the layer that reads the body inside of this one.";
}

impl Reason {
    /// Returns the reason with this code, compared byte for byte.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
