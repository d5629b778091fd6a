//! A HAR file, as browsers and proxies export it (HTTP Archive 1.2).

use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use serde::{Deserialize, Deserializer};

use super::{Captured, form, moment, raw};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<String>,
    request: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    method: String,
    url: String,
    #[serde(default, deserialize_with = "or_default")]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    mime_type: Option<String>,
    text: Option<String>,
    encoding: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    params: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

/// Some tools write `null` for what is absent.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

pub(super) fn read(input: &[u8], entry: Option<usize>) -> Result<Captured, String> {
    let har: Har = serde_json::from_slice(input).map_err(|error| broken(&error))?;
    let entries = har.log.entries;
    let count = entries.len();
    let first = |fits: fn(&Sent) -> bool| entries.iter().position(|entry| fits(&entry.request));
    let number = entry.or_else(|| first(Sent::has_assertion)).or_else(|| first(Sent::names_assertion));
    let chosen = number.and_then(|number| entries.into_iter().enumerate().nth(number));
    match (chosen, entry) {
        (Some((number, chosen)), _) => chosen.captured(number),
        (None, Some(number)) => Err(format!("--entry: {number}: expected less than {count}, the number of entries")),
        (None, None) => Err(format!(
            "none of the {count} entries of the HAR file is a POST with a client_assertion: choose one with --entry"
        )),
    }
}

/// The message of serde may quote the input.
fn broken(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.is_data() {
        true => "the input is JSON, but no HAR file: expected log.entries with requests".to_owned(),
        false => format!("the input begins like JSON, but is not valid at line {line}, column {column}"),
    }
}

impl Entry {
    fn captured(self, number: usize) -> Result<Captured, String> {
        let place = format!("entry {number}");
        let sent_at = self.started_date_time.as_deref().and_then(moment::rfc3339);
        let body = self.request.body().ok_or_else(|| format!("{place}: postData.text is not base64"))?;
        let mut notes = Vec::new();
        if sent_at.is_none() {
            notes.push(format!("{place}: startedDateTime is no RFC 3339 time: without --at, it is judged now"));
        }
        let method = Method::from_bytes(self.request.method.as_bytes())
            .map_err(|_| format!("{place}: the method is not valid"))?;
        let request = raw::request(method, &self.request.url, self.request.headers(&place)?, body, &mut notes)?;
        let source = format!("a HAR file, {place}");
        Ok(Captured { what: request.into(), source, sent_at, notes })
    }
}

impl Sent {
    fn has_assertion(&self) -> bool {
        self.method == "POST" && self.body().is_some_and(|body| form::assertion(&body).is_some())
    }

    /// Also a body that is no form, such as JSON.
    fn names_assertion(&self) -> bool {
        self.method == "POST"
            && self.body().is_some_and(|body| String::from_utf8_lossy(&body).contains("client_assertion"))
    }

    /// Returns the headers. Those of HTTP/2 that begin with a colon stand for the request line.
    fn headers(&self, place: &str) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for pair in self.headers.iter().filter(|pair| !pair.name.starts_with(':')) {
            let (name, value) = raw::header(pair.name.as_bytes(), pair.value.as_bytes(), place)?;
            headers.try_append(name, value).map_err(|_| format!("{place}: too many headers"))?;
        }
        let mime_type = self.post_data.as_ref().and_then(|data| data.mime_type.as_deref());
        if let Some(mime_type) = mime_type.filter(|mime_type| !mime_type.is_empty() && self.headers.is_empty()) {
            headers.insert(header::CONTENT_TYPE, raw::header(b"content-type", mime_type.as_bytes(), place)?.1);
        }
        Ok(headers)
    }

    /// Returns the body, decoded, if it can be decoded.
    fn body(&self) -> Option<Vec<u8>> {
        let Some(data) = &self.post_data else { return Some(Vec::new()) };
        match data.text.as_ref().filter(|text| !text.is_empty()) {
            Some(text) if data.encoding.as_deref() == Some("base64") => STANDARD.decode(text.trim_ascii()).ok(),
            Some(text) => Some(text.clone().into_bytes()),
            None => Some(encoded(&data.params).into_bytes()),
        }
    }
}

/// Writes parameters as a form. Some tools export them encoded, others decoded; no parameter that
/// is encoded has a colon, a slash or a space.
fn encoded(parameters: &[Pair]) -> String {
    let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let is_plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~*+%".contains(&byte));
    let texts = || parameters.iter().flat_map(|pair| [&pair.name, &pair.value]);
    let are_encoded = texts().all(is_plain) && texts().any(|text| text.contains('%'));
    let form = parameters.iter().map(|Pair { name, value }| match are_encoded {
        true => format!("{name}={value}"),
        false => format!("{}={}", escaped(name), escaped(value)),
    });
    form.collect::<Vec<_>>().join("&")
}
