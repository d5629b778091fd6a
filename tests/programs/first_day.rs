//! The page `first_day` of the manual: its commands run as they are written, apart from ports,
//! folders and waits, and print what it says.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::common::{TempDir, example};

/// It serves until it is stopped by hand. `tests/programs/token_server.rs` tests it.
const DEMO: &str = "cargo run --example token_server\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The code blocks of a language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("\n```\n").expect("the block ends").0.to_owned() + "\n")
        .collect()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The commands, with free ports, another folder and a short interval. Cargo is a function that
/// runs what is built.
fn script(page: &str, folder: &str) -> String {
    let mut commands: String = blocks(page, "sh").into_iter().filter(|block| block != DEMO).collect();
    let [server, metrics, prometheus] = [(); 3].map(|()| free_port());
    let copied = format!("cp -r examples/observability {folder}\n");
    let changed = format!("sed -i 's/:9464/:{metrics}/; s/_interval: 15s/_interval: 1s/' {folder}/prometheus.yml\n");
    let ports = [(":8080", server), (":9464", metrics), (":9090", prometheus)];
    for (written, port) in ports.map(|(written, port)| (written, format!(":{port}"))) {
        assert!(commands.contains(written), "{written}");
        commands = commands.replace(written, &port);
    }
    for (written, other) in [("target/first-day", folder), (&copied, &(copied.clone() + &changed))] {
        assert!(commands.contains(written), "{written}");
        commands = commands.replace(written, other);
    }
    let server = example("token_server");
    let cargo = format!("cargo() {{ while [ \"$1\" != -- ]; do shift; done; shift; exec {server:?} \"$@\"; }}\n");
    // What is left when a command fails is stopped.
    format!("set -eu\ntrap 'jobs -p | xargs -r kill' EXIT\n{cargo}{commands}")
}

/// Whether a line is as the page shows it, where `..` is any text.
fn fits(line: &str, shown: &str) -> bool {
    let mut parts = shown.split("..");
    let rest = line.trim_start().strip_prefix(parts.next().unwrap_or_default());
    let rest = rest.and_then(|rest| parts.try_fold(rest, |rest, part| rest.split_once(part).map(|(_, after)| after)));
    rest.is_some_and(|rest| rest.is_empty() || shown.ends_with(".."))
}

#[tokio::test]
async fn its_commands_do_what_the_page_says() {
    let page = std::fs::read_to_string(root().join("src/manual/first_day.md")).unwrap();
    let directory = TempDir::new();
    let folder = directory.path().join("first-day");
    let script = script(&page, folder.to_str().unwrap());
    let mut command = Command::new("timeout");
    command.args(["300", "bash", "-c", &script]).current_dir(root()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(330), command.output()).await;
    let output = output.expect("the script did not end within 330 s").expect("bash and timeout are installed");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {stdout}\n{stderr}", output.status);
    let mut lines = stdout.lines();
    for expected in blocks(&page, "text").iter().flat_map(|block| block.lines()) {
        assert!(lines.any(|line| fits(line, expected)), "{expected:?} is not next in {stdout}\n{stderr}");
    }
}
