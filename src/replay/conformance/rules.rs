//! The rules, in the order in which they are checked.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::Subject;
use super::bench::{Bench, LIFETIME, TENANT, after, named};
use crate::conformance::{Kept, interrupted};
use crate::port::Answer;
use crate::replay::{Admission, ReplayKey, ReplayStore};

pub(super) async fn admitted_once<S: Subject>(subject: &S) -> Kept {
    let bench = Bench::empty(subject).await;
    bench.expect(Admission::Fresh, ("a", "1")).await?;
    // A later or earlier end does not make it another assertion.
    for lifetime in [LIFETIME, LIFETIME + 60, 1, LIFETIME] {
        bench.expect_for(Admission::Replayed, ("a", "1"), lifetime).await?;
    }
    bench.expect(Admission::Fresh, ("a", "2")).await
}

pub(super) async fn share<S: Subject>(subject: &S) -> Kept {
    match subject.empty().await.admissions_per_client() {
        0 => Err(String::from("it is zero, so that every client is refused")),
        _ => Ok(()),
    }
}

pub(super) async fn concurrent<S: Subject>(subject: &S) -> Kept {
    const CALLERS: usize = 64;
    let bench = Bench::empty(subject).await;
    // All callers are there before one of them begins, however slow the machine is.
    let start = Arc::new(Barrier::new(CALLERS));
    for round in 0..20 {
        let mut callers = Vec::with_capacity(CALLERS);
        for _ in 0..CALLERS {
            let (store, start) = (Arc::clone(&bench.store), Arc::clone(&start));
            let (now, jti) = (bench.now, round.to_string());
            callers.push(tokio::spawn(async move {
                start.wait().await;
                store.admit(named(("a", &jti)), after(now, LIFETIME), now).get().await
            }));
        }
        let mut fresh = 0;
        for caller in callers {
            let admitted = caller.await.map_err(|error| format!("a caller failed: {error}"))?;
            let admission = admitted.map_err(|error| format!("a caller got an error: {error}"))?;
            fresh += usize::from(admission == Admission::Fresh);
        }
        if fresh != 1 {
            return Err(format!("{fresh} of {CALLERS} callers were told that the assertion is fresh"));
        }
    }
    Ok(())
}

pub(super) async fn looking<S: Subject>(subject: &S) -> Kept {
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

pub(super) async fn ended<S: Subject>(subject: &S) -> Kept {
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

pub(super) async fn expired<S: Subject>(subject: &S) -> Kept {
    let mut bench = Bench::empty(subject).await;
    bench.expect_error(("a", "1"), 0).await?;
    let past = bench.now;
    bench.now = after(past, 1);
    let admitted = bench.store.admit(named(("a", "1")), past, bench.now).get().await;
    if let Ok(admission) = admitted {
        return Err(format!("an assertion that ended a second ago: expected an error, got {admission:?}"));
    }
    bench.expect(Admission::Fresh, ("a", "1")).await
}

pub(super) async fn told_apart<S: Subject>(subject: &S) -> Kept {
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

pub(super) async fn tenants<S: Subject>(subject: &S) -> Kept {
    const OTHER: &str = "https://other.example";
    let bench = Bench::empty(subject).await;
    let keys = [
        ReplayKey::new(TENANT, "a", "1"),
        ReplayKey::new(OTHER, "a", "1"),
        ReplayKey::new("", "a", "1"),
        ReplayKey::new("a", "", "1"),
        ReplayKey::new("https://as.example.com:a", "b", "1"),
        ReplayKey::new(TENANT, "a:b", "1"),
        ReplayKey::without_jti(TENANT, "a", b"1"),
        ReplayKey::without_jti(TENANT, "a", b"2"),
        ReplayKey::without_jti(TENANT, "b", b"1"),
        ReplayKey::without_jti(OTHER, "a", b"1"),
    ];
    for wanted in [Admission::Fresh, Admission::Replayed] {
        for key in keys {
            bench.expect_key(wanted, key).await?;
        }
    }
    Ok(())
}

pub(super) async fn full<S: Subject>(subject: &S) -> Kept {
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

pub(super) async fn broken<S: Subject>(subject: &S) -> Kept {
    let Some(store) = subject.broken().await else { return Ok(()) };
    let bench = Bench::of(subject, store);
    for _ in 0..3 {
        bench.expect_error(("a", "1"), LIFETIME).await?;
    }
    Ok(())
}

/// Drops the answer after one poll, after two, and so on, until an answer is complete. The store
/// must work correctly after each.
pub(super) async fn dropped<S: Subject>(subject: &S) -> Kept {
    const MOST_AWAITS: usize = 1_000;
    let bench = Bench::empty(subject).await;
    for polls in 0..MOST_AWAITS {
        let jti = format!("dropped after {polls}");
        let complete = match bench.answer(("a", &jti), LIFETIME) {
            Answer::Ready(_) => true,
            Answer::Pending(future) => interrupted(future, polls).await.is_some(),
        };
        // The dropped attempt may have been recorded or not. From now on the assertion must be.
        let retried = bench.answer(("a", &jti), LIFETIME).get().await;
        match retried {
            Ok(Admission::Fresh) if complete => {
                return Err(String::from("an answer was complete, and the assertion was fresh again"));
            }
            Ok(_) => {}
            Err(error) => {
                return Err(format!(
                    "after an answer was dropped at poll {polls}, the store returns an error: {error}"
                ));
            }
        }
        bench.expect(Admission::Replayed, ("a", &jti)).await?;
        bench.expect(Admission::Fresh, ("b", &jti)).await?;
        // Dropping the answer to a replay must not undo the first admission.
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

/// Resources that an answer holds while it waits must be released when it is dropped.
async fn many_dropped<S: Subject>(bench: &Bench<'_, S>, polls: usize) -> Kept {
    for number in 0..2_000 {
        if let Answer::Pending(future) = bench.answer(("a", "dropped again and again"), LIFETIME) {
            let _ = interrupted(future, number % polls.max(1)).await;
        }
    }
    bench.expect(Admission::Fresh, ("a", "after all that")).await
}
