//! Names that are either part of the program or come from a configuration.
//!
//! A [`Policy`](crate::Policy) can be a constant, so its names must work in constants. It can also
//! come from a file, so they can be owned too.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A name. A clone never allocates: the name of a policy is cloned into every identity.
#[derive(Clone)]
pub(crate) enum Name {
    Static(&'static str),
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

/// A list of names.
#[derive(Clone)]
pub(crate) enum Names {
    Static(&'static [&'static str]),
    Shared(Arc<[Box<str>]>),
}

impl Names {
    pub(crate) fn shared<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Shared(names.into_iter().map(Into::into).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (fixed, shared): (&[&str], &[Box<str>]) = match self {
            Self::Static(names) => (names, &[]),
            Self::Shared(names) => (&[], names),
        };
        fixed.iter().copied().chain(shared.iter().map(|name| &**name))
    }

    /// Returns whether a name matches. Requests ask this, so it is cheaper than [`iter`](Self::iter).
    pub(crate) fn any(&self, matches: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Static(names) => names.iter().any(|name| matches(name)),
            Self::Shared(names) => names.iter().any(|name| matches(name)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
