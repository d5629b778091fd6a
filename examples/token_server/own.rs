//! The settings that only this program has. Those of the library are in `args.rs`.

use std::net::SocketAddr;

use crate::deployment::flags::Given;
use crate::deployment::links::Links;
use crate::flags::FLAGS;

/// What the program does next to serving tokens, and where.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) listen: SocketAddr,
    pub(crate) links: Links,
}

impl Own {
    pub(crate) fn of(given: &mut Given) -> Result<Self, String> {
        let listen = address(given, "--listen")?.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        Ok(Self { listen, links: Links::of(given)? })
    }
}

fn address(given: &mut Given, flag: &str) -> Result<Option<SocketAddr>, String> {
    let value = given.optional(flag)?;
    value.map(|value| value.parse().map_err(|_| FLAGS.invalid(flag, &value))).transpose()
}
