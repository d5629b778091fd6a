//! The page as Markdown: tables, whose rows may be as long as their texts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::topic::{Answer, Cause, Remedy, Row, Text, Topic};
use super::words::{Marks, introduction, waiting};

const VENDOR: &str = "
## As the vendor documents them

| Error description | Notes |
|---|---|
";

const TEXTS: &str = "
## Every text, and what can be behind it

One text can have several causes. The server does not say which one it was, so check each of them.

| response | what is wrong | what to do | code, source |
|---|---|---|---|
";

const MARKS: Marks = Marks { code, link: |id, text| format!("[{text}](#{id})") };

pub(super) fn markdown(topics: &[Topic]) -> String {
    let mut page = "# Why was the request refused?\n\n".to_owned();
    add_paragraph(&mut page, &introduction(topics, &MARKS));
    let rows: BTreeSet<&Row> = topics.iter().filter_map(|topic| topic.row.as_ref()).collect();
    if !rows.is_empty() {
        page += VENDOR;
        rows.iter().for_each(|row| page += &vendor_row(row));
    }
    page += TEXTS;
    topics.iter().for_each(|topic| add_topic(&mut page, topic));
    page
}

/// In lines of at most 100 characters.
fn add_paragraph(page: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split(' ') {
        let fits = width + 1 + word.len() <= 100;
        *page += match width {
            0 => "",
            _ if fits => " ",
            _ => "\n",
        };
        width = if fits && width > 0 { width + 1 + word.len() } else { word.len() };
        *page += word;
    }
    page.push('\n');
}

/// A row as it stands in the vendor's own table.
fn vendor_row(row: &Row) -> String {
    let space = if row.notes.is_empty() { "" } else { " " };
    format!("| {} | {}{space}|\n", escaped(&row.description), escaped(&row.notes))
}

/// The operator's advice is the last.
fn add_topic(page: &mut String, topic: &Topic) {
    let answers: Vec<_> = topic.answers.iter().map(answer).collect();
    let first = format!(" <a id=\"{}\"></a>{}<br>{}", topic.id, text(&topic.text), answers.join("<br>"));
    let mut rows: Vec<_> = topic.of_client().flat_map(|cause| cells(cause, "")).collect();
    rows.extend(waiting(topic, &MARKS).map(|advice| format!("| | {advice} | |")));
    rows.extend(topic.of_server().flat_map(|cause| cells(cause, "*For the operator:* ")));
    let responses = std::iter::once(first.as_str()).chain(std::iter::repeat(""));
    for (response, row) in responses.zip(rows) {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "|{response} {row}");
    }
}

/// The last three cells of each row.
fn cells(cause: &Cause, reader: &str) -> Vec<String> {
    let source = cause.reason.map(|reason| format!(" `{reason}`, {}", escaped(reason.source()))).unwrap_or_default();
    let row = |Remedy { faults, advice }: &Remedy| {
        format!("| {} | {reader}{} |{source} |", escaped(&faults.join("; ")), escaped(advice))
    };
    cause.remedies.iter().map(row).collect()
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

/// A span of code in a cell, between more backticks than it has in a row. Only a pipe is escaped
/// there.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let (marks, space) = ("`".repeat(longest + 1), if longest == 0 { "" } else { " " });
    format!("{marks}{space}{text}{space}{marks}")
}

/// Text in a cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '|' | '*' | '`' | '[' | '\\' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}
