//! `examples/observability`: the configuration, the rules and the dashboard that operators copy, by
//! promtool, by the table of series, and by a Prometheus that scrapes servers which are sent
//! requests.

mod dashboard;
#[cfg(feature = "redis")]
mod driven;
#[cfg(feature = "redis")]
mod prometheus;
#[cfg(feature = "redis")]
mod scraped;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tower_client_assertion::metrics::{SERIES, SeriesKind};

use dashboard::Dashboard;

const RUNBOOK: &str =
    "https://docs.rs/tower-client-assertion/latest/tower_client_assertion/manual/operations/index.html";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/observability")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// What promtool says. The rule tests take seconds of a processor.
async fn promtool(arguments: &[&str]) -> Output {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(folder()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(180), command.output()).await;
    output.expect("promtool did not end within 180 s").expect("promtool is installed")
}

async fn accepts(arguments: &[&str]) {
    let output = promtool(arguments).await;
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn promtool_accepts_the_configuration_and_the_rules() {
    accepts(&["check", "config", "prometheus.yml"]).await;
    accepts(&["check", "rules", "alerts.yml"]).await;
}

#[tokio::test]
async fn alerts_fire_and_stay_silent_as_their_tests_say() {
    accepts(&["test", "rules", "alerts_test.yml", "alerts_days_test.yml"]).await;
}

/// promtool does not say which alerts have no test.
#[test]
fn each_alert_is_tested_to_fire_and_to_stay_silent() {
    let tests = file("alerts_test.yml") + &file("alerts_days_test.yml");
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for part in tests.split("alertname: ").skip(1) {
        let name = part.split([',', '\n']).next().unwrap();
        let expected = part.split("exp_alerts:").nth(1).unwrap();
        if expected.trim_start_matches(' ').starts_with("[]") {
            silent.insert(name)
        } else {
            fires.insert(name)
        };
    }
    let alerts: BTreeSet<_> = alerts().into_keys().collect();
    let alerts: BTreeSet<_> = alerts.iter().map(String::as_str).collect();
    assert!(alerts.len() >= 12, "{alerts:?}");
    assert_eq!(fires, alerts);
    assert_eq!(silent, alerts);
}

/// The text of each alert, by its name.
fn alerts() -> BTreeMap<String, String> {
    let rules = file("alerts.yml");
    let parts = rules.split("- alert: ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap()).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[test]
fn each_alert_leads_to_its_section_of_the_manual() {
    let page = std::fs::read_to_string(folder().join("../../src/manual/operations.md")).unwrap();
    for (name, text) in alerts() {
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(text.contains(part), "{name} has no {part:?}");
        }
        let runbook = format!("runbook_url: {RUNBOOK}#{}\n", name.to_lowercase());
        assert!(text.contains(&runbook), "{name}: {runbook}");
        assert!(page.lines().any(|line| line == format!("## {name}")), "the page has no section {name}");
    }
    let sections = page.lines().filter_map(|line| line.strip_prefix("## "));
    let unknown: Vec<_> = sections.filter(|section| !alerts().contains_key(*section)).collect();
    assert!(unknown.is_empty(), "sections without an alert: {unknown:?}");
}

/// Every name that begins like one of the library, as it is written.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("client_assertion_")).collect()
}

/// The names by which Prometheus knows a series.
fn known() -> BTreeSet<String> {
    let parts = |kind| if kind == SeriesKind::Histogram { &["_bucket", "_sum", "_count"][..] } else { &[""] };
    let names =
        SERIES.iter().flat_map(|series| parts(series.kind()).iter().map(|part| series.name().to_owned() + part));
    names.collect()
}

#[test]
fn rules_and_dashboard_name_only_series_of_the_table() {
    let known = known();
    for name in ["alerts.yml", "alerts_test.yml", "alerts_days_test.yml", "dashboard.json", "README.md"] {
        let text = file(name);
        let unknown: Vec<_> = names(&text).into_iter().filter(|name| !known.contains(*name)).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}

#[test]
fn each_series_of_the_table_is_on_a_panel() {
    let dashboard = Dashboard::read();
    let shown: BTreeSet<_> =
        dashboard.panels.iter().flat_map(|panel| &panel.exprs).flat_map(|expr| names(expr)).collect();
    for series in SERIES {
        let suffix = if series.kind() == SeriesKind::Histogram { "_bucket" } else { "" };
        let name = series.name().to_owned() + suffix;
        assert!(shown.contains(&*name), "{name} is on no panel");
    }
}

/// A label that the table does not have selects nothing, or everything.
#[test]
fn expressions_use_labels_of_the_table() {
    let mut known: BTreeSet<_> = SERIES.iter().flat_map(|series| series.labels()).copied().collect();
    known.extend(["job", "instance", "le"]);
    let dashboard = Dashboard::read();
    let exprs = dashboard.panels.iter().flat_map(|panel| panel.exprs.iter().cloned());
    for expr in exprs.chain(alerts().into_values().map(|text| expr_of(&text))) {
        let matchers = expr.split('{').skip(1).filter_map(|part| part.split('}').next());
        let matched = matchers.flat_map(|part| part.split(", ")).flat_map(|part| part.split(",\n"));
        let matched = matched.filter_map(|matcher| matcher.split(['=', '!']).next());
        let grouped = expr.split("by (").skip(1).filter_map(|part| part.split(')').next());
        let grouped = grouped.flat_map(|part| part.split(", "));
        for label in matched.chain(grouped) {
            assert!(known.contains(label.trim()), "{label:?} in {expr}");
        }
    }
}

/// The expression of an alert, on one line.
fn expr_of(alert: &str) -> String {
    let lines = alert.split_once("expr: ").unwrap().1.lines().map(str::trim);
    let ends = |line: &&str| !["for: ", "labels:"].iter().any(|key| line.starts_with(key));
    lines.take_while(ends).filter(|line| *line != ">-").collect::<Vec<_>>().join(" ")
}
