//! The search for the client that signed, among clients that the operator names.

use std::sync::Arc;

use super::signatures::{self, Signed};
use crate::client::Client;
use crate::clock::UnixTime;
use crate::explain::hint::Hint;
use crate::explain::{Explanation, Part, Step};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url::DecodeBuffer;
use crate::policy::Limits;
use crate::rejection::{Parameter, Reason};
use crate::verifier::Pairs;
use crate::verifier::assertion::Assertion;
use crate::verifier::text_faults::Repaired;

impl Explanation {
    /// Searches `clients` for the one whose key or secret made the signature of the assertion in
    /// `part`, and adds the hint [`OtherClient`](Hint::OtherClient) if there is one.
    ///
    /// This helps where a client uses the id or the key of another, for example that of a test
    /// environment. It does nothing unless the client is unknown, has no such key, or did not sign.
    /// Keys with the `kid` of the assertion are tried first, and at most 64 in all, and at most
    /// 1,024 secrets. Keys at a URL are not tried.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use tower_client_assertion::clock::UnixTime;
    /// use tower_client_assertion::explain::{Hint, Part};
    /// # use tower_client_assertion::clock::ManualClock;
    /// # use tower_client_assertion::mint::{Minter, SecretSigner};
    /// # use tower_client_assertion::policy::Algorithm;
    /// # use tower_client_assertion::registry::{Client, FixedRegistry};
    /// # use tower_client_assertion::replay::MemoryReplay;
    /// # use tower_client_assertion::secret::ClientSecret;
    /// # use tower_client_assertion::{Policy, TokenRequest, Verifier};
    /// # const TEST: &str = "a secret of the test environment, long enough";
    /// # const LIVE: &str = "a secret of the live environment, long enough";
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = |id, secret| -> Result<_, Box<dyn std::error::Error>> {
    /// #     Ok(Client::with_secret(id, ClientSecret::new(secret)?)?)
    /// # };
    /// let clients = [client("clinic", LIVE)?, client("clinic-test", TEST)?];
    /// # let registry = FixedRegistry::new(clients.clone())?;
    /// # let verifier = Verifier::builder(Policy::OIDC, registry, MemoryReplay::new(100)?)
    /// #     .issuer("https://as.example.com")
    /// #     .build()?;
    /// # let form = async |secret: &str| {
    /// #     let signer = SecretSigner::new(ClientSecret::new(secret).unwrap(), Algorithm::HS256).unwrap();
    /// #     let clock = ManualClock::at(UnixTime::from_secs(1_700_000_000));
    /// #     let minter = Minter::builder(Policy::OIDC, "clinic", signer).issuer("https://as.example.com");
    /// #     let minter = minter.clock(clock).build().unwrap();
    /// #     minter.request("/token").client_credentials().build().await.unwrap().into_body().into_bytes()
    /// # };
    /// let clients: Vec<_> = clients.into_iter().map(Arc::new).collect();
    /// let at = UnixTime::from_secs(1_700_000_000);
    ///
    /// for (secret, found) in [(TEST, true), (LIVE, false)] {
    ///     let body = form(secret).await;
    ///     let request = TokenRequest::new(&body);
    ///     let explanation = verifier.explain(&request, at).await;
    ///     let part = Part::Form(&body);
    ///     let explanation = explanation.search_clients(part, &clients);
    ///     let is_found = |hint: &Hint| hint.name() == "other_client";
    ///     assert_eq!(explanation.hints().iter().any(is_found), found);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn search_clients(mut self, part: Part<'_>, clients: &[Arc<Client>]) -> Self {
        const REASONS: [Reason; 4] =
            [Reason::UnknownClient, Reason::NoKey, Reason::MethodNotRegistered, Reason::BadSignature];
        let is_unsigned = self.steps.iter().filter_map(Step::reason).any(|reason| REASONS.contains(&reason));
        let found = is_unsigned.then(|| assertion_of(part)).flatten();
        self.hints.extend(found.and_then(|text| signer_of(&text, clients, self.at)));
        self
    }
}

/// Returns the value of `client_assertion`.
fn assertion_of(part: Part<'_>) -> Option<Vec<u8>> {
    match part {
        Part::Assertion(text) => Some(text.as_bytes().to_vec()),
        Part::Form(form) => {
            let (_, value) = Pairs::of(form).find(|(name, _)| name.parameter() == Some(Parameter::ClientAssertion))?;
            value.unescape().ok().map(Into::into)
        }
    }
}

fn signer_of(text: &[u8], clients: &[Arc<Client>], at: UnixTime) -> Option<Hint> {
    let (mut buffer, mut repaired) = (DecodeBuffer::default(), Repaired::default());
    let (_, assertion) = Assertion::read_on(text, &mut buffer, &mut repaired, &Limits::default());
    let Assertion { header, claims, signing_input, signature, .. } = assertion?;
    let algorithm = Algorithm::from_name(header.alg.text()?)?;
    let signed = Signed { kid: header.kid.text(), algorithm, input: signing_input, signature };
    let claimed = claims.iss.text();
    let others: Vec<_> = clients.iter().filter(|client| Some(client.id().as_str()) != claimed).collect();
    signatures::other_client(&signed, &others, at)
}
