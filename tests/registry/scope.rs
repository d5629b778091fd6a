//! The scope of an access token: which texts are one, and what two have in common.

use tower_client_assertion::{Scope, ScopeError};

fn scope(text: &str) -> Scope {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn a_scope_is_tokens_between_single_spaces() {
    let table = [
        ("a", ["a"].as_slice()),
        ("a b", &["a", "b"]),
        ("b a b", &["b", "a"]),
        ("A a", &["A", "a"]),
        ("system/Patient.rs?_id=1 openid", &["system/Patient.rs?_id=1", "openid"]),
        ("! # [ ] ~", &["!", "#", "[", "]", "~"]),
    ];
    for (text, tokens) in table {
        let scope = scope(text);
        assert_eq!(scope.tokens().collect::<Vec<_>>(), tokens, "{text:?}");
        let sent = tokens.join(" ");
        assert_eq!(
            (scope.as_str(), scope.to_string(), format!("{scope:?}")),
            (&*sent, sent.clone(), format!("{sent:?}"))
        );
        assert!(tokens.iter().all(|token| scope.contains(token)), "{text:?}");
        assert!(!scope.contains("") && !scope.contains("a b") && !scope.contains("c"), "{text:?}");
    }
}

#[test]
fn every_byte_is_allowed_or_refused_as_the_grammar_says() {
    for byte in 0..=u8::MAX {
        let character = char::from(byte);
        let is_allowed = matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let text = format!("a{character}b");
        match text.parse::<Scope>() {
            Ok(scope) => assert!(scope.contains(&text) || (byte == b' ' && scope.contains("b")), "{text:?}"),
            Err(error) => {
                assert!(!is_allowed && byte != b' ', "{text:?}: {error}");
                let ScopeError::Character { token, character: named, .. } = error else { panic!("{error}") };
                assert_eq!((token, named), (text, character));
            }
        }
    }
}

#[test]
fn errors_name_the_token() {
    let table = [
        ("", "scope: it is empty, expected at least one token"),
        (" ", "scope: token 1 is empty, expected single spaces"),
        (" a", "scope: token 1 is empty"),
        ("a ", "scope: token 2 is empty"),
        ("a b  c", "scope: token 3 is empty"),
        ("a b\\c d", "scope: the token \"b\\\\c\" has '\\\\', expected printable ASCII"),
        ("a \"b\"", "scope: the token \"\\\"b\\\"\" has '\"'"),
        ("a\tb", "scope: the token \"a\\u{9}b\" has '\\t'"),
        ("a \u{e9}t\u{e9}", "scope: the token \"\\u{e9}t\\u{e9}\" has '\u{e9}'"),
    ];
    for (text, expected) in table {
        let error = text.parse::<Scope>().unwrap_err();
        assert!(error.to_string().starts_with(expected), "{text:?}: {error}");
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}

/// What is shown of a token is short, and never looks like an assertion.
#[test]
fn errors_do_not_repeat_long_or_secret_tokens() {
    let assertion = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIiwianRpIjoiYiJ9.c2lnbmF0dXJl\u{e9}";
    for token in ["x".repeat(10_000) + "\u{e9}", assertion.to_owned()] {
        let shown = token.parse::<Scope>().unwrap_err().to_string();
        assert!(shown.len() < 300 && !shown.contains("eyJpc3MiOiJhIi"), "{shown}");
    }
}

#[test]
fn an_intersection_keeps_order_and_is_never_empty() {
    let table = [
        ("a b c", "c a", Some("a c")),
        ("c a", "a b c", Some("c a")),
        ("a", "a", Some("a")),
        ("a a", "a", Some("a")),
        ("a b", "c", None),
        ("ab", "a b", None),
        ("A", "a", None),
    ];
    for (one, other, common) in table {
        assert_eq!(scope(one).intersection(&scope(other)), common.map(scope), "{one:?} and {other:?}");
    }
}

/// As many tokens as fit into a body: comparing each with each would take minutes.
#[test]
fn many_tokens_are_read_once_each() {
    let numbers: Vec<_> = (0..100_000).map(|number| format!("{number:x}")).collect();
    let many = scope(&numbers.join(" "));
    assert_eq!(many.tokens().count(), numbers.len());
    assert_eq!(many.intersection(&many), Some(many.clone()));
}
