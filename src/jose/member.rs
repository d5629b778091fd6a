//! The members of JSON objects that were registered: key sets, keys and the metadata of clients.
//!
//! Many programs write a member without a value instead of leaving it out, as `null`, `""` or `[]`.
//! Such a member counts as absent. Nothing else does: a space, a zero and `{}` are content.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Declares an object of which only some members matter, and the list of their names.
macro_rules! object {
    ($(#[$doc:meta])* $visibility:vis struct $object:ident { $($field:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        $visibility struct $object<'a> {
            $(#[serde(borrow, rename = $name)] $field: $crate::jose::member::Member<'a>,)+
        }

        impl $object<'_> {
            const NAMES: &'static [&'static str] = &[$($name),+];
        }
    };
}

pub(crate) use object;

/// A member of an object, not parsed yet, or its absence.
#[derive(Clone, Copy, Default)]
pub(crate) struct Member<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&RawValue>::deserialize(deserializer)?;
        Ok(Self((!is_empty(value)).then_some(value)))
    }
}

impl<'a> Member<'a> {
    /// Returns the value as it is written.
    pub(crate) fn raw(self) -> Option<&'a RawValue> {
        self.0
    }

    pub(crate) fn is_present(self) -> bool {
        self.0.is_some()
    }

    /// Returns the value if it is a string.
    pub(crate) fn text(self) -> Result<Option<Cow<'a, str>>, WrongType> {
        #[derive(serde::Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        self.read("a string").map(|text| text.map(|Text(text)| text))
    }

    /// Returns the value if it can be read as `T`.
    pub(crate) fn read<T: Deserialize<'a>>(self, expected: &'static str) -> Result<Option<T>, WrongType> {
        let Some(value) = self.0 else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| WrongType { found: json_type(value), expected })
    }
}

/// A value has another type than its member. It displays as the end of a sentence, and quotes
/// nothing.
pub(crate) struct WrongType {
    found: &'static str,
    expected: &'static str,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found == self.expected {
            // For example a string with half of a surrogate pair.
            true => write!(f, "not {} that can be read", self.expected),
            false => write!(f, "{}, expected {}", self.found, self.expected),
        }
    }
}

/// Returns whether a value stands for an absent member.
pub(crate) fn is_empty(value: &RawValue) -> bool {
    let written = value.get();
    let elements = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    matches!(written, "null" | r#""""#) || elements.is_some_and(|elements| elements.trim_ascii().is_empty())
}

/// Returns the type of a value, with its article.
pub(crate) fn json_type(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Reads an object. Without the first check, a derived `Deserialize` would also accept an array of
/// the members' values.
pub(crate) fn read_object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    json.get().starts_with('{').then(|| serde_json::from_str(json.get()).ok()).flatten()
}

/// All members of an object, also repeated ones, in the order of the document. A name with half of
/// a surrogate pair cannot be read, but does not hide the others.
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Returns `None` if `json` is not an object.
    pub(crate) fn of(json: &'a RawValue) -> Option<Self> {
        read_object(json)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.named(name).next()
    }

    /// Returns every value of a member that may be repeated.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| *value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().map(|(_, value)| *value)
    }

    /// Returns the first of these names that occurs more than once.
    pub(crate) fn repeated<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.named(name).nth(1).is_some())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Self)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        #[derive(serde::Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        let mut members = Vec::new();
        while let Some((written, value)) = map.next_entry::<&RawValue, _>()? {
            // As it is written, with its quotation marks, such a name equals no other.
            let name = serde_json::from_str(written.get()).map_or(Cow::Borrowed(written.get()), |Name(name)| name);
            members.push((name, value));
        }
        Ok(members)
    }
}
