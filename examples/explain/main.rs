//! Explains why a token request was refused: everything that is wrong with it, not only the first
//! fault, and what to do.
//!
//! ```sh
//! cargo run --example explain -- --profile redox --clients clients.json \
//!     --audience https://api.example.com/v2/auth/token request.txt
//! ```
//!
//! The input is a `curl` line, a raw HTTP request, a HAR file, a form or a JWT, in a file or on
//! standard input (`-`). It is never an argument, because other users can read those.
//!
//! The flags describe a server as `token_server` has them, and the verdict is its answer. Nothing
//! is sent to it. No assertion is spent, and no key set is fetched unless `--fetch` asks for it.
//!
//! - `input/` recognizes and reads what was captured.
//! - `judge.rs` is the part to copy: a layer with the rules of the server, and its explanation.
//! - `fetch.rs` fetches a key set; `output.rs` prints.
//! - `args.rs` reads the command line, with `../deployment`.

mod args;
#[path = "../deployment/mod.rs"]
mod deployment;
mod fetch;
mod input;
mod judge;
mod output;

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use axum::http::Uri;
use tower_client_assertion::clock::{Clock as _, SystemClock, UnixTime};
use tower_client_assertion::explain::Explanation;

use crate::args::{Args, Command, Input};
use crate::deployment::{TOKEN_PATH, clients};
use crate::fetch::Fetch;
use crate::input::moment::Moment;
use crate::input::{Captured, What, claims, read_bounded};
use crate::judge::Judge;

/// `EX_USAGE` of `sysexits.h`: there is nothing to judge.
const USAGE: u8 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        output::warn(&(error + "\n"));
        ExitCode::from(USAGE)
    })
}

async fn run() -> Result<ExitCode, String> {
    match Command::parse(std::env::args_os().skip(1))? {
        Command::Print(text) => {
            output::print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain(args) => explain(&args).await,
    }
}

async fn explain(args: &Args) -> Result<ExitCode, String> {
    let mut captured = Captured::read(&read(&args.input)?, args.entry).map_err(|error| format!("INPUT: {error}"))?;
    let at = moment(args, &mut captured)?;
    let fetch = Fetch::new(args.fetch);
    let judge = Judge::new(args, fetch.clone())?;
    let fetched = match judge.registry().filter(|_| args.fetch) {
        Some(registry) => Some(fetch.keys_of(registry, client_id(&captured), at).await),
        None => None,
    };
    let explanation = judge.explain(&captured, at).await;
    let explanation = if args.search_clients { judge.search_clients(explanation, &captured) } else { explanation };
    if let Some(registry) = judge.registry() {
        output::warn(&problems(
            clients::unusable(registry, std::slice::from_ref(&args.policy)),
            client_id(&captured).ok(),
        ));
    }
    show(args, &captured, fetched, &explanation)?;
    Ok(ExitCode::from(output::exit_code(explanation.verdict())))
}

/// JSON is alone on stdout.
fn show(args: &Args, captured: &Captured, fetched: Option<String>, explanation: &Explanation) -> Result<(), String> {
    let fetched = fetched.iter().map(|fetched| format!("fetched   {fetched}\n"));
    let notes = elsewhere(args, captured).into_iter().chain(captured.notes.iter().cloned());
    let notes = notes.map(|note| format!("note      {note}\n"));
    let notes: String = fetched.chain(notes).collect();
    if args.json {
        output::warn(&notes);
        output::print(&output::json(explanation)?)
    } else {
        output::print(&output::text(explanation, captured, &notes))
    }
}

/// Says that a request went to another path than that of the server. The layer does not see this.
fn elsewhere(args: &Args, captured: &Captured) -> Option<String> {
    let What::Request(request) = &captured.what else { return None };
    let path = request.uri().path();
    let is_known =
        path == TOKEN_PATH || args.audiences.iter().any(|url| url.parse().is_ok_and(|url: Uri| url.path() == path));
    // The URL of a curl line may be a variable.
    let is_replaced = captured.notes.iter().any(|note| note.contains("is not replaced"));
    let is_known = is_known || (path == "/" && is_replaced) || path.contains('$');
    (!is_known).then(|| format!("the server answers at {TOKEN_PATH}; this request went to {}", output::path(request)))
}

fn read(input: &Input) -> Result<Vec<u8>, String> {
    let (name, read) = match input {
        Input::Stdin => ("standard input".to_owned(), read_bounded(io::stdin().lock())),
        Input::File(path) => (named(path), File::open(path).and_then(read_bounded)),
    };
    let read = read.map_err(|error| format!("INPUT: {name}: {error}: expected a readable file, or -"))?;
    read.map_err(|error| format!("INPUT: {error}"))
}

/// Someone may have given the input itself in place of the name of a file.
fn named(path: &Path) -> String {
    let text = path.to_string_lossy();
    let may_be_secret = text.contains(['=', '&']) || (text.len() >= 16 && !text.contains(['/', '\\', '.']));
    if may_be_secret { "(not repeated)".to_owned() } else { format!("{text:?}") }
}

fn moment(args: &Args, captured: &mut Captured) -> Result<UnixTime, String> {
    let sent_at = captured.sent_at.map(Moment::At);
    let issued_at = || captured.assertion().map_or(Err(NO_ASSERTION), |assertion| claims::issued_at(&assertion));
    let (at, note) = match args.at.or(sent_at).unwrap_or(Moment::Now) {
        Moment::At(secs) => (Some(secs), None),
        Moment::Now => (None, None),
        Moment::Iat => match issued_at() {
            Ok((secs, odd)) => (Some(secs), odd.map(|odd| format!("--at iat: {odd}: it is read as {secs}"))),
            Err(why) => (None, Some(format!("--at iat: {why}: the request is judged now"))),
        },
    };
    captured.notes.extend(note);
    let now = || SystemClock.now().ok_or_else(|| "--at: now: the clock is before 1970".to_owned());
    at.map_or_else(now, |secs| Ok(UnixTime::from_secs(secs)))
}

const NO_ASSERTION: &str = "the input has no assertion";

fn client_id(captured: &Captured) -> Result<String, &'static str> {
    captured.assertion().map_or(Err(NO_ASSERTION), |assertion| claims::client_id(&assertion))
}

/// Writes what is wrong with the client of the request, and one line about the other clients.
fn problems(problems: Vec<(Option<String>, String)>, client: Option<String>) -> String {
    let (own, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(|(id, _)| id.is_some() && *id == client);
    let mut lines: String = own.iter().map(|(_, line)| format!("{line}\n")).collect();
    match others.as_slice() {
        [] => {}
        [(_, line)] => lines += &format!("{line}\n"),
        others => {
            let ids: Vec<_> = others.iter().flat_map(|(id, _)| id).take(3).map(|id| format!("{id:.40?}")).collect();
            lines += &format!("{} problems with other clients, such as {}\n", others.len(), ids.join(", "));
        }
    }
    lines
}
