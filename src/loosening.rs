//! The settings that make this crate accept more than a profile or a default does, each with its
//! risk. The documentation of a setting and the [posture](crate::posture) take the sentence from
//! here.

/// Lists every loosening once: its variant, the setting as users write it, and the risk. Makes the
/// macro `risk`, which is the sentence for the documentation.
macro_rules! loosenings {
    ($($loosening:ident = $setting:literal: $risk:literal;)+) => {
        /// A setting that makes this crate accept more than a profile or a default does.
        ///
        /// ```
        /// use tower_client_assertion::posture::Loosening;
        ///
        /// let http = Loosening::AllowHttp;
        /// assert_eq!(http.setting(), "AddressGuard::allow_http");
        /// assert!(http.risk().starts_with("an attacker on the path"));
        /// assert!(Loosening::ALL.contains(&http));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Loosening {
            $(#[doc = concat!("`", $setting, "`. The risk: ", $risk)] $loosening,)+
        }

        impl Loosening {
            /// Every loosening, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$loosening),+];

            /// Returns the setting as users write it, for example `dangerous().audience`.
            pub const fn setting(self) -> &'static str {
                match self {
                    $(Self::$loosening => $setting,)+
                }
            }

            /// Returns the risk: the sentence of the setting's documentation, without its beginning
            /// "The risk:".
            pub const fn risk(self) -> &'static str {
                match self {
                    $(Self::$loosening => $risk,)+
                }
            }
        }

        /// The sentence about the risk, for the documentation of the setting.
        macro_rules! risk {
            $(($loosening) => { concat!("The risk: ", $risk) };)+
        }
    };
}

loosenings! {
    Audience = "dangerous().audience":
        "another authorization server that names this token endpoint as its own can obtain assertions that are valid \
         here.";
    AcceptTyp = "dangerous().accept_typ":
        "a JWT that was issued for another purpose is accepted as an assertion (RFC 8725, section 2.8).";
    OptionalKid = "dangerous().optional_kid":
        "such clients cannot rotate their keys without an interruption.";
    KeyTrials = "dangerous().key_trials":
        "each trial costs a signature check, for forged assertions too.";
    OptionalJti = "dangerous().optional_jti":
        "a client that signs the same claims twice within a second, with an algorithm without randomness, sends the \
         same assertion twice, and the second is refused.";
    ReusableWithoutJti = "dangerous().reusable_without_jti":
        "an attacker who intercepts such an assertion can use it until it expires.";
    OptionalIat = "dangerous().optional_iat":
        "the age of such an assertion is unknown, so only `exp` ends it.";
    OptionalExp = "dangerous().optional_exp":
        "only the age of `iat` ends such an assertion, so its client cannot make it expire sooner.";
    FutureSkew = "dangerous().future_skew":
        "an attacker who can use a client's key for a moment can sign assertions for later.";
    ExpirySkew = "dangerous().expiry_skew":
        "assertions stay valid this much longer than they say.";
    MaxAge = "dangerous().max_age":
        "an assertion that was intercepted long ago is still valid, and the replay store must record assertions for \
         that long.";
    MaxLifetime = "dangerous().max_lifetime":
        "an assertion that was intercepted is valid for that long, and the replay store must record assertions for \
         that long.";
    IssuerWithoutTls = "dangerous().issuer_without_tls":
        "an attacker who can tamper with the metadata that clients read can redirect their assertions.";
    TlsConfig = "HyperFetch::with_tls_config":
        "if the configuration accepts certificates that it should not, an attacker on the path can replace the keys of \
         every client.";
    AllowHttp = "AddressGuard::allow_http":
        "an attacker on the path to any client's host can authenticate as that client. A client that registers such a \
         URL by mistake is not told.";
    AllowHttpFor = "AddressGuard::allow_http_for":
        "an attacker between this server and that host can replace the keys, and authenticate as every client whose \
         keys are there.";
    AllowHost = "AddressGuard::allow_host":
        "if an attacker controls how the name resolves, a client can have this server send requests to any internal \
         address.";
    AllowRange = "AddressGuard::allow_range":
        "a client that registers a URL in the range can have this server send requests to what listens there.";
}

#[expect(clippy::single_component_path_imports, reason = "it gives the macro a path")]
pub(crate) use risk;

/// A set of loosenings, as a policy records them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loosenings(u32);

impl Loosenings {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn with(self, loosening: Loosening) -> Self {
        Self(self.0 | 1 << loosening as u32)
    }

    pub(crate) const fn without(self, loosening: Loosening) -> Self {
        Self(self.0 & !(1 << loosening as u32))
    }

    pub(crate) const fn contains(self, loosening: Loosening) -> bool {
        self.0 & 1 << loosening as u32 != 0
    }
}
