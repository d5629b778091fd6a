//! Policies: the name of a profile, or a table of what differs from it.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::apply::{Switch, or, set_of, switched, wrong_off};
use super::loosened::Dangerous;
use super::path::Path;
use super::table::{Given, Table, read_given, read_table, table};
use super::value::{
    AlgorithmName, Count, Flag, FromScalar, List, Member, Read, Scalar, Secs, Text, read_scalar, refused,
};
use crate::policy::{Policy, PolicyError};
use crate::setting::Setting;
use crate::text::Excerpt;

/// A profile, by its name.
#[derive(Clone, Debug)]
pub(super) struct Base(Policy);

impl FromScalar for Base {
    const EXPECTED: &'static str = "the name of a profile: redox, smart, rfc7523, fapi2 or oidc";

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        let Scalar::Text(name) = scalar else { return None };
        profile(name).map(Self)
    }
}

impl Read for Base {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_scalar(path, from)
    }
}

fn profile(name: &str) -> Option<Policy> {
    let profiles = [Policy::REDOX, Policy::SMART_BACKEND_SERVICES, Policy::RFC7523, Policy::FAPI2, Policy::OIDC];
    profiles.into_iter().find(|profile| profile.name() == name)
}

table! {
    /// The members have the names of the methods of `Policy`.
    PolicyTable {
        base: Base,
        name: Text,
        grant_types: List<Text>,
        algorithms: List<AlgorithmName>,
        require_kid: Flag,
        key_trials: Count,
        require_typ: Flag,
        require_sole_issuer: Flag,
        require_issuer_string: Flag,
        require_jti: Flag,
        require_iat: Flag,
        require_exp: Flag,
        max_age: Secs,
        max_lifetime: Secs,
        future_skew: Secs,
        expiry_skew: Secs,
        dangerous: Dangerous,
    }

    fn elsewhere(name: &str) -> Option<&'static str> {
        let loosens = Dangerous::MEMBERS.contains(&name);
        loosens.then_some("it loosens the policy; put it into the table `dangerous` of the policy")
    }
}

impl Read for Policy {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let built = match read_given::<PolicyTable, D>(path, Base::EXPECTED, from)? {
            Given::Table(table) => table.policy(path, None),
            Given::Text(name) => match profile(&name) {
                Some(policy) => Ok(policy),
                None => Err(path.problem(format_args!("{name:?} is not valid; use {}, or a table", Base::EXPECTED))),
            },
        };
        built.map_err(Error::custom)
    }
}

/// Policies for the clients that are registered under their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies(pub(super) Vec<Policy>);

impl Read for Policies {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        struct Named<'p>(Path<'p>);

        impl Named<'_> {
            fn refuse<V, E: Error>(&self, shown: impl fmt::Display) -> Result<V, E> {
                Err(self.0.error(format_args!("{shown} is not valid; use a table of tables by name")))
            }
        }

        impl<'de> Visitor<'de> for Named<'_> {
            type Value = Vec<Policy>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of tables by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Vec<Policy>, M::Error> {
                let mut policies: Vec<Policy> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let path = self.0.member(&name);
                    if policies.iter().any(|policy| policy.name() == name) {
                        return Err(path.error("given twice; give it once"));
                    }
                    let NamedPolicy(table) = map.next_value_seed(Member::at(path))?;
                    policies.push(table.policy(path, Some(&name)).map_err(Error::custom)?);
                }
                Ok(policies)
            }

            refused!(flags numbers nothing texts lists);
        }

        from.deserialize_any(Named(path)).map(Self)
    }
}

struct NamedPolicy(PolicyTable);

impl Read for NamedPolicy {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_table(path, from).map(Self)
    }
}

/// Members of a policy that contradict each other.
const CONTRADICTIONS: [(&str, &str); 19] = [
    ("grant_types", "dangerous.grant_types"),
    ("grant_types", "dangerous.allow_any_grant_type"),
    ("dangerous.grant_types", "dangerous.allow_any_grant_type"),
    ("require_sole_issuer", "require_issuer_string"),
    ("require_sole_issuer", "dangerous.audience"),
    ("require_issuer_string", "dangerous.audience"),
    ("require_kid", "dangerous.optional_kid"),
    ("require_jti", "dangerous.optional_jti"),
    ("require_jti", "dangerous.reusable_without_jti"),
    ("require_iat", "dangerous.optional_iat"),
    ("require_exp", "dangerous.optional_exp"),
    ("key_trials", "dangerous.key_trials"),
    ("max_age", "dangerous.max_age"),
    ("max_lifetime", "dangerous.max_lifetime"),
    ("future_skew", "dangerous.future_skew"),
    ("expiry_skew", "dangerous.expiry_skew"),
    ("dangerous.optional_jti", "dangerous.reusable_without_jti"),
    ("algorithms", "dangerous.algorithms"),
    ("dangerous.algorithms", "dangerous.allow_client_secret_jwt"),
];

impl PolicyTable {
    /// Builds the policy. `name` is that of the table in `policies`.
    fn policy(&self, path: Path<'_>, name: Option<&str>) -> Result<Policy, String> {
        let both = CONTRADICTIONS.iter().find(|(one, other)| self.sets_any(one) && self.sets_any(other));
        if let Some((one, other)) = both {
            return Err(path.member(one).problem(format_args!("it contradicts {path}.{other}; remove one of them")));
        }
        let base = self.base.clone().map_or(Policy::RFC7523, |Base(policy)| policy);
        let policy = base.clone();
        let policy = match (name, &self.name) {
            (Some(_), Some(_)) => return Err(path.member("name").problem("the table is the name; remove this one")),
            (Some(name), None) => policy.with_owned_name(name),
            (None, Some(Text(name))) => policy.with_owned_name(name),
            (None, None) => policy,
        };
        let policy = self.narrowed(policy);
        let policy = match &self.dangerous {
            Some(table) => table.loosened(policy),
            None => policy,
        };
        wrong_off(path, &policy, &self.switches())?;
        if let Some(table) = &self.dangerous {
            wrong_off(path.member("dangerous"), &policy, &table.switches())?;
        }
        policy.check().map_err(|error| self.described(path, &error))?;
        self.check_lists(path, &base)?;
        Ok(policy)
    }

    /// Returns whether a member is given, and is not `false`.
    fn sets_any(&self, name: &str) -> bool {
        match name.strip_prefix("dangerous.") {
            Some(name) => self.dangerous.as_ref().is_some_and(|table| table.sets(name)),
            None => self.sets(name),
        }
    }

    fn narrowed(&self, policy: Policy) -> Policy {
        let secs = |given: &Option<Secs>| given.as_ref().map(|Secs(time)| *time);
        let policy = or(policy, self.grant_types.as_ref(), |policy, List(names)| {
            policy.with_owned_grant_types(names.iter().map(|Text(name)| name.as_str()))
        });
        let policy = or(policy, self.algorithms.as_ref(), |policy, List(names)| policy.with_algorithms(set_of(names)));
        let policy = or(policy, self.key_trials.as_ref(), |policy, Count(count)| policy.with_key_trials(*count));
        let policy = or(policy, secs(&self.max_age), Policy::with_max_age);
        let policy = or(policy, secs(&self.max_lifetime), Policy::with_max_lifetime);
        let policy = or(policy, secs(&self.future_skew), Policy::with_future_skew);
        let policy = or(policy, secs(&self.expiry_skew), Policy::with_expiry_skew);
        switched(policy, &self.switches())
    }

    fn switches(&self) -> [Switch; 7] {
        use crate::policy::AudienceRule::{IssuerString, SoleIssuer};
        [
            ("require_kid", self.require_kid, Policy::require_kid, Policy::requires_kid),
            ("require_typ", self.require_typ, Policy::require_typ, Policy::requires_typ),
            ("require_sole_issuer", self.require_sole_issuer, Policy::require_sole_issuer, |policy| {
                policy.audience() == SoleIssuer
            }),
            ("require_issuer_string", self.require_issuer_string, Policy::require_issuer_string, |policy| {
                policy.audience() == IssuerString
            }),
            ("require_jti", self.require_jti, Policy::require_jti, Policy::requires_jti),
            ("require_iat", self.require_iat, Policy::require_iat, Policy::requires_iat),
            ("require_exp", self.require_exp, Policy::require_exp, Policy::requires_exp),
        ]
    }

    /// Refuses lists with more than those of the base. All other members are judged by the policy.
    fn check_lists(&self, path: Path<'_>, base: &Policy) -> Result<(), String> {
        let more = |member: &str, value: &dyn fmt::Display| {
            let profile = base.profile();
            Err(path.member(member).problem(format_args!(
                "the profile {profile} does not have {value}, so it loosens the policy; put the list into the table \
                 `dangerous` of the policy"
            )))
        };
        let mut algorithms = self.algorithms.iter().flat_map(|List(names)| names).map(|AlgorithmName(name)| *name);
        if let Some(name) = algorithms.find(|name| !base.algorithms().contains(*name)) {
            return more("algorithms", &name);
        }
        let mut names = self.grant_types.iter().flat_map(|List(names)| names);
        match names.find(|Text(name)| !base.permits_grant_type(name.as_bytes())) {
            Some(Text(name)) => more("grant_types", &Excerpt::new(name)),
            None => Ok(()),
        }
    }

    /// Describes what the rules of the policy, or its profile, do not allow.
    fn described(&self, path: Path<'_>, error: &PolicyError) -> String {
        let setting = match error {
            PolicyError::Setting { error, .. } => error.setting(),
            PolicyError::OutsideProfile { setting, .. } => *setting,
            PolicyError::ForeignTyp { .. } => Setting::AcceptTyp,
            PolicyError::NoAlgorithms { .. } => Setting::Algorithms,
            _ => return path.problem(error),
        };
        let (name, text) = (setting.name(), error.to_string());
        let text = text.strip_prefix(&format!("{name}: ")).unwrap_or(&text);
        let dangerous = path.member("dangerous");
        match () {
            () if self.sets_any(&format!("dangerous.{name}")) => dangerous.member(name).problem(text),
            () if self.has(name) => path.member(name).problem(text),
            () => path.problem(error),
        }
    }
}
