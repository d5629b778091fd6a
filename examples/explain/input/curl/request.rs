//! The request that `curl` sends for its options.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::raw;
use super::options::Argument;
use super::words::Word;

const FORM: &str = "application/x-www-form-urlencoded";
const BOUNDARY: &str = "------------------------explain";

/// What the options said so far.
#[derive(Default)]
pub(super) struct Sent {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<Vec<u8>>,
    data: Option<Vec<u8>>,
    query: Vec<u8>,
    is_json: bool,
    parts: Vec<Vec<u8>>,
    user: Option<Vec<u8>>,
    bearer: Option<Vec<u8>>,
    in_query: bool,
    head: bool,
    /// Whether the password is not sent at first.
    challenged: bool,
    ended: bool,
    notes: Vec<String>,
}

impl Sent {
    pub(super) fn new(notes: Vec<String>) -> Self {
        Self { notes, ..Self::default() }
    }

    /// Without a part of the body, or the method, there is nothing to judge.
    fn read(&mut self, name: &str, word: Word) -> Result<Vec<u8>, String> {
        match word.unread {
            Some(unread) if name.starts_with("data") || matches!(name, "json" | "request") => {
                Err(format!("{unread}: put into the line what it stands for"))
            }
            Some(unread) => {
                self.note(&format!("{unread}: it stands for itself"));
                Ok(word.bytes)
            }
            None => Ok(word.bytes),
        }
    }

    pub(super) fn take(&mut self, argument: Argument) -> Result<(), String> {
        match argument {
            _ if self.ended => {}
            Argument::Url(url) => self.value("url", url)?,
            Argument::Switch(name) => self.switch(name),
            Argument::Valued(name, value) => self.value(name, value)?,
            Argument::Unknown(name) => self.note(&unknown(&name)),
        }
        Ok(())
    }

    fn switch(&mut self, name: &str) {
        match name {
            "get" => self.in_query = true,
            "head" => self.head = true,
            "next" => {
                self.ended = true;
                self.note("only the request before --next is read");
            }
            "netrc" => self.note("the file of --netrc is not read"),
            _ => self.challenged = true,
        }
    }

    fn value(&mut self, name: &'static str, value: Word) -> Result<(), String> {
        let value = self.read(name, value)?;
        match name {
            "url" => self.set_url(value)?,
            "request" => self.method = Some(text(value, "the method")?),
            "header" => self.headers.push(value),
            "user" => self.user = Some(value),
            "oauth2-bearer" => self.bearer = Some(value),
            "data" | "data-ascii" | "data-binary" => {
                is_content(name, &value)?;
                self.add(value);
            }
            "data-raw" => self.add(value),
            "data-urlencode" => {
                let value = escaped(&value)?;
                self.add(value);
            }
            "url-query" => self.add_query(&value)?,
            "json" => {
                is_content(name, &value)?;
                self.is_json = true;
                self.data.get_or_insert_default().extend(value);
            }
            "form" | "form-string" => self.parts.push(value),
            "upload-file" => return Err(not_followed(name)),
            "config" => self.note("the file of --config is not read"),
            _ => {}
        }
        Ok(())
    }

    fn set_url(&mut self, url: Vec<u8>) -> Result<(), String> {
        match self.url {
            Some(_) => self.note("only the request to the first URL is read"),
            None => self.url = Some(text(url, "the URL")?),
        }
        Ok(())
    }

    /// Says it once.
    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|other| other == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn add(&mut self, more: Vec<u8>) {
        let data = self.data.get_or_insert_default();
        if !data.is_empty() {
            data.push(b'&');
        }
        data.extend(more);
    }

    fn add_query(&mut self, value: &[u8]) -> Result<(), String> {
        let value = match value.strip_prefix(b"+") {
            Some(encoded) => encoded.to_vec(),
            None => escaped(value)?,
        };
        if !self.query.is_empty() {
            self.query.push(b'&');
        }
        self.query.extend(value);
        Ok(())
    }

    pub(super) fn request(mut self) -> Result<(Request<Bytes>, Vec<String>), String> {
        let url = self.url.take().ok_or("the curl line has no URL")?;
        let (user, url) = split_user(if url.contains("://") { url } else { format!("http://{url}") });
        self.user = self.user.take().or(user);
        let mut data = self.data.take();
        if self.in_query {
            let more = data.take().unwrap_or_default();
            if !more.is_empty() {
                self.add_query(&[b"+", more.as_slice()].concat())?;
            }
        }
        let url = with_query(&url, &text(std::mem::take(&mut self.query), "the query")?);
        let method = self.method(data.is_some())?;
        let mut headers = self.default_headers(data.is_some())?;
        let body = data.unwrap_or_else(|| self.multipart());
        self.change(&mut headers)?;
        if !body.is_empty() || method == Method::POST {
            headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(body.len()));
        }
        let request = raw::request(method, &url, headers, body, &mut self.notes)?;
        Ok((request, self.notes))
    }

    fn method(&self, has_data: bool) -> Result<Method, String> {
        let method = match &self.method {
            Some(method) => method,
            None if self.head => "HEAD",
            None if has_data || !self.parts.is_empty() => "POST",
            None => "GET",
        };
        Method::from_bytes(method.as_bytes()).map_err(|_| "the method of the curl line is not valid".to_owned())
    }

    fn default_headers(&self, has_data: bool) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
        let content_type = match (has_data, self.is_json, self.parts.is_empty()) {
            (true, true, _) => "application/json",
            (true, false, _) => FORM,
            (false, _, true) => "",
            (false, _, false) => &multipart,
        };
        let bearer = self.bearer.as_ref().map(|token| [b"Bearer ", token.as_slice()].concat());
        let basic = self.user.as_ref().filter(|_| !self.challenged).map(|user| basic(user));
        let defaults = [
            (header::CONTENT_TYPE, Some(content_type.as_bytes().to_vec()).filter(|value| !value.is_empty())),
            (header::AUTHORIZATION, bearer.or(basic)),
        ];
        for (name, value) in defaults {
            if let Some(value) = value {
                let (name, value) = raw::header(name.as_str().as_bytes(), &value, "the curl line")?;
                headers.insert(name, value);
            }
        }
        Ok(headers)
    }

    /// Changes the headers by those of `-H`: `NAME: VALUE` adds or replaces, `NAME:` removes, and
    /// `NAME;` is a header without a value.
    fn change(&mut self, headers: &mut HeaderMap) -> Result<(), String> {
        let mut given = HeaderMap::new();
        for line in std::mem::take(&mut self.headers) {
            if line.starts_with(b"@") {
                self.note("the file that --header names with @ is not read");
                continue;
            }
            let end = line.iter().position(|byte| b":;".contains(byte)).unwrap_or(line.len());
            let (name, value) = line.split_at(end);
            let (name, header) = raw::header(name, value.get(1..).unwrap_or_default(), "a header of the curl line")?;
            if !given.contains_key(&name) {
                headers.remove(&name);
            }
            if !header.is_empty() || value == b";" {
                given.try_append(&name, header.clone()).map_err(|_| raw::too_many_headers())?;
                headers.try_append(name, header).map_err(|_| raw::too_many_headers())?;
            }
        }
        Ok(())
    }

    fn multipart(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for part in &self.parts {
            let end = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
            let (name, value) = part.split_at(end);
            body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"").as_bytes());
            body.extend([name, b"\"\r\n\r\n", value.get(1..).unwrap_or_default(), b"\r\n"].concat());
        }
        if !body.is_empty() {
            body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        }
        body
    }
}

/// A file may have anything, so that there is nothing to judge.
fn is_content(name: &str, value: &[u8]) -> Result<(), String> {
    match value {
        [b'@', ..] => Err(not_followed(name)),
        _ => Ok(()),
    }
}

fn not_followed(name: &str) -> String {
    format!("--{name} names a file, which is not followed: put its content into the line")
}

/// An option that is long, or odd, may be something else.
fn unknown(name: &[u8]) -> String {
    let is_plain = name.len() < 16 && name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-');
    let name = if is_plain { String::from_utf8_lossy(name) } else { "..".into() };
    format!("the option --{name} is not understood: it is read as one without a value")
}

/// Encodes `CONTENT`, `=CONTENT` or `NAME=CONTENT`. With `@` in place of `=`, the content is in a
/// file.
fn escaped(value: &[u8]) -> Result<Vec<u8>, String> {
    let separator = |wanted: u8| value.iter().position(|byte| *byte == wanted);
    let Some(at) = separator(b'=').or_else(|| separator(b'@')) else { return Ok(percent_encoded(value)) };
    let (name, content) = value.split_at(at);
    is_content("data-urlencode", content)?;
    let content = percent_encoded(content.get(1..).unwrap_or_default());
    Ok(if name.is_empty() { content } else { [name, b"=", &content].concat() })
}

fn text(bytes: Vec<u8>, what: &str) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| format!("{what} of the curl line is not UTF-8"))
}

fn basic(user: &[u8]) -> Vec<u8> {
    // Without a colon, curl asks for the password.
    let colon: &[u8] = if user.contains(&b':') { b"" } else { b":" };
    format!("Basic {}", STANDARD.encode([user, colon].concat())).into_bytes()
}

/// Takes `USER:PASSWORD@` out of a URL.
fn split_user(url: String) -> (Option<Vec<u8>>, String) {
    let Some((scheme, rest)) = url.split_once("://") else { return (None, url) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user.as_bytes().to_vec()), format!("{scheme}://{host}{path}")),
        None => (None, url),
    }
}

fn with_query(url: &str, query: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    match (query, url.contains('?')) {
        ("", _) => url.to_owned(),
        (query, true) => format!("{url}&{query}"),
        (query, false) => format!("{url}?{query}"),
    }
}

/// Encodes as curl does: a space is a plus sign.
fn percent_encoded(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = String::new();
    for byte in bytes {
        match byte {
            b' ' => encoded.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => encoded.push(char::from(*byte)),
            byte => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded.into_bytes()
}
