//! What a Prometheus makes of every expression, after it has scraped a sample of each series twice.

use std::fmt::Write as _;

use serde_json::Value;
use tower_client_assertion::metrics::{SERIES, Series, SeriesKind};

use super::dashboard::Dashboard;
use super::prometheus::Prometheus;
use crate::common::key_server::{KeyServer, Reply};

/// The outcomes and reasons by which expressions select requests.
const OUTCOMES: [(&str, &str); 6] = [
    ("accepted", ""),
    ("let_pass", ""),
    ("refused", "replayed"),
    ("refused", "client_overloaded"),
    ("unavailable", "replay_store"),
    ("unavailable", "overloaded"),
];

/// Every series of the table in the text format, with `value` for each of its samples.
fn sample(value: u32) -> String {
    let mut text = String::new();
    for series in SERIES {
        writeln!(text, "# HELP {} {}\n# TYPE {0} {}", series.name(), series.help(), series.kind().name()).unwrap();
        match series.name() {
            "client_assertion_requests_total" => {
                for (outcome, reason) in OUTCOMES {
                    let labels = series.labels().iter().map(|name| match *name {
                        "outcome" => (*name, outcome),
                        "reason" => (*name, reason),
                        _ => (*name, "some"),
                    });
                    write_samples(&mut text, series, labels.collect(), value);
                }
            }
            _ => write_samples(&mut text, series, series.labels().iter().map(|name| (*name, "some")).collect(), value),
        }
    }
    text
}

fn write_samples(text: &mut String, series: &Series, labels: Vec<(&str, &str)>, value: u32) {
    let of = |more: Option<String>| {
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).chain(more);
        format!("{{{}}}", labels.collect::<Vec<_>>().join(","))
    };
    let name = series.name();
    if series.kind() != SeriesKind::Histogram {
        return writeln!(text, "{name}{} {value}", of(None)).unwrap();
    }
    for bound in series.buckets().iter().map(f64::to_string).chain(["+Inf".to_owned()]) {
        writeln!(text, "{name}_bucket{} {value}", of(Some(format!("le=\"{bound}\"")))).unwrap();
    }
    writeln!(text, "{name}_sum{0} {value}\n{name}_count{0} {value}", of(None)).unwrap();
}

fn page(value: u32) -> Reply {
    Reply::with_headers("content-type: text/plain; version=0.0.4\r\n", sample(value).as_bytes())
}

#[tokio::test]
async fn every_expression_has_a_value_in_a_real_prometheus() {
    let server = KeyServer::start(page(1)).await;
    let prometheus = Prometheus::scraping(server.address).await;
    prometheus.once("client_assertion_policy_info == 1").await;
    server.reply(page(2));
    prometheus.once("client_assertion_policy_info == 2").await;

    for panel in Dashboard::read().panels {
        for expr in &panel.exprs {
            let expr = expr.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*");
            assert!(!expr.contains('$'), "{expr}");
            let found = prometheus.query(&expr).await;
            assert!(!found.is_empty(), "{} is empty: {expr}", panel.title);
            let numbers = found.iter().map(|one| one["value"][1].as_str().unwrap());
            assert!(numbers.clone().all(|number| number != "NaN"), "{}: {expr}", panel.title);
        }
    }
    // Each is evaluated once a second.
    let evaluated = async || {
        let groups = prometheus.api("/api/v1/rules").await["groups"].as_array().unwrap().clone();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect::<Vec<Value>>()
    };
    let pending = |rules: &[Value]| rules.is_empty() || rules.iter().any(|rule| rule["health"] == "unknown");
    let mut rules = evaluated().await;
    while pending(&rules) {
        prometheus.once("client_assertion_policy_info == 2").await;
        rules = evaluated().await;
    }
    assert_eq!(rules.len(), super::alerts().len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
        prometheus.query(rule["query"].as_str().unwrap()).await;
    }
}
