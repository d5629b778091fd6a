//! Problems with single clients of a file.

use std::fmt;

use crate::text::Excerpt;

/// The reason why a client of a file, or one of its keys, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientProblem {
    pub(super) index: usize,
    pub(super) client_id: Option<String>,
    pub(super) member: &'static str,
    pub(super) why: String,
    pub(super) unusable: bool,
}

impl ClientProblem {
    /// Returns the position of the client in the array, counted from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the client's id, if it could be read.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Returns the metadata member that is wrong.
    pub fn member(&self) -> &'static str {
        self.member
    }

    /// Returns whether the client is refused because of it. If not, only one of its keys cannot be
    /// used.
    pub fn is_unusable(&self) -> bool {
        self.unusable
    }
}

impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, client_id, member, why, .. } = self;
        match client_id {
            Some(client_id) => write!(f, "client {index} ({}): {member}: {why}", Excerpt::new(client_id)),
            None => write!(f, "client {index}: {member}: {why}"),
        }
    }
}
