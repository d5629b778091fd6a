//! The one command: insert if absent, with an expiry. On request it also waits until replicas have
//! the entry.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisResult, Value};

use super::connection::Connection;
use crate::port::PortError;
use crate::replay::{Admission, AdmitResult};

/// How many replicas must confirm an entry before its assertion is accepted, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replicas {
    pub(super) count: u32,
    pub(super) timeout: Duration,
}

/// An insert that has not been sent yet.
pub(super) enum Insert {
    Plain(Cmd),
    /// Both commands go over one connection, since `WAIT` refers only to the writes of the
    /// same connection.
    Replicated(Pipeline, Replicas),
}

impl Insert {
    /// Creates an insert of `key` that expires after `lifetime`.
    ///
    /// The lifetime is relative. With an absolute expiry (`EXAT`), a server whose clock is ahead
    /// answers `OK` and remembers nothing. The server counts a relative lifetime from when it
    /// executes the command, so neither a wrong clock nor a delayed command ends it too early.
    pub(super) fn new(key: &str, lifetime: Duration, replicas: Option<Replicas>) -> Self {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(1).arg("NX").arg("PX").arg(millis(lifetime));
        let Some(replicas) = replicas else { return Self::Plain(set) };
        let mut pipeline = redis::pipe();
        pipeline.add_command(set).cmd("WAIT").arg(replicas.count).arg(millis(replicas.timeout));
        Self::Replicated(pipeline, replicas)
    }

    /// Returns how much longer than an ordinary command it may take.
    pub(super) fn extra_time(&self) -> Duration {
        match self {
            Self::Plain(_) => Duration::ZERO,
            Self::Replicated(_, replicas) => replicas.timeout,
        }
    }

    pub(super) async fn run(&self, connection: &mut Connection) -> RedisResult<AdmitResult> {
        match self {
            Self::Plain(set) => connection.one(set).await.map(|answer| inserted(&answer)),
            Self::Replicated(pipeline, replicas) => {
                connection.all(pipeline).await.map(|answers| replicated(&answers, *replicas))
            }
        }
    }
}

/// Only a definite `OK` is fresh.
fn inserted(answer: &Value) -> AdmitResult {
    match answer {
        Value::Okay => Ok(Admission::Fresh),
        Value::Nil => Ok(Admission::Replayed),
        _ => Err(PortError::new("redis: the answer to SET is neither OK nor nil")),
    }
}

fn replicated(answers: &[Value], wanted: Replicas) -> AdmitResult {
    match answers {
        [set, Value::Int(count)] => match inserted(set)? {
            Admission::Fresh if *count < i64::from(wanted.count) => Err(PortError::new(format!(
                "redis: {count} of {} replicas confirmed the entry within {} ms",
                wanted.count,
                wanted.timeout.as_millis()
            ))),
            admission => Ok(admission),
        },
        _ => Err(PortError::new("redis: the answer to WAIT is not a number")),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Replicas = Replicas { count: 2, timeout: Duration::from_millis(50) };

    fn text(bytes: &str) -> Value {
        Value::BulkString(bytes.into())
    }

    #[test]
    fn only_ok_is_fresh_and_only_nil_is_a_replay() {
        assert_eq!(inserted(&Value::Okay).unwrap(), Admission::Fresh);
        assert_eq!(inserted(&Value::Nil).unwrap(), Admission::Replayed);
        let others = [
            Value::Int(1),
            Value::Int(0),
            text(""),
            text("OK"),
            Value::SimpleString("QUEUED".into()),
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Okay]),
            Value::Boolean(true),
        ];
        for other in others {
            assert!(inserted(&other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn an_entry_is_fresh_only_with_enough_replicas() {
        for (count, fresh) in [(-1, false), (0, false), (1, false), (2, true), (3, true)] {
            let admitted = replicated(&[Value::Okay, Value::Int(count)], WANTED);
            assert_eq!(matches!(admitted, Ok(Admission::Fresh)), fresh, "{count}");
            assert_eq!(admitted.is_err(), !fresh, "{count}");
            assert_eq!(replicated(&[Value::Nil, Value::Int(count)], WANTED).unwrap(), Admission::Replayed, "{count}");
        }
        let malformed =
            [vec![], vec![Value::Okay], vec![Value::Okay, Value::Nil], vec![Value::Okay, Value::Int(2), Value::Nil]];
        for answers in malformed {
            assert!(replicated(&answers, WANTED).is_err(), "{answers:?}");
        }
    }

    #[test]
    fn the_command_is_one_atomic_insert_with_an_expiry() {
        let Insert::Plain(set) = Insert::new("k", Duration::from_millis(1_500), None) else { panic!("no replicas") };
        let words: Vec<_> = set.args_iter().map(|arg| format!("{arg:?}")).collect();
        let expected = ["SET", "k", "1", "NX", "PX", "1500"];
        assert_eq!(words.len(), expected.len());
        for (word, expected) in words.iter().zip(expected) {
            assert!(word.contains(&format!("{:?}", expected.as_bytes())), "{word} {expected}");
        }
    }
}
