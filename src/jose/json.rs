//! A strict, borrowing scanner for the two small JSON objects of an assertion.
//!
//! It is stricter than a general parser where leniency would help an attacker: a member name may
//! occur only once, even if it is written with escapes (RFC 7515, section 4; RFC 7519, section 4),
//! nothing may follow the object (RFC 7515, section 10.12), lone surrogates are errors, and nesting
//! is bounded. Strings and numbers are borrowed as written. The caller decodes the ones it keeps.
//!
//! `serde_json` later reads the same text, and gives some member names a special meaning. Those
//! names are refused here.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use crate::jose::stride::{self, Marks, Stride};

/// The text is not what this scanner accepts. It carries no details: the sender is told that its
/// JWT is malformed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The value of a member. Values that the verifier never reads have only a marker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Without escapes.
    String(&'a str),
    /// As written, to be [unescaped](unescape).
    Escaped(&'a str),
    /// As written. It follows the grammar of RFC 8259 and is not parsed further.
    Number(&'a str),
    /// As written.
    Array(&'a str),
    Object,
    Boolean,
    Null,
}

/// The type of a value, for messages. It displays with its article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonType {
    String,
    Number,
    Array,
    Object,
    Boolean,
    Null,
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}

impl<'a> Value<'a> {
    /// Returns the decoded string. Returns `None` for any other value, and for an escape that the
    /// scanner would have refused.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(Cow::Borrowed(text)),
            Self::Escaped(written) => unescape(written).map(Cow::Owned),
            _ => None,
        }
    }

    pub(crate) fn json_type(self) -> JsonType {
        match self {
            Self::String(_) | Self::Escaped(_) => JsonType::String,
            Self::Number(_) => JsonType::Number,
            Self::Array(_) => JsonType::Array,
            Self::Object => JsonType::Object,
            Self::Boolean => JsonType::Boolean,
            Self::Null => JsonType::Null,
        }
    }
}

#[cold]
fn unescape(written: &str) -> Option<String> {
    let scanner = Scanner(written);
    let mut text = String::with_capacity(written.len());
    let mut at = 0;
    while let Some(escape) = stride::find(written.as_bytes(), at, |bytes| bytes.is(b'\\')) {
        text.push_str(written.get(at..escape)?);
        let (char, end) = scanner.escape(escape)?;
        text.push(char);
        at = end;
    }
    text.push_str(written.get(at..)?);
    Some(text)
}

/// The answer of a visitor about a member.
pub(crate) enum Visit {
    /// It kept the value.
    Kept,
    /// It had already kept one.
    Repeated,
    /// It ignores this member. The scanner then checks for repeats.
    Ignored,
}

/// Reads `text` as one object and passes each member to `visit`.
pub(crate) fn object<'a>(
    text: &'a str,
    depth: usize,
    visit: &mut dyn FnMut(&str, Value<'a>) -> Visit,
) -> Result<(), Malformed> {
    let mut ignored = None;
    let mut each = |name: Cow<'a, str>, value| match visit(&name, value) {
        Visit::Kept => Some(()),
        Visit::Repeated => None,
        Visit::Ignored => ignored.get_or_insert_with(Names::default).insert(name),
    };
    let scanner = Scanner(text);
    let end = scanner.after(b'{', 0).and_then(|at| scanner.members(at, depth, &mut each));
    end.filter(|end| scanner.after_space(*end) == text.len()).map(|_| ()).ok_or(Malformed)
}

/// Returns the elements of an array that [`object`] has accepted: strings, or `None` for anything
/// else.
pub(crate) fn elements(array: &str) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    let scanner = Scanner(array);
    let mut next = scanner.after(b'[', 0).filter(|first| scanner.after(b']', *first).is_none());
    std::iter::from_fn(move || {
        let (element, end) = scanner.value(next?, usize::MAX)?;
        next = scanner.after(b',', end);
        Some(element.text())
    })
}

/// The names of the ignored members. A few are compared one by one; the rest go into a set, so that
/// a crafted object cannot cause a quadratic number of comparisons.
#[derive(Default)]
struct Names<'a> {
    few: [Cow<'a, str>; 8],
    len: usize,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Returns `None` if the name was already there.
    fn insert(&mut self, name: Cow<'a, str>) -> Option<()> {
        let seen = self.few.get(..self.len).unwrap_or_default();
        if seen.contains(&name) {
            return None;
        }
        match self.few.get_mut(self.len) {
            Some(slot) => {
                *slot = name;
                self.len += 1;
                Some(())
            }
            None => self.many.insert(name).then_some(()),
        }
    }
}

/// Each step takes the offset where it begins, `at`, and returns the offset where it ends, or
/// `None` if the text is malformed. Offsets are passed by value, so that they stay in registers.
#[derive(Clone, Copy)]
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    #[inline(always)]
    fn byte(self, at: usize) -> Option<u8> {
        self.0.as_bytes().get(at).copied()
    }

    #[inline(always)]
    fn between(self, start: usize, end: usize) -> Option<&'a str> {
        let (_, rest) = self.0.split_at_checked(start)?;
        rest.split_at_checked(end.checked_sub(start)?).map(|(text, _)| text)
    }

    /// Returns where this token ends, if it comes next.
    #[inline(always)]
    fn after(self, token: u8, at: usize) -> Option<usize> {
        match self.byte(at)? {
            byte if byte == token => Some(at + 1),
            byte if byte <= b' ' => self.after_space_and(token, at),
            _ => None,
        }
    }

    #[cold]
    fn after_space_and(self, token: u8, at: usize) -> Option<usize> {
        let at = self.after_space(at);
        (self.byte(at)? == token).then_some(at + 1)
    }

    fn after_space(self, at: usize) -> usize {
        let rest = self.0.as_bytes().get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
    }

    /// Reads an object after its opening brace. `depth` is the number of levels that may still
    /// open, including this one.
    fn members(
        self,
        mut at: usize,
        depth: usize,
        each: &mut impl FnMut(Cow<'a, str>, Value<'a>) -> Option<()>,
    ) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        if let Some(end) = self.after(b'}', at) {
            return Some(end);
        }
        loop {
            let (name, end) = self.string(self.after(b'"', at)?)?;
            let name = name.text()?;
            // `serde_json` would parse the string value of such a member again, with no bound on
            // nesting.
            if name.starts_with("$serde_json::private::") {
                return None;
            }
            let (value, end) = self.value(self.after(b':', end)?, depth)?;
            each(name, value)?;
            match self.after(b',', end) {
                Some(next) => at = next,
                None => return self.after(b'}', end),
            }
        }
    }

    #[inline(always)]
    fn value(self, at: usize, depth: usize) -> Option<(Value<'a>, usize)> {
        match self.byte(at)? {
            b'"' => self.string(at + 1),
            b'-' | b'0'..=b'9' => self.number(at).map(|(number, end)| (Value::Number(number), end)),
            _ => self.rarer_value(at, depth),
        }
    }

    fn rarer_value(self, at: usize, depth: usize) -> Option<(Value<'a>, usize)> {
        let at = self.after_space(at);
        match self.byte(at)? {
            b'"' | b'-' | b'0'..=b'9' => self.value(at, depth),
            b'[' => {
                let end = self.array(at + 1, depth)?;
                Some((Value::Array(self.between(at, end)?), end))
            }
            b'{' => self.members(at + 1, depth, &mut |_, _| Some(())).map(|end| (Value::Object, end)),
            _ => self.word(at),
        }
    }

    fn word(self, at: usize) -> Option<(Value<'a>, usize)> {
        let rest = self.0.get(at..)?;
        let words = [("true", Value::Boolean), ("false", Value::Boolean), ("null", Value::Null)];
        let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
        Some((value, at + word.len()))
    }

    /// Reads an array after its opening bracket.
    fn array(self, mut at: usize, depth: usize) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        if let Some(end) = self.after(b']', at) {
            return Some(end);
        }
        loop {
            let (_, end) = self.value(at, depth)?;
            match self.after(b',', end) {
                Some(next) => at = next,
                None => return self.after(b']', end),
            }
        }
    }

    #[inline(always)]
    fn number(self, start: usize) -> Option<(&'a str, usize)> {
        let at = if self.byte(start)? == b'-' { start + 1 } else { start };
        let whole = if self.byte(at)? == b'0' { at + 1 } else { self.digits(at)? };
        let end = match self.byte(whole) {
            Some(b'.' | b'e' | b'E') => self.fraction(whole)?,
            _ => whole,
        };
        Some((self.between(start, end)?, end))
    }

    /// Reads what may follow the integer part of a number: a fraction, an exponent, or both.
    #[cold]
    fn fraction(self, mut at: usize) -> Option<usize> {
        if self.byte(at) == Some(b'.') {
            at = self.digits(at + 1)?;
        }
        if !matches!(self.byte(at), Some(b'e' | b'E')) {
            return Some(at);
        }
        match self.byte(at + 1)? {
            b'+' | b'-' => self.digits(at + 2),
            _ => self.digits(at + 1),
        }
    }

    /// Reads one or more digits. Any other byte ends them: the range from above `9` wraps through
    /// 255 to below `0`.
    #[inline(always)]
    fn digits(self, at: usize) -> Option<usize> {
        let end = stride::find(self.0.as_bytes(), at, |bytes| bytes.is_within(b'9' + 1, b'0' - 1));
        Some(end.unwrap_or(self.0.len())).filter(|end| *end > at)
    }

    /// Reads a string after its opening quotation mark.
    #[inline(always)]
    fn string(self, start: usize) -> Option<(Value<'a>, usize)> {
        let end = stride::find(self.0.as_bytes(), start, ends_plain_text)?;
        if self.byte(end)? == b'"' {
            return Some((Value::String(self.between(start, end)?), end + 1));
        }
        let end = self.escaped_until(end)?;
        Some((Value::Escaped(self.between(start, end)?), end + 1))
    }

    /// Returns the offset of the closing quotation mark of a string that has an escape at `at`.
    #[cold]
    fn escaped_until(self, mut at: usize) -> Option<usize> {
        while self.byte(at)? != b'"' {
            (_, at) = self.escape(at)?;
            at = stride::find(self.0.as_bytes(), at, ends_plain_text)?;
        }
        Some(at)
    }

    fn escape(self, at: usize) -> Option<(char, usize)> {
        if self.byte(at)? != b'\\' {
            return None;
        }
        let char = match self.byte(at + 1)? {
            same @ (b'"' | b'\\' | b'/') => char::from(same),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(at),
            _ => return None,
        };
        Some((char, at + 2))
    }

    /// Reads a `\u` escape, and a second one if the first is a high surrogate (RFC 8259,
    /// section 7).
    fn unicode_escape(self, at: usize) -> Option<(char, usize)> {
        let first = self.code_unit(at)?;
        if !(0xD800..0xDC00).contains(&first) {
            return Some((char::from_u32(first)?, at + 6));
        }
        let second = self.code_unit(at + 6).filter(|second| (0xDC00..0xE000).contains(second))?;
        Some((char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))?, at + 12))
    }

    fn code_unit(self, at: usize) -> Option<u32> {
        let digits = self.0.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.chars().try_fold(0, |unit, digit| Some(unit * 16 + digit.to_digit(16)?))
    }
}

/// Marks quotation marks, backslashes and control characters.
#[inline(always)]
fn ends_plain_text(bytes: Stride) -> Marks {
    bytes.is(b'"') | bytes.is(b'\\') | bytes.is_within(0, 0x1F)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn members(text: &str) -> Result<Vec<(String, Value<'_>)>, Malformed> {
        let mut found = Vec::new();
        let mut kept = [false; 2];
        object(text, 4, &mut |name, value| {
            found.push((name.to_owned(), value));
            match ["iss", "aud"].iter().position(|known| *known == name) {
                Some(known) if std::mem::replace(&mut kept[known], true) => Visit::Repeated,
                Some(_) => Visit::Kept,
                None => Visit::Ignored,
            }
        })?;
        Ok(found)
    }

    fn one(text: &str) -> Result<String, Malformed> {
        match members(&format!(r#"{{"x":{text}}}"#))?.pop() {
            Some((_, value)) => value.text().map(Cow::into_owned).ok_or(Malformed),
            None => panic!("no member: {text}"),
        }
    }

    #[test]
    fn valid_json_of_rfc_8259_is_accepted() {
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
    fn invalid_json_of_rfc_8259_is_refused() {
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
            "{\"a\":1/}",
            "{\"a\":1/2}",
            "{\"a\":1:}",
            "{\"a\":1:2}",
            "{\"a\":-/}",
            "{\"a\":1.:}",
            "{\"a\":1e/}",
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
            r#"{"a":"\ud83d\udbff"}"#,
            r#"{"a":"\ud83d\ue000"}"#,
            r#"{"a":"\udc00"}"#,
            "{\"a\":1/**/}",
        ] {
            assert_eq!(members(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn numbers_are_returned_as_written() {
        for text in ["0", "-0", "7", "1900000000", "99999999999999999999999", "0.5", "-1.25E-3", "1e+400"] {
            let object = format!(r#"{{"x":{text}}}"#);
            let found = members(&object).unwrap().pop();
            assert_eq!(found, Some(("x".to_owned(), Value::Number(text))), "{text}");
        }
    }

    #[test]
    fn escapes_are_decoded() {
        for (text, expected) in [
            (r#""""#, ""),
            (r#""plain""#, "plain"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0069\u0073s""#, "iss"),
            (r#""a\ud83d\ude00b""#, "a\u{1F600}b"),
            (r#""\ud800\udc00""#, "\u{10000}"),
            (r#""\udbff\udfff""#, "\u{10FFFF}"),
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
    fn repeated_names_are_found_among_few_and_many() {
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
    fn names_that_serde_json_treats_specially_are_refused() {
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
    fn strings_of_every_length_end_at_their_quotation_mark() {
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

    fn value() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            r#""([ -!#-\[\]-~\u{e9}]|\\["\\/bfnrt]){0,40}""#,
            r#"true|false|null|\[\]|\[[0-9], "x"\]|\{"a":\[1,\{\}\]\}"#,
        ];
        (r"[ \n]{0,2}", value, r"[ \t]{0,2}").prop_map(|(before, value, after)| before + &value + &after)
    }

    proptest! {
        /// Without repeated names, both accept the same texts. The spoilt byte cannot make two
        /// names equal: they differ in three bytes.
        #[test]
        fn serde_json_reads_the_same(
            values in prop::collection::vec(("[a-z\u{e9}]{0,18}", value()), 0..6),
            spoilt in prop::option::of((any::<prop::sample::Index>(), "[ -~]")),
        ) {
            let written = (0..).zip(&values).map(|(n, (name, value))| format!("\"{n}{n}{n}{name}\":{value}"));
            let mut text = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
            if let Some((place, byte)) = spoilt {
                let place = place.index(text.len());
                prop_assume!(text.is_char_boundary(place) && text.is_char_boundary(place + 1));
                text.replace_range(place..=place, &byte);
            }
            let theirs = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text);
            let ours = members(&text);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
            for (name, value) in ours.into_iter().flatten() {
                let raw = theirs.as_ref().unwrap()[&name].get();
                match value {
                    Value::String(_) | Value::Escaped(_) => {
                        let string: String = serde_json::from_str(raw).unwrap();
                        prop_assert_eq!(value.text(), Some(Cow::Owned(string)), "{}", text);
                    }
                    Value::Number(written) | Value::Array(written) => prop_assert_eq!(written, raw, "{}", text),
                    Value::Object => prop_assert!(raw.starts_with('{'), "{}", text),
                    Value::Boolean => prop_assert!(raw.starts_with(['t', 'f']), "{}", text),
                    Value::Null => prop_assert_eq!(raw, "null", "{}", text),
                }
            }
        }
    }

    #[test]
    fn array_elements_are_strings_or_none() {
        let found: Vec<_> = elements(r#"[ "a" , 1,[2],{"b":3}, null,"\u0063"]"#).collect();
        let expected = [Some("a"), None, None, None, None, Some("c")];
        assert!(found.iter().map(Option::as_deref).eq(expected));
        assert_eq!(elements("[]").count(), 0);
    }
}
