//! Whom an assertion must address.

use std::sync::Arc;

/// Whom `aud` must name: us, and nobody else, for whoever else is named could use the assertion here.
///
/// Us is the [issuer](crate::VerifierBuilder::issuer), the configured [URLs](crate::VerifierBuilder::audience), or both.
/// Values are compared byte for byte: no trailing slash, port or case is forgiven (RFC 7519, section 2).
///
/// The rules that know URLs are the weaker ones: an authorization server that a client also uses can publish the URL of ours
/// as its own token endpoint, and so come by assertions that are good here. That is why RFC 7523 was amended in 2026.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudienceRule {
    /// The issuer, as a JSON string (FAPI 2.0 Security Profile, section 5.3.2.1, item 8).
    IssuerString,
    /// The issuer as the sole value: a string, or an array of that one member (the 2026 update of RFC 7523, section 3).
    SoleIssuer,
    /// One of the URLs, or an array of nothing but them (SMART App Launch 2.2; the Redox API). In another profile the identity
    /// [says so](crate::ClientIdentity::has_lax_audience).
    Urls,
    /// The issuer or one of the URLs, or an array of nothing but them (OpenID Connect Core with errata set 2, section 9).
    /// Where the issuer alone would not have done, the identity says so too.
    IssuerOrUrls,
}

impl AudienceRule {
    pub(crate) const fn knows_issuer(self) -> bool {
        !matches!(self, Self::Urls)
    }

    /// What the value must be like, for a reader.
    pub(crate) const fn form(self) -> &'static str {
        match self {
            Self::IssuerString => ", as a string",
            Self::SoleIssuer => ", as the sole value",
            Self::Urls | Self::IssuerOrUrls => "",
        }
    }

    pub(crate) const fn knows_urls(self) -> bool {
        matches!(self, Self::Urls | Self::IssuerOrUrls)
    }
}

/// Who we are, as configured.
#[derive(Debug, Default)]
pub(crate) struct Audiences {
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) urls: Vec<Arc<str>>,
}

impl Audiences {
    /// Who of us a single value names under `rule`.
    pub(crate) fn named(&self, rule: AudienceRule, given: &str) -> Option<&Arc<str>> {
        let issuer = self.issuer.iter().filter(|_| rule.knows_issuer());
        let urls = self.urls.iter().filter(|_| rule.knows_urls());
        issuer.chain(urls).find(|ours| ***ours == *given)
    }

    /// What `rule` accepts, for a reader.
    pub(crate) fn describe(&self, rule: AudienceRule) -> String {
        let issuer = self.issuer.as_deref().filter(|_| rule.knows_issuer());
        let urls = self.urls.iter().map(|url| &**url).filter(|_| rule.knows_urls());
        issuer.into_iter().chain(urls).collect::<Vec<_>>().join(" or ")
    }
}
