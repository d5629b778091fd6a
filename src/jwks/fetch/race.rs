//! Connects to the first of several addresses that answers (Happy Eyeballs, RFC 8305).

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use tokio::time::{Instant, Sleep, sleep};

/// How long an attempt is alone before the next one starts too (RFC 8305, section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The most addresses that are tried. The client decides what its name resolves to, and must not
/// have this server connect to a whole network.
const MOST_ADDRESSES: usize = 8;

/// Connects to the first of `addresses` that answers. The next attempt starts when one has failed,
/// or 250 ms after the one before. When one succeeds, the others are dropped. The caller bounds the
/// time.
///
/// # Errors
///
/// Every attempt has failed. The error names each. Or there is no address.
pub(super) async fn first_to_connect<T, F>(addresses: &[IpAddr], connect: impl Fn(IpAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut race = Race {
        waiting: in_order(addresses).into_iter(),
        connect,
        running: Vec::new(),
        delay: Box::pin(sleep(ATTEMPT_DELAY)),
        failures: Vec::new(),
    };
    poll_fn(|cx| race.poll(cx)).await
}

/// The order of the attempts: families alternate, beginning with that of the first address (RFC
/// 8305, section 4). Within a family, the order is that of the resolver.
fn in_order(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut seen = HashSet::new();
    let distinct = addresses.iter().copied().filter(|address| seen.insert(*address));
    let is_first_family =
        |address: &IpAddr| addresses.first().is_some_and(|first| first.is_ipv4() == address.is_ipv4());
    let (one, other): (Vec<_>, Vec<_>) = distinct.partition(is_first_family);
    let alternating = (0..MOST_ADDRESSES).flat_map(|index| [one.get(index), other.get(index)]);
    alternating.flatten().take(MOST_ADDRESSES).copied().collect()
}

struct Race<C, F> {
    waiting: vec::IntoIter<IpAddr>,
    connect: C,
    running: Vec<(IpAddr, Pin<Box<F>>)>,
    /// Ends when the next attempt may start although others are running.
    delay: Pin<Box<Sleep>>,
    failures: Vec<String>,
}

impl<T, F, C> Race<C, F>
where
    F: Future<Output = io::Result<T>>,
    C: Fn(IpAddr) -> F,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            let failures = self.failures.len();
            if let Some(connected) = self.poll_running(cx) {
                return Poll::Ready(Ok(connected));
            }
            let has_failed = self.failures.len() > failures;
            let may_start = has_failed || self.running.is_empty() || self.delay.as_mut().poll(cx).is_ready();
            match may_start.then(|| self.waiting.next()).flatten() {
                Some(address) => self.start(address),
                None if self.running.is_empty() => return Poll::Ready(Err(self.error())),
                None => return Poll::Pending,
            }
        }
    }

    fn start(&mut self, address: IpAddr) {
        self.running.push((address, Box::pin((self.connect)(address))));
        self.delay.as_mut().reset(Instant::now() + ATTEMPT_DELAY);
    }

    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut connected = None;
        let failures = &mut self.failures;
        self.running.retain_mut(|(address, attempt)| match attempt.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(stream)) => {
                connected = Some(stream);
                false
            }
            Poll::Ready(Err(error)) => {
                failures.push(format!("{address}: {error}"));
                false
            }
        });
        connected
    }

    fn error(&self) -> io::Error {
        match self.failures.is_empty() {
            true => io::Error::other("the host has no address"),
            false => io::Error::other(self.failures.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What happens to an attempt, this many milliseconds after it starts.
    #[derive(Clone, Copy)]
    enum Fate {
        Connects(u64),
        Fails(u64),
        Hangs,
    }

    use Fate::{Connects, Fails, Hangs};

    /// When attempts started, in milliseconds, and how many are running.
    #[derive(Default)]
    struct Log {
        starts: Vec<(String, u64)>,
        running: usize,
    }

    struct Attempt(Arc<Mutex<Log>>);

    impl Drop for Attempt {
        fn drop(&mut self) {
            self.0.lock().unwrap().running -= 1;
        }
    }

    /// Runs a race. Returns the start of each attempt, the winner or the error, and the time.
    async fn race(fates: &[(&str, Fate)]) -> (Vec<(String, u64)>, Result<String, String>, u64) {
        let begun = Instant::now();
        let now = move || u64::try_from(begun.elapsed().as_millis()).unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let fates: Vec<(IpAddr, Fate)> = fates.iter().map(|(text, fate)| (text.parse().unwrap(), *fate)).collect();
        let connect = |address: IpAddr| {
            let (_, fate) = *fates.iter().find(|(known, _)| *known == address).unwrap();
            log.lock().unwrap().starts.push((address.to_string(), now()));
            log.lock().unwrap().running += 1;
            let attempt = Attempt(Arc::clone(&log));
            async move {
                let _attempt = attempt;
                match fate {
                    Connects(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Ok(address.to_string())
                    }
                    Fails(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Err(io::Error::other("refused"))
                    }
                    Hangs => std::future::pending().await,
                }
            }
        };
        let addresses: Vec<_> = fates.iter().map(|(address, _)| *address).collect();
        let ended = first_to_connect(&addresses, connect).await.map_err(|error| error.to_string());
        let log = log.lock().unwrap();
        assert_eq!(log.running, 0, "the other attempts are dropped");
        (log.starts.clone(), ended, now())
    }

    #[tokio::test(start_paused = true)]
    async fn each_attempt_starts_250_ms_after_the_one_before_or_at_its_failure() {
        type Case<'a> = (&'a [(&'a str, Fate)], &'a [(&'a str, u64)], Result<&'a str, &'a str>, u64);
        let cases: [Case<'_>; 9] = [
            (&[("1.0.0.1", Connects(10))], &[("1.0.0.1", 0)], Ok("1.0.0.1"), 10),
            (&[("1.0.0.1", Connects(249)), ("1.0.0.2", Connects(0))], &[("1.0.0.1", 0)], Ok("1.0.0.1"), 249),
            (&[("::1", Hangs), ("1.0.0.1", Connects(0))], &[("::1", 0), ("1.0.0.1", 250)], Ok("1.0.0.1"), 250),
            (
                &[("1.0.0.1", Connects(300)), ("1.0.0.2", Hangs), ("1.0.0.3", Hangs)],
                &[("1.0.0.1", 0), ("1.0.0.2", 250)],
                Ok("1.0.0.1"),
                300,
            ),
            (
                &[("1.0.0.1", Hangs), ("1.0.0.2", Hangs), ("1.0.0.3", Hangs), ("1.0.0.4", Connects(20))],
                &[("1.0.0.1", 0), ("1.0.0.2", 250), ("1.0.0.3", 500), ("1.0.0.4", 750)],
                Ok("1.0.0.4"),
                770,
            ),
            (
                &[("1.0.0.1", Fails(0)), ("1.0.0.2", Fails(100)), ("1.0.0.3", Hangs), ("1.0.0.4", Connects(0))],
                &[("1.0.0.1", 0), ("1.0.0.2", 0), ("1.0.0.3", 100), ("1.0.0.4", 350)],
                Ok("1.0.0.4"),
                350,
            ),
            (
                &[("1.0.0.1", Hangs), ("1.0.0.2", Fails(50)), ("1.0.0.3", Connects(0))],
                &[("1.0.0.1", 0), ("1.0.0.2", 250), ("1.0.0.3", 300)],
                Ok("1.0.0.3"),
                300,
            ),
            (
                &[("1.0.0.1", Fails(1)), ("::1", Fails(2))],
                &[("1.0.0.1", 0), ("::1", 1)],
                Err("1.0.0.1: refused; ::1: refused"),
                3,
            ),
            (&[], &[], Err("the host has no address"), 0),
        ];
        for (index, (fates, starts, ended, time)) in cases.into_iter().enumerate() {
            let found = race(fates).await;
            let starts: Vec<_> = starts.iter().map(|(address, at)| ((*address).to_owned(), *at)).collect();
            let ended = ended.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(found, (starts, ended, time), "case {index}");
        }
    }

    #[test]
    fn families_alternate_and_the_number_is_bounded() {
        for (given, expected) in [
            ("", ""),
            ("1.0.0.1", "1.0.0.1"),
            ("::1 ::2 1.0.0.1 1.0.0.2", "::1 1.0.0.1 ::2 1.0.0.2"),
            ("1.0.0.1 1.0.0.2 1.0.0.3 ::1", "1.0.0.1 ::1 1.0.0.2 1.0.0.3"),
            ("1.0.0.1 ::1 ::2 ::3", "1.0.0.1 ::1 ::2 ::3"),
            ("1.0.0.1 1.0.0.1 1.0.0.2 1.0.0.1", "1.0.0.1 1.0.0.2"),
            ("::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9", "::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8"),
            ("::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9 1.0.0.1", "::1 1.0.0.1 ::2 ::3 ::4 ::5 ::6 ::7"),
        ] {
            let given: Vec<IpAddr> = given.split_whitespace().map(|address| address.parse().unwrap()).collect();
            let ordered: Vec<_> = in_order(&given).iter().map(ToString::to_string).collect();
            assert_eq!(ordered.join(" "), expected, "{given:?}");
        }
    }
}
