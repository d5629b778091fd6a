//! The table of the page about migrating: each row is accepted by a verifier as many servers have
//! it, and refused here with the code of the row.

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use tower_client_assertion::clock::{Clock, ManualClock, SystemClock};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::mint::{Minter, MinterBuilder, SigningKey};
use tower_client_assertion::policy::{Algorithm, Policy};
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{TokenRequest, Verifier};

const PAGE: &str = include_str!("../../src/manual/migrating.md");
const ISSUER: &str = "https://as.example.com";
const TOKEN_URL: &str = "https://as.example.com/token";

/// How a request differs from a usual one.
struct Row {
    name: &'static str,
    assertion: fn(MinterBuilder, u64) -> MinterBuilder,
    /// What is added to the form.
    form: &'static str,
}

const fn row(name: &'static str, assertion: fn(MinterBuilder, u64) -> MinterBuilder, form: &'static str) -> Row {
    Row { name, assertion, form }
}

fn same(minter: MinterBuilder, _: u64) -> MinterBuilder {
    minter
}

fn claim(minter: MinterBuilder, name: &str, value: Value) -> MinterBuilder {
    minter.dangerous().replace_claim(name, value)
}

const ROWS: &[Row] = &[
    row("the same assertion again", same, ""),
    row("`aud` is the URL of the token endpoint", |minter, _| claim(minter, "aud", TOKEN_URL.into()), ""),
    row(
        "`aud` is an array with another server in it",
        |minter, _| claim(minter, "aud", json!([ISSUER, "https://b.example.com"])),
        "",
    ),
    row("`exp` is a day ahead", |minter, now| claim(minter, "exp", (now + 86_400).into()), ""),
    row("`iat` is ten minutes ahead", |minter, now| claim(minter, "iat", (now + 600).into()), ""),
    row("`nbf` is ten minutes ahead", |minter, now| claim(minter, "nbf", (now + 600).into()), ""),
    row("`sub` is a user", |minter, _| claim(minter, "sub", "alice".into()), ""),
    row("`typ` is that of an access token", |minter, _| minter.dangerous().replace_header("typ", "at+jwt".into()), ""),
    row("a `jti` of 300 bytes", |minter, _| minter.dangerous().jti("j".repeat(300)), ""),
    row("an algorithm that the client did not register", same, ""),
    row("`client_id` is another client", same, "&client_id=clinic-8"),
    row("a parameter twice", same, "&scope=a&scope=b"),
    row("a secret as well", same, "&client_secret=hush"),
    row("credentials in the query", same, ""),
];

/// What stands in the table of the page.
fn table() -> BTreeMap<&'static str, &'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let cells = cells.filter_map(|cells| Some((*cells.first()?, cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?)));
    cells.collect()
}

/// The lines that many servers have.
#[expect(clippy::disallowed_methods, reason = "this is what is migrated from")]
fn accepts(form: &[u8], keys: &[(String, DecodingKey)]) -> bool {
    let parameters: BTreeMap<_, _> = form_urlencoded::parse(form).collect();
    let assertion = &parameters["client_assertion"];
    let header = jsonwebtoken::decode_header(&**assertion).unwrap();
    let Some((_, key)) = keys.iter().find(|(kid, _)| header.kid.as_deref() == Some(kid)) else { return false };
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[ISSUER, TOKEN_URL]);
    validation.set_issuer(&["clinic-7"]);
    jsonwebtoken::decode::<Value>(&**assertion, key, &validation).is_ok()
}

#[tokio::test]
async fn each_row_is_accepted_by_hand_and_refused_with_its_code() {
    let table = table();
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), ROWS.iter().map(|row| row.name).collect());
    for row in ROWS {
        // The library has no other clock than that of the system.
        let now = SystemClock.now().unwrap();
        let is_narrowed = row.name.starts_with("an algorithm");
        let key = SigningKey::generate(if is_narrowed { Algorithm::PS256 } else { Algorithm::ES256 }).unwrap();
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        let theirs = DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap();
        let keys = [(key.key_id().to_owned(), theirs)];
        let clock = ManualClock::at(now);
        let minter = Minter::builder(Policy::RFC7523, "clinic-7", key).issuer(ISSUER).clock(clock.clone());
        let minter = (row.assertion)(minter, now.as_secs()).build().unwrap();
        let assertion = minter.mint().get().await.unwrap().expose();
        let bearer = tower_client_assertion::JWT_BEARER;
        let form = format!(
            "grant_type=client_credentials&client_assertion_type={bearer}&client_assertion={assertion}{}",
            row.form
        );
        assert!(accepts(form.as_bytes(), &keys), "{}", row.name);

        jwk.as_object_mut().unwrap().remove("alg");
        let client = Client::new("clinic-7", KeySet::from_jwk(jwk.to_string().as_bytes()).unwrap()).unwrap();
        let client = if is_narrowed { client.with_signing_alg(Algorithm::RS256).unwrap() } else { client };
        let registry = FixedRegistry::new([client]).unwrap();
        let verifier = Verifier::builder(Policy::RFC7523, registry, MemoryReplay::new(100).unwrap());
        let verifier = verifier.issuer(ISSUER).clock(clock).build().unwrap();
        let request = TokenRequest::new(form.as_bytes());
        if row.name.starts_with("the same") {
            verifier.verify(&request).await.unwrap();
        }
        let query = (row.name == "credentials in the query").then_some("client_secret=hush");
        let request = query.into_iter().fold(request, TokenRequest::with_query);
        let refused = verifier.verify(&request).await.unwrap_err();
        assert_eq!(refused.code(), table[row.name], "{}", row.name);
    }
}
