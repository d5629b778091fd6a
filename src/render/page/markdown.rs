//! The page as Markdown: tables, whose rows may be as long as their texts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::topic::{Answer, Row, Text, Topic};

const INTRODUCTION: &str = "# Why was the request refused?

A refused request is answered with JSON. Find its `error_description` below, or its `error` if it
has no description. The texts are exactly those that the server sends.
";

const VENDOR: &str = "
## As the vendor documents them

";

const TEXTS: &str = "
## Every text, and what can be behind it

One text can have several causes. The server does not say which one it was, so check each of them.

";

pub(super) fn markdown(topics: &[Topic]) -> String {
    let mut page = INTRODUCTION.to_owned();
    let rows: BTreeSet<&Row> = topics.iter().filter_map(|topic| topic.row.as_ref()).collect();
    if !rows.is_empty() {
        page += VENDOR;
        page += "| Error description | Notes |
|---|---|
";
        rows.iter().for_each(|row| page += &vendor_row(row));
    }
    page += TEXTS;
    page += "| response | what is wrong | what to do | code, source |\n|---|---|---|---|\n";
    topics.iter().for_each(|topic| add_topic(&mut page, topic));
    page
}

/// A row as it stands in the vendor's own table.
fn vendor_row(row: &Row) -> String {
    let space = if row.notes.is_empty() { "" } else { " " };
    format!(
        "| {} | {}{space}|
",
        escaped(&row.description),
        escaped(&row.notes)
    )
}

fn add_topic(page: &mut String, topic: &Topic) {
    let answers: Vec<_> = topic.answers.iter().map(answer).collect();
    let mut response = format!(" <a id=\"{}\"></a>{}<br>{}", topic.id, text(&topic.text), answers.join("<br>"));
    for cause in &topic.causes {
        let (faults, reason) = (escaped(&cause.faults.join("; ")), cause.reason);
        let (advice, source) = (escaped(cause.advice), escaped(reason.source()));
        // Writing to a string cannot fail.
        let _ = writeln!(page, "|{response} | {faults} | {advice} | `{reason}`, {source} |");
        response.clear();
    }
}

fn text(text: &Text) -> String {
    match text {
        Text::Description(text) if text.is_empty() => "*(an empty description)*".to_owned(),
        Text::Description(text) | Text::Error(text) => code(text),
        Text::Status(status) => format!("status {status}"),
    }
}

fn answer(answer: &Answer) -> String {
    let Answer { status, error, .. } = answer;
    error.as_ref().map_or_else(|| status.to_string(), |error| format!("{status} {}", code(error)))
}

/// A span of code in a cell. Only a pipe is escaped there.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// Text in a cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '|' | '*' | '`' | '[' | '\\' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}
