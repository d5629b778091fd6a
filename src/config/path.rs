//! Where a member is: its name with those of the tables around it, as an error begins.

use std::fmt;

use serde::de::Error;

use crate::text::Excerpt;

/// The path of a member, such as `policy.max_lifetime`.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    table: Option<&'p Path<'p>>,
    name: &'p str,
}

impl<'p> Path<'p> {
    /// The table that is the whole configuration.
    pub(super) const ROOT: Path<'static> = Path { table: None, name: "" };

    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Path { table: Some(self), name }
    }

    /// Returns the error about this member.
    pub(super) fn error<E: Error>(&self, problem: impl fmt::Display) -> E {
        E::custom(self.problem(problem))
    }

    /// Returns the sentence about this member.
    pub(super) fn problem(&self, problem: impl fmt::Display) -> String {
        match self.table {
            Some(_) => format!("{self}: {problem}"),
            None => problem.to_string(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(table) = self.table else { return Ok(()) };
        if table.table.is_some() {
            write!(f, "{table}.")?;
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        match !self.name.is_empty() && self.name.len() <= 64 && self.name.bytes().all(is_plain) {
            true => f.write_str(self.name),
            false => Excerpt::new(self.name).fmt(f),
        }
    }
}
