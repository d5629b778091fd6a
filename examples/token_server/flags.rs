//! The flags of the command line, and the usage.

use std::fmt::Write as _;

use crate::deployment::flags::{Flag, Flags, HELP, VERSION, switch, valued};
use crate::deployment::links::Links;
use crate::deployment::{ALLOW_HTTP_JWKS, AUDIENCE, CLIENTS, ISSUER, PROFILES};

pub(crate) const FLAGS: Flags = Flags(&ROWS);

const ROWS: [Flag; 18] = [
    valued("--config", "FILE", "the path of a configuration in TOML", "the other flags override it"),
    valued("--clients", "FILE", CLIENTS, "required"),
    valued("--issuer", "URL", ISSUER, "required"),
    valued("--audience", "URL", AUDIENCE, "may be repeated; required by redox and smart"),
    valued("--profile", "NAME", PROFILES, "by default redox"),
    valued("--listen", "IP:PORT", "an address to listen on, such as 127.0.0.1:8080", "by default any on loopback"),
    valued("--replay", "STORE", "memory or redis://HOST:PORT", "by default memory"),
    Links::URI,
    Links::PAGES,
    switch("--allow-http-jwks", None, ALLOW_HTTP_JWKS),
    valued("--ca-file", "PEM", "certificate authorities to trust in addition", "for fetches over https"),
    valued("--allow-address", "CIDR", "special-use addresses to fetch from", "may be repeated"),
    valued("--metrics", "IP:PORT", "an address for metrics, such as 127.0.0.1:9090", "GET /metrics, for Prometheus"),
    valued("--audit", "FILE", "the path of an audit log", "a line of JSON for each request"),
    valued("--tenants", "FILE", "the path of a JSON object of tenants by name", "each at /NAME/v2/auth/token"),
    switch("--show-client", None, "adds what is known about the client to each token response, for tests"),
    HELP,
    VERSION,
];

pub(crate) fn usage() -> String {
    let mut usage = String::from(
        "A token endpoint for the client credentials grant, with clients that authenticate by signed JWT.\n\n\
         usage: token_server                                      a demo with a generated client\n   or: token_server \
         --clients FILE --issuer URL [FLAG]...   your own clients\n   or: token_server --config FILE [FLAG]...                 the same \
         from a file\n\n",
    );
    usage += &FLAGS.usage();
    usage += "\nIn a file, policy = \"rfc7523\" is the profile as it is. --profile rfc7523 also accepts\nshared secrets \
              and, with --audience, those URLs in aud.\n";
    let (tokens, errors) = (crate::app::TOKEN_PATH, crate::app::ERRORS_PATH);
    let _ = write!(usage, "\nClients ask for tokens at POST {tokens}. GET {errors} explains every refusal.\n");
    usage
}
