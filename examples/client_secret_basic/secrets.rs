//! Client secrets, hashed with Argon2id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tower_client_assertion::rejection::ServerFault;

/// How many secrets are hashed concurrently. Each takes a processor for tens of milliseconds, and
/// 19 MiB.
const CHECKS: usize = 2;
/// How long a request waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

pub(crate) struct Secrets {
    hashes: HashMap<Box<str>, PasswordHash>,
    /// Checked for clients that are not registered, so that they take as long.
    decoy: PasswordHash,
    turns: Arc<Semaphore>,
}

/// Returns what to store for a secret, in the PHC string format.
pub(crate) fn hash(secret: &str) -> Result<String, Error> {
    Ok(Argon2::default().hash_password(secret.as_bytes())?.to_string())
}

impl Secrets {
    /// Takes client ids with their hashes. All hashes should have the parameters of [`hash`]: one
    /// that takes longer or shorter than the decoy tells that its client exists.
    pub(crate) fn new<'a>(stored: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let parsed = stored.into_iter().map(|(id, hash)| Ok((id.into(), PasswordHash::new(hash)?)));
        let decoy = Argon2::default().hash_password(b"of no client")?;
        Ok(Self { hashes: parsed.collect::<Result<_, Error>>()?, decoy, turns: Arc::new(Semaphore::new(CHECKS)) })
    }

    /// Returns whether this is the secret of the client.
    ///
    /// # Errors
    ///
    /// The server has too much to do, or stops.
    pub(crate) async fn check(&self, client_id: &str, secret: String) -> Result<bool, ServerFault> {
        let turn = timeout(LONGEST_WAIT, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(ServerFault::Overloaded) };
        let known = self.hashes.get(client_id);
        let (is_known, hash) = (known.is_some(), known.unwrap_or(&self.decoy).clone());
        let checked = spawn_blocking(move || {
            // Held until the end, also if nothing waits for the answer any longer.
            let _turn = turn;
            Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok()
        });
        Ok(checked.await.map_err(|_| ServerFault::Overloaded)? && is_known)
    }
}
