//! A `curl` line, as documentation has it and browsers copy it.

mod options;
mod request;
mod words;

use super::Captured;
use request::Sent;

pub(super) fn is_command(text: &str) -> bool {
    start(text).is_some_and(|(_, command)| is_curl(command.split_ascii_whitespace().next().unwrap_or_default()))
}

pub(super) fn read(text: &str) -> Result<Captured, String> {
    let Some((number, command)) = start(text) else { return Err("the input has no curl line".to_owned()) };
    if command.contains("^\"") || command.lines().any(|line| line.trim_end().ends_with(" ^")) {
        return Err("the curl line is written for cmd.exe: copy it for bash".to_owned());
    }
    // The numbers of lines in messages are those of the input.
    let command = words::split(&("\n".repeat(number - 1) + command))?;
    let mut notes = command.notes;
    if command.more {
        notes.push("only the first command is read".to_owned());
    }
    let mut sent = Sent::new(notes);
    for argument in options::read(command.words.into_iter().skip(1).collect())? {
        sent.take(argument)?;
    }
    let (request, notes) = sent.request()?;
    Ok(Captured { what: request.into(), source: format!("a curl line, line {number}"), sent_at: None, notes })
}

/// Returns the number of the first line that is neither empty nor a comment, and the text from
/// there, without a prompt.
fn start(text: &str) -> Option<(usize, &str)> {
    let mut rest = text;
    for number in 1.. {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim_start();
        if !line.is_empty() && !line.starts_with('#') {
            let command = rest.trim_start();
            return Some((number, command.strip_prefix("$ ").or(command.strip_prefix("% ")).unwrap_or(command)));
        }
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    None
}

fn is_curl(word: &str) -> bool {
    matches!(word.rsplit(['/', '\\']).next(), Some("curl" | "curl.exe"))
}
