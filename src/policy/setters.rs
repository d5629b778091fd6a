//! The settings that narrow a policy, and those that a profile leaves to the deployment.

use std::mem;
use std::time::Duration;

use super::{AlgorithmSet, AudienceRule, DangerousPolicy, Policy, Presence};
use crate::loosening::Loosening;
use crate::name::{Name, Names};

// Setters that replace a name forget the old one. Constants need this: the compiler cannot run a
// destructor in them. Only a name that was set with `with_owned_*` before is leaked.
impl Policy {
    /// Sets the name of the policy, by which clients refer to it: 1 to 64 bytes without control
    /// characters. Default: the name of the profile.
    pub const fn with_name(mut self, name: &'static str) -> Self {
        mem::forget(mem::replace(&mut self.name, Name::Static(name)));
        self
    }

    /// Sets the name of the policy like [`with_name`](Self::with_name), for a name that is read
    /// from a configuration.
    pub fn with_owned_name(mut self, name: impl Into<String>) -> Self {
        self.name = Name::Shared(name.into().into());
        self
    }

    /// Permits these grant types and no others at the token endpoint (RFC 6749, section 5.2). Names
    /// are compared byte for byte. Default: `client_credentials` in Redox's and SMART's profile; in
    /// the others, the handler decides.
    pub const fn with_grant_types(mut self, grant_types: &'static [&'static str]) -> Self {
        mem::forget(self.grant_types.replace(Names::Static(grant_types)));
        self
    }

    /// Permits grant types like [`with_grant_types`](Self::with_grant_types), for names that are
    /// read from a configuration.
    pub fn with_owned_grant_types<N: Into<Box<str>>>(mut self, grant_types: impl IntoIterator<Item = N>) -> Self {
        self.grant_types = Some(Names::shared(grant_types));
        self
    }

    /// Leaves the `grant_type` to the handler, which must also check that it is present.
    pub const fn allow_any_grant_type(mut self) -> Self {
        mem::forget(self.grant_types.take());
        self
    }

    /// Allows these algorithms and no others (RFC 8725, section 3.1). They must be within the list
    /// of the profile, if it has one: FAPI 2.0 does.
    pub const fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Also allows HS256, HS384 and HS512, for clients that are registered with a
    /// [secret](crate::secret::ClientSecret): `client_secret_jwt` (OpenID Connect Core, section 9).
    /// SMART Backend Services and FAPI 2.0 do not have this method, so policies based on them do
    /// not build with it.
    pub const fn allow_client_secret_jwt(mut self) -> Self {
        self.algorithms = self.algorithms.union(AlgorithmSet::MAC);
        self
    }

    /// Refuses assertions without a `kid` header parameter, unless they are signed with a secret.
    pub const fn require_kid(mut self) -> Self {
        self.kid = Presence::Required;
        self.loosened = self.loosened.without(Loosening::OptionalKid);
        self
    }

    /// Sets how many keys that share a `kid` and fit the algorithm are tried, in the order of the
    /// key set. FAPI 2.0, section 5.4.3, allows a key set to contain several. With 1, a second such
    /// key makes the assertion ambiguous, and it is refused. Default: 1 in Redox's and SMART's
    /// profile, 4 in the others. A larger value needs [`dangerous`](Self::dangerous).
    ///
    /// A client chooses its keys, and a forged assertion costs a check with each key that is tried.
    /// So a key whose check is expensive counts twice: an RSA key over 4096 bits, and a key on
    /// P-521. The first key is always tried. With 4 that means two of these keys, or four others.
    pub const fn with_key_trials(mut self, count: usize) -> Self {
        self.key_trials = count;
        self
    }

    /// Refuses assertions without a `typ` header parameter (RFC 8725, section 3.11).
    pub const fn require_typ(mut self) -> Self {
        self.typ = Presence::Required;
        self
    }

    /// Accepts in `aud` only the issuer identifier as the sole value, as a string or as an array of
    /// one member (RFC 10070). FAPI 2.0 permits no array, so policies based on it do not build with
    /// this method.
    pub const fn require_sole_issuer(mut self) -> Self {
        self.audience = AudienceRule::SoleIssuer;
        self.loosened = self.loosened.without(Loosening::Audience);
        self
    }

    /// Accepts in `aud` only the issuer identifier as a JSON string, and no array (FAPI 2.0
    /// Security Profile, section 5.3.2.1).
    pub const fn require_issuer_string(mut self) -> Self {
        self.audience = AudienceRule::IssuerString;
        self.loosened = self.loosened.without(Loosening::Audience);
        self
    }

    /// Refuses assertions without a `jti` claim. Default: a `jti` is required, except in RFC 7523's
    /// profile. There, an assertion without one is accepted once as well.
    pub const fn require_jti(mut self) -> Self {
        self.jti = Presence::Required;
        self.loosened = self.loosened.without(Loosening::OptionalJti).without(Loosening::ReusableWithoutJti);
        self
    }

    /// Refuses assertions without an `iat` claim.
    pub const fn require_iat(mut self) -> Self {
        self.iat = Presence::Required;
        self.loosened = self.loosened.without(Loosening::OptionalIat);
        self
    }

    /// Refuses assertions without an `exp` claim (RFC 7523, section 3, item 4).
    pub const fn require_exp(mut self) -> Self {
        self.exp = Presence::Required;
        self.loosened = self.loosened.without(Loosening::OptionalExp);
        self
    }

    /// Refuses assertions whose `iat` is further in the past than this plus the [expiry
    /// skew](Self::with_expiry_skew) (RFC 7523, section 3, item 6). In whole seconds, at most the
    /// value of the profile and one day. Default: 5 min in Redox's profile, no bound in the others.
    pub const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Refuses assertions whose `exp` is further in the future than this plus the [future
    /// skew](Self::with_future_skew) (RFC 7523, section 3, item 4). In whole seconds, at most the
    /// value of the profile and one day. Default: 5 min in SMART's and FAPI's profile, 1 h in RFC
    /// 7523's and OpenID Connect's, no bound in Redox's.
    pub const fn with_max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = Some(max_lifetime);
        self
    }

    /// Allows a client's clock to run ahead of the server's by up to this much. It applies to `iat`
    /// and `nbf`, and is added to the [maximum lifetime](Self::with_max_lifetime). In whole
    /// seconds, at most the value of the profile; in FAPI 2.0, 10 s to 60 s. Default: 10 s in
    /// Redox's and FAPI's profile, 30 s in the others.
    pub const fn with_future_skew(mut self, skew: Duration) -> Self {
        self.future_skew = skew;
        self
    }

    /// Allows a client's clock to run behind the server's by up to this much. It applies to `exp`
    /// and to the age of `iat`. In whole seconds, at most the value of the profile. Default: 10 s
    /// in Redox's and FAPI's profile, 30 s in the others.
    pub const fn with_expiry_skew(mut self, skew: Duration) -> Self {
        self.expiry_skew = skew;
        self
    }

    /// Gives access to the settings that make the policy accept more than its profile.
    pub const fn dangerous(self) -> DangerousPolicy {
        DangerousPolicy(mem::ManuallyDrop::new(self))
    }
}
