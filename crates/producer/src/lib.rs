//! Produces records to Amazon Kinesis Data Streams, Amazon's or Anabranch's.
//!
//! A [`Producer`] takes user records one at a time and answers each with where it is stored. In between it
//! does what the Kinesis Producer Library does: it packs many user records into one stored record
//! (aggregation), many stored records into one request (collection), keeps to the rate that each shard
//! takes, and sends again what was not stored, record by record. Beyond that its memory is bounded
//! ([`Producer::put`] waits, [`Producer::try_put`] refuses), records of a key can be kept in order
//! ([`Record::ordered`]), and what may have been stored twice is said ([`Stored::may_be_twice`]). With a
//! [`Spool`] records are on the disk until they have an outcome: they survive the end of the process, and an
//! outage that is longer than memory.
//!
//! ```no_run
//! # async fn example(sdk: aws_sdk_kinesis::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use anabranch_client::Client;
//! use anabranch_producer::{Producer, Record, Settings};
//!
//! let producer = Producer::new(&Client::from_sdk(sdk), Settings::default());
//! let receipt = producer.put("orders", Record::new("customer-7", r#"{"id":1}"#)).await?;
//! let stored = receipt.await?;
//! println!("{} {}", stored.shard_id(), stored.sequence_number());
//! producer.close(std::time::Duration::from_secs(30)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! - `pipeline` is what happens to the records of one stream: a pure state machine, which is told the time.
//! - `metrics` is what happened, counted.
//! - `producer` is the shell around it: tasks, memory, futures. `inbox` is what it was given and has not looked
//!   at, `receipt` how it answers. `service` is what it speaks to.

#![warn(missing_docs)]

mod inbox;
mod metrics;
mod pipeline;
mod producer;
mod receipt;
mod record;
mod sdk;
mod service;
mod settings;
mod spool;
mod statistics;

#[cfg(feature = "cloudwatch")]
pub use metrics::CloudWatch;
pub use metrics::{
    Metric, MetricName, MetricUnit, Metrics, MetricsSink, Place, Upload, UploadError,
};
pub use producer::{CloseError, Producer, Refused, StreamProducer, Trouble, TryPutError};
pub use receipt::Receipt;
pub use record::{Attempt, PutError, PutErrorKind, Record, Stored};
pub use settings::{
    AdditionalDimension, DimensionError, KplFileError, KplSettings, LogLevel, MetricsGranularity,
    MetricsLevel, PropertiesError, Settings, ThreadingModel, UnknownSetting, WrongSetting,
};
pub use spool::{Damage, Spool, SpoolError, SpoolStatus, SpoolTrouble, Spooling};
#[doc(hidden)]
pub use spool::{SpoolContents, spool_contents};
pub use statistics::Statistics;
