//! What is written for a submission, on any medium.

use crate::cell::queue::{Content, Submission};
use crate::format::frame::{FrameHeader, FrameKind};
use crate::format::runs::RunHead;
use std::io::IoSlice;

/// The frames of a submission. Those of runs are in one piece already.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    command_header: Vec<u8>,
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// The frames in the file `file_id`, of which `durable_bytes` are durable by now.
    pub(crate) fn of(submission: &'a mut Submission, file_id: u64, durable_bytes: u64) -> Self {
        let blank = FrameHeader {
            kind: FrameKind::Run,
            file_id,
            subject: 0,
            index: submission.start_index,
            arrival_ms: submission.arrival_ms,
            count: 0,
            body_len: 0,
            body_crc: 0,
            durable_bytes,
            continues: false,
        };
        match &mut submission.content {
            Content::Runs(runs) => {
                let mut left = runs.heads().len();
                let mut next_index = submission.start_index;
                let rest = runs.with_headers(|&RunHead { shard, count, body_len, body_crc }| {
                    let (subject, index) = (shard.0, next_index);
                    next_index += u64::from(count);
                    left -= 1;
                    let continues = left > 0;
                    FrameHeader { subject, index, count, body_len, body_crc, continues, ..blank }
                });
                Self { command_header: Vec::new(), rest }
            }
            Content::Command { number, payload, payload_crc, .. } => {
                let header = FrameHeader {
                    kind: FrameKind::Command,
                    subject: *number,
                    body_len: u32::try_from(payload.len()).expect("a command is below 4 GiB"),
                    body_crc: *payload_crc,
                    ..blank
                };
                Self { command_header: header.encode().to_vec(), rest: payload }
            }
        }
    }

    /// The pieces, one after the other.
    pub(crate) fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let pieces = [self.command_header.as_slice(), self.rest].into_iter();
        pieces.filter(|bytes| !bytes.is_empty()).map(IoSlice::new)
    }
}
