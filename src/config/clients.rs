//! The file of clients.

use std::path::PathBuf;

use serde::de::Deserializer;

use super::path::Path;
use super::table::{Given, read_given, table};
use super::value::{Count, File, Read};

table! {
    /// The file, and the limits of `ClientReader`.
    ClientsTable {
        file: File,
        max_keys: Count,
        max_key_set_bytes: Count,
    }
}

/// A file of clients, and how it is read.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) file: PathBuf,
    pub(super) max_keys: Option<usize>,
    pub(super) max_key_set_bytes: Option<usize>,
}

impl Read for Clients {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        match read_given::<ClientsTable, D>(path, "the path of a file", from)? {
            Given::Text(file) if file.is_empty() => Err(path.error("\"\" is not valid; use the path of a file")),
            Given::Text(file) => Ok(Self::of(file.into())),
            Given::Table(ClientsTable { file: Some(File(file)), max_keys, max_key_set_bytes }) => Ok(Self {
                file,
                max_keys: max_keys.map(|Count(count)| count),
                max_key_set_bytes: max_key_set_bytes.map(|Count(count)| count),
            }),
            Given::Table(_) => Err(path.member("file").error("missing; use the path of a file")),
        }
    }
}

impl Clients {
    pub(super) fn of(file: PathBuf) -> Self {
        Self { file, max_keys: None, max_key_set_bytes: None }
    }
}
