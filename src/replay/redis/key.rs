//! The keys under which a fleet remembers an assertion: `{prefix}:{version}:{22 characters}`.
//!
//! The characters are the [digest](ReplayKey::digest) in base64url. So keys spread evenly over the
//! slots of a cluster, have one length, and reveal no identifier of a client. The version is that
//! of the digest.

use crate::jose::base64url;
use crate::replay::key::{DIGEST, DIGEST_WITHOUT_TENANT, ReplayKey};
use crate::setting::{Setting, SettingError};

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

    fn key(&self, version: u8, digest: &[u8]) -> String {
        format!("{}:{version}:{}", self.0, base64url::encode(digest))
    }
}

/// The prefixes under which an assertion is remembered.
#[derive(Debug)]
pub(super) struct StoreKeys {
    pub(super) prefix: Prefix,
    /// The prefix that nodes write if they are not upgraded yet. It may be the same: those nodes
    /// may also have an older version of the key.
    pub(super) previous: Option<Prefix>,
}

impl StoreKeys {
    /// Returns a key that is never one of an assertion.
    pub(super) fn probe(&self) -> String {
        format!("{}:health", self.prefix.0)
    }

    /// Returns the keys of this assertion. All must be inserted, in this order, each after the one
    /// before was fresh.
    ///
    /// The older keys come first: by version, then by prefix. Any two nodes of a rolling upgrade
    /// have a key in common, and all nodes insert the keys that they know in this order. A node
    /// that finds an older key does not insert the newer ones. So at most one caller gets past all.
    pub(super) fn of(&self, key: ReplayKey<'_>) -> impl Iterator<Item = String> + use<> {
        let digest = key.digest();
        let older = self.previous.as_ref().map(|previous| {
            let version_1 = key.digest_without_tenant().map(|digest| previous.key(DIGEST_WITHOUT_TENANT, &digest));
            let version_2 = (*previous != self.prefix).then(|| previous.key(DIGEST, &digest));
            version_1.into_iter().chain(version_2)
        });
        let newest = self.prefix.key(DIGEST, &digest);
        older.into_iter().flatten().chain([newest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "https://as.example.com";

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
            let all: Vec<_> = keys(Some("tca")).of(ReplayKey::new(TENANT, client, jti)).collect();
            assert_eq!(all.first().map(String::as_str), Some(expected), "{client} {jti}");
        }
    }

    /// As above.
    #[test]
    fn keys_of_version_2_never_change() {
        let table = [
            (ReplayKey::new(TENANT, "clinic-7", "a1b2c3"), "tca:2:FQSAkX358cUJUJQ_ZJpBow"),
            (ReplayKey::new("https://other.example", "clinic-7", "a1b2c3"), "tca:2:aIyVkFsW3e9uIS3SAvkWjA"),
            (ReplayKey::new(TENANT, "clinic-7a", "1b2c3"), "tca:2:Zi7o-ThAZW4yy0ScD3NLvw"),
            (ReplayKey::new("", "", ""), "tca:2:0zligqBsI_SKcQBMeLMDMQ"),
            (ReplayKey::without_jti(TENANT, "clinic-7", b"header.claims"), "tca:2:HkcwBdFUnSm3uGGWZzBk1g"),
        ];
        for (key, expected) in table {
            let all: Vec<_> = keys(None).of(key).collect();
            assert_eq!(all, [expected], "{key:?}");
        }
    }

    #[test]
    fn the_older_keys_come_first() {
        let named = ReplayKey::new(TENANT, "clinic-7", "a1b2c3");
        let unnamed = ReplayKey::without_jti(TENANT, "clinic-7", b"header.claims");
        let table: [(_, _, &[&str]); 6] = [
            (None, named, &["tca:2"]),
            (Some("tca"), named, &["tca:1", "tca:2"]),
            (Some("old"), named, &["old:1", "old:2", "tca:2"]),
            (None, unnamed, &["tca:2"]),
            (Some("tca"), unnamed, &["tca:2"]),
            (Some("old"), unnamed, &["old:2", "tca:2"]),
        ];
        for (previous, key, expected) in table {
            let all: Vec<_> = keys(previous).of(key).collect();
            let beginnings: Vec<_> = all.iter().map(|key| &key[..5]).collect();
            assert_eq!(beginnings, expected, "{previous:?} {key:?}");
        }
    }
}
