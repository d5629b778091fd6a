//! Policies: the name of a profile, or a table of what differs from it.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::path::Path;
use super::table::{Given, Table, read_given, read_table, table};
use super::value::{
    AlgorithmName, Count, Flag, FromScalar, List, Member, Read, Rule, Scalar, Secs, SecsOrAny, Text, read_scalar,
    refused,
};
use crate::jose::algorithm::AlgorithmSet;
use crate::policy::{Policy, PolicyError};
use crate::setting::Setting;

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
        allow_any_grant_type: Flag,
        algorithms: List<AlgorithmName>,
        allow_client_secret_jwt: Flag,
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

table! {
    /// The members have the names of the methods of `DangerousPolicy`.
    Dangerous {
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
        let narrows = PolicyTable::MEMBERS.contains(&name);
        narrows.then_some("it does not loosen anything; put it into the table of the policy itself")
    }
}

impl Read for Dangerous {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_table(path, from)
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

/// Members of a policy that contradict each other. `d.` stands for the table `dangerous`.
const CONTRADICTIONS: [(&str, &str); 16] = [
    ("grant_types", "allow_any_grant_type"),
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
    ("algorithms", "allow_client_secret_jwt"),
];

impl PolicyTable {
    /// Builds the policy. `name` is that of the table in `policies`.
    fn policy(&self, path: Path<'_>, name: Option<&str>) -> Result<Policy, String> {
        let both = CONTRADICTIONS.iter().find(|(one, other)| self.sets_any(one) && self.sets_any(other));
        if let Some((one, other)) = both {
            return Err(path.member(one).problem(format_args!("it contradicts {path}.{other}; remove one of them")));
        }
        let policy = self.base.clone().map_or(Policy::RFC7523, |Base(policy)| policy);
        let policy = match (name, &self.name) {
            (Some(_), Some(_)) => return Err(path.member("name").problem("the table is the name; remove this one")),
            (Some(name), None) => policy.with_owned_name(name),
            (None, Some(Text(name))) => policy.with_owned_name(name),
            (None, None) => policy,
        };
        let policy = self.loosened(self.narrowed(policy));
        self.check_flags(path, &policy)?;
        policy.check().map_err(|error| self.described(path, &error))?;
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
        let policy = or(policy, self.algorithms.as_ref(), |policy, List(names)| {
            policy.with_algorithms(names.iter().map(|AlgorithmName(name)| *name).collect::<AlgorithmSet>())
        });
        let policy = or(policy, self.key_trials.as_ref(), |policy, Count(count)| policy.with_key_trials(*count));
        let policy = or(policy, secs(&self.max_age), Policy::with_max_age);
        let policy = or(policy, secs(&self.max_lifetime), Policy::with_max_lifetime);
        let policy = or(policy, secs(&self.future_skew), Policy::with_future_skew);
        let policy = or(policy, secs(&self.expiry_skew), Policy::with_expiry_skew);
        self.flags()
            .into_iter()
            .fold(policy, |policy, (_, given, set, _)| if is_on(given) { set(policy) } else { policy })
    }

    /// The members that are `true` or `false`: each with what it does, and whether a policy is so.
    #[expect(clippy::type_complexity, reason = "a row of a table")]
    fn flags(&self) -> [(&'static str, Option<Flag>, fn(Policy) -> Policy, fn(&Policy) -> bool); 9] {
        let any_secret = |policy: &Policy| !policy.algorithms().intersection(AlgorithmSet::MAC).is_empty();
        use crate::policy::AudienceRule::{IssuerString, SoleIssuer};
        [
            ("allow_any_grant_type", self.allow_any_grant_type, Policy::allow_any_grant_type, |policy| {
                policy.grant_types().is_none()
            }),
            ("allow_client_secret_jwt", self.allow_client_secret_jwt, Policy::allow_client_secret_jwt, any_secret),
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

    fn loosened(&self, policy: Policy) -> Policy {
        let Some(table) = &self.dangerous else { return policy };
        let secs = |given: &Option<Secs>| given.as_ref().map(|Secs(time)| *time);
        let any = |given: &Option<SecsOrAny>| given.as_ref().map(|SecsOrAny(time)| *time);
        let set =
            |policy, given: Option<Flag>, set: fn(Policy) -> Policy| if is_on(given) { set(policy) } else { policy };
        let policy = or(policy, table.audience.as_ref(), |policy, Rule(rule)| policy.dangerous().audience(*rule));
        let policy = or(policy, table.accept_typ.as_ref(), |policy, List(names)| {
            policy.dangerous().accept_owned_typ(names.iter().map(|Text(name)| name.as_str()))
        });
        let policy = set(policy, table.optional_kid, |policy| policy.dangerous().optional_kid());
        let policy =
            or(policy, table.key_trials.as_ref(), |policy, Count(count)| policy.dangerous().key_trials(*count));
        let policy = set(policy, table.optional_jti, |policy| policy.dangerous().optional_jti());
        let policy = set(policy, table.reusable_without_jti, |policy| policy.dangerous().reusable_without_jti());
        let policy = set(policy, table.optional_iat, |policy| policy.dangerous().optional_iat());
        let policy = set(policy, table.optional_exp, |policy| policy.dangerous().optional_exp());
        let policy = or(policy, secs(&table.future_skew), |policy, time| policy.dangerous().future_skew(time));
        let policy = or(policy, secs(&table.expiry_skew), |policy, time| policy.dangerous().expiry_skew(time));
        let policy = or(policy, any(&table.max_age), |policy, time: Option<Duration>| policy.dangerous().max_age(time));
        or(policy, any(&table.max_lifetime), |policy, time: Option<Duration>| policy.dangerous().max_lifetime(time))
    }

    /// A member that is `false` must say what is so: it changes nothing.
    fn check_flags(&self, path: Path<'_>, policy: &Policy) -> Result<(), String> {
        let off = |given: Option<Flag>| given.is_some_and(|Flag(on)| !on);
        let wrong = self.flags().into_iter().find(|(_, given, _, is)| off(*given) && is(policy));
        let Some((name, ..)) = wrong else { return Ok(()) };
        let profile = policy.profile();
        Err(path.member(name).problem(format_args!(
            "false is not valid, because it is so in the profile {profile}; remove it, or start from another profile"
        )))
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

fn is_on(given: Option<Flag>) -> bool {
    given.is_some_and(|Flag(on)| on)
}

/// Applies what was given.
fn or<T>(policy: Policy, given: Option<T>, set: impl FnOnce(Policy, T) -> Policy) -> Policy {
    match given {
        Some(given) => set(policy, given),
        None => policy,
    }
}
