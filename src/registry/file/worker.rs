//! A thread of its own for what makes and frees clients in great numbers.
//!
//! Allocators put off part of the work of freeing. Whoever next asks for memory at the same place pays for it: in glibc up to
//! a second at once after a million clients. So the thread that frees them must be the one that made them, and must serve
//! nobody.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::{io, process};

use crate::lock::lock;

type Job = Box<dyn FnOnce() + Send>;

/// Does one job after the other, in the order in which they come. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Keeper(Mutex<Thread>);

#[derive(Debug)]
struct Thread {
    jobs: Sender<Job>,
    /// Threads stay behind when a process forks.
    process: u32,
}

impl Thread {
    fn start() -> io::Result<Self> {
        let (sender, jobs) = channel::<Job>();
        Builder::new().name("clients".to_owned()).spawn(move || jobs.into_iter().for_each(|job| job()))?;
        Ok(Self { jobs: sender, process: process::id() })
    }
}

impl Keeper {
    pub(super) fn start() -> io::Result<Self> {
        Thread::start().map(Mutex::new).map(Self)
    }

    /// Waits for what comes of `work`. Its panic is the caller's, and the thread lives on.
    pub(super) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, done) = channel();
        let job = move || sender.send(catch_unwind(AssertUnwindSafe(work))).unwrap_or_default();
        let sent = self.jobs()?.send(Box::new(job)).ok();
        let outcome = sent.and_then(|()| done.recv().ok()).ok_or_else(|| io::Error::other("its thread has ended"))?;
        outcome.or_else(|panic| resume_unwind(panic))
    }

    /// Those of the thread that this process has.
    fn jobs(&self) -> io::Result<Sender<Job>> {
        let mut thread = lock(&self.0);
        if thread.process != process::id() {
            *thread = Thread::start()?;
        }
        Ok(thread.jobs.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::Keeper;

    #[test]
    fn all_jobs_are_done_in_one_thread_that_is_nobody_elses() {
        let keeper = Keeper::start().unwrap();
        let by_another = thread::scope(|scope| {
            let run = || keeper.run(|| thread::current().id()).unwrap();
            scope.spawn(run).join().unwrap()
        });
        assert_eq!(keeper.run(|| thread::current().id()).unwrap(), by_another);
        assert_ne!(thread::current().id(), by_another);
    }

    #[test]
    fn the_panic_of_a_job_is_its_callers_and_the_next_job_is_done() {
        let keeper = Keeper::start().unwrap();
        let panicking = || keeper.run(|| std::panic::resume_unwind(Box::new("odd")));
        let panic = catch_unwind(AssertUnwindSafe(panicking)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"odd"));
        assert_eq!(keeper.run(|| 7).unwrap(), 7);
    }

    #[test]
    fn a_process_that_has_no_such_thread_starts_one() {
        let keeper = Keeper::start().unwrap();
        let thread = || keeper.run(|| thread::current().id()).unwrap();
        let before = thread();
        keeper.0.lock().unwrap().process += 1;
        let after = thread();
        assert_ne!(after, before);
        assert_eq!(thread(), after);
    }

    #[test]
    fn the_thread_ends_with_its_keeper() {
        thread_local!(static ENDS: std::cell::RefCell<Option<Sender<()>>> = const { std::cell::RefCell::new(None) });
        let keeper = Keeper::start().unwrap();
        let (sender, ended) = channel();
        keeper.run(move || ENDS.set(Some(sender))).unwrap();
        assert!(ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty));
        drop(keeper);
        ended.recv().unwrap_err();
    }
}
