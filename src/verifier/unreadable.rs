//! Why a decoded part of an assertion is not one JSON object, and where. The scanner of `jose` only
//! says that it is not, so refused assertions are read again, byte by byte.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::jose::json::Value;
use crate::rejection::JsonFault;

/// The first fault of a text that is not one JSON object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable<'a> {
    pub(crate) fault: JsonFault,
    /// The offset of the byte in the decoded text, counted from zero.
    pub(crate) at: usize,
    /// The name of the member that is repeated.
    pub(crate) name: Option<Cow<'a, str>>,
}

impl Unreadable<'_> {
    fn new(fault: JsonFault, at: usize) -> Self {
        Self { fault, at, name: None }
    }
}

/// Returns the first fault of `bytes`, which may be nested `depth` levels deep. Returns `None` if
/// they are one object.
pub(crate) fn find(bytes: &[u8], depth: usize) -> Option<Unreadable<'_>> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Some(Unreadable::new(JsonFault::ByteOrderMark, 0));
    }
    if is_wide(bytes) {
        return Some(Unreadable::new(JsonFault::NotUtf8, 0));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Reader { text, depth }.document().err(),
        Err(error) => Some(Unreadable::new(JsonFault::NotUtf8, error.valid_up_to())),
    }
}

/// Whether the bytes look like UTF-16 or UTF-32: a byte order mark of two bytes, or a brace next
/// to a zero byte.
pub(crate) fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'{', 0, ..] | [0, b'{', ..] | [0, 0, ..])
}

type Read<'a, T> = Result<T, Unreadable<'a>>;

#[derive(Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    /// The number of levels that may still open.
    depth: usize,
}

/// Each step takes the offset where it begins and returns the offset where it ends.
impl<'a> Reader<'a> {
    fn document(self) -> Read<'a, ()> {
        let start = self.space(0);
        match self.byte(start) {
            Some(b'{') => {}
            Some(b'[' | b'"' | b'-' | b'0'..=b'9') => return Err(Unreadable::new(JsonFault::NotAnObject, start)),
            Some(b't' | b'f' | b'n') if self.word(start).is_ok() => {
                return Err(Unreadable::new(JsonFault::NotAnObject, start));
            }
            _ => return self.fail(start),
        }
        let mut names = HashSet::new();
        let end = self.object(start, &mut |name: Cow<'a, str>| names.insert(name))?;
        match self.space(end) {
            end if end == self.text.len() => Ok(()),
            end => self.fail(end),
        }
    }

    fn byte(self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn fail<T>(self, at: usize) -> Read<'a, T> {
        Err(Unreadable::new(JsonFault::Syntax, at))
    }

    fn expect(self, token: u8, at: usize) -> Read<'a, usize> {
        if self.byte(at) == Some(token) { Ok(at + 1) } else { self.fail(at) }
    }

    fn space(self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
    }

    fn deeper(self, at: usize) -> Read<'a, Self> {
        let depth = self.depth.checked_sub(1).ok_or(Unreadable::new(JsonFault::TooDeep, at))?;
        Ok(Self { depth, ..self })
    }

    /// Reads an object. `is_new` returns whether a name did not occur before.
    fn object(self, at: usize, is_new: &mut dyn FnMut(Cow<'a, str>) -> bool) -> Read<'a, usize> {
        let inner = self.deeper(at)?;
        self.items(at + 1, b'}', &mut |at| {
            let end = inner.string(at)?;
            let name = inner.name(at, end)?;
            if !is_new(name.clone()) {
                return Err(Unreadable { name: Some(name), ..Unreadable::new(JsonFault::RepeatedMember, at) });
            }
            let value = inner.expect(b':', inner.space(end))?;
            inner.value(inner.space(value))
        })
    }

    /// Reads the rest of an object or an array, up to and including the `close` token.
    fn items(self, at: usize, close: u8, item: &mut dyn FnMut(usize) -> Read<'a, usize>) -> Read<'a, usize> {
        let mut at = self.space(at);
        if self.byte(at) == Some(close) {
            return Ok(at + 1);
        }
        loop {
            let end = self.space(item(at)?);
            match self.byte(end) {
                Some(b',') => at = self.space(end + 1),
                _ => return self.expect(close, end),
            }
        }
    }

    /// Returns the decoded name. The scanner refuses those that `serde_json` treats specially.
    fn name(self, at: usize, end: usize) -> Read<'a, Cow<'a, str>> {
        let written = self.text.get(at + 1..end - 1).unwrap_or_default();
        match Value::Escaped(written).text() {
            Some(name) if !name.starts_with("$serde_json::private::") => Ok(name),
            _ => self.fail(at),
        }
    }

    fn value(self, at: usize) -> Read<'a, usize> {
        match self.byte(at) {
            Some(b'"') => self.string(at),
            Some(b'-' | b'0'..=b'9') => self.number(at),
            Some(b'{') => self.object(at, &mut |_| true),
            Some(b'[') => {
                let inner = self.deeper(at)?;
                self.items(at + 1, b']', &mut |at| inner.value(at))
            }
            _ => self.word(at),
        }
    }

    fn word(self, at: usize) -> Read<'a, usize> {
        let rest = self.text.get(at..).unwrap_or_default();
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        word.map_or_else(|| self.fail(at), |word| Ok(at + word.len()))
    }

    fn number(self, at: usize) -> Read<'a, usize> {
        let at = if self.byte(at) == Some(b'-') { at + 1 } else { at };
        let mut end = if self.byte(at) == Some(b'0') { at + 1 } else { self.digits(at)? };
        if self.byte(end) == Some(b'.') {
            end = self.digits(end + 1)?;
        }
        if let Some(b'e' | b'E') = self.byte(end) {
            let signed = matches!(self.byte(end + 1), Some(b'+' | b'-'));
            end = self.digits(end + 1 + usize::from(signed))?;
        }
        Ok(end)
    }

    fn digits(self, at: usize) -> Read<'a, usize> {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => self.fail(at),
            len => Ok(at + len),
        }
    }

    fn string(self, at: usize) -> Read<'a, usize> {
        let mut at = self.expect(b'"', at)?;
        loop {
            match self.byte(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') => at = self.escape(at)?,
                Some(0x20..) => at += 1,
                _ => return self.fail(at),
            }
        }
    }

    fn escape(self, at: usize) -> Read<'a, usize> {
        match self.byte(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match self.code_unit(at) {
                Some(0xD800..0xDC00) => match self.code_unit(at + 6) {
                    Some(0xDC00..0xE000) => Ok(at + 12),
                    _ => self.fail(at),
                },
                None | Some(0xDC00..0xE000) => self.fail(at),
                Some(_) => Ok(at + 6),
            },
            _ => self.fail(at),
        }
    }

    fn code_unit(self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.chars().try_fold(0, |unit, digit| Some(unit * 16 + digit.to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::json::{Visit, object};

    fn found(text: &str) -> Option<(JsonFault, usize)> {
        find(text.as_bytes(), 3).map(|unreadable| (unreadable.fault, unreadable.at))
    }

    #[test]
    fn faults_are_found_where_they_begin() {
        use JsonFault::{ByteOrderMark, NotAnObject, NotUtf8, RepeatedMember, Syntax, TooDeep};
        for (text, fault, at) in [
            ("", Syntax, 0),
            ("  ", Syntax, 2),
            ("\u{FEFF}{}", ByteOrderMark, 0),
            ("{\0\"\0", NotUtf8, 0),
            ("\0{\0\"", NotUtf8, 0),
            (" []", NotAnObject, 1),
            ("\"x\"", NotAnObject, 0),
            ("1", NotAnObject, 0),
            ("null", NotAnObject, 0),
            ("nul", Syntax, 0),
            ("eyJ", Syntax, 0),
            ("{", Syntax, 1),
            ("{}x", Syntax, 2),
            ("{}{}", Syntax, 2),
            ("{'a':1}", Syntax, 1),
            ("{\"a\":1,}", Syntax, 7),
            ("{\"a\" 1}", Syntax, 5),
            ("{\"a\":01}", Syntax, 6),
            ("{\"a\":1.}", Syntax, 7),
            ("{\"a\":-}", Syntax, 6),
            ("{\"a\":\"\n\"}", Syntax, 6),
            ("{\"a\":\"\\x\"}", Syntax, 6),
            ("{\"a\":\"\\ud800\"}", Syntax, 6),
            ("{\"a\":\"\\udc00\"}", Syntax, 6),
            ("{\"a\":tru}", Syntax, 5),
            ("{\"a\":1,\"b\":2,\"a\":3}", RepeatedMember, 13),
            ("{\"a\":1,\"\\u0061\":3}", RepeatedMember, 7),
            ("{\"a\":[[[1]]]}", TooDeep, 7),
            ("{\"a\":[1, {\"b\":[", TooDeep, 14),
        ] {
            assert_eq!(found(text), Some((fault, at)), "{text:?}");
        }
        assert_eq!(find(b"{\"a\":\"\xff\"}", 3), Some(Unreadable::new(NotUtf8, 6)));
        assert_eq!(find(b"\xff\xfe{\0}\0", 3), Some(Unreadable::new(NotUtf8, 0)));
        for text in ["{}", " { \"a\" : [ [ ] , {} ] } ", "{\"a\":{\"b\":1,\"b\":2},\"c\":\"\\ud83d\\ude00\"}"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn repeated_members_are_named() {
        let name = |text: &'static str| find(text.as_bytes(), 3)?.name;
        assert_eq!(name("{\"iss\":1,\"\\u0069ss\":2}").as_deref(), Some("iss"));
        assert_eq!(name("{\"a\":1,}"), None);
    }

    fn scanner_refuses(text: &str) -> bool {
        object(text, 3, &mut |_, _| Visit::Ignored).is_err()
    }

    proptest! {
        #[test]
        fn a_fault_is_found_if_and_only_if_the_scanner_fails(
            text in r#"\{("(a|b|\\u0061|\\ud800|\\n|\$serde_json::private::x)?":(1|-0\.5e\+9|01|"x\\""|"\\u12"|tru|true|null|\[\]|\[1,\[\[?\]\]|\{"a":1\}),? ?){0,3}"#,
            end in r"\}? ?[x}]?",
        ) {
            let text = text + &end;
            prop_assert_eq!(found(&text).is_some(), scanner_refuses(&text), "{}", text);
        }

        #[test]
        fn any_text_is_judged_as_by_the_scanner(text in r#"[\{\}\[\]:,"\\a1 e.\-]{0,12}"#) {
            prop_assert_eq!(found(&text).is_some(), scanner_refuses(&text), "{}", text);
        }
    }
}
