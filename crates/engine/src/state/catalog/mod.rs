//! The catalog: all streams and what belongs to them, as a state machine fed by commands.

mod capacity;
mod consumer;
mod encryption;
mod policy;
mod reshard;
mod salvage;
pub(crate) mod snapshot;

use super::command::{Command, CommandError, CreateStream};
use super::commitments::Commitments;
use super::directory::Directory;
use super::machine::{Machine, MachineId, Place};
use super::scope::{Scope, StreamRef};
use super::shard_metrics::ShardMetrics;
use super::shards::Shards;
use super::stream::StreamEntry;
use anabranch_model::hash_key::uniform_ranges;
use anabranch_model::on_demand::WritePeaks;
use anabranch_model::retention::Retention;
use anabranch_model::{Commitment, Shard, ShardId, ShardKey};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All streams.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(super) streams: Directory<StreamEntry>,
    /// Number that the next stream gets.
    pub(super) next_stream: u32,
    /// Key of iterators and tokens, made once per data directory.
    pub(super) secret: Vec<u8>,
    /// Billing commitments of the accounts that have or had one.
    pub(super) commitments: Commitments,
    /// Number of the last command in it.
    pub(super) applied: u64,
}

/// What a command has changed.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A stream is there, or is another one now.
    Stream(Arc<StreamEntry>),
    /// The stream of this number is gone for good.
    Purged(u32),
    /// These shards take no more records.
    Closed(Vec<ShardKey>),
    Committed(Scope, Commitment),
    /// The key of iterators and tokens.
    Secret(Vec<u8>),
}

impl Catalog {
    pub(crate) fn of(
        streams: Directory<StreamEntry>,
        next_stream: u32,
        secret: Vec<u8>,
        commitments: Commitments,
        applied: u64,
    ) -> Self {
        Self { streams, next_stream, secret, commitments, applied }
    }

    /// Key of iterators and tokens; empty before the first command.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    #[must_use]
    pub fn streams(&self) -> &Directory<StreamEntry> {
        &self.streams
    }

    /// Number that the next stream gets.
    #[must_use]
    pub fn next_stream(&self) -> u32 {
        self.next_stream
    }

    #[must_use]
    pub fn commitments(&self) -> &Commitments {
        &self.commitments
    }

    /// Number of the last command in it.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Applies a command, and tells what it has changed.
    pub fn apply(&mut self, command: &Command, place: Place) -> Vec<Effect> {
        self.applied = place.number;
        let effect = match command {
            Command::InstallSecret(install) => {
                self.secret.clone_from(&install.secret);
                Some(Effect::Secret(install.secret.clone()))
            }
            Command::CreateStream(create) => Some(self.create_stream(create, place)),
            Command::DeleteStream(delete) => self.change(delete.stream, |stream| {
                if place.arrival_ms < stream.active_at_ms {
                    // It never comes to be: no shard of it is seen, and it takes no record.
                    stream.active_at_ms = stream.active_at_ms.max(delete.gone_at_ms);
                }
                stream.gone_at_ms = Some(delete.gone_at_ms);
            }),
            Command::PurgeStream(purge) => self.purge_stream(purge.stream),
            Command::SetRetention(set) => self.change(set.stream, |stream| {
                let now_ms = place.arrival_ms.min(set.deletion_ms.unwrap_or(u64::MAX));
                stream.retention = stream.retention.changed(set.hours, now_ms);
            }),
            Command::AddTags(add) => self.change(add.stream, |stream| {
                stream.tags.extend(add.tags.iter().map(|(k, v)| (k.clone(), v.clone())));
            }),
            Command::RemoveTags(remove) => self.change(remove.stream, |stream| {
                remove.keys.iter().for_each(|key| drop(stream.tags.remove(key)));
            }),
            Command::Reshard(reshard) => {
                let changed = self.reshard(reshard, place);
                let closed = Effect::Closed(reshard.closed_shards());
                return changed.into_iter().chain([closed]).collect();
            }
            Command::BeginReshard(begin) => self.begin_reshard(begin),
            Command::BeginRescale(begin) => self.change(begin.stream, |stream| {
                stream.begin_rescale(begin.target, begin.is_counted.then_some(place));
            }),
            Command::EndRescale(end) => self.change(end.stream, |stream| {
                stream.end_rescale(place.arrival_ms + end.transition_ms);
            }),
            Command::ForgetShards(forget) => self.forget_shards(forget),
            Command::RegisterConsumer(register) => {
                self.change(register.stream, |stream| stream.register_consumer(register, place))
            }
            Command::DeregisterConsumer(gone) => {
                self.change(gone.stream, |stream| stream.deregister_consumer(gone, place))
            }
            Command::SetStreamMode(set) => {
                self.change(set.stream, |stream| stream.set_mode(set, place))
            }
            Command::SetWarmThroughput(set) => {
                self.change(set.stream, |stream| stream.set_warm_throughput(set, place))
            }
            Command::SetMaxRecordSize(set) => {
                self.change(set.stream, |stream| stream.max_record_kib = set.max_record_kib)
            }
            Command::SetDistribution(set) => {
                self.change(set.stream, |stream| stream.distribution = set.distribution.into())
            }
            Command::SetShardMetrics(set) => self.change(set.stream, |stream| {
                stream.shard_metrics = ShardMetrics::from_bits(set.metrics);
            }),
            Command::SetCommitment(set) => self.set_commitment(set),
            Command::RecordWritePeak(peak) => self.change(peak.stream, |stream| {
                stream.write_peaks.note(peak.into());
            }),
            Command::StartEncryption(start) => self.start_encryption(start, place),
            Command::StopEncryption(stop) => self.stop_encryption(stop, place),
            Command::PutPolicy(put) => self.change(put.stream, |stream| stream.put_policy(put)),
            Command::DeletePolicy(gone) => {
                self.change(gone.stream, |stream| stream.delete_policy(gone))
            }
            Command::TagConsumer(tag) => self.change(tag.stream, |stream| stream.tag_consumer(tag)),
            Command::UntagConsumer(untag) => {
                self.change(untag.stream, |stream| stream.untag_consumer(untag))
            }
        };
        effect.into_iter().collect()
    }

    fn create_stream(&mut self, create: &CreateStream, place: Place) -> Effect {
        let scope = Scope { account: intern(&create.account), region: intern(&create.region) };
        let mut stream = StreamEntry {
            number: create.number,
            reference: StreamRef { scope, name: intern(&create.name) },
            created_ms: place.arrival_ms,
            active_at_ms: place.arrival_ms + create.transition_ms,
            updating_until_ms: 0,
            rescale_target: None,
            pending_moves: Vec::new(),
            rescale_calls_ms: Vec::new(),
            gone_at_ms: None,
            mode: create.mode.into(),
            retention: Retention { hours: create.retention_hours, floor_ms: 0 },
            tags: create.tags.clone(),
            max_record_kib: create.max_record_kib,
            distribution: create.distribution.into(),
            consumers: BTreeMap::new(),
            mode_switches_ms: Vec::new(),
            warm_mibps: create.warm_mibps.unwrap_or(0),
            shard_metrics: ShardMetrics::default(),
            write_peaks: WritePeaks::default(),
            encryption: Default::default(),
            policy: None,
            shards: Arc::default(),
        };
        let created_secs = place.arrival_ms / 1000;
        let ranges = uniform_ranges(create.shard_count.max(1));
        let shards = ranges.into_iter().zip(0..).map(|(range, index)| Shard {
            id: ShardId(index),
            range,
            created_secs,
            opened_ms: place.arrival_ms,
            parent: None,
            adjacent_parent: None,
            closed: None,
        });
        stream.shards = Arc::new(Shards::new(shards.collect()));
        self.next_stream = self.next_stream.max(create.number + 1);
        self.insert(stream)
    }

    fn insert(&mut self, stream: StreamEntry) -> Effect {
        let stream = Arc::new(stream);
        self.streams.insert(stream.clone());
        Effect::Stream(stream)
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut StreamEntry)) -> Option<Effect> {
        // A command about a purged stream was overtaken; there is nothing left to change.
        let mut changed = StreamEntry::clone(self.streams.of_number(number)?);
        change(&mut changed);
        Some(self.insert(changed))
    }

    fn purge_stream(&mut self, number: u32) -> Option<Effect> {
        self.streams.remove(number).map(|_| Effect::Purged(number))
    }
}

impl Machine for Catalog {
    const ID: MachineId = MachineId::CATALOG;
    type Command = Command;
    type Effect = Effect;

    fn apply(&mut self, command: &Command, place: Place) -> Vec<Effect> {
        self.apply(command, place)
    }

    fn encode(command: &Command) -> Bytes {
        command.encode()
    }

    fn decode(command: &[u8]) -> Result<Command, CommandError> {
        Command::decode(command)
    }

    fn restore(snapshot: &[u8]) -> Result<Self, CommandError> {
        Self::restore(snapshot)
    }

    fn applied(&self) -> u64 {
        self.applied
    }
}

fn intern(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[cfg(test)]
mod tests;
