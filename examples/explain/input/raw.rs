//! A request as it goes over the wire.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::Captured;

/// As hyper has it.
const MOST_HEADERS: usize = 100;
/// The most bytes of a head, as hyper has it.
const MOST_OF_A_HEAD: usize = 8192 + 4096 * MOST_HEADERS;

const REFUSED: &str = "servers refuse the request before they look at its body";

pub(super) fn is_request(input: &[u8]) -> bool {
    start(input).is_some()
}

pub(super) fn read(input: &[u8]) -> Result<Captured, String> {
    let Some(start) = start(input) else { return Err("the input has no request line".to_owned()) };
    let mut lines = Lines { rest: input, number: 0 };
    lines.by_ref().find(|line| !line.is_empty());
    let mut notes = Vec::new();
    match &*start.version {
        "HTTP/1.0" | "HTTP/1.1" => {}
        "HTTP/2" | "HTTP/2.0" | "HTTP/3" | "HTTP/3.0" => {
            notes.push("the request line is not one of HTTP/1.1: it is judged as if it were".to_owned());
        }
        _ => return Err(format!("the request line has an unknown version of HTTP: {REFUSED}: expected HTTP/1.1")),
    }
    let headers = headers(&mut lines)?;
    if input.len() - lines.rest.len() > MOST_OF_A_HEAD {
        return Err(format!("the head has more than {MOST_OF_A_HEAD} bytes: {REFUSED}"));
    }
    let body = body(&headers, lines.rest, &mut notes)?;
    let request = request(start.method, &start.target, headers, body, &mut notes)?;
    let source = "a raw request".to_owned();
    Ok(Captured { what: request.into(), source, sent_at: None, notes })
}

/// Makes a request with its target in origin form, as servers see it.
pub(super) fn request(
    method: Method,
    target: &str,
    headers: HeaderMap,
    body: Vec<u8>,
    notes: &mut Vec<String>,
) -> Result<Request<Bytes>, String> {
    framed(&headers)?;
    let length = length(&headers).filter(|_| !headers.contains_key(header::TRANSFER_ENCODING));
    match (length, body.len()) {
        (Some(1..), 0) => return Err("the head declares a body with Content-Length, and the input has none".to_owned()),
        (Some(length), found) if length != found => notes.push(format!(
            "Content-Length says {length}, but the body has {found} bytes: most often the capture was cut or changed"
        )),
        _ => {}
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
        .map_err(|_| format!("{line}: the value of the header has characters that are not allowed"))?;
    Ok((name, value))
}

/// Refuses what leaves open where the body ends, as hyper does (RFC 9112, section 6.3), and too
/// many headers.
fn framed(headers: &HeaderMap) -> Result<(), String> {
    let is_number = |value: &HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let first = lengths.next();
    if !first.is_none_or(is_number) || length(headers).is_none() && first.is_some() {
        return Err(format!("Content-Length is no number: {REFUSED}"));
    }
    if lengths.any(|other| Some(other) != first) {
        return Err(format!("the head has two different Content-Length: {REFUSED}"));
    }
    if headers.contains_key(header::TRANSFER_ENCODING) && !is_chunked(headers) {
        return Err(format!("Transfer-Encoding does not end with chunked: {REFUSED}"));
    }
    if headers.len() > MOST_HEADERS {
        return Err(too_many_headers());
    }
    Ok(())
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let coding = headers.get_all(header::TRANSFER_ENCODING).iter().next_back().map(HeaderValue::as_bytes);
    let last = coding.and_then(|coding| coding.rsplit(|byte| *byte == b',').next());
    last.is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

pub(super) fn too_many_headers() -> String {
    format!("the head has more than {MOST_HEADERS} headers: {REFUSED}")
}

struct Start {
    method: Method,
    target: String,
    version: String,
}

/// Reads the request line, the first line that is not empty.
fn start(input: &[u8]) -> Option<Start> {
    let line = Lines { rest: input, number: 0 }.find(|line| !line.is_empty())?;
    let mut words = std::str::from_utf8(line).ok()?.trim_end().split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let whole = words.next().is_none() && version.starts_with("HTTP/") && !target.is_empty();
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    whole.then(|| Start { method, target: target.to_owned(), version: version.to_owned() })
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
    if is_chunked(headers) {
        if Chunks::new(rest).size().is_some() {
            return Chunks::new(rest).join(notes);
        }
        notes.push("Transfer-Encoding says chunked, but the body has no chunks: it is taken as it is".to_owned());
    }
    // An editor ends the last line.
    let shown = rest.strip_suffix(b"\n").map_or(rest, |line| line.strip_suffix(b"\r").unwrap_or(line));
    match length(headers) {
        Some(length) => {
            let (body, more) = rest.split_at_checked(length).unwrap_or((shown, b""));
            if !matches!(more, b"" | b"\n" | b"\r\n") {
                let found = rest.len();
                notes.push(format!(
                    "Content-Length says {length}, but {found} bytes are behind the head: the rest is left out"
                ));
            }
            Ok(body.to_vec())
        }
        None => {
            if !shown.is_empty() && !headers.contains_key(header::CONTENT_LENGTH) {
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
struct Chunks<'a> {
    rest: &'a [u8],
    /// Whether a line ends with LF alone.
    has_lf: bool,
}

impl<'a> Chunks<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, has_lf: false }
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let mut lines = Lines { rest: self.rest, number: 0 };
        let line = lines.next()?;
        let ending = self.rest.get(line.len()..self.rest.len() - lines.rest.len());
        self.has_lf |= ending == Some(b"\n");
        self.rest = lines.rest;
        Some(line)
    }

    /// Reads the line with the size of the next chunk.
    fn size(&mut self) -> Option<usize> {
        let line = std::str::from_utf8(self.line()?).ok()?;
        let digits = line.split(';').next()?.trim();
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| usize::from_str_radix(digits, 16).ok())?
    }

    fn chunk(&mut self) -> Option<&'a [u8]> {
        let size = self.size()?;
        let (chunk, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        if size > 0 {
            self.line().filter(|line| line.is_empty())?;
        }
        Some(chunk)
    }

    fn join(mut self, notes: &mut Vec<String>) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            match self.chunk() {
                Some([]) => break,
                Some(chunk) => body.extend_from_slice(chunk),
                None => return Err("the chunked body is damaged or not complete".to_owned()),
            }
        }
        if self.has_lf {
            notes.push("lines of the chunked body end with LF, which servers refuse: sent so, or saved so?".to_owned());
        }
        Ok(body)
    }
}
