//! A strict, borrowing scanner for the two small JSON objects of an assertion.
//!
//! It is stricter than a general parser where an attacker wants leniency: a member name may occur once only, also when it
//! is written with escapes (RFC 7515, section 4; RFC 7519, section 4), nothing may follow the object (RFC 7515, section
//! 10.12), lone surrogates are errors, and nesting is bounded. Strings without escapes and numbers are borrowed.
//!
//! What it lets pass is later read by `serde_json`, which takes some member names for instructions of its own; those are
//! refused here.

use std::borrow::Cow;
use std::collections::HashSet;

/// The text is not what this scanner accepts. There is no more to know: the sender is told that its JWT is malformed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The value of a member. What we never look into is only marked.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    String(Cow<'a, str>),
    /// The number as written, which is all the grammar of RFC 8259 promises.
    Number(&'a str),
    /// The array as written, already found to be valid JSON.
    Array(&'a str),
    Other,
}

/// Reads `text` as one object, and gives each member to `visit`. The names that are `expected`, of which there may be 32,
/// are the cheaper ones.
pub(crate) fn object<'a>(
    text: &'a str,
    depth: usize,
    expected: &[&str],
    mut visit: impl FnMut(&str, Value<'a>),
) -> Result<(), Malformed> {
    let mut scanner = Scanner { text, at: 0 };
    let mut names = Names::default();
    scanner.skip_space();
    scanner.members(depth, |name, value| {
        visit(&name, value);
        match expected.iter().position(|expected| *expected == name) {
            Some(index) => names.mark(index),
            None => names.insert(name),
        }
    })?;
    scanner.end()
}

/// The elements of an array that [`object`] has found valid: strings, or `None` for anything else.
pub(crate) fn elements(array: &str) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    let mut scanner = Scanner { text: array, at: 0 };
    let mut first = true;
    std::iter::from_fn(move || {
        let opening = if std::mem::take(&mut first) { b'[' } else { b',' };
        scanner.skip_space();
        scanner.require(opening).ok()?;
        scanner.skip_space();
        match scanner.value(usize::MAX).ok()? {
            Value::String(text) => Some(Some(text)),
            _ => Some(None),
        }
    })
}

/// The member names met so far: the expected ones as bits, a handful of others one by one. A crowd goes into a set, lest a
/// crafted object make us compare each with each.
#[derive(Default)]
struct Names<'a> {
    expected: u32,
    few: [Cow<'a, str>; 8],
    len: usize,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    fn mark(&mut self, index: usize) -> Result<(), Malformed> {
        let bit = u32::try_from(index).ok().and_then(|index| 1_u32.checked_shl(index)).ok_or(Malformed)?;
        let first = self.expected & bit == 0;
        self.expected |= bit;
        first.then_some(()).ok_or(Malformed)
    }

    fn insert(&mut self, name: Cow<'a, str>) -> Result<(), Malformed> {
        let seen = self.few.get(..self.len).unwrap_or_default();
        if seen.contains(&name) {
            return Err(Malformed);
        }
        match self.few.get_mut(self.len) {
            Some(slot) => {
                *slot = name;
                self.len += 1;
                Ok(())
            }
            None => self.many.insert(name).then_some(()).ok_or(Malformed),
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, byte: u8) -> Result<(), Malformed> {
        self.eat(byte).then_some(()).ok_or(Malformed)
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        self.peek().is_none().then_some(()).ok_or(Malformed)
    }

    fn since(&self, start: usize) -> Result<&'a str, Malformed> {
        self.text.get(start..self.at).ok_or(Malformed)
    }

    /// An object, from its brace on; `depth` counts the levels that may still open, this one included.
    fn members(
        &mut self,
        depth: usize,
        mut each: impl FnMut(Cow<'a, str>, Value<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        self.require(b'{')?;
        self.skip_space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            // As `RawValue`, a string would be parsed once more, and nest as deep as it likes.
            if name.starts_with("$serde_json::private::") {
                return Err(Malformed);
            }
            self.skip_space();
            self.require(b':')?;
            self.skip_space();
            let value = self.value(depth)?;
            each(name, value)?;
            self.skip_space();
            if self.eat(b'}') {
                return Ok(());
            }
            self.require(b',')?;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Malformed> {
        match self.peek().ok_or(Malformed)? {
            b'"' => self.string().map(Value::String),
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            b'[' => self.array(depth).map(Value::Array),
            b'{' => self.members(depth, |_, _| Ok(())).map(|()| Value::Other),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => Err(Malformed),
        }
    }

    fn word(&mut self, word: &str) -> Result<Value<'a>, Malformed> {
        let rest = self.text.get(self.at..).ok_or(Malformed)?;
        self.at += word.len();
        rest.starts_with(word).then_some(Value::Other).ok_or(Malformed)
    }

    fn array(&mut self, depth: usize) -> Result<&'a str, Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let start = self.at;
        self.require(b'[')?;
        self.skip_space();
        if self.eat(b']') {
            return self.since(start);
        }
        loop {
            self.skip_space();
            self.value(depth)?;
            self.skip_space();
            if self.eat(b']') {
                return self.since(start);
            }
            self.require(b',')?;
        }
    }

    fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        self.since(start)
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(()).ok_or(Malformed)
    }

    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.require(b'"')?;
        let start = self.at;
        self.skip_plain();
        let plain = self.since(start)?;
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(plain).map(Cow::Owned)
    }

    /// The rest of a string with escapes, after what was plain of it.
    #[cold]
    fn escaped(&mut self, plain: &str) -> Result<String, Malformed> {
        let mut text = String::from(plain);
        loop {
            let start = self.at;
            self.skip_plain();
            text.push_str(self.since(start)?);
            if self.eat(b'"') {
                return Ok(text);
            }
            self.require(b'\\')?;
            text.push(self.escape()?);
        }
    }

    /// Moves on to the next quotation mark, backslash or control character.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks();
        for word in words {
            match first_stop(*word) {
                8 => self.at += 8,
                plain => return self.at += plain,
            }
        }
        self.at += tail.iter().position(is_stop).unwrap_or(tail.len());
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let byte = self.peek().ok_or(Malformed)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(Malformed),
        })
    }

    /// The digits after `\u`, and a second escape where the first is the high half of a pair (RFC 8259, section 7).
    fn unicode_escape(&mut self) -> Result<char, Malformed> {
        let first = self.hex4()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(Malformed);
        }
        self.require(b'\\')?;
        self.require(b'u')?;
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Malformed);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(Malformed)
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Malformed)?;
        self.at += 4;
        digits.chars().try_fold(0, |number, digit| {
            let digit = digit.to_digit(16).ok_or(Malformed)?;
            Ok(number * 16 + digit)
        })
    }
}

fn is_stop(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// How many of eight bytes come before the first that ends a run of plain text, found for all at once: the top bit of a byte
/// tells. A borrow can make it lie about the bytes after the first, of which nothing is asked.
fn first_stop(bytes: [u8; 8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    // The top bit appears where a byte was less than the bound.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    let stops = (below(word, 0x20) | quote | backslash) & TOPS;
    stops.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<(String, Value<'_>)>, Malformed> {
        let mut found = Vec::new();
        object(text, 4, &["iss", "aud"], |name, value| found.push((name.to_owned(), value)))?;
        Ok(found)
    }

    fn one(text: &str) -> Result<String, Malformed> {
        match members(&format!(r#"{{"x":{text}}}"#))?.pop() {
            Some((_, Value::String(text))) => Ok(text.into_owned()),
            other => panic!("not a string: {other:?}"),
        }
    }

    #[test]
    fn accepts_what_rfc_8259_allows() {
        for text in [
            "{}",
            " \t\r\n{ } ",
            r#"{"a":1}"#,
            r#"{"a":-0,"b":0.5,"c":1e9,"d":1E+2,"e":-1.25e-3}"#,
            r#"{"a":[],"b":[1, "x", [true, false, null]],"c":{"a":{}}}"#,
            r#"{"a":{"same":1,"same":2}}"#,
            "{\"\u{e9}\":\"\u{1F600}\"}",
        ] {
            assert!(members(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_forbids() {
        for text in [
            "",
            " ",
            "[]",
            "1",
            "null",
            "\u{FEFF}{}",
            "{",
            "}",
            "{}x",
            "{}{}",
            "{} ,",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":0x1}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":True}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":[}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\u{0}\"}",
            "{\"a\":\"x}",
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\u12G4"}"#,
            r#"{"a":"\u+123"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud800x"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\udc00"}"#,
            "{\"a\":1/**/}",
        ] {
            assert_eq!(members(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn unescapes_strings() {
        for (text, expected) in [
            (r#""""#, ""),
            (r#""plain""#, "plain"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0069\u0073s""#, "iss"),
            (r#""a\ud83d\ude00b""#, "a\u{1F600}b"),
            (r#""\uFFFF""#, "\u{FFFF}"),
        ] {
            assert_eq!(one(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_name_may_occur_once_however_it_is_written() {
        assert_eq!(members(r#"{"iss":"a","iss":"b"}"#), Err(Malformed));
        assert_eq!(members(r#"{"iss":"a","\u0069ss":"b"}"#), Err(Malformed));
        assert_eq!(members(r#"{"aud":"a","iss":"b","aud":"a"}"#), Err(Malformed));
        assert_eq!(members(r#"{"x":"a","iss":"b","\u0078":"a"}"#), Err(Malformed));
        assert!(members(r#"{"iss":"a","Iss":"b"}"#).is_ok());
    }

    #[test]
    fn a_crowd_of_names_is_watched_as_closely_as_a_few() {
        for count in [7, 8, 9, 40] {
            let distinct: Vec<_> = (0..count).map(|n| format!(r#""m{n}":{n}"#)).collect();
            let text = format!("{{{}}}", distinct.join(","));
            assert_eq!(members(&text).map(|found| found.len()), Ok(count), "{count}");
            for repeated in [0, count / 2, count - 1] {
                let text = format!(r#"{{{},"m{repeated}":0}}"#, distinct.join(","));
                assert_eq!(members(&text), Err(Malformed), "{count} with m{repeated} twice");
            }
        }
    }

    #[test]
    fn no_member_is_named_like_an_instruction_to_the_parser_that_follows() {
        for name in ["$serde_json::private::RawValue", "$serde_json::private::Number", r"\u0024serde_json::private::x"]
        {
            assert_eq!(members(&format!(r#"{{"{name}":"[]"}}"#)), Err(Malformed), "{name}");
            assert_eq!(members(&format!(r#"{{"a":[{{"{name}":"[]"}}]}}"#)), Err(Malformed), "{name}");
        }
        assert!(members(r#"{"$serde_json::public":"$serde_json::private::RawValue"}"#).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        for (open, close) in [("[", "]"), (r#"{"x":"#, "}")] {
            let nested = |levels: usize| format!(r#"{{"a":{}1{}}}"#, open.repeat(levels), close.repeat(levels));
            assert!(members(&nested(3)).is_ok());
            assert_eq!(members(&nested(4)), Err(Malformed));
            assert_eq!(members(&nested(5)), Err(Malformed));
        }
    }

    #[test]
    fn a_string_ends_at_its_mark_wherever_that_lies() {
        for len in 0..40 {
            let plain = "\u{7f}~!#[] \u{e9}".chars().cycle().take(len).collect::<String>();
            assert_eq!(one(&format!("\"{plain}\"")).as_deref(), Ok(plain.as_str()), "{len}");
            let escaped = format!("\"{plain}\\n{plain}\"");
            assert_eq!(one(&escaped), Ok(format!("{plain}\n{plain}")), "{len}");
            for control in ['\0', '\u{1f}'] {
                assert_eq!(members(&format!("{{\"x\":\"{plain}{control}{plain}\"}}")), Err(Malformed), "{len}");
            }
        }
    }

    #[test]
    fn elements_tell_strings_from_everything_else() {
        let found: Vec<_> = elements(r#"[ "a" , 1,[2],{"b":3}, null,"\u0063"]"#).collect();
        let expected = [Some("a"), None, None, None, None, Some("c")];
        assert!(found.iter().map(Option::as_deref).eq(expected));
        assert_eq!(elements("[]").count(), 0);
    }
}
