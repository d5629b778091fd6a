//! Opens the first connection, or explains which setting is wrong and how to fix it.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionManagerConfig;
use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, ProtocolVersion,
    RedisError, RedisResult, TlsCertificates, Value,
};
use rustls::crypto::CryptoProvider;

use super::connection::{Bounds, Target};
use super::seeds;
use crate::event::{Event, EventSink, Warning};
use crate::port::PortError;
use crate::replay::ReplayConfigError;
use crate::setting::Setting;
use crate::timer::timer;

const URL: Setting = Setting::RedisUrl;

const NO_ANSWER: &str =
    "no answer in time; check the address, and whether the server speaks TLS (rediss://) or not (redis://)";

pub(super) const NO_TIMER: &str = "there is no Tokio runtime with timers; build it with enable_time";

/// The servers that a store is on.
pub(super) struct Endpoint {
    pub(super) urls: Vec<String>,
    pub(super) cluster: bool,
    pub(super) root_certificates: Option<Vec<u8>>,
}

/// Returns all nodes that are configured.
pub(super) fn target(endpoint: &Endpoint, bounds: Bounds) -> Result<Target, ReplayConfigError> {
    target_of(endpoint, nodes(endpoint, bounds)?, bounds)
}

/// Returns the nodes of a cluster that answer, for the first connection.
pub(super) async fn answering(endpoint: &Endpoint, bounds: Bounds) -> Result<Target, ReplayConfigError> {
    if timer(Duration::ZERO).is_none() {
        return Err(problem_of_url(NO_TIMER));
    }
    let nodes = seeds::answering(nodes(endpoint, bounds)?, bounds.connect_timeout).await;
    target_of(endpoint, nodes, bounds)
}

pub(super) fn nodes(endpoint: &Endpoint, bounds: Bounds) -> Result<Vec<ConnectionInfo>, ReplayConfigError> {
    endpoint.urls.iter().map(|url| node(url, bounds)).collect()
}

fn target_of(endpoint: &Endpoint, nodes: Vec<ConnectionInfo>, bounds: Bounds) -> Result<Target, ReplayConfigError> {
    let certificates = certificates(endpoint, &nodes)?;
    match (endpoint.cluster, <[ConnectionInfo; 1]>::try_from(nodes)) {
        (false, Ok([node])) => standalone(node, certificates, bounds),
        (_, Ok(nodes)) => cluster(nodes.into(), certificates, bounds),
        (_, Err(nodes)) => cluster(nodes, certificates, bounds),
    }
}

/// Parses a URL. No message repeats it, since it may contain a password.
fn node(url: &str, bounds: Bounds) -> Result<ConnectionInfo, ReplayConfigError> {
    let parsed = url.into_connection_info().map_err(|error| {
        let problem = "it does not parse; use redis://[user:password@]host[:port][/database], or rediss:// for TLS";
        ReplayConfigError::Redis {
            setting: URL,
            problem: problem.into(),
            cause: Some(PortError::new(error.to_string())),
        }
    })?;
    if let ConnectionAddr::TcpTls { insecure: true, .. } = parsed.addr() {
        let problem = "#insecure would accept any certificate; remove it and set root_certificates";
        return Err(problem_of_url(problem));
    }
    // With RESP3 the driver notices immediately when a connection ends, not only at the next
    // command.
    let settings = parsed.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(parsed.set_redis_settings(settings).set_tcp_settings(tcp(bounds)))
}

fn tcp(bounds: Bounds) -> TcpSettings {
    let tcp = TcpSettings::default().set_nodelay(true);
    // A host that is gone acknowledges nothing. Without this, the kernel would retransmit for a
    // quarter of an hour.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let tcp = tcp.set_user_timeout(bounds.connect_timeout);
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = bounds;
    tcp
}

fn certificates(endpoint: &Endpoint, nodes: &[ConnectionInfo]) -> Result<Option<TlsCertificates>, ReplayConfigError> {
    let tls = nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }));
    if tls {
        provide_cryptography()?;
    }
    match &endpoint.root_certificates {
        Some(_) if !tls => Err(ReplayConfigError::Redis {
            setting: Setting::RedisRootCertificates,
            problem: String::from("the URL does not ask for TLS; use rediss://, or remove the certificates"),
            cause: None,
        }),
        pem => Ok(pem.clone().map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) })),
    }
}

/// The driver takes the crypto provider of the process, and panics if there is none.
fn provide_cryptography() -> Result<(), ReplayConfigError> {
    #[cfg(feature = "redis")]
    if CryptoProvider::get_default().is_none() {
        // This fails if another thread has just installed one, which serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    match CryptoProvider::get_default() {
        Some(_) => Ok(()),
        None => Err(problem_of_url(
            "rediss:// needs a crypto provider of rustls; call its install_default() at the start of the program, or \
             enable the feature `redis`, which brings that of aws-lc-rs",
        )),
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
    // Jitter adds up to as much again. Retries never stop, since requests have their own deadlines.
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
        return Err(problem_of_url("none is set; add at least one node of the cluster"));
    }
    let builder = ClusterClient::builder(nodes)
        .tcp_settings(tcp(bounds))
        // Redirections of moved slots are followed, with a bound in case nodes redirect in circles.
        .retries(2)
        .min_retry_wait(10)
        .max_retry_wait(100)
        .connection_timeout(bounds.connect_timeout)
        // Our own timeout is shorter, so the driver never repeats a command.
        .response_timeout(bounds.command_timeout.saturating_mul(4))
        .overall_response_timeout(None);
    let builder = match certificates {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    };
    builder.build().map(Box::new).map(Target::Cluster).map_err(|error| refused(&error))
}

/// The configuration that the servers reported when the store connected.
pub(super) struct Check {
    /// The answer of each to `INFO`, or `None` without the permission.
    infos: Vec<Option<String>>,
}

impl Check {
    /// Connects once. A mistake in the configuration is reported instead of retried.
    pub(super) async fn run(target: &Target, bounds: Bounds) -> Result<Self, ReplayConfigError> {
        let limit = bounds.connect_timeout.saturating_add(bounds.command_timeout);
        let asked = async {
            match target {
                Target::Standalone(client, _) => ask_server(client, bounds).await,
                Target::Cluster(client) => ask_cluster(client).await,
            }
        };
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(infos)) => Self::read(target, infos),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(problem_of_url(NO_ANSWER)),
        }
    }

    fn read(target: &Target, infos: Vec<Option<String>>) -> Result<Self, ReplayConfigError> {
        let standalone = matches!(target, Target::Standalone(..));
        if standalone && infos.iter().flatten().any(|info| field(info, "cluster_enabled") == Some("1")) {
            return Err(problem_of_url("the server is a node of a cluster; use RedisReplay::cluster"));
        }
        Ok(Self { infos })
    }

    /// Returns the answers that the servers gave.
    pub(super) fn infos(&self) -> impl Iterator<Item = &str> {
        self.infos.iter().flatten().map(String::as_str)
    }

    pub(super) fn report(&self, events: &dyn EventSink) {
        let mut told = Vec::new();
        for info in &self.infos {
            let warning = match info.as_deref().and_then(|info| field(info, "maxmemory_policy")) {
                Some("noeviction") => continue,
                Some(policy) => format!(
                    "maxmemory-policy is {policy}: when memory is short, entries are evicted and their assertions \
                     accepted again; set it to noeviction"
                ),
                None => String::from(
                    "maxmemory-policy cannot be read; check that it is noeviction, or assertions may be accepted again",
                ),
            };
            if !told.contains(&warning) {
                events.record(&Event::Warning(Warning::new("redis", &warning)));
                told.push(warning);
            }
        }
    }
}

/// Returns the `INFO` of the server, or `None` if the user lacks the permission.
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
    // One entry per node.
    let infos = redis::from_redis_value::<Vec<(String, String)>>(answer)?;
    Ok(infos.into_iter().map(|(_, info)| Some(info)).collect())
}

/// Returns the value of a line `name:value` of an `INFO` answer.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn problem_of_url(problem: &str) -> ReplayConfigError {
    ReplayConfigError::Redis { setting: URL, problem: problem.into(), cause: None }
}

fn bad_certificates(error: &RedisError) -> ReplayConfigError {
    ReplayConfigError::Redis {
        setting: Setting::RedisRootCertificates,
        problem: String::from("they do not parse; use certificates in PEM"),
        cause: Some(PortError::new(error.to_string())),
    }
}

const UNTRUSTED: &str =
    "the server's certificate is from an authority that is not trusted; add it as root_certificates";
const INVALID_CERTIFICATE: &str = "the server's certificate is not valid; see the cause";
const NO_TLS: &str = "the server does not speak TLS; use redis://";

/// Explains why a server refused the connection, and which setting to change.
pub(super) fn refused(error: &RedisError) -> ReplayConfigError {
    let text = error.to_string();
    let problem = match error.code() {
        Some("NOAUTH") => "the server asks for a password; use redis://:password@host, or redis://user:password@host",
        Some("WRONGPASS") => "the server does not know this user and password",
        Some("NOPERM") => "the user lacks permissions; allow SET (with WAIT, if replicas are waited for) and INFO",
        _ if error.is_timeout() => NO_ANSWER,
        _ if error.is_connection_refusal() => "connection refused; check the address",
        _ => match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => UNTRUSTED,
            Some(rustls::Error::InvalidCertificate(_)) => INVALID_CERTIFICATE,
            Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => NO_TLS,
            Some(_) => "the TLS handshake failed; see the cause",
            // The driver's cluster client keeps only the text of an error.
            None if text.contains("UnknownIssuer") => UNTRUSTED,
            None if text.contains("certificate") => INVALID_CERTIFICATE,
            None if text.contains("InvalidContentType") => NO_TLS,
            None if error.is_connection_dropped() || error.kind() == ErrorKind::Parse => {
                "the server closed the connection; if it speaks TLS, use rediss://"
            }
            None => "the server cannot be used; see the cause",
        },
    };
    ReplayConfigError::Redis { setting: URL, problem: problem.into(), cause: Some(PortError::new(text)) }
}

/// Returns the error of rustls that the driver wraps, if there is one.
fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let wrapped: &Arc<dyn Error + Send + Sync> = error.source()?.downcast_ref()?;
    let mut next: Option<&(dyn Error + 'static)> = Some(&**wrapped);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // The source of an I/O error skips the error that it wraps.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
