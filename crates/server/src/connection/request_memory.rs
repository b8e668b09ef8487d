//! Memory for requests under way, beside that for their bodies: heads, tasks, windows.
//!
//! HTTP/2 has many requests on one connection, and a head of many kilobytes may be a few bytes on the
//! wire. What a connection costs at least is part of what each may cost; what goes beyond is taken from
//! here. Callers who are known have theirs apart from strangers.

use super::connected::Connected;
use super::windows::CONNECTION_WINDOW;
use anabranch_env::{ByteBudget, ByteShare};
use http::request::Parts;

/// What a request costs beside head and body, in bytes: its task, its stream, its reply's head.
const REQUEST_BYTES: u64 = 12 << 10;
/// A head that every connection may have.
const SMALL_HEAD_BYTES: u64 = 8 << 10;

/// There is no memory for another request.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooMany;

/// Memory for requests under way.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory {
    known: ByteBudget,
    strangers: ByteBudget,
    /// `None`: not enough for one connection's.
    windows: Option<ByteBudget>,
}

impl RequestMemory {
    /// Bytes for requests, a quarter of them for strangers, and for windows.
    pub(crate) fn new(requests: u64, windows: u64) -> Self {
        Self {
            known: ByteBudget::new(requests / 4 * 3),
            strangers: ByteBudget::new(requests / 4),
            windows: (windows >= u64::from(CONNECTION_WINDOW)).then(|| ByteBudget::new(windows)),
        }
    }

    /// Memory for a request. One with a small head is part of what its connection costs.
    pub(super) fn of(
        &self,
        connected: &Connected,
        parts: &Parts,
    ) -> Result<Option<ByteShare>, TooMany> {
        let head_bytes = head_bytes(parts);
        if connected.requests() == 0 && head_bytes <= SMALL_HEAD_BYTES {
            return Ok(None);
        }
        let budget = if connected.is_proven() { &self.known } else { &self.strangers };
        budget.try_take(REQUEST_BYTES + head_bytes).map(Some).ok_or(TooMany)
    }

    /// Memory for large windows. `None`: there is none, and small ones do.
    pub(super) fn windows(&self) -> Option<ByteShare> {
        self.windows.as_ref()?.try_take(u64::from(CONNECTION_WINDOW))
    }
}

/// About what a head takes, in bytes.
fn head_bytes(parts: &Parts) -> u64 {
    let fields = parts.headers.iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + 100).sum();
    let path = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    (fields + path) as u64
}
