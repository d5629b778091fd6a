//! The recorder that series are registered with.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit, with_recorder,
};

use super::series::{SERIES, Series, SeriesKind};

const METADATA: Metadata<'_> = Metadata::new("tower_client_assertion", Level::INFO, None);

/// A recorder. Cheap to clone; clones are the same recorder.
#[derive(Clone)]
pub(super) struct Facade(Arc<dyn Recorder + Send + Sync>);

impl Facade {
    /// Describes every series to `recorder`.
    pub(super) fn new(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        for series in SERIES {
            let (name, unit, help) = (KeyName::from(series.name()), Some(series.unit()), series.help().into());
            match series.kind() {
                SeriesKind::Counter => recorder.describe_counter(name, unit, help),
                SeriesKind::Gauge => recorder.describe_gauge(name, unit, help),
                SeriesKind::Histogram => recorder.describe_histogram(name, unit, help),
            }
        }
        Self(Arc::new(recorder))
    }

    /// Uses the recorder that is installed.
    pub(super) fn installed() -> Result<Self, NoRecorder> {
        // The recorder that stands for none has no fields.
        match with_recorder(|recorder| size_of_val(recorder)) {
            0 => Err(NoRecorder { _private: () }),
            _ => Ok(Self::new(Installed)),
        }
    }

    /// Returns the series with these values of the labels, in the order of the table.
    pub(super) fn counter(&self, series: &Series, values: impl IntoIterator<Item = SharedString>) -> Counter {
        self.0.register_counter(&key(series, values), &METADATA)
    }

    /// See [`counter`](Self::counter).
    pub(super) fn gauge(&self, series: &Series, values: impl IntoIterator<Item = SharedString>) -> Gauge {
        self.0.register_gauge(&key(series, values), &METADATA)
    }

    /// See [`counter`](Self::counter).
    pub(super) fn histogram(&self, series: &Series, values: impl IntoIterator<Item = SharedString>) -> Histogram {
        self.0.register_histogram(&key(series, values), &METADATA)
    }
}

fn key(series: &Series, values: impl IntoIterator<Item = SharedString>) -> Key {
    let labels = series.labels().iter().zip(values).map(|(name, value)| Label::new(*name, value));
    Key::from_parts(series.name(), labels.collect::<Vec<_>>())
}

impl fmt::Debug for Facade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facade(..)")
    }
}

/// No recorder is installed, so all series would be lost.
#[derive(Clone, Copy, Debug)]
pub struct NoRecorder {
    _private: (),
}

impl fmt::Display for NoRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no recorder of the crate metrics is installed; install an exporter first")
    }
}

impl Error for NoRecorder {}

/// The recorder of the thread or the process.
struct Installed;

impl Recorder for Installed {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        with_recorder(|recorder| recorder.describe_counter(key, unit, description));
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        with_recorder(|recorder| recorder.describe_gauge(key, unit, description));
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        with_recorder(|recorder| recorder.describe_histogram(key, unit, description));
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        with_recorder(|recorder| recorder.register_counter(key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        with_recorder(|recorder| recorder.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        with_recorder(|recorder| recorder.register_histogram(key, metadata))
    }
}
