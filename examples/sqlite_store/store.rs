//! Single use by a unique key: the second insert fails.

use sqlx::SqlitePool;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::{Health, PortError};
use tower_client_assertion::replay::{Admission, AdmitResult, AsyncReplayStore, ReplayKey};

/// A table of spent assertions. They are kept for a minute longer than they could be accepted,
/// because the clocks of several hosts differ and a clock may be set back.
#[derive(Debug)]
pub(crate) struct SqliteReplay(SqlitePool);

impl SqliteReplay {
    /// Creates the table unless it exists. Digests are blobs, so that no collation can treat two of
    /// them as equal.
    pub(crate) async fn create(pool: SqlitePool) -> Result<Self, sqlx::Error> {
        let table = "CREATE TABLE IF NOT EXISTS spent (digest BLOB PRIMARY KEY, until INTEGER) STRICT, WITHOUT ROWID";
        sqlx::query(table).execute(&pool).await?;
        sqlx::query("CREATE INDEX IF NOT EXISTS spent_until ON spent (until)").execute(&pool).await?;
        Ok(Self(pool))
    }

    /// Deletes expired entries. Call it about once a minute.
    pub(crate) async fn sweep(&self, now: UnixTime) -> Result<(), PortError> {
        let sweep = sqlx::query("DELETE FROM spent WHERE until <= ? - 60").bind(seconds(now)?);
        sweep.execute(&self.0).await.map(drop).map_err(PortError::new)
    }

    async fn delete_expired(&self, key: ReplayKey<'_>, now: UnixTime) -> Result<(), PortError> {
        let delete = sqlx::query("DELETE FROM spent WHERE digest = ? AND until <= ?")
            .bind(key.digest().to_vec())
            .bind(seconds(now)?);
        delete.execute(&self.0).await.map(drop).map_err(PortError::new)
    }
}

impl AsyncReplayStore for SqliteReplay {
    /// Lets the unique key alone decide: no query before the insert, no count of affected rows
    /// after.
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        if until <= now {
            return Err(PortError::new("the assertion expired before it could be recorded"));
        }
        self.delete_expired(key, now).await?;
        let insert = sqlx::query("INSERT INTO spent (digest, until) VALUES (?, ?)")
            .bind(key.digest().to_vec())
            .bind(seconds(until)?);
        match insert.execute(&self.0).await {
            Ok(_) => Ok(Admission::Fresh),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Admission::Replayed),
            Err(error) => Err(PortError::new(error)),
        }
    }

    /// Enough for a client that sends 30 assertions a second, each of which expires within five
    /// minutes.
    fn admissions_per_client(&self) -> usize {
        10_000
    }

    async fn health(&self, _: UnixTime) -> Health {
        sqlx::query("SELECT 1 FROM spent LIMIT 1").execute(&self.0).await.map(drop).into()
    }
}

fn seconds(time: UnixTime) -> Result<i64, PortError> {
    i64::try_from(time.as_secs()).map_err(PortError::new)
}
