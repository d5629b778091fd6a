//! Which clients become labels.

use crate::common::recorder::Recorded;
use crate::common::{AUDIENCE, CLIENT, ISSUER, Jwt, SIGNER, Signer, client, fixture, form, key_set, store, verify};
use crate::{sink, watched};
use tower_client_assertion::registry::Client;
use tower_client_assertion::{Policy, SettingError};

const ACCEPTED: &str = "client_assertion_clients_accepted_total";

fn clients() -> [Client; 4] {
    ["a", "b", "c", "d"].map(|id| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap())
}

fn accepted(recorded: &Recorded, client: &str) -> Option<u64> {
    recorded.counter(&format!("{ACCEPTED}{{client=\"{client}\",policy=\"redox\",lax_audience=\"false\"}}"))
}

#[test]
fn only_the_first_accepted_clients_are_told_apart() {
    let told_apart = |most: usize, count: usize| {
        let recorded = Recorded::default();
        let verifier = watched(fixture().clients(clients()), sink(&recorded).per_client(most).unwrap());
        // Twice, so that those of the second round are known already.
        for id in ["a", "b", "c", "d"].iter().take(count).cycle().take(2 * count) {
            verify(&verifier, &form(&Jwt::by(&SIGNER, id).signed())).unwrap();
        }
        ["a", "b", "c", "d", "other"].map(|client| accepted(&recorded, client))
    };
    assert_eq!(told_apart(0, 2), [None, None, None, None, Some(4)]);
    assert_eq!(told_apart(2, 1), [Some(2), None, None, None, None], "one below the bound");
    assert_eq!(told_apart(2, 2), [Some(2), Some(2), None, None, None], "at the bound");
    assert_eq!(told_apart(2, 3), [Some(2), Some(2), None, None, Some(2)], "one over the bound");
    assert_eq!(told_apart(2, 4), [Some(2), Some(2), None, None, Some(4)]);
}

#[test]
fn more_than_a_thousand_clients_are_never_told_apart() {
    let sink = |clients| sink(&Recorded::default()).per_client(clients);
    assert!(sink(999).is_ok() && sink(1000).is_ok());
    let error = sink(1001).unwrap_err();
    assert!(matches!(error, SettingError::TooLarge { value: 1001, limit: 1000, .. }), "{error}");
    assert_eq!(error.to_string(), "metrics per_client: 1001 is too large; use 1000 or less");
}

#[test]
fn an_id_that_is_only_claimed_is_no_label() {
    let recorded = Recorded::default();
    let verifier = watched(fixture().clients(clients()), sink(&recorded).per_client(10).unwrap());
    let other = Signer::es384("key-1");
    // A bad signature, an unknown client, and a claim that is refused.
    let refused = [
        Jwt::by(&SIGNER, "a").signed_by(&other),
        Jwt::by(&SIGNER, "stranger").signed(),
        Jwt::by(&SIGNER, "b").claim("aud", "https://other.example").signed(),
    ];
    for assertion in refused {
        verify(&verifier, &form(&assertion)).unwrap_err();
    }
    // A replay is refused after its first use was accepted: that one alone is counted.
    let replayed = form(&Jwt::by(&SIGNER, "c").signed());
    verify(&verifier, &replayed).unwrap();
    verify(&verifier, &replayed).unwrap_err();
    assert_eq!(
        ["a", "b", "c", "stranger", "other"].map(|id| accepted(&recorded, id)),
        [None, None, Some(1), None, None]
    );
    let series = recorded.series();
    let named: Vec<_> = series.iter().filter(|series| series.contains("client=")).collect();
    assert_eq!(named.len(), 1, "{named:?}");
}

#[test]
fn refused_requests_take_no_place() {
    let recorded = Recorded::default();
    let verifier = watched(fixture().clients(clients()), sink(&recorded).per_client(1).unwrap());
    verify(&verifier, &form(&Jwt::by(&SIGNER, "a").claim("aud", "https://other.example").signed())).unwrap_err();
    verify(&verifier, &form(&Jwt::by(&SIGNER, "b").signed())).unwrap();
    assert_eq!((accepted(&recorded, "a"), accepted(&recorded, "b")), (None, Some(1)));
}

#[test]
fn lax_audiences_name_the_client_only_if_clients_are_told_apart() {
    for (most, labels) in [(0, "policy=\"oidc\""), (1, "policy=\"oidc\",client=\"clinic-7\"")] {
        let recorded = Recorded::default();
        let fixture = fixture().policy(Policy::OIDC).clients([client()]).replay(store()).at_issuer_and_url();
        let verifier = watched(fixture, sink(&recorded).per_client(most).unwrap());
        verify(&verifier, &form(&Jwt::new().claim("aud", ISSUER).signed())).unwrap();
        assert_eq!(recorded.sum("client_assertion_lax_audience_total"), 0);
        verify(&verifier, &form(&Jwt::new().claim("aud", AUDIENCE).signed())).unwrap();
        let series = format!("client_assertion_lax_audience_total{{{labels}}}");
        assert_eq!(recorded.counter(&series), Some(1), "{:?}", recorded.series());
        let client = if most == 0 { "other" } else { CLIENT };
        for is_lax in ["true", "false"] {
            let series = format!("{ACCEPTED}{{client=\"{client}\",policy=\"oidc\",lax_audience=\"{is_lax}\"}}");
            assert_eq!(recorded.counter(&series), Some(1));
        }
    }
}

#[test]
fn many_threads_tell_no_more_clients_apart() {
    let recorded = Recorded::default();
    let ids: Vec<String> = (0..40).map(|number| format!("client-{number}")).collect();
    let clients = ids.iter().map(|id| Client::new(id, key_set(&[SIGNER.jwk()])).unwrap());
    let verifier = watched(fixture().clients(clients), sink(&recorded).per_client(10).unwrap());
    std::thread::scope(|scope| {
        for ids in ids.chunks(5) {
            let verifier = &verifier;
            scope.spawn(move || {
                for id in ids {
                    verify(verifier, &form(&Jwt::by(&SIGNER, id).signed())).unwrap();
                }
            });
        }
    });
    let series = recorded.series();
    let named = series.iter().filter(|series| series.starts_with(ACCEPTED) && !series.contains("\"other\""));
    assert_eq!(named.count(), 10);
    assert_eq!((recorded.sum(ACCEPTED), accepted(&recorded, "other")), (40, Some(30)));
}
