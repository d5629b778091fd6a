//! The replay store in memory, at the sizes that it is made for: `cargo bench --bench replay`, in
//! about two minutes.
//!
//! Memory is measured by the allocator and by the kernel. A shared machine takes the processor away
//! now and then, which looks like a pause. Inserts during which that happened, according to the
//! scheduler, are listed separately.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/process.rs"]
mod process;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use process::{nanoseconds_waited, resident_bytes};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::Answer;
use tower_client_assertion::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore};

const NOW: u64 = 1_700_000_000;
/// How long an entry lives, in seconds.
const LIFETIME: u64 = 300;
/// Clients that take turns.
const CLIENTS: usize = 1_000;
/// The size of an entry in the store, as measured here.
const ENTRY_BYTES: usize = 29;
/// Operations that are timed together.
const BLOCK: usize = 64;
/// Inserts after which the scheduler is asked whether it has interrupted one of them.
const WATCHED: usize = 1_024;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let sizes = if full { [1_000_000, 10_000_000] } else { [2_000, 20_000] };
    println!("| live entries | what | measured |\n|--:|---|--:|");
    for size in sizes {
        print_memory(size);
        print_times(size);
        print_floor(size);
        print_pauses(size);
        print_threads(size);
    }
}

fn row(size: usize, what: &str, measured: impl std::fmt::Display) {
    println!("| {size} | {what} | {measured} |");
}

/// The client and the `jti` of an entry, made before the clock runs.
#[derive(Clone)]
struct Key {
    client: String,
    jti: String,
}

impl Key {
    fn of(number: usize) -> Self {
        let scattered = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let client = format!("clinic-{}", number % CLIENTS);
        Self { client, jti: format!("{scattered:08x}-d9cb-469f-a165-{number:012x}") }
    }

    fn admit(&self, store: &MemoryReplay, until: u64, now: u64) {
        let key = ReplayKey::new("as", &self.client, &self.jti);
        let admission = store.admit(key, UnixTime::from_secs(until), UnixTime::from_secs(now));
        assert!(matches!(admission, Answer::Ready(Ok(Admission::Fresh))));
    }

    fn seen(&self, store: &MemoryReplay, now: u64) -> bool {
        store.seen(ReplayKey::new("as", &self.client, &self.jti), UnixTime::from_secs(now)).unwrap()
    }
}

/// Returns when the entry of this number is inserted, if there are `size` in a lifetime.
fn second(number: usize, size: usize) -> u64 {
    NOW + number as u64 * LIFETIME / size as u64
}

fn admit(store: &MemoryReplay, number: usize, size: usize) {
    let now = second(number, size);
    Key::of(number).admit(store, now + LIFETIME, now);
}

fn store_for(size: usize) -> MemoryReplay {
    MemoryReplay::new(size * 2).unwrap()
}

fn print_memory(size: usize) {
    let (mut store, before) = (None, resident_bytes());
    let filled = measure(|| {
        let empty = store.insert(store_for(size));
        (0..size).for_each(|number| admit(empty, number, size));
    });
    let store = store.unwrap();
    assert_eq!(store.len(), size, "nothing has expired yet");
    let each = |bytes: i64| format!("{:.1} bytes an entry", bytes as f64 / size as f64);
    row(size, "allocated, grown from empty", each(filled.bytes_current));
    row(size, "resident, grown from empty", each(resident_bytes() - before));

    let mut most = filled.bytes_current;
    let mut current = most;
    // In steady work as many entries expire as are inserted, and expired ones keep their slots for
    // a while.
    for tenth in 0..20 {
        let numbers = size + tenth * size / 10..size + (tenth + 1) * size / 10;
        current += measure(|| numbers.for_each(|number| admit(&store, number, size))).bytes_current;
        most = most.max(current);
    }
    row(size, "allocated, after two lifetimes of steady work", each(current));
    row(size, "allocated, the most meanwhile", each(most));
    row(size, "resident, after two lifetimes of steady work", each(resident_bytes() - before));
}

fn print_times(size: usize) {
    let store = store_for(size);
    let inserts: Vec<_> = blocks(size)
        .map(|block| {
            time(&keys(block.clone()), |key, number| {
                let now = second(block.start + number, size);
                key.admit(&store, now + LIFETIME, now);
            })
        })
        .collect();
    row(size, "insert, growing from empty, median", nanoseconds(median(inserts.clone())));
    row(size, "insert, the last tenth of it, median", nanoseconds(median(inserts[inserts.len() * 9 / 10..].to_vec())));

    let strided =
        |offset: usize| (0..size / BLOCK / 10).map(move |block| (block * BLOCK * 7 + offset) % (size - BLOCK));
    let looks = |offset: usize, found: bool| {
        let times = strided(offset).map(|start| {
            let numbers = if found { start..start + BLOCK } else { 2 * size + start..2 * size + start + BLOCK };
            time(&keys(numbers), |key, _| assert_eq!(black_box(key.seen(&store, NOW)), found))
        });
        nanoseconds(median(times.collect()))
    };
    row(size, "look that finds, median", looks(0, true));
    row(size, "look that does not find, median", looks(BLOCK, false));
}

/// Measures the least that a look costs: a read of one line that is in no cache, from as much
/// memory as the entries take. Each address depends on the read before, so that the processor
/// cannot look ahead.
fn print_floor(size: usize) {
    let lines = vec![[1_u64; 8]; size * ENTRY_BYTES / 64];
    let mut place = 0_u64;
    let times = (0..size / BLOCK / 10).map(|_| {
        let start = Instant::now();
        for _ in 0..BLOCK {
            let [read, ..] = lines[(place >> 16) as usize % lines.len()];
            place = place.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(read);
        }
        start.elapsed().as_nanos() as f64 / BLOCK as f64
    });
    let times = median(times.collect());
    black_box(place);
    row(size, "one line read at random from as much memory, median", nanoseconds(times));
}

fn blocks(size: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..size / BLOCK).map(|block| block * BLOCK..(block + 1) * BLOCK)
}

fn keys(numbers: std::ops::Range<usize>) -> Vec<Key> {
    numbers.map(Key::of).collect()
}

/// Returns the nanoseconds of one call, the mean over these keys.
fn time(keys: &[Key], mut each: impl FnMut(&Key, usize)) -> f64 {
    let start = Instant::now();
    keys.iter().enumerate().for_each(|(number, key)| each(key, number));
    start.elapsed().as_nanos() as f64 / keys.len() as f64
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn nanoseconds(all: f64) -> String {
    format!("{all:.0} ns")
}

/// The longest time of a single insert, without and with an interruption by the scheduler.
#[derive(Default)]
struct Worst {
    undisturbed: Duration,
    disturbed: Duration,
}

impl Worst {
    fn of(numbers: std::ops::Range<usize>, mut insert: impl FnMut(&Key, usize)) -> Self {
        let mut worst = Self::default();
        let numbers: Vec<_> = numbers.collect();
        for chunk in numbers.chunks(WATCHED) {
            let keys: Vec<_> = chunk.iter().copied().map(Key::of).collect();
            let before = nanoseconds_waited();
            let longest = keys.iter().zip(chunk).map(|(key, number)| {
                let start = Instant::now();
                insert(key, *number);
                start.elapsed()
            });
            let longest = longest.max().unwrap();
            let place = if nanoseconds_waited() == before { &mut worst.undisturbed } else { &mut worst.disturbed };
            *place = longest.max(*place);
        }
        worst
    }

    fn print(&self, size: usize, what: &str) {
        let text = |time: Duration| format!("{:.0} µs", time.as_nanos() as f64 / 1e3);
        let (undisturbed, disturbed) = (text(self.undisturbed), text(self.disturbed));
        row(size, what, format!("{undisturbed} ({disturbed} where interrupted)"));
    }
}

fn print_pauses(size: usize) {
    let store = store_for(size);
    let steady = |key: &Key, number: usize| {
        let now = second(number, size);
        key.admit(&store, now + LIFETIME, now);
    };
    Worst::of(0..size, steady).print(size, "longest insert, growing from empty");
    Worst::of(size..2 * size, steady).print(size, "longest insert, as many expire as come");
    let later = second(2 * size, size) + LIFETIME;
    let after = |key: &Key, _| key.admit(&store, later + LIFETIME, later);
    Worst::of(2 * size..3 * size, after).print(size, "longest insert, everything has just expired");

    let full = MemoryReplay::new(size).unwrap();
    (0..size).for_each(|number| Key::of(number).admit(&full, NOW + LIFETIME, NOW));
    let after = |key: &Key, _| key.admit(&full, NOW + 2 * LIFETIME, NOW + LIFETIME);
    Worst::of(size..2 * size, after).print(size, "longest insert, everything in a full store has just expired");
}

fn print_threads(size: usize) {
    const ROUNDS: usize = 7;
    let each = size / 64;
    let store = store_for(size);
    (0..size).for_each(|number| Key::of(number).admit(&store, NOW + LIFETIME, NOW));
    let mut next = size;
    let mut ratios: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let mut batch = || {
                next += each;
                keys(next - each..next)
            };
            let alone = throughput(&store, &[batch()]);
            let both = throughput(&store, &[batch(), batch()]);
            both / alone
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let [least, .., most] = ratios[..] else { panic!("there are several rounds") };
    let median = ratios[ROUNDS / 2];
    row(size, "two threads against one, inserts a second", format!("{median:.2} ({least:.2} to {most:.2})"));
}

/// Returns the inserts per second of all threads, one for each batch.
fn throughput(store: &MemoryReplay, batches: &[Vec<Key>]) -> f64 {
    let start = Barrier::new(batches.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = batches
            .iter()
            .map(|batch| {
                scope.spawn(|| {
                    start.wait();
                    batch.iter().for_each(|key| key.admit(store, NOW + LIFETIME, NOW));
                })
            })
            .collect();
        start.wait();
        let begun = Instant::now();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        batches.iter().map(Vec::len).sum::<usize>() as f64 / begun.elapsed().as_secs_f64()
    })
}
