//! The server by whose rules a request is judged.

use std::sync::Arc;

use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::explain::{Explanation, NoClients, NoReplay, Part};
use tower_client_assertion::jwks::{JwksFetch, KeySetCache};
use tower_client_assertion::registry::{ClientRegistry, FileRegistry};
use tower_client_assertion::{ClientAssertionLayer, ConfigError, Verifier};

use crate::args::Args;
use crate::deployment::{about, clients, profile};
use crate::input::{Captured, What};

pub(crate) struct Judge {
    layer: ClientAssertionLayer,
    registry: Option<Arc<FileRegistry>>,
}

impl Judge {
    /// Reads the clients, whose keys come through `fetch`.
    pub(crate) fn new(args: &Args, fetch: impl JwksFetch) -> Result<Self, String> {
        let registry = match &args.clients {
            Some(path) => {
                let cache = key_sets(args, fetch).map_err(|error| about("jwks_uri", &error))?;
                let registry = FileRegistry::load_with(path, &cache).map_err(|error| about("--clients", &error))?;
                Some(Arc::new(registry))
            }
            None => None,
        };
        let found: Arc<dyn ClientRegistry> = match &registry {
            Some(registry) => Arc::clone(registry) as _,
            None => Arc::new(NoClients),
        };
        let builder = Verifier::builder(args.policy.clone(), found, NoReplay);
        let verifier = profile::verifier(builder, args.issuer.as_deref(), &args.audiences)?;
        let layer = ClientAssertionLayer::new(verifier).render(args.links.vocabulary(&args.policy)?);
        Ok(Self { layer, registry })
    }

    pub(crate) fn registry(&self) -> Option<&FileRegistry> {
        self.registry.as_deref()
    }

    pub(crate) async fn explain(&self, captured: &Captured, at: UnixTime) -> Explanation {
        match &captured.what {
            What::Request(request) => self.layer.explain(request, at).await,
            What::Form(_) | What::Assertion(_) => self.layer.explain_part(part(captured), at).await,
        }
    }

    /// Adds the client of the file whose key made the signature.
    pub(crate) fn search_clients(&self, explanation: Explanation, captured: &Captured) -> Explanation {
        match &self.registry {
            Some(registry) => explanation.search_clients(part(captured), &registry.clients()),
            None => explanation,
        }
    }
}

fn part(captured: &Captured) -> Part<'_> {
    match &captured.what {
        What::Request(request) => Part::Form(request.body()),
        What::Form(body) => Part::Form(body),
        What::Assertion(jwt) => Part::Assertion(jwt),
    }
}

fn key_sets(args: &Args, fetch: impl JwksFetch) -> Result<KeySetCache, ConfigError> {
    let guard = clients::guard(args.allow_http_jwks)?;
    Ok(clients::key_sets(fetch, guard, &args.policy).build()?)
}
