//! The `error_uri` of each topic: as many links as texts, over all kinds, vocabularies and options.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tower_client_assertion::Rejection;
use tower_client_assertion::rejection::{ClientFault, RejectionKind};
use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749, VendorRow};

const BASE: &str = "https://docs.example.com/errors";

/// Each vocabulary with each of its options, with links.
pub(crate) fn vocabularies() -> Vec<(String, Box<dyn RenderRejection>)> {
    let redox = |settings: Option<&str>| match settings {
        Some(name) => Redox::default().settings_name(name).unwrap().error_pages(BASE).unwrap(),
        None => Redox::default().error_pages(BASE).unwrap(),
    };
    let rfc6749 = Rfc6749::default().error_pages(BASE).unwrap();
    let mut all: Vec<(_, Box<dyn RenderRejection>)> = vec![("rfc6749".to_owned(), Box::new(rfc6749))];
    for settings in [None, Some("the portal"), Some("a"), Some("!"), Some("'iss'"), Some("Redox dashboard settings")] {
        all.push((format!("redox, {settings:?}"), Box::new(redox(settings))));
        all.push((format!("redox, {settings:?}, standard codes"), Box::new(redox(settings).standard_codes())));
    }
    all
}

pub(crate) fn rejection(kind: &RejectionKind) -> Rejection {
    match kind.clone() {
        RejectionKind::Client(fault) => fault.into(),
        RejectionKind::Server(fault) => fault.into(),
        other => panic!("{other:?} needs an arm"),
    }
}

/// The response to a rejection: status, `error`, `error_description` and `error_uri`.
pub(crate) fn answer(
    renderer: &dyn RenderRejection,
    kind: &RejectionKind,
) -> (u16, String, Option<String>, Option<String>) {
    let response = renderer.render(&rejection(kind));
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let member = |name: &str| body[name].as_str().map(str::to_owned);
    (response.status().as_u16(), member("error").unwrap(), member("error_description"), member("error_uri"))
}

#[test]
fn texts_and_links_are_equal_for_the_same_pairs() {
    for (name, renderer) in vocabularies() {
        let answers: Vec<_> = RejectionKind::all().map(|kind| (answer(&*renderer, &kind), kind)).collect();
        for ((_, _, text, link), kind) in &answers {
            assert!(link.is_some(), "{name}: {kind:?}");
            for ((_, _, other_text, other_link), other) in &answers {
                assert_eq!(text == other_text, link == other_link, "{name}: {kind:?} and {other:?}");
            }
        }
    }
}

#[test]
fn links_add_a_fragment_to_the_page() {
    for (name, renderer) in vocabularies() {
        for kind in RejectionKind::all() {
            let (_, _, text, link) = answer(&*renderer, &kind);
            let link = link.unwrap();
            let topic = link.strip_prefix(BASE).unwrap().strip_prefix('#').unwrap();
            let lower = topic.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            assert!(lower && !topic.starts_with('-') && !topic.ends_with('-'), "{name}: {link}");
            assert_eq!(text.unwrap().is_empty(), topic == "blank", "{name}: {kind:?}");
        }
    }
}

#[test]
fn links_change_nothing_else() {
    let plain: [&dyn RenderRejection; 2] = [&Rfc6749::default(), &Redox::default()];
    let linked: [&dyn RenderRejection; 2] =
        [&Rfc6749::default().error_pages(BASE).unwrap(), &Redox::default().error_pages(BASE).unwrap()];
    for (plain, linked) in plain.into_iter().zip(linked) {
        assert!(linked.depends_on_kind_alone());
        for kind in RejectionKind::all() {
            let (without, with) = (answer(plain, &kind), answer(linked, &kind));
            assert_eq!((without.0, without.1, without.2), (with.0, with.1, with.2), "{kind:?}");
            assert_eq!(plain.render(&rejection(&kind)).headers(), linked.render(&rejection(&kind)).headers());
            assert_eq!(plain.advice(&kind), linked.advice(&kind), "{kind:?}");
        }
    }
}

#[test]
fn the_last_link_that_is_set_counts() {
    let kind = RejectionKind::Client(ClientFault::Replayed);
    let one = "https://docs.example.com/one";
    let renderers: [(&dyn RenderRejection, &str); 4] = [
        (&Rfc6749::default().error_uri(one).unwrap().error_pages(BASE).unwrap(), BASE),
        (&Rfc6749::default().error_pages(BASE).unwrap().error_uri(one).unwrap(), one),
        (&Redox::default().error_uri(one).unwrap().error_pages(BASE).unwrap(), BASE),
        (&Redox::default().error_pages(BASE).unwrap().error_uri(one).unwrap(), one),
    ];
    for (renderer, expected) in renderers {
        let link = answer(renderer, &kind).3.unwrap();
        assert_eq!(link.split('#').next(), Some(expected));
    }
    assert_eq!(answer(&Opaque, &kind).3, None);
}

/// The rows of the committed copy of the vendor's page: description and notes.
fn page() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../vectors/redox_page.txt").lines().skip(2);
    lines.map(|line| line.split_once('|').unwrap()).map(|(a, b)| (a.trim(), b.trim_end_matches('|').trim())).collect()
}

#[test]
fn redox_advises_with_the_notes_of_the_page() {
    let redox = Redox::default();
    let mut seen = BTreeMap::<VendorRow<'_>, BTreeSet<String>>::new();
    for kind in RejectionKind::all() {
        let text = answer(&redox, &kind).2.unwrap();
        let standard = answer(&Rfc6749::default(), &kind).2.unwrap();
        let row = redox.vendor_row(&kind);
        assert!(row.is_some() || text == standard, "{kind:?}: an own text is from the page");
        let notes = row.map(|row| row.notes).filter(|notes| !notes.is_empty());
        assert_eq!(redox.advice(&kind), notes.unwrap_or(kind.advice()), "{kind:?}");
        assert_eq!((Rfc6749::default().advice(&kind), Rfc6749::default().vendor_row(&kind)), (kind.advice(), None));
        if let Some(row) = row {
            seen.entry(row).or_default().insert(text);
        }
    }
    let rows = (1..).zip(page()).map(|(number, (description, notes))| VendorRow::new(number, description, notes));
    let rows = rows.collect();
    assert_eq!(seen.keys().copied().collect::<BTreeSet<_>>(), rows, "each row, word for word");
    for (row, texts) in seen {
        for text in texts {
            assert!(explains(row.description, &text), "{row:?} does not explain {text:?}");
        }
    }
}

/// Whether a description of the page stands for this text.
fn explains(description: &str, text: &str) -> bool {
    let quoted = format!("{text:?}");
    let iat = text.strip_suffix(" (it should be in the past)").or(text.strip_suffix(" (too far in the past)"));
    let either = description.split(" or ").any(|one| one == text || one == quoted);
    let pattern =
        description.split_once('X').is_some_and(|(start, end)| text.starts_with(start) && text.ends_with(end));
    either || pattern || iat.is_some_and(|text| text == description)
}

#[test]
fn a_settings_name_is_in_its_row_too() {
    let redox = Redox::default().settings_name("the portal").unwrap();
    let kind = RejectionKind::Client(ClientFault::NoKey);
    let row = redox.vendor_row(&kind).unwrap();
    assert_eq!(row.description, "Public key not found, check client_id, kid and the portal");
    assert!(row.notes.starts_with("Something is wrong with the configuration"));
    assert_eq!(redox.advice(&kind), row.notes);
}
