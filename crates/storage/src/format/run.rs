//! A run with its place in the cell: what memtables hold and segments are made of.

use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader};
use bytes::Bytes;

/// A run in memory. The body is shared with whoever reads it.
#[derive(Clone, Debug)]
pub(crate) struct MemRun {
    pub(crate) first_index: u64,
    pub(crate) arrival_ms: u64,
    pub(crate) count: u32,
    pub(crate) body_crc: u32,
    pub(crate) body: Bytes,
}

impl MemRun {
    /// The run of a frame.
    pub(crate) fn of(header: &FrameHeader, body: Bytes) -> Self {
        Self {
            first_index: header.index,
            arrival_ms: header.arrival_ms,
            count: header.count,
            body_crc: header.body_crc,
            body,
        }
    }

    pub(crate) fn end_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }

    /// Bytes of its frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.body.len()
    }
}
