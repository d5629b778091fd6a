//! What the steps of the client show of it.

use crate::client::{Client, Proof};
use crate::event::Excerpt;
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;

pub(super) fn shown(text: &str) -> String {
    Excerpt::new(text).to_string()
}

pub(super) fn about_client(client: &Client) -> String {
    match (client.keys(), client.key_source()) {
        (Some(keys), _) if keys.len() == 1 => "registered, 1 key".to_owned(),
        (Some(keys), _) => format!("registered, {} keys", keys.len()),
        (None, Some(source)) => format!("registered, keys at {}", shown(source.url().without_query())),
        (None, None) if client.algorithms().is_empty() => "registered, without a usable credential".to_owned(),
        (None, None) => "registered, a secret".to_owned(),
    }
}

pub(super) fn about_proof(proof: &Proof<'_>, algorithm: Algorithm) -> String {
    let Proof::Keys(candidates) = proof else { return format!("a secret, {algorithm}") };
    let mut fitting = candidates.fitting();
    let kid = |kid: Option<&str>| kid.map_or("without a kid".to_owned(), |kid| format!("kid {}", shown(kid)));
    match (fitting.next(), fitting.count()) {
        (Some(key), 0) => {
            let thumbprint = base64url::encode(&key.thumbprint());
            format!("{}, {algorithm}, thumbprint {thumbprint}", kid(key.key_id()))
        }
        (Some(key), more) => format!("{} keys, {}, {algorithm}", more.saturating_add(1), kid(key.key_id())),
        (None, _) => String::new(),
    }
}
