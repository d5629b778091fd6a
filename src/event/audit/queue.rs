//! What waits to be written: a bounded queue between the requests and the thread that writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entry::Entry;
use super::{AuditCounts, Full};
use crate::lock::lock;

/// A bounded queue. Each event has a number, whether it gets a place or is dropped.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    capacity: usize,
    when_full: Full,
    /// Tells the writer that there is something to do.
    work: Condvar,
    /// Tells requests that there is room, or that there never will be.
    room: Condvar,
    finished: Condvar,
}

#[derive(Debug)]
struct State {
    entries: VecDeque<(u64, Entry)>,
    counts: AuditCounts,
    stage: Stage,
    reopen: bool,
    is_flushed: bool,
    /// Whether the writer waits for work. If it does not, no request has to wake it.
    is_idle: bool,
    /// The requests that wait for room.
    waiting: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Open,
    /// Nothing is added. The writer writes what is there.
    Closing,
    /// The writer has ended.
    Finished,
}

/// What the writer does next.
#[expect(clippy::large_enum_variant, reason = "entries are moved, so that they need no allocation")]
#[derive(Debug)]
pub(super) enum Work {
    Write(u64, Entry),
    Reopen,
    /// Everything is written: flush.
    Flush,
    End,
}

impl Queue {
    pub(super) fn new(capacity: usize, when_full: Full) -> Self {
        let state = State {
            entries: VecDeque::with_capacity(capacity),
            counts: AuditCounts::default(),
            stage: Stage::Open,
            reopen: false,
            is_flushed: true,
            is_idle: false,
            waiting: 0,
        };
        let [work, room, finished] = [(); 3].map(|()| Condvar::new());
        Self { state: Mutex::new(state), capacity, when_full, work, room, finished }
    }

    pub(super) fn counts(&self) -> AuditCounts {
        lock(&self.state).counts
    }

    /// Adds an entry, or counts it as dropped.
    pub(super) fn push(&self, entry: Entry) {
        let mut state = lock(&self.state);
        if let Full::Wait(patience) = self.when_full
            && state.is_full(self.capacity)
        {
            state = self.wait_for_room(state, patience);
        }
        // The number is given together with the place, so that lines are in the order of their
        // numbers.
        state.counts.recorded += 1;
        if state.is_full(self.capacity) || state.stage != Stage::Open {
            state.counts.dropped += 1;
            return;
        }
        let number = state.counts.recorded;
        state.entries.push_back((number, entry));
        if std::mem::take(&mut state.is_idle) {
            drop(state);
            self.work.notify_one();
        }
    }

    #[cold]
    fn wait_for_room<'a>(&self, mut state: MutexGuard<'a, State>, patience: Duration) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let is_hopeful = |state: &mut State| state.is_full(self.capacity) && state.stage == Stage::Open;
        let waited = self.room.wait_timeout_while(state, patience, is_hopeful);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    /// Asks the writer to open its file again.
    pub(super) fn reopen(&self) {
        lock(&self.state).reopen = true;
        self.work.notify_one();
    }

    /// Returns what to do next, and waits until there is something. `is_flushed` says whether
    /// everything before was flushed.
    pub(super) fn next(&self, is_flushed: bool) -> Work {
        let mut state = lock(&self.state);
        loop {
            if std::mem::take(&mut state.reopen) {
                return Work::Reopen;
            }
            if let Some((number, entry)) = state.entries.pop_front() {
                if state.waiting > 0 {
                    self.room.notify_one();
                }
                return Work::Write(number, entry);
            }
            if !is_flushed {
                return Work::Flush;
            }
            if state.stage != Stage::Open {
                return Work::End;
            }
            state.is_idle = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn count_written(&self) {
        lock(&self.state).counts.written += 1;
    }

    pub(super) fn count_error(&self) {
        lock(&self.state).counts.errors += 1;
    }

    /// Notes whether the writer holds lines that it could not flush.
    pub(super) fn note_flushed(&self, is_flushed: bool) {
        lock(&self.state).is_flushed = is_flushed;
    }

    /// Waits before another attempt to write.
    pub(super) fn pause(&self, time: Duration) -> Retry {
        let state = lock(&self.state);
        let goes_on = |state: &mut State| state.stage == Stage::Open && !state.reopen;
        let waited = self.work.wait_timeout_while(state, time, goes_on);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (std::mem::take(&mut state.reopen), state.stage) {
            (true, _) => Retry::Reopened,
            (false, Stage::Open) => Retry::Same,
            (false, _) => Retry::Never,
        }
    }

    /// Lets the writer finish, and waits for it.
    pub(super) fn close(&self, patience: Duration) -> Ended {
        let mut state = lock(&self.state);
        state.stage = state.stage.max(Stage::Closing);
        self.work.notify_one();
        self.room.notify_all();
        let waited = self.finished.wait_timeout_while(state, patience, |state| state.stage != Stage::Finished);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Ended { counts: state.counts, is_finished: state.stage == Stage::Finished, is_flushed: state.is_flushed }
    }

    /// Notes that the writer has ended, by a panic or not.
    pub(super) fn finish(&self) {
        lock(&self.state).stage = Stage::Finished;
        self.room.notify_all();
        self.finished.notify_all();
    }
}

impl State {
    fn is_full(&self, capacity: usize) -> bool {
        self.entries.len() >= capacity
    }
}

/// How to go on after a failed attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    Same,
    /// After the file was opened again.
    Reopened,
    Never,
}

/// How a log has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) counts: AuditCounts,
    pub(super) is_finished: bool,
    pub(super) is_flushed: bool,
}
