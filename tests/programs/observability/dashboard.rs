//! What Grafana would be given. It cannot be run here, so its structure is checked.

use std::collections::BTreeSet;

use serde_json::Value;

/// The columns of Grafana's grid.
const WIDTH: u64 = 24;

pub(super) struct Dashboard {
    pub(super) json: Value,
    pub(super) panels: Vec<Panel>,
}

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) exprs: Vec<String>,
    json: Value,
}

impl Dashboard {
    pub(super) fn read() -> Self {
        let json: Value = serde_json::from_str(&super::file("dashboard.json")).unwrap();
        let panels = json["panels"].as_array().unwrap().iter().cloned().map(Panel::of).collect();
        Self { json, panels }
    }
}

impl Panel {
    fn of(json: Value) -> Self {
        let targets = json["targets"].as_array().into_iter().flatten();
        let exprs = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
        Self { title: json["title"].as_str().unwrap().to_owned(), exprs, json }
    }

    fn is_row(&self) -> bool {
        self.json["type"] == "row"
    }

    /// The columns and the lines that it takes, both with an end that it does not reach.
    fn place(&self) -> [std::ops::Range<u64>; 2] {
        let number = |name: &str| self.json["gridPos"][name].as_u64().unwrap();
        [("x", "w"), ("y", "h")].map(|(start, length)| number(start)..number(start) + number(length))
    }
}

#[test]
fn panels_have_unique_ids_and_do_not_overlap() {
    let Dashboard { panels, .. } = Dashboard::read();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel.json["id"].as_u64().unwrap()).collect();
    let titles: BTreeSet<_> = panels.iter().map(|panel| &panel.title).collect();
    assert_eq!((ids.len(), titles.len()), (panels.len(), panels.len()));
    for (index, panel) in panels.iter().enumerate() {
        let [columns, lines] = panel.place();
        assert!(columns.end <= WIDTH && !columns.is_empty() && !lines.is_empty(), "{}", panel.title);
        for other in &panels[..index] {
            let meet = |[a, b]: [&std::ops::Range<u64>; 2]| a.start < b.end && b.start < a.end;
            let [other_columns, other_lines] = other.place();
            let covers = meet([&columns, &other_columns]) && meet([&lines, &other_lines]);
            assert!(!covers, "{} covers {}", panel.title, other.title);
        }
    }
    let cells: u64 = panels.iter().map(|panel| panel.place()).map(|[x, y]| (x.end - x.start) * (y.end - y.start)).sum();
    let height = panels.iter().map(|panel| panel.place()[1].end).max().unwrap();
    assert_eq!(cells, WIDTH * height, "the grid has a gap");
}

#[test]
fn each_panel_is_explained_and_has_a_unit_and_legends() {
    let panels = Dashboard::read().panels;
    assert!(panels.iter().filter(|panel| panel.is_row()).count() >= 7);
    for panel in panels.iter().filter(|panel| !panel.is_row()) {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let (title, json) = (&panel.title, &panel.json);
        assert!(text(&json["description"]), "{title} has no description");
        assert!(text(&json["fieldConfig"]["defaults"]["unit"]), "{title} has no unit");
        assert!(!panel.exprs.is_empty(), "{title} shows nothing");
        let targets = json["targets"].as_array().unwrap();
        assert!(targets.iter().all(|target| text(&target["legendFormat"])), "{title} has no legend");
        let refs: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(refs.len(), targets.len(), "{title}");
        for source in targets.iter().chain([json]).map(|part| &part["datasource"]["uid"]) {
            assert_eq!(source, "${DS_PROMETHEUS}", "{title}");
        }
    }
}

#[test]
fn each_variable_is_declared_and_used() {
    let Dashboard { json, panels } = Dashboard::read();
    let variables = json["templating"]["list"].as_array().unwrap();
    let declared: BTreeSet<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(declared, BTreeSet::from(["DS_PROMETHEUS", "instance", "job"]));
    let mut used = BTreeSet::from(["DS_PROMETHEUS"]);
    for expr in panels.iter().flat_map(|panel| &panel.exprs) {
        let names = expr.split('$').skip(1).filter_map(|part| part.split(|char: char| !is_word(char)).next());
        used.extend(names.filter(|name| *name != "__rate_interval"));
    }
    assert_eq!(used, declared);
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}
