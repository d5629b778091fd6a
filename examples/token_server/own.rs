//! The settings that only this program has: flags, and members of the configuration file. Those of
//! the library are in `args.rs`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::deployment::flags::Given;
use crate::deployment::links::Links;
use crate::flags::FLAGS;

/// What the program does next to serving tokens, and where.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Own {
    listen: Option<SocketAddr>,
    error_uri: Option<String>,
    error_pages: Option<String>,
    audit: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    show_client: bool,
    tenants: Option<PathBuf>,
}

impl Own {
    /// Replaces what the file says by what the flags say.
    pub(crate) fn replace(&mut self, given: &mut Given) -> Result<(), String> {
        self.listen = address(given, "--listen")?.or(self.listen);
        self.metrics = address(given, "--metrics")?.or(self.metrics);
        self.show_client |= given.has("--show-client");
        if given.has(Links::URI.name()) || given.has(Links::PAGES.name()) {
            (self.error_uri, self.error_pages) = (None, None);
        }
        replace(&mut self.error_uri, given.optional(Links::URI.name())?);
        replace(&mut self.error_pages, given.optional(Links::PAGES.name())?);
        replace(&mut self.audit, given.optional("--audit")?.map(PathBuf::from));
        replace(&mut self.tenants, given.optional("--tenants")?.map(PathBuf::from));
        Ok(())
    }

    /// Makes paths relative to this folder.
    pub(crate) fn relative_to(&mut self, folder: &Path) {
        for path in [&mut self.audit, &mut self.tenants] {
            *path = path.take().map(|path| folder.join(path));
        }
    }

    pub(crate) fn audit(&self) -> Option<&Path> {
        self.audit.as_deref()
    }

    pub(crate) fn tenants(&self) -> Option<&Path> {
        self.tenants.as_deref()
    }

    pub(crate) fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    pub(crate) fn shows_client(&self) -> bool {
        self.show_client
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub(crate) fn links(&self) -> Result<Links, String> {
        Links::new(self.error_uri.clone(), self.error_pages.clone())
    }
}

fn replace<T>(member: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *member = given;
    }
}

fn address(given: &mut Given, flag: &str) -> Result<Option<SocketAddr>, String> {
    let value = given.optional(flag)?;
    value.map(|value| value.parse().map_err(|_| FLAGS.invalid(flag, &value))).transpose()
}
