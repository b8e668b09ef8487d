//! What happened, counted under the names of the Kinesis Producer Library.
//!
//! - `name`: the metrics, their levels and units. `series`: one of them, since the start and second by second.
//!   `group`: those of one place.
//! - `registry`: all of them. It is told facts and the time, has no clock, and holds a bounded number of bytes.
//!   Facts come for requests and stored records, never for user records one by one.
//! - `snapshot`: what is handed out. `prometheus`: as text.
//! - `upload`: what of it is uploaded when. `sink`: where to, and the task. `cloudwatch`: to CloudWatch.

#[cfg(feature = "cloudwatch")]
mod cloudwatch;
mod group;
mod name;
mod prometheus;
mod registry;
mod series;
mod sink;
mod snapshot;
#[cfg(test)]
mod tests;
mod upload;

#[cfg(feature = "cloudwatch")]
pub use cloudwatch::CloudWatch;
pub use name::{MetricName, MetricUnit};
pub(crate) use registry::Registry;
pub use sink::MetricsSink;
pub(crate) use sink::{Counts, Uploading, run};
pub use snapshot::{Metric, Metrics, Place};
pub use upload::{Upload, UploadError};
