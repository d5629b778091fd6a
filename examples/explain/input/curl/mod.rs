//! A `curl` line, as documentation has it and browsers copy it.

mod options;
mod request;
mod words;

use super::Captured;
use request::Sent;

/// What may be in front of `curl`, apart from a prompt, options and assignments.
const BEFORE: [&str; 12] =
    ["sudo", "time", "env", "exec", "command", "nohup", "if", "then", "do", "while", "until", "!"];
/// Where a prompt, or another command, ends.
const ENDS: [char; 9] = ['$', '%', '#', '>', '\u{276F}', '\u{279C}', ';', '|', '&'];
/// The most bytes in front of `curl`.
const MOST_BEFORE: usize = 300;

pub(super) fn is_command(text: &str) -> bool {
    start(text).is_some()
}

pub(super) fn read(text: &str) -> Result<Captured, String> {
    let Some((number, command)) = start(text) else { return Err("the input has no curl line".to_owned()) };
    let command = words::split(command, number)?;
    let names = ["-uri", "-body", "-method", "-headers", "-contenttype"].map(str::as_bytes);
    if command.words.iter().any(|word| names.contains(&&*word.bytes.to_ascii_lowercase())) {
        return Err("curl stands for Invoke-WebRequest of PowerShell here: expected a curl line for bash".to_owned());
    }
    let mut notes = command.notes;
    if command.more {
        notes.push("only the first command is read".to_owned());
    }
    let mut sent = Sent::new(notes);
    for argument in options::read(command.words.into_iter().skip(1))? {
        sent.take(argument)?;
    }
    let (request, notes) = sent.request()?;
    Ok(Captured { what: request.into(), source: format!("a curl line, line {number}"), sent_at: None, notes })
}

/// Returns the number of the first line with a command that is no comment, and the text from
/// there. The prompt of root looks like the beginning of a comment.
fn start(text: &str) -> Option<(usize, &str)> {
    let find = |comment: bool| {
        let mut begin = 0;
        (1..).zip(text.split_inclusive('\n')).find_map(|(number, line)| {
            let at = Some(begin).filter(|_| line.trim_start().starts_with('#') == comment);
            begin += line.len();
            Some((number, text.get(at? + command(line)?..)?))
        })
    };
    find(false).or_else(|| find(true))
}

/// Returns where `curl` begins in a line that runs it.
fn command(line: &str) -> Option<usize> {
    let mut begins = line.match_indices("curl").map(|(at, _)| at).take_while(|at| *at < MOST_BEFORE);
    begins.find(|at| line.split_at_checked(*at).is_some_and(|(before, rest)| is_curl(rest) && leads(before)))
}

fn is_curl(rest: &str) -> bool {
    let name = rest.split(char::is_whitespace).next();
    matches!(name, Some("curl" | "curl.exe"))
}

/// Returns whether what is in front of `curl` leads to it.
fn leads(before: &str) -> bool {
    let begin = before.rfind(|char: char| char.is_whitespace() || ">(".contains(char)).map_or(0, |at| at + 1);
    let (before, folder) = before.split_at_checked(begin).unwrap_or((before, ""));
    let before = before.trim_end();
    let words = before.rsplit(char::is_whitespace).take_while(|word| !word.ends_with(ENDS));
    let is_path = folder.is_empty() || folder.ends_with(['/', '\\']);
    is_path && (before.ends_with("$(") || words.filter(|word| !word.is_empty()).all(may_lead))
}

fn may_lead(word: &str) -> bool {
    let assigned = word.split_once('=').map(|(name, _)| name);
    let is_name = |name: &str| name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    BEFORE.contains(&word) || word.starts_with('-') || assigned.is_some_and(is_name)
}
