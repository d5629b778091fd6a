//! Changes that make servers refuse an assertion.

use serde_json::{Map, Value};

/// What is changed in an assertion before it is signed, and after.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub(super) header: Vec<Edit>,
    pub(super) claims: Vec<Edit>,
    pub(super) flip_signature: bool,
}

/// The new value of a member, or none if it is left out.
pub(super) type Edit = (String, Option<Value>);

impl Edits {
    pub(super) fn edit_header(&self, header: &mut Map<String, Value>) {
        apply(&self.header, header);
    }

    /// Returns the claims as they are signed, if they are changed.
    pub(super) fn edited_claims(&self, claims: &str) -> Option<String> {
        if self.claims.is_empty() {
            return None;
        }
        let mut claims = serde_json::from_str(claims).ok()?;
        apply(&self.claims, &mut claims);
        serde_json::to_string(&claims).ok()
    }

    pub(super) fn edit_signature(&self, signature: &mut [u8]) {
        if let Some(first) = signature.first_mut().filter(|_| self.flip_signature) {
            *first ^= 1;
        }
    }
}

fn apply(edits: &[Edit], members: &mut Map<String, Value>) {
    for (name, value) in edits {
        match value {
            Some(value) => drop(members.insert(name.clone(), value.clone())),
            None => drop(members.remove(name)),
        }
    }
}
