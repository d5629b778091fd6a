//! The `error_uri` of error responses: one for all, or one for each topic.
//!
//! A topic is all that has the same description. So a link says no more than the text next to it:
//! an unknown client and a missing key share a text, and therefore a link.

use std::borrow::Cow;

use crate::setting::{Setting, SettingError};

/// The links of a renderer.
#[derive(Clone, Debug, Default)]
pub(super) enum ErrorLink {
    #[default]
    None,
    /// The same for every response.
    One(Box<str>),
    /// A page, with a fragment for each topic.
    Topics(Box<str>),
}

impl ErrorLink {
    pub(super) fn one(uri: &str) -> Result<Self, SettingError> {
        match is_uri(uri) {
            true => Ok(Self::One(uri.into())),
            false => {
                let expected =
                    "a URI of printable ASCII without quotation marks and backslashes (RFC 6749, appendix A.9)";
                Err(SettingError::InvalidText { setting: Setting::ErrorUri, value: uri.to_owned(), expected })
            }
        }
    }

    pub(super) fn topics(base: &str) -> Result<Self, SettingError> {
        match is_uri(base) && !base.contains('#') {
            true => Ok(Self::Topics(base.into())),
            false => {
                let expected = "a URI without a fragment, of printable ASCII without quotation marks and backslashes \
                    (RFC 6749, appendix A.9)";
                Err(SettingError::InvalidText { setting: Setting::ErrorPages, value: base.to_owned(), expected })
            }
        }
    }

    /// Returns the link of a response with this description.
    pub(super) fn about(&self, description: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::None => None,
            Self::One(uri) => Some(Cow::Borrowed(uri)),
            Self::Topics(base) => Some(Cow::Owned(format!("{base}#{}", topic_id(description)))),
        }
    }
}

/// RFC 6749, appendix A.9.
fn is_uri(uri: &str) -> bool {
    !uri.is_empty() && uri.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

/// Returns the name of a topic: the words of its description in lower case, joined by hyphens. That
/// of the empty description is `blank`.
pub(super) fn topic_id(description: &str) -> String {
    let words = description.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    if words.is_empty() { "blank".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_after_the_words_of_their_text() {
        for (description, id) in [
            ("", "blank"),
            ("\"'", "blank"),
            ("Unexpected aud claim value", "unexpected-aud-claim-value"),
            (
                "\"iat\" claim timestamp check failed (too far in the past)",
                "iat-claim-timestamp-check-failed-too-far-in-the-past",
            ),
            ("Missing client_assertion_type parameter", "missing-client-assertion-type-parameter"),
        ] {
            assert_eq!(topic_id(description), id, "{description}");
        }
    }
}
