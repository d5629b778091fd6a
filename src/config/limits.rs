//! The limits of requests, and of concurrent signature checks.

use std::time::Duration;

use serde::de::{Deserializer, Error};

use super::path::Path;
use super::table::{read_table, table};
use super::value::{AnyMillis, Count, Read, Secs, Set};
use crate::overload::SignatureChecks;
use crate::policy::Limits;

table! {
    /// The members of `Limits`, and the bounds on bodies and waits.
    LimitsTable {
        body: Count,
        body_timeout: Secs,
        port_timeout: Secs,
        slow_replay_ms: AnyMillis,
        parameters: Count,
        assertion: Count,
        header: Count,
        json_depth: Count,
        kid: Count,
        jti: Count,
        client_id: Count,
        audiences: Count,
    }
}

impl Read for LimitsTable {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let table: Self = read_table(path, from)?;
        let too_long = |time: &&Secs, longest: u64| time.0.is_zero() || time.0 > Duration::from_secs(longest);
        if let Some(Secs(time)) = table.port_timeout.as_ref().filter(|time| too_long(time, 60)) {
            return Err(path.member("port_timeout").error(format_args!("{time:?} is not valid; use 1 to 60 seconds")));
        }
        if let Some(Secs(time)) = table.body_timeout.as_ref().filter(|time| time.0.is_zero()) {
            return Err(path.member("body_timeout").error(format_args!("{time:?} is not valid; use 1 second or more")));
        }
        if let Some(Count(depth)) = table.json_depth.as_ref().filter(|depth| depth.0 > 64) {
            return Err(path.member("json_depth").error(format_args!("{depth} is not valid; use 1 to 64")));
        }
        Ok(table)
    }
}

impl LimitsTable {
    pub(super) fn limits(&self) -> Limits {
        let Self { parameters, assertion, header, json_depth, kid, jti, client_id, audiences, .. } = self;
        let set: [(&Option<Count>, Set<Limits, usize>); 8] = [
            (parameters, Limits::with_parameters),
            (assertion, Limits::with_assertion),
            (header, Limits::with_header),
            (json_depth, Limits::with_json_depth),
            (kid, Limits::with_kid),
            (jti, Limits::with_jti),
            (client_id, Limits::with_client_id),
            (audiences, Limits::with_audiences),
        ];
        set.into_iter().fold(Limits::default(), |limits, (given, set)| match given {
            Some(Count(limit)) => set(limits, *limit),
            None => limits,
        })
    }
}

table! {
    OverloadTable {
        signature_checks: Count,
        per_client: Count,
    }
}

/// The bound on concurrent signature checks.
#[derive(Clone, Debug)]
pub(super) struct Overload(pub(super) SignatureChecks);

impl Read for Overload {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let OverloadTable { signature_checks, per_client } = read_table(path, from)?;
        let Some(Count(checks)) = signature_checks else {
            return Err(path.member("signature_checks").error("missing; use the number of concurrent checks"));
        };
        let refused = |member: &str, error: &crate::SettingError| {
            let text = error.to_string();
            let text = text.split_once(": ").map_or(&*text, |(_, text)| text);
            D::Error::custom(path.member(member).problem(text))
        };
        let bound = SignatureChecks::new(checks).map_err(|error| refused("signature_checks", &error))?;
        match per_client {
            Some(Count(checks)) => bound.per_client(checks).map(Self).map_err(|error| refused("per_client", &error)),
            None => Ok(Self(bound)),
        }
    }
}
