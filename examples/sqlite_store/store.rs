//! Single use by a unique key: insert or fail.

use sqlx::SqlitePool;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::PortError;
use tower_client_assertion::replay::{Admission, AdmitResult, AsyncReplayStore, ReplayKey};

/// Spent assertions in a table, kept for a minute longer than they could be accepted: clocks of several hosts differ, and that
/// of one may be set back.
#[derive(Debug)]
pub(crate) struct SqliteReplay(SqlitePool);

impl SqliteReplay {
    /// Creates the table, if it is not there. Identifiers are blobs: no collation may take two of them for one.
    pub(crate) async fn create(pool: SqlitePool) -> Result<Self, sqlx::Error> {
        let table = "CREATE TABLE IF NOT EXISTS spent (client_id BLOB, jti BLOB, until INTEGER, PRIMARY KEY (client_id, jti)) \
                     STRICT, WITHOUT ROWID";
        sqlx::query(table).execute(&pool).await?;
        sqlx::query("CREATE INDEX IF NOT EXISTS spent_until ON spent (until)").execute(&pool).await?;
        Ok(Self(pool))
    }

    /// Clears what has expired. Call it every minute or so.
    pub(crate) async fn sweep(&self, now: UnixTime) -> Result<(), PortError> {
        let sweep = sqlx::query("DELETE FROM spent WHERE until <= ? - 60").bind(seconds(now)?);
        sweep.execute(&self.0).await.map(drop).map_err(PortError::new)
    }

    async fn forget_expired(&self, key: ReplayKey<'_>, now: UnixTime) -> Result<(), PortError> {
        let forget = sqlx::query("DELETE FROM spent WHERE client_id = ? AND jti = ? AND until <= ?")
            .bind(key.client_id().as_bytes())
            .bind(key.jti().as_bytes())
            .bind(seconds(now)?);
        forget.execute(&self.0).await.map(drop).map_err(PortError::new)
    }
}

impl AsyncReplayStore for SqliteReplay {
    /// The unique key decides, and nothing else does: not a look before, and not a number of affected rows after.
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        if until <= now {
            return Err(PortError::new("the assertion expired before it could be recorded"));
        }
        self.forget_expired(key, now).await?;
        let insert = sqlx::query("INSERT INTO spent (client_id, jti, until) VALUES (?, ?, ?)")
            .bind(key.client_id().as_bytes())
            .bind(key.jti().as_bytes())
            .bind(seconds(until)?);
        match insert.execute(&self.0).await {
            Ok(_) => Ok(Admission::Fresh),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Admission::Replayed),
            Err(error) => Err(PortError::new(error)),
        }
    }
}

fn seconds(time: UnixTime) -> Result<i64, PortError> {
    i64::try_from(time.as_secs()).map_err(PortError::new)
}
