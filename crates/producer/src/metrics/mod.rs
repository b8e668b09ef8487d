//! What happened, counted under the names of the Kinesis Producer Library.
//!
//! - `name`: the metrics, their levels and units. `series`: one of them, since the start and second by second.
//!   `group`: those of one place.
//! - `registry`: all of them. It is told facts and the time, has no clock, and holds a bounded number of bytes.
//!   Facts come for requests and stored records, never for user records one by one.
//! - `snapshot`: what is handed out. `prometheus`: as text.

mod group;
mod name;
mod prometheus;
mod registry;
mod series;
mod snapshot;
#[cfg(test)]
mod tests;

pub use name::{MetricName, MetricUnit};
pub(crate) use registry::Registry;
pub use snapshot::{Metric, Metrics, Place};
