//! The schema of the JSON format, and a judge for the part of JSON Schema that it uses.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tower_client_assertion::explain::{Check, SCHEMA};
use tower_client_assertion::rejection::Reason;

static ROOT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(SCHEMA).unwrap());

/// Judges an explanation.
#[track_caller]
pub(crate) fn check(json: &Value, what: &str) {
    if let Err(why) = valid(&ROOT, json) {
        panic!("{what}: {why}\n{json:#}");
    }
}

/// Judges `value` by `schema`. A keyword that is not known here is a failure.
fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().ok_or("a schema is an object")? {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let name =
                    rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).ok_or("an unknown reference")?;
                valid(&ROOT["$defs"][name], value)?;
                true
            }
            "const" => rule == value,
            "enum" => rule.as_array().ok_or("enum")?.contains(value),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|rule| is_of_type(rule, value)),
                rule => is_of_type(rule, value),
            },
            "required" => {
                rule.as_array().ok_or("required")?.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (name, rule) in rule.as_object().ok_or("properties")? {
                    if let Some(member) = value.get(name) {
                        valid(rule, member).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    valid(rule, item).map_err(|why| format!("{index}: {why}"))?;
                }
                true
            }
            "anyOf" => rule.as_array().ok_or("anyOf")?.iter().any(|rule| valid(rule, value).is_ok()),
            "minimum" => value.as_u64().is_none_or(|number| Some(number) >= rule.as_u64()),
            "maximum" => value.as_u64().is_none_or(|number| Some(number) <= rule.as_u64()),
            "pattern" if rule == "^[a-z][a-z0-9_]*$" => value.as_str().is_none_or(is_name),
            other => return Err(format!("the keyword {other} is not known")),
        };
        if !holds {
            return Err(format!("{keyword} {rule} does not hold for {value}"));
        }
    }
    Ok(())
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    match rule.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

fn is_name(text: &str) -> bool {
    let rest = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase()) && rest
}

#[test]
fn names_of_checks_and_reasons_fit_the_schema() {
    for name in Check::ALL.iter().map(|check| check.name()).chain(Reason::ALL.iter().map(|reason| reason.code())) {
        assert_eq!(valid(&ROOT["$defs"]["name"], &json!(name)), Ok(()), "{name}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_explanation() {
    let right = json!({
        "format": "client-assertion-explanation/1", "at": 1, "claimed_client": null, "policy": "redox",
        "endpoint": "token", "acceptable": {"from": 1, "to": 2}, "verdict": {"outcome": "let_pass"}, "answer": null,
        "steps": [{"check": "aud", "outcome": "failed", "reason": "aud_unexpected"}], "hints": [{"hint": "quoted"}],
        "advice": [], "unjudged_claims": [],
    });
    check(&right, "the example");
    let set = |path: &str, value: Value| {
        let mut json = right.clone();
        *json.pointer_mut(path).unwrap() = value;
        json
    };
    for (path, value) in [
        ("/format", json!("client-assertion-explanation/2")),
        ("/at", json!("1")),
        ("/endpoint", json!("elsewhere")),
        ("/acceptable", json!({"from": "1"})),
        ("/verdict", json!({"outcome": "refused"})),
        ("/verdict", json!({"outcome": "accepted", "client": "a", "policy": "b"})),
        ("/answer", json!({"status": 99, "error": null, "error_description": null})),
        ("/steps/0", json!({"check": "aud", "outcome": "failed"})),
        ("/steps/0", json!({"check": "aud", "outcome": "not_reached"})),
        ("/steps/0", json!({"check": "aud", "outcome": "not_judged"})),
        ("/steps/0", json!({"check": "Aud", "outcome": "passed"})),
        ("/hints/0", json!({"kind": "a"})),
        ("/advice", json!([1])),
    ] {
        assert!(valid(&ROOT, &set(path, value.clone())).is_err(), "{path} {value}");
    }
    for name in right.as_object().unwrap().keys() {
        let mut json = right.clone();
        json.as_object_mut().unwrap().remove(name);
        assert!(valid(&ROOT, &json).is_err(), "{name} is required");
    }
}
