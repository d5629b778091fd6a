//! The checks of a request, in the order of the figure on the crate page.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! checks {
    ($(#[$attribute:meta])* $($variant:ident $name:literal $doc:literal;)+) => {
        $(#[$attribute])*
        pub enum Check {
            $(#[doc = $doc] $variant,)+
        }

        impl Check {
            /// Every check, in the order in which requests are judged.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name, in lower snake case. It never changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

checks! {
    /// A check of a request. Displays as its [name](Self::name).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    Tenant "tenant" "Whether there is a verifier for the request, if the layer chooses one.";
    Method "method" "The method of the request.";
    ContentEncoding "content_encoding" "Whether the body is encoded.";
    ContentType "content_type" "The content type and its charset.";
    BodySize "body_size" "The size of the body, declared and real.";
    BodyComplete "body_complete" "Whether the body is as long as declared.";
    Form "form" "The encoding of the parameters that the verifier reads.";
    Parameters "parameters" "The number of parameters.";
    Repeats "repeats" "Whether a parameter is repeated.";
    Query "query" "Whether the query has credentials.";
    GrantType "grant_type" "The grant type, by any policy.";
    OneMechanism "one_mechanism" "Whether there is one way of authentication.";
    AssertionType "assertion_type" "The parameter `client_assertion_type`.";
    Assertion "assertion" "Whether there is a `client_assertion`.";
    AssertionSize "assertion_size" "The size of the assertion and of its header.";
    ThreeParts "three_parts" "Whether the assertion has three parts.";
    WellFormed "well_formed" "Whether its parts are base64url and JSON objects.";
    Kid "kid" "The header parameter `kid`, without a look at keys.";
    Alg "alg" "Whether the policy allows the algorithm.";
    Crit "crit" "Whether the header has a critical extension.";
    Iss "iss" "The claim `iss`.";
    ClientId "client_id" "The parameter `client_id`.";
    Sub "sub" "The claim `sub`.";
    Jti "jti" "The claim `jti`, without a look at the replay store.";
    Aud "aud" "The claim `aud`.";
    Typ "typ" "The header parameter `typ`.";
    Iat "iat" "The claim `iat`, and the time of `refuse_issued_before`.";
    Nbf "nbf" "The claim `nbf`.";
    Exp "exp" "The claim `exp`.";
    Client "client" "Whether the client is registered.";
    AuthMethod "auth_method" "Whether the client may sign with a key, or with a secret.";
    SigningAlg "signing_alg" "Whether the algorithm is the registered one.";
    Policy "policy" "The policy of the client.";
    ClientGrantType "client_grant_type" "The grant type, by the policy of the client.";
    Jku "jku" "The header parameter `jku`.";
    Key "key" "Whether the client has the key.";
    Unspent "unspent" "Whether the assertion was used before.";
    Signature "signature" "The signature.";
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
