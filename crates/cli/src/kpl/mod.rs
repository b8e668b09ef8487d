//! The native child of the Kinesis Producer Library, in our words: the Java half starts it, hands it
//! records through a named pipe, and is answered through another.
//!
//! Guarantees:
//!
//! * Each `put_record` that was read has one `put_record_result`, or the process ends.
//! * Memory is bounded. When the producer is full, the pipe is not read; nothing is dropped.
//! * The exit status is 1 only for a wrong configuration, which the Java half takes as final. After any
//!   other end it starts a new child.
//! * A secret is never logged.

mod arguments;
mod child;
mod configuration;
mod connection;
mod credentials;
mod frames;
mod messages;
mod metrics;
mod pipes;
mod results;

pub(crate) use child::run;
