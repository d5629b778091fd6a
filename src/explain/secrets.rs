//! What an explanation must not show, and the search for it.

use std::collections::HashSet;

/// Runs of bytes from what must not be shown: the assertion, secrets, and a `jti`.
#[derive(Default)]
pub(super) struct Secrets<'a> {
    runs: HashSet<&'a [u8]>,
}

impl<'a> Secrets<'a> {
    /// As many bytes of a secret in a row must not be shown.
    const RUN: usize = 16;

    pub(super) fn add(&mut self, secret: &'a [u8]) {
        self.runs.extend(secret.windows(Self::RUN));
    }

    pub(super) fn occur_in(&self, text: &str) -> bool {
        !self.runs.is_empty() && text.as_bytes().windows(Self::RUN).any(|run| self.runs.contains(run))
    }

    /// Returns what to show in place of a text that has a secret.
    pub(super) fn hide(&self, text: &str) -> Option<String> {
        self.occur_in(text).then(|| "a text that has a part of the assertion, of its jti or of a secret".to_owned())
    }
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
    }
}
