//! The header and the claims, with what a deployment adds to them.

use serde_json::{Map, Value};

use super::error::MinterConfigError;
use crate::client::ClientId;
use crate::policy::Limits;

/// The minter writes these, or they choose or supply a key, or servers refuse them (RFC 7515,
/// section 4.1; RFC 7516, section 4.1; RFC 7797, section 3).
const HEADER: &[&str] = &["alg", "kid", "typ", "jku", "jwk", "x5u", "cty", "crit", "enc", "zip", "b64"];

/// RFC 7519, section 4.1.
const CLAIMS: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Returns the header without `alg` and `kid`, which are those of the key.
pub(super) fn header(
    typ: Option<&str>,
    key_set_url: Option<&str>,
    added: &[(String, Value)],
) -> Result<Map<String, Value>, MinterConfigError> {
    let mut header = checked(added, HEADER)?;
    for (name, value) in [("typ", typ), ("jku", key_set_url)] {
        if let Some(value) = value {
            header.insert(name.to_owned(), value.into());
        }
    }
    Ok(header)
}

/// Returns the claims that are the same in each assertion, as the beginning of a JSON object.
pub(super) fn claims(
    client_id: &ClientId,
    audience: &str,
    added: &[(String, Value)],
) -> Result<String, MinterConfigError> {
    let (client, audience) = (Value::from(client_id.as_str()), Value::from(audience));
    let mut claims = format!(r#"{{"iss":{client},"sub":{client},"aud":{audience}"#);
    for (name, value) in checked(added, CLAIMS)? {
        claims.push_str(&format!(",{}:{value}", Value::from(name)));
    }
    Ok(claims)
}

fn checked(added: &[(String, Value)], reserved: &[&str]) -> Result<Map<String, Value>, MinterConfigError> {
    let depth = Limits::default().json_depth;
    let mut members = Map::new();
    for (name, value) in added {
        if reserved.contains(&name.as_str()) {
            return Err(MinterConfigError::Reserved { name: name.clone() });
        }
        if !fits(value, depth.saturating_sub(1)) {
            return Err(MinterConfigError::TooLarge { what: "the nesting of what is added", limit: depth });
        }
        if members.insert(name.clone(), value.clone()).is_some() {
            return Err(MinterConfigError::Repeated { name: name.clone() });
        }
    }
    Ok(members)
}

/// Returns whether arrays and objects are nested no deeper than this.
fn fits(value: &Value, levels: usize) -> bool {
    let inner = || levels.checked_sub(1);
    match value {
        Value::Array(elements) => inner().is_some_and(|levels| elements.iter().all(|element| fits(element, levels))),
        Value::Object(members) => inner().is_some_and(|levels| members.values().all(|member| fits(member, levels))),
        _ => true,
    }
}
