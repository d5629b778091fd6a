//! What the text of an explanation says beyond its steps.

use crate::common::NOW;
use crate::common::attempt::{Attempt, Change};
use crate::common::vectors::Server;
use crate::layer::{AT, explain, layer, whole};

fn text(change: Change) -> String {
    explain(&layer(Server::Redox), &whole(Attempt::with(change).request()), AT).to_string()
}

#[test]
fn the_time_says_when_the_dates_are_accepted() {
    let none = "its dates are accepted";
    let table: [(&str, Change, Option<&str>); 5] = [
        ("right", |_| {}, Some(" from 2023-11-14T22:13:10Z to 2023-11-14T22:18:29Z\n")),
        ("no moment", |a| a.claim("exp", NOW - 1_000), Some(" at no time\n")),
        ("a malformed date", |a| a.claim("iat", "x"), Some(" at no time\n")),
        ("not read", |a| a.mangle = |_| "a.b".into(), None),
        ("no assertion", |a| a.form.clear(), None),
    ];
    for (what, change, expected) in table {
        let text = text(change);
        let found = text.split_once(none).map(|(_, rest)| rest);
        match expected {
            Some(expected) => assert!(found.is_some_and(|rest| rest.starts_with(expected)), "{what}: {text}"),
            None => assert_eq!(found, None, "{what}"),
        }
    }
}

#[test]
fn the_verdict_counts_the_faults() {
    let table: [(Change, Option<&str>); 3] = [
        (|_| {}, None),
        (|a| a.claim("aud", "x"), None),
        (
            |a| {
                a.claim("aud", "x");
                a.jose("typ", "x")
            },
            Some("; the first of 2 faults"),
        ),
    ];
    for (change, expected) in table {
        let text = text(change).replace("\n          ", " ");
        assert_eq!(text.contains("the first of"), expected.is_some(), "{text}");
        assert!(text.contains(expected.unwrap_or_default()), "{text}");
    }
}

/// A code is a whole word, on the line of its check.
#[test]
fn a_failed_check_has_its_code_and_what_it_looks_like() {
    let text = text(|a| {
        a.claim("aud", "https://api.example.com/v2/auth/token/");
        a.claim("iat", NOW - 400);
    });
    for (check, code) in [("aud", "aud_unexpected"), ("iat", "iat_past")] {
        let is_line =
            |line: &&str| line.starts_with(&format!("  FAIL  {check} ")) && line.contains(&format!(" {code}: "));
        assert_eq!(text.lines().filter(is_line).count(), 1, "{text}");
        assert!(text.contains(&format!("\nfix       {code}: ")), "{text}");
    }
    let (_, rest) = text.split_once("aud_unexpected: expected").unwrap();
    let (hint, typ) = (rest.find("looks like: aud differs"), rest.find("  ok    typ"));
    assert!(hint.is_some() && hint < typ, "{text}");
    assert!(!text.contains("\nhint "), "{text}");
}

#[test]
fn no_line_is_long_or_ends_in_a_blank() {
    let long: Change = |a| {
        a.claim("aud", "x ".repeat(100));
        a.claim(&"y ".repeat(100), 1);
        a.jose("kid", "z ".repeat(30));
    };
    let changes: [Change; 4] = [|_| {}, |a| a.form.clear(), |a| a.method = "GET", long];
    for change in changes {
        for line in text(change).lines() {
            assert!(line.chars().count() <= 100 && !line.ends_with(' '), "{line:?}");
        }
    }
}

#[test]
fn checks_that_were_not_judged_for_one_reason_are_one_line() {
    let text = text(|a| a.form.clear());
    assert!(text.contains("\n  -     assertion_size .. signature  not reached: see assertion\n"), "{text}");
}
