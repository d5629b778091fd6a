//! All faults of a text that should be a signed JWT, for explanations. A request is told the first.

use super::assertion::{Assertion, Parts, split};
use crate::jose::base64url::DecodeBuffer;
use crate::policy::Limits;
use crate::rejection::ClientFault;

/// The outcome of every check of a text that should be a signed JWT, for explanations. A check is
/// `None` if the text cannot be read that far.
pub(crate) struct TextFaults {
    pub(crate) size: Result<(), ClientFault>,
    pub(crate) parts: Option<Result<(), ClientFault>>,
    pub(crate) form: Option<Result<(), ClientFault>>,
}

impl<'a> Assertion<'a> {
    /// Reads an assertion beyond the first fault, if it can be read.
    pub(crate) fn read_on(
        text: &'a [u8],
        buffer: &'a mut DecodeBuffer,
        repaired: &'a mut Repaired,
        limits: &Limits,
    ) -> (TextFaults, Option<Self>) {
        /// As long as the longest body that a layer reads by default.
        const LONGEST: usize = 64 * 1024;
        let longest = limits.assertion.max(LONGEST);
        let relaxed = limits.clone().with_assertion(longest).with_header(limits.header.max(LONGEST));
        let too_long = text.len() > limits.assertion;
        let size = |header: usize| match () {
            () if too_long => Err(ClientFault::AssertionTooLong),
            () if header > limits.header => Err(ClientFault::HeaderTooLong),
            () => Ok(()),
        };
        if let Err(fault) = Parts::decode(text, &mut DecodeBuffer::default(), &relaxed) {
            let parts = (text.len() <= longest).then(|| repaired.decode(text, buffer)).flatten();
            let read = parts.and_then(|parts| Self::read_members(parts, &relaxed).ok());
            return (TextFaults::undecoded(size(0), fault), read);
        }
        let Ok(parts) = Parts::decode(text, buffer, &relaxed) else {
            return (TextFaults { size: size(0), parts: None, form: None }, None);
        };
        let size = size(parts.header.len());
        let (read, form) = match Self::read_members(parts, &relaxed) {
            Ok(assertion) if assertion.header.has_inner => (Some(assertion), Err(ClientFault::Encrypted)),
            Ok(assertion) => (Some(assertion), Ok(())),
            Err(fault) => (None, Err(fault)),
        };
        (TextFaults { size, parts: Some(Ok(())), form: Some(form) }, read)
    }
}

/// A text with the common mistakes of encoding undone, so that the rest of it can be judged.
#[derive(Default)]
pub(crate) struct Repaired(Vec<u8>);

impl Repaired {
    /// Decodes the parts of `text` without padding, in either alphabet, and without what stands
    /// around it. What was signed is taken as it is.
    fn decode<'a>(&'a mut self, text: &'a [u8], buffer: &'a mut DecodeBuffer) -> Option<Parts<'a>> {
        let text = text.trim_ascii();
        let text = match text.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"Bearer ") => rest.trim_ascii(),
            _ => text,
        };
        let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
        let symbols = text.iter().filter(|byte| **byte != b'=').map(|byte| match byte {
            // A plus sign that is not escaped arrives as a space.
            b'+' | b' ' => b'-',
            b'/' => b'_',
            other => *other,
        });
        self.0 = symbols.collect();
        let (encoded, _) = split(&self.0)?;
        let (_, signing_input) = split(text)?;
        let [header, claims, signature] = buffer.decode(encoded)?;
        Some(Parts { header, claims, signature, signing_input })
    }
}

impl TextFaults {
    fn undecoded(size: Result<(), ClientFault>, fault: ClientFault) -> Self {
        match fault {
            ClientFault::AssertionTooLong => Self { size, parts: None, form: None },
            ClientFault::NotThreeParts => Self { size, parts: Some(Err(fault)), form: None },
            fault => Self { size, parts: Some(Ok(())), form: Some(Err(fault)) },
        }
    }
}
