//! What both forms of the page say in the same words.

use super::topic::{Text, Topic};

/// How a form writes what is not plain text.
pub(super) struct Marks {
    pub(super) code: fn(&str) -> String,
    /// A link to a topic.
    pub(super) link: fn(&str, &str) -> String,
}

/// Says what to search for.
pub(super) fn introduction(topics: &[Topic], marks: &Marks) -> String {
    let has = |wanted: fn(&Text) -> bool| topics.iter().any(|topic| wanted(&topic.text));
    let (description, error) = ((marks.code)("error_description"), (marks.code)("error"));
    let mut text = match (has(is_description), has(is_error)) {
        (true, true) => format!("Find its {description} here, or its {error} if it has no description."),
        (true, false) => format!("Find its {description} here."),
        (false, true) => format!("Find its {error} here."),
        (false, false) => "Find its status here.".to_owned(),
    };
    if let Some(blank) = topics.iter().find(|topic| is_blank(&topic.text)) {
        text += &format!(" An empty one is under {}.", (marks.link)(&blank.id, "An empty description"));
    }
    let json = if has(is_status) { "" } else { " with JSON" };
    format!("A refused request is answered{json}. {text} The texts stand here as they are sent.")
}

/// Says what the client can do that is not at fault, or that has done what was advised.
pub(super) fn waiting(topic: &Topic, marks: &Marks) -> Option<String> {
    let (client, server) = (topic.of_client().next().is_some(), topic.of_server().next().is_some());
    let retry = match topic.answers.iter().filter(|answer| answer.retry).count() {
        0 => None,
        count => {
            let header = (marks.code)("Retry-After");
            let condition = if count < topic.answers.len() { ", if the response has it" } else { "" };
            Some(format!(" the request again with a new assertion, after the seconds in {header}{condition}."))
        }
    };
    let or_tell = |retry: Option<String>| match retry {
        Some(retry) => format!("Send{retry}"),
        None => "Tell the operator of the server.".to_owned(),
    };
    match (client, server) {
        (_, false) => retry.map(|retry| format!("Then send{retry}")),
        (false, true) => Some(format!("The client is not at fault. {}", or_tell(retry))),
        (true, true) => Some(format!("If none of this is the cause, the client is not at fault. {}", or_tell(retry))),
    }
}

pub(super) fn is_blank(text: &Text) -> bool {
    matches!(text, Text::Description(text) if text.is_empty())
}

fn is_description(text: &Text) -> bool {
    matches!(text, Text::Description(_))
}

fn is_error(text: &Text) -> bool {
    matches!(text, Text::Error(_))
}

fn is_status(text: &Text) -> bool {
    matches!(text, Text::Status(_))
}

/// A sentence. The names of claims and parameters keep their case.
pub(super) fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let ordinary = ["a", "an", "no", "more", "neither", "only", "the", "there", "too"].contains(&first);
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if ordinary => format!("{}{}.", first.to_ascii_uppercase(), characters.as_str()),
        _ => format!("{text}."),
    }
}

/// A title for the contents: of a long one, the first words and the last.
pub(super) fn short(title: &str) -> String {
    let words: Vec<_> = title.split(' ').collect();
    match words.as_slice() {
        [a, b, c, .., d, e] if title.len() > 44 && words.len() > 5 => format!("{a} {b} {c} \u{2026} {d} {e}"),
        _ => title.to_owned(),
    }
}
