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
    Number(Number<'a>),
    /// The array as written, already found to be valid JSON.
    Array(&'a str),
    Other,
}

/// A number as written, which is all that the grammar of RFC 8259 promises.
#[derive(Debug, PartialEq)]
pub(crate) struct Number<'a> {
    pub(crate) text: &'a str,
    /// Its value, if it is written with at most 15 digits and nothing else.
    pub(crate) whole: Option<u64>,
}

/// What a visitor did with a member.
pub(crate) enum Visit {
    /// It kept the value.
    Kept,
    /// It had kept one before.
    Repeated,
    /// It has no place for it: whether it comes again is left to the scanner.
    Passed,
}

/// Reads `text` as one object, and shows each member to `visit`.
#[inline]
pub(crate) fn object<'a>(
    text: &'a str,
    depth: usize,
    mut visit: impl FnMut(&str, Value<'a>) -> Visit,
) -> Result<(), Malformed> {
    let mut scanner = Scanner::new(text);
    let mut passed = None;
    scanner.require(b'{')?;
    scanner.members(depth, |name, value| match visit(&name, value) {
        Visit::Kept => Ok(()),
        Visit::Repeated => Err(Malformed),
        Visit::Passed => passed.get_or_insert_with(Names::default).insert(name),
    })?;
    // Nothing but space is left, so there is no token.
    scanner.token().err().map(|_| ()).ok_or(Malformed)
}

/// The elements of an array that [`object`] has found valid: strings, or `None` for anything else.
pub(crate) fn elements(array: &str) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    let mut scanner = Scanner::new(array);
    std::iter::from_fn(move || {
        // The bracket before the first, or the comma before another.
        scanner.token().ok()?;
        let first = scanner.token().ok()?;
        match scanner.value(first, usize::MAX).ok()? {
            Value::String(text) => Some(Some(text)),
            _ => Some(None),
        }
    })
}

/// The names of the members that were passed: a handful one by one. A crowd goes into a set, lest a crafted object make us
/// compare each with each.
#[derive(Default)]
struct Names<'a> {
    few: [Cow<'a, str>; 8],
    len: usize,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
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
    /// What of it is still to be read.
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, rest: text.as_bytes() }
    }

    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn since(&self, start: usize) -> Result<&'a str, Malformed> {
        self.text.get(start..self.at()).ok_or(Malformed)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.rest = self.rest.get(bytes..).ok_or(Malformed)?;
        Ok(())
    }

    fn next(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The next byte that is not white space.
    fn token(&mut self) -> Result<u8, Malformed> {
        loop {
            match self.next()? {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                byte => return Ok(byte),
            }
        }
    }

    fn require(&mut self, token: u8) -> Result<(), Malformed> {
        (self.token()? == token).then_some(()).ok_or(Malformed)
    }

    /// An object, after its opening brace; `depth` counts the levels that may still open, this one included.
    fn members(
        &mut self,
        depth: usize,
        mut each: impl FnMut(Cow<'a, str>, Value<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        match self.token()? {
            b'}' => return Ok(()),
            b'"' => {}
            _ => return Err(Malformed),
        }
        loop {
            let name = self.string()?;
            // As `RawValue`, a string would be parsed once more, and nest as deep as it likes.
            if name.starts_with("$serde_json::private::") {
                return Err(Malformed);
            }
            self.require(b':')?;
            let first = self.token()?;
            let value = self.value(first, depth)?;
            each(name, value)?;
            match self.token()? {
                b'}' => return Ok(()),
                b',' => self.require(b'"')?,
                _ => return Err(Malformed),
            }
        }
    }

    /// A value that begins with this byte, which has been read. In line, as strings are: to hand their results about would take
    /// some hundreds of instructions more for each assertion.
    #[inline(always)]
    fn value(&mut self, first: u8, depth: usize) -> Result<Value<'a>, Malformed> {
        match first {
            b'"' => self.string().map(Value::String),
            b'-' | b'0'..=b'9' => self.number(first).map(Value::Number),
            b'[' => self.array(depth).map(Value::Array),
            b'{' => self.members(depth, |_, _| Ok(())).map(|()| Value::Other),
            b't' => self.word(b"rue"),
            b'f' => self.word(b"alse"),
            b'n' => self.word(b"ull"),
            _ => Err(Malformed),
        }
    }

    fn word(&mut self, rest: &[u8]) -> Result<Value<'a>, Malformed> {
        self.rest = self.rest.strip_prefix(rest).ok_or(Malformed)?;
        Ok(Value::Other)
    }

    /// An array, after its opening bracket.
    fn array(&mut self, depth: usize) -> Result<&'a str, Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let start = self.at() - 1;
        let mut first = self.token()?;
        if first == b']' {
            return self.since(start);
        }
        loop {
            self.value(first, depth)?;
            match self.token()? {
                b']' => return self.since(start),
                b',' => first = self.token()?,
                _ => return Err(Malformed),
            }
        }
    }

    /// A number, after its first byte.
    fn number(&mut self, first: u8) -> Result<Number<'a>, Malformed> {
        let start = self.at() - 1;
        let negative = first == b'-';
        let whole = match if negative { self.next()? } else { first } {
            b'0' => 0,
            digit @ b'1'..=b'9' => self.digits(u64::from(digit - b'0')),
            _ => return Err(Malformed),
        };
        let is_whole = !negative && !matches!(self.rest, [b'.' | b'e' | b'E', ..]);
        if self.eat(b'.') {
            self.require_digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.require_digits()?;
        }
        let text = self.since(start)?;
        Ok(Number { text, whole: (is_whole && text.len() <= 15).then_some(whole) })
    }

    /// What a number comes to with the digits that follow. Too many of them come to nothing in particular.
    fn digits(&mut self, mut number: u64) -> u64 {
        let mut rest = self.rest;
        while let [digit @ b'0'..=b'9', others @ ..] = rest {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            rest = others;
        }
        self.rest = rest;
        number
    }

    fn require_digits(&mut self) -> Result<(), Malformed> {
        if !self.next()?.is_ascii_digit() {
            return Err(Malformed);
        }
        self.digits(0);
        Ok(())
    }

    /// A string, after its opening mark.
    #[inline(always)]
    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let plain = self.plain()?;
        match self.next()? {
            b'"' => Ok(Cow::Borrowed(plain)),
            stop => self.escaped(plain, stop).map(Cow::Owned),
        }
    }

    /// The rest of a string, after what was plain of it and the byte at which that ended.
    #[cold]
    fn escaped(&mut self, plain: &str, mut stop: u8) -> Result<String, Malformed> {
        let mut text = String::from(plain);
        loop {
            match stop {
                b'"' => return Ok(text),
                b'\\' => text.push(self.escape()?),
                _ => return Err(Malformed),
            }
            text.push_str(self.plain()?);
            stop = self.next()?;
        }
    }

    /// What comes before the next quotation mark, backslash or control character.
    #[inline(always)]
    fn plain(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at();
        self.skip(plain_len(self.rest))?;
        self.since(start)
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let byte = self.next()?;
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
        if !self.eat(b'\\') || !self.eat(b'u') {
            return Err(Malformed);
        }
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Malformed);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(Malformed)
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        (0..4).try_fold(0, |number, _| {
            let digit = char::from(self.next()?).to_digit(16).ok_or(Malformed)?;
            Ok(number * 16 + digit)
        })
    }
}

/// How many bytes come before the first that ends a run of plain text. Nearly all of these runs are short.
#[inline(always)]
fn plain_len(bytes: &[u8]) -> usize {
    match bytes.split_first_chunk::<64>() {
        None => short_plain_len(bytes),
        Some((near, far)) => match short_plain_len(near) {
            64 => 64 + long_plain_len(far),
            len => len,
        },
    }
}

#[cold]
fn long_plain_len(bytes: &[u8]) -> usize {
    // Without stopping early, a processor looks at many bytes at once.
    let is_plain = |block: &&[u8; 64]| !block.iter().fold(false, |stop, byte| stop | is_stop(*byte));
    let (blocks, _) = bytes.as_chunks();
    let plain = blocks.iter().take_while(is_plain).count() * 64;
    plain + short_plain_len(bytes.get(plain..).unwrap_or_default())
}

#[inline(always)]
fn short_plain_len(bytes: &[u8]) -> usize {
    let (strides, tail) = bytes.as_chunks();
    let mut len = 0;
    for stride in strides {
        match first_stop(*stride) {
            16 => len += 16,
            plain => return len + plain,
        }
    }
    len + tail.iter().take_while(|byte| !is_stop(**byte)).count()
}

/// All of them are looked at before the first is picked, which takes a processor no longer than one.
#[inline(always)]
fn first_stop(mut bytes: [u8; 16]) -> usize {
    for byte in &mut bytes {
        *byte = if is_stop(*byte) { 0xFF } else { 0 };
    }
    (u128::from_le_bytes(bytes).trailing_zeros() / 8) as usize
}

fn is_stop(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<(String, Value<'_>)>, Malformed> {
        let mut found = Vec::new();
        let mut kept = [false; 2];
        object(text, 4, |name, value| {
            found.push((name.to_owned(), value));
            match ["iss", "aud"].iter().position(|known| *known == name) {
                Some(known) if std::mem::replace(&mut kept[known], true) => Visit::Repeated,
                Some(_) => Visit::Kept,
                None => Visit::Passed,
            }
        })?;
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
    fn a_number_that_is_only_digits_has_a_value() {
        for (text, whole) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("1900000000", Some(1_900_000_000)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("1000000000000000", None),
            ("99999999999999999999999", None),
            ("-0", None),
            ("-7", None),
            ("7.0", None),
            ("7e0", None),
            ("0E1", None),
        ] {
            let object = format!(r#"{{"x":{text}}}"#);
            let found = members(&object).unwrap().pop();
            assert_eq!(found, Some(("x".to_owned(), Value::Number(Number { text, whole }))), "{text}");
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
        for len in (0..40).chain(50..80).chain(120..150).chain([1000]) {
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
