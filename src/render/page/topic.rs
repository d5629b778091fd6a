//! The topics of a page, taken from the responses of a renderer.

use serde_json::Value;

use super::occurrence::can_occur;
use crate::policy::Policy;
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

/// One reason that can be behind the text.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) reason: Reason,
    /// What is wrong. One sentence for each fault that the reason covers.
    pub(super) faults: Vec<String>,
    pub(super) advice: &'static str,
}

/// Returns the topics in the order of the checks.
pub(super) fn topics(vocabulary: &dyn RenderRejection, policies: &[Policy]) -> Vec<Topic> {
    let mut kinds: Vec<_> = RejectionKind::all().filter(|kind| can_occur(kind, policies)).collect();
    kinds.sort_by_key(RejectionKind::reason);
    let mut found: Vec<(Text, Vec<Answer>, Vec<RejectionKind>)> = Vec::new();
    for kind in kinds {
        let (text, answer) = answer(vocabulary, &kind);
        match found.iter_mut().find(|(known, ..)| *known == text) {
            Some((_, answers, kinds)) => {
                if !answers.contains(&answer) {
                    answers.push(answer);
                }
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

fn answer(vocabulary: &dyn RenderRejection, kind: &RejectionKind) -> (Text, Answer) {
    let rejection = match kind.clone() {
        RejectionKind::Client(fault) => Rejection::from(fault),
        RejectionKind::Server(fault) => Rejection::from(fault),
    };
    let response = vocabulary.render(&rejection);
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (status, error) = (response.status().as_u16(), member("error"));
    let text = match (member("error_description"), &error) {
        (Some(description), _) => Text::Description(description),
        (None, Some(error)) => Text::Error(error.clone()),
        (None, None) => Text::Status(status),
    };
    (text, Answer { status, error, retry: response.headers().contains_key("retry-after") })
}

/// A renderer of the user's may have two texts with the same words.
fn unused(id: String, topics: &[Topic]) -> String {
    let free = |id: &String| topics.iter().all(|topic| topic.id != *id);
    let numbered = (2..).map(|number: u32| format!("{id}-{number}"));
    std::iter::once(id.clone()).chain(numbered).find(free).unwrap_or(id)
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
            let (reason, fault) = (kind.reason(), describe(kind, kinds));
            match causes.iter_mut().find(|cause| cause.reason == reason) {
                Some(cause) if cause.faults.contains(&fault) => {}
                Some(cause) => cause.faults.push(fault),
                None => {
                    let advice = vocabulary.advice(kind);
                    // The vendor's notes are shown once, not with each cause.
                    let noted = row.as_ref().is_some_and(|row| row.notes == advice);
                    let advice = if noted { reason.advice() } else { advice };
                    causes.push(Cause { reason, faults: vec![fault], advice });
                }
            }
        }
        Self { id, text, answers, row, causes }
    }

    /// Whether the client is not at fault and can only try again.
    pub(super) fn is_of_server(&self) -> bool {
        self.causes.iter().all(|cause| cause.reason.party() == Party::Server)
    }

    /// Whether the response says when to try again.
    pub(super) fn has_retry_after(&self) -> bool {
        self.answers.iter().all(|answer| answer.retry)
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

/// Returns the topics in groups: neighbours that differ in nothing but their text share one.
pub(super) fn groups(topics: &[Topic]) -> impl Iterator<Item = &[Topic]> {
    topics.chunk_by(|one, next| {
        let reasons = |topic: &Topic| topic.causes.iter().map(|cause| cause.reason).collect::<Vec<_>>();
        one.row.is_none() && next.row.is_none() && one.answers == next.answers && reasons(one) == reasons(next)
    })
}

/// Returns the pattern of several texts: their common beginning and end, in whole words.
pub(super) fn pattern(texts: &[&str]) -> String {
    let Some((first, rest)) = texts.split_first() else { return String::new() };
    let common = |words: &dyn Fn(&str) -> Vec<String>| {
        let mine = words(first);
        let count = rest.iter().map(|text| mine.iter().zip(words(text)).take_while(|(a, b)| *a == b).count()).min();
        mine.into_iter().take(count.unwrap_or_default()).collect::<Vec<_>>()
    };
    let start = common(&|text| text.split(' ').map(str::to_owned).collect());
    let mut end = common(&|text| text.split(' ').rev().map(str::to_owned).collect());
    end.reverse();
    [start, vec!["\u{2026}".to_owned()], end].concat().join(" ")
}
