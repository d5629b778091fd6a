//! How near an audience is to one that is accepted.

use std::borrow::Cow;

use crate::explain::kind::AudKind;
use crate::policy::{AudienceRule, Audiences};
use crate::verifier::unescape;

/// The differences that are looked for, from the most specific to the most general.
const TOLERATED: [AudKind; 6] = [
    AudKind::TrailingSlash,
    AudKind::Case,
    AudKind::Scheme,
    AudKind::DefaultPort,
    AudKind::WhiteSpace,
    AudKind::PercentEncoding,
];

/// An `aud` that is not accepted, and what would be.
pub(super) struct Refused<'a> {
    pub(super) values: &'a [Cow<'a, str>],
    pub(super) is_array: bool,
    pub(super) rule: AudienceRule,
    pub(super) audiences: &'a Audiences,
}

impl<'a> Refused<'a> {
    /// Returns in what it differs from what is accepted. `by_other` says whether another policy
    /// accepts it.
    pub(super) fn kinds(&self, by_other: bool) -> Vec<AudKind> {
        let near = self.differences_of(self.accepted());
        let (has_accepted, is_near) = (self.refused().count() < self.values.len(), !near.is_empty());
        let is_array = self.is_array && self.rule == AudienceRule::IssuerString;
        let kinds = [
            (AudKind::Array, is_array && (has_accepted || is_near)),
            (AudKind::Several, has_accepted && self.values.len() > 1),
            (AudKind::TokenEndpoint, !is_near && self.has_endpoint()),
            (AudKind::Issuer, !self.rule.knows_issuer() && self.is_near(self.issuer())),
            (AudKind::OtherPolicy, by_other),
        ];
        let others = kinds.into_iter().filter(|(_, fits)| *fits).map(|(kind, _)| kind);
        let kinds: Vec<_> = near.into_iter().chain(others).collect();
        match kinds.is_empty() && self.pairs(self.accepted()).any(|(ours, given)| differs_in_path(ours, given)) {
            true => vec![AudKind::Path],
            false => kinds,
        }
    }

    fn issuer(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.audiences.issuer.as_deref().into_iter()
    }

    fn urls(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.audiences.urls.iter().map(|url| &**url)
    }

    fn accepted(&self) -> impl Iterator<Item = &'a str> {
        let (knows_issuer, knows_urls) = (self.rule.knows_issuer(), self.rule.knows_urls());
        self.issuer().filter(move |_| knows_issuer).chain(self.urls().filter(move |_| knows_urls))
    }

    fn refused(&self) -> impl Iterator<Item = &'a str> {
        let values = self.values.iter().map(|value| &**value);
        values.filter(|value| self.audiences.named(self.rule, value).is_none())
    }

    fn pairs(&self, names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, &'a str)> {
        names.flat_map(|name| self.refused().map(move |given| (name, given)))
    }

    fn differences_of(&self, names: impl Iterator<Item = &'a str>) -> Vec<AudKind> {
        let found: Vec<_> = self.pairs(names).flat_map(|(name, given)| differences(name, given)).collect();
        TOLERATED.into_iter().filter(|kind| found.contains(kind)).collect()
    }

    fn is_near(&self, names: impl Iterator<Item = &'a str>) -> bool {
        self.pairs(names).any(|(name, given)| name == given || !differences(name, given).is_empty())
    }

    /// Whether an endpoint is named where the issuer is asked. If no URL is accepted, the verifier
    /// does not know those of its endpoints: they may be at another host of the same site.
    fn has_endpoint(&self) -> bool {
        let is_meant = match self.rule.knows_urls() {
            true => is_below,
            false => is_at_site,
        };
        let mut refused = self.pairs(self.issuer()).filter(|(_, given)| is_endpoint(given));
        self.rule.knows_issuer()
            && (self.is_near(self.other_urls()) || refused.any(|(issuer, given)| is_meant(issuer, given)))
    }

    /// The configured URLs, if the rule accepts none.
    fn other_urls(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let knows_urls = self.rule.knows_urls();
        self.urls().filter(move |_| !knows_urls)
    }
}

/// Returns in what two URLs differ, if they are equal apart from that. One that is much longer than
/// the other is not compared: percent-encoding makes it three times as long.
fn differences(accepted: &str, given: &str) -> Vec<AudKind> {
    const MARGIN: usize = 64;
    let is_too_long = |one: &str, other: &str| one.len() / 3 > other.len().saturating_add(MARGIN);
    let equal_except = |kind| normal(accepted, kind) == normal(given, kind);
    let is_hopeless = is_too_long(given, accepted) || is_too_long(accepted, given);
    if accepted == given || given.is_empty() || is_hopeless || !equal_except(None) {
        return Vec::new();
    }
    TOLERATED.into_iter().filter(|kind| !equal_except(Some(*kind))).collect()
}

/// Returns the URL without what makes no difference to an expert, except for one kind.
fn normal(url: &str, except: Option<AudKind>) -> String {
    let tolerates = |kind| except != Some(kind);
    let url = if tolerates(AudKind::WhiteSpace) { url.trim() } else { url };
    let url = match unescape(url.as_bytes()).map(String::from_utf8) {
        Some(Ok(decoded)) if tolerates(AudKind::PercentEncoding) && url.contains('%') => Cow::Owned(decoded),
        _ => Cow::Borrowed(url),
    };
    let url = if tolerates(AudKind::Case) { Cow::Owned(url.to_ascii_lowercase()) } else { url };
    let (scheme, authority, path) = split(&url);
    let authority = match default_port(scheme) {
        Some(port) if tolerates(AudKind::DefaultPort) => authority.strip_suffix(port).unwrap_or(authority),
        _ => authority,
    };
    let path = if tolerates(AudKind::TrailingSlash) { path.trim_end_matches('/') } else { path };
    let scheme = if tolerates(AudKind::Scheme) && is_of_web(scheme) { "" } else { scheme };
    format!("{scheme}://{authority}{path}")
}

/// Returns the scheme, the authority and the rest of a URL (RFC 3986, section 3). A text without
/// `://` has no scheme.
fn split(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    (scheme, authority, path)
}

/// Whether a scheme may have been meant as another of these. Any other scheme is a difference.
fn is_of_web(scheme: &str) -> bool {
    matches!(scheme, "" | "http" | "https")
}

fn default_port(scheme: &str) -> Option<&'static str> {
    match () {
        () if scheme.eq_ignore_ascii_case("https") || scheme.is_empty() => Some(":443"),
        () if scheme.eq_ignore_ascii_case("http") => Some(":80"),
        () => None,
    }
}

/// Whether two URLs have the same scheme, host and port, and another path.
fn differs_in_path(accepted: &str, given: &str) -> bool {
    let (ours, theirs) = (split(accepted), split(given));
    accepted != given && !ours.0.is_empty() && !ours.1.is_empty() && (ours.0, ours.1) == (theirs.0, theirs.1)
}

/// Whether the last segment of the path is named like an endpoint at which clients authenticate.
fn is_endpoint(url: &str) -> bool {
    const NAMES: &[&str] = &["token", "introspect", "revo", "oauth", "authenticat", "authoriz"];
    let (_, _, path) = split(url);
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let name = path.rsplit_once('/').map(|(_, name)| name.to_ascii_lowercase()).unwrap_or_default();
    name == "par" || NAMES.iter().any(|part| name.contains(part))
}

/// Whether `url` has a path below that of the issuer.
fn is_below(issuer: &str, url: &str) -> bool {
    url.strip_prefix(issuer.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether the last two labels of the hosts are equal, as in `as.example.com` and
/// `api.example.com`.
fn is_at_site(issuer: &str, url: &str) -> bool {
    let site = |url| {
        let (scheme, authority, _) = split(url);
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let start = host.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at.saturating_add(1));
        host.get(start..).filter(|site| is_of_web(scheme) && !site.is_empty()).map(str::to_ascii_lowercase)
    };
    site(issuer).is_some() && site(issuer) == site(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        use AudKind as K;
        const URL: &str = "https://api.example.com/v2/auth/token";
        let cases: &[(&str, &str, &[AudKind])] = &[
            (URL, "https://api.example.com/v2/auth/token/", &[K::TrailingSlash]),
            ("https://as.example.com", "https://as.example.com/", &[K::TrailingSlash]),
            ("https://as.example.com/", "https://as.example.com", &[K::TrailingSlash]),
            (URL, "https://API.example.com/v2/auth/token", &[K::Case]),
            (URL, "https://api.example.com/v2/Auth/token", &[K::Case]),
            (URL, "HTTPS://api.example.com/v2/auth/token", &[K::Case]),
            (URL, "http://api.example.com/v2/auth/token", &[K::Scheme]),
            (URL, "HTTP://api.example.com/v2/auth/token", &[K::Case, K::Scheme]),
            (URL, "api.example.com/v2/auth/token", &[K::Scheme]),
            (URL, "https://api.example.com:443/v2/auth/token", &[K::DefaultPort]),
            ("http://as.example.com:80", "http://as.example.com", &[K::DefaultPort]),
            (URL, "http://api.example.com:80/v2/auth/token", &[K::Scheme, K::DefaultPort]),
            (URL, " https://api.example.com/v2/auth/token", &[K::WhiteSpace]),
            (URL, "https://api.example.com/v2/auth/token\n", &[K::WhiteSpace]),
            (URL, "https%3A%2F%2Fapi.example.com%2Fv2%2Fauth%2Ftoken", &[K::PercentEncoding]),
            (URL, "https://api.example.com/v2/auth%2ftoken", &[K::PercentEncoding]),
            (URL, "https://API.example.com/v2/auth/token/ ", &[K::TrailingSlash, K::Case, K::WhiteSpace]),
            (URL, URL, &[]),
            (URL, "", &[]),
            (URL, "https://", &[]),
            (URL, "https://api.example.com", &[]),
            (URL, "https://api.example.com/v2/auth/tokens", &[]),
            (URL, "https://api.example.com:80/v2/auth/token", &[]),
            (URL, "https://api.example.com:444/v2/auth/token", &[]),
            (URL, "https://api.example.org/v2/auth/token", &[]),
            (URL, "https://api.example.com/v2/auth/token?a=b", &[]),
            (URL, "ftp://api.example.com/v2/auth/token", &[]),
            (URL, "https://api.example.com/v2/auth%2/token", &[]),
            ("clinic", "Clinic", &[K::Case]),
            ("urn:as", "urn:as/", &[K::TrailingSlash]),
        ];
        for (accepted, given, expected) in cases {
            assert_eq!(differences(accepted, given), *expected, "{given} for {accepted}");
        }
    }

    #[test]
    fn kinds_follow_the_rule() {
        use AudKind as K;
        use AudienceRule as R;
        const ISSUER: &str = "https://as.example.com";
        const URL: &str = "https://api.example.com/token";
        let audiences = Audiences { issuer: Some(ISSUER.into()), urls: vec![URL.into()] };
        let cases: &[(AudienceRule, bool, &[&str], &[AudKind])] = &[
            (R::SoleIssuer, false, &[URL], &[K::TokenEndpoint]),
            (R::SoleIssuer, false, &["https://api.example.com/token/"], &[K::TokenEndpoint]),
            (R::SoleIssuer, false, &["https://as.example.com/v2/auth/token"], &[K::TokenEndpoint]),
            (R::SoleIssuer, false, &["https://as.example.com/"], &[K::TrailingSlash]),
            (R::SoleIssuer, false, &["https://as.example.com/a"], &[K::Path]),
            (R::SoleIssuer, false, &["https://other.example.com/token"], &[K::TokenEndpoint]),
            (R::SoleIssuer, false, &["https://as.example.org/token"], &[]),
            (R::SoleIssuer, false, &["https://other.example.com/a"], &[]),
            (R::SoleIssuer, true, &[ISSUER, URL], &[K::Several, K::TokenEndpoint]),
            (R::SoleIssuer, true, &[ISSUER, ISSUER], &[K::Several]),
            (R::SoleIssuer, true, &["https://other.example.com", "a"], &[]),
            (R::IssuerString, true, &[ISSUER], &[K::Array]),
            (R::IssuerString, true, &["https://as.example.com/"], &[K::TrailingSlash, K::Array]),
            (R::IssuerString, true, &[ISSUER, "a"], &[K::Array, K::Several]),
            (R::IssuerString, true, &["a"], &[]),
            (R::IssuerString, false, &[URL], &[K::TokenEndpoint]),
            (R::Urls, false, &[ISSUER], &[K::Issuer]),
            (R::Urls, false, &["https://as.example.com/"], &[K::Issuer]),
            (R::Urls, false, &["https://api.example.com"], &[K::Path]),
            (R::Urls, false, &["https://as.example.com/token"], &[]),
            (R::Urls, false, &["https://api.example.com/token "], &[K::WhiteSpace]),
            (R::Urls, true, &[URL, "a"], &[K::Several]),
            (R::IssuerOrUrls, false, &["https://api.example.com/token/"], &[K::TrailingSlash]),
            (R::IssuerOrUrls, false, &["https://as.example.com/token"], &[K::TokenEndpoint]),
            (R::IssuerOrUrls, false, &["https://other.example.com/token"], &[]),
            (R::IssuerOrUrls, false, &["https://api.example.com/tokens"], &[K::Path]),
        ];
        for (rule, is_array, values, expected) in cases {
            let borrowed: Vec<_> = values.iter().map(|value| Cow::Borrowed(*value)).collect();
            let refused = Refused { values: &borrowed, is_array: *is_array, rule: *rule, audiences: &audiences };
            assert_eq!(refused.kinds(false), *expected, "{values:?} by {rule:?}");
            let with_other: Vec<_> = match expected {
                [K::Path] | [] => vec![K::OtherPolicy],
                kinds => kinds.iter().copied().chain([K::OtherPolicy]).collect(),
            };
            assert_eq!(refused.kinds(true), with_other, "{values:?} by {rule:?}, which another policy accepts");
        }
    }

    #[test]
    fn other_paths_are_at_the_same_host() {
        let cases = [
            ("https://as.example.com", "https://as.example.com/token", true),
            ("https://as.example.com/a", "https://as.example.com/b", true),
            ("https://as.example.com", "https://as.example.com?a", true),
            ("https://as.example.com", "https://as.example.com", false),
            ("https://as.example.com", "https://as.example.com.evil/token", false),
            ("https://as.example.com", "http://as.example.com/token", false),
            ("https://as.example.com", "https://as.example.com:444/token", false),
            ("clinic", "clinic/token", false),
        ];
        for (accepted, given, expected) in cases {
            assert_eq!(differs_in_path(accepted, given), expected, "{given} for {accepted}");
        }
    }

    #[test]
    fn endpoints_are_told_by_their_name_and_place() {
        let cases = [
            ("https://as.example.com/token", true, true, true),
            ("https://as.example.com/v2/auth/token/", true, true, true),
            ("https://as.example.com/oauth2/introspect?a=b", true, true, true),
            ("https://as.example.com/par", true, true, true),
            ("https://as.example.com/pardon", false, true, true),
            ("https://as.example.com/token/a", false, true, true),
            ("https://as.example.com", false, false, true),
            ("https://api.example.com:8443/token", true, false, true),
            ("https://example.com/token", true, false, true),
            ("https://as.example.org/token", true, false, false),
            ("https://as.example.com.evil/token", true, false, false),
            ("token", false, false, false),
        ];
        for (url, endpoint, below, site) in cases {
            const ISSUER: &str = "https://as.example.com";
            assert_eq!(is_endpoint(url), endpoint, "endpoint {url}");
            assert_eq!(is_below(ISSUER, url), below, "below {url}");
            assert_eq!(is_at_site(ISSUER, url), site, "site {url}");
        }
        assert!(is_below("https://as.example.com/", "https://as.example.com/token"));
    }
}
