//! Key sets by URL: how they are kept, and from where they may be fetched.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::de::{Deserializer, Error};

use super::path::Path;
use super::table::{Table, read_table, table};
use super::value::{Between, Count, File, Flag, List, Read, Secs, Set, Text};
use crate::jwks::{AddressError, AddressGuard, JwksFetch, KeySetCache, KeySetCacheBuilder, NoFetch};

table! {
    /// The members have the names of the methods of `KeySetCacheBuilder` and `AddressGuard`.
    KeySetsTable {
        dangerous: Dangerous,
        smart: Flag,
        fresh_between: Between,
        fresh_by_default: Secs,
        cooldown: Secs,
        stale_for: Secs,
        retry_between: Between,
        timeout: Secs,
        max_bytes: Count,
        max_keys: Count,
        max_sets: Count,
        max_memory: Count,
        max_fetches: Count,
        max_fetches_per_host: Count,
        blame_own_network_after: Count,
        allow_http: Flag,
        allow_http_for: List<Text>,
    }

    fn elsewhere(name: &str) -> Option<&'static str> {
        let loosens = Dangerous::MEMBERS.contains(&name);
        loosens.then_some("it loosens the profile smart; put it into the table `dangerous` of the key sets")
    }
}

table! {
    Dangerous {
        ignore_smart: Flag,
    }
}

impl Read for Dangerous {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_table(path, from)
    }
}

impl Read for KeySetsTable {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let table: Self = read_table(path, from)?;
        table.is_smart(false).map_err(D::Error::custom)?;
        let hosts = table.allow_http_for.iter().flat_map(|List(hosts)| hosts);
        hosts
            .clone()
            .try_fold(AddressGuard::default(), |guard, Text(host)| guard.allow_http_for(host))
            .map_err(|error| path.member("allow_http_for").error(strip(&error)))?;
        table.check(path).map_err(D::Error::custom)?;
        Ok(table)
    }
}

table! {
    /// From where key sets are fetched.
    FetchTable {
        ca_file: File,
        allow_addresses: List<Text>,
        allow_hosts: List<Text>,
    }
}

impl Read for FetchTable {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let table: Self = read_table(path, from)?;
        if table.ca_file.is_some() && cfg!(not(feature = "jwks-client")) {
            return Err(path.member("ca_file").error(
                "this program was built without the feature jwks-client of tower-client-assertion, which it needs",
            ));
        }
        let guard = table.allow_addresses.iter().flat_map(|List(ranges)| ranges);
        guard
            .clone()
            .try_fold(AddressGuard::default(), |guard, Text(range)| guard.allow_range(range))
            .map_err(|error| path.member("allow_addresses").error(strip(&error)))?;
        let hosts = table.allow_hosts.iter().flat_map(|List(hosts)| hosts);
        hosts
            .clone()
            .try_fold(AddressGuard::default(), |guard, Text(host)| guard.allow_host(host))
            .map_err(|error| path.member("allow_hosts").error(strip(&error)))?;
        Ok(table)
    }
}

/// Returns the message without the name of the method, which the path has already.
fn strip(error: &impl ToString) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_owned())
}

/// The guard that both tables describe. Their members have been checked.
pub(super) fn guard(key_sets: &KeySetsTable, fetch: &FetchTable) -> Result<AddressGuard, AddressError> {
    let texts = |list: &Option<List<Text>>| -> Vec<String> {
        list.iter().flat_map(|List(texts)| texts).map(|Text(text)| text.clone()).collect()
    };
    let mut guard = AddressGuard::default();
    for range in texts(&fetch.allow_addresses) {
        guard = guard.allow_range(&range)?;
    }
    for host in texts(&fetch.allow_hosts) {
        guard = guard.allow_host(&host)?;
    }
    for host in texts(&key_sets.allow_http_for) {
        guard = guard.allow_http_for(&host)?;
    }
    if key_sets.sets("allow_http") {
        guard = guard.allow_http().allow_range("127.0.0.0/8")?.allow_range("::1")?;
    }
    Ok(guard)
}

/// A member that undoes the rules of SMART Backend Services.
#[derive(Debug)]
pub(super) struct Undoes {
    pub(super) member: &'static str,
    pub(super) why: &'static str,
}

impl fmt::Display for Undoes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.why)
    }
}

impl KeySetsTable {
    /// Configures a cache.
    pub(super) fn cache(&self, fetch: impl JwksFetch, is_smart: bool) -> KeySetCacheBuilder {
        let mut builder = KeySetCache::builder(fetch);
        if is_smart {
            builder = builder.smart();
        }
        if let Some(Between(shortest, longest)) = self.fresh_between {
            builder = builder.fresh_between(shortest, longest);
        }
        if let Some(Between(first, longest)) = self.retry_between {
            builder = builder.retry_between(first, longest);
        }
        let times: [(&Option<Secs>, Set<KeySetCacheBuilder, Duration>); 4] = [
            (&self.fresh_by_default, KeySetCacheBuilder::fresh_by_default),
            (&self.cooldown, KeySetCacheBuilder::cooldown),
            (&self.stale_for, KeySetCacheBuilder::stale_for),
            (&self.timeout, KeySetCacheBuilder::timeout),
        ];
        let counts: [(&Option<Count>, Set<KeySetCacheBuilder, usize>); 6] = [
            (&self.max_bytes, KeySetCacheBuilder::max_bytes),
            (&self.max_keys, KeySetCacheBuilder::max_keys),
            (&self.max_sets, KeySetCacheBuilder::max_sets),
            (&self.max_memory, KeySetCacheBuilder::max_memory),
            (&self.max_fetches, KeySetCacheBuilder::max_fetches),
            (&self.max_fetches_per_host, KeySetCacheBuilder::max_fetches_per_host),
        ];
        for (given, set) in times {
            builder = given.iter().fold(builder, |builder, Secs(time)| set(builder, *time));
        }
        for (given, set) in counts {
            builder = given.iter().fold(builder, |builder, Count(count)| set(builder, *count));
        }
        match self.blame_own_network_after.as_ref().and_then(|Count(hosts)| NonZeroUsize::new(*hosts)) {
            Some(hosts) => builder.blame_own_network_after(hosts),
            None => builder,
        }
    }

    /// Returns whether the cache follows the rules of SMART Backend Services. Where a policy has
    /// that profile, nothing but `ignore_smart` may undo them.
    pub(super) fn is_smart(&self, by_policy: bool) -> Result<bool, Undoes> {
        let undoes = |member, why| Err(Undoes { member, why });
        let ignores = self.dangerous.as_ref().is_some_and(|table| table.sets("ignore_smart"));
        match self.smart {
            Some(Flag(true)) if ignores => {
                return undoes("key_sets.smart", "it contradicts key_sets.dangerous.ignore_smart; remove one of them");
            }
            Some(Flag(false)) if by_policy && !ignores => {
                return undoes(
                    "key_sets.smart",
                    "false is not valid, because a policy has the profile smart; remove \
                    it, or set ignore_smart = true in the table key_sets.dangerous",
                );
            }
            _ if ignores => return Ok(false),
            None | Some(_) => {}
        }
        let sets = [("fresh_between", "key_sets.fresh_between"), ("stale_for", "key_sets.stale_for")];
        let set = sets.into_iter().find(|(name, _)| self.has(name));
        match (self.sets("smart"), by_policy, set) {
            (true, _, Some((_, member))) => undoes(member, "it contradicts key_sets.smart; remove one of them"),
            (false, true, Some((_, member))) => undoes(
                member,
                "the profile smart sets it; remove it, or set \
                ignore_smart = true in the table key_sets.dangerous",
            ),
            (smart, by_policy, _) => Ok(smart || by_policy),
        }
    }

    /// Finds out what a cache with these settings would refuse.
    fn check(&self, path: Path<'_>) -> Result<(), String> {
        match self.cache(NoFetch, false).build() {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{path}.{error}")),
        }
    }
}
