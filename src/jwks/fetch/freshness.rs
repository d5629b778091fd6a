//! What the headers of a response say about time: how long it may be used (RFC 9111, sections 4.2
//! and 5.2.2), and when to ask again (RFC 9110, section 10.2.3).

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};

use crate::clock::UnixTime;

/// How long from `now` the response may be used; `None` if its headers do not say.
pub(in crate::jwks) fn lifetime(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let lifetime = cache_control(headers).or_else(|| expires(headers, now))?;
    Some(lifetime.saturating_sub(age(headers)))
}

/// How long from `now` the server does not want to be asked again; `None` if it does not say. Only
/// the statuses 429 (RFC 6585, section 4) and 503 (RFC 9110, section 15.6.4) say it about this URL.
/// The longest time counts if there are several, and values in neither form are ignored.
pub(in crate::jwks) fn retry_after<B>(response: &Response<B>, now: UnixTime) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let headers = response.headers();
    // The clock of the server may differ from this one.
    let from = date(headers, DATE).unwrap_or(now);
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| seconds(value.trim()).or_else(|| Some(http_date(value)? - from))).max()
}

/// The shortest of the lifetimes that are given. `s-maxage` counts although this cache is not a
/// shared one: SMART forbids keeping keys for longer than the client has announced, and does not
/// name the directive.
fn cache_control(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(directive).min()
}

fn directive(text: &str) -> Option<Duration> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "no-store" | "no-cache" => Some(Duration::ZERO),
        // A value that is not a number makes the response stale (RFC 9111, section 4.2.1).
        "max-age" | "s-maxage" => Some(seconds(value.trim().trim_matches('"')).unwrap_or_default()),
        _ => None,
    }
}

/// A number that is too large counts as infinite (RFC 9111, section 1.2.2).
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// An unreadable date counts as past (RFC 9111, section 5.3).
fn expires(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    headers.get(EXPIRES)?;
    let from = date(headers, DATE).unwrap_or(now);
    Some(date(headers, EXPIRES).map_or(Duration::ZERO, |until| until - from))
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<UnixTime> {
    http_date(headers.get(name)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<UnixTime> {
    UnixTime::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

/// The time that the response has spent in caches on its way (RFC 9111, section 5.1); the longest
/// if there are several.
fn age(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(AGE).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| seconds(value.trim())).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

    /// Headers that are written as `name: value` lines.
    fn headers(lines: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.trim().parse().unwrap());
        }
        headers
    }

    /// The lifetime in seconds by these headers.
    fn announced(lines: &str) -> Option<u64> {
        lifetime(&headers(lines), NOW).map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn cache_control_is_read_as_in_rfc_9111() {
        for (value, expected) in [
            ("max-age=600", Some(600)),
            ("MAX-AGE=600", Some(600)),
            ("max-age=\"600\"", Some(600)),
            (" public ,max-age = 600 , immutable", Some(600)),
            ("max-age=0", Some(0)),
            ("max-age=600, max-age=60", Some(60)),
            ("max-age=600, s-maxage=60", Some(60)),
            ("s-maxage=600", Some(600)),
            ("no-store", Some(0)),
            ("No-Cache", Some(0)),
            ("no-cache=\"set-cookie\"", Some(0)),
            ("max-age=600, no-store", Some(0)),
            ("max-age=99999999999999999999999999", Some(u64::MAX)),
            ("max-age=", Some(0)),
            ("max-age", Some(0)),
            ("max-age=-1", Some(0)),
            ("max-age=+1", Some(0)),
            ("max-age=1.5", Some(0)),
            ("max-age=soon", Some(0)),
            ("public", None),
            ("x-max-age=600", None),
            ("", None),
        ] {
            assert_eq!(announced(&format!("cache-control: {value}")), expected, "{value}");
        }
        assert_eq!(announced("cache-control: max-age=600\ncache-control: no-cache"), Some(0), "two lines are one list");
        assert_eq!(announced(""), None);
    }

    #[test]
    fn age_is_subtracted() {
        for (age, expected) in
            [("0", 600), ("1", 599), ("599", 1), ("600", 0), ("601", 0), ("99999999999999999999", 0), ("old", 600)]
        {
            assert_eq!(announced(&format!("cache-control: max-age=600\nage: {age}")), Some(expected), "{age}");
        }
        assert_eq!(announced("cache-control: max-age=600\nage: 1\nage: 500"), Some(100));
        assert_eq!(announced("age: 100"), None);
    }

    /// The pause in seconds that a response of this status asks for.
    fn asked(status: u16, lines: &str) -> Option<u64> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.headers_mut() = headers(lines);
        retry_after(&response, NOW).map(|pause| pause.as_secs())
    }

    #[test]
    fn retry_after_is_read_as_in_rfc_9110() {
        // NOW is Tue, 14 Nov 2023 22:13:20 GMT.
        for (value, expected) in [
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("00120", Some(120)),
            ("99999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("120s", None),
            ("120, 60", None),
            ("soon", None),
            ("", None),
            ("Tue, 14 Nov 2023 22:15:20 GMT", Some(120)),
            ("Tuesday, 14-Nov-23 22:15:20 GMT", Some(120)),
            ("Tue Nov 14 22:15:20 2023", Some(120)),
            ("Tue, 14 Nov 2023 22:13:20 GMT", Some(0)),
            ("Tue, 14 Nov 2023 22:13:19 GMT", Some(0)),
            ("Tue, 14 Nov 1933 22:13:19 GMT", None),
            ("Sun, 14 Nov 2123 22:13:20 GMT", Some(3_155_673_600)),
            ("2023-11-14T22:15:20Z", None),
            ("Tue, 14 Nov 2023 22:15:20", None),
        ] {
            for status in [429, 503] {
                assert_eq!(asked(status, &format!("retry-after: {value}")), expected, "{status} {value}");
            }
            for status in [200, 301, 302, 404, 413, 500, 502, 504] {
                assert_eq!(asked(status, &format!("retry-after: {value}")), None, "{status} {value}");
            }
        }
        assert_eq!(asked(503, ""), None);
        assert_eq!(asked(503, "retry-after: 5\nretry-after: 60\nretry-after: soon"), Some(60), "the longest counts");
        let by_another_clock = "date: Tue, 14 Nov 2023 20:00:00 GMT\nretry-after: Tue, 14 Nov 2023 20:01:00 GMT";
        assert_eq!(asked(503, by_another_clock), Some(60));
    }

    #[test]
    fn expires_counts_from_date_unless_cache_control_is_given() {
        // NOW is Tue, 14 Nov 2023 22:13:20 GMT.
        let ten_past = "expires: Tue, 14 Nov 2023 22:23:20 GMT";
        for (lines, expected) in [
            (ten_past.to_owned(), Some(600)),
            (format!("{ten_past}\ndate: Tue, 14 Nov 2023 22:18:20 GMT"), Some(300)),
            (format!("{ten_past}\ndate: Tue, 14 Nov 2023 22:23:20 GMT"), Some(0)),
            (format!("{ten_past}\ndate: Tue, 14 Nov 2023 22:23:21 GMT"), Some(0)),
            (format!("{ten_past}\ndate: yesterday"), Some(600)),
            (format!("{ten_past}\nage: 60"), Some(540)),
            (format!("{ten_past}\ncache-control: public"), Some(600)),
            (format!("{ten_past}\ncache-control: max-age=5"), Some(5)),
            (format!("{ten_past}\ncache-control: no-store"), Some(0)),
            ("expires: 0".to_owned(), Some(0)),
            ("expires: -1".to_owned(), Some(0)),
            ("expires: Tue, 14 Nov 1933 22:23:20 GMT".to_owned(), Some(0)),
        ] {
            assert_eq!(announced(&lines), expected, "{lines}");
        }
    }
}
