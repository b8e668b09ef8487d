//! The catalog's snapshot: a CBOR array in minicbor's indexed form, like the commands.

use super::Catalog;
use super::encryption::EncryptionState;
use crate::state::command::{CommandError, Distribution, Mode, ReshardMove};
use crate::state::commitments::Commitments;
use crate::state::consumer::Consumer;
use crate::state::history::History;
use crate::state::policy::ResourcePolicy;
use crate::state::scope::{ConsumerRef, Scope, StreamRef};
use crate::state::shard_metrics::ShardMetrics;
use crate::state::shards::Shards;
use crate::state::stream::StreamEntry;
use anabranch_model::hash_key::HashKeyRange;
use anabranch_model::on_demand::{DailyPeak, WritePeaks};
use anabranch_model::retention::Retention;
use anabranch_model::shard::Closed;
use anabranch_model::{Commitment, Shard, ShardId};
use anabranch_storage::RecoveredCommand;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Catalog {
    /// Rebuilds the catalog of a cell in which it lives alone, from a snapshot and the commands after it.
    ///
    /// # Errors
    /// When a snapshot or command was written by a version that knew more than this one.
    pub fn rebuild(
        snapshot: Option<&[u8]>,
        commands: &[RecoveredCommand],
    ) -> Result<Self, CommandError> {
        let mut history = History::read(snapshot, commands)?;
        let catalog = history.rebuild()?;
        history.end()?;
        Ok(catalog)
    }

    /// The catalog of its bytes in a snapshot.
    pub(super) fn restore(bytes: &[u8]) -> Result<Self, CommandError> {
        let state: CatalogState = minicbor::decode(bytes)?;
        let mut catalog = Self {
            next_stream: state.next_stream,
            secret: state.secret,
            applied: state.applied,
            ..Self::default()
        };
        for CommitmentState { account, region, started_ms, ends_ms } in
            state.commitments.unwrap_or_default()
        {
            let scope = Scope { account: Arc::from(account), region: Arc::from(region) };
            catalog.commitments.set(scope, Commitment { started_ms, ends_ms });
        }
        for stream in state.streams {
            catalog.insert(decode_stream(stream)?);
        }
        Ok(catalog)
    }

    /// The catalog's bytes for a snapshot, and the number of the last command in it.
    #[must_use]
    pub fn snapshot(&self) -> (u64, Vec<u8>) {
        let parts = SnapshotParts {
            applied: self.applied,
            next_stream: self.next_stream,
            secret: &self.secret,
            commitments: &self.commitments,
            streams: self.streams.all().map(|stream| &**stream).collect(),
        };
        (self.applied, parts.encode())
    }
}

/// What a snapshot holds, wherever it is kept.
pub(crate) struct SnapshotParts<'a> {
    pub(crate) applied: u64,
    pub(crate) next_stream: u32,
    pub(crate) secret: &'a [u8],
    pub(crate) commitments: &'a Commitments,
    pub(crate) streams: Vec<&'a StreamEntry>,
}

impl SnapshotParts<'_> {
    pub(crate) fn encode(mut self) -> Vec<u8> {
        // The same catalog gives the same bytes.
        self.streams.sort_by_key(|stream| stream.number);
        let state = CatalogState {
            applied: self.applied,
            next_stream: self.next_stream,
            secret: self.secret.to_vec(),
            streams: self.streams.into_iter().map(encode_stream).collect(),
            commitments: Some(encode_commitments(self.commitments)),
        };
        minicbor::to_vec(&state).expect("writing to memory cannot fail")
    }
}

#[derive(Encode, Decode)]
struct CatalogState {
    #[n(0)]
    applied: u64,
    #[n(1)]
    next_stream: u32,
    #[cbor(n(2), with = "minicbor::bytes")]
    secret: Vec<u8>,
    #[n(3)]
    streams: Vec<StreamState>,
    #[n(4)]
    commitments: Option<Vec<CommitmentState>>,
}

#[derive(Encode, Decode)]
struct CommitmentState {
    #[n(0)]
    account: String,
    #[n(1)]
    region: String,
    #[n(2)]
    started_ms: Option<u64>,
    #[n(3)]
    ends_ms: Option<u64>,
}

#[derive(Encode, Decode)]
struct StreamState {
    #[n(0)]
    number: u32,
    #[n(1)]
    account: String,
    #[n(2)]
    region: String,
    #[n(3)]
    name: String,
    #[n(4)]
    created_ms: u64,
    #[n(5)]
    active_at_ms: u64,
    #[n(6)]
    gone_at_ms: Option<u64>,
    #[n(7)]
    mode: Mode,
    #[n(8)]
    retention_hours: u32,
    #[n(9)]
    retention_floor_ms: u64,
    #[n(10)]
    tags: BTreeMap<String, String>,
    #[n(11)]
    max_record_kib: u32,
    #[n(12)]
    distribution: Distribution,
    #[n(13)]
    shards: Vec<ShardState>,
    #[n(14)]
    updating_until_ms: Option<u64>,
    #[n(15)]
    rescale_target: Option<u32>,
    #[n(16)]
    rescale_calls_ms: Option<Vec<u64>>,
    #[n(18)]
    consumers: Option<Vec<ConsumerState>>,
    #[n(19)]
    mode_switches_ms: Option<Vec<u64>>,
    #[n(20)]
    warm_mibps: Option<u32>,
    #[n(21)]
    shard_metrics: Option<u8>,
    #[n(22)]
    write_peaks: Option<Vec<PeakState>>,
    #[n(25)]
    encryption: Option<EncryptionState>,
    #[n(27)]
    policy: Option<String>,
    #[n(28)]
    pending_moves: Option<Vec<ReshardMove>>,
}

#[derive(Encode, Decode)]
struct PeakState {
    #[n(0)]
    day: u32,
    #[n(1)]
    bytes_per_s: u64,
}

#[derive(Encode, Decode)]
struct ConsumerState {
    #[n(0)]
    name: String,
    #[n(1)]
    created_secs: u64,
    #[n(2)]
    active_at_ms: u64,
    #[n(3)]
    gone_at_ms: Option<u64>,
    #[n(4)]
    tags: BTreeMap<String, String>,
    #[n(5)]
    policy: Option<String>,
}

#[derive(Encode, Decode)]
struct ShardState {
    #[n(0)]
    id: u32,
    /// Start and end of the range, 16 bytes each, big-endian.
    #[cbor(n(1), with = "minicbor::bytes")]
    range: Vec<u8>,
    #[n(2)]
    created_secs: u64,
    #[n(3)]
    parent: Option<u32>,
    #[n(4)]
    adjacent_parent: Option<u32>,
    #[n(5)]
    closed_end_index: Option<u64>,
    #[n(6)]
    closed_at_ms: Option<u64>,
    #[n(7)]
    opened_ms: Option<u64>,
}

fn encode_commitments(commitments: &Commitments) -> Vec<CommitmentState> {
    let mut commitments: Vec<_> = commitments.iter().collect();
    commitments.sort_by_key(|(scope, _)| (scope.account.clone(), scope.region.clone()));
    let states = commitments.into_iter().map(|(scope, commitment)| CommitmentState {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        started_ms: commitment.started_ms,
        ends_ms: commitment.ends_ms,
    });
    states.collect()
}

fn encode_stream(stream: &StreamEntry) -> StreamState {
    StreamState {
        number: stream.number,
        account: stream.reference.scope.account.to_string(),
        region: stream.reference.scope.region.to_string(),
        name: stream.reference.name.to_string(),
        created_ms: stream.created_ms,
        active_at_ms: stream.active_at_ms,
        gone_at_ms: stream.gone_at_ms,
        mode: stream.mode.into(),
        retention_hours: stream.retention.hours,
        retention_floor_ms: stream.retention.floor_ms,
        tags: stream.tags.clone(),
        max_record_kib: stream.max_record_kib,
        distribution: stream.distribution.into(),
        shards: stream.shards.all().iter().map(encode_shard).collect(),
        updating_until_ms: Some(stream.updating_until_ms),
        rescale_target: stream.rescale_target,
        rescale_calls_ms: Some(stream.rescale_calls_ms.clone()),
        consumers: Some(stream.consumers.values().map(encode_consumer).collect()),
        mode_switches_ms: Some(stream.mode_switches_ms.clone()),
        warm_mibps: Some(stream.warm_mibps),
        shard_metrics: Some(stream.shard_metrics.bits()),
        write_peaks: Some(encode_peaks(&stream.write_peaks)),
        encryption: EncryptionState::of(&stream.encryption),
        policy: stream.policy.as_ref().map(|policy| policy.text().to_owned()),
        pending_moves: (!stream.pending_moves.is_empty()).then(|| stream.pending_moves.clone()),
    }
}

fn encode_peaks(peaks: &WritePeaks) -> Vec<PeakState> {
    let state = |peak: &DailyPeak| PeakState { day: peak.day, bytes_per_s: peak.bytes_per_s };
    peaks.days().iter().map(state).collect()
}

fn decode_peaks(peaks: Vec<PeakState>) -> WritePeaks {
    let peak = |PeakState { day, bytes_per_s }| DailyPeak { day, bytes_per_s };
    WritePeaks::new(peaks.into_iter().map(peak).collect())
}

fn encode_consumer(consumer: &Consumer) -> ConsumerState {
    ConsumerState {
        name: consumer.name.to_string(),
        created_secs: consumer.created_secs,
        active_at_ms: consumer.active_at_ms,
        gone_at_ms: consumer.gone_at_ms,
        tags: consumer.tags.clone(),
        policy: consumer.policy.as_ref().map(|policy| policy.text().to_owned()),
    }
}

fn encode_shard(shard: &Shard) -> ShardState {
    ShardState {
        id: shard.id.0,
        range: [shard.range.start.to_be_bytes(), shard.range.end_inclusive.to_be_bytes()].concat(),
        created_secs: shard.created_secs,
        parent: shard.parent.map(|id| id.0),
        adjacent_parent: shard.adjacent_parent.map(|id| id.0),
        closed_end_index: shard.closed.map(|closed| closed.end_index),
        closed_at_ms: shard.closed.map(|closed| closed.at_ms),
        opened_ms: Some(shard.opened_ms),
    }
}

fn decode_stream(state: StreamState) -> Result<StreamEntry, CommandError> {
    let scope = Scope { account: Arc::from(state.account), region: Arc::from(state.region) };
    let reference = StreamRef { scope, name: Arc::from(state.name) };
    let policy = state.policy.map(|text| Arc::new(ResourcePolicy::stored(text, &reference.arn())));
    let shards: Result<Vec<_>, _> = state.shards.into_iter().map(decode_shard).collect();
    Ok(StreamEntry {
        number: state.number,
        reference: reference.clone(),
        created_ms: state.created_ms,
        active_at_ms: state.active_at_ms,
        updating_until_ms: state.updating_until_ms.unwrap_or(0),
        rescale_target: state.rescale_target,
        pending_moves: state.pending_moves.unwrap_or_default(),
        rescale_calls_ms: state.rescale_calls_ms.unwrap_or_default(),
        gone_at_ms: state.gone_at_ms,
        mode: state.mode.into(),
        retention: Retention { hours: state.retention_hours, floor_ms: state.retention_floor_ms },
        tags: state.tags,
        max_record_kib: state.max_record_kib,
        distribution: state.distribution.into(),
        consumers: state
            .consumers
            .unwrap_or_default()
            .into_iter()
            .map(|consumer| decode_consumer(consumer, &reference))
            .map(|consumer| (consumer.name.clone(), consumer))
            .collect(),
        mode_switches_ms: state.mode_switches_ms.unwrap_or_default(),
        warm_mibps: state.warm_mibps.unwrap_or(0),
        shard_metrics: ShardMetrics::from_bits(state.shard_metrics.unwrap_or(0)),
        write_peaks: decode_peaks(state.write_peaks.unwrap_or_default()),
        encryption: state.encryption.map(Into::into).unwrap_or_default(),
        policy,
        shards: Arc::new(Shards::new(shards?)),
    })
}

fn decode_consumer(state: ConsumerState, stream: &StreamRef) -> Consumer {
    let name: Arc<str> = Arc::from(state.name);
    let created_secs = state.created_secs;
    let arn = ConsumerRef { stream: stream.clone(), name: name.clone(), created_secs }.arn();
    Consumer {
        policy: state.policy.map(|text| Arc::new(ResourcePolicy::stored(text, &arn))),
        name,
        created_secs: state.created_secs,
        active_at_ms: state.active_at_ms,
        gone_at_ms: state.gone_at_ms,
        tags: state.tags,
    }
}

fn decode_shard(state: ShardState) -> Result<Shard, CommandError> {
    let range: [u8; 32] = state
        .range
        .try_into()
        .map_err(|_| minicbor::decode::Error::message("a hash key range of 32 bytes"))?;
    let (start, end) = range.split_at(16);
    let key = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().expect("16 bytes"));
    let closed = state.closed_end_index.zip(state.closed_at_ms);
    Ok(Shard {
        id: ShardId(state.id),
        range: HashKeyRange { start: key(start), end_inclusive: key(end) },
        created_secs: state.created_secs,
        // Before there was resharding, the second was all there was.
        opened_ms: state.opened_ms.unwrap_or(state.created_secs.saturating_mul(1000)),
        parent: state.parent.map(ShardId),
        adjacent_parent: state.adjacent_parent.map(ShardId),
        closed: closed.map(|(end_index, at_ms)| Closed { end_index, at_ms }),
    })
}
