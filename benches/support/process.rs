//! What the kernel says of this process (Linux).

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
