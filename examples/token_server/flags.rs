//! The flags of the command line, and the usage.

use std::fmt::Write as _;

use crate::deployment::flags::{Flag, Flags, HELP, VERSION, switch, valued};
use crate::deployment::links::Links;
use crate::deployment::{ALLOW_HTTP_JWKS, AUDIENCE, CLIENTS, ISSUER, PROFILES};

pub(crate) const FLAGS: Flags = Flags(&ROWS);

const ROWS: [Flag; 11] = [
    valued("--clients", "FILE", CLIENTS, "required"),
    valued("--issuer", "URL", ISSUER, "required"),
    valued("--audience", "URL", AUDIENCE, "may be repeated; required by redox and smart"),
    valued("--profile", "NAME", PROFILES, "by default redox"),
    valued("--listen", "IP:PORT", "an address to listen on, such as 127.0.0.1:8080", "by default any on loopback"),
    valued("--replay", "STORE", "memory or redis://HOST:PORT", "by default memory"),
    Links::URI,
    Links::PAGES,
    switch("--allow-http-jwks", None, ALLOW_HTTP_JWKS),
    HELP,
    VERSION,
];

pub(crate) fn usage() -> String {
    let mut usage = String::from(
        "A token endpoint for the client credentials grant, with clients that authenticate by signed JWT.\n\n\
         usage: token_server                                      a demo with a generated client\n   or: token_server \
         --clients FILE --issuer URL [FLAG]...   your own clients\n\n",
    );
    usage += &FLAGS.usage();
    let (tokens, errors) = (crate::app::TOKEN_PATH, crate::app::ERRORS_PATH);
    let _ = write!(usage, "\nClients ask for tokens at POST {tokens}. GET {errors} explains every refusal.\n");
    usage
}
