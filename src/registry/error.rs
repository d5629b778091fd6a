//! Errors in the file that lists clients.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::setting::debug_is_display;

/// A client file that cannot be loaded.
///
/// The sentence that it displays may change between releases; the variants do not.
#[derive(Clone)]
#[non_exhaustive]
pub enum ClientFileError {
    /// The file cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system reported; also the [source](Error::source).
        cause: Arc<io::Error>,
    },
    /// The file is not valid JSON.
    #[non_exhaustive]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
    },
    /// The file is in UTF-16. JSON is written in UTF-8 (RFC 8259, section 8.1).
    #[non_exhaustive]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// The file is valid JSON, but not an array.
    #[non_exhaustive]
    NotAnArray {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for ClientFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => {
                write!(f, "client file {}: cannot be read; check its path and permissions", path.display())
            }
            Self::NotJson { path, line, column } => write!(
                f,
                "client file {}: invalid JSON at line {line}, column {column}; correct it there",
                path.display()
            ),
            Self::Utf16 { path } => write!(f, "client file {}: in UTF-16; save it in UTF-8", path.display()),
            Self::NotAnArray { path } => write!(
                f,
                "client file {}: not a JSON array; write an array of client metadata (RFC 7591, section 2)",
                path.display()
            ),
        }
    }
}

impl Error for ClientFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(&**cause),
            Self::NotJson { .. } | Self::Utf16 { .. } | Self::NotAnArray { .. } => None,
        }
    }
}

debug_is_display!(ClientFileError);
