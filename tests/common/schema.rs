//! A check of JSON against a JSON Schema, for the few keywords that the committed schemas use. An
//! unknown keyword is a fault too, so that no rule is skipped.

use serde_json::Value;

/// Returns what is wrong with `value`, each with its place.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Check { root: schema, faults: &mut faults }.value(schema, value, "$");
    faults
}

struct Check<'a> {
    root: &'a Value,
    faults: &'a mut Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, schema: &Value, value: &Value, place: &str) {
        for (keyword, rule) in schema.as_object().into_iter().flatten() {
            let holds = match &**keyword {
                "$schema" | "$defs" | "$id" | "title" | "description" => true,
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    self.value(self.root.pointer(pointer).unwrap(), value, place);
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|one| is_of(one.as_str().unwrap(), value)),
                    one => is_of(one.as_str().unwrap(), value),
                },
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "required" => {
                    let mut names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                    value.as_object().is_none_or(|object| names.all(|name| object.contains_key(name)))
                }
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
                "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
                "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.value(rule, item, &format!("{place}[{index}]"));
                    }
                    true
                }
                "properties" => {
                    for (name, member) in value.as_object().into_iter().flatten() {
                        if let Some(rule) = rule.get(name) {
                            self.value(rule, member, &format!("{place}.{name}"));
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = |name: &String| schema["properties"].get(name).is_some();
                    rule.as_bool() == Some(true) || value.as_object().is_none_or(|object| object.keys().all(known))
                }
                "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
                "oneOf" | "anyOf" => {
                    let fitting = rule.as_array().unwrap().iter().filter(|one| self.fits(one, value)).count();
                    if keyword == "oneOf" { fitting == 1 } else { fitting > 0 }
                }
                other => panic!("{place}: the keyword {other} is not checked"),
            };
            if !holds {
                self.faults.push(format!("{place}: {keyword} {rule}: {value}"));
            }
        }
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut faults = Vec::new();
        Check { root: self.root, faults: &mut faults }.value(schema, value, "$");
        faults.is_empty()
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is unknown"),
    }
}

/// A pattern of anchored character classes, each followed by nothing, `*` or `+`.
fn matches(pattern: &str, text: &str) -> bool {
    let classes = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).unwrap();
    rest_matches(classes, text)
}

fn rest_matches(classes: &str, text: &str) -> bool {
    let Some((class, rest)) = classes.split_once(']') else { return classes.is_empty() && text.is_empty() };
    let class = class.strip_prefix('[').unwrap();
    let first = text.chars().next().filter(|first| in_class(class, *first));
    let after = first.map(|first| &text[first.len_utf8()..]);
    match rest.chars().next() {
        Some('*') => rest_matches(&rest[1..], text) || after.is_some_and(|after| rest_matches(classes, after)),
        Some('+') => after.is_some_and(|after| rest_matches(&format!("[{class}]*{}", &rest[1..]), after)),
        _ => after.is_some_and(|after| rest_matches(rest, after)),
    }
}

fn in_class(class: &str, wanted: char) -> bool {
    let members: Vec<char> = class.chars().collect();
    let ranges = members.windows(3).filter(|range| range[1] == '-');
    members.contains(&wanted) || ranges.into_iter().any(|range| (range[0]..=range[2]).contains(&wanted))
}

#[test]
fn schemas_are_checked_by_every_keyword() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {
            "a": { "$ref": "#/$defs/word" },
            "b": { "type": ["integer", "null"], "minimum": 1 },
            "c": { "type": "array", "items": { "enum": [1, 2] } },
            "d": { "oneOf": [{ "const": 1 }, { "type": "string", "maxLength": 2 }] },
        },
        "$defs": { "word": { "type": "string", "minLength": 2, "pattern": "^[a-z][a-z0-9_]*[A-Z]+$" } },
    });
    for (json, count) in [
        (r#"{"a":"aB"}"#, 0),
        (r#"{"a":"a_1xBB","b":1,"c":[1,2],"d":1}"#, 0),
        (r#"{"a":"aB","b":null,"c":[],"d":"xx"}"#, 0),
        (r#"{}"#, 1),
        (r#"[]"#, 1),
        (r#"{"a":1}"#, 1),
        (r#"{"a":"a"}"#, 2),
        (r#"{"a":"Ab"}"#, 1),
        (r#"{"a":"aB","e":1}"#, 1),
        (r#"{"a":"aB","b":0}"#, 1),
        (r#"{"a":"aB","c":[1,3]}"#, 1),
        (r#"{"a":"aB","d":"xxx"}"#, 1),
    ] {
        let found = faults(&schema, &serde_json::from_str(json).unwrap());
        assert_eq!(found.len(), count, "{json}: {found:?}");
    }
}
