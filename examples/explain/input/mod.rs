//! What was captured: a request, a form or an assertion, recognized by how the input looks.
//!
//! Errors are one line. They never repeat a part of the input, which is as good as a password.

pub(crate) mod claims;
mod curl;
mod form;
mod har;
pub(crate) mod moment;
mod raw;
mod text;

use std::borrow::Cow;

use axum::body::Bytes;
use axum::http::{Request, header};

/// The largest HAR file. It has the responses of a whole session.
const MOST: usize = 64 << 20;
/// The most bytes of everything else.
const MOST_OF_A_REQUEST: usize = 1 << 20;

/// What the input holds.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) what: What,
    /// What the input was recognized as.
    pub(crate) source: String,
    /// When it was sent, in Unix seconds, if the input says so.
    pub(crate) sent_at: Option<u64>,
    /// What could not be read as it was sent.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum What {
    Request(Box<Request<Bytes>>),
    /// A body without a head.
    Form(Bytes),
    /// A JWT without a form.
    Assertion(String),
}

impl From<Request<Bytes>> for What {
    fn from(request: Request<Bytes>) -> Self {
        Self::Request(Box::new(request))
    }
}

impl Captured {
    /// Recognizes the input. A HAR file has several requests: `entry` is the number of one, from 0.
    pub(crate) fn read(input: &[u8], entry: Option<usize>) -> Result<Self, String> {
        let input = text::without_byte_order_mark(input)?;
        let captured = match text::looks_like_json(&input) {
            true => har::read(&input, entry)?,
            false if entry.is_some() => return Err("--entry: the input is no HAR file".to_owned()),
            false => Self::one(&input)?,
        };
        Ok(captured)
    }

    fn one(input: &[u8]) -> Result<Self, String> {
        if input.len() > MOST_OF_A_REQUEST {
            return Err(too_large(MOST_OF_A_REQUEST));
        }
        if raw::is_request(input) {
            return raw::read(input);
        }
        let text = text::as_text(input)?;
        if curl::is_command(text) { curl::read(text) } else { form::read(text) }
    }

    fn new(what: What, source: impl Into<String>) -> Self {
        Self { what, source: source.into(), sent_at: None, notes: Vec::new() }
    }

    /// Returns the assertion as the form has it, decoded.
    pub(crate) fn assertion(&self) -> Option<Cow<'_, [u8]>> {
        match &self.what {
            What::Request(request) => form::assertion(request.body()),
            What::Form(body) => form::assertion(body),
            What::Assertion(jwt) => Some(Cow::Borrowed(jwt.as_bytes())),
        }
    }
}

impl Captured {
    /// Returns whether the input has a JWT, also where none belongs.
    pub(crate) fn has_jwt(&self) -> bool {
        let has = |bytes: &[u8]| bytes.windows(3).any(|part| part == b"eyJ");
        self.assertion().is_some_and(|assertion| !assertion.is_empty())
            || match &self.what {
                What::Request(request) => {
                    let mut headers = request.headers().values();
                    has(request.body())
                        || headers.any(|value| has(value.as_bytes()))
                        || has(request.uri().to_string().as_bytes())
                }
                What::Form(body) => has(body),
                What::Assertion(_) => true,
            }
    }

    /// Names the other credentials in the input.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &'static str> {
        let (body, query, headers): (&[u8], _, _) = match &self.what {
            What::Request(request) => (request.body(), request.uri().query(), Some(request.headers())),
            What::Form(body) => (body, None, None),
            What::Assertion(_) => (b"", None, None),
        };
        let mut pairs =
            form_urlencoded::parse(body).chain(form_urlencoded::parse(query.unwrap_or_default().as_bytes()));
        let secret = pairs.any(|(name, _)| name == "client_secret").then_some("a client_secret");
        let header = headers.is_some_and(|headers| headers.contains_key(header::AUTHORIZATION));
        secret.into_iter().chain(header.then_some("an Authorization header"))
    }
}

/// Reads at most as much as any input may have.
pub(crate) fn read_bounded(from: impl std::io::Read) -> std::io::Result<Result<Vec<u8>, String>> {
    use std::io::Read as _;
    let mut input = Vec::new();
    from.take(MOST as u64 + 1).read_to_end(&mut input)?;
    Ok(if input.len() > MOST { Err(too_large(MOST)) } else { Ok(input) })
}

fn too_large(most: usize) -> String {
    format!("the input is too large: expected at most {} MiB", most >> 20)
}
