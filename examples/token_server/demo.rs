//! The client's side of the demo: requests that are printed as they go over the wire.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_client_assertion::JWT_BEARER;
use tower_client_assertion::registry::FixedRegistry;

use crate::app::TOKEN_PATH;
use crate::log::log;
use crate::support::{Demo, Result};

const SCOPE: &str = "system/Patient.rs";

/// Registers the client and its scope.
pub(crate) fn register(client: &Demo) -> Result<FixedRegistry> {
    Ok(FixedRegistry::new([client.client()?.with_scope(SCOPE)])?)
}

/// Sends one assertion twice, and prints a `curl` line with another one.
pub(crate) async fn show(client: &Demo, server: SocketAddr) -> Result {
    let assertion = client.assertion().await?;
    log("\nA client authenticates:\n");
    exchange(server, &assertion).await?;
    log("\nAn eavesdropper sends the same assertion again:\n");
    exchange(server, &assertion).await?;
    log("\nNow try it yourself. This assertion is valid for five minutes and for one request; send it twice.\n");
    log(&curl(server, &client.assertion().await?));
    log("\nPress Ctrl-C to stop the server.");
    Ok(())
}

/// Sends a request over a new connection, and prints it and the response.
async fn exchange(server: SocketAddr, assertion: &str) -> Result {
    let request = request(server, assertion);
    let response = send(server, &request).await.map_err(|error| format!("the demo failed: {error}"))?;
    print("> ", &request.replace(assertion, &shortened(assertion)));
    print("< ", &response);
    Ok(())
}

fn request(server: SocketAddr, assertion: &str) -> String {
    let form: Vec<_> = parameters(assertion).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let form = form.join("&");
    let length = form.len();
    format!(
        "POST {TOKEN_PATH} HTTP/1.1\r\n\
         Host: {server}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         \r\n\
         {form}"
    )
}

/// No value has a character that needs escaping in a form; a colon and a slash do not.
fn parameters(assertion: &str) -> [(&'static str, &str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("scope", SCOPE),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ]
}

async fn send(server: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(server).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    socket.read_to_string(&mut response).await?;
    Ok(response)
}

/// Shortens an assertion for printing. Terminal output is often copied into tickets.
fn shortened(assertion: &str) -> String {
    let start: String = assertion.chars().take(16).collect();
    format!("{start}...")
}

fn print(prefix: &str, message: &str) {
    for line in message.lines() {
        log(format!("{prefix}{line}").trim_end());
    }
}

fn curl(server: SocketAddr, assertion: &str) -> String {
    let parameters =
        parameters(assertion).into_iter().map(|(name, value)| format!(" --data-urlencode '{name}={value}'"));
    format!("curl -i http://{server}{TOKEN_PATH}{}", parameters.collect::<String>())
}
