//! A thread for work that makes and frees many clients.
//!
//! Allocators put off part of the work of freeing. The next thread that allocates from the same
//! arena pays for it: with glibc, up to a second after a million clients were freed. So the thread
//! that frees the clients must be the one that made them, and it must not serve requests.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::{io, process};

use crate::lock::lock;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one job after the other, in the order in which they arrive. It ends when this
/// is dropped.
#[derive(Debug)]
pub(super) struct WorkerThread(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    jobs: Sender<Job>,
    /// The process that started the thread. A forked child does not have it.
    process: u32,
}

impl Queue {
    fn start() -> io::Result<Self> {
        let (sender, jobs) = channel::<Job>();
        Builder::new().name("clients".to_owned()).spawn(move || jobs.into_iter().for_each(|job| job()))?;
        Ok(Self { jobs: sender, process: process::id() })
    }
}

impl WorkerThread {
    pub(super) fn start() -> io::Result<Self> {
        Queue::start().map(Mutex::new).map(Self)
    }

    /// Runs `work` on the thread and waits for its result. If it panics, the panic continues in the
    /// caller, and the thread keeps running.
    pub(super) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, done) = channel();
        let job = move || sender.send(catch_unwind(AssertUnwindSafe(work))).unwrap_or_default();
        let sent = self.jobs()?.send(Box::new(job)).ok();
        let outcome = sent.and_then(|()| done.recv().ok());
        let outcome = outcome.ok_or_else(|| io::Error::other("the thread of the registry has ended"))?;
        outcome.or_else(|panic| resume_unwind(panic))
    }

    /// Returns the queue of the thread in this process. Starts one after a fork.
    fn jobs(&self) -> io::Result<Sender<Job>> {
        let mut queue = lock(&self.0);
        if queue.process != process::id() {
            *queue = Queue::start()?;
        }
        Ok(queue.jobs.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::WorkerThread;

    #[test]
    fn all_jobs_run_on_one_separate_thread() {
        let worker = WorkerThread::start().unwrap();
        let by_another = thread::scope(|scope| {
            let run = || worker.run(|| thread::current().id()).unwrap();
            scope.spawn(run).join().unwrap()
        });
        assert_eq!(worker.run(|| thread::current().id()).unwrap(), by_another);
        assert_ne!(thread::current().id(), by_another);
    }

    #[test]
    fn a_panic_continues_in_the_caller_and_the_next_job_runs() {
        let worker = WorkerThread::start().unwrap();
        let panicking = || worker.run(|| std::panic::resume_unwind(Box::new("odd")));
        let panic = catch_unwind(AssertUnwindSafe(panicking)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"odd"));
        assert_eq!(worker.run(|| 7).unwrap(), 7);
    }

    #[test]
    fn a_forked_process_starts_a_thread() {
        let worker = WorkerThread::start().unwrap();
        let thread = || worker.run(|| thread::current().id()).unwrap();
        let before = thread();
        worker.0.lock().unwrap().process += 1;
        let after = thread();
        assert_ne!(after, before);
        assert_eq!(thread(), after);
    }

    #[test]
    fn dropping_the_handle_ends_the_thread() {
        thread_local!(static ENDS: std::cell::RefCell<Option<Sender<()>>> = const { std::cell::RefCell::new(None) });
        let worker = WorkerThread::start().unwrap();
        let (sender, ended) = channel();
        worker.run(move || ENDS.set(Some(sender))).unwrap();
        assert!(ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty));
        drop(worker);
        ended.recv().unwrap_err();
    }
}
