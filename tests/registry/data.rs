//! The value of an application that a client carries.

use std::sync::Arc;

use crate::common::client;

#[derive(Debug, PartialEq)]
struct Account(&'static str);

#[test]
fn a_client_carries_one_value_of_any_type() {
    let plain = client();
    assert_eq!(plain.data::<Account>(), None);
    let client = plain.clone().with_data(Account("gold"));
    assert_eq!(client.data(), Some(&Account("gold")));
    assert_eq!(client.data::<&str>(), None, "of another type");
    assert_eq!(plain.data::<Account>(), None, "the client that was cloned has none");

    let replaced = client.clone().with_data(Account("silver"));
    assert_eq!((replaced.data(), client.data()), (Some(&Account("silver")), Some(&Account("gold"))));
    let replaced = client.clone().with_data(7_u8);
    assert_eq!((replaced.data(), replaced.data::<Account>()), (Some(&7_u8), None));
}

#[test]
fn clones_of_a_client_share_the_value() {
    let value = Arc::new(Account("gold"));
    let client = client().with_data(Arc::clone(&value));
    let clone = client.clone().with_policy("other");
    let shared =
        |client: &tower_client_assertion::registry::Client| std::ptr::from_ref(client.data::<Arc<Account>>().unwrap());
    assert_eq!(shared(&client), shared(&clone));
    drop((client, clone));
    assert_eq!(Arc::strong_count(&value), 1, "it is freed with the last clone");
}

#[test]
fn debug_output_of_a_client_hides_the_value() {
    let printed = format!("{:?} {:#?}", client().with_data(Account("hush")), client().with_data("hush"));
    assert!(!printed.contains("hush"), "{printed}");
    assert!(printed.contains("data: Some(..)"), "{printed}");
}
