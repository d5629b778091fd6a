//! The reference file has every member with its default, and every member changes something.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::collections::BTreeSet;

use super::Config;
use super::clients::ClientsTable;
use super::key_sets::{self, FetchTable, KeySetsTable};
use super::limits::{LimitsTable, OverloadTable};
use super::loosened::Dangerous;
use super::open::local_store;
use super::policy::PolicyTable;
use super::replay::{Replay, ReplayTable};
use super::root::{self, Root};
use super::table::Table;
use crate::event;
use crate::jwks::NoFetch;
use crate::policy::Policy;
use crate::registry::FixedRegistry;
use crate::replay::{MemoryReplay, ReplayStore as _};
use crate::verifier::Verifier;

const REFERENCE: &str = include_str!("../../examples/token_server/reference.toml");

/// A member of the file. All are comments there.
#[derive(Clone, Copy, Debug)]
struct Line {
    table: &'static str,
    name: &'static str,
    value: &'static str,
    is_default: bool,
    /// Whether it is in the second table `replay`.
    in_redis: bool,
}

fn lines() -> Vec<Line> {
    let (_, text) = REFERENCE.split_once("---- Members of every program.\n").unwrap();
    let (mut table, mut in_redis, mut lines) = ("", false, Vec::new());
    for member in text.lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some(name) = member.strip_prefix('[') {
            let name = name.strip_suffix(']').unwrap();
            in_redis = name == "replay" && table == "replay";
            table = name;
        } else if let (false, Some((name, value))) = (member.starts_with(' '), member.split_once(" = ")) {
            let example = value.strip_suffix(" # no default");
            let (value, is_default) = (example.unwrap_or(value), example.is_none());
            lines.push(Line { table, name, value, is_default, in_redis });
        }
    }
    lines
}

impl Line {
    /// A file with this value, or without it, and with what it cannot be without.
    fn document(&self, value: Option<&str>) -> String {
        // These tables cannot be without these members.
        if value.is_none() && matches!((self.table, self.name), ("clients", "file") | ("overload", "signature_checks"))
        {
            return String::new();
        }
        let (before, with) = match (self.table, self.name) {
            ("replay", "url" | "urls") => ("", ""),
            ("replay", "wait_replicas") if value.is_none() => ("", "url = \"redis://h\"\n"),
            ("replay", "wait_replicas_timeout_ms") if value.is_none() => ("", "url = \"redis://h\"\n"),
            ("replay", "wait_replicas") => ("", "url = \"redis://h\"\nwait_replicas_timeout_ms = 9\n"),
            ("replay", "wait_replicas_timeout_ms") => ("", "url = \"redis://h\"\nwait_replicas = 9\n"),
            ("replay", _) if self.in_redis => ("", "url = \"redis://h\"\n"),
            ("clients", name) if name != "file" => ("", "file = \"clients.json\"\n"),
            ("overload", "per_client") => ("", "signature_checks = 6\n"),
            ("key_sets.dangerous", "ignore_smart") => ("policy = \"smart\"\n", ""),
            ("policy.dangerous", "optional_exp") => ("[policy]\nrequire_iat = true\nmax_age = 60\n", ""),
            _ => ("", ""),
        };
        let table = if self.table.is_empty() { String::new() } else { format!("[{}]\n", self.table) };
        let member = value.map(|value| format!("{} = {value}\n", self.name)).unwrap_or_default();
        format!("{before}{table}{with}{member}")
    }

    /// Another value than the one in the file.
    fn other(&self) -> String {
        match self.value {
            "true" => "false".into(),
            "false" => "true".into(),
            "\"memory\"" => "\"redis://h\"".into(),
            "\"rfc7523\"" if self.name != "name" => "\"oidc\"".into(),
            text if text.starts_with('"') => "\"other\"".into(),
            list if list.starts_with("[\"") => "[\"ES256\"]".into(),
            number => {
                let (start, number) = number.trim_end_matches(']').rsplit_once(' ').unwrap_or(("", number));
                let number = number.trim_end_matches(']').parse::<u64>().unwrap();
                let other = if number == 1 { 2 } else { number - 1 };
                if start.is_empty() { other.to_string() } else { format!("{start} {other}]") }
            }
        }
    }
}

fn read(document: &str) -> Result<Config, String> {
    toml::from_str(document).map_err(|error| error.message().to_owned())
}

/// Everything that a configuration makes, as text. That a policy was loosened is left out: what it
/// is anyway can be loosened too, which changes nothing.
fn described(config: &Config) -> String {
    const RECORD: &str = "loosened: Loosenings(";
    let text = everything(config);
    let mut parts = text.split(RECORD);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').unwrap().1)
}

fn everything(config: &Config) -> String {
    let clients = || FixedRegistry::new([]).unwrap();
    let store = || MemoryReplay::new(1).unwrap();
    let any = Verifier::builder(Policy::OIDC, clients(), store()).issuer("https://a.example").build().unwrap();
    let reader = config.root.clients.as_ref().map(|clients| (&clients.file, config.reader(clients)));
    let ca_file = config.root.fetch.as_ref().and_then(|fetch| fetch.ca_file.as_ref());
    let replay = match config.root.replay.clone().unwrap_or_default() {
        Replay::Memory { .. } => format!("{:?}", tokio_test::block_on(config.replay_store(event::sink(|_| {})))),
        Replay::Redis(table) => {
            let local = local_store(&table).unwrap();
            format!("{local:?} {:?}", config.redis(*table).map_err(|error| error.to_string()))
        }
    };
    [
        format!("{:?}", config.policy().unwrap_or(&Policy::RFC7523)),
        format!("{:?}", config.root.policies.clone().unwrap_or_default()),
        format!("{:?}", config.verifier(clients(), store())),
        format!("{:?}", config.layer(any).unwrap()),
        format!("{:?}", config.key_set_cache(NoFetch).unwrap()),
        format!("{reader:?} {:?} {replay}", ca_file.map(|_| config.fetcher().map(drop).map_err(|it| it.to_string()))),
    ]
    .join("\n")
}

#[test]
fn every_member_is_in_the_reference() {
    let lines = lines();
    let written = |path: &str| -> BTreeSet<&str> {
        let members = lines.iter().filter(|line| line.table == path).map(|line| line.name);
        let inside = lines.iter().filter_map(|line| match path {
            "" => Some(line.table),
            _ => line.table.strip_prefix(path)?.strip_prefix('.'),
        });
        members.chain(inside.filter_map(|table| table.split('.').next()).filter(|name| !name.is_empty())).collect()
    };
    for (path, members) in [
        ("", Root::MEMBERS),
        ("policy", PolicyTable::MEMBERS),
        ("policy.dangerous", Dangerous::MEMBERS),
        ("limits", LimitsTable::MEMBERS),
        ("clients", ClientsTable::MEMBERS),
        ("replay", ReplayTable::MEMBERS),
        ("key_sets", KeySetsTable::MEMBERS),
        ("key_sets.dangerous", key_sets::Dangerous::MEMBERS),
        ("fetch", FetchTable::MEMBERS),
        ("overload", OverloadTable::MEMBERS),
        ("dangerous", root::Dangerous::MEMBERS),
    ] {
        assert_eq!(written(path), members.iter().copied().collect(), "{path}");
    }
}

#[test]
fn every_default_of_the_reference_is_that_of_the_code() {
    for line in lines() {
        let with = read(&line.document(Some(line.value))).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let without = described(&read(&line.document(None)).unwrap());
        assert_eq!(described(&with) == without, line.is_default, "{line:?}\n{}\n{without}", described(&with));
    }
}

/// No member is read and then ignored.
#[test]
fn every_member_changes_something() {
    let (mut changed, mut refused) = (0, BTreeSet::new());
    for line in lines().into_iter().filter(|line| line.is_default) {
        let without = described(&read(&line.document(None)).unwrap());
        match read(&line.document(Some(&line.other()))) {
            Ok(with) => {
                assert_ne!(described(&with), without, "{line:?} = {}", line.other());
                changed += 1;
            }
            Err(error) => {
                assert!(error.starts_with(&format!("{}.{}: ", line.table, line.name)), "{line:?}: {error}");
                refused.insert(line.name);
            }
        }
    }
    // What the profile has cannot be `false`.
    let expected = BTreeSet::from([
        "allow_any_grant_type",
        "optional_iat",
        "optional_jti",
        "optional_kid",
        "require_exp",
        "require_sole_issuer",
    ]);
    assert_eq!((changed > 50, refused), (true, expected), "{changed}");
}

#[test]
fn the_reference_as_it_is_sets_nothing() {
    let (_, ours) = REFERENCE.split_once("---- Members of every program.\n").unwrap();
    assert_eq!(described(&read(ours).unwrap()), described(&Config::default()));
}

/// A verifier counts to the smaller number of both stores.
#[test]
fn one_client_has_as_much_of_both_stores() {
    for (more, per_client) in [("", 10_000), ("per_client = 16", 16), ("per_client = 90000", 90_000)] {
        for capacity in ["", "local_capacity = 16"] {
            let config = read(&format!("[replay]\nurl = \"redis://h\"\n{more}\n{capacity}")).unwrap();
            let Some(Replay::Redis(table)) = config.root.replay.clone() else { panic!("a Redis store") };
            assert_eq!(local_store(&table).unwrap().admissions_per_client(), per_client, "{more} {capacity}");
            assert!(format!("{:?}", config.redis(*table).unwrap()).contains(&format!("per_client: {per_client},")));
        }
    }
}
