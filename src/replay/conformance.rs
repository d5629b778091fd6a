//! What every replay store must do, as a suite that implementors run on theirs.
//!
//! Write a [`Subject`], which makes stores and lets their time pass, and [`check`] it in a test of a multi-threaded tokio
//! runtime. The suite runs on every store of this crate.
//!
//! ```
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::replay::conformance::{Subject, check};
//!
//! struct Memory;
//!
//! impl Subject for Memory {
//!     type Store = MemoryReplay;
//!
//!     async fn empty(&self) -> MemoryReplay {
//!         MemoryReplay::new(10_000).unwrap()
//!     }
//!
//!     async fn bounded(&self, capacity: usize) -> Option<MemoryReplay> {
//!         Some(MemoryReplay::new(capacity).unwrap().per_client(capacity).unwrap())
//!     }
//!
//!     // Memory does not break.
//!     async fn broken(&self) -> Option<MemoryReplay> {
//!         None
//!     }
//!
//!     // It goes by the time that it is told.
//!     async fn pass(&self, _: &MemoryReplay, _: u64) {}
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! assert_eq!(check(Memory).await, Ok(()));
//! # }
//! ```

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use super::{Admission, AdmitResult, ReplayKey, ReplayStore};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::port::{Answer, BoxFuture};

/// What the suite needs of a store under test.
pub trait Subject: Send + Sync + 'static {
    /// The store under test.
    type Store: ReplayStore;

    /// A store that remembers nothing, and has room for 10,000 assertions, 5,000 of them of one client. Stores that were
    /// made before are not used any more.
    fn empty(&self) -> impl Future<Output = Self::Store> + Send;

    /// As [`empty`](Self::empty), with room for `capacity` assertions; `None` if that is not up to the store.
    fn bounded(&self, capacity: usize) -> impl Future<Output = Option<Self::Store>> + Send;

    /// A store that cannot reach what it remembers; `None` if there is no such thing.
    fn broken(&self) -> impl Future<Output = Option<Self::Store>> + Send;

    /// Lets `secs` seconds pass on the clock of `store`, and on top of them whatever it remembers entries for beyond their end.
    /// Nothing, for one that goes by the time that it is told.
    fn pass(&self, store: &Self::Store, secs: u64) -> impl Future<Output = ()> + Send;
}

/// A rule that a store does not keep. It displays as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    rule: &'static str,
    detail: String,
}

impl Violation {
    /// The rule.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

impl Error for Violation {}

/// Checks every rule on stores of `subject`.
///
/// # Errors
///
/// The first rule that is not kept.
pub async fn check(subject: impl Subject) -> Result<(), Violation> {
    let rule = |rule| move |detail| Violation { rule, detail };
    admitted_once(&subject).await.map_err(rule("an assertion is admitted once"))?;
    concurrent(&subject).await.map_err(rule("of 64 concurrent callers one is admitted"))?;
    ended(&subject).await.map_err(rule("an assertion is remembered until its end, and admitted again after it"))?;
    expired(&subject).await.map_err(rule("what has expired already is an error"))?;
    told_apart(&subject).await.map_err(rule("clients and odd identifiers are told apart"))?;
    looking(&subject).await.map_err(rule("a look admits nothing, and does not lie"))?;
    full(&subject).await.map_err(rule("a full store refuses rather than forgets"))?;
    broken(&subject).await.map_err(rule("a store that cannot remember answers with an error"))?;
    dropped(&subject).await.map_err(rule("an answer that is dropped at any await admits nothing twice"))
}

/// What a rule says when it is not kept.
type Kept = Result<(), String>;

/// How long assertions live in the suite.
const LIFETIME: u64 = 300;

/// A store, and the time that the suite takes it to be. It begins with the real one, for stores that have a clock too.
struct Bench<'a, S: Subject> {
    subject: &'a S,
    store: Arc<S::Store>,
    now: UnixTime,
}

impl<'a, S: Subject> Bench<'a, S> {
    async fn empty(subject: &'a S) -> Self {
        Self::of(subject, subject.empty().await)
    }

    fn of(subject: &'a S, store: S::Store) -> Self {
        let now = SystemClock.now().unwrap_or(UnixTime::from_secs(1_700_000_000));
        Self { subject, store: Arc::new(store), now }
    }

    async fn pass(&mut self, secs: u64) {
        self.subject.pass(&self.store, secs).await;
        self.now = after(self.now, secs);
    }

    fn answer(&self, (client, jti): (&str, &str), lifetime: u64) -> Answer<AdmitResult> {
        self.store.admit(ReplayKey::new(client, jti), after(self.now, lifetime), self.now)
    }

    async fn expect(&self, wanted: Admission, key: (&str, &str)) -> Kept {
        self.expect_for(wanted, key, LIFETIME).await
    }

    async fn expect_for(&self, wanted: Admission, key: (&str, &str), lifetime: u64) -> Kept {
        match self.answer(key, lifetime).get().await {
            Ok(admission) if admission == wanted => Ok(()),
            Ok(admission) => Err(format!("{key:?} was {admission:?}, and should have been {wanted:?}")),
            Err(error) => Err(format!("{key:?} was an error, and should have been {wanted:?}: {error}")),
        }
    }

    async fn expect_error(&self, key: (&str, &str), lifetime: u64) -> Kept {
        match self.answer(key, lifetime).get().await {
            Ok(admission) => Err(format!("{key:?} was {admission:?}, and should have been an error")),
            Err(_) => Ok(()),
        }
    }

    fn expect_look(&self, spent: bool, key: (&str, &str)) -> Kept {
        match self.store.seen(ReplayKey::new(key.0, key.1), self.now) {
            Some(seen) if seen != spent => {
                Err(format!("{key:?} was said to be {}", if seen { "spent" } else { "new" }))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn after(time: UnixTime, secs: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_add(secs))
}

async fn admitted_once<S: Subject>(subject: &S) -> Kept {
    let bench = Bench::empty(subject).await;
    bench.expect(Admission::Fresh, ("a", "1")).await?;
    // Neither a later nor an earlier end makes it another assertion.
    for lifetime in [LIFETIME, LIFETIME + 60, 1, LIFETIME] {
        bench.expect_for(Admission::Replayed, ("a", "1"), lifetime).await?;
    }
    bench.expect(Admission::Fresh, ("a", "2")).await
}

async fn concurrent<S: Subject>(subject: &S) -> Kept {
    const CALLERS: usize = 64;
    let bench = Bench::empty(subject).await;
    for round in 0..20 {
        let mut callers = Vec::with_capacity(CALLERS);
        for _ in 0..CALLERS {
            let (store, now, jti) = (Arc::clone(&bench.store), bench.now, round.to_string());
            callers.push(tokio::spawn(async move {
                tokio::task::yield_now().await;
                store.admit(ReplayKey::new("a", &jti), after(now, LIFETIME), now).get().await
            }));
        }
        let mut fresh = 0;
        for caller in callers {
            let admitted = caller.await.map_err(|error| format!("a caller failed: {error}"))?;
            let admission = admitted.map_err(|error| format!("a caller was answered with an error: {error}"))?;
            fresh += usize::from(admission == Admission::Fresh);
        }
        if fresh != 1 {
            return Err(format!("{fresh} of {CALLERS} were told that it is fresh"));
        }
    }
    Ok(())
}

async fn looking<S: Subject>(subject: &S) -> Kept {
    let mut bench = Bench::empty(subject).await;
    for _ in 0..3 {
        bench.expect_look(false, ("a", "1"))?;
    }
    bench.expect(Admission::Fresh, ("a", "1")).await?;
    bench.expect_look(true, ("a", "1"))?;
    bench.expect_look(false, ("b", "1"))?;
    bench.expect_look(false, ("a", "2"))?;
    bench.pass(LIFETIME).await;
    bench.expect_look(false, ("a", "1"))
}

async fn ended<S: Subject>(subject: &S) -> Kept {
    for lifetime in [20, LIFETIME, 86_711] {
        let mut bench = Bench::empty(subject).await;
        bench.expect_for(Admission::Fresh, ("a", "1"), lifetime).await?;
        bench.pass(lifetime - 10).await;
        bench.expect(Admission::Replayed, ("a", "1")).await?;
        // The caller's clock may be ahead of the store's.
        bench.now = after(bench.now, 9);
        bench.expect(Admission::Replayed, ("a", "1")).await?;
        bench.pass(1 + 9).await;
        bench.expect(Admission::Fresh, ("a", "1")).await?;
        bench.expect(Admission::Replayed, ("a", "1")).await?;
    }
    Ok(())
}

async fn expired<S: Subject>(subject: &S) -> Kept {
    let mut bench = Bench::empty(subject).await;
    bench.expect_error(("a", "1"), 0).await?;
    let past = bench.now;
    bench.now = after(past, 1);
    let admitted = bench.store.admit(ReplayKey::new("a", "1"), past, bench.now).get().await;
    if let Ok(admission) = admitted {
        return Err(format!("an assertion that ended a second ago was {admission:?}"));
    }
    bench.expect(Admission::Fresh, ("a", "1")).await
}

async fn told_apart<S: Subject>(subject: &S) -> Kept {
    let (long, longer) = ("x".repeat(512), "x".repeat(513));
    let keys: [(&str, &str); 30] = [
        ("a", "1"),
        ("b", "1"),
        ("a", "2"),
        ("1", "a"),
        ("a", " "),
        ("a", "1 "),
        ("a", " 1"),
        ("a", "A"),
        ("A", "1"),
        ("a", "\0"),
        ("a", "\0\0"),
        ("a", "\n"),
        ("a", "'"),
        ("a", "\\"),
        ("a", "%"),
        ("a", "_"),
        ("a", "{1}"),
        ("ab", "c"),
        ("a", "bc"),
        ("a:b", "c"),
        ("a", "b:c"),
        ("a\0b", "c"),
        ("a", "b\0c"),
        ("a", "\u{e9}"),
        ("a", "e\u{301}"),
        ("a", "\u{1f600}"),
        ("a", "\u{ff}b"),
        ("a", &long),
        ("a", &longer),
        (&long, "1"),
    ];
    let bench = Bench::empty(subject).await;
    for wanted in [Admission::Fresh, Admission::Replayed] {
        for key in keys {
            bench.expect(wanted, key).await?;
        }
    }
    Ok(())
}

async fn full<S: Subject>(subject: &S) -> Kept {
    for capacity in [1, 2, 100_usize] {
        let Some(store) = subject.bounded(capacity).await else { return Ok(()) };
        let mut bench = Bench::of(subject, store);
        for number in 0..capacity {
            bench.expect(Admission::Fresh, ("a", &number.to_string())).await?;
        }
        for client in ["a", "b"] {
            bench.expect_error((client, "one too many"), LIFETIME).await?;
        }
        for number in 0..capacity {
            bench.expect(Admission::Replayed, ("a", &number.to_string())).await?;
        }
        bench.pass(LIFETIME).await;
        for number in 0..capacity {
            bench.expect(Admission::Fresh, ("a", &number.to_string())).await?;
        }
    }
    Ok(())
}

async fn broken<S: Subject>(subject: &S) -> Kept {
    let Some(store) = subject.broken().await else { return Ok(()) };
    let bench = Bench::of(subject, store);
    for _ in 0..3 {
        bench.expect_error(("a", "1"), LIFETIME).await?;
    }
    Ok(())
}

/// Drops the answer after one poll, after two, and so on, until one is complete; each time, what follows must be in order.
async fn dropped<S: Subject>(subject: &S) -> Kept {
    const MOST_AWAITS: usize = 1_000;
    let bench = Bench::empty(subject).await;
    for polls in 0..MOST_AWAITS {
        let jti = format!("dropped after {polls}");
        let complete = match bench.answer(("a", &jti), LIFETIME) {
            Answer::Ready(_) => true,
            Answer::Pending(future) => interrupted(future, polls).await.is_some(),
        };
        // It may have been recorded or not, and must be from now on.
        let retried = bench.answer(("a", &jti), LIFETIME).get().await;
        match retried {
            Ok(Admission::Fresh) if complete => return Err(String::from("it was complete, and fresh again")),
            Ok(_) => {}
            Err(error) => return Err(format!("after {polls} polls the store is out of order: {error}")),
        }
        bench.expect(Admission::Replayed, ("a", &jti)).await?;
        bench.expect(Admission::Fresh, ("b", &jti)).await?;
        // A replay that is dropped must not undo what others were told.
        if let Answer::Pending(future) = bench.answer(("b", &jti), LIFETIME) {
            let _ = interrupted(future, polls).await;
        }
        bench.expect(Admission::Replayed, ("b", &jti)).await?;
        if complete {
            return many_dropped(&bench, polls).await;
        }
    }
    Err(format!("an answer took more than {MOST_AWAITS} polls"))
}

/// Whatever an answer holds while it waits must come back when it is dropped.
async fn many_dropped<S: Subject>(bench: &Bench<'_, S>, polls: usize) -> Kept {
    for number in 0..2_000 {
        if let Answer::Pending(future) = bench.answer(("a", "dropped again and again"), LIFETIME) {
            let _ = interrupted(future, number % polls.max(1)).await;
        }
    }
    bench.expect(Admission::Fresh, ("a", "after all that")).await
}

/// Polls `future` at most so many times, and drops it.
async fn interrupted<T>(mut future: BoxFuture<T>, polls: usize) -> Option<T> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
