//! The table `dangerous` of a policy: what makes it accept more than its profile.

use std::time::Duration;

use serde::de::Deserializer;

use super::apply::{Switch, or, set_of, switched};
use super::path::Path;
use super::table::{read_table, table};
use super::value::{AlgorithmName, Count, Flag, List, Read, Rule, Secs, SecsOrAny, Text};
use crate::jose::algorithm::AlgorithmSet;
use crate::policy::Policy;

table! {
    /// The members have the names of the methods of `DangerousPolicy`, and of those of `Policy`
    /// that accept more than a profile does.
    Dangerous {
        grant_types: List<Text>,
        allow_any_grant_type: Flag,
        algorithms: List<AlgorithmName>,
        allow_client_secret_jwt: Flag,
        audience: Rule,
        accept_typ: List<Text>,
        optional_kid: Flag,
        key_trials: Count,
        optional_jti: Flag,
        reusable_without_jti: Flag,
        optional_iat: Flag,
        optional_exp: Flag,
        future_skew: Secs,
        expiry_skew: Secs,
        max_age: SecsOrAny,
        max_lifetime: SecsOrAny,
    }

    fn elsewhere(name: &str) -> Option<&'static str> {
        let narrows = name.starts_with("require_") || matches!(name, "base" | "name");
        narrows.then_some("it does not loosen anything; put it into the table of the policy itself")
    }
}

impl Read for Dangerous {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_table(path, from)
    }
}

/// The row of a parameter that may be absent.
macro_rules! optional {
    ($table:ident, $name:ident, $requires:ident) => {
        (stringify!($name), $table.$name, |policy| policy.dangerous().$name(), |policy| !policy.$requires())
    };
}

impl Dangerous {
    pub(super) fn loosened(&self, policy: Policy) -> Policy {
        let secs = |given: &Option<Secs>| given.as_ref().map(|Secs(time)| *time);
        let any = |given: &Option<SecsOrAny>| given.as_ref().map(|SecsOrAny(time)| *time);
        let policy = or(policy, self.grant_types.as_ref(), |policy, List(names)| {
            policy.with_owned_grant_types(names.iter().map(|Text(name)| name.as_str()))
        });
        let policy = or(policy, self.algorithms.as_ref(), |policy, List(names)| policy.with_algorithms(set_of(names)));
        let policy = or(policy, self.audience.as_ref(), |policy, Rule(rule)| policy.dangerous().audience(*rule));
        let policy = or(policy, self.accept_typ.as_ref(), |policy, List(names)| {
            policy.dangerous().accept_owned_typ(names.iter().map(|Text(name)| name.as_str()))
        });
        let policy = or(policy, self.key_trials.as_ref(), |policy, Count(count)| policy.dangerous().key_trials(*count));
        let policy = or(policy, secs(&self.future_skew), |policy, time| policy.dangerous().future_skew(time));
        let policy = or(policy, secs(&self.expiry_skew), |policy, time| policy.dangerous().expiry_skew(time));
        let policy = or(policy, any(&self.max_age), |policy, time: Option<Duration>| policy.dangerous().max_age(time));
        let policy =
            or(policy, any(&self.max_lifetime), |policy, time: Option<Duration>| policy.dangerous().max_lifetime(time));
        switched(policy, &self.switches())
    }

    pub(super) fn switches(&self) -> [Switch; 7] {
        [
            ("allow_any_grant_type", self.allow_any_grant_type, Policy::allow_any_grant_type, |policy| {
                policy.grant_types().is_none()
            }),
            ("allow_client_secret_jwt", self.allow_client_secret_jwt, Policy::allow_client_secret_jwt, |policy| {
                !policy.algorithms().intersection(AlgorithmSet::MAC).is_empty()
            }),
            (
                "reusable_without_jti",
                self.reusable_without_jti,
                |policy| policy.dangerous().reusable_without_jti(),
                Policy::is_reusable_without_jti,
            ),
            optional!(self, optional_kid, requires_kid),
            optional!(self, optional_jti, requires_jti),
            optional!(self, optional_iat, requires_iat),
            optional!(self, optional_exp, requires_exp),
        ]
    }
}
