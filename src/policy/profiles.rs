//! The profiles. Each constant is a column of the table on the [profiles](crate::manual::profiles)
//! page. A constant names only what differs from [`BASE`].

use std::time::Duration;

use super::Algorithm::{ES256, ES384, Ed25519, EdDSA, HS384, PS256, RS384};
use super::{Algorithm, AlgorithmSet, AudienceRule, Bounds, JkuRule, Policy, Presence, Wording};
use crate::loosening::Loosenings;
use crate::name::{Name, Names};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// RFC 7519, section 4.1.4, allows a skew of "no more than a few minutes".
const ANY_SKEW: (Duration, Duration) = (secs(0), secs(300));

/// The registered types of JWTs for other purposes, which must not pass for assertions (RFC 8725,
/// section 3.12). No policy can accept one.
pub(super) const FOREIGN_TYPES: [&str; 14] = [
    "at+jwt",
    "dpop+jwt",
    "entity-statement+jwt",
    "kb+jwt",
    "logout+jwt",
    "oauth-authz-req+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "secevent+jwt",
    "statuslist+jwt",
    "token-introspection+jwt",
    "trust-mark+jwt",
    "vc+jwt",
    "wit+jwt",
];

/// The rules that most profiles share: RFC 7523 as updated by RFC 10070. The times are this crate's
/// choice.
const BASE: Policy = Policy {
    name: Name::Static("rfc7523"),
    grant_types: None,
    algorithms: AlgorithmSet::ASYMMETRIC,
    kid: Presence::Optional,
    key_trials: 4,
    jku: JkuRule::Registered,
    typ: Presence::Optional,
    accepted_typ: Names::Static(&["client-authentication+jwt", "jwt"]),
    audience: AudienceRule::SoleIssuer,
    strict_by_typ: true,
    jti: Presence::Optional,
    reusable_without_jti: false,
    iat: Presence::Optional,
    exp: Presence::Required,
    max_age: None,
    max_lifetime: Some(secs(3600)),
    future_skew: secs(30),
    expiry_skew: secs(30),
    wording: Wording::Rfc6749,
    bounds: Bounds {
        profile: "rfc7523",
        algorithms: AlgorithmSet::of(&Algorithm::ALL),
        one_of: AlgorithmSet::EMPTY,
        key_trials: 4,
        future_skew_range: ANY_SKEW,
        future_skew: Some(secs(30)),
        expiry_skew: Some(secs(30)),
        max_age: None,
        max_lifetime: Some(secs(3600)),
    },
    loosened: Loosenings::NONE,
};

static PROFILES: [Policy; 5] =
    [Policy::REDOX, Policy::SMART_BACKEND_SERVICES, Policy::RFC7523, Policy::FAPI2, Policy::OIDC];

impl Policy {
    /// Returns the profile that the policy is based on, as it was before anything was set.
    pub(crate) fn base(&self) -> &'static Self {
        let is_base = |profile: &&Self| profile.bounds.profile == self.bounds.profile;
        PROFILES.iter().find(is_base).unwrap_or(&PROFILES[2])
    }

    /// The rules of the token endpoint of the Redox API, as its troubleshooting page describes
    /// them.
    ///
    /// *This crate* is the source of what the others leave open; the
    /// [profiles](crate::manual::profiles) page gives the reasons.
    ///
    /// | parameter | rule | source |
    /// |---|---|---|
    /// | `grant_type` | `client_credentials` | Redox |
    /// | algorithms | RS384, ES384; HS384 for clients that are registered with a secret | Redox (RS384, ES384); Redox's older page (HS384) |
    /// | `kid` | required, except for HS384; exactly one usable key with this `kid` for the algorithm | Redox; SMART, key retrieval |
    /// | `jku` | optional; the registered key set URL | SMART, key retrieval |
    /// | `typ` | optional; `JWT` in any case, also as `application/jwt` | Redox, whose own sample sends none; RFC 7515, section 4.1.9 |
    /// | `iss`, `sub` | required; equal to each other, and to `client_id` if that is sent | Redox; RFC 7523, section 3, items 1 and 2; RFC 7521, section 4.2 |
    /// | `aud` | required; a configured URL, or an array of nothing else | Redox; *this crate* for the array |
    /// | `jti` | required; single use per client | Redox; *this crate* for the answer to a second use |
    /// | `iat` | required; at most 5 minutes old | Redox |
    /// | `exp`, `nbf` | optional; must hold if present | Redox; RFC 7519, sections 4.1.4 and 4.1.5 |
    /// | clock skew | 10 s, for the past and the future | Redox |
    /// | refusals | 400 `invalid_request`, in Redox's wording | Redox; *this crate* for the status |
    pub const REDOX: Self = Self {
        name: Name::Static("redox"),
        grant_types: Some(Names::Static(&["client_credentials"])),
        algorithms: AlgorithmSet::of(&[RS384, ES384, HS384]),
        kid: Presence::Required,
        key_trials: 1,
        accepted_typ: Names::Static(&["jwt"]),
        audience: AudienceRule::Urls,
        strict_by_typ: false,
        jti: Presence::Required,
        iat: Presence::Required,
        exp: Presence::Optional,
        max_age: Some(secs(300)),
        max_lifetime: None,
        future_skew: secs(10),
        expiry_skew: secs(10),
        wording: Wording::Redox,
        bounds: Bounds {
            profile: "redox",
            key_trials: 1,
            future_skew: Some(secs(10)),
            expiry_skew: Some(secs(10)),
            max_age: Some(secs(300)),
            max_lifetime: None,
            ..BASE.bounds
        },
        ..BASE
    };

    /// The rules of SMART App Launch 2.2, for Backend Services and for confidential clients that
    /// authenticate with an asymmetric key.
    ///
    /// *This crate* is the source of what the others leave open; the
    /// [profiles](crate::manual::profiles) page gives the reasons.
    ///
    /// | parameter | rule | source |
    /// |---|---|---|
    /// | `grant_type` | `client_credentials`; see [`allow_any_grant_type`](Self::allow_any_grant_type) for app launch | SMART, Backend Services |
    /// | algorithms | RS384, ES384; others may be added, but one of these must stay | SMART, asymmetric authentication |
    /// | `kid` | required; exactly one usable key with this `kid` for the algorithm | SMART, JWT header; key retrieval, step 3 |
    /// | `jku` | optional; the registered key set URL | SMART, key retrieval, step 1 |
    /// | keys by URL | used no longer than the client's `Cache-Control` allows, if the cache is [`smart`](crate::jwks::KeySetCacheBuilder::smart) | SMART, key retrieval |
    /// | `typ` | optional; `JWT` or `client-authentication+jwt`. SMART requires it, but clients omit it: see [`require_typ`](Self::require_typ) | SMART, JWT header; *this crate* for its absence |
    /// | `iss`, `sub` | required; equal to each other, and to `client_id` if that is sent | SMART, JWT claims; RFC 7521, section 4.2 |
    /// | `aud` | required; a configured URL, which is that of the token endpoint, or an array of nothing else | SMART, JWT claims; *this crate* for the array |
    /// | `jti` | required; single use per client | SMART, JWT claims |
    /// | `exp` | required; at most 5 minutes ahead, plus the skew | SMART, JWT claims; *this crate* for the skew |
    /// | `iat`, `nbf` | optional; must hold if present | RFC 7519, sections 4.1.5 and 4.1.6; *this crate* for `iat` in the future |
    /// | clock skew | 30 s, for the past and the future | *this crate*; RFC 7519, section 4.1.4 |
    /// | refusals | 400 `invalid_client` and others of RFC 6749, with a description | SMART, Backend Services; RFC 7521, section 4.2.1 |
    pub const SMART_BACKEND_SERVICES: Self = Self {
        name: Name::Static("smart"),
        grant_types: Some(Names::Static(&["client_credentials"])),
        algorithms: AlgorithmSet::of(&[RS384, ES384]),
        kid: Presence::Required,
        key_trials: 1,
        audience: AudienceRule::Urls,
        strict_by_typ: false,
        jti: Presence::Required,
        max_lifetime: Some(secs(300)),
        bounds: Bounds {
            profile: "smart",
            algorithms: AlgorithmSet::ASYMMETRIC,
            one_of: AlgorithmSet::of(&[RS384, ES384]),
            key_trials: 1,
            max_lifetime: Some(secs(300)),
            ..BASE.bounds
        },
        ..BASE
    };

    /// The rules of RFC 7521 and RFC 7523 as updated by RFC 10070, strictly: `aud` contains this
    /// server alone.
    ///
    /// *This crate* is the source of what the others leave open; the
    /// [profiles](crate::manual::profiles) page gives the reasons.
    ///
    /// | parameter | rule | source |
    /// |---|---|---|
    /// | `grant_type` | left to the handler | RFC 6749, section 3.2 |
    /// | algorithms | RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, ML-DSA-44, ML-DSA-65, ML-DSA-87: every asymmetric algorithm that this crate verifies; see [`allow_client_secret_jwt`](Self::allow_client_secret_jwt) for HMAC | RFC 7523, section 5 (RS256); *this crate* for the others |
    /// | `kid` | required if the client has several keys for the algorithm; of several keys with one `kid`, four are tried | OpenID Connect Core, section 10.1; *this crate* for the trials |
    /// | `jku` | optional; the registered key set URL | RFC 8725, section 3.10 |
    /// | `typ` | optional; `client-authentication+jwt` or `JWT` | RFC 10070; RFC 8725, section 3.11 |
    /// | `iss`, `sub` | required; equal to each other, and to `client_id` if that is sent | RFC 7523, section 3, items 1 and 2; RFC 7521, section 4.2 |
    /// | `aud` | required; the issuer as the sole value | RFC 10070 (RFC 7523, section 3, item 3) |
    /// | `jti` | optional; single use per client, without a `jti` by a hash of the signing input | RFC 7523, section 3, item 7; *this crate* without a `jti` |
    /// | `exp` | required; at most an hour ahead, plus the skew | RFC 7523, section 3, item 4; *this crate* for the hour |
    /// | `iat`, `nbf` | optional; must hold if present | RFC 7523, section 3, items 5 and 6; *this crate* for `iat` in the future |
    /// | clock skew | 30 s, for the past and the future | *this crate*; RFC 7519, section 4.1.4 |
    /// | refusals | 400 `invalid_client` and others of RFC 6749, with a description | RFC 7521, section 4.2.1; RFC 6749, section 5.2 |
    pub const RFC7523: Self = BASE;

    /// The rules of the FAPI 2.0 Security Profile (final, 2025).
    ///
    /// *This crate* is the source of what the others leave open; the
    /// [profiles](crate::manual::profiles) page gives the reasons.
    ///
    /// | parameter | rule | source |
    /// |---|---|---|
    /// | `grant_type` | left to the handler | RFC 6749, section 3.2 |
    /// | algorithms | PS256, ES256, EdDSA, Ed25519; no other can be allowed | FAPI, section 5.4.1 |
    /// | `kid` | required if the client has several keys for the algorithm; of several keys with one `kid`, four are tried | FAPI, section 5.4.3; *this crate* for the number |
    /// | `jku` | optional; the registered key set URL | FAPI, section 5.4.2 |
    /// | `typ` | optional; `client-authentication+jwt` or `JWT` | RFC 10070; RFC 8725, section 3.11 |
    /// | `iss`, `sub` | required; equal to each other, and to `client_id` if that is sent | OpenID Connect Core, section 9; RFC 7521, section 4.2 |
    /// | `aud` | required; the issuer, as a JSON string | FAPI, section 5.3.2.1, item 8 |
    /// | `jti` | required; single use per client | OpenID Connect Core, section 9 |
    /// | `exp` | required; at most 5 minutes ahead, plus the skew; FAPI itself has no maximum | RFC 7523, section 3, item 4; *this crate* for the five minutes |
    /// | `iat`, `nbf` | optional; must hold if present | FAPI, section 5.3.2.1, item 13 |
    /// | clock skew | 10 s; for the future 10 s to 60 s | FAPI, section 5.3.2.1, item 13; *this crate* for the past |
    /// | refusals | 400 `invalid_client` and others of RFC 6749, with a description | RFC 7521, section 4.2.1; RFC 6749, section 5.2 |
    pub const FAPI2: Self = Self {
        name: Name::Static("fapi2"),
        algorithms: AlgorithmSet::of(&[PS256, ES256, EdDSA, Ed25519]),
        audience: AudienceRule::IssuerString,
        jti: Presence::Required,
        max_lifetime: Some(secs(300)),
        future_skew: secs(10),
        expiry_skew: secs(10),
        bounds: Bounds {
            profile: "fapi2",
            algorithms: AlgorithmSet::of(&[PS256, ES256, EdDSA, Ed25519]),
            future_skew_range: (secs(10), secs(60)),
            future_skew: Some(secs(60)),
            expiry_skew: Some(secs(10)),
            max_lifetime: Some(secs(300)),
            ..BASE.bounds
        },
        ..BASE
    };

    /// The rules of OpenID Connect Core with errata set 2, section 9, for `private_key_jwt` and
    /// `client_secret_jwt`.
    ///
    /// *This crate* is the source of what the others leave open; the
    /// [profiles](crate::manual::profiles) page gives the reasons.
    ///
    /// | parameter | rule | source |
    /// |---|---|---|
    /// | `grant_type` | left to the handler | RFC 6749, section 3.2 |
    /// | algorithms | RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, ML-DSA-44, ML-DSA-65, ML-DSA-87: every asymmetric algorithm that this crate verifies; HS256, HS384, HS512 for clients that are registered with a secret | OpenID Connect Core, section 9; *this crate* for the list |
    /// | `kid` | required if the client has several keys for the algorithm; of several keys with one `kid`, four are tried | OpenID Connect Core, section 10.1; *this crate* for the trials |
    /// | `jku` | ignored | RFC 8725, section 3.10 |
    /// | `typ` | optional; `client-authentication+jwt` or `JWT` | RFC 10070; RFC 8725, section 3.11 |
    /// | `iss`, `sub` | required; equal to each other, and to `client_id` if that is sent | OpenID Connect Core, section 9; RFC 7521, section 4.2 |
    /// | `aud` | required; the issuer or a configured URL, or an array of nothing else; with `client-authentication+jwt` the issuer as the sole value. See [`require_issuer_string`](Self::require_issuer_string) for the draft of errata set 3 | OpenID Connect Core, section 9; RFC 10070 |
    /// | `jti` | required; single use per client | OpenID Connect Core, section 9 |
    /// | `exp` | required; at most an hour ahead, plus the skew | OpenID Connect Core, section 9; *this crate* for the hour |
    /// | `iat`, `nbf` | optional; must hold if present | OpenID Connect Core, section 9; RFC 7519, sections 4.1.5 and 4.1.6; *this crate* for `iat` in the future |
    /// | clock skew | 30 s, for the past and the future | *this crate*; RFC 7519, section 4.1.4 |
    /// | refusals | 400 `invalid_client` and others of RFC 6749, with a description | RFC 7521, section 4.2.1; RFC 6749, section 5.2 |
    pub const OIDC: Self = Self {
        name: Name::Static("oidc"),
        algorithms: BASE.algorithms.union(AlgorithmSet::MAC),
        jku: JkuRule::Ignored,
        audience: AudienceRule::IssuerOrUrls,
        jti: Presence::Required,
        bounds: Bounds { profile: "oidc", ..BASE.bounds },
        ..BASE
    };
}
