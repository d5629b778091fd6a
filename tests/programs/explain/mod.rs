//! The example `explain`: what it makes of captured requests, and as a process.

mod agreement;
mod curl;
mod fetch;
mod input;
mod process;
mod usage;

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::common::{Jwt, Signer, example};
use crate::server::{AUDIENCE, ISSUER, soon};

/// What the program printed, and its exit code.
struct Output {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Output {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("not JSON: {self}"))
    }

    /// The names of the steps that failed, in their order, as codes.
    fn reasons(&self) -> Vec<String> {
        let json = self.json();
        let steps = json["steps"].as_array().unwrap().iter();
        steps.filter_map(|step| Some(step["reason"].as_str()?.to_owned())).collect()
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Runs the program with an input on stdin. No signature in the input may be printed.
async fn explain(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(example("explain"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input).await;
    drop(stdin);
    let output = soon("the end of the program", child.wait_with_output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{}", output.status));
    let output = Output { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    let input = String::from_utf8_lossy(input);
    for run in input.split(|char: char| !char.is_ascii_alphanumeric() && !"-_".contains(char)) {
        assert!(run.len() < 60 || !(output.stdout.contains(run) || output.stderr.contains(run)), "{run}\n{output}");
    }
    output
}

/// The flags of the profile, without clients.
fn rules(profile: &str) -> Vec<&str> {
    vec!["--profile", profile, "--issuer", ISSUER, "--audience", AUDIENCE]
}

/// A client's assertion at this time.
fn jwt_at(signer: &Signer, client_id: &str, now: u64) -> Jwt {
    Jwt::by(signer, client_id).claim("aud", AUDIENCE).claim("iat", now).claim("exp", now + 300)
}
