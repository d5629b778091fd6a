//! What the kernel says of this process and of this thread (Linux).

// No benchmark asks for all of it.
#![allow(dead_code)]

use std::time::Duration;

/// Bytes of memory that are resident.
pub(crate) fn resident_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this benchmark needs Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}

/// Nanoseconds that this thread has waited for a processor although it could have run.
pub(crate) fn nanoseconds_waited() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this benchmark needs Linux");
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How often this thread has blocked: for a lock, say, or for memory.
pub(crate) fn times_blocked() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("this benchmark needs Linux");
    let times = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    times.trim().parse().unwrap()
}

/// How long this thread has had a processor: not while another thread has it, or another machine.
pub(crate) fn processor_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}
