//! What the kernel knows about this process and this thread (Linux).

// Each benchmark uses a part of this.
#![allow(dead_code)]

use std::time::Duration;

/// Returns the resident memory in bytes.
pub(crate) fn resident_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this benchmark needs Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}

/// Returns the nanoseconds during which this thread could run but had no processor.
pub(crate) fn nanoseconds_waited() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this benchmark needs Linux");
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Returns how often this thread has blocked, for example on a lock or on memory.
pub(crate) fn times_blocked() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("this benchmark needs Linux");
    let times = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    times.trim().parse().unwrap()
}

/// Returns the processor time of this thread.
pub(crate) fn processor_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}
