//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::line::Line;
use super::queue::{Queue, Retry, Work};
use super::target::Target;
use crate::event::{Event, EventSink, Warning};

/// The first and the longest pause after an error. The pause doubles.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How often dropped events are reported, at most.
const REPORT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Arc<Queue>,
    target: Target,
    events: Option<Box<dyn EventSink>>,
    reported: Reported,
    /// Those of flushes that fail one after the other.
    flushes: Pauses,
}

/// The pauses between attempts.
#[derive(Clone, Copy)]
struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: PAUSES.0 }
    }
}

impl Pauses {
    fn is_first(self) -> bool {
        self.next == PAUSES.0
    }

    fn take(&mut self) -> Duration {
        let longer = self.next.saturating_mul(2).min(PAUSES.1);
        std::mem::replace(&mut self.next, longer)
    }
}

/// Tells the queue that the thread has ended, even if a writer or a sink panics.
struct Ending(Arc<Queue>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// What was reported about events that are missing.
#[derive(Default)]
struct Reported {
    dropped: u64,
    at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(queue: Arc<Queue>, target: Target, events: Option<Box<dyn EventSink>>) -> Self {
        Self { queue, target, events, reported: Reported::default(), flushes: Pauses::default() }
    }

    pub(super) fn run(self) {
        // Dropped last, when the file is closed.
        let _ending = Ending(Arc::clone(&self.queue));
        self.work();
    }

    fn work(mut self) {
        self.write_all();
        self.report_dropped();
    }

    fn write_all(&mut self) {
        let mut buffer = Vec::with_capacity(1024);
        let mut is_flushed = true;
        loop {
            match self.queue.next(is_flushed) {
                Work::Write(sequence, entry) => {
                    buffer.clear();
                    Line::new(sequence, &entry).append_to(&mut buffer);
                    if !self.write(&buffer) {
                        return;
                    }
                    is_flushed = false;
                }
                Work::Reopen => self.reopen(),
                Work::Flush => is_flushed = self.flush(),
                Work::End => return,
            }
        }
    }

    /// Writes a line, and tries again after each error. Returns `false` if the log is closed before
    /// it is written.
    fn write(&mut self, line: &[u8]) -> bool {
        let mut pauses = Pauses::default();
        while let Err(error) = self.target.write_line(line) {
            self.failed(&error, pauses.is_first());
            if !self.pause(&mut pauses) {
                self.target.cut();
                return false;
            }
        }
        self.queue.count_written();
        self.report_dropped_at_times();
        true
    }

    fn reopen(&mut self) {
        if let Err(error) = self.target.reopen() {
            self.failed(&error, true);
        }
    }

    /// Returns whether there is no need to flush again: lines were flushed, or the log is closed.
    fn flush(&mut self) -> bool {
        let flushed = self.target.flush();
        self.queue.note_flushed(flushed.is_ok());
        let Err(error) = flushed else {
            self.flushes = Pauses::default();
            return true;
        };
        let mut pauses = self.flushes;
        self.failed(&error, pauses.is_first());
        let goes_on = self.pause(&mut pauses);
        self.flushes = pauses;
        if !goes_on {
            self.queue.note_flushed(self.target.flush().is_ok());
        }
        !goes_on
    }

    /// Waits before another attempt. Returns `false` if the log is closed, and there is none.
    fn pause(&mut self, pauses: &mut Pauses) -> bool {
        // No line is written meanwhile, so nothing else would tell.
        self.report_dropped_at_times();
        match self.queue.pause(pauses.take()) {
            Retry::Same => true,
            Retry::Reopened => {
                self.reopen();
                true
            }
            Retry::Never => false,
        }
    }

    fn failed(&self, error: &io::Error, is_first: bool) {
        self.queue.count_error();
        if is_first {
            self.report(&format!("cannot write: {error}"));
        }
    }

    /// Reports dropped events, unless that was done just now.
    fn report_dropped_at_times(&mut self) {
        if self.reported.at.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            self.report_dropped();
        }
    }

    /// Reports the events that were dropped since the last report.
    fn report_dropped(&mut self) {
        let dropped = self.queue.counts().dropped;
        let Some(new @ 1..) = dropped.checked_sub(self.reported.dropped) else { return };
        self.report(&format!("dropped {new} events, for which there was no room"));
        self.reported = Reported { dropped, at: Some(Instant::now()) };
    }

    fn report(&self, message: &str) {
        if let Some(events) = &self.events {
            events.record(&Event::Warning(Warning::new("audit", message)));
        }
    }
}
