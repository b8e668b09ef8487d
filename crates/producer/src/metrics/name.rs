//! The names of the Kinesis Producer Library, with what is known of each.

use crate::settings::MetricsLevel::{self, Detailed, Summary};

/// What a metric's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
}

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident: $level:ident, $unit:ident;)+) => {
        /// The metrics of the Kinesis Producer Library that come of a producer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum MetricName {
            $($(#[doc = $doc])+ $name,)+
        }

        impl MetricName {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The least level at which it is counted.
            #[must_use]
            pub fn level(self) -> MetricsLevel {
                match self { $(Self::$name => $level,)+ }
            }

            /// What its values are.
            #[must_use]
            pub fn unit(self) -> MetricUnit {
                match self { $(Self::$name => MetricUnit::$unit,)+ }
            }
        }
    };
}

names! {
    /// User records that were put: one value of 1 for each.
    UserRecordsReceived: Detailed, Count;
    /// User records without an outcome: a value for each time that the producer looked.
    UserRecordsPending: Detailed, Count;
    /// User records with an outcome: 1 for each that is stored, 0 for each that failed.
    UserRecordsPut: Summary, Count;
    /// Bytes of data of each user record that is stored.
    UserRecordsDataPut: Detailed, Bytes;
    /// Attempts to store a Kinesis record: 1 for each that succeeded, 0 for each that failed.
    KinesisRecordsPut: Summary, Count;
    /// Bytes of each Kinesis record that is stored, partition key included.
    KinesisRecordsDataPut: Detailed, Bytes;
    /// Errors of one code. Those of the service are counted once for each Kinesis record.
    ErrorsByCode: Summary, Count;
    /// Errors of all codes.
    AllErrors: Summary, Count;
    /// Attempts after the first one, for each user record with an outcome.
    RetriesPerRecord: Detailed, Count;
    /// From when a user record was put until it was sent first.
    BufferingTime: Summary, Milliseconds;
    /// From when a request was sent until its answer, or until there is none.
    RequestTime: Detailed, Milliseconds;
    /// User records of each Kinesis record that is stored.
    UserRecordsPerKinesisRecord: Detailed, Count;
    /// Kinesis records of each request.
    KinesisRecordsPerPutRecordsRequest: Detailed, Count;
    /// User records of each request.
    UserRecordsPerPutRecordsRequest: Detailed, Count;
    /// User records that became too old: one value of 1 for each.
    UserRecordExpired: Summary, Count;
}
