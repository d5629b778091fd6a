//! The page as HTML: one document without scripts, images or other files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::topic::{Answer, Cause, Remedy, Row, Topic, groups, pattern};
use super::words::{Marks, introduction, is_blank, sentence, short, waiting};

/// The only style, which the content security policy of the service permits by its hash.
pub(super) const STYLE: &str = include_str!("style.css");

const MARKS: Marks = Marks {
    code: |text| format!("<code>{}</code>", escaped(text)),
    link: |id, text| format!("<a href=\"#{id}\">{}</a>", escaped(text)),
};

pub(super) fn html(topics: &[Topic]) -> String {
    let groups = groups(topics);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Why was the request refused?</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    page += "<header>\n<h1>Why was the request refused?</h1>\n";
    let _ = writeln!(page, "<p class=\"lead\">{}</p>", introduction(topics, &MARKS));
    page += "<p>One text can have several causes. The server does not say which one it was, so check each of \
        them.</p>\n</header>\n";
    add_contents(&mut page, &groups);
    page += "<main>\n";
    let mut quoted = BTreeMap::new();
    groups.iter().for_each(|group| add_group(&mut page, group, &mut quoted));
    page += "</main>\n</body>\n</html>\n";
    page
}

fn add_contents(page: &mut String, groups: &[&[Topic]]) {
    *page += "<nav aria-label=\"All texts\">\n<ul>\n";
    let shortened: Vec<_> = groups.iter().map(|group| short(&title(group))).collect();
    for (group, short) in groups.iter().zip(&shortened) {
        let is_unique = shortened.iter().filter(|other| *other == short).count() == 1;
        let text = if is_unique { short.clone() } else { title(group) };
        let id = group.first().map(|topic| &*topic.id).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<li><a href=\"#{id}\">{}</a></li>", escaped(&text));
    }
    *page += "</ul>\n</nav>\n";
}

/// The title of a group: its text, or the pattern of its texts.
fn title(group: &[Topic]) -> String {
    match group {
        [topic] if is_blank(&topic.text) => "An empty description".to_owned(),
        [topic] => topic.text.to_string(),
        several => pattern(several).unwrap_or_default(),
    }
}

/// The rows that were quoted in full, each with its topic.
type Quoted<'t> = BTreeMap<&'t Row, &'t Topic>;

fn add_group<'t>(page: &mut String, group: &'t [Topic], quoted: &mut Quoted<'t>) {
    let [first, _, ..] = group else {
        group.iter().for_each(|topic| add_topic(page, topic, quoted));
        return;
    };
    let _ = writeln!(page, "<div class=\"card\">\n<h2>{}</h2>", escaped(&title(group)));
    add_answers(page, &first.answers);
    add_causes(page, first, false);
    *page += "<div class=\"texts\">\n";
    for topic in group {
        let (id, text) = (&topic.id, escaped(&topic.text.to_string()));
        let _ = writeln!(page, "<section id=\"{id}\">\n<h3><a href=\"#{id}\">{text}</a></h3>");
        // Shown to those who follow a link, who need not search for the beginning of the card.
        *page += "<div class=\"aside\">\n";
        add_answers(page, &topic.answers);
        add_causes(page, topic, true);
        *page += "</div>\n</section>\n";
    }
    *page += "</div>\n</div>\n";
}

fn add_topic<'t>(page: &mut String, topic: &'t Topic, quoted: &mut Quoted<'t>) {
    let (id, heading) = (&topic.id, heading(topic));
    let _ = writeln!(page, "<section id=\"{id}\" class=\"card\">\n<h2><a href=\"#{id}\">{heading}</a></h2>");
    add_answers(page, &topic.answers);
    if let Some(row) = &topic.row {
        add_row(page, topic, row, quoted.get(row).copied());
        quoted.entry(row).or_insert(topic);
    }
    add_causes(page, topic, true);
    *page += "</section>\n";
}

fn add_answers(page: &mut String, answers: &[Answer]) {
    let answers = answers.iter().map(|answer| match &answer.error {
        Some(error) => format!("{} <code>{}</code>", answer.status, escaped(error)),
        None => answer.status.to_string(),
    });
    let _ = writeln!(page, "<p class=\"answer\">{}</p>", answers.collect::<Vec<_>>().join(" or "));
}

/// The vendor's own words, which may be about several texts. They are quoted once.
fn add_row(page: &mut String, topic: &Topic, row: &Row, earlier: Option<&Topic>) {
    if row.notes.is_empty() && row.description == topic.text.to_string() {
        return;
    }
    if let Some(earlier) = earlier {
        let link = (MARKS.link)(&earlier.id, &title(std::slice::from_ref(earlier)));
        let _ = writeln!(page, "<p class=\"elsewhere\">What the vendor\u{2019}s page says is at {link}.</p>");
        return;
    }
    *page += "<div class=\"vendor\">\n<p class=\"label\">From the vendor\u{2019}s page</p>\n";
    let _ = writeln!(page, "<p>{}</p>", escaped(&row.description));
    if !row.notes.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", escaped(&row.notes));
    }
    *page += "</div>\n";
}

/// What the client can do, and last what the operator of the server can.
fn add_causes(page: &mut String, topic: &Topic, with_faults: bool) {
    add_list(page, topic.of_client(), with_faults);
    if let Some(waiting) = waiting(topic, &MARKS) {
        let _ = writeln!(page, "<p class=\"waiting advice\">{waiting}</p>");
    }
    if topic.of_server().next().is_some() {
        *page += "<div class=\"operator\">\n<p class=\"label\">For the operator of the server</p>\n";
        add_list(page, topic.of_server(), with_faults);
        *page += "</div>\n";
    }
}

fn add_list<'t>(page: &mut String, causes: impl Iterator<Item = &'t Cause>, with_faults: bool) {
    let items: Vec<_> = causes.map(|cause| item(cause, with_faults)).collect();
    if !items.is_empty() {
        let _ = write!(page, "<ul class=\"causes\">\n{}</ul>\n", items.concat());
    }
}

fn item(cause: &Cause, with_faults: bool) -> String {
    let mut item = "<li>\n".to_owned();
    for Remedy { faults, advice } in &cause.remedies {
        item += "<dl>\n";
        if with_faults {
            let faults: Vec<_> = faults.iter().map(|fault| escaped(&sentence(fault))).collect();
            let _ = writeln!(item, "<dt>What is wrong</dt><dd>{}</dd>", faults.join("<br>"));
        }
        let _ = writeln!(item, "<dt>What to do</dt><dd class=\"advice\">{}</dd>\n</dl>", escaped(advice));
    }
    if let Some(reason) = cause.reason {
        let _ = writeln!(item, "<p class=\"source\"><code>{reason}</code> {}</p>", escaped(reason.source()));
    }
    item + "</li>\n"
}

/// A title in HTML.
fn heading(topic: &Topic) -> String {
    let title = escaped(&title(std::slice::from_ref(topic)));
    if is_blank(&topic.text) { format!("<em>{title}</em>") } else { title }
}

/// Text between tags. Quotation marks stay as they are, so that texts can be found.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
