//! The command line. An error is one line: the flag, its value, and what was expected.

use std::ffi::OsString;
use std::path::PathBuf;

use tower_client_assertion::Policy;

use crate::deployment::flags::{Flag, Flags, Given, HELP, VERSION, asked_for, is_credential, switch, valued};
use crate::deployment::links::Links;
use crate::deployment::profile::{is_issuer, profiled};
use crate::deployment::{ALLOW_HTTP_JWKS, AUDIENCE, CLIENTS, ISSUER, PROFILES};
use crate::input::moment::{self, Moment};

const FLAGS: Flags = Flags(&ROWS);

const ROWS: [Flag; 14] = [
    valued("--profile", "NAME", PROFILES, "required"),
    valued("--issuer", "URL", ISSUER, "not needed by redox and smart"),
    valued("--audience", "URL", AUDIENCE, "may be repeated; required by redox and smart"),
    valued("--clients", "FILE", CLIENTS, "without it, no client is judged"),
    valued("--at", "TIME", "an RFC 3339 time, Unix seconds, iat or now", "by default the HAR file's time, or now"),
    valued("--entry", "N", "the number of an entry in a HAR file, from 0", "by default the first that fits"),
    switch("--fetch", None, "fetches the client's key set once, if it has a jwks_uri"),
    switch("--search-clients", None, "looks for another client of the file whose key fits"),
    switch("--json", None, "prints JSON"),
    Links::URI,
    Links::PAGES,
    switch("--allow-http-jwks", None, ALLOW_HTTP_JWKS),
    HELP,
    VERSION,
];

/// What to judge, and by which rules.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) policy: Policy,
    pub(crate) issuer: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) clients: Option<PathBuf>,
    pub(crate) at: Option<Moment>,
    pub(crate) entry: Option<usize>,
    pub(crate) fetch: bool,
    pub(crate) search_clients: bool,
    pub(crate) json: bool,
    pub(crate) links: Links,
    pub(crate) allow_http_jwks: bool,
    pub(crate) input: Input,
}

/// Where the input is. It is never on the command line, which other users of the machine can read.
#[derive(Debug)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Explain(Box<Args>),
    /// Print this text.
    Print(String),
}

impl Command {
    /// Parses the command line.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let words: Vec<_> = words.collect();
        if let Some(text) = asked_for(&words, "explain", usage) {
            return Ok(Self::Print(text));
        }
        Args::of(FLAGS.read(words.into_iter())?).map(|args| Self::Explain(Box::new(args)))
    }
}

impl Args {
    fn of(mut given: Given) -> Result<Self, String> {
        let profile = given.required("--profile")?;
        let found = profiled(&profile, given.several("--audience"))?;
        let (policy, audiences) = found.ok_or_else(|| FLAGS.invalid("--profile", &profile))?;
        // The others accept their URLs alone.
        if !matches!(&*profile, "redox" | "smart") && !given.has("--issuer") {
            return Err(given.missing("--issuer"));
        }
        let args = Self {
            policy,
            audiences,
            issuer: parsed(&mut given, "--issuer", |value| is_issuer(value).then(|| value.to_owned()))?,
            clients: given.optional("--clients")?.map(PathBuf::from),
            at: parsed(&mut given, "--at", Moment::parse).map_err(of_time)?,
            entry: parsed(&mut given, "--entry", |value| value.parse().ok())?,
            fetch: given.has("--fetch"),
            search_clients: given.has("--search-clients"),
            json: given.has("--json"),
            links: Links::of(&mut given)?,
            allow_http_jwks: given.has("--allow-http-jwks"),
            input: input(given.words())?,
        };
        match args.clients {
            None if args.fetch => {
                Err("--fetch: it fetches the keys of a registered client: expected --clients".to_owned())
            }
            None if args.search_clients => Err("--search-clients: it searches a file: expected --clients".to_owned()),
            _ => Ok(args),
        }
    }
}

fn parsed<T>(given: &mut Given, flag: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    let value = given.optional(flag)?;
    value.map(|value| parse(&value).ok_or_else(|| FLAGS.invalid(flag, &value))).transpose()
}

/// Says what a time may be that is far too late.
fn of_time(error: String) -> String {
    match error.split('"').nth(1).is_some_and(moment::is_milliseconds) {
        true => error + "; this looks like milliseconds",
        false => error,
    }
}

fn input(words: &[String]) -> Result<Input, String> {
    match words {
        [] => Err("INPUT: missing: expected a file, or - for standard input; see --help".to_owned()),
        [word] if word == "-" => Ok(Input::Stdin),
        // The process list shows it to other users.
        [word] if is_credential(word) => {
            Err("INPUT: an assertion does not belong on the command line: expected a file, or - for standard input"
                .to_owned())
        }
        [word] => Ok(Input::File(word.into())),
        words => Err(format!("INPUT: given {} times: expected one file, or - for standard input", words.len())),
    }
}

fn usage() -> String {
    format!(
        "Explains why a token request is refused: everything that is wrong with it, and what to do.\n\n\
         usage: explain --profile NAME [FLAG]... FILE|-\n\
         example: explain --profile redox --audience URL --clients clients.json request.txt\n\n{}\n\
         The input is a curl line, a raw HTTP request, a HAR file, a form or a JWT. Nothing is sent to\n\
         the server, and nothing but --fetch uses the network.\n\n\
         It exits with 0 if the request is accepted, 1 if it is refused by a fault of the client, 2 by\n\
         a fault of the server, 3 if that is not decided, and 64 if there is nothing to judge.\n",
        FLAGS.usage()
    )
}
