//! Events and states as metrics, through the facade [`metrics`](https://docs.rs/metrics).
//!
//! [`SERIES`] is the table of all series. Every label has a closed set of values: nothing that the
//! sender of a request writes becomes a label.

mod series;

pub use series::{SERIES, Series, SeriesKind};
