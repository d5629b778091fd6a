//! Wall time in interleaved rounds.
//!
//! A shared machine, or one that changes its clock, is slow for seconds at a time. Every candidate
//! runs once in each round, in one order and then in the reverse order, so that a slow phase
//! affects all of them alike and ratios hold.

use std::time::Instant;

use super::candidate::Candidate;
use super::pool::Pool;

/// How much is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// Calls of a candidate in a round, timed together.
    pub(crate) calls: usize,
    /// Calls before them that are not timed.
    pub(crate) warm_up: usize,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 400, calls: 64, warm_up: 8 };
    pub(crate) const SMOKE: Self = Self { rounds: 1, calls: 2, warm_up: 1 };
}

/// The nanoseconds of one call of a candidate, a number for each round.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) candidate: Candidate,
    sorted: Vec<f64>,
}

impl Series {
    pub(crate) fn min(&self) -> f64 {
        self.sorted[0]
    }

    pub(crate) fn median(&self) -> f64 {
        self.sorted[self.sorted.len() / 2]
    }
}

pub(crate) fn measure(candidates: impl Iterator<Item = Candidate>, pool: &Pool, effort: Effort) -> Vec<Series> {
    let mut all: Vec<_> = candidates.map(|candidate| Series { candidate, sorted: Vec::new() }).collect();
    for _ in 0..effort.rounds {
        for series in &mut all {
            series.sorted.push(time(series.candidate, pool, effort));
        }
        all.reverse();
    }
    if effort.rounds % 2 == 1 {
        all.reverse();
    }
    for series in &mut all {
        series.sorted.sort_by(f64::total_cmp);
    }
    all
}

fn time(candidate: Candidate, pool: &Pool, effort: Effort) -> f64 {
    let mut batch = candidate.batch(pool, effort.warm_up + effort.calls);
    batch(effort.warm_up);
    let start = Instant::now();
    batch(effort.calls);
    start.elapsed().as_nanos() as f64 / effort.calls as f64
}
