//! The topics of a page, taken from the responses of a renderer.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{Response, header};
use serde_json::Value;

use super::occurrence::Scope;
use crate::rejection::{ClientFault, Party, Reason, Rejection, RejectionKind};
use crate::render::link::topic_id;
use crate::render::{RenderRejection, VendorRow};

/// All rejections that are answered with the same text.
#[derive(Debug)]
pub(super) struct Topic {
    /// Its name in links, which no other topic of the page has.
    pub(super) id: String,
    pub(super) text: Text,
    /// The statuses and `error` codes that come with the text.
    pub(super) answers: Vec<Answer>,
    /// What the vendor's documentation says.
    pub(super) row: Option<Row>,
    pub(super) causes: Vec<Cause>,
}

/// A [`VendorRow`] that is kept.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    number: usize,
    pub(super) description: String,
    pub(super) notes: String,
}

impl From<VendorRow<'_>> for Row {
    fn from(VendorRow { number, description, notes }: VendorRow<'_>) -> Self {
        Self { number, description: description.to_owned(), notes: notes.to_owned() }
    }
}

/// What the reader has to search for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// The `error_description`. It may be empty.
    Description(String),
    /// The `error`, of a vocabulary without descriptions.
    Error(String),
    /// The status, of a response that is not JSON.
    Status(u16),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) error: Option<String>,
    /// Whether the response says when to try again.
    pub(super) retry: bool,
}

/// What can be behind the text.
#[derive(Debug)]
pub(super) struct Cause {
    /// None if the application answers.
    pub(super) reason: Option<Reason>,
    /// Whether the advice is for the operator of the server.
    pub(super) is_of_server: bool,
    pub(super) remedies: Vec<Remedy>,
}

/// What is wrong, with one sentence for each fault, and what to do about it.
#[derive(Debug)]
pub(super) struct Remedy {
    pub(super) faults: Vec<String>,
    pub(super) advice: Cow<'static, str>,
}

/// Returns the topics in the order of the checks.
pub(super) fn topics(vocabulary: &dyn RenderRejection, scope: &Scope<'_>) -> Vec<Topic> {
    let mut kinds: Vec<_> = RejectionKind::all().filter(|kind| scope.includes(kind)).collect();
    kinds.sort_by_key(RejectionKind::reason);
    let mut found: Vec<(Text, Vec<Answer>, Vec<RejectionKind>)> = Vec::new();
    for kind in kinds {
        let (text, answer) = answer(vocabulary, &kind);
        match found.iter_mut().find(|(known, ..)| *known == text) {
            Some((_, answers, kinds)) => {
                add_unless_known(answers, answer);
                kinds.push(kind);
            }
            None => found.push((text, vec![answer], vec![kind])),
        }
    }
    let mut topics: Vec<Topic> = Vec::with_capacity(found.len());
    for (text, answers, kinds) in found {
        let id = unused(text.id(), &topics);
        topics.push(Topic::new(id, text, answers, &kinds, vocabulary));
    }
    topics
}

/// Adds a response that the application makes itself.
pub(super) fn add_response(topics: &mut Vec<Topic>, response: &Response<Bytes>, remedy: Remedy) {
    let (text, answer) = read(response);
    let is_of_server = response.status().is_server_error();
    let cause = Cause { reason: None, is_of_server, remedies: vec![remedy] };
    match topics.iter_mut().find(|topic| topic.text == text) {
        Some(topic) => {
            add_unless_known(&mut topic.answers, answer);
            topic.causes.push(cause);
        }
        None => {
            let id = unused(text.id(), topics);
            topics.push(Topic { id, text, answers: vec![answer], row: None, causes: vec![cause] });
        }
    }
}

fn add_unless_known(answers: &mut Vec<Answer>, answer: Answer) {
    if !answers.contains(&answer) {
        answers.push(answer);
    }
}

fn answer(vocabulary: &dyn RenderRejection, kind: &RejectionKind) -> (Text, Answer) {
    let rejection = match kind.clone() {
        RejectionKind::Client(fault) => Rejection::from(fault),
        RejectionKind::Server(fault) => Rejection::from(fault),
    };
    read(&vocabulary.render(&rejection))
}

fn read(response: &Response<Bytes>) -> (Text, Answer) {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (status, error) = (response.status().as_u16(), member("error"));
    let text = match (member("error_description"), &error) {
        (Some(description), _) => Text::Description(description),
        (None, Some(error)) => Text::Error(error.clone()),
        (None, None) => Text::Status(status),
    };
    (text, Answer { status, error, retry: response.headers().contains_key(header::RETRY_AFTER) })
}

/// A renderer of the user's may have two texts with the same words.
fn unused(id: String, topics: &[Topic]) -> String {
    let free = |id: &String| topics.iter().all(|topic| topic.id != *id);
    let numbered = (2..).map(|number: u32| format!("{id}-{number}"));
    std::iter::once(id.clone()).chain(numbered).find(free).unwrap_or(id)
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Description(text) | Self::Error(text) => f.write_str(text),
            Self::Status(status) => write!(f, "Status {status}"),
        }
    }
}

impl Text {
    fn id(&self) -> String {
        match self {
            Self::Description(text) | Self::Error(text) => topic_id(text),
            Self::Status(status) => format!("status-{status}"),
        }
    }
}

impl Topic {
    fn new(
        id: String,
        text: Text,
        answers: Vec<Answer>,
        kinds: &[RejectionKind],
        vocabulary: &dyn RenderRejection,
    ) -> Self {
        let row = kinds.iter().find_map(|kind| vocabulary.vendor_row(kind)).map(Row::from);
        let mut causes: Vec<Cause> = Vec::new();
        for kind in kinds {
            let advice = vocabulary.advice(kind);
            // The vendor's notes are shown once, not with each cause.
            let noted = row.as_ref().is_some_and(|row| row.notes == advice);
            let advice = if noted { kind.advice() } else { advice };
            let reason = kind.reason();
            // Kinds of one reason follow one another.
            if causes.last().is_none_or(|cause| cause.reason != Some(reason)) {
                causes.push(Cause::new(reason));
            }
            causes.iter_mut().last().into_iter().for_each(|cause| cause.add(describe(kind, kinds), advice));
        }
        Self { id, text, answers, row, causes }
    }

    /// The causes about which the client can do something, or what is between it and the server.
    pub(super) fn of_client(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|cause| !cause.is_of_server)
    }

    pub(super) fn of_server(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|cause| cause.is_of_server)
    }

    /// Whether nothing but the text tells it from the other.
    fn is_like(&self, other: &Self) -> bool {
        let advice = |topic: &Self| -> Vec<_> {
            let all = topic.causes.iter().flat_map(|cause| cause.remedies.iter().map(|remedy| (cause.reason, remedy)));
            all.map(|(reason, remedy)| (reason, remedy.advice.clone())).collect()
        };
        let quoted = self.row.is_some() || other.row.is_some();
        !quoted && self.answers == other.answers && advice(self) == advice(other)
    }
}

impl Cause {
    fn new(reason: Reason) -> Self {
        Self { reason: Some(reason), is_of_server: reason.party() == Party::Server, remedies: Vec::new() }
    }

    fn add(&mut self, fault: String, advice: &'static str) {
        match self.remedies.iter_mut().find(|remedy| remedy.advice == advice) {
            Some(remedy) if remedy.faults.contains(&fault) => {}
            Some(remedy) => remedy.faults.push(fault),
            None => self.remedies.push(Remedy { faults: vec![fault], advice: advice.into() }),
        }
    }
}

/// Says what is wrong. Where the text does not tell the parts of an assertion apart, this does not
/// repeat itself for each of them.
fn describe(kind: &RejectionKind, among: &[RejectionKind]) -> String {
    let RejectionKind::Client(fault) = kind else { return kind.to_string() };
    match fault {
        ClientFault::NotBase64Url(_, fault) => format!("a part of the client assertion {fault}"),
        ClientFault::NotJsonObject(part, fault) => {
            let elsewhere = |other: &RejectionKind| match other {
                RejectionKind::Client(ClientFault::NotJsonObject(other, same)) => other != part && same == fault,
                _ => false,
            };
            match among.iter().any(elsewhere) {
                true => format!("the header or the claims set of the client assertion {fault}"),
                false => kind.to_string(),
            }
        }
        _ => kind.to_string(),
    }
}

/// Returns the topics in groups: neighbours that differ in nothing but some words of their texts
/// share one.
pub(super) fn groups(mut topics: &[Topic]) -> Vec<&[Topic]> {
    let mut groups = Vec::new();
    while let Some(first) = topics.first() {
        let alike = topics.iter().take_while(|topic| first.is_like(topic)).count();
        let joined = |count: &usize| topics.get(..*count).is_some_and(|group| pattern(group).is_some());
        let (group, rest) = topics.split_at((2..=alike).take_while(joined).last().unwrap_or(1));
        groups.push(group);
        topics = rest;
    }
    groups
}

/// Returns the pattern of several texts: their common beginning and end, of at least three words
/// together.
pub(super) fn pattern(group: &[Topic]) -> Option<String> {
    let texts: Vec<_> = group.iter().map(|topic| topic.text.to_string()).collect();
    let (first, rest) = texts.split_first()?;
    let common = |words: fn(&str) -> Vec<&str>| {
        let mine = words(first);
        let count = rest.iter().map(|text| mine.iter().zip(words(text)).take_while(|(a, b)| *a == b).count()).min();
        mine.into_iter().take(count.unwrap_or_default()).collect::<Vec<_>>()
    };
    let start = common(|text| text.split(' ').collect());
    let mut end = common(|text| text.split(' ').rev().collect());
    end.reverse();
    (start.len() + end.len() >= 3).then(|| [start, vec!["\u{2026}"], end].concat().join(" "))
}
