//! The page as HTML: one document without scripts, images or other files.

use std::fmt::Write as _;

use super::topic::{Answer, Cause, Text, Topic, groups, pattern};

/// The only style, which the content security policy of the service permits by its hash.
pub(super) const STYLE: &str = include_str!("style.css");

const INTRODUCTION: &str = "<p class=\"lead\">A refused request is answered with JSON. Find its \
    <code>error_description</code> here, or its <code>error</code> if it has no description. The texts are exactly \
    those that the server sends.</p>\n<p>One text can have several causes. The server does not say which one it was, \
    so check each of them.</p>\n";

pub(super) fn html(topics: &[Topic]) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Why was the request refused?</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    page += "<header>\n<h1>Why was the request refused?</h1>\n";
    page += INTRODUCTION;
    page += "</header>\n";
    add_contents(&mut page, topics);
    page += "<main>\n";
    groups(topics).for_each(|group| add_group(&mut page, group));
    page += "</main>\n</body>\n</html>\n";
    page
}

fn add_contents(page: &mut String, topics: &[Topic]) {
    *page += "<nav aria-label=\"All texts\">\n<ul>\n";
    for group in groups(topics) {
        let Some(first) = group.first() else { continue };
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<li><a href=\"#{}\">{}</a></li>", first.id, title(group));
    }
    *page += "</ul>\n</nav>\n";
}

/// The title of a group: its text, or the pattern of its texts.
fn title(group: &[Topic]) -> String {
    match group {
        [topic] => heading(&topic.text),
        several => {
            let texts: Vec<_> = several.iter().map(|topic| text(&topic.text)).collect();
            escaped(&pattern(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
        }
    }
}

fn add_group(page: &mut String, group: &[Topic]) {
    match group {
        [] => {}
        [topic] => add_topic(page, topic),
        [first, ..] => {
            let _ = writeln!(page, "<div class=\"card\">\n<h2>{}</h2>", title(group));
            add_answers(page, &first.answers);
            // The texts themselves say what is wrong.
            add_advice(page, first, |_| String::new());
            *page += "<div class=\"texts\">\n";
            for topic in group {
                let (id, heading) = (&topic.id, heading(&topic.text));
                let _ = writeln!(page, "<section id=\"{id}\"><h3><a href=\"#{id}\">{heading}</a></h3></section>");
            }
            *page += "</div>\n</div>\n";
        }
    }
}

fn add_topic(page: &mut String, topic: &Topic) {
    let (id, heading) = (&topic.id, heading(&topic.text));
    let _ = writeln!(page, "<section id=\"{id}\" class=\"card\">\n<h2><a href=\"#{id}\">{heading}</a></h2>");
    add_answers(page, &topic.answers);
    add_row(page, topic);
    add_advice(page, topic, faults);
    *page += "</section>\n";
}

fn add_answers(page: &mut String, answers: &[Answer]) {
    let answers = answers.iter().map(|answer| match &answer.error {
        Some(error) => format!("{} <code>{}</code>", answer.status, escaped(error)),
        None => answer.status.to_string(),
    });
    let _ = writeln!(page, "<p class=\"answer\">{}</p>", answers.collect::<Vec<_>>().join(" or "));
}

/// The vendor's own words, which may be about several texts.
fn add_row(page: &mut String, topic: &Topic) {
    let Some(row) = &topic.row else { return };
    let title = Some(&row.description).filter(|description| **description != text(&topic.text));
    let notes = Some(&row.notes).filter(|notes| !notes.is_empty());
    let paragraphs: Vec<_> = title.into_iter().chain(notes).map(|text| format!("<p>{}</p>\n", escaped(text))).collect();
    if !paragraphs.is_empty() {
        let _ = write!(page, "<div class=\"vendor\">\n{}</div>\n", paragraphs.concat());
    }
}

fn add_advice(page: &mut String, topic: &Topic, faults: fn(&Cause) -> String) {
    if topic.is_of_server() {
        *page += "<p>The client is not at fault. ";
        *page += match topic.has_retry_after() {
            true => "Send the request again with a new assertion, after the seconds in <code>Retry-After</code>.",
            false => "Tell the operator of the server.",
        };
        *page += " For the operator:</p>\n";
    }
    *page += "<ul class=\"causes\">\n";
    for cause in &topic.causes {
        let (faults, advice) = (faults(cause), escaped(cause.advice));
        let (reason, source) = (cause.reason, escaped(cause.reason.source()));
        let source = format!("<p class=\"source\"><code>{reason}</code> {source}</p>");
        let _ = writeln!(page, "<li>\n{faults}<p>{advice}</p>\n{source}\n</li>");
    }
    *page += "</ul>\n";
}

/// What is wrong: a sentence for each fault.
fn faults(cause: &Cause) -> String {
    let sentences: Vec<_> = cause.faults.iter().map(|fault| escaped(&capitalised(fault)) + ".").collect();
    format!("<p class=\"fault\">{}</p>\n", sentences.join("<br>"))
}

/// A title in HTML.
fn heading(title: &Text) -> String {
    match title {
        Text::Description(empty) if empty.is_empty() => "<em>An empty description</em>".to_owned(),
        other => escaped(&text(other)),
    }
}

fn text(title: &Text) -> String {
    match title {
        Text::Description(text) | Text::Error(text) => text.clone(),
        Text::Status(status) => format!("Status {status}"),
    }
}

/// A sentence. The names of claims and parameters keep their case.
fn capitalised(sentence: &str) -> String {
    let first = sentence.split(' ').next().unwrap_or_default();
    let ordinary = ["a", "an", "no", "more", "neither", "only", "the", "there", "too"].contains(&first);
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) if ordinary => first.to_ascii_uppercase().to_string() + characters.as_str(),
        _ => sentence.to_owned(),
    }
}

/// Text between tags. Quotation marks stay as they are, so that texts can be found.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
