//! A request as it goes over the wire.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::Captured;

const MOST_HEADERS: usize = 100;

pub(super) fn is_request(input: &[u8]) -> bool {
    start(input).is_some()
}

pub(super) fn read(input: &[u8]) -> Result<Captured, String> {
    let Some(start) = start(input) else { return Err("the input has no request line".to_owned()) };
    let mut lines = Lines { rest: input, number: 0 };
    lines.by_ref().find(|line| !line.is_empty());
    let mut notes = Vec::new();
    let headers = headers(&mut lines)?;
    let body = body(&headers, lines.rest, &mut notes)?;
    let request = request(start.method, &start.target, headers, body)?;
    let source = "a raw request".to_owned();
    Ok(Captured { what: request.into(), source, sent_at: None, notes })
}

/// Makes a request with its target in origin form, as servers see it.
pub(super) fn request(
    method: Method,
    target: &str,
    headers: HeaderMap,
    body: Vec<u8>,
) -> Result<Request<Bytes>, String> {
    if body.is_empty() && length(&headers).is_some_and(|length| length > 0) {
        return Err("the head declares a body with Content-Length, and the input has none".to_owned());
    }
    let target: Uri = target.parse().map_err(|_| "the target of the request is no URL and no path".to_owned())?;
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|_| "the path of the request is not valid".to_owned())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Makes a header of a name and a value. `line` says where it is.
pub(super) fn header(name: &[u8], value: &[u8], line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name).map_err(|_| format!("{line}: expected NAME: VALUE, a header"))?;
    let value = HeaderValue::from_bytes(value.trim_ascii())
        .map_err(|_| format!("{line}: the value of the header {name} has characters that are not allowed"))?;
    Ok((name, value))
}

/// As hyper does.
pub(super) fn too_many_headers() -> String {
    format!("the request has more than {MOST_HEADERS} headers: servers refuse it without a look at its body")
}

struct Start {
    method: Method,
    target: String,
}

/// Reads the request line, the first line that is not empty.
fn start(input: &[u8]) -> Option<Start> {
    let line = Lines { rest: input, number: 0 }.find(|line| !line.is_empty())?;
    let mut words = std::str::from_utf8(line).ok()?.trim_end().split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let whole = words.next().is_none() && version.starts_with("HTTP/") && !target.is_empty();
    whole.then_some(Start { method: Method::from_bytes(method.as_bytes()).ok()?, target: target.to_owned() })
}

fn headers(lines: &mut Lines<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        let place = format!("line {}", lines.number);
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon.and_then(|at| line.split_at_checked(at)).unwrap_or((b"", b""));
        let (name, value) = header(name, value.get(1..).unwrap_or_default(), &place)?;
        headers.try_append(name, value).map_err(|_| too_many_headers())?;
    }
    Ok(headers)
}

/// Returns the body as the server would read it.
fn body(headers: &HeaderMap, rest: &[u8], notes: &mut Vec<String>) -> Result<Vec<u8>, String> {
    let coding = headers.get(header::TRANSFER_ENCODING).map(HeaderValue::as_bytes);
    if coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        if Chunks(rest).size().is_some() {
            return Chunks(rest).join();
        }
        notes.push("Transfer-Encoding says chunked, but the body has no chunks: it is taken as it is".to_owned());
    }
    // An editor ends the last line.
    let shown = rest.strip_suffix(b"\n").map_or(rest, |line| line.strip_suffix(b"\r").unwrap_or(line));
    match length(headers) {
        Some(length) => Ok(rest.get(..length).unwrap_or(shown).to_vec()),
        None => {
            if !shown.is_empty() {
                notes.push("the head has no Content-Length: the body is taken to be everything after it".to_owned());
            }
            Ok(shown.to_vec())
        }
    }
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Lines that end with CRLF or LF.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.rest.split_at(end.map_or(self.rest.len(), |end| end + 1));
        self.rest = rest;
        self.number += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// RFC 9112, section 7.1.
struct Chunks<'a>(&'a [u8]);

impl<'a> Chunks<'a> {
    /// Reads the line with the size of the next chunk.
    fn size(&mut self) -> Option<usize> {
        let mut lines = Lines { rest: self.0, number: 0 };
        let line = std::str::from_utf8(lines.next()?).ok()?;
        let digits = line.split(';').next()?.trim();
        self.0 = lines.rest;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| usize::from_str_radix(digits, 16).ok())?
    }

    fn chunk(&mut self) -> Option<&'a [u8]> {
        let size = self.size()?;
        let (chunk, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        if size > 0 {
            Lines { rest: self.0, number: 0 }.next().filter(|line| line.is_empty())?;
            self.0 = self.0.strip_prefix(b"\r\n").or(self.0.strip_prefix(b"\n"))?;
        }
        Some(chunk)
    }

    fn join(mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            match self.chunk() {
                Some([]) => return Ok(body),
                Some(chunk) => body.extend_from_slice(chunk),
                None => return Err("the chunked body is damaged or not complete".to_owned()),
            }
        }
    }
}
