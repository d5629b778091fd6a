//! A recorder of the crate `metrics` that keeps every series and allocates nothing for a value.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// What was recorded. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Recorded(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    described: BTreeMap<String, (Option<Unit>, String)>,
    counters: BTreeMap<String, Arc<AtomicU64>>,
    gauges: BTreeMap<String, Arc<AtomicU64>>,
    histograms: BTreeMap<String, Arc<Values>>,
}

/// The number of values and the last one.
#[derive(Debug, Default)]
struct Values {
    count: AtomicU64,
    last: AtomicU64,
}

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.last.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Recorded {
    /// Every series as `name{label="value",..}`, in order.
    pub fn series(&self) -> Vec<String> {
        let tables = self.0.lock().unwrap();
        let all = tables.counters.keys().chain(tables.gauges.keys()).chain(tables.histograms.keys());
        let mut all: Vec<_> = all.cloned().collect();
        all.sort();
        all
    }

    pub fn counter(&self, series: &str) -> Option<u64> {
        self.0.lock().unwrap().counters.get(series).map(|value| value.load(Ordering::Relaxed))
    }

    /// The sum of the counters whose names begin so.
    pub fn sum(&self, beginning: &str) -> u64 {
        let tables = self.0.lock().unwrap();
        let of = tables.counters.iter().filter(|(series, _)| series.starts_with(beginning));
        of.map(|(_, value)| value.load(Ordering::Relaxed)).sum()
    }

    pub fn gauge(&self, series: &str) -> Option<f64> {
        let tables = self.0.lock().unwrap();
        tables.gauges.get(series).map(|value| f64::from_bits(value.load(Ordering::Relaxed)))
    }

    /// How many values a histogram has, and the last.
    pub fn histogram(&self, series: &str) -> Option<(u64, f64)> {
        let tables = self.0.lock().unwrap();
        let values = tables.histograms.get(series)?;
        Some((values.count.load(Ordering::Relaxed), f64::from_bits(values.last.load(Ordering::Relaxed))))
    }

    /// The unit and the help text of a metric.
    pub fn described(&self, name: &str) -> Option<(Option<Unit>, String)> {
        self.0.lock().unwrap().described.get(name).cloned()
    }

    fn describe(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.lock().unwrap().described.insert(name.as_str().to_owned(), (unit, help.into_owned()));
    }
}

fn text(key: &Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
    match labels.is_empty() {
        true => key.name().to_owned(),
        false => format!("{}{{{}}}", key.name(), labels.join(",")),
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(name, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(name, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(name, unit, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().counters.entry(text(key)).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::clone(self.0.lock().unwrap().gauges.entry(text(key)).or_default()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(self.0.lock().unwrap().histograms.entry(text(key)).or_default()))
    }
}
