//! What a Prometheus makes of every expression, while it scrapes two servers that are sent requests
//! of every kind.

use serde_json::Value;
use tower_client_assertion::metrics::SERIES;

use super::dashboard::Dashboard;
use super::driven::Driven;
use super::prometheus::{Prometheus, get};
use crate::metrics::judged_by_promtool;

/// Panels that stay at zero, and why.
const AT_ZERO: [(&str, &str); 3] = [
    ("Oldest stale key set", "a key set goes stale a minute after its fetch at the earliest"),
    ("Warnings", "they are given when the server starts, before the first scrape"),
    ("Failures of the audit log", "its disk has room"),
];

/// Alerts whose condition the requests fulfil. `for:` delays most of them.
const MET: [&str; 4] = ["ClientAssertionUnavailable", "ClientQuotaReached", "PrivateKeyPublished", "ReloadFailed"];

#[tokio::test]
async fn every_expression_has_a_value_in_a_real_prometheus() {
    let mut driven = Driven::start().await;
    let targets = [driven.alone.metrics.clone(), driven.shared.metrics.clone()];
    let prometheus = Prometheus::scraping(&targets).await;
    prometheus.once("count(client_assertion_registry_clients) == 2").await;
    for reloads in 1..=2 {
        driven.round().await;
        driven.reload().await;
        prometheus.once(&format!("sum(client_assertion_requests_total) == {}", driven.sent)).await;
        prometheus.once(&format!("sum(client_assertion_registry_reloads_total{{result=\"ok\"}}) == {reloads}")).await;
    }
    let repair = driven.break_clients();
    driven.reload().await;
    prometheus.once("client_assertion_registry_reloads_total{result=\"failed\"} == 1").await;
    repair();

    each_series_is_scraped(&targets).await;
    each_panel_shows_something(&prometheus).await;
    each_alert_is_evaluated(&prometheus).await;
}

async fn each_series_is_scraped(targets: &[String]) {
    let mut pages = String::new();
    for target in targets {
        let page = get(target, "/metrics").await.unwrap().body;
        judged_by_promtool(&page).await;
        pages += &page;
    }
    for series in SERIES {
        assert!(pages.contains(&format!("# TYPE {} ", series.name())), "no server has {}", series.name());
    }
}

async fn each_panel_shows_something(prometheus: &Prometheus) {
    for panel in Dashboard::read().panels {
        let mut is_zero = true;
        for expr in &panel.exprs {
            let expr = expr.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*");
            assert!(!expr.contains('$'), "{expr}");
            let found = prometheus.query(&expr).await;
            let numbers: Vec<f64> =
                found.iter().map(|one| one["value"][1].as_str().unwrap().parse().unwrap()).collect();
            assert!(numbers.iter().any(|number| number.is_finite()), "{} is empty: {expr}", panel.title);
            is_zero &= numbers.iter().all(|number| *number == 0.0 || number.is_nan());
        }
        let listed = AT_ZERO.iter().any(|(title, _)| *title == panel.title);
        assert_eq!(is_zero && !panel.exprs.is_empty(), listed, "{}", panel.title);
    }
}

async fn each_alert_is_evaluated(prometheus: &Prometheus) {
    // Each is evaluated once a second.
    let evaluated = async || {
        let groups = prometheus.api("/api/v1/rules").await["groups"].as_array().unwrap().clone();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect::<Vec<Value>>()
    };
    let pending = |rules: &[Value]| rules.is_empty() || rules.iter().any(|rule| rule["health"] == "unknown");
    let mut rules = evaluated().await;
    while pending(&rules) {
        prometheus.once("client_assertion_policy_info == 1").await;
        rules = evaluated().await;
    }
    assert_eq!(rules.len(), super::alerts().len());
    for rule in rules {
        let name = rule["name"].as_str().unwrap();
        assert_eq!(rule["health"], "ok", "{name}: {}", rule["lastError"]);
        let found = prometheus.query(rule["query"].as_str().unwrap()).await;
        assert!(!MET.contains(&name) || !found.is_empty(), "{name} is not met");
    }
}
