//! Clients and their keys in a table.

use std::sync::Arc;

use sqlx::SqlitePool;
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::port::{Health, PortError};
use tower_client_assertion::registry::{AsyncClientRegistry, Client};

/// A table of clients. Each look-up reads and parses a row, so put it into a `registry::Cached`.
#[derive(Debug)]
pub(crate) struct SqliteRegistry(SqlitePool);

impl SqliteRegistry {
    /// Creates the table unless it exists.
    pub(crate) async fn create(pool: SqlitePool) -> Result<Self, sqlx::Error> {
        let table = "CREATE TABLE IF NOT EXISTS clients (client_id TEXT PRIMARY KEY, jwks TEXT NOT NULL, scope TEXT NOT NULL) \
                     STRICT, WITHOUT ROWID";
        sqlx::query(table).execute(&pool).await?;
        Ok(Self(pool))
    }

    /// Registers a client with a JWK Set, or replaces its registration.
    pub(crate) async fn register(&self, client_id: &str, jwks: &str, scope: &str) -> Result<(), sqlx::Error> {
        let upsert = "INSERT INTO clients (client_id, jwks, scope) VALUES (?, ?, ?) \
                      ON CONFLICT (client_id) DO UPDATE SET jwks = excluded.jwks, scope = excluded.scope";
        sqlx::query(upsert).bind(client_id).bind(jwks).bind(scope).execute(&self.0).await.map(drop)
    }
}

impl AsyncClientRegistry for SqliteRegistry {
    /// A failure of the database or a broken row is the server's fault (503), not the client's.
    async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, PortError> {
        let select = sqlx::query_as::<_, (String, String)>("SELECT jwks, scope FROM clients WHERE client_id = ?");
        let row = select.bind(client_id).fetch_optional(&self.0).await.map_err(PortError::new)?;
        let Some((jwks, scope)) = row else { return Ok(None) };
        let keys = KeySet::parse(jwks.as_bytes()).map_err(PortError::new)?;
        let client = Client::new(client_id, keys).map_err(PortError::new)?;
        Ok(Some(Arc::new(client.with_scope(&scope))))
    }

    async fn health(&self) -> Health {
        sqlx::query("SELECT 1 FROM clients LIMIT 1").execute(&self.0).await.map(drop).into()
    }
}
