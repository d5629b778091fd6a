//! The identifier of a client.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::ser::{Serialize, Serializer};

use crate::text::is_printable_ascii;

/// The identifier of a client (RFC 6749, section 2.2): at least one character, all printable ASCII
/// (appendix A.1). Cheap to clone.
///
/// Identifiers are compared byte for byte, without any normalisation.
///
/// ```
/// use tower_client_assertion::ClientId;
///
/// let id: ClientId = "clinic-7".parse()?;
/// assert_eq!(id, *"clinic-7");
/// assert!(ClientId::new("").is_err());
/// assert!(ClientId::new("clinic\n7").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Creates an identifier.
    ///
    /// # Errors
    ///
    /// `id` is empty or has a character outside `%x20-7E`.
    pub fn new(id: &str) -> Result<Self, InvalidClientId> {
        match Self::is_valid(id) {
            true => Ok(Self(Arc::from(id))),
            false => Err(InvalidClientId { client_id: id.into() }),
        }
    }

    pub(crate) fn is_valid(id: &str) -> bool {
        !id.is_empty() && is_printable_ascii(id)
    }

    /// Returns the identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(id: &str) -> Result<Self, InvalidClientId> {
        Self::new(id)
    }
}

impl TryFrom<&str> for ClientId {
    type Error = InvalidClientId;

    fn try_from(id: &str) -> Result<Self, InvalidClientId> {
        Self::new(id)
    }
}

impl AsRef<str> for ClientId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ClientId {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for ClientId {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows the identifier as a string literal.
impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not a [`ClientId`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidClientId {
    client_id: Box<str>,
}

impl InvalidClientId {
    /// Returns the text.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

impl fmt::Display for InvalidClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client_id } = self;
        write!(
            f,
            "client_id: {client_id:?} is not valid; use printable ASCII, at least one character (RFC 6749, appendix A.1)"
        )
    }
}

impl Error for InvalidClientId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_conversions_agree() {
        let id = ClientId::new("clinic-7").unwrap();
        assert_eq!("clinic-7".parse(), Ok(id.clone()));
        assert_eq!(ClientId::try_from("clinic-7"), Ok(id.clone()));
        assert_eq!((id.as_ref(), id.as_str(), Borrow::<str>::borrow(&id)), ("clinic-7", "clinic-7", "clinic-7"));
        assert!(id == *"clinic-7" && id == "clinic-7" && id != "Clinic-7");
        assert_eq!(serde_json::to_value(&id).unwrap(), "clinic-7");
        assert_eq!(format!("{id} {id:?}"), "clinic-7 \"clinic-7\"");
    }

    #[test]
    fn an_invalid_id_is_named_and_escaped() {
        for text in ["", "a\nb", "\u{e9}"] {
            let error = ClientId::new(text).unwrap_err();
            assert_eq!(error.client_id(), text);
            assert_eq!(text.parse::<ClientId>(), Err(error.clone()));
            assert!(error.to_string().starts_with(&format!("client_id: {text:?} is not valid")), "{error}");
        }
    }
}
