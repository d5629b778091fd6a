//! The name under which a fleet remembers an assertion: `{prefix}:{version}:{22 characters}`.
//!
//! The characters are base64url of 128 bits of SHA-256, so keys spread evenly over the slots of a cluster, have one length, and
//! hold nothing of a client's identifiers. 128 bits are plenty: whoever finds two of their own identifiers that collide (some
//! 2^64 attempts) has managed to spend one of their own assertions, and to hit another client's takes 2^128.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::ConfigError;
use crate::replay::ReplayKey;

/// It goes up with every change of what is hashed or of how it is written. A release that raises it writes both versions, the
/// older first, as [`Keys`] does with two prefixes; the release after it drops the older one.
const VERSION: u8 = 1;

const LONGEST_PREFIX: usize = 64;

/// What keys begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    /// Braces would be a hash tag, which sends all keys of a cluster to one slot.
    pub(super) fn parse(setting: &'static str, text: &str) -> Result<Self, ConfigError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        match (1..=LONGEST_PREFIX).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.into())),
            false => Err(ConfigError::Redis {
                setting,
                problem: format!(
                    "{text:?} will not do; give 1 to {LONGEST_PREFIX} characters out of A-Z a-z 0-9 and -_.:/"
                ),
                cause: None,
            }),
        }
    }

    fn key(&self, digest: &str) -> String {
        format!("{}:{VERSION}:{digest}", self.0)
    }
}

/// Under which keys an assertion is remembered.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) prefix: Prefix,
    /// What nodes that are not upgraded yet still write.
    pub(super) previous: Option<Prefix>,
}

impl Keys {
    /// The keys of this assertion, all to be inserted, in this order.
    ///
    /// The older goes first and alone. Older nodes know nothing else, so it decides among them and us; whoever loses there
    /// does not touch the other, which decides among us and newer nodes. So one caller at most gets past both.
    pub(super) fn of(&self, key: ReplayKey<'_>) -> impl Iterator<Item = String> + use<> {
        let digest = digest(key);
        let newest = self.prefix.key(&digest);
        self.previous.as_ref().map(|previous| previous.key(&digest)).into_iter().chain([newest])
    }
}

/// Parts with their lengths: no two pairs are the same bytes. The version is in it too, so that no two versions ever agree
/// by accident.
fn digest(key: ReplayKey<'_>) -> String {
    let mut context = Context::new(&SHA256);
    context.update(&[VERSION]);
    for part in [key.client_id(), key.jti()] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let (short, _) = digest.as_ref().split_at(16);
    URL_SAFE_NO_PAD.encode(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(previous: Option<&str>) -> Keys {
        let parse = |text: &str| Prefix::parse("redis prefix", text).unwrap();
        Keys { prefix: parse("tca"), previous: previous.map(parse) }
    }

    /// Nodes of different releases must agree on these. If this fails, raise the version instead.
    #[test]
    fn keys_of_version_1_never_change() {
        let table = [
            ("clinic-7", "a1b2c3", "tca:1:f9QW07TS3cLoz9-Ow5T-lg"),
            ("clinic-7a", "1b2c3", "tca:1:dNMNYCE8dnRhIt-s16dG_Q"),
            ("\u{e9}", "\0", "tca:1:5AJ5Sz0P3Pk5dRvGQxXfCA"),
            ("", "", "tca:1:8NJ46svuTurB88x11e_ajQ"),
        ];
        for (client, jti, expected) in table {
            let all: Vec<_> = keys(None).of(ReplayKey::new(client, jti)).collect();
            assert_eq!(all, [expected], "{client} {jti}");
        }
    }

    #[test]
    fn the_older_key_comes_first() {
        let all: Vec<_> = keys(Some("old")).of(ReplayKey::new("clinic-7", "a1b2c3")).collect();
        assert_eq!(all, ["old:1:f9QW07TS3cLoz9-Ow5T-lg", "tca:1:f9QW07TS3cLoz9-Ow5T-lg"]);
    }
}
