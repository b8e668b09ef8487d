//! What a producer asks of the service.

use crate::pipeline::{Answer, OpenShard, OutgoingRecord, Reason};
use std::fmt;
use std::pin::Pin;

/// An answer under way.
pub(crate) type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The service, or something that answers like it.
pub(crate) trait Service: fmt::Debug + Send + Sync + 'static {
    /// Stores records, without trying again by itself.
    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<OutgoingRecord>,
    ) -> Answering<'a, Answer>;

    /// All open shards, or why they could not be had.
    fn open_shards<'a>(&'a self, stream: &'a str) -> Answering<'a, Result<Vec<OpenShard>, Reason>>;
}
