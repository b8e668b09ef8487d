//! Reading request bodies, within limits.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Largest body: base64 of 10 MiB of records and what stands around it.
pub(crate) const BODY_BYTES_MAX: u64 = 16 << 20;
/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(60);
/// Memory is measured in units of this many bytes.
const UNIT: u64 = 1024;
/// A claimed length up to this is believed at once, a longer one as it arrives.
const TRUSTED_BYTES: u64 = 1 << 20;

/// Memory for bodies, shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct BodyMemory {
    units: Arc<Semaphore>,
    total_units: u32,
}

/// A body, and its share of the memory as long as it is held.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Over [`BODY_BYTES_MAX`].
    TooLarge,
    /// The client took too long, or memory did not come free in time.
    TooSlow,
    /// The client went away.
    Broken,
}

impl BodyMemory {
    pub(crate) fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes.max(BODY_BYTES_MAX) / UNIT).unwrap_or(u32::MAX);
        Self { units: Arc::new(Semaphore::new(units as usize)), total_units: units }
    }

    /// Reads a body.
    pub(crate) async fn read(&self, body: Incoming) -> Result<ReadBody, BodyError> {
        let claimed = body.size_hint().lower();
        if claimed > BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        let deadline = Instant::now() + PATIENCE;
        let reading = self.read_claimed(body, claimed);
        timeout_at(deadline, reading).await.unwrap_or(Err(BodyError::TooSlow))
    }

    async fn read_claimed(&self, mut body: Incoming, claimed: u64) -> Result<ReadBody, BodyError> {
        let mut share = self.take(claimed.min(TRUSTED_BYTES)).await?;
        let Some(first) = next_data(&mut body).await? else {
            return Ok(ReadBody { bytes: Bytes::new(), _share: share });
        };
        // Most bodies arrive whole: then there is nothing to gather.
        if first.len() as u64 == claimed && body.is_end_stream() {
            return Ok(ReadBody { bytes: first, _share: share });
        }
        let mut bytes = Vec::new();
        self.grow(&mut bytes, first.len(), claimed, &mut share).await?;
        bytes.extend_from_slice(&first);
        drop(first);
        while let Some(data) = next_data(&mut body).await? {
            self.grow(&mut bytes, data.len(), claimed, &mut share).await?;
            bytes.extend_from_slice(&data);
        }
        Ok(ReadBody { bytes: bytes.into(), _share: share })
    }

    /// Makes room for `more` bytes, in the share and then in the buffer.
    async fn grow(
        &self,
        bytes: &mut Vec<u8>,
        more: usize,
        claimed: u64,
        share: &mut OwnedSemaphorePermit,
    ) -> Result<(), BodyError> {
        let wanted = bytes.len() + more;
        if wanted as u64 > BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        if wanted <= bytes.capacity() {
            return Ok(());
        }
        let trusted = claimed.min(TRUSTED_BYTES) as usize;
        let capacity = wanted.max(trusted).max(bytes.capacity() * 2).min(BODY_BYTES_MAX as usize);
        let units = units_of(capacity as u64);
        if units > share.num_permits() as u32 {
            let missing = (units - share.num_permits() as u32).min(self.total_units);
            share.merge(self.acquire(missing).await?);
        }
        bytes.reserve_exact(capacity - bytes.len());
        Ok(())
    }

    async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, BodyError> {
        self.acquire(units_of(bytes)).await
    }

    async fn acquire(&self, units: u32) -> Result<OwnedSemaphorePermit, BodyError> {
        let acquired = self.units.clone().acquire_many_owned(units).await;
        acquired.map_err(|_| BodyError::Broken)
    }
}

fn units_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
}

/// The next piece of data; trailers are passed over.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
