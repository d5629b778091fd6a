//! One connection to the store, and what to connect to.

use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, Pipeline, RedisResult, Value};

/// A server or a cluster, ready to be connected to.
pub(super) enum Target {
    Standalone(Box<Client>, ConnectionManagerConfig),
    Cluster(Box<ClusterClient>),
}

impl Target {
    /// Opens a connection that is established by its first command.
    pub(super) fn open(&self) -> RedisResult<Connection> {
        match self {
            Self::Standalone(client, config) => {
                let manager = ConnectionManager::new_lazy_with_config(Client::clone(client), config.clone())?;
                Ok(Connection::Standalone(manager))
            }
            Self::Cluster(client) => {
                Ok(Connection::Cluster(client.get_pending_async_connection_with_config(ClusterConfig::new())))
            }
        }
    }
}

/// A cheaply cloned handle: one connection to a server, or one to each node of a cluster.
#[derive(Clone)]
pub(super) enum Connection {
    Standalone(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn one(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Standalone(manager) => manager.req_packed_command(command).await,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await,
        }?
        .extract_error()
    }

    /// Returns the answers to all commands of `pipeline`. They are sent over one connection, with
    /// no other command in between.
    pub(super) async fn all(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let count = pipeline.len();
        let answers = match self {
            Self::Standalone(manager) => manager.req_packed_commands(pipeline, 0, count).await,
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, 0, count).await,
        }?;
        answers.into_iter().map(Value::extract_error).collect()
    }
}

/// The limits of time and number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) connect_timeout: Duration,
    pub(super) command_timeout: Duration,
    pub(super) in_flight: usize,
    pub(super) connections: usize,
}
