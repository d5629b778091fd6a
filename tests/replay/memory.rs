//! The store in memory: an assertion is fresh once until it expires, for each client by itself,
//! within the capacity, with any clock and any number of threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use crate::common::{NOW, now_or_never};
use proptest::prelude::*;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::replay::{
    Admission, AdmitResult, AsyncReplayStore, MemoryReplay, ReplayConfigError, ReplayKey, ReplayStore,
};
use tower_client_assertion::{Setting, SettingError};

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

/// The answer of the store. `None` is an error.
#[track_caller]
fn admit(store: &impl ReplayStore, (client, jti): (&str, &str), until: u64, now: u64) -> Option<Admission> {
    match store.admit(ReplayKey::new("as", client, jti), at(until), at(now)) {
        Answer::Ready(admitted) => admitted.ok(),
        Answer::Pending(_) => panic!("memory answers immediately"),
    }
}

#[track_caller]
fn error(store: &impl ReplayStore, (client, jti): (&str, &str), until: u64, now: u64) -> String {
    match store.admit(ReplayKey::new("as", client, jti), at(until), at(now)) {
        Answer::Ready(Err(error)) => error.to_string(),
        other => panic!("not an error: {other:?}"),
    }
}

fn seen(store: &impl ReplayStore, (client, jti): (&str, &str), now: u64) -> bool {
    store.seen(ReplayKey::new("as", client, jti), at(now)).unwrap()
}

const FRESH: Option<Admission> = Some(Admission::Fresh);
const REPLAYED: Option<Admission> = Some(Admission::Replayed);

/// A store with so much capacity that no limit is met.
fn roomy() -> MemoryReplay {
    MemoryReplay::new(1_000).unwrap()
}

/// A store whose entries spread over several shards.
fn sharded() -> MemoryReplay {
    MemoryReplay::new(100_000).unwrap()
}

#[test]
fn an_assertion_is_accepted_once() {
    let store = roomy();
    assert!(!seen(&store, ("a", "1"), NOW));
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), FRESH);
    for _ in 0..3 {
        assert!(seen(&store, ("a", "1"), NOW));
        assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), REPLAYED);
    }
    assert_eq!(admit(&store, ("a", "1"), NOW + 20, NOW), REPLAYED, "a later expiry does not help");
    assert_eq!(admit(&store, ("a", "1"), NOW + 1, NOW), REPLAYED, "nor does an earlier one");
    assert_eq!(store.len(), 1);
}

#[test]
fn a_look_admits_nothing() {
    let store = roomy();
    for _ in 0..3 {
        assert!(!seen(&store, ("a", "1"), NOW));
    }
    assert_eq!(store.len(), 0);
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), FRESH);
}

#[test]
fn unusual_identifiers_are_distinguished() {
    let long = "x".repeat(10_000);
    let longer = "x".repeat(10_001);
    let keys = [
        ("a", "1"),
        ("b", "1"),
        ("a", "2"),
        ("1", "a"),
        ("a", ""),
        ("", "a"),
        ("", ""),
        ("a", " "),
        ("a", "1 "),
        ("a", "A"),
        ("a", "\0"),
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("", "abc"),
        ("a\0b", "c"),
        ("a", "b\0c"),
        ("a\u{ff}", "b"),
        ("a", "\u{ff}b"),
        ("a", "\u{e9}"),
        ("a", "e\u{301}"),
        ("a", "\u{1f600}"),
        ("a", &long),
        ("a", &longer),
        (&long, "a"),
    ];
    let store = roomy();
    for key in keys {
        assert!(!seen(&store, key, NOW));
        assert_eq!(admit(&store, key, NOW + 10, NOW), FRESH, "{key:?}");
    }
    for key in keys {
        assert!(seen(&store, key, NOW));
        assert_eq!(admit(&store, key, NOW + 10, NOW), REPLAYED, "{key:?}");
    }
    assert_eq!(store.len(), keys.len());
}

#[test]
fn an_assertion_stays_spent_until_it_expires() {
    for lifetime in [1, 2, 311, 86_711] {
        let until = NOW + lifetime;
        let store = roomy();
        assert_eq!(admit(&store, ("a", "1"), until, NOW), FRESH);
        assert!(seen(&store, ("a", "1"), until - 1));
        assert_eq!(admit(&store, ("a", "1"), until + 10, until - 1), REPLAYED);
        assert!(!seen(&store, ("a", "1"), until));
        assert_eq!(admit(&store, ("a", "1"), until + 10, until), FRESH);
        assert_eq!(admit(&store, ("a", "1"), until + 10, until), REPLAYED);
        assert_eq!(admit(&store, ("a", "1"), until + 10, until + 9), REPLAYED);
        assert_eq!(store.len(), 1);
    }
}

#[test]
fn expired_entries_are_errors_and_not_fresh() {
    let store = roomy();
    for until in [NOW, NOW - 1, NOW - 1_000] {
        assert!(error(&store, ("a", "1"), until, NOW).contains("expired before it could be recorded"), "{until}");
    }
    assert_eq!(admit(&store, ("a", "1"), NOW + 1, NOW), FRESH);
}

#[test]
fn times_out_of_range_are_errors_and_not_fresh() {
    let store = roomy();
    let last = u64::from(u32::MAX);
    let cases =
        [(0, 0), (last + 1, NOW), (u64::MAX, NOW), (u64::MAX, u64::MAX), (last + 10, last + 1), (NOW, last + 1)];
    for (until, now) in cases {
        assert_eq!(error(&store, ("a", "1"), until, now), "the assertion expires before 1970 or after 2106");
    }
    assert_eq!(store.len(), 0);
    assert_eq!(admit(&store, ("a", "1"), last, last - 1), FRESH);
    assert_eq!(admit(&store, ("a", "1"), last, last - 1), REPLAYED);
    let store = roomy();
    assert_eq!(admit(&store, ("a", "1"), 1, 0), FRESH, "the first second of all");
    assert_eq!(admit(&store, ("a", "1"), 1, 0), REPLAYED);
}

#[test]
fn a_full_store_refuses_until_something_has_expired() {
    for capacity in [1, 2, 10, 20_000] {
        let store = MemoryReplay::new(capacity).unwrap();
        let jti = |index: usize| format!("jti-{index}");
        for index in 0..capacity {
            assert_eq!(admit(&store, ("a", &jti(index)), NOW + 10, NOW), FRESH, "{index} of {capacity}");
        }
        assert_eq!(store.len(), capacity);
        for client in ["a", "b"] {
            let message = error(&store, (client, "one too many"), NOW + 10, NOW + 9);
            assert_eq!(message, "the replay store is full; raise its capacity");
            assert!(!seen(&store, (client, "one too many"), NOW + 9));
        }
        for index in [0, capacity / 2, capacity - 1] {
            assert_eq!(admit(&store, ("a", &jti(index)), NOW + 10, NOW + 9), REPLAYED, "a full store drops nothing");
        }
        assert_eq!(store.len(), capacity);
        for index in 0..capacity {
            assert_eq!(admit(&store, ("b", &jti(index)), NOW + 20, NOW + 10), FRESH, "{index} of {capacity}, later");
        }
        assert_eq!(
            error(&store, ("c", "one too many"), NOW + 20, NOW + 10),
            "the replay store is full; raise its capacity"
        );
    }
}

#[test]
fn one_expired_entry_frees_one_place() {
    let store = MemoryReplay::new(3).unwrap();
    for (jti, until) in [("1", NOW + 1), ("2", NOW + 2), ("3", NOW + 3)] {
        assert_eq!(admit(&store, ("a", jti), until, NOW), FRESH);
    }
    assert_eq!(admit(&store, ("a", "4"), NOW + 10, NOW), None);
    assert_eq!(admit(&store, ("a", "4"), NOW + 10, NOW + 1), FRESH);
    assert_eq!(admit(&store, ("a", "5"), NOW + 10, NOW + 1), None);
    assert_eq!(admit(&store, ("a", "2"), NOW + 10, NOW + 1), REPLAYED);
    assert_eq!(admit(&store, ("a", "3"), NOW + 10, NOW + 1), REPLAYED);
}

#[test]
fn space_is_released_on_expiry_in_all_shards() {
    let store = sharded();
    for index in 0..100_000 {
        let until = if index < 10 { NOW + 1 } else { NOW + 1_000 };
        assert_eq!(admit(&store, ("a", &index.to_string()), until, NOW), FRESH);
    }
    assert_eq!(admit(&store, ("a", "one too many"), NOW + 1_000, NOW), None);
    for index in 0..10 {
        let jti = format!("later {index}");
        assert_eq!(
            admit(&store, ("a", &jti), NOW + 1_000, NOW + 1),
            FRESH,
            "ten have expired, {index} were admitted since"
        );
    }
    assert_eq!(admit(&store, ("a", "one too many"), NOW + 1_000, NOW + 1), None);
    assert_eq!(store.len(), 100_000);
}

#[test]
fn the_default_share_is_a_sixteenth_of_the_capacity() {
    for (capacity, share) in [(1, 1), (15, 1), (16, 1), (31, 1), (32, 2), (100_000, 6_250)] {
        assert_eq!(MemoryReplay::new(capacity).unwrap().admissions_per_client(), share, "{capacity}");
    }
    let set = |count| MemoryReplay::new(100).unwrap().per_client(count).unwrap().admissions_per_client();
    assert_eq!((set(1), set(7), set(usize::MAX)), (1, 7, usize::MAX));
}

#[test]
fn capacities_of_zero_are_refused() {
    let zero = |outcome: Result<MemoryReplay, ReplayConfigError>| match outcome.unwrap_err() {
        ReplayConfigError::Setting(SettingError::Zero { setting, .. }) => setting,
        other => panic!("another error: {other:?}"),
    };
    assert_eq!(zero(MemoryReplay::new(0)), Setting::ReplayCapacity);
    assert_eq!(zero(roomy().per_client(0)), Setting::ReplayPerClient);
    assert!(MemoryReplay::new(1).unwrap().per_client(1).is_ok());
}

#[test]
fn e40_a_clock_set_back_admits_no_dropped_entry() {
    let store = roomy();
    assert_eq!(admit(&store, ("a", "old"), NOW + 10, NOW), FRESH);
    // Enough inserts to reach the old entry after it has expired.
    for index in 0..200 {
        assert_eq!(admit(&store, ("b", &index.to_string()), NOW + 100, NOW + 10), FRESH);
    }
    assert_eq!(store.len(), 200, "the old entry is gone");
    for now in [NOW, NOW + 5, NOW + 9] {
        assert!(error(&store, ("a", "old"), NOW + 10, now).contains("has the clock moved?"), "{now}");
    }
    assert_eq!(admit(&store, ("c", "new"), NOW + 11, NOW), FRESH, "what expires later cannot have been forgotten");
    assert_eq!(admit(&store, ("b", "0"), NOW + 100, NOW), REPLAYED);
}

#[test]
fn e40_a_clock_set_back_finds_entries_still_stored() {
    let store = roomy();
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), FRESH);
    assert!(!seen(&store, ("a", "1"), NOW + 10));
    for now in [NOW + 9, NOW, NOW - 1_000] {
        assert!(seen(&store, ("a", "1"), now));
        assert_eq!(admit(&store, ("a", "1"), NOW + 10, now), REPLAYED);
    }
}

#[test]
fn a_replaced_entry_is_spent_until_its_new_expiry() {
    let store = roomy();
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), FRESH);
    assert_eq!(admit(&store, ("a", "1"), NOW + 30, NOW + 20), FRESH);
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), None, "a clock that goes back does not revive the first term");
    assert_eq!(admit(&store, ("a", "1"), NOW + 30, NOW + 29), REPLAYED);
    assert_eq!(store.len(), 1);
}

#[test]
fn e40_a_replaced_entry_is_not_fresh_to_a_clock_set_back() {
    let store = sharded();
    let jti = |number: u64| number.to_string();
    // Entries expire as fast as they arrive, for several lifetimes.
    for number in 0..40_000 {
        let now = NOW + number / 1_000;
        assert_eq!(admit(&store, ("a", &jti(number)), now + 5, now), FRESH, "{number}");
    }
    assert!(store.len() < 20_000, "{} of which 5,000 are live", store.len());
    let mut gone = 0;
    for number in 0..40_000 {
        let (first, until) = (NOW + number / 1_000, NOW + number / 1_000 + 5);
        for now in [first, until - 1] {
            let admitted = admit(&store, ("a", &jti(number)), until, now);
            assert_ne!(admitted, FRESH, "{number} at {now}");
            gone += usize::from(admitted.is_none());
        }
    }
    assert!(gone > 20_000, "{gone}: most were cleared");
}

#[test]
fn a_replaced_expired_entry_takes_no_second_place() {
    let store = MemoryReplay::new(3).unwrap();
    for round in 0..10 {
        let now = NOW + round * 10;
        assert_eq!(admit(&store, ("a", "1"), now + 10, now), FRESH, "round {round}");
    }
    let now = NOW + 95;
    for jti in ["2", "3"] {
        assert_eq!(admit(&store, ("a", jti), now + 10, now), FRESH, "{jti}");
    }
    assert_eq!(admit(&store, ("a", "4"), now + 10, now), None);
    assert_eq!(store.len(), 3);
}

#[test]
fn looks_agree_with_admissions() {
    let store = sharded();
    for index in 0..5_000_u64 {
        assert_eq!(admit(&store, ("a", &index.to_string()), NOW + 1 + index % 50, NOW), FRESH);
    }
    for now in [NOW, NOW + 1, NOW + 25, NOW + 50, NOW + 51] {
        for index in 0..5_000 {
            assert_eq!(seen(&store, ("a", &index.to_string()), now), NOW + 1 + index % 50 > now, "{index} at {now}");
            assert!(!seen(&store, ("b", &index.to_string()), now));
        }
    }
}

#[test]
fn exactly_one_of_many_threads_admits_an_assertion() {
    const THREADS: usize = 64;
    const ROUNDS: usize = 50;
    let store = sharded();
    let (start, fresh, replayed) =
        (Barrier::new(THREADS), [const { AtomicUsize::new(0) }; ROUNDS], AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for (round, fresh) in fresh.iter().enumerate() {
                    start.wait();
                    match admit(&store, ("a", &round.to_string()), NOW + 10, NOW) {
                        Some(Admission::Fresh) => fresh.fetch_add(1, Ordering::SeqCst),
                        Some(Admission::Replayed) => replayed.fetch_add(1, Ordering::SeqCst),
                        None => panic!("an error"),
                    };
                }
            });
        }
    });
    assert!(fresh.iter().all(|fresh| fresh.load(Ordering::SeqCst) == 1), "{fresh:?}");
    assert_eq!(replayed.load(Ordering::SeqCst), (THREADS - 1) * ROUNDS);
    assert_eq!(store.len(), ROUNDS);
}

#[test]
fn competing_threads_never_exceed_a_limit() {
    const THREADS: usize = 16;
    for (capacity, admitted) in [(100, 100), (10_000, 800)] {
        let store = MemoryReplay::new(capacity).unwrap();
        let (start, fresh) = (Barrier::new(THREADS), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, start, fresh) = (&store, &start, &fresh);
                scope.spawn(move || {
                    start.wait();
                    for index in 0..50 {
                        let outcome = admit(store, ("a", &format!("{thread}-{index}")), NOW + 10, NOW);
                        fresh.fetch_add(usize::from(outcome == FRESH), Ordering::SeqCst);
                        assert!(store.len() <= capacity);
                    }
                });
            }
        });
        assert_eq!(fresh.load(Ordering::SeqCst), admitted);
        assert_eq!(store.len(), admitted);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Admit { client: u8, jti: u8, lifetime: u64 },
    Advance(u64),
}

/// An assertion that arrives at a time and lives for so long.
fn visit() -> impl Strategy<Value = (u8, u64, u64)> {
    (0..200_u8, 0..60_u64, 1..30_u64)
}

fn step() -> impl Strategy<Value = Step> {
    let admit = (0..4_u8, 0..40_u8, 1..30_u64);
    prop_oneof![
        8 => admit.prop_map(|(client, jti, lifetime)| Step::Admit { client, jti, lifetime }),
        1 => (0..20_u64).prop_map(Step::Advance),
    ]
}

/// Runs the steps on the store and on a map that drops nothing. Returns how many were refused with
/// an error.
fn agrees_with_a_map(store: &MemoryReplay, capacity: usize, steps: &[Step]) -> Result<usize, TestCaseError> {
    let mut model: HashMap<(u8, u8), u64> = HashMap::new();
    let (mut now, mut refused) = (NOW, 0);
    for step in steps {
        match *step {
            Step::Advance(secs) => now += secs,
            Step::Admit { client, jti, lifetime } => {
                let (name, id) = (format!("client-{client}"), format!("jti-{jti}"));
                let live = model.get(&(client, jti)).is_some_and(|until| *until > now);
                prop_assert_eq!(seen(store, (&name, &id), now), live);
                match admit(store, (&name, &id), now + lifetime, now) {
                    Some(Admission::Fresh) => {
                        prop_assert!(!live, "{:?} is let in twice", step);
                        model.insert((client, jti), now + lifetime);
                    }
                    Some(Admission::Replayed) => prop_assert!(live, "{:?} was never let in", step),
                    None => {
                        prop_assert!(!live, "what is live is a replay, not an error");
                        refused += 1;
                    }
                }
            }
        }
        let live = model.values().filter(|until| **until > now).count();
        prop_assert!((live..=model.len().min(capacity)).contains(&store.len()), "{} of {live}", store.len());
    }
    Ok(refused)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_store_with_space_agrees_with_a_map(steps in prop::collection::vec(step(), 0..400)) {
        let store = MemoryReplay::new(1_000).unwrap();
        prop_assert_eq!(agrees_with_a_map(&store, 1_000, &steps)?, 0);
    }

    #[test]
    fn a_store_of_several_shards_agrees_with_a_map(steps in prop::collection::vec(step(), 0..400)) {
        let store = sharded();
        prop_assert_eq!(agrees_with_a_map(&store, 100_000, &steps)?, 0);
    }

    #[test]
    fn a_jumping_clock_admits_nothing_twice_in_one_lifetime(
        capacity in 1..400_usize,
        visits in prop::collection::vec(visit(), 0..600),
    ) {
        let store = MemoryReplay::new(capacity).unwrap();
        let mut terms: HashMap<u8, u64> = HashMap::new();
        for (jti, now, lifetime) in visits {
            let (now, until) = (NOW + now, NOW + now + lifetime);
            let live = terms.get(&jti).is_some_and(|term| *term > now);
            let admitted = admit(&store, ("a", &jti.to_string()), until, now);
            // An earlier expiry than its term does not make it another assertion.
            prop_assert!(admitted != FRESH || !live || terms[&jti] < until, "{} at {}", jti, now - NOW);
            prop_assert!(admitted != REPLAYED || live, "{} at {}", jti, now - NOW);
            if admitted == FRESH {
                let term = terms.entry(jti).or_insert(until);
                *term = until.max(*term);
            }
            prop_assert!(store.len() <= capacity);
        }
    }

    #[test]
    fn a_crowded_store_refuses_instead_of_dropping_entries(capacity in 1..30_usize, steps in prop::collection::vec(step(), 0..400)) {
        let store = MemoryReplay::new(capacity).unwrap();
        agrees_with_a_map(&store, capacity, &steps)?;
    }
}

#[test]
fn debug_output_shows_counts_and_no_identifier() {
    let store = MemoryReplay::new(1_000).unwrap().per_client(10).unwrap();
    assert_eq!(admit(&store, ("secret-client", "secret-jti"), NOW + 10, NOW), FRESH);
    let text = format!("{store:?} {store:#?}");
    assert!(text.contains("capacity: 1000, per_client: 10, len: 1"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let key = format!("{:?}", ReplayKey::new("as", "clinic", "secret-jti"));
    assert!(key.contains("clinic") && !key.contains("secret"), "{key}");
}

#[test]
fn a_shared_store_is_one_store() {
    let store = Arc::new(roomy());
    let other: Arc<dyn ReplayStore> = Arc::clone(&store) as _;
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), FRESH);
    assert_eq!(admit(&other, ("a", "1"), NOW + 10, NOW), REPLAYED);
    assert!(seen(&other, ("a", "1"), NOW));
}

/// The client, the id, its end and the time.
type Spent = (String, Vec<u8>, UnixTime, UnixTime);

/// A database that fails for one `jti`.
#[derive(Debug, Default)]
struct Database {
    spent: Mutex<Vec<Spent>>,
}

impl AsyncReplayStore for Database {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        tokio::task::yield_now().await;
        let entry = (key.client_id().to_owned(), key.id().to_vec(), until, now);
        if entry.1 == b"broken" {
            return Err(PortError::new("the database is down"));
        }
        let mut spent = self.spent.lock().unwrap();
        if spent.contains(&entry) {
            return Ok(Admission::Replayed);
        }
        spent.push(entry);
        Ok(Admission::Fresh)
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

#[tokio::test]
async fn an_async_store_answers_later_and_never_looks() {
    let store = Awaited::new(Database::default());
    let clone = store.clone();
    assert_eq!(store.seen(ReplayKey::new("as", "a", "1"), at(NOW)), None);
    for (store, jti, expected) in
        [(&store, "1", FRESH), (&clone, "1", REPLAYED), (&store, "2", FRESH), (&store, "broken", None)]
    {
        // The answer does not borrow the key.
        let jti = jti.to_owned();
        let answer = store.admit(ReplayKey::new("as", "a", &jti), at(NOW + 10), at(NOW));
        drop(jti);
        let Answer::Pending(future) = answer else { panic!("an async store needs time") };
        assert_eq!(future.await.ok(), expected);
    }
}

#[test]
fn an_async_answer_dropped_unpolled_has_no_effect() {
    let store = Awaited::new(Database::default());
    drop(store.admit(ReplayKey::new("as", "a", "1"), at(NOW + 10), at(NOW)));
    #[derive(Debug)]
    struct Always;
    impl AsyncReplayStore for Always {
        async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
            let parts = (key.tenant(), key.client_id(), key.id());
            assert_eq!((parts, until, now), (("as", "a", b"1".as_slice()), at(NOW + 10), at(NOW)));
            Ok(Admission::Fresh)
        }

        fn admissions_per_client(&self) -> usize {
            1_000
        }
    }
    let Answer::Pending(future) = Awaited::new(Always).admit(ReplayKey::new("as", "a", "1"), at(NOW + 10), at(NOW))
    else {
        panic!("an async store needs time");
    };
    assert_eq!(now_or_never(future).unwrap(), Admission::Fresh);
}

const DAY: u64 = 86_400;
const LIFETIME: u64 = 300;

/// Whether a fresh assertion is accepted.
fn accepts(store: &MemoryReplay, now: u64) -> bool {
    accepts_for(store, LIFETIME, now)
}

fn accepts_for(store: &MemoryReplay, lifetime: u64, now: u64) -> bool {
    admit(store, ("a", &crate::common::fresh_jti()), now + lifetime, now) == FRESH
}

#[test]
fn e40_a_clock_that_was_ahead_costs_one_lifetime() {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&warnings);
    let store = MemoryReplay::new(500).unwrap().events(event::sink(move |event| {
        if let Event::Warning(warning) = event {
            log.lock().unwrap().push(warning.to_string());
        }
    }));
    // An hour with a right clock, an hour with one that is a day ahead, each at full capacity.
    for start in [NOW, NOW + DAY] {
        for second in 0..3_600 {
            assert!(accepts(&store, start + second), "{}", start + second - NOW);
        }
    }
    assert_eq!(*warnings.lock().unwrap(), [""; 0], "nothing is wrong yet");
    let right = NOW + 2 * 3_600;
    assert!(!accepts(&store, NOW + 3_500), "may be one of those that were cleared");
    assert_eq!(warnings.lock().unwrap().len(), 1);
    assert!(warnings.lock().unwrap()[0].contains("the clock went back"), "{warnings:?}");
    // The last range ends with the first hour and a lifetime.
    for now in right..right + 12 * 3_600 {
        assert!(accepts(&store, now), "{}", now - NOW);
        // What expires soon is not mistaken for what has just expired.
        let short = 1 + now % 70;
        assert!(accepts_for(&store, short, now), "{}, for {short} s", now - NOW);
    }
    assert_eq!(warnings.lock().unwrap().len(), 1);
    // Those of the wrong hour are remembered when their time comes.
    assert!(!accepts(&store, NOW + DAY));
    assert!(!accepts(&store, NOW + DAY + 3_500));
    assert!(accepts(&store, NOW + DAY + 3_600));
}

#[test]
fn e40_a_clock_set_right_warns_once_a_minute() {
    let warnings = Arc::new(AtomicUsize::new(0));
    let log = Arc::clone(&warnings);
    let count = event::sink(move |event| {
        assert!(matches!(event, Event::Warning(_)));
        log.fetch_add(1, Ordering::SeqCst);
    });
    let store = MemoryReplay::new(100).unwrap().events(count);
    for second in 0..1_000 {
        assert!(accepts(&store, NOW + second * 10));
    }
    for (now, total) in [(NOW + 9_400, 1), (NOW + 9_459, 1), (NOW + 9_460, 2), (NOW + 9_300, 3), (NOW + 9_301, 3)] {
        assert!(!accepts(&store, now));
        assert_eq!(warnings.load(Ordering::SeqCst), total, "{}", now - NOW);
    }
}

/// An assertion has one expiry. The clock jumps, also by days, and the store is small.
fn jump() -> impl Strategy<Value = i64> {
    let day = DAY.cast_signed();
    prop_oneof![
        20 => 0..40_i64,
        3 => -200..200_i64,
        1 => Just(day),
        1 => Just(-day),
        1 => -2 * day..2 * day,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn e40_no_clock_makes_a_used_assertion_fresh(
        capacity in 1..60_usize,
        visits in prop::collection::vec((jump(), 1..LIFETIME, 0..20_usize), 0..600),
    ) {
        let store = MemoryReplay::new(capacity).unwrap();
        let mut used: Vec<(u64, u64)> = Vec::new();
        let mut now = NOW + 100 * DAY;
        for (number, (jump, lifetime, again)) in visits.into_iter().enumerate() {
            now = now.saturating_add_signed(jump);
            let number = number as u64;
            if admit(&store, ("a", &number.to_string()), now + lifetime, now) == FRESH {
                used.push((number, now + lifetime));
            }
            // A thief sends those that are valid by this clock.
            let valid = used.iter().filter(|(_, until)| (now + 1..=now + LIFETIME).contains(until));
            for (number, until) in valid.rev().take(again) {
                let admitted = admit(&store, ("a", &number.to_string()), *until, now);
                prop_assert_ne!(admitted, FRESH, "{} at {}", number, now - NOW);
            }
        }
    }
}

#[test]
fn a_store_is_healthy_while_it_has_room() {
    let store = MemoryReplay::new(2).unwrap().per_client(2).unwrap();
    let health = |now| match store.health(at(now)) {
        Answer::Ready(health) => health.name(),
        Answer::Pending(_) => panic!("memory answers immediately"),
    };
    assert_eq!(health(NOW), "healthy");
    assert_eq!(admit(&store, ("a", "1"), NOW + 10, NOW), FRESH);
    assert_eq!(health(NOW), "healthy");
    assert_eq!(admit(&store, ("a", "2"), NOW + 20, NOW), FRESH);
    for (now, expected) in [(NOW, "unhealthy"), (NOW + 9, "unhealthy"), (NOW + 10, "healthy"), (NOW + 20, "healthy")] {
        assert_eq!(health(now), expected, "{now}");
    }
    // It says what an assertion would be told.
    assert_eq!(admit(&store, ("a", "3"), NOW + 30, NOW + 9), None);
    assert_eq!(admit(&store, ("a", "3"), NOW + 30, NOW + 10), FRESH);
}
