//! What an explanation must not show, and the search for it.

use std::collections::HashSet;

/// Runs of bytes from what must not be shown: the assertion, secrets, and a `jti`.
#[derive(Default)]
pub(super) struct Secrets<'a> {
    runs: HashSet<&'a [u8]>,
    /// Values that must not be shown whole, however short they are.
    whole: HashSet<&'a [u8]>,
}

impl<'a> Secrets<'a> {
    /// As many bytes of a secret in a row must not be shown.
    const RUN: usize = 16;

    pub(super) fn add(&mut self, secret: &'a [u8]) {
        self.add_runs(secret);
        self.whole.insert(secret);
    }

    pub(super) fn add_runs(&mut self, secret: &'a [u8]) {
        self.runs.extend(secret.windows(Self::RUN));
    }

    /// Whether the text, without quotation marks, is a secret.
    pub(super) fn is_one(&self, text: &str) -> bool {
        let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        self.whole.contains(inner.as_bytes())
    }

    pub(super) fn occur_in(&self, text: &str) -> bool {
        !self.runs.is_empty() && text.as_bytes().windows(Self::RUN).any(|run| self.runs.contains(run))
    }

    /// Returns what to show in place of a text that has a secret.
    pub(super) fn hide(&self, text: &str) -> Option<String> {
        (self.occur_in(text) || self.is_one(text) || has_jwt(text))
            .then(|| "a text that has a part of the assertion, of its jti or of a secret".to_owned())
    }
}

/// Whether a word of the text begins like a JWT, however short it is.
fn has_jwt(text: &str) -> bool {
    let is_of_word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    text.match_indices("eyJ").any(|(at, _)| !text.get(..at).is_some_and(|before| before.ends_with(is_of_word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_sixteen_bytes_are_found() {
        let secret = b"0123456789abcdefg";
        let mut secrets = Secrets::default();
        assert!(!secrets.occur_in("0123456789abcdefg"), "nothing is secret");
        secrets.add(b"fifteen bytes!!");
        secrets.add(secret);
        for (text, found) in [
            ("x0123456789abcdex", false),
            ("x0123456789abcdef", true),
            ("123456789abcdefg", true),
            ("fifteen bytes!!", false),
            ("", false),
        ] {
            assert_eq!(secrets.occur_in(text), found, "{text}");
        }
        for (text, hidden) in [
            ("fifteen bytes!!", true),
            ("\"fifteen bytes!!\"", true),
            ("fifteen bytes", false),
            ("\"eyJh\"", true),
            ("Bearer eyJh", true),
            ("a/eyJh", true),
            ("TheyJoin", false),
        ] {
            assert_eq!(secrets.hide(text).is_some(), hidden, "{text}");
        }
    }
}
