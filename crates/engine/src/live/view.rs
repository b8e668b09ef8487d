//! What everybody may see: the streams as of the last durable command.

use super::stream::Stream;
use crate::state::catalog::Catalog;
use crate::state::catalog::snapshot::SnapshotParts;
use crate::state::commitments::Commitments;
use crate::state::directory::Directory;
use crate::state::machine::Kept;
use crate::state::scope::{Scope, StreamRef};
use anabranch_model::{Commitment, ShardKey};
use std::collections::VecDeque;
use std::sync::Arc;

/// The streams as of the last durable command.
#[derive(Debug)]
pub(crate) struct View {
    streams: Directory<Stream>,
    commitments: Commitments,
    secret: Vec<u8>,
    next_stream: u32,
    /// Number of the last command in it.
    applied: u64,
    /// Streams that were purged since the process began.
    purged_streams: u64,
    /// The last of them, the newest last: what they leave on the disk is still to be named.
    purged: VecDeque<(u32, StreamRef)>,
}

/// Purged streams whose names are known.
const PURGED_NAMES_MAX: usize = 1000;

/// What can be seen once a command is durable.
#[derive(Debug)]
pub(crate) enum Reveal {
    Stream(Arc<Stream>),
    Purged(u32),
    Closed(Vec<ShardKey>),
    Committed(Scope, Commitment),
    Secret(Vec<u8>),
}

/// Whom to tell that there is something new to see.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(crate) streams: Vec<Arc<Stream>>,
    pub(crate) shards: Vec<ShardKey>,
}

impl View {
    /// Everything that a catalog has, with the streams that `owner` made of it.
    pub(super) fn new(catalog: &Catalog, streams: impl Iterator<Item = Arc<Stream>>) -> Self {
        let mut directory = Directory::default();
        streams.for_each(|stream| directory.insert(stream));
        Self {
            streams: directory,
            commitments: catalog.commitments().clone(),
            secret: catalog.secret().to_vec(),
            next_stream: catalog.next_stream(),
            applied: catalog.applied(),
            purged_streams: 0,
            purged: VecDeque::new(),
        }
    }

    pub(crate) fn streams(&self) -> &Directory<Stream> {
        &self.streams
    }

    pub(crate) fn commitments(&self) -> &Commitments {
        &self.commitments
    }

    /// Key of iterators and tokens.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Streams that were purged since the process began.
    pub(crate) fn purged_streams(&self) -> u64 {
        self.purged_streams
    }

    /// Name of the stream of this number, also when it was purged not long ago.
    pub(super) fn reference_of(&self, number: u32) -> Option<&StreamRef> {
        let purged = || self.purged.iter().find(|(purged, _)| *purged == number);
        let there = self.streams.of_number(number).map(|stream| &stream.reference);
        there.or_else(|| purged().map(|(_, reference)| reference))
    }

    fn purge(&mut self, number: u32) -> Option<Arc<Stream>> {
        self.purged_streams += 1;
        let stream = self.streams.remove(number)?;
        if self.purged.len() == PURGED_NAMES_MAX {
            self.purged.pop_front();
        }
        self.purged.push_back((number, stream.reference.clone()));
        tracing::info!(
            stream = %stream.reference.as_arn(),
            number,
            "a deleted stream is gone: its records follow"
        );
        Some(stream)
    }

    /// The catalog as it can be seen.
    pub(super) fn catalog(&self) -> Catalog {
        let mut streams = Directory::default();
        self.streams.all().for_each(|stream| streams.insert(stream.entry().clone()));
        Catalog::of(
            streams,
            self.next_stream,
            self.secret.clone(),
            self.commitments.clone(),
            self.applied,
        )
    }

    /// Shows what the command with this number has changed.
    pub(super) fn show(&mut self, number: u64, reveals: Vec<Reveal>, wake: &mut Wake) {
        self.applied = number;
        for reveal in reveals {
            match reveal {
                Reveal::Stream(stream) => {
                    self.next_stream = self.next_stream.max(stream.number + 1);
                    wake.streams.push(stream.clone());
                    self.streams.insert(stream);
                }
                Reveal::Purged(number) => {
                    wake.streams.extend(self.purge(number));
                }
                Reveal::Closed(shards) => wake.shards.extend(shards),
                Reveal::Committed(scope, commitment) => self.commitments.set(scope, commitment),
                Reveal::Secret(secret) => self.secret = secret,
            }
        }
    }
}

impl Kept for View {
    fn snapshot(&self) -> Vec<u8> {
        let parts = SnapshotParts {
            applied: self.applied,
            next_stream: self.next_stream,
            secret: &self.secret,
            commitments: &self.commitments,
            streams: self.streams.all().map(|stream| &**stream.entry()).collect(),
        };
        parts.encode()
    }

    fn applied(&self) -> u64 {
        self.applied
    }
}
