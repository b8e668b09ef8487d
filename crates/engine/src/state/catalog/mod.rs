//! The catalog: all streams and what belongs to them, as a state machine fed by commands.
//!
//! Invariant: [`Catalog::apply`] depends on nothing but the catalog and the command, so that
//! recovery rebuilds what was there.

mod capacity;
mod consumer;
mod encryption;
mod policy;
mod reshard;
mod salvage;
mod snapshot;

use super::command::{Command, CreateStream};
use super::scope::{Scope, StreamRef};
use super::shard_metrics::ShardMetrics;
use super::slot::ShardSlot;
use super::stream::Stream;
use anabranch_model::hash_key::uniform_ranges;
use anabranch_model::on_demand::WritePeaks;
use anabranch_model::retention::Retention;
use anabranch_model::{Commitment, Shard, ShardId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::watch;

/// All streams.
#[derive(Debug, Default)]
pub struct Catalog {
    by_name: HashMap<Scope, BTreeMap<Arc<str>, Arc<Stream>>>,
    by_number: HashMap<u32, Arc<Stream>>,
    /// Number that the next stream gets.
    next_stream: u32,
    /// Key of iterators and tokens, made once per data directory.
    secret: Vec<u8>,
    /// Billing commitments of the accounts that have or had one.
    commitments: HashMap<Scope, Commitment>,
    /// Number of the last command in it.
    applied: u64,
    purged_streams: u64,
}

/// Where a command stands in the journal.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The command's number.
    pub number: u64,
    /// The cell's next index there.
    pub index: u64,
    /// When it was journaled, epoch milliseconds.
    pub arrival_ms: u64,
}

impl Catalog {
    /// Key of iterators and tokens; empty before the first command.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The stream of this name, whatever its state.
    #[must_use]
    pub fn stream(&self, scope: &Scope, name: &str) -> Option<&Arc<Stream>> {
        self.by_name.get(scope)?.get(name)
    }

    /// The stream's incarnation of this number.
    #[must_use]
    pub fn stream_by_number(&self, number: u32) -> Option<&Arc<Stream>> {
        self.by_number.get(&number)
    }

    /// A scope's streams in name order, from the first name after `after`.
    pub fn streams_after<'a>(
        &'a self,
        scope: &Scope,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<Stream>> + use<'a> {
        use std::ops::Bound::{Excluded, Unbounded};
        let lower = after.map_or(Unbounded, |name| Excluded(Arc::<str>::from(name)));
        let streams = self.by_name.get(scope);
        streams.into_iter().flat_map(move |streams| {
            streams.range::<Arc<str>, _>((lower.clone(), Unbounded)).map(|(_, stream)| stream)
        })
    }

    /// All streams.
    pub fn streams(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.by_number.values()
    }

    /// Number that the next stream gets.
    #[must_use]
    pub fn next_stream(&self) -> u32 {
        self.next_stream
    }

    /// Streams that were purged since the snapshot that the catalog was rebuilt from.
    #[must_use]
    pub fn purged_streams(&self) -> u64 {
        self.purged_streams
    }

    /// Applies a durable command.
    pub fn apply(&mut self, command: &Command, place: Place) {
        self.applied = place.number;
        match command {
            Command::InstallSecret(secret) => self.secret.clone_from(&secret.secret),
            Command::CreateStream(create) => self.create_stream(create, place),
            Command::DeleteStream(delete) => {
                self.change(delete.stream, |stream| stream.gone_at_ms = Some(delete.gone_at_ms));
            }
            Command::PurgeStream(purge) => self.purge_stream(purge.stream),
            Command::SetRetention(set) => self.change(set.stream, |stream| {
                stream.retention = stream.retention.changed(set.hours, place.arrival_ms);
            }),
            Command::AddTags(add) => self.change(add.stream, |stream| {
                stream.tags.extend(add.tags.iter().map(|(k, v)| (k.clone(), v.clone())));
            }),
            Command::RemoveTags(remove) => self.change(remove.stream, |stream| {
                remove.keys.iter().for_each(|key| drop(stream.tags.remove(key)));
            }),
            Command::Reshard(reshard) => self.reshard(reshard, place),
            Command::BeginRescale(begin) => self.change(begin.stream, |stream| {
                stream.begin_rescale(begin.target, begin.is_counted.then_some(place));
            }),
            Command::EndRescale(end) => self.change(end.stream, |stream| {
                stream.end_rescale(place.arrival_ms + end.transition_ms);
            }),
            Command::ForgetShards(forget) => self.forget_shards(forget),
            Command::RegisterConsumer(register) => {
                self.change(register.stream, |stream| stream.register_consumer(register, place));
            }
            Command::DeregisterConsumer(gone) => {
                self.change(gone.stream, |stream| stream.deregister_consumer(gone, place));
            }
            Command::SetStreamMode(set) => {
                self.change(set.stream, |stream| stream.set_mode(set, place));
            }
            Command::SetWarmThroughput(set) => {
                self.change(set.stream, |stream| stream.set_warm_throughput(set, place));
            }
            Command::SetMaxRecordSize(set) => {
                self.change(set.stream, |stream| stream.max_record_kib = set.max_record_kib);
            }
            Command::SetDistribution(set) => {
                self.change(set.stream, |stream| stream.distribution = set.distribution.into());
            }
            Command::SetShardMetrics(set) => self.change(set.stream, |stream| {
                stream.shard_metrics = ShardMetrics::from_bits(set.metrics);
            }),
            Command::SetCommitment(set) => self.set_commitment(set),
            Command::RecordWritePeak(peak) => self.change(peak.stream, |stream| {
                stream.write_peaks.keep(peak.into());
            }),
            Command::StartEncryption(start) => self.start_encryption(start, place),
            Command::StopEncryption(stop) => self.stop_encryption(stop, place),
            Command::PutPolicy(put) => self.change(put.stream, |stream| stream.put_policy(put)),
            Command::DeletePolicy(gone) => {
                self.change(gone.stream, |stream| stream.delete_policy(gone));
            }
            Command::TagConsumer(tag) => self.change(tag.stream, |stream| stream.tag_consumer(tag)),
            Command::UntagConsumer(untag) => {
                self.change(untag.stream, |stream| stream.untag_consumer(untag));
            }
        }
    }

    fn create_stream(&mut self, create: &CreateStream, place: Place) {
        let scope = Scope { account: intern(&create.account), region: intern(&create.region) };
        let mut stream = Stream {
            number: create.number,
            reference: StreamRef { scope, name: intern(&create.name) },
            created_ms: place.arrival_ms,
            active_at_ms: place.arrival_ms + create.transition_ms,
            updating_until_ms: 0,
            rescale_target: None,
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
            changed: watch::Sender::default(),
            shards: Vec::new(),
            open: Vec::new(),
            routes: Vec::new(),
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
        stream.set_shards(shards.map(|shard| ShardSlot::new(create.number, shard)).collect());
        self.next_stream = self.next_stream.max(create.number + 1);
        self.insert(stream);
    }

    fn insert(&mut self, stream: Stream) {
        let StreamRef { scope, name } = stream.reference.clone();
        let stream = Arc::new(stream);
        self.by_number.insert(stream.number, stream.clone());
        let streams = self.by_name.entry(scope).or_default();
        // One that is gone but not purged yet may have left its name to a newer one.
        if streams.get(&name).is_none_or(|named| named.number <= stream.number) {
            streams.insert(name, stream);
        }
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Stream)) {
        // A command about a purged stream was overtaken; there is nothing left to change.
        if let Some(stream) = self.by_number.get(&number) {
            let mut changed = Stream::clone(stream);
            change(&mut changed);
            let watchers = changed.changed.clone();
            self.insert(changed);
            watchers.send_replace(());
        }
    }

    fn purge_stream(&mut self, number: u32) {
        let Some(stream) = self.by_number.remove(&number) else { return };
        self.purged_streams += 1;
        stream.changed.send_replace(());
        let StreamRef { scope, name } = &stream.reference;
        if let Some(streams) = self.by_name.get_mut(scope)
            && streams.get(name).is_some_and(|named| named.number == number)
        {
            streams.remove(name);
            if streams.is_empty() {
                self.by_name.remove(scope);
            }
        }
    }
}

fn intern(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[cfg(test)]
mod tests;
