//! The headers of a request that matter to the layer, read in one pass.

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::rejection::{AuthScheme, ClientFault};

/// The media type of a form, in its usual spelling.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

const ATTESTATION: [HeaderName; 2] =
    [HeaderName::from_static("oauth-client-attestation"), HeaderName::from_static("oauth-client-attestation-pop")];

/// What the headers declare about the body, and about credentials outside of it. A single pass over
/// the headers is faster than one look-up for each, unless there are dozens of other headers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeclaredHeaders {
    /// A content coding, or a transfer coding other than `chunked`.
    pub(super) is_encoded: bool,
    pub(super) has_transfer_encoding: bool,
    pub(super) content_type: ContentType,
    length: Option<FirstLength>,
    pub(super) authorization: Option<AuthScheme>,
    pub(super) has_attestation: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ContentType {
    #[default]
    Missing,
    /// A form, spelled exactly as [`FORM`].
    PlainForm,
    /// A form in another spelling, or with parameters.
    Form,
    /// A form whose charset is neither UTF-8 nor its subset US-ASCII.
    FormInOtherCharset,
    /// Another type, or more than one.
    Other,
}

/// The value of the first `Content-Length` if it is a number.
type FirstLength = Option<u64>;

impl DeclaredHeaders {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut declared = Self::default();
        headers.iter().for_each(|(name, value)| declared.note(name, value));
        declared
    }

    fn note(&mut self, name: &HeaderName, value: &HeaderValue) {
        let is = |coding: &str| value.as_bytes().eq_ignore_ascii_case(coding.as_bytes());
        if *name == CONTENT_TYPE {
            self.content_type = self.content_type.and(value);
        } else if *name == CONTENT_LENGTH {
            self.length.get_or_insert_with(|| value.to_str().ok()?.parse().ok());
        } else if *name == CONTENT_ENCODING {
            self.is_encoded |= !is("identity");
        } else if *name == TRANSFER_ENCODING {
            // A server decodes the chunks, and passes any other coding on (RFC 9112, section 6.1).
            self.is_encoded |= !is("chunked");
            self.has_transfer_encoding = true;
        } else if *name == AUTHORIZATION {
            self.authorization = self.authorization.or_else(|| AuthScheme::of(value.as_bytes()));
        } else {
            // An empty header carries no credential.
            self.has_attestation |= ATTESTATION.contains(name) && !value.as_bytes().trim_ascii().is_empty();
        }
    }

    /// The declared length of the body.
    pub(super) fn length(&self) -> Option<u64> {
        self.length.flatten()
    }

    /// Checks that the body is a form in UTF-8.
    pub(super) fn check_form(&self) -> Result<(), ClientFault> {
        match self.content_type {
            ContentType::PlainForm | ContentType::Form => Ok(()),
            ContentType::FormInOtherCharset => Err(ClientFault::Charset),
            ContentType::Missing | ContentType::Other => Err(ClientFault::ContentType),
        }
    }
}

impl ContentType {
    fn and(self, value: &HeaderValue) -> Self {
        match self {
            Self::Missing if value == FORM => Self::PlainForm,
            Self::Missing => Self::of(value),
            _ => Self::Other,
        }
    }

    /// Reads a type in any case and with any parameters. A charset must be UTF-8 or its subset
    /// US-ASCII (RFC 6749, appendix B).
    fn of(value: &HeaderValue) -> Self {
        let Ok(value) = value.to_str() else { return Self::Other };
        let mut pieces = value.split(';').map(str::trim);
        let essence = pieces.next().unwrap_or_default();
        if !essence.eq_ignore_ascii_case(FORM) {
            return Self::Other;
        }
        pieces.fold(Self::Form, |found, piece| match (found, parameter(piece)) {
            (Self::Other, _) | (_, None) => Self::Other,
            (_, Some((name, value))) if name.eq_ignore_ascii_case("charset") && !is_utf8(value) => {
                Self::FormInOtherCharset
            }
            (found, Some(_)) => found,
        })
    }
}

fn is_utf8(charset: &str) -> bool {
    ["utf-8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

/// Returns the name and value of a parameter, both empty if there is none. This is RFC 9110,
/// section 5.6.6, narrowed: a quoted value may only contain what it could contain without its
/// quotes.
fn parameter(piece: &str) -> Option<(&str, &str)> {
    let Some((name, value)) = piece.split_once('=') else { return piece.is_empty().then_some(("", "")) };
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let value = quoted.unwrap_or(value);
    (is_token(name) && is_token(value)).then_some((name, value))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
}
