//! Finding streams and consumers that are in a state to be used.

use crate::error::{ConsumerNotFound, StreamNotActive, StreamNotFound, StreamUnavailable};
use crate::state::consumer::{Consumer, ConsumerName, ConsumerStatus};
use crate::state::directory::Directory;
use crate::state::scope::{Scope, StreamRef};
use crate::state::stream::{StreamEntry, StreamStatus};
use std::sync::Arc;

/// The stream of this name, unless it is gone.
pub(crate) fn find<'a, S: AsRef<StreamEntry>>(
    streams: &'a Directory<S>,
    scope: &Scope,
    name: &str,
    now_ms: u64,
) -> Result<&'a Arc<S>, StreamNotFound> {
    let is_there = |stream: &&Arc<S>| (***stream).as_ref().status(now_ms).is_some();
    let stream = streams.of_name(scope, name).filter(is_there);
    stream.ok_or_else(|| StreamNotFound(StreamRef { scope: scope.clone(), name: Arc::from(name) }))
}

/// The stream of this name, if its settings can be changed.
pub(crate) fn find_active<'a, S: AsRef<StreamEntry>>(
    streams: &'a Directory<S>,
    scope: &Scope,
    name: &str,
    now_ms: u64,
) -> Result<&'a Arc<S>, StreamUnavailable> {
    let found = find(streams, scope, name, now_ms)?;
    let stream: &StreamEntry = (**found).as_ref();
    match stream.status(now_ms) {
        Some(StreamStatus::Active) => Ok(found),
        Some(status) => Err(StreamNotActive { stream: stream.reference.clone(), status }.into()),
        None => Err(StreamNotFound(stream.reference.clone()).into()),
    }
}

/// Refuses a stream that is only coming or on its way out.
pub(crate) fn require_settled(stream: &StreamEntry, now_ms: u64) -> Result<(), StreamUnavailable> {
    match stream.status(now_ms) {
        Some(status @ (StreamStatus::Creating | StreamStatus::Deleting)) => {
            Err(StreamNotActive { stream: stream.reference.clone(), status }.into())
        }
        Some(StreamStatus::Active | StreamStatus::Updating) => Ok(()),
        None => Err(StreamNotFound(stream.reference.clone()).into()),
    }
}

/// The consumer of a stream, in whatever state. A missing stream shows as a missing consumer.
///
/// # Errors
/// When it is not there, or another of that name.
pub fn find_consumer<'a>(
    stream: &'a StreamEntry,
    name: &ConsumerName,
    now_ms: u64,
) -> Result<(&'a Consumer, ConsumerStatus), ConsumerNotFound> {
    let consumer = stream.consumers.get(&name.name);
    let is_meant =
        |created: u64| name.created_secs.is_none_or(|created_secs| created_secs == created);
    let consumer = consumer.filter(|consumer| is_meant(consumer.created_secs));
    let found = consumer.and_then(|consumer| Some((consumer, consumer.status(now_ms)?)));
    found.ok_or_else(|| ConsumerNotFound::from(name))
}
