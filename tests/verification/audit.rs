//! The audit log: what is written, dropped and counted if the disk is slow or full.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tower_client_assertion::Verifier;
use tower_client_assertion::event::{self, AuditCounts, AuditLog, AuditLogBuilder, Event, EventSink, Full};

use crate::common::{Jwt, TempDir, fixture, form, verify};

/// What a writer was given, in the pieces that it took.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().concat()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        parsed(&self.text())
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer from closures.
struct Scripted<W, F>(W, F);

impl<W: FnMut(&[u8]) -> io::Result<usize>, F: FnMut() -> io::Result<()>> Write for Scripted<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (self.1)()
    }
}

fn scripted(write: impl FnMut(&[u8]) -> io::Result<usize> + Send + 'static) -> AuditLogBuilder {
    AuditLog::to(Scripted(write, || Ok(())))
}

/// A writer that waits for permission before each write, and says before that it waits.
fn blocked(written: &Written) -> (impl Write + Send + 'static, Receiver<()>, Sender<()>) {
    let (begin, begun) = channel();
    let (permit, permitted) = channel();
    let mut written = written.clone();
    let write = move |bytes: &[u8]| {
        begin.send(()).map_err(io::Error::other)?;
        permitted.recv().map_err(io::Error::other)?;
        written.write(bytes)
    };
    (Scripted(write, || Ok(())), begun, permit)
}

fn parsed(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn sequences(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["event"]["sequence"].as_u64().unwrap()).collect()
}

/// The same from the text of very many lines.
fn numbers(text: &str) -> Vec<u64> {
    let number = |line: &str| line.split_once("\"sequence\":")?.1.split('}').next()?.parse().ok();
    text.lines().map(|line| number(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

fn verifier(audit: &Arc<AuditLog>) -> Verifier {
    fixture().builder().events(Arc::clone(audit)).build().unwrap()
}

fn accept(verifier: &Verifier) {
    verify(verifier, &form(&Jwt::new().signed())).unwrap();
}

/// Waits until something is so. The limit is a backstop, however slow this machine is.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain");
        thread::yield_now();
    }
}

fn incomplete(audit: &AuditLog) -> (AuditCounts, String) {
    let error = audit.close().unwrap_err();
    (error.counts(), error.to_string())
}

const THREADS: usize = 8;
const EACH: usize = 12_500;

/// Records an outcome many times in each of several threads.
fn flood(audit: &Arc<AuditLog>) {
    let audit = Arc::clone(audit);
    let repeated = event::sink(move |event| (0..EACH).for_each(|_| audit.record(event)));
    let verifier = fixture().builder().events(repeated).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| accept(&verifier));
        }
    });
}

#[test]
fn the_sequence_is_complete_or_its_gaps_are_counted() {
    let all = (THREADS * EACH) as u64;
    let table: [(usize, Full); 3] =
        [(THREADS * EACH, Full::Drop), (8, Full::Wait(Duration::from_secs(5))), (8, Full::Drop)];
    for (capacity, full) in table {
        let written = Written::default();
        let audit = AuditLog::to(written.clone()).capacity(capacity).unwrap().when_full(full).unwrap();
        let audit = Arc::new(audit.close_timeout(Duration::from_secs(600)).unwrap().start().unwrap());
        flood(&audit);
        let closed = audit.close();
        let counts = audit.counts();
        let numbers = numbers(&written.text());
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "numbers are in order: {full:?}");
        assert!(numbers.iter().all(|number| (1..=all).contains(number)));
        assert_eq!((counts.recorded, counts.written, counts.waiting()), (all, numbers.len() as u64, 0), "{full:?}");
        assert_eq!(all - counts.written, counts.dropped, "the gaps are counted: {full:?}");
        assert_eq!(closed.is_ok(), counts.dropped == 0, "{full:?}");
        if capacity == THREADS * EACH || full != Full::Drop {
            assert_eq!(counts.dropped, 0, "{full:?}");
        }
    }
}

#[test]
fn requests_do_not_wait_for_a_writer_that_blocks() {
    let written = Written::default();
    let (writer, begun, permit) = blocked(&written);
    let (reports, reported) = channel();
    let sink = event::sink(move |event| {
        if let Event::Warning(warning) = event {
            let _ = reports.send(warning.to_string());
        }
    });
    let audit = Arc::new(AuditLog::to(writer).capacity(2).unwrap().events(sink).start().unwrap());
    let verifier = verifier(&audit);
    accept(&verifier);
    begun.recv().unwrap();
    // The writer holds one event and blocks. There is room for two more.
    (0..9).for_each(|_| accept(&verifier));
    let counts = audit.counts();
    assert_eq!((counts.recorded, counts.written, counts.dropped, counts.waiting()), (10, 0, 7, 3));
    (0..100).for_each(|_| permit.send(()).unwrap());
    until(|| audit.counts().written == 3);
    accept(&verifier);
    let (counts, text) = incomplete(&audit);
    assert_eq!(sequences(&written.lines()), [1, 2, 3, 11]);
    assert_eq!((counts.recorded, counts.written, counts.dropped), (11, 4, 7));
    let expected = "of 11 events, 4 are written, 7 were dropped and 0 are not written; 0 attempts to write failed";
    assert_eq!(text, expected);
    assert_eq!(reported.try_iter().collect::<Vec<_>>(), ["audit: dropped 7 events, for which there was no room"]);
}

#[test]
fn a_request_that_waits_gets_its_place_or_gives_up() {
    for (patience, places) in [(Duration::from_millis(1), 0), (Duration::from_secs(5), 1)] {
        let written = Written::default();
        let (writer, begun, permit) = blocked(&written);
        let builder = AuditLog::to(writer).capacity(1).unwrap();
        let audit = Arc::new(builder.when_full(Full::Wait(patience)).unwrap().start().unwrap());
        let verifier = verifier(&audit);
        accept(&verifier);
        begun.recv().unwrap();
        accept(&verifier);
        thread::scope(|scope| {
            let third = scope.spawn(|| accept(&verifier));
            if places == 1 {
                (0..3).for_each(|_| permit.send(()).unwrap());
            }
            third.join().unwrap();
        });
        assert_eq!(audit.counts().dropped, 1 - places, "{patience:?}");
        drop(permit);
        let _ = audit.close();
        assert_eq!(sequences(&written.lines()).len() as u64, 3 * places);
    }
}

#[test]
fn a_line_is_one_write() {
    let written = Written::default();
    let audit = Arc::new(AuditLog::to(written.clone()).start().unwrap());
    let verifier = verifier(&audit);
    (0..3).for_each(|_| accept(&verifier));
    audit.close().unwrap();
    let writes = written.0.lock().unwrap();
    assert_eq!(writes.len(), 3);
    for write in &*writes {
        assert!(write.iter().filter(|byte| **byte == b'\n').count() == 1 && write.ends_with(b"\n"));
    }
}

/// A disk that is full now and then, also in the middle of a line.
#[test]
fn a_line_is_completed_when_there_is_room_again() {
    let mut written = Written::default();
    let log = written.clone();
    let mut calls = 0;
    let (sink, reported) = warnings();
    let write = move |bytes: &[u8]| {
        calls += 1;
        match calls {
            1 | 2 | 4 => Err(ErrorKind::StorageFull.into()),
            3 => written.write(&bytes[..7]),
            5 => Err(ErrorKind::Interrupted.into()),
            6 => written.write(&bytes[..bytes.len() - 1]),
            7 => Ok(0),
            _ => written.write(bytes),
        }
    };
    let audit = Arc::new(scripted(write).events(sink).start().unwrap());
    let verifier = verifier(&audit);
    (0..3).for_each(|_| accept(&verifier));
    until(|| audit.counts().written == 3);
    audit.close().unwrap();
    assert_eq!(sequences(&log.lines()), [1, 2, 3]);
    assert_eq!(audit.counts().errors, 4, "three times full, and once nothing was written");
    let reported: Vec<_> = reported.try_iter().collect();
    assert!(reported.len() == 1 && reported[0].starts_with("audit: cannot write: "), "{reported:?}");
}

#[test]
fn closing_gives_up_on_a_disk_that_stays_full() {
    let audit = Arc::new(scripted(|_| Err(ErrorKind::StorageFull.into())).start().unwrap());
    let verifier = verifier(&audit);
    (0..3).for_each(|_| accept(&verifier));
    let (counts, text) = incomplete(&audit);
    assert_eq!((counts.recorded, counts.written, counts.dropped, counts.waiting()), (3, 0, 0, 3), "{text}");
    assert!(counts.errors > 0 && text.contains("3 are not written"), "{text}");
    // Later requests go on as well.
    accept(&verifier);
    assert_eq!(audit.counts().dropped, 1);
}

#[test]
fn closing_waits_no_longer_than_its_timeout() {
    let written = Written::default();
    let (writer, begun, permit) = blocked(&written);
    let audit = AuditLog::to(writer).close_timeout(Duration::from_millis(1)).unwrap();
    let audit = Arc::new(audit.start().unwrap());
    accept(&verifier(&audit));
    begun.recv().unwrap();
    let (counts, text) = incomplete(&audit);
    assert_eq!(counts.waiting(), 1);
    assert!(text.ends_with("; the writer is still busy"), "{text}");
    permit.send(()).unwrap();
    until(|| audit.close().is_ok());
    assert_eq!(sequences(&written.lines()), [1]);
}

#[test]
fn lines_are_flushed_and_a_failure_is_told() {
    for fails in [false, true] {
        let (flushes, flushed) = channel();
        let flush = move || {
            let _ = flushes.send(());
            if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        let write = |bytes: &[u8]| Ok(bytes.len());
        let audit = Arc::new(AuditLog::to(Scripted(write, flush)).start().unwrap());
        accept(&verifier(&audit));
        flushed.recv().unwrap();
        let closed = audit.close();
        assert_eq!(closed.is_err(), fails);
        if let Err(error) = closed {
            assert!(error.to_string().ends_with("; the last lines could not be flushed"), "{error}");
        }
    }
}

#[test]
fn a_failed_flush_is_tried_again() {
    let (flushes, flushed) = channel();
    let mut calls = 0;
    let flush = move || {
        calls += 1;
        let _ = flushes.send(calls);
        if calls < 3 { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    };
    let (sink, reported) = warnings();
    let write = |bytes: &[u8]| Ok(bytes.len());
    let audit = Arc::new(AuditLog::to(Scripted(write, flush)).events(sink).start().unwrap());
    accept(&verifier(&audit));
    assert_eq!(flushed.iter().take(3).collect::<Vec<_>>(), [1, 2, 3]);
    audit.close().unwrap();
    assert_eq!(audit.counts().errors, 2);
    assert_eq!(reported.try_iter().count(), 1, "the first failure is reported");
    assert_eq!(flushed.try_iter().count(), 0, "nothing is left to flush");
}

/// On a full disk no line is written, so nothing else would tell.
#[test]
fn dropped_events_are_reported_while_nothing_can_be_written() {
    let (sink, reported) = warnings();
    let full = |_: &[u8]| Err(ErrorKind::StorageFull.into());
    let audit = Arc::new(scripted(full).capacity(1).unwrap().events(sink).start().unwrap());
    let verifier = verifier(&audit);
    until(|| {
        accept(&verifier);
        audit.counts().dropped > 2
    });
    let dropped = |text: String| text.strip_prefix("audit: dropped ")?.split(' ').next()?.parse::<u64>().ok();
    let mut sum = reported.iter().find_map(dropped).unwrap();
    accept(&verifier);
    incomplete(&audit);
    sum += reported.try_iter().filter_map(dropped).sum::<u64>();
    assert_eq!(sum, audit.counts().dropped, "the rest is reported at the end");
}

/// A sink for warnings, and the warnings.
fn warnings() -> (impl EventSink, Receiver<String>) {
    let (reports, reported) = channel();
    let sink = event::sink(move |event| {
        if let Event::Warning(warning) = event {
            let _ = reports.send(warning.to_string());
        }
    });
    (sink, reported)
}

#[test]
fn a_writer_that_panics_ends_no_request() {
    let audit = Arc::new(scripted(|_| panic!("a writer with a fault")).start().unwrap());
    let verifier = verifier(&audit);
    accept(&verifier);
    until(|| audit.close().is_err_and(|error| !error.to_string().contains("still busy")));
    accept(&verifier);
    let counts = audit.counts();
    assert_eq!((counts.recorded, counts.written, counts.waiting(), counts.dropped), (2, 0, 1, 1));
}

#[test]
fn dropping_a_log_writes_what_is_there() {
    let written = Written::default();
    let audit = Arc::new(AuditLog::to(written.clone()).start().unwrap());
    let verifier = verifier(&audit);
    (0..100).for_each(|_| accept(&verifier));
    drop(audit);
    drop(verifier);
    assert_eq!(sequences(&written.lines()), (1..=100).collect::<Vec<_>>());
}

#[test]
fn events_after_the_end_are_dropped() {
    let written = Written::default();
    let audit = Arc::new(AuditLog::to(written.clone()).start().unwrap());
    let verifier = verifier(&audit);
    audit.close().unwrap();
    accept(&verifier);
    assert_eq!(audit.counts().dropped, 1);
    assert_eq!(written.text(), "");
    assert!(audit.close().is_err());
}

/// The file is appended to, and a line that was cut off stands alone.
#[test]
fn a_file_is_continued_on_a_new_line() {
    for (before, kept) in [("", 0), ("{}\n", 1), ("{}\n{\"cut", 2), ("x", 1)] {
        let directory = TempDir::new();
        let path = directory.path().join("audit.jsonl");
        fs::write(&path, before).unwrap();
        let audit = Arc::new(AuditLog::file(&path).unwrap().start().unwrap());
        accept(&verifier(&audit));
        audit.close().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(text.starts_with(before) && lines.len() == kept + 1, "{before:?}: {text}");
        assert_eq!(sequences(&parsed(&format!("{}\n", lines[kept]))), [1], "{before:?}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let directory = TempDir::new();
    let path = directory.path().join("absent").join("audit.jsonl");
    let error = AuditLog::file(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_not_for_everyone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = TempDir::new();
    let path = directory.path().join("audit.jsonl");
    drop(AuditLog::file(&path).unwrap().start().unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o037, 0);
}

#[test]
fn a_log_goes_on_in_a_new_file_after_a_rotation() {
    let directory = TempDir::new();
    let [path, old] = ["audit.jsonl", "audit.jsonl.1"].map(|name| directory.path().join(name));
    let audit = Arc::new(AuditLog::file(&path).unwrap().start().unwrap());
    let verifier = verifier(&audit);
    accept(&verifier);
    until(|| audit.counts().written == 1);
    fs::rename(&path, &old).unwrap();
    audit.reopen();
    until(|| path.exists());
    accept(&verifier);
    audit.close().unwrap();
    let read = |path| sequences(&parsed(&fs::read_to_string(path).unwrap()));
    assert_eq!((read(&old), read(&path)), (vec![1], vec![2]));
}

#[test]
fn a_log_goes_on_in_the_old_file_if_there_can_be_no_new_one() {
    let directory = TempDir::new();
    let folder = directory.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let audit = Arc::new(AuditLog::file(folder.join("audit.jsonl")).unwrap().start().unwrap());
    let verifier = verifier(&audit);
    let moved = directory.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    audit.reopen();
    until(|| audit.counts().errors == 1);
    accept(&verifier);
    audit.close().unwrap();
    assert_eq!(sequences(&parsed(&fs::read_to_string(moved.join("audit.jsonl")).unwrap())), [1]);
}

#[test]
fn settings_have_limits() {
    let new = || AuditLog::to(io::sink());
    let [milli, five, ten_minutes] = [Duration::from_millis(1), Duration::from_secs(5), Duration::from_secs(600)];
    let wait = |time| new().when_full(Full::Wait(time)).map(|_| ()).map_err(|error| error.to_string());
    let close = |time| new().close_timeout(time).map(|_| ()).map_err(|error| error.to_string());
    let room = |events| new().capacity(events).map(|_| ()).map_err(|error| error.to_string());
    for (found, error) in [
        (room(0), Some("audit capacity: 0 is not allowed")),
        (room(1), None),
        (room(1_048_576), None),
        (room(1_048_577), Some("audit capacity: 1048577 is too large; use 1048576 or less")),
        (wait(Duration::ZERO), Some("audit when_full: 0 is not allowed")),
        (wait(milli), None),
        (wait(five), None),
        (wait(five + milli), Some("audit when_full: 5.001s is too long; use 5s or less")),
        (close(Duration::ZERO), Some("audit close_timeout: 0 is not allowed")),
        (close(milli), None),
        (close(ten_minutes), None),
        (close(ten_minutes + milli), Some("audit close_timeout: 600.001s is too long; use 600s or less")),
    ] {
        match (found, error) {
            (Ok(()), None) => {}
            (Err(found), Some(error)) => assert!(found.starts_with(error), "{found}"),
            (found, error) => panic!("{found:?} in place of {error:?}"),
        }
    }
}
