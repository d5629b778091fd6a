//! The tables that document the profiles say what the verifier does: each is compared with the
//! cells of `profiles.rs`, which are tested to the second.

use std::collections::BTreeMap;

use crate::common::attempt::answer;
use crate::common::{CLIENT, Jwt, Signer, outcome};
use crate::profiles::{CELLS, PROFILES, Profile};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Limits};

/// The rows of all tables in a text, by their first cell, without markup.
fn rows<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeMap<String, Vec<String>> {
    let rows = lines.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let plain = |cell: &str| cell.replace(['`', '†'], "").trim().to_owned();
    let mut rows: Vec<Vec<_>> = rows.map(|row| row.split(" | ").map(plain).collect()).collect();
    rows.iter_mut().map(|row| (row.remove(0), std::mem::take(row))).collect()
}

/// The algorithms that a text names.
fn algorithms(text: &str) -> AlgorithmSet {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    AlgorithmSet::of(&words.filter_map(Algorithm::from_name).collect::<Vec<_>>())
}

/// The first number of a text.
fn number(text: &str) -> Option<u64> {
    text.split(|letter: char| !letter.is_ascii_digit()).find(|word| !word.is_empty())?.parse().ok()
}

/// Whether the profile in this column refuses a part in this state.
fn refuses(column: usize, part: &str, state: &str) -> bool {
    let cell = CELLS.iter().find(|(found, text, ..)| *found == part && text.starts_with(state));
    cell.unwrap_or_else(|| panic!("no cell {part}, {state}")).3[column].is_some()
}

/// Whether the profile accepts the last of this many keys that share a `kid`.
fn tries(profile: &Profile, keys: usize) -> bool {
    // Of keys on P-384, which cost more, fewer are tried.
    let cheap = profile.policy.algorithms().contains(Algorithm::ES256);
    let new = || if cheap { Signer::es256("one") } else { Signer::es384("one") };
    let signers: Vec<_> = (0..keys).map(|_| new()).collect();
    let jwks: Vec<_> = signers.iter().map(Signer::jwk).collect();
    let last = &signers[keys - 1];
    let jwt = Jwt::by(last, CLIENT).claim("aud", profile.aud);
    outcome(&profile.fixture().keys(&jwks).build(), &jwt.signed_by(last)).is_ok()
}

/// Whether the profile leaves the grant type to the handler.
fn ignores_grant_type(profile: &Profile) -> bool {
    let mut attempt = profile.attempt();
    attempt.parameter("grant_type", "password");
    answer(&profile.layer(), &attempt).0 == 200
}

#[test]
fn the_manuals_table_matches_the_profiles() {
    let page = include_str!("../../src/manual/profiles.md");
    assert!(page.contains("CA stands for\n`client-authentication+jwt`"), "the abbreviation in the row `typ`");
    let table = rows(page.lines());
    for (column, profile) in PROFILES.iter().enumerate() {
        let name = profile.policy.name();
        let cell = |row: &str| {
            table.get(row).unwrap_or_else(|| panic!("no row {row:?} in manual/profiles.md"))[column].as_str()
        };
        assert_eq!(cell("name"), name);
        assert_eq!(algorithms(cell("algorithms")), profile.policy.algorithms(), "{name}");
        for claim in ["jti", "exp", "iat", "nbf"] {
            let required = cell(claim).starts_with("required");
            assert_eq!(required, refuses(column, claim, "absent"), "{name}: {claim}");
        }
        let always = cell("kid").starts_with("required") && !cell("kid").contains("if several keys fit");
        assert_eq!(always, refuses(column, "kid", "absent"), "{name}: kid");
        assert_eq!(cell("jku") == "ignored", !refuses(column, "jku", "not registered"), "{name}: jku");
        let explicit = cell("typ").ends_with(", CA");
        // OpenID Connect accepts the type and then requires the issuer, which the cell does not
        // send.
        assert_eq!(explicit, name == "oidc" || !refuses(column, "typ", "of an assertion"), "{name}: typ");
        assert_eq!(number(cell("exp")), profile.life, "{name}: exp");
        let oldest = refuses(column, "iat", "a second older").then_some(300);
        assert_eq!(number(cell("iat")), oldest, "{name}: iat");
        assert_eq!(number(cell("future skew")), Some(profile.future), "{name}: future skew");
        assert_eq!(number(cell("expiry skew")), Some(profile.expiry), "{name}: expiry skew");
        assert_eq!(cell("grant_type") == "left to the handler", ignores_grant_type(profile), "{name}: grant_type");
        let trials = number(cell("keys with one kid")).unwrap_or(1) as usize;
        assert!(!tries(profile, trials + 1) && (trials == 1 || tries(profile, trials)), "{name}: keys with one kid");
        let error = profile.refusal(("", "")).1["error"].as_str().unwrap().to_owned();
        assert_eq!(cell("refused assertion"), format!("400 {error}"), "{name}");
        let secrets = cell("secrets");
        let macs = profile.policy.algorithms().intersection(AlgorithmSet::MAC);
        assert_eq!(algorithms(secrets), macs, "{name}: secrets");
    }
}

#[test]
fn the_manuals_table_of_limits_has_the_defaults() {
    let table = rows(include_str!("../../src/manual/profiles.md").lines());
    let limits = Limits::default();
    for (row, limit, unit) in [
        ("parameters of the form", limits.parameters(), ""),
        ("the assertion", limits.assertion() / 1024, " KiB"),
        ("the JOSE header, decoded", limits.header() / 1024, " KiB"),
        ("levels of JSON in header and claims", limits.json_depth(), ""),
        ("the kid", limits.kid(), " bytes"),
        ("the jti", limits.jti(), " bytes"),
        ("the client id, which is iss", limits.client_id(), " bytes"),
        ("members of an aud array", limits.audiences(), ""),
    ] {
        assert_eq!(table[row][0], format!("{limit}{unit}"), "{row}");
    }
}

#[test]
fn the_tables_of_the_constants_match_the_profiles() {
    let source = include_str!("../../src/policy/profiles.rs");
    let constants = ["REDOX", "SMART_BACKEND_SERVICES", "RFC7523", "FAPI2", "OIDC"];
    for (column, (constant, profile)) in constants.into_iter().zip(&PROFILES).enumerate() {
        let before = source.split(&format!("pub const {constant}: Self")).next().unwrap();
        let docs = before.lines().rev().skip(1).map_while(|line| line.trim_start().strip_prefix("///"));
        let table = rows(docs.map(str::trim_start));
        let cell = |name: &str| {
            let found = table.iter().find(|(first, _)| first.contains(name));
            found.unwrap_or_else(|| panic!("no row {name:?} in the documentation of {constant}")).1[0].as_str()
        };
        let allowed = profile.policy.algorithms();
        assert!(allowed.iter().all(|algorithm| algorithms(cell("algorithms")).contains(algorithm)), "{constant}");
        assert_eq!(cell("jti").starts_with("required"), refuses(column, "jti", "absent"), "{constant}: jti");
        assert_eq!(cell("exp").starts_with("required"), refuses(column, "exp", "absent"), "{constant}: exp");
        assert_eq!(cell("iat").starts_with("required"), refuses(column, "iat", "absent"), "{constant}: iat");
        let (five_minutes, hour) = (["5 minutes", "300 s"], ["an hour", "3600 s"]);
        let says = |texts: [&str; 2]| texts.iter().any(|text| cell("exp").contains(text));
        assert_eq!(
            (says(five_minutes), says(hour)),
            (profile.life == Some(300), profile.life == Some(3600)),
            "{constant}"
        );
        assert_eq!(number(cell("skew")), Some(profile.future), "{constant}: skew");
        assert_eq!(cell("grant_type").starts_with("left to the handler"), ignores_grant_type(profile), "{constant}");
        let error = profile.refusal(("", "")).1["error"].as_str().unwrap().to_owned();
        assert!(cell("refusals").starts_with(&format!("400 {error}")), "{constant}");
    }
}
