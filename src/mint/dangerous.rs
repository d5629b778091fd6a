//! Assertions that servers refuse, for tests of servers.

use serde_json::Value;

use super::builder::MinterBuilder;
use super::edits::Edits;

impl MinterBuilder {
    /// Gives access to settings that make a server refuse what is minted. They are for tests of
    /// servers.
    pub fn dangerous(self) -> DangerousMinterBuilder {
        DangerousMinterBuilder(self)
    }
}

/// Makes a [`Minter`](crate::mint::Minter) whose assertions a server should refuse, so that a test can see it refuse
/// them. Created by [`MinterBuilder::dangerous`].
///
/// ```
/// use serde_json::json;
/// use tower_client_assertion::Policy;
/// use tower_client_assertion::mint::{Minter, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::ES256)?;
/// let minter = Minter::builder(Policy::RFC7523, "reports", key)
///     .issuer("https://as.example.com")
///     .dangerous()
///     .replace_claim("aud", json!("https://other.example.com"));
/// let assertion = minter.build()?.mint().get().await?.expose();
/// assert_eq!(assertion.split('.').count(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct DangerousMinterBuilder(MinterBuilder);

impl DangerousMinterBuilder {
    /// Sets the [issuer](MinterBuilder::issuer), which may be an `http` URL: for a server on the
    /// same machine. Anyone on the path of an `http` request can take the assertion and use it.
    pub fn issuer_without_tls(self, issuer: impl Into<String>) -> MinterBuilder {
        let mut builder = self.0.issuer(issuer);
        builder.issuer_without_tls = true;
        builder
    }

    /// Sets a claim to any value, `null` included, instead of what the minter would write.
    pub fn replace_claim(self, name: impl Into<String>, value: Value) -> MinterBuilder {
        self.edit(|edits| edits.claims.push((name.into(), Some(value))))
    }

    /// Leaves a claim out.
    pub fn drop_claim(self, name: impl Into<String>) -> MinterBuilder {
        self.edit(|edits| edits.claims.push((name.into(), None)))
    }

    /// Sets a header parameter to any value instead of what the minter would write. The key signs
    /// as before, also if `alg` or `kid` is replaced.
    pub fn replace_header(self, name: impl Into<String>, value: Value) -> MinterBuilder {
        self.edit(|edits| edits.header.push((name.into(), Some(value))))
    }

    /// Leaves a header parameter out.
    pub fn drop_header(self, name: impl Into<String>) -> MinterBuilder {
        self.edit(|edits| edits.header.push((name.into(), None)))
    }

    /// Gives every assertion the same `jti`. A server accepts the first of them.
    pub fn jti(self, jti: impl Into<String>) -> MinterBuilder {
        self.replace_claim("jti", Value::String(jti.into()))
    }

    /// Changes one bit of every signature.
    pub fn flip_signature(self) -> MinterBuilder {
        self.edit(|edits| edits.flip_signature = true)
    }

    fn edit(mut self, edit: impl FnOnce(&mut Edits)) -> MinterBuilder {
        edit(&mut self.0.edits);
        self.0
    }
}
