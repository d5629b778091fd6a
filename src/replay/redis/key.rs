//! The key under which a fleet remembers an assertion: `{prefix}:{version}:{22 characters}`.
//!
//! The characters are base64url of the first 128 bits of a SHA-256. So keys spread evenly over the
//! slots of a cluster, have one length, and reveal no identifier of a client. 128 bits are enough:
//! a client that finds a collision among its own identifiers, after some 2^64 attempts, has spent
//! an assertion that is its own. Hitting one of another client takes 2^128 attempts.

use crate::jose::base64url;
use crate::jose::digest::sha256_of_parts;
use crate::replay::ReplayKey;
use crate::setting::{Setting, SettingError};

/// The version of the key format. Raise it with every change of what is hashed or how it is
/// written. A release that raises it writes both versions, the older one first, as [`StoreKeys`]
/// does with two prefixes; the release after it drops the older version.
const VERSION: u8 = 1;

const LONGEST_PREFIX: usize = 64;

/// The first part of every key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    /// Braces are not allowed: they would mark a hash tag, which sends all keys to one slot of a
    /// cluster.
    pub(super) fn parse(setting: Setting, text: &str) -> Result<Self, SettingError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        match (1..=LONGEST_PREFIX).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.into())),
            false => {
                let expected = "1 to 64 characters from A-Z a-z 0-9 - _ . : /";
                Err(SettingError::InvalidText { setting, value: text.to_owned(), expected })
            }
        }
    }

    fn key(&self, digest: &str) -> String {
        format!("{}:{VERSION}:{digest}", self.0)
    }
}

/// The prefixes under which an assertion is remembered.
#[derive(Debug)]
pub(super) struct StoreKeys {
    pub(super) prefix: Prefix,
    /// The prefix that nodes write if they are not upgraded yet.
    pub(super) previous: Option<Prefix>,
}

impl StoreKeys {
    /// Returns the keys of this assertion. All must be inserted, in this order, each after the one
    /// before was fresh.
    ///
    /// The older key comes first. It is the only one that older nodes know, so it decides between
    /// them and this node. A caller that loses there does not insert the newer key, which decides
    /// between this node and newer ones. So at most one caller gets past both.
    pub(super) fn of(&self, key: ReplayKey<'_>) -> impl Iterator<Item = String> + use<> {
        let digest = digest(key);
        let newest = self.prefix.key(&digest);
        self.previous.as_ref().map(|previous| previous.key(&digest)).into_iter().chain([newest])
    }
}

/// The version is hashed too, so that the keys of two versions never collide by accident.
fn digest(key: ReplayKey<'_>) -> String {
    let digest = sha256_of_parts(VERSION, &[key.client_id(), key.jti()]);
    let (short, _) = digest.split_at(16);
    base64url::encode(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(previous: Option<&str>) -> StoreKeys {
        let parse = |text: &str| Prefix::parse(Setting::RedisPrefix, text).unwrap();
        StoreKeys { prefix: parse("tca"), previous: previous.map(parse) }
    }

    /// Nodes of different releases must agree on these keys. If this test fails, raise the version.
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
