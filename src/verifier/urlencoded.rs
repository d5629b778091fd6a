//! The syntax of a form: pairs of names and values, borrowed if nothing in them is escaped.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

use crate::jose::stride::{self, Stride};
use crate::rejection::{ClientFault, Parameter};
use crate::text::is_utf8;

/// The pairs of a form, split at each ampersand and then at the first equals sign, as in the WHATWG
/// URL standard. A semicolon is data.
pub(crate) struct Pairs<'a> {
    form: &'a [u8],
    /// Where the next pair begins, if there is one.
    next: Option<usize>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn of(form: &'a [u8]) -> Self {
        Self { form, next: (!form.is_empty()).then_some(0) }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Raw<'a>, Raw<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let form = self.form;
        let (name, end) = Raw::name(form, self.next?)?;
        let (value, end) = match form.get(end) {
            Some(b'=') => Raw::value(form, end + 1)?,
            _ => (Raw::default(), end),
        };
        self.next = (end < form.len()).then_some(end + 1);
        Some((name, value))
    }
}

/// A name or a value as it is written in a form.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw<'a> {
    pub(crate) bytes: &'a [u8],
    /// Whether it must be unescaped to be read. A name too long to be a [`Parameter`] is not
    /// marked.
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// Returns the name that begins at `start`, and where it ends.
    #[inline(always)]
    fn name(form: &'a [u8], start: usize) -> Option<(Self, usize)> {
        const _: () = assert!(
            Parameter::ClientAssertionType.name().len() < stride::NEAR,
            "the longest parameter name must end within the bytes that are searched first"
        );
        // Parameter names contain no space, so `+` need not be marked. A name without a mark within
        // the first `NEAR` bytes is longer than any of them, escaped or not.
        let marks = |bytes: Stride| bytes.is(b'=') | bytes.is(b'&') | bytes.is(b'%');
        let first = stride::find_near(form, start, marks, |far| memchr2(b'=', b'&', far));
        Self::between(form, start, first, |far| memchr2(b'=', b'&', far))
    }

    /// Returns the value that begins at `start`, and where it ends.
    #[inline(always)]
    fn value(form: &'a [u8], start: usize) -> Option<(Self, usize)> {
        let marks = |bytes: Stride| bytes.is(b'&') | bytes.is(b'%') | bytes.is(b'+');
        let first = stride::find_near(form, start, marks, |far| memchr3(b'&', b'%', b'+', far));
        Self::between(form, start, first, |far| memchr(b'&', far))
    }

    /// Ends it at the `first` mark. If that mark is an escape, `end` finds the real end.
    #[inline(always)]
    fn between(
        form: &'a [u8],
        start: usize,
        first: Option<usize>,
        end: impl FnOnce(&[u8]) -> Option<usize>,
    ) -> Option<(Self, usize)> {
        let first = first.unwrap_or(form.len());
        let escaped = matches!(form.get(first), Some(b'%' | b'+'));
        let end = if escaped { end(form.get(first..)?).map_or(form.len(), |len| first + len) } else { first };
        Some((Self { bytes: form.get(start..end)?, escaped }, end))
    }

    /// Returns the parameter with this name. A name that cannot be unescaped belongs to no
    /// parameter.
    pub(crate) fn parameter(self) -> Option<Parameter> {
        if self.escaped { self.escaped_parameter() } else { Parameter::from_name(self.bytes) }
    }

    #[cold]
    fn escaped_parameter(self) -> Option<Parameter> {
        Parameter::from_name(&self.unescape().ok()?)
    }

    /// Decodes a value that must be text (RFC 6749, appendix B). Unlike a browser, this refuses
    /// `%zz` and invalid UTF-8.
    pub(crate) fn decode(self) -> Result<Cow<'a, [u8]>, ClientFault> {
        let bytes = self.unescape()?;
        is_utf8(&bytes).then_some(bytes).ok_or(ClientFault::FormMalformed)
    }

    /// Does the same and returns a string.
    pub(crate) fn decode_text(self) -> Result<Cow<'a, str>, ClientFault> {
        let text = match self.unescape()? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
        };
        text.ok_or(ClientFault::FormMalformed)
    }

    /// Decodes a value without a look at whether it is text.
    pub(crate) fn unescape(self) -> Result<Cow<'a, [u8]>, ClientFault> {
        match self.escaped {
            false => Ok(Cow::Borrowed(self.bytes)),
            true => unescape(self.bytes).map(Cow::Owned).ok_or(ClientFault::FormMalformed),
        }
    }
}

/// Returns `None` if a percent sign is not followed by two hexadecimal digits.
#[cold]
pub(crate) fn unescape(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut text, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(mark) = stride::find(bytes, at, |bytes| bytes.is(b'%') | bytes.is(b'+')) {
        text.extend_from_slice(bytes.get(at..mark)?);
        let (byte, rest) = match bytes.get(mark..)? {
            [b'%', high, low, rest @ ..] => (hex(*high, *low)?, rest),
            [b'+', rest @ ..] => (b' ', rest),
            _ => return None,
        };
        text.push(byte);
        at = bytes.len() - rest.len();
    }
    text.extend_from_slice(bytes.get(at..)?);
    Some(text)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
