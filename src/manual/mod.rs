//! Pages that are too long for the documentation of one item.
//!
//! | question | page |
//! |---|---|
//! | How do I get from `cargo run` to a server that is watched? | [`first_day`] |
//! | Which rules hold? | [`profiles`] |
//! | Why is it this way? | [`decisions`] |
//! | What does this error mean, and what fixes it? | [`errors`] |
//! | The same for the client's engineers, to be published | [`troubleshooting`], [`troubleshooting_redox`] |
//! | Which layers go outside, which inside, and which requests hold a permit? | [`layers`] |
//! | Clients publish keys at a URL: what happens, and what is fetched when? | [`key_sets`] |
//! | Several nodes share a replay store: what is guaranteed, and how is it operated? | [`fleet`] |
//! | One server has several tenants: how do they share a route, keys and a replay store? | [`tenants`] |
//! | I have a verifier of my own: what will newly be refused, and how do I switch? | [`migrating`] |
//! | Who authenticated, and who was refused: where is that written, and in what form? | [`audit`] |
//! | How do I run it behind a proxy, and what do I do when an alert fires? | [`operations`] |
//! | How does a client mint assertions, rotate its keys, or sign in a key management service? | [`minting`] |
//! | How far is my configuration from FAPI 2.0, or from RFC 7523 with RFC 10070? | [`posture`] |

#[doc = include_str!("first_day.md")]
pub mod first_day {}

#[doc = include_str!("profiles.md")]
pub mod profiles {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("troubleshooting.md")]
///
/// This is [`Troubleshooting::markdown`](crate::render::Troubleshooting::markdown) for
/// [`Rfc6749`](crate::render::Rfc6749) and a verifier of all profiles but `REDOX`, without optional
/// settings. The page of another verifier can be served next to the token endpoint.
pub mod troubleshooting {}

#[doc = include_str!("troubleshooting_redox.md")]
///
/// This is [`Troubleshooting::markdown`](crate::render::Troubleshooting::markdown) for
/// [`Redox`](crate::render::Redox) and its profile.
pub mod troubleshooting_redox {}

#[doc = include_str!("layers.md")]
pub mod layers {}

#[doc = include_str!("key_sets.md")]
pub mod key_sets {}

#[doc = include_str!("fleet.md")]
pub mod fleet {}

#[doc = include_str!("tenants.md")]
pub mod tenants {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("audit.md")]
pub mod audit {}

#[doc = include_str!("posture.md")]
pub mod posture {}

#[cfg(feature = "mint")]
#[doc = include_str!("minting.md")]
pub mod minting {}

/// This page needs the feature `mint`.
#[cfg(not(feature = "mint"))]
pub mod minting {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    //! Keeps the tables of the errors page equal to what clients are sent. Their last column is
    //! written by hand. The others are generated; to rewrite them, run
    //! `MANUAL=write cargo test --all-features --lib manual`. All of the troubleshooting pages is
    //! generated.

    use std::collections::{BTreeMap, BTreeSet};
    use std::{env, fs};

    use http::Response;

    use crate::grpc;
    use crate::policy::Policy;
    use crate::registry::FixedRegistry;
    use crate::rejection::{ClientFault as F, Reason, Rejection, RejectionKind, ServerFault as S};
    use crate::render::{Opaque, Redox, RenderRejection, Rfc6749, Troubleshooting};
    use crate::replay::MemoryReplay;
    use crate::verifier::Verifier;

    fn path(page: &str) -> String {
        format!("{}/src/manual/{page}.md", env!("CARGO_MANIFEST_DIR"))
    }

    /// Compares a page with what it should be, or rewrites it.
    fn assert_current(page: &str, expected: &str) {
        if env::var_os("MANUAL").is_some_and(|value| value == "write") {
            fs::write(path(page), expected).unwrap();
        }
        let current = fs::read_to_string(path(page)).unwrap_or_default();
        assert!(current == expected, "{page}.md is out of date: run this test with MANUAL=write");
    }

    /// What a client reads about a fault.
    #[derive(Clone, Debug, PartialEq)]
    struct Wire {
        status: u16,
        error: String,
        description: Option<String>,
    }

    fn wire(renderer: &dyn RenderRejection, rejection: &Rejection) -> Wire {
        let response = renderer.render(rejection);
        let mut body: BTreeMap<String, String> = serde_json::from_slice(response.body()).unwrap();
        Wire {
            status: response.status().as_u16(),
            error: body.remove("error").unwrap(),
            description: body.remove("error_description"),
        }
    }

    /// The name of the status of a refused call, and its message.
    fn call(rejection: &Rejection) -> (&'static str, String) {
        let response: Response<()> = grpc::response(rejection, grpc::Messages::Sent);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        let status = match header("grpc-status") {
            "3" => "INVALID_ARGUMENT",
            "5" => "NOT_FOUND",
            "8" => "RESOURCE_EXHAUSTED",
            "13" => "INTERNAL",
            "14" => "UNAVAILABLE",
            "16" => "UNAUTHENTICATED",
            other => panic!("the page has no name for the status {other}"),
        };
        (status, header("grpc-message").to_owned())
    }

    /// Whether a call, which has neither a body to read nor a grant type, can have this fault.
    fn occurs_in_a_call(kind: &RejectionKind) -> bool {
        !matches!(
            kind,
            RejectionKind::Client(
                F::Method
                    | F::ContentEncoding
                    | F::ContentType
                    | F::Charset
                    | F::BodyTooLarge
                    | F::BodyUnreadable
                    | F::BodyTimeout
                    | F::MissingGrantType
                    | F::UnsupportedGrantType
                    | F::OtherMethod(_)
            ) | RejectionKind::Server(S::BodyConsumed)
        )
    }

    /// The generated cells of a row.
    fn cells(kind: &RejectionKind) -> String {
        let rejection = match kind {
            RejectionKind::Client(fault) => Rejection::from(fault.clone()),
            RejectionKind::Server(fault) => Rejection::from(fault.clone()),
        };
        let standard = wire(&Rfc6749::default(), &rejection);
        let redox = wire(&Redox::default(), &rejection);
        assert_eq!(wire(&Opaque, &rejection), Wire { description: None, ..standard.clone() }, "{kind:?}");
        if let RejectionKind::Client(_) = kind {
            let status = if standard.status == 401 { 400 } else { standard.status };
            assert_eq!((redox.status, &*redox.error), (status, "invalid_request"), "{kind:?}");
        } else {
            assert_eq!(redox, standard, "{kind:?}");
        }
        let description = standard.description.unwrap();
        let redox = match redox.description.unwrap() {
            same if same == description => String::new(),
            empty if empty.is_empty() => "<br>Redox: *(empty)*".to_owned(),
            other => format!("<br>Redox: `{other}`"),
        };
        let (grpc, message) = match call(&rejection) {
            _ if !occurs_in_a_call(kind) => (String::new(), String::new()),
            (status, message) if message == description => (format!("<br>`{status}`"), String::new()),
            (status, message) => (format!("<br>`{status}`"), format!("<br>gRPC: `{message}`")),
        };
        format!("<br>{} `{}`{grpc} | `{description}`{redox}{message}", standard.status, standard.error)
    }

    /// The path of a variant, and what it carries.
    fn name(kind: &RejectionKind) -> (String, String) {
        let (family, debug) = match kind {
            RejectionKind::Client(fault) => ("ClientFault", format!("{fault:?}")),
            RejectionKind::Server(fault) => ("ServerFault", format!("{fault:?}")),
        };
        let fields = debug.split_once('(').and_then(|(_, fields)| fields.strip_suffix(')')).unwrap_or_default();
        let variant = debug.split('(').next().unwrap();
        (format!("{family}::{variant}"), fields.to_owned())
    }

    /// All values of one variant that look alike.
    struct Row {
        key: String,
        fields: Vec<String>,
        cells: String,
        reasons: Vec<Reason>,
    }

    /// The cells of each row without the last.
    fn rows() -> Vec<String> {
        let mut rows: Vec<Row> = Vec::new();
        for kind in RejectionKind::all() {
            let (path, fields) = name(&kind);
            let (key, field) = match &kind {
                RejectionKind::Client(F::Claim(claim, fault)) => (format!("{path}({claim:?}"), format!("{fault:?}")),
                RejectionKind::Client(F::NotBase64Url(part, fault)) => {
                    (format!("{path}({fault:?}"), format!("{part:?}"))
                }
                RejectionKind::Client(F::NotJsonObject(part, fault)) => {
                    (format!("{path}({fault:?}"), format!("{part:?}"))
                }
                _ => (path, fields),
            };
            let mut cells = cells(&kind);
            if let RejectionKind::Client(F::RepeatedParameter(parameter)) = &kind {
                cells = cells.replace(&format!("'{parameter}'"), "'..'");
            }
            match rows.iter_mut().find(|row| row.key == key && row.cells == cells) {
                Some(row) => {
                    row.fields.push(field);
                    row.reasons.push(kind.reason());
                }
                None => rows.push(Row { key, fields: vec![field], cells, reasons: vec![kind.reason()] }),
            }
        }
        let alone = |key: &str| rows.iter().filter(|row| row.key == key).count() == 1;
        rows.iter().map(|row| row.text(alone(&row.key))).collect()
    }

    impl Row {
        fn text(&self, alone: bool) -> String {
            let Self { key, fields, cells, reasons } = self;
            let (path, claim) = key.split_once('(').map_or((&**key, None), |(path, claim)| (path, Some(claim)));
            let variant = path.split("::").last().unwrap();
            let fields = fields.iter().filter(|_| !alone).map(|field| field.replace("Some(", "").replace(')', ""));
            let carried: Vec<_> = claim.map(str::to_owned).into_iter().chain(fields).collect();
            let carried = match carried.join(", ") {
                none if none.is_empty() => none,
                some => format!(" *{some}*"),
            };
            let codes: BTreeSet<_> = reasons.iter().copied().collect();
            let codes: Vec<_> = codes.iter().map(|reason| format!("`{reason}`")).collect();
            let codes = codes.join(" or ");
            format!("| [`{variant}`](crate::rejection::{path}){carried}<br>{codes}{cells} | ")
        }
    }

    /// The first cell of a row.
    fn label(row: &str) -> &str {
        row.split("<br>").next().unwrap_or_default()
    }

    /// One reason covers all malformed assertions, so their advice is that of the fault. More may
    /// follow it.
    fn last_cell(row: &str, written: &str) -> String {
        let malformed = RejectionKind::all().filter(|kind| kind.reason() == Reason::Malformed);
        let advice = malformed.filter(|kind| row.contains(&cells(kind))).map(|kind| kind.advice()).next();
        match advice {
            Some(advice) if !written.starts_with(advice) => format!("{advice} |"),
            _ => written.to_owned(),
        }
    }

    #[test]
    fn errors_page_shows_what_is_sent() {
        let page = fs::read_to_string(path("errors")).unwrap();
        let rows = rows();
        let updated: Vec<_> = page
            .lines()
            .map(|line| match rows.iter().find(|row| label(row) == label(line)) {
                Some(row) => format!("{row}{}", last_cell(row, line.rsplit_once(" | ").unwrap().1)),
                None => line.to_owned(),
            })
            .collect();
        let updated = updated.join("\n") + "\n";
        let missing: Vec<_> = rows.iter().filter(|row| !updated.contains(row.as_str())).collect();
        assert!(missing.is_empty(), "the page has no row for {missing:#?}");
        let listed = updated.lines().filter(|line| line.starts_with("| [`")).count();
        assert_eq!(listed, rows.len(), "a row of the page belongs to no fault");
        assert_current("errors", &updated);
    }

    #[test]
    fn troubleshooting_pages_show_what_is_sent() {
        let standard = [Policy::SMART_BACKEND_SERVICES, Policy::FAPI2, Policy::OIDC];
        let standard = Troubleshooting::of(&Rfc6749::default(), &verifier(Policy::RFC7523, standard));
        assert_current("troubleshooting", &standard.markdown());
        let redox = Troubleshooting::of(&Redox::default(), &verifier(Policy::REDOX, []));
        assert_current("troubleshooting_redox", &redox.markdown());
    }

    fn verifier(policy: Policy, others: impl IntoIterator<Item = Policy>) -> Verifier {
        let (registry, replay) = (FixedRegistry::new([]).unwrap(), MemoryReplay::new(100).unwrap());
        let builder = Verifier::builder(policy, registry, replay).audience("https://as.example.com/token");
        // Only some of the other profiles accept an issuer.
        let mut others = others.into_iter().peekable();
        let builder = if others.peek().is_some() { builder.issuer("https://as.example.com") } else { builder };
        others.fold(builder, |builder, policy| builder.client_policy(policy)).build().unwrap()
    }
}
