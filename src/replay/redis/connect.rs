//! From URLs to a connection that was seen to work, or to a sentence that says which of them to mend, and how.

use std::time::Duration;

use redis::aio::ConnectionManagerConfig;
use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, ProtocolVersion,
    RedisError, RedisResult, TlsCertificates, Value,
};

use super::builder::RedisReplayBuilder;
use super::connection::{Bounds, Target};
use crate::event::{Event, EventSink, Warning};
use crate::port::PortError;
use crate::replay::ReplayConfigError;
use crate::setting::Setting;

const URL: Setting = Setting::RedisUrl;

const SILENT: &str = "nobody answered in time; see that the address is right, and whether the server speaks TLS (rediss://) or not (redis://)";

pub(super) fn target(builder: &RedisReplayBuilder, bounds: Bounds) -> Result<Target, ReplayConfigError> {
    let nodes = builder.urls.iter().map(|url| node(url, bounds)).collect::<Result<Vec<_>, _>>()?;
    let certificates = certificates(builder, &nodes)?;
    match (builder.cluster, <[ConnectionInfo; 1]>::try_from(nodes)) {
        (false, Ok([node])) => standalone(node, certificates, bounds),
        (_, Ok(nodes)) => cluster(nodes.into(), certificates, bounds),
        (_, Err(nodes)) => cluster(nodes, certificates, bounds),
    }
}

/// A URL, which is not repeated in any message: it may hold a password.
fn node(url: &str, bounds: Bounds) -> Result<ConnectionInfo, ReplayConfigError> {
    let parsed = url.into_connection_info().map_err(|error| {
        let problem = "it does not parse; give redis://[user:password@]host[:port][/database], or rediss:// for TLS";
        ReplayConfigError::Redis {
            setting: URL,
            problem: problem.into(),
            cause: Some(PortError::new(error.to_string())),
        }
    })?;
    if let ConnectionAddr::TcpTls { insecure: true, .. } = parsed.addr() {
        let problem = "#insecure would accept any certificate; remove it, and give the authority as root_certificates";
        return Err(problem_of_url(problem));
    }
    // RESP3 has the driver notice at once when a connection ends, and not only with the next command.
    let settings = parsed.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(parsed.set_redis_settings(settings).set_tcp_settings(tcp(bounds)))
}

fn tcp(bounds: Bounds) -> TcpSettings {
    let tcp = TcpSettings::default().set_nodelay(true);
    // A host that is gone acknowledges nothing. Without this, the kernel would go on sending to it for a quarter of an hour.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let tcp = tcp.set_user_timeout(bounds.connect_timeout);
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = bounds;
    tcp
}

fn certificates(
    builder: &RedisReplayBuilder,
    nodes: &[ConnectionInfo],
) -> Result<Option<TlsCertificates>, ReplayConfigError> {
    let tls = nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }));
    if tls && rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster, and then there is one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    match &builder.root_certificates {
        Some(_) if !tls => Err(ReplayConfigError::Redis {
            setting: Setting::RedisRootCertificates,
            problem: String::from("the url does not ask for TLS; write rediss://, or remove the certificates"),
            cause: None,
        }),
        pem => Ok(pem.clone().map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) })),
    }
}

fn standalone(
    node: ConnectionInfo,
    certificates: Option<TlsCertificates>,
    bounds: Bounds,
) -> Result<Target, ReplayConfigError> {
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(node, certificates).map_err(|error| bad_certificates(&error))?,
        None => Client::open(node).map_err(|error| refused(&error))?,
    };
    // Jitter adds up to as much again. It goes on for as long as the store is gone: requests have deadlines of their own.
    let config = ConnectionManagerConfig::new()
        .set_min_delay(Duration::from_millis(25))
        .set_max_delay(Duration::from_millis(250))
        .set_number_of_retries(usize::MAX)
        .set_connection_timeout(Some(bounds.connect_timeout))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(bounds.in_flight);
    Ok(Target::Standalone(Box::new(client), config))
}

fn cluster(
    nodes: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
    bounds: Bounds,
) -> Result<Target, ReplayConfigError> {
    if nodes.is_empty() {
        return Err(problem_of_url("there is none; give at least one node of the cluster"));
    }
    let builder = ClusterClient::builder(nodes)
        .tcp_settings(tcp(bounds))
        // Followed, where slots are moved; bounded, so that nodes which send each other's clients in circles are left.
        .retries(2)
        .min_retry_wait(10)
        .max_retry_wait(100)
        .connection_timeout(bounds.connect_timeout)
        // Ours comes first, and then the command is not sent again.
        .response_timeout(bounds.command_timeout.saturating_mul(4))
        .overall_response_timeout(None);
    let builder = match certificates {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    };
    builder.build().map(Box::new).map(Target::Cluster).map_err(|error| refused(&error))
}

/// What was seen of the store when it was asked.
pub(super) struct Check {
    policies: Vec<Option<String>>,
}

impl Check {
    /// One attempt, so that what is wrong is told rather than tried again.
    pub(super) async fn run(target: &Target, bounds: Bounds) -> Result<Self, ReplayConfigError> {
        let limit = bounds.connect_timeout.saturating_add(bounds.command_timeout);
        let asked = async {
            match target {
                Target::Standalone(client, _) => ask_server(client, bounds).await,
                Target::Cluster(client) => ask_cluster(client).await,
            }
        };
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(infos)) => Self::read(target, &infos),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(problem_of_url(SILENT)),
        }
    }

    fn read(target: &Target, infos: &[Option<String>]) -> Result<Self, ReplayConfigError> {
        let standalone = matches!(target, Target::Standalone(..));
        if standalone && infos.iter().flatten().any(|info| field(info, "cluster_enabled") == Some("1")) {
            return Err(problem_of_url("the server is a node of a cluster; use RedisReplay::cluster"));
        }
        let policy = |info: &Option<String>| Some(field(info.as_deref()?, "maxmemory_policy")?.to_owned());
        Ok(Self { policies: infos.iter().map(policy).collect() })
    }

    pub(super) fn report(&self, events: &dyn EventSink) {
        let mut told = Vec::new();
        for policy in &self.policies {
            let warning = match policy.as_deref() {
                Some("noeviction") => continue,
                Some(policy) => format!(
                    "maxmemory-policy is {policy}, which forgets assertions when memory is short and lets them in again; \
                     set it to noeviction"
                ),
                None => String::from(
                    "maxmemory-policy cannot be read; see that it is noeviction, or assertions may be let in again",
                ),
            };
            if !told.contains(&warning) {
                events.record(&Event::Warning(Warning::new("redis", &warning)));
                told.push(warning);
            }
        }
    }
}

/// `INFO` of the server; `None` if this user may not ask for it.
async fn ask_server(client: &Client, bounds: Bounds) -> RedisResult<Vec<Option<String>>> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(bounds.connect_timeout))
        .set_response_timeout(Some(bounds.command_timeout));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    match redis::cmd("INFO").query_async::<String>(&mut connection).await {
        Err(error) if error.kind() == ErrorKind::Server(redis::ServerErrorKind::NoPerm) => Ok(vec![None]),
        info => info.map(|info| vec![Some(info)]),
    }
}

async fn ask_cluster(client: &ClusterClient) -> RedisResult<Vec<Option<String>>> {
    let mut connection = client.get_async_connection().await?;
    let answer = match redis::cmd("INFO").query_async::<Value>(&mut connection).await {
        Err(error) if error.kind() == ErrorKind::Server(redis::ServerErrorKind::NoPerm) => return Ok(vec![None]),
        answer => answer?,
    };
    // By node.
    let infos = redis::from_redis_value::<Vec<(String, String)>>(answer)?;
    Ok(infos.into_iter().map(|(_, info)| Some(info)).collect())
}

/// A line `name:value` of an `INFO` answer.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn problem_of_url(problem: &str) -> ReplayConfigError {
    ReplayConfigError::Redis { setting: URL, problem: problem.into(), cause: None }
}

fn bad_certificates(error: &RedisError) -> ReplayConfigError {
    ReplayConfigError::Redis {
        setting: Setting::RedisRootCertificates,
        problem: String::from("they do not parse; give certificates in PEM"),
        cause: Some(PortError::new(error.to_string())),
    }
}

/// Why a server did not take us in, in the words of the setting that mends it.
pub(super) fn refused(error: &RedisError) -> ReplayConfigError {
    let text = error.to_string();
    let problem = match error.code() {
        Some("NOAUTH") => "the server asks for a password; write redis://:password@host, or redis://user:password@host",
        Some("WRONGPASS") => "the server does not know this user and password",
        Some("NOPERM") => "the user may not do this; allow it SET (with WAIT, if replicas are waited for) and INFO",
        _ if error.is_timeout() => SILENT,
        _ if error.is_connection_refusal() => "nobody listens there; see that the address is right",
        _ if text.contains("UnknownIssuer") => {
            "the certificate is not by an authority that is trusted here; give that authority as root_certificates"
        }
        _ if text.contains("certificate") => "the certificate of the server will not do; see the cause",
        _ if text.contains("InvalidContentType") => "the server does not speak TLS; write redis://",
        _ if error.is_connection_dropped() || error.kind() == ErrorKind::Parse => {
            "the server hung up; if it speaks TLS, write rediss://"
        }
        _ => "the server cannot be used; see the cause",
    };
    ReplayConfigError::Redis { setting: URL, problem: problem.into(), cause: Some(PortError::new(text)) }
}
