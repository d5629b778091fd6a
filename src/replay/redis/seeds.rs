//! Which nodes of a cluster answer, so that the first connection does not wait for those that do
//! not.
//!
//! The driver tries all addresses of a host concurrently, and the first that connects wins. It also
//! connects to all nodes that it is given, but waits until the last one has connected or failed. A
//! node that swallows packets would take the whole connect timeout, and the first requests with it.

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the other nodes have after one has answered.
const HEAD_START: Duration = Duration::from_millis(250);

/// Returns the nodes that accept a connection soon after the first of them does, or all if none
/// does within `limit`.
pub(super) async fn answering(nodes: Vec<ConnectionInfo>, limit: Duration) -> Vec<ConnectionInfo> {
    if nodes.len() < 2 {
        return nodes;
    }
    let mut attempts = JoinSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let addr = node.addr().clone();
        attempts.spawn(async move { accepts(&addr).await.then_some(index) });
    }
    let mut answered = vec![false; nodes.len()];
    let mut left = limit;
    while let Ok(Some(attempt)) = timeout(left, attempts.join_next()).await {
        let found = attempt.ok().flatten().and_then(|index| answered.get_mut(index));
        if let Some(found) = found {
            *found = true;
            left = HEAD_START;
        }
    }
    match answered.contains(&true) {
        true => nodes.into_iter().zip(answered).filter_map(|(node, answered)| answered.then_some(node)).collect(),
        false => nodes,
    }
}

/// Tries all addresses concurrently, as the driver does.
async fn accepts(addr: &ConnectionAddr) -> bool {
    let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) = addr else { return true };
    let Ok(addresses) = lookup_host((host.as_str(), *port)).await else { return false };
    let mut attempts: JoinSet<_> = addresses.map(TcpStream::connect).collect();
    while let Some(attempt) = attempts.join_next().await {
        if matches!(attempt, Ok(Ok(_))) {
            return true;
        }
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use redis::IntoConnectionInfo;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn node(port: u16) -> ConnectionInfo {
        format!("redis://127.0.0.1:{port}").into_connection_info().unwrap()
    }

    async fn listening() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// A node that neither accepts nor refuses: the queue of its listener is full.
    async fn swallowing() -> (TcpListener, Vec<std::net::TcpStream>, u16) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
        let queued = std::iter::from_fn(connect).collect();
        (listener, queued, address.port())
    }

    async fn ports(nodes: &[u16]) -> Vec<u16> {
        let nodes = nodes.iter().map(|port| node(*port)).collect();
        // The limit is longer than any patience: nothing is found by its end.
        let found = answering(nodes, Duration::from_secs(3_600)).await;
        let port = |node: &ConnectionInfo| match node.addr() {
            ConnectionAddr::Tcp(_, port) => *port,
            other => panic!("{other:?}"),
        };
        found.iter().map(port).collect()
    }

    #[tokio::test]
    async fn nodes_that_do_not_answer_are_left_out() {
        let ((_one, one), (_two, two)) = (listening().await, listening().await);
        let (_listener, _queued, dead) = swallowing().await;
        let (closed, gone) = listening().await;
        drop(closed);
        assert_eq!(ports(&[dead, one]).await, [one]);
        assert_eq!(ports(&[two, dead, gone, dead]).await, [two]);
        assert_eq!(ports(&[dead]).await, [dead], "one node is not judged");
        assert_eq!(ports(&[gone, gone]).await, [gone, gone], "all are tried if none answers");
        assert_eq!(ports(&[]).await, [0; 0]);
    }

    #[tokio::test]
    async fn a_limit_ends_the_wait_for_the_first() {
        let (_listener, _queued, dead) = swallowing().await;
        let nodes = vec![node(dead), node(dead)];
        assert_eq!(answering(nodes, Duration::from_millis(1)).await.len(), 2);
    }

    /// The driver's own race, which this crate relies on.
    #[tokio::test]
    async fn the_driver_tries_all_addresses_of_a_host_concurrently() {
        struct Fixed(Vec<std::net::SocketAddr>);
        impl redis::io::AsyncDNSResolver for Fixed {
            fn resolve<'a, 'b: 'a>(
                &'a self,
                _: &'b str,
                _: u16,
            ) -> redis::RedisFuture<'a, Box<dyn Iterator<Item = std::net::SocketAddr> + Send + 'a>> {
                Box::pin(async { Ok(Box::new(self.0.iter().copied()) as Box<dyn Iterator<Item = _> + Send>) })
            }
        }
        let (_listener, _queued, dead) = swallowing().await;
        let (living, port) = listening().await;
        let addresses = [dead, dead, port].map(|port| std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let client = redis::Client::open("redis://fleet.example").unwrap();
        let config = redis::AsyncConnectionConfig::new().set_connection_timeout(None);
        let config = config.set_dns_resolver(Fixed(addresses.into()));
        let connecting = tokio::spawn(async move {
            let _ = client.get_multiplexed_async_connection_with_config(&config).await;
        });
        // A dead address alone would take minutes.
        living.accept().await.unwrap();
        connecting.abort();
    }
}
