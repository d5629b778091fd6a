//! The options that all services of one layer share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use super::choose::Choice;
use super::correlate::Correlate;
use crate::endpoint::Endpoint;
use crate::event::EventSink;
use crate::policy::Wording;
use crate::render::{Redox, RenderRejection, ResponseCache, Rfc6749};
use crate::verifier::Verifier;

/// Who judges the requests of a layer.
#[derive(Clone)]
pub(super) enum Judges {
    /// One verifier judges all of them.
    One(Arc<LayerOptions>),
    /// The head of each request decides.
    Chosen(Arc<Choosing>),
}

/// What applies to a request with its verifier.
#[derive(Clone)]
pub(super) struct LayerOptions {
    pub(super) verifier: Arc<Verifier>,
    pub(super) responses: Arc<ResponseCache>,
    pub(super) settings: Settings,
}

/// What applies to all requests until their verifiers are chosen.
#[derive(Clone, Debug)]
pub(super) struct Choosing {
    pub(super) choice: Choice,
    renderers: Renderers,
    pub(super) settings: Settings,
}

/// What does not depend on the verifier.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The only guarded path. Without one, every request is guarded.
    pub(super) path: Option<Arc<str>>,
    pub(super) endpoint: Endpoint,
    pub(super) optional: bool,
    pub(super) body_limit: usize,
    pub(super) body_timeout: Duration,
    pub(super) correlate: Option<Correlate>,
    pub(super) identify_responses: bool,
}

/// The renderer for each wording of a profile.
#[derive(Clone)]
pub(super) struct Renderers {
    redox: Arc<ResponseCache>,
    rfc6749: Arc<ResponseCache>,
}

impl Judges {
    pub(super) fn one(verifier: Arc<Verifier>) -> Self {
        let responses = Arc::clone(Renderers::default().of(&verifier));
        Self::One(Arc::new(LayerOptions { verifier, responses, settings: Settings::default() }))
    }

    pub(super) fn chosen(choice: Choice) -> Self {
        let (renderers, settings) = (Renderers::default(), Settings::default());
        Self::Chosen(Arc::new(Choosing { choice, renderers, settings }))
    }

    pub(super) fn settings(&self) -> &Settings {
        match self {
            Self::One(options) => &options.settings,
            Self::Chosen(choosing) => &choosing.settings,
        }
    }

    /// Returns the name of the verifier's first policy, or nothing if there are several verifiers.
    pub(super) fn first_policy(&self) -> &str {
        match self {
            Self::One(options) => options.verifier.first_policy().name(),
            Self::Chosen(_) => "",
        }
    }

    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        match self {
            Self::One(options) => &mut Arc::make_mut(options).settings,
            Self::Chosen(choosing) => &mut Arc::make_mut(choosing).settings,
        }
    }

    pub(super) fn report_unknown(&mut self, events: Arc<dyn EventSink>) {
        match self {
            Self::One(_) => {}
            Self::Chosen(choosing) => Arc::make_mut(choosing).choice.unknown = Some(events),
        }
    }

    pub(super) fn render(&mut self, renderers: Renderers) {
        match self {
            Self::One(options) => {
                let options = Arc::make_mut(options);
                options.responses = Arc::clone(renderers.of(&options.verifier));
            }
            Self::Chosen(choosing) => Arc::make_mut(choosing).renderers = renderers,
        }
    }
}

impl Choosing {
    /// Returns what applies to this request, or nothing if there is no verifier for it.
    pub(super) fn options(&self, parts: &Parts) -> Option<Arc<LayerOptions>> {
        let verifier = self.choice.verifier(parts)?;
        let responses = Arc::clone(self.renderers.of(&verifier));
        Some(Arc::new(LayerOptions { verifier, responses, settings: self.settings.clone() }))
    }

    /// Returns the renderer for requests without a verifier.
    pub(super) fn responses(&self) -> &ResponseCache {
        &self.renderers.rfc6749
    }
}

impl Settings {
    /// Whether requests for this path are guarded.
    pub(super) fn guards(&self, path: &str) -> bool {
        self.path.as_deref().is_none_or(|guarded| guarded == path)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            endpoint: Endpoint::Token,
            optional: false,
            body_limit: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            correlate: None,
            identify_responses: false,
        }
    }
}

impl Renderers {
    pub(super) fn each(redox: impl RenderRejection, rfc6749: impl RenderRejection) -> Self {
        Self { redox: Arc::new(ResponseCache::new(redox)), rfc6749: Arc::new(ResponseCache::new(rfc6749)) }
    }

    pub(super) fn both(renderer: impl RenderRejection) -> Self {
        let responses = Arc::new(ResponseCache::new(renderer));
        Self { redox: Arc::clone(&responses), rfc6749: responses }
    }

    /// Returns the renderer that the verifier's first policy asks for.
    fn of(&self, verifier: &Verifier) -> &Arc<ResponseCache> {
        match verifier.first_policy().wording {
            Wording::Redox => &self.redox,
            Wording::Rfc6749 => &self.rfc6749,
        }
    }
}

impl Default for Renderers {
    fn default() -> Self {
        Self::each(Redox::default(), Rfc6749::default())
    }
}

impl fmt::Debug for Renderers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renderers")
    }
}

impl fmt::Debug for Judges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(options) => options.fmt(f),
            Self::Chosen(choosing) => choosing.fmt(f),
        }
    }
}

impl fmt::Debug for LayerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerOptions")
            .field("verifier", &self.verifier)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
