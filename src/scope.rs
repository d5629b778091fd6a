//! The scope of an access token (RFC 6749, section 3.3).

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::setting::debug_is_display;
use crate::text::Excerpt;

/// The scope of an access token, as a client requests or registers it: tokens, separated by single
/// spaces (RFC 6749, section 3.3).
///
/// A scope has at least one token. Tokens compare byte for byte. Their order has no meaning, but it
/// is kept, and a repeated token counts once.
///
/// What a server grants is what is both requested and registered. The client must be told if that
/// is less than it requested (RFC 6749, section 5.1), so a handler sends the scope back:
///
/// ```
/// use tower_client_assertion::{Scope, ScopeError};
///
/// let registered: Scope = "read write".parse()?;
/// let granted = |requested: &str| -> Result<_, ScopeError> {
///     Ok(requested.parse::<Scope>()?.intersection(&registered))
/// };
///
/// let scope = granted("write admin read")?.expect("both have some");
/// assert_eq!(scope.to_string(), "write read");
/// assert!(scope.contains("read") && !scope.contains("admin"));
///
/// // Nothing of it is registered: the answer is `invalid_scope`.
/// assert_eq!(granted("admin")?, None);
///
/// let error = granted("read \"all\"").unwrap_err().to_string();
/// assert!(error.starts_with(r#"scope: the token "\"all\"" has"#));
/// assert!(granted("read  write").is_err());
/// assert!(granted("").is_err());
/// # Ok::<(), ScopeError>(())
/// ```
///
/// `scope=` without a value counts as left out (RFC 6749, section 3.2), so a handler checks for an
/// empty value before it parses. What a request without a scope gets is for the server to decide
/// (section 3.3).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// Returns the tokens, in their order. There is at least one, and none occurs twice.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// Returns whether this token is one of them.
    pub fn contains(&self, token: &str) -> bool {
        self.tokens().any(|other| other == token)
    }

    /// Returns the tokens that both scopes have, in the order of this one, or `None` if they have
    /// none in common: a token response without `scope` would grant all that was requested (RFC
    /// 6749, section 5.1).
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let others: BTreeSet<_> = other.tokens().collect();
        Self::of(self.tokens().filter(|token| others.contains(token)))
    }

    /// Returns the scope as it is sent: the tokens, separated by single spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of<'t>(tokens: impl Iterator<Item = &'t str>) -> Option<Self> {
        // A client chooses how many tokens there are, so each is looked up and not compared with
        // all before it.
        let mut seen = BTreeSet::new();
        let tokens: Vec<_> = tokens.filter(|token| seen.insert(*token)).collect();
        (!tokens.is_empty()).then(|| Self(tokens.join(" ").into()))
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    /// Reads a scope.
    ///
    /// # Errors
    ///
    /// Fails if the text is empty, if there is a space before the first token, behind the last or a
    /// second one between two, or if a token has a character other than `%x21`, `%x23-5B` and
    /// `%x5D-7E` (RFC 6749, section 3.3).
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Err(ScopeError::Empty);
        }
        for (index, token) in text.split(' ').enumerate() {
            if token.is_empty() {
                return Err(ScopeError::EmptyToken { position: index.saturating_add(1) });
            }
            if let Some(character) = token.chars().find(|character| !is_of_token(*character)) {
                return Err(ScopeError::Character { token: token.to_owned(), character });
            }
        }
        Self::of(text.split(' ')).ok_or(ScopeError::Empty)
    }
}

fn is_of_token(character: char) -> bool {
    matches!(character, '\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E')
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no [`Scope`].
///
/// The sentence that it displays may change between releases; the variants do not. It is for logs:
/// an `error_description` cannot have every character of it (RFC 6749, section 5.2).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeError {
    /// There is no token.
    Empty,
    /// A token is empty: there is a space too many.
    #[non_exhaustive]
    EmptyToken {
        /// Its place, from 1.
        position: usize,
    },
    /// A token has a character that is not allowed.
    #[non_exhaustive]
    Character {
        /// The token.
        token: String,
        /// Its first such character.
        character: char,
    },
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("scope: it is empty, expected at least one token (RFC 6749, section 3.3)"),
            Self::EmptyToken { position } => write!(
                f,
                "scope: token {position} is empty, expected single spaces between tokens and none around them (RFC \
                 6749, section 3.3)"
            ),
            Self::Character { token, character } => write!(
                f,
                "scope: the token {} has {character:?}, expected printable ASCII without quotation mark and backslash \
                 (RFC 6749, section 3.3)",
                Excerpt::new(token)
            ),
        }
    }
}

impl Error for ScopeError {}

debug_is_display!(ScopeError);
