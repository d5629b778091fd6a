//! The links in refusals.

use std::sync::Arc;

use tower_client_assertion::render::{Redox, RenderRejection, Rfc6749, topic_id};
use tower_client_assertion::{Policy, SettingError};

use super::about;
use super::flags::{Flag, Given, valued};

/// The `error_uri` of refusals.
#[derive(Debug)]
pub(crate) enum Links {
    None,
    /// The same for all.
    One(String),
    /// A page, with a fragment for each topic.
    Pages(String),
}

impl Links {
    pub(crate) const URI: Flag =
        valued("--error-uri", "URL", "the URL of a page that explains refusals", "sent with each");
    pub(crate) const PAGES: Flag =
        valued("--error-pages", "URL", "the URL of a page like /errors", "sent with each, and with its section");

    pub(crate) fn of(given: &mut Given) -> Result<Self, String> {
        Self::new(given.optional("--error-uri")?, given.optional("--error-pages")?)
    }

    pub(crate) fn new(uri: Option<String>, pages: Option<String>) -> Result<Self, String> {
        match (uri, pages) {
            (None, None) => Ok(Self::None),
            (Some(uri), None) => Ok(Self::One(uri)),
            (None, Some(base)) => Ok(Self::Pages(base)),
            (Some(_), Some(_)) => {
                Err("--error-pages: expected without --error-uri, which sets the same link".to_owned())
            }
        }
    }

    /// Returns the vocabulary of a profile, which would be the layer's default, with links.
    pub(crate) fn vocabulary(&self, policy: &Policy) -> Result<Arc<dyn RenderRejection>, String> {
        let vocabulary = match policy.name() {
            "redox" => self.redox(),
            _ => self.rfc6749(),
        };
        vocabulary.map_err(|error| about(self.flag(), &error))
    }

    /// Returns the link of a refusal that does not come from the vocabulary.
    pub(crate) fn about(&self, description: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::One(uri) => Some(uri.clone()),
            Self::Pages(base) => Some(format!("{base}#{}", topic_id(description))),
        }
    }

    fn redox(&self) -> Result<Arc<dyn RenderRejection>, SettingError> {
        let redox = Redox::default();
        Ok(match self {
            Self::None => Arc::new(redox),
            Self::One(uri) => Arc::new(redox.error_uri(uri)?),
            Self::Pages(base) => Arc::new(redox.error_pages(base)?),
        })
    }

    fn rfc6749(&self) -> Result<Arc<dyn RenderRejection>, SettingError> {
        let rfc6749 = Rfc6749::default();
        Ok(match self {
            Self::None => Arc::new(rfc6749),
            Self::One(uri) => Arc::new(rfc6749.error_uri(uri)?),
            Self::Pages(base) => Arc::new(rfc6749.error_pages(base)?),
        })
    }

    fn flag(&self) -> &'static str {
        if let Self::Pages(_) = self { "--error-pages" } else { "--error-uri" }
    }
}
