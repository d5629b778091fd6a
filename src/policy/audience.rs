//! The audience rule: the values of `aud` that a policy accepts.

use std::sync::Arc;

/// The audience rule: the values of `aud` that a policy accepts. Only the server's own names are
/// accepted: any other audience could replay the assertion here.
///
/// The names are the [issuer](crate::VerifierBuilder::issuer) and the configured
/// [URLs](crate::VerifierBuilder::audience). They are compared byte for byte, so a trailing slash,
/// a port or the case makes a difference (RFC 7519, section 2).
///
/// The rules that accept URLs are weaker. Another authorization server that a client also uses can
/// publish this server's URL as its own token endpoint, and so obtain assertions that are valid
/// here. RFC 10070 therefore amends RFC 7523.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudienceRule {
    /// The issuer, as a JSON string (FAPI 2.0 Security Profile, section 5.3.2.1, item 8).
    IssuerString,
    /// The issuer as the sole value: a string, or an array with that one member (RFC 10070, which
    /// updates RFC 7523, section 3).
    SoleIssuer,
    /// One of the URLs, or an array that contains only such URLs (SMART App Launch 2.2; the Redox
    /// API). If a policy that is based on another profile uses this rule, the identity [says
    /// so](crate::ClientIdentity::has_lax_audience).
    Urls,
    /// The issuer or one of the URLs, or an array that contains only these (OpenID Connect Core
    /// with errata set 2, section 9). If the value is not the issuer alone, the identity [says
    /// so](crate::ClientIdentity::has_lax_audience).
    IssuerOrUrls,
}

impl AudienceRule {
    pub(crate) const fn knows_issuer(self) -> bool {
        !matches!(self, Self::Urls)
    }

    pub(crate) const fn knows_urls(self) -> bool {
        matches!(self, Self::Urls | Self::IssuerOrUrls)
    }

    /// Whether this rule accepts an audience that is worse than what `other` accepts: the issuer as
    /// a member of an array, or one of the URLs. The rules are declared from the strictest.
    pub(crate) const fn is_laxer_than(self, other: Self) -> bool {
        self as u8 > other as u8
    }

    /// Returns the required form of the value, as the end of a message.
    pub(crate) const fn form(self) -> &'static str {
        match self {
            Self::IssuerString => ", as a string",
            Self::SoleIssuer => ", as the sole value",
            Self::Urls | Self::IssuerOrUrls => "",
        }
    }
}

/// The configured names of this server.
#[derive(Debug, Default)]
pub(crate) struct Audiences {
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) urls: Vec<Arc<str>>,
}

impl Audiences {
    /// Returns the name that a value of `aud` equals, if `rule` accepts that name.
    pub(crate) fn named(&self, rule: AudienceRule, given: &str) -> Option<&Arc<str>> {
        let issuer = self.issuer.iter().filter(|_| rule.knows_issuer());
        let urls = self.urls.iter().filter(|_| rule.knows_urls());
        issuer.chain(urls).find(|ours| ***ours == *given)
    }

    /// Returns the names that `rule` accepts, for a message.
    pub(crate) fn describe(&self, rule: AudienceRule) -> String {
        let issuer = self.issuer.as_deref().filter(|_| rule.knows_issuer());
        let urls = self.urls.iter().map(|url| &**url).filter(|_| rule.knows_urls());
        issuer.into_iter().chain(urls).collect::<Vec<_>>().join(" or ")
    }
}

/// Whether an audience could be in an assertion.
pub(crate) fn is_audience(audience: &str) -> bool {
    !audience.is_empty() && audience.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 8414, section 2: an `https` URL without query and fragment. A URL with a user name is
/// refused: it can be used to disguise the host.
pub(crate) fn is_issuer(issuer: &str, without_tls: bool) -> bool {
    let http = || issuer.strip_prefix("http://").filter(|_| without_tls);
    let Some(rest) = issuer.strip_prefix("https://").or_else(http) else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
    !host.is_empty() && !host.starts_with(':') && !host.contains('@') && rest.bytes().all(plain)
}
