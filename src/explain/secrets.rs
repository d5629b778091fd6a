//! What an explanation must not show, and the search for it.

use std::collections::HashSet;
use std::str::Chars;

use super::Explanation;
use crate::event::Excerpt;
use crate::jose::base64url;

/// What must not be shown: the assertion, secrets, and a `jti`.
#[derive(Default)]
pub(super) struct Secrets<'a> {
    /// Every run of 16 bytes.
    runs: HashSet<&'a [u8]>,
    /// Those that have no such run.
    short: HashSet<&'a [u8]>,
    public: HashSet<&'a [u8]>,
    searched: usize,
}

impl<'a> Secrets<'a> {
    /// As many bytes of a secret in a row must not be shown.
    const RUN: usize = 16;

    /// The most bytes of secrets that are searched. A body of the default size has fewer, as it is
    /// written and decoded. Above, no long value is shown.
    const MOST: usize = 256 * 1024;

    /// What to show in place of a text that has a secret.
    pub(super) const WITHHELD: &'static str = "withheld: a part of the assertion, of its jti or of a secret";

    pub(super) fn add(&mut self, secret: &'a [u8]) {
        self.add_runs(secret);
        if (1..Self::RUN).contains(&secret.len()) {
            self.short.insert(secret);
        }
    }

    /// Adds a secret that may be shown whole, if it is short.
    pub(super) fn add_runs(&mut self, secret: &'a [u8]) {
        self.searched = self.searched.saturating_add(secret.len());
        if !self.is_too_much() {
            self.runs.extend(secret.windows(Self::RUN));
        }
    }

    /// Adds a value that is no secret, wherever it occurs: one that is registered or configured.
    pub(super) fn publish(&mut self, public: &'a str) {
        self.public.insert(public.as_bytes());
    }

    /// Ends the additions: what is public is no secret.
    pub(super) fn finish(mut self) -> Self {
        for public in &self.public {
            public.windows(Self::RUN).for_each(|run| _ = self.runs.remove(run));
            self.short.remove(public);
        }
        self
    }

    /// Whether a text has a run of a secret, or a short secret as a whole value. What was sent is
    /// escaped in it, as by an [`Excerpt`].
    fn occur_in(&self, text: &str) -> bool {
        let (plain, quoted) = unescaped(text);
        let is_whole = |value: &String| {
            let value = value.as_bytes();
            let is_unsearched = self.is_too_much() && value.len() >= Self::RUN && !self.public.contains(value);
            self.short.contains(value) || is_unsearched
        };
        self.has_run_in(text)
            || self.has_run_in(&plain)
            || self.short.contains(plain.as_bytes())
            || quoted.iter().any(is_whole)
    }

    /// Returns what to show in place of a text that has a secret.
    fn hide(&self, text: &str) -> Option<&'static str> {
        (self.occur_in(text) || has_jwt(text)).then_some(Self::WITHHELD)
    }

    /// Takes what must not be shown out of the explanation of an assertion with this `iss`.
    pub(super) fn withhold(&self, explanation: &mut Explanation, iss: Option<&str>) {
        explanation.steps.iter_mut().for_each(|step| step.redact(|text| self.hide(text)));
        explanation.hints.retain(|hint| !self.occur_in(&hint.to_string()));
        explanation.unjudged.retain(|name| self.hide(name).is_none());
        if iss.is_some_and(|iss| self.occur_in(&Excerpt::new(iss).to_string())) {
            explanation.claimed_client = Some(Self::WITHHELD.to_owned());
        }
    }

    fn is_too_much(&self) -> bool {
        self.searched > Self::MOST
    }

    fn has_run_in(&self, text: &str) -> bool {
        !self.runs.is_empty() && text.as_bytes().windows(Self::RUN).any(|run| self.runs.contains(run))
    }
}

/// Returns the `jti` of an assertion that may be malformed.
pub(super) fn jti_in(assertion: &[u8]) -> Option<String> {
    let claims = assertion.split(|byte| *byte == b'.').nth(1)?;
    let claims = base64url::decode(std::str::from_utf8(claims).ok()?)?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    claims.get("jti")?.as_str().map(str::to_owned)
}

/// Returns a text without its escapes, and each of its values in quotation marks.
fn unescaped(text: &str) -> (String, Vec<String>) {
    let (mut plain, mut quoted, mut start) = (String::new(), Vec::new(), None);
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match (character, start) {
            ('\\', _) => plain.extend(escaped(&mut rest)),
            ('"', None) => {
                plain.push(character);
                start = Some(plain.len());
            }
            ('"', Some(from)) => {
                quoted.extend(plain.get(from..).map(str::to_owned));
                plain.push(character);
                start = None;
            }
            (other, _) => plain.push(other),
        }
    }
    (plain, quoted)
}

/// Reads the rest of an escape.
fn escaped(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        'u' => {
            let digits: String = rest.skip_while(|next| *next == '{').take_while(|next| *next != '}').collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
        }
        itself => Some(itself),
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
            ("fifteen bytes!! and more", false),
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

    #[test]
    fn short_secrets_are_found_as_whole_values() {
        let mut secrets = Secrets::default();
        secrets.add(b"a'1");
        secrets.add(b"");
        let cases = [("a'1", true), (r#""a\'1" with the iss "b""#, true), (r#""a\'12", "", a"#, false), ("", false)];
        for (text, found) in cases {
            assert_eq!(secrets.occur_in(text), found, "{text}");
        }
    }

    #[test]
    fn secrets_are_found_behind_escapes() {
        for secret in
            ["it's sixteen 'bytes'", "\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}", "a\"b\\c\nd'e\"f\\g\nh'"]
        {
            let mut secrets = Secrets::default();
            secrets.add(secret.as_bytes());
            let shown = Excerpt::new(secret).to_string();
            assert!(secrets.occur_in(&format!("the kid {shown}")), "{shown}");
            assert_eq!(unescaped(&shown).1, [secret]);
        }
    }

    #[test]
    fn what_is_public_is_no_secret() {
        let mut secrets = Secrets::default();
        secrets.add(b"a-client-of-some-length:1");
        secrets.add(b"key-1");
        secrets.publish("a-client-of-some-length");
        secrets.publish("key-1");
        let secrets = secrets.finish();
        for (text, found) in
            [("a-client-of-some-length", false), ("lient-of-some-length:1", true), ("\"key-1\"", false)]
        {
            assert_eq!(secrets.occur_in(text), found, "{text}");
        }
    }

    #[test]
    fn above_the_limit_no_long_value_is_shown() {
        let long = vec![b'x'; Secrets::MOST];
        let mut secrets = Secrets::default();
        secrets.publish("registered-for-long");
        secrets.add(&long);
        assert!(!secrets.occur_in("\"sixteen bytes!!!\""), "exactly the limit");
        secrets.add(b"y");
        let secrets = secrets.finish();
        let cases = [("sixteen bytes!!!", true), ("fifteen bytes!!", false), ("registered-for-long", false)];
        for (value, found) in cases {
            assert_eq!(secrets.occur_in(&format!("the kid {value:?}")), found, "{value}");
        }
    }
}
