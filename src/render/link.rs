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
        match is_reference(uri) {
            true => Ok(Self::One(uri.into())),
            false => Err(refused(Setting::ErrorUri, uri, "a URI reference (RFC 6749, section 5.2; RFC 3986)")),
        }
    }

    pub(super) fn topics(base: &str) -> Result<Self, SettingError> {
        match is_reference(base) && !base.contains('#') {
            true => Ok(Self::Topics(base.into())),
            false => {
                let expected = "a URI reference without a fragment (RFC 6749, section 5.2; RFC 3986)";
                Err(refused(Setting::ErrorPages, base, expected))
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

fn refused(setting: Setting, value: &str, expected: &'static str) -> SettingError {
    SettingError::InvalidText { setting, value: value.to_owned(), expected }
}

/// Whether the characters are those of a URI reference (RFC 3986, appendix A). RFC 6749, appendix
/// A.9, allows all of these.
fn is_reference(uri: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let is_complete = uri.split('%').skip(1).all(is_escape) && uri.matches('#').count() <= 1;
    !uri.is_empty() && uri.bytes().all(known) && is_complete
}

/// Returns the fragment of the links to a description: its words in lower case, joined by hyphens.
/// That of an empty description is `blank`.
///
/// [`Rfc6749::error_pages`](super::Rfc6749::error_pages) makes its links with this. Other renderers,
/// and handlers that refuse requests themselves, can link to the same page:
///
/// ```
/// use tower_client_assertion::render::topic_id;
///
/// let text = "The client is not registered for the requested scope";
/// let link = format!("/errors#{}", topic_id(text));
/// assert_eq!(
///     link,
///     "/errors#the-client-is-not-registered-for-the-requested-scope",
/// );
/// assert_eq!(topic_id(""), "blank");
/// ```
pub fn topic_id(description: &str) -> String {
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
