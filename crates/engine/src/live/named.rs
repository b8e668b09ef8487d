//! A name, and the stream that was found under it.

use super::stream::Stream;
use crate::error::StreamNotFound;
use crate::state::scope::StreamRef;
use std::sync::Arc;

/// A stream's name, and the stream as it was when it was looked up: handed on, so that all of a call
/// sees the same.
#[derive(Clone, Debug)]
pub struct NamedStream {
    /// The name.
    pub reference: StreamRef,
    /// The stream, in whatever state; `None` if there was none.
    pub found: Option<Arc<Stream>>,
}

impl NamedStream {
    /// The stream, in whatever state.
    ///
    /// # Errors
    /// When there was none.
    pub fn stream(&self) -> Result<&Arc<Stream>, StreamNotFound> {
        self.found.as_ref().ok_or_else(|| StreamNotFound(self.reference.clone()))
    }

    /// The stream, if it takes puts and gets at this time, epoch milliseconds.
    ///
    /// # Errors
    /// When there was none, or it is still being created, or was deleted before it was.
    pub fn data_stream(&self, now_ms: u64) -> Result<&Arc<Stream>, StreamNotFound> {
        let stream = self.stream()?;
        match stream.status(now_ms).is_some() && stream.is_created(now_ms) {
            true => Ok(stream),
            false => Err(StreamNotFound(self.reference.clone())),
        }
    }
}
