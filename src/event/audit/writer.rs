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
        Self { queue, target, events, reported: Reported::default() }
    }

    pub(super) fn run(self) {
        // Dropped last, when the file is closed.
        let _ending = Ending(Arc::clone(&self.queue));
        self.work();
    }

    fn work(mut self) {
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
                Work::Flush => {
                    self.flush();
                    is_flushed = true;
                }
                Work::End => return self.report_dropped(self.queue.counts().dropped),
            }
        }
    }

    /// Writes a line, and tries again after each error. Returns `false` if the log is closed before
    /// it is written.
    fn write(&mut self, line: &[u8]) -> bool {
        let mut pause = PAUSES.0;
        let mut is_first = true;
        while let Err(error) = self.target.write_line(line) {
            self.failed(&error, std::mem::take(&mut is_first));
            match self.queue.pause(pause) {
                Retry::Same => pause = (pause * 2).min(PAUSES.1),
                Retry::Reopened => self.reopen(),
                Retry::Never => return false,
            }
        }
        let dropped = self.queue.count_written();
        if dropped > self.reported.dropped && self.reported.at.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            self.report_dropped(dropped);
        }
        true
    }

    fn reopen(&mut self) {
        if let Err(error) = self.target.reopen() {
            self.failed(&error, true);
        }
    }

    fn flush(&mut self) {
        let flushed = self.target.flush();
        self.queue.note_flushed(flushed.is_ok());
        if let Err(error) = flushed {
            self.failed(&error, true);
        }
    }

    fn failed(&self, error: &io::Error, is_first: bool) {
        self.queue.count_error();
        if is_first {
            self.report(&format!("cannot write: {error}"));
        }
    }

    /// Reports the events that were dropped since the last report.
    #[cold]
    fn report_dropped(&mut self, dropped: u64) {
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
