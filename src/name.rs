//! A name that costs nothing to pass on.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A name from the code or from configuration. A clone never allocates.
#[derive(Clone)]
pub(crate) enum Name {
    Static(&'static str),
    #[allow(dead_code, reason = "for policies that are named by configuration")]
    Shared(Arc<str>),
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
