//! The replay store: in memory, or on Redis with a store in memory in front of it.

use serde::de::{Deserializer, Error};

use super::path::Path;
use super::table::{Given, Table, read_given, table};
use super::value::{Count, File, List, Millis, Read, RedisUrl, Replicas, Secs, Text, is_redis};

table! {
    /// The members have the names of the methods of `MemoryReplay` and `RedisReplayBuilder`.
    ReplayTable {
        capacity: Count,
        per_client: Count,
        url: RedisUrl,
        urls: List<RedisUrl>,
        local_capacity: Count,
        prefix: Text,
        previous_prefix: Text,
        clock_margin: Secs,
        connect_timeout_ms: Millis,
        command_timeout_ms: Millis,
        max_in_flight: Count,
        connections: Count,
        wait_replicas: Replicas,
        wait_replicas_timeout_ms: Millis,
        root_certificates: File,
    }
}

/// The capacity of a store in memory.
pub(super) const CAPACITY: usize = 1_000_000;

/// Where spent assertions are remembered.
#[derive(Clone, Debug)]
pub(super) enum Replay {
    Memory { capacity: usize, per_client: Option<usize> },
    Redis(Box<ReplayTable>),
}

impl Default for Replay {
    fn default() -> Self {
        Self::Memory { capacity: CAPACITY, per_client: None }
    }
}

impl Read for Replay {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let replay = match read_given::<ReplayTable, D>(path, "memory, or a redis:// URL", from)? {
            Given::Text(text) => Self::of_text(path, text),
            Given::Table(table) => Self::of_table(path, table),
        };
        replay.map_err(Error::custom)
    }
}

impl Replay {
    /// The text is not repeated in errors, since it may contain a password.
    pub(super) fn of_text(path: Path<'_>, text: String) -> Result<Self, String> {
        match &*text {
            "memory" => Ok(Self::default()),
            url if is_redis(url) => {
                needs_feature(path)?;
                Ok(Self::Redis(Box::new(ReplayTable { url: Some(RedisUrl(text)), ..ReplayTable::default() })))
            }
            _ => Err(path.problem("unknown store; use memory, a redis:// URL, or a table")),
        }
    }

    fn of_table(path: Path<'_>, table: ReplayTable) -> Result<Self, String> {
        let both = |one: &str, other: &str| {
            path.member(one).problem(format_args!("it contradicts {path}.{other}; remove one of them"))
        };
        if table.url.is_none() && table.urls.is_none() {
            let mut of_redis = ReplayTable::MEMBERS.iter().filter(|name| !["capacity", "per_client"].contains(name));
            if let Some(name) = of_redis.find(|name| table.has(name)) {
                let problem = format_args!("a setting of a Redis store; set {path}.url too, or remove it");
                return Err(path.member(name).problem(problem));
            }
            let capacity = table.capacity.map_or(CAPACITY, |Count(capacity)| capacity);
            return Ok(Self::Memory { capacity, per_client: table.per_client.map(|Count(count)| count) });
        }
        needs_feature(path)?;
        if table.url.is_some() && table.urls.is_some() {
            return Err(both("urls", "url"));
        }
        if table.capacity.is_some() {
            let problem = format_args!(
                "a setting of a store in memory, but there is a Redis store; use {path}.local_capacity for the store in \
                 front of it"
            );
            return Err(path.member("capacity").problem(problem));
        }
        if table.urls.as_ref().is_some_and(|List(urls)| urls.is_empty()) {
            return Err(path.member("urls").problem("an empty list is not valid; use the URLs of a cluster"));
        }
        for (one, other) in
            [("wait_replicas", "wait_replicas_timeout_ms"), ("wait_replicas_timeout_ms", "wait_replicas")]
        {
            if table.has(one) && !table.has(other) {
                return Err(path.member(other).problem(format_args!("missing; {path}.{one} needs it")));
            }
        }
        Ok(Self::Redis(Box::new(table)))
    }
}

fn needs_feature(path: Path<'_>) -> Result<(), String> {
    match cfg!(feature = "redis-no-provider") {
        true => Ok(()),
        false => Err(path.problem(
            "this program was built without the feature redis of tower-client-assertion, which a Redis store needs",
        )),
    }
}
