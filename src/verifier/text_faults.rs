//! All faults of a text that should be a signed JWT, for explanations. A request is told the first.

use super::assertion::{Assertion, Parts, split};
use super::wrapping::Restored;
use crate::jose::base64url::{self, DecodeBuffer};
use crate::policy::Limits;
use crate::rejection::ClientFault;

/// The outcome of every check of a text that should be a signed JWT, for explanations. A check is
/// `None` if the text cannot be read that far.
pub(crate) struct TextFaults {
    pub(crate) size: Result<(), ClientFault>,
    pub(crate) parts: Option<Result<(), ClientFault>>,
    pub(crate) form: Option<Result<(), ClientFault>>,
    /// What of the assertion cannot be read, not even repaired.
    pub(crate) unread: Unread,
    /// What else may have been signed, if the text had to be repaired.
    pub(crate) other_inputs: Vec<Vec<u8>>,
}

/// The parts of an assertion that cannot be read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unread {
    pub(crate) header: bool,
    pub(crate) claims: bool,
    pub(crate) signature: bool,
}

impl<'a> Assertion<'a> {
    /// Reads an assertion beyond the first fault, as far as it can be read.
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
        let mut faults = TextFaults::of(text, limits, &relaxed);
        let is_form_faulty = faults.form.as_ref().is_none_or(|form| matches!(form, Err(fault) if !is_encrypted(fault)));
        let read = match is_form_faulty {
            false => Parts::decode(text, buffer, &relaxed).and_then(|parts| Self::read_members(parts, &relaxed)).ok(),
            true if text.len() > longest => None,
            true => repaired.read(text, &relaxed, &mut faults),
        };
        (faults, read)
    }
}

fn is_encrypted(fault: &ClientFault) -> bool {
    matches!(fault, ClientFault::Encrypted)
}

/// The parts of a text with the common mistakes of encoding undone, so that the rest of it can be
/// judged.
#[derive(Default)]
pub(crate) struct Repaired {
    /// The header and the claims as they should have been signed.
    text: Vec<u8>,
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl Repaired {
    /// Reads each part on its own. Returns `None` if neither the header nor the claims can be read.
    fn read<'a>(&'a mut self, text: &[u8], limits: &Limits, faults: &mut TextFaults) -> Option<Assertion<'a>> {
        let Restored { written, joined, normalized } = Restored::from(text);
        let (encoded, input) = split(&normalized)?;
        let decoded = encoded.map(|part| std::str::from_utf8(part).ok().and_then(base64url::decode));
        faults.unread.signature = decoded[2].is_none();
        faults.other_inputs =
            [&written, &joined].into_iter().filter_map(|text| Some(split(text)?.1.to_vec())).collect();
        faults.other_inputs.retain(|other| other != input);
        self.text = input.to_vec();
        [self.header, self.claims, self.signature] = decoded.map(Option::unwrap_or_default);
        let Self { text: signing_input, header, claims, signature } = self;
        let (read, is_read) = Assertion::read_each(Parts { header, claims, signature, signing_input }, limits);
        [faults.unread.header, faults.unread.claims] = is_read.map(|is_read| !is_read);
        is_read.contains(&true).then_some(read)
    }
}

impl TextFaults {
    fn of(text: &[u8], limits: &Limits, relaxed: &Limits) -> Self {
        let too_long = text.len() > limits.assertion;
        let size = |header: usize| match () {
            () if too_long => Err(ClientFault::AssertionTooLong),
            () if header > limits.header => Err(ClientFault::HeaderTooLong),
            () => Ok(()),
        };
        let mut buffer = DecodeBuffer::default();
        let parts = match Parts::decode(text, &mut buffer, relaxed) {
            Ok(parts) => parts,
            Err(fault) => return Self::undecoded(size(0), fault),
        };
        let size = size(parts.header.len());
        let form = match Assertion::read_members(parts, relaxed) {
            Ok(assertion) if assertion.header.has_inner => Err(ClientFault::Encrypted),
            read => read.map(|_| ()),
        };
        Self::new(size, Some(Ok(())), Some(form))
    }

    fn undecoded(size: Result<(), ClientFault>, fault: ClientFault) -> Self {
        match fault {
            ClientFault::AssertionTooLong => Self::new(size, None, None),
            ClientFault::NotThreeParts => Self::new(size, Some(Err(fault)), None),
            fault => Self::new(size, Some(Ok(())), Some(Err(fault))),
        }
    }

    fn new(
        size: Result<(), ClientFault>,
        parts: Option<Result<(), ClientFault>>,
        form: Option<Result<(), ClientFault>>,
    ) -> Self {
        Self { size, parts, form, unread: Unread::default(), other_inputs: Vec::new() }
    }

    /// Whether the request is refused for the text alone.
    pub(crate) fn is_faulty(&self) -> bool {
        let failed = |judged: &Option<Result<(), _>>| matches!(judged, Some(Err(_)));
        self.size.is_err() || failed(&self.parts) || failed(&self.form)
    }
}
