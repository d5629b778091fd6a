//! The answers of a renderer, as the layer gives them.
//!
//! Most renderers say the same whenever they say why. Such an answer is made when it is first needed, and copied from then on:
//! to serialise a few words and to put a handful of headers into a map takes longer than all else that a refusal takes.

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use super::RenderRejection;
use crate::rejection::{Rejection, RejectionKind};

/// More than twice as many as there are kinds of rejections.
const PLACES: usize = 256;

/// A renderer, and what it has said.
pub(crate) struct ResponseCache {
    renderer: Box<dyn RenderRejection>,
    /// Each kind has a home among these places, and is kept in the first from there on that was free.
    kept: Box<[OnceLock<Box<Kept>>]>,
}

struct Kept {
    kind: RejectionKind,
    answer: Response<Bytes>,
}

impl ResponseCache {
    pub(crate) fn new(renderer: impl RenderRejection) -> Self {
        let places = if renderer.depends_on_kind_alone() { PLACES } else { 0 };
        Self { renderer: Box::new(renderer), kept: (0..places).map(|_| OnceLock::new()).collect() }
    }

    /// The answer to `rejection`, with a `Content-Length` that is right whatever the renderer made.
    pub(crate) fn response(&self, rejection: &Rejection) -> Response<Bytes> {
        let kind = rejection.kind();
        let (before, after) = self.kept.split_at(home(kind).min(self.kept.len()));
        for place in after.iter().chain(before) {
            let kept = place.get_or_init(|| Box::new(Kept { kind: kind.clone(), answer: self.make(rejection) }));
            if kept.kind == *kind {
                return kept.answer.clone();
            }
        }
        self.make(rejection)
    }

    fn make(&self, rejection: &Rejection) -> Response<Bytes> {
        let mut response = self.renderer.render(rejection);
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
        response
    }
}

fn home(kind: &RejectionKind) -> usize {
    let mut home = Home(0);
    kind.hash(&mut home);
    home.0 % PLACES
}

/// Makes one number of the small numbers that a kind consists of, in a few instructions.
struct Home(usize);

impl Home {
    /// Of all odd numbers below 256, that which leaves the fewest kinds without a home of their own: two.
    const SPREAD: usize = 89;

    fn add(&mut self, number: usize) {
        self.0 = self.0.wrapping_mul(Self::SPREAD).wrapping_add(number);
    }
}

impl Hasher for Home {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(usize::from(*byte)));
    }

    fn write_isize(&mut self, number: isize) {
        self.add(number.unsigned_abs());
    }

    fn finish(&self) -> u64 {
        self.0 as u64
    }
}
