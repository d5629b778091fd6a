//! What a store on Redis knows about itself: from its URLs, and from what its servers reported when
//! it connected.

use std::net::IpAddr;

use redis::{ConnectionAddr, ConnectionInfo};

use super::connect::field;
use crate::replay::StoreFact;

/// Returns how the connections are protected. The seeds of a cluster do not tell where its other
/// nodes are, so its connections are never known to stay on this machine.
pub(super) fn of_connections(nodes: &[ConnectionInfo], is_cluster: bool) -> impl Iterator<Item = StoreFact> {
    nodes.iter().map(of_connection).filter(move |fact| !is_cluster || *fact != StoreFact::Local)
}

/// Returns how the connection to a server is protected.
fn of_connection(node: &ConnectionInfo) -> StoreFact {
    match node.addr() {
        ConnectionAddr::TcpTls { .. } => StoreFact::Encrypted,
        ConnectionAddr::Unix(_) => StoreFact::Local,
        ConnectionAddr::Tcp(host, _) if is_loopback(host) => StoreFact::Local,
        _ => StoreFact::Unencrypted,
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Returns what the `INFO` of a server tells. `confirmed` replicas must confirm an entry.
pub(super) fn of_server(info: &str, confirmed: usize) -> Vec<StoreFact> {
    let eviction = field(info, "maxmemory_policy").map(|policy| match policy {
        "noeviction" => StoreFact::NeverEvicts,
        policy => StoreFact::Evicts(policy.into()),
    });
    // Snapshots lose what was acknowledged since the last.
    let persistence = field(info, "aof_enabled").map(|enabled| match enabled {
        "1" => StoreFact::Durable,
        _ => StoreFact::NotDurable,
    });
    let replicas = field(info, "connected_slaves").filter(|_| field(info, "role") != Some("slave"));
    let replicas = replicas.and_then(|count| count.parse().ok()).map(|count| StoreFact::replicas(count, confirmed));
    [eviction, persistence, replicas].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo as _;

    use super::{StoreFact, of_connection, of_connections, of_server};

    #[test]
    fn connections_are_judged_by_their_address() {
        for (url, expected) in [
            ("rediss://redis.example.com", StoreFact::Encrypted),
            ("rediss://127.0.0.1", StoreFact::Encrypted),
            ("redis://redis.example.com", StoreFact::Unencrypted),
            ("redis://10.0.0.1", StoreFact::Unencrypted),
            ("redis://127.0.0.1:7000/3", StoreFact::Local),
            ("redis://localhost", StoreFact::Local),
            ("redis://[::1]", StoreFact::Local),
            ("redis://localhost.example.com", StoreFact::Unencrypted),
            ("redis+unix:///run/redis.sock", StoreFact::Local),
        ] {
            assert_eq!(of_connection(&url.into_connection_info().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_cluster_is_not_on_this_machine_because_a_seed_is() {
        use StoreFact::{Encrypted, Local, Unencrypted};
        for (url, standalone, cluster) in [
            ("redis://127.0.0.1:7000", vec![Local], vec![]),
            ("redis://localhost", vec![Local], vec![]),
            ("redis://10.0.0.1", vec![Unencrypted], vec![Unencrypted]),
            ("rediss://127.0.0.1", vec![Encrypted], vec![Encrypted]),
        ] {
            let nodes = [url.into_connection_info().unwrap()];
            assert_eq!(of_connections(&nodes, false).collect::<Vec<_>>(), standalone, "{url}");
            assert_eq!(of_connections(&nodes, true).collect::<Vec<_>>(), cluster, "{url}");
        }
    }

    #[test]
    fn servers_tell_what_they_are_configured_for() {
        use StoreFact::{Durable, Evicts, NeverEvicts, NotDurable};
        let replicas = StoreFact::replicas;
        for (info, expected) in [
            (
                "maxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\nconnected_slaves:2\r\n",
                vec![NeverEvicts, Durable, replicas(2, 1)],
            ),
            ("maxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n", vec![Evicts("allkeys-lru".into()), NotDurable]),
            ("role:slave\r\nconnected_slaves:1\r\n", vec![]),
            ("connected_slaves:many\r\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(of_server(info, 1), expected, "{info:?}");
        }
    }
}
