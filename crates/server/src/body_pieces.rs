//! A request's body as it arrives, no slower than it may.

use crate::connection::LEAST_BYTES_PER_SECOND;
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a client may send nothing in the middle of a body.
pub(crate) const SILENCE_PATIENCE: Duration = Duration::from_secs(10);
/// A body may be slower than [`LEAST_BYTES_PER_SECOND`] for this long, which is longer than it may wait
/// for memory.
pub(crate) const SLOW_PATIENCE: Duration = Duration::from_secs(10);

/// A body as it arrives, no slower than it may.
pub(crate) struct Pieces<'a, B> {
    body: &'a mut B,
    started: Instant,
    received: u64,
}

/// Why there is no more of a body.
pub(crate) enum NoData {
    TooSlow,
    Broken,
}

impl<'a, B: Body<Data = Bytes> + Unpin> Pieces<'a, B> {
    pub(crate) fn of(body: &'a mut B) -> Self {
        Self { body, started: Instant::now(), received: 0 }
    }

    /// Whether it is known that nothing more comes.
    pub(crate) fn are_over(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The next piece of data; trailers are passed over.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, NoData> {
        loop {
            let at_this_rate = Duration::from_secs(self.received / LEAST_BYTES_PER_SECOND);
            let end = self.started + SLOW_PATIENCE + at_this_rate;
            let end = end.min(Instant::now() + SILENCE_PATIENCE);
            let frame = timeout_at(end, self.body.frame()).await;
            match frame.map_err(|_| NoData::TooSlow)? {
                None => return Ok(None),
                Some(Err(_)) => return Err(NoData::Broken),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received += data.len() as u64;
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Reads on and keeps nothing, as far as this many bytes.
    pub(crate) async fn discard(&mut self, most: usize) {
        while let Ok(Some(_)) = self.next().await
            && self.received <= most as u64
        {}
    }
}
