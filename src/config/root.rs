//! The whole configuration: the members of this crate, checked against each other.

use serde::de::{Deserializer, Error};

use super::clients::Clients;
use super::key_sets::{FetchTable, KeySetsTable};
use super::limits::{LimitsTable, Overload};
use super::path::Path;
use super::policy::Policies;
use super::replay::Replay;
use super::table::{read_table, table};
use super::value::{FromScalar, List, Read, Scalar, Text, read_scalar};
use crate::policy::{Policy, is_audience, is_issuer};

table! {
    Root {
        issuer: Issuer,
        audiences: List<Audience>,
        tenant: Text,
        policy: Policy,
        policies: Policies,
        clients: Clients,
        replay: Replay,
        limits: LimitsTable,
        key_sets: KeySetsTable,
        fetch: FetchTable,
        overload: Overload,
        dangerous: Dangerous,
    }

    fn elsewhere(name: &str) -> Option<&'static str> {
        let loosens = Dangerous::MEMBERS.contains(&name);
        loosens.then_some("it loosens the configuration; put it into the table `dangerous`")
    }
}

table! {
    /// The members have the names of the methods of `DangerousVerifierBuilder`.
    Dangerous {
        issuer_without_tls: IssuerWithoutTls,
    }
}

impl Read for Dangerous {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_table(path, from)
    }
}

/// Declares a text with a rule.
macro_rules! text {
    ($name:ident = $expected:expr, $is_valid:expr) => {
        #[derive(Clone, Debug)]
        pub(super) struct $name(pub(super) String);

        impl FromScalar for $name {
            const EXPECTED: &'static str = $expected;

            fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
                let is_valid: fn(&str) -> bool = $is_valid;
                match scalar {
                    Scalar::Text(text) if is_valid(text) => Some(Self(text.to_owned())),
                    _ => None,
                }
            }
        }

        impl Read for $name {
            fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
                read_scalar(path, from)
            }
        }
    };
}

text!(
    Issuer = "an https URL without user, query and fragment (RFC 8414, section 2), or, for http, the member \
              issuer_without_tls of the table `dangerous`",
    |text| is_issuer(text, false)
);
text!(IssuerWithoutTls = "an http or https URL without user, query and fragment", |text| is_issuer(text, true));
text!(Audience = "printable ASCII without spaces, as clients write it", is_audience);

impl Root {
    /// Checks what needs several members.
    pub(super) fn check<E: Error>(&self) -> Result<(), E> {
        let root = Path::ROOT;
        if self.issuer.is_some() && self.dangerous.as_ref().is_some_and(|table| table.issuer_without_tls.is_some()) {
            return Err(root.member("issuer").error("it contradicts dangerous.issuer_without_tls; remove one of them"));
        }
        let is_smart = self.has_smart_policy();
        self.key_sets.as_ref().map_or(Ok(is_smart), |table| table.is_smart(is_smart)).map_err(E::custom)?;
        let policies = self.policies.iter().flat_map(|Policies(policies)| policies);
        let first = self.policy.as_ref().map_or("rfc7523", Policy::name);
        if policies.clone().any(|policy| policy.name() == first) {
            let path = root.member("policies");
            return Err(path.member(first).error("the policy of the other clients has this name; use another"));
        }
        if policies.count() > 15 {
            return Err(root.member("policies").error("there are more than 15; remove some"));
        }
        Ok(())
    }

    pub(super) fn has_smart_policy(&self) -> bool {
        let others = self.policies.iter().flat_map(|Policies(policies)| policies);
        self.policy.iter().chain(others).any(|policy| policy.profile() == "smart")
    }
}
