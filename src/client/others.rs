//! The members of a client's metadata that this crate does not read.

use std::fmt;

use serde::de::{Deserialize, Error};
use serde_json::value::RawValue;

use crate::jose::member::{Members, is_empty};

/// The members, as they are written, in the order of the document.
#[derive(Clone, Default)]
pub(super) struct Others(Box<[(Box<str>, Box<RawValue>)]>);

impl Others {
    /// Keeps the members of `json` that are not in `known`, have a value, and cannot be secret.
    pub(super) fn of(json: &RawValue, known: &[&str]) -> Self {
        let Some(members) = Members::of(json) else { return Self::default() };
        let kept = members.iter().filter(|(name, value)| {
            let is_kept = !known.contains(name) && !may_be_secret(name);
            is_kept && !is_empty(value)
        });
        Self(kept.map(|(name, value)| (name.into(), value.to_owned())).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    pub(super) fn get<'a, T: Deserialize<'a>>(&'a self, name: &str) -> serde_json::Result<Option<T>> {
        let mut named = self.0.iter().filter(|(other, _)| **other == *name);
        match (named.next(), named.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => serde_json::from_str(value.get()).map(Some),
            (Some(_), Some(_)) => Err(Error::custom("the member occurs more than once")),
        }
    }
}

/// The token of RFC 7592, section 3, manages the registration. Servers add secrets under
/// other names.
fn may_be_secret(name: &str) -> bool {
    const PARTS: [&str; 4] = ["registration_access_token", "secret", "password", "private"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// Shows the names only: a value may be personal data.
impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
