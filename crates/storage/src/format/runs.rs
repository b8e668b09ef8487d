//! The runs of one append, in one buffer that is laid out as the journal will have it.
//!
//! A request may have a run for each of its records. So nothing here is allocated for a run: the
//! headers of the frames are filled in by the writer, which then writes the buffer as it is, and
//! the memtable keeps slices of it.

use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, HEADERS_AT_ONCE};
use crate::format::record::RunBuilder;
use anabranch_model::ShardKey;
use bytes::Bytes;

/// What is known of a run beside its records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunHead {
    pub(crate) shard: ShardKey,
    pub(crate) count: u32,
    pub(crate) body_len: u32,
    pub(crate) body_crc: u32,
}

impl RunHead {
    fn frame_len(&self) -> usize {
        FRAME_HEADER_BYTES + self.body_len as usize
    }
}

/// Runs of different shards on their way into the journal, stored as a whole or not at all.
#[derive(Debug)]
pub struct Runs {
    /// Frames one after the other, their headers blank until the writer has them.
    frames: Vec<u8>,
    heads: Vec<RunHead>,
}

impl Runs {
    pub(crate) fn heads(&self) -> &[RunHead] {
        &self.heads
    }

    /// Bytes of the frames.
    pub(crate) fn frame_bytes(&self) -> u64 {
        self.frames.len() as u64
    }

    /// The frames, with the headers that `header` makes for each run in order.
    pub(crate) fn with_headers(
        &mut self,
        mut header: impl FnMut(&RunHead) -> FrameHeader,
    ) -> &[u8] {
        let mut rest = &mut self.frames[..];
        for heads in self.heads.chunks(HEADERS_AT_ONCE) {
            let mut headers = [[0; FRAME_HEADER_BYTES]; HEADERS_AT_ONCE];
            for (head, encoded) in heads.iter().zip(&mut headers) {
                *encoded = header(head).encode();
            }
            for (head, header) in heads.iter().zip(&headers) {
                let (frame, after) = rest.split_at_mut(head.frame_len());
                frame[..FRAME_HEADER_BYTES].copy_from_slice(header);
                rest = after;
            }
        }
        &self.frames
    }

    /// The runs with their bodies, which share the buffer.
    pub(crate) fn into_bodies(self) -> impl Iterator<Item = (RunHead, Bytes)> {
        let frames = Bytes::from(self.frames);
        let mut at = 0;
        self.heads.into_iter().map(move |head| {
            let body = frames.slice(at + FRAME_HEADER_BYTES..at + head.frame_len());
            at += head.frame_len();
            (head, body)
        })
    }
}

/// Builds [`Runs`].
#[derive(Debug, Default)]
pub struct RunsBuilder {
    frames: RunBuilder,
    heads: Vec<RunHead>,
}

impl RunsBuilder {
    /// A builder with room for so many runs, whose records take `record_bytes` in all (see
    /// [`crate::record::record_bytes`]).
    #[must_use]
    pub fn with_capacity(runs: usize, record_bytes: usize) -> Self {
        let frames = RunBuilder::with_capacity(runs * FRAME_HEADER_BYTES + record_bytes);
        Self { frames, heads: Vec::with_capacity(runs) }
    }

    /// Adds a run with the records that `push` adds to the builder it gets.
    ///
    /// # Panics
    /// If the run has 4 GiB or more.
    pub fn push(&mut self, shard: ShardKey, push: impl FnOnce(&mut RunBuilder)) {
        let count = self.frames.count();
        self.frames.push_raw(&[0; FRAME_HEADER_BYTES]);
        let start = self.frames.bytes().len();
        push(&mut self.frames);
        let body_len = self.frames.bytes().len() - start;
        self.heads.push(RunHead {
            shard,
            count: self.frames.count() - count,
            body_len: u32::try_from(body_len).expect("a run is far below 4 GiB"),
            body_crc: 0,
        });
    }

    /// Runs so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The runs.
    #[must_use]
    pub fn finish(mut self) -> Runs {
        let frames = self.frames.into_bytes();
        let mut rest = &frames[..];
        for head in &mut self.heads {
            let (frame, after) = rest.split_at(head.frame_len());
            head.body_crc = crc32fast::hash(&frame[FRAME_HEADER_BYTES..]);
            rest = after;
        }
        Runs { frames, heads: self.heads }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::frame::FrameKind;
    use crate::format::record::Records;

    #[test]
    fn frames_are_whole_and_bodies_are_their_shards() {
        let mut builder = RunsBuilder::with_capacity(2, 100);
        let sizes = [(7, vec![3, 0, 90]), (9, vec![1])];
        for (shard, sizes) in &sizes {
            builder.push(ShardKey(*shard), |run| {
                sizes.iter().for_each(|size| run.push(Some("key"), &vec![*shard as u8; *size]));
            });
        }
        let mut runs = builder.finish();
        let mut index = 100;
        let frames = runs.with_headers(|head| {
            let header = FrameHeader {
                kind: FrameKind::Run,
                file_id: 1,
                subject: head.shard.0,
                index,
                arrival_ms: 2,
                count: head.count,
                body_len: head.body_len,
                body_crc: head.body_crc,
                durable_bytes: 3,
                continues: false,
            };
            index += u64::from(head.count);
            header
        });
        let mut rest = frames;
        for (shard, first_index) in [(7, 100), (9, 103)] {
            let header = FrameHeader::decode(rest).expect("a header");
            assert_eq!((header.subject, header.index), (shard, first_index));
            assert!(header.body_in(rest).is_some(), "the checksum is the body's");
            rest = &rest[header.frame_bytes() as usize..];
        }
        assert!(rest.is_empty());
        assert_eq!(runs.frame_bytes(), 2 * 64 + 4 * 9 + 94);
        let read: Vec<_> = runs
            .into_bodies()
            .map(|(head, body)| {
                let records = Records::new(&body).map(|record| {
                    assert!(record.data.iter().all(|byte| u64::from(*byte) == head.shard.0));
                    record.data.len()
                });
                (head.shard.0, records.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(read, sizes);
    }
}
