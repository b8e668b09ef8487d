//! PutRecord and PutRecords: from records to runs in the journal.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::scope::Scope;
use crate::stream::{RecordDistribution, ShardSlot, Stream};
use anabranch_model::sequence_number::{DIGITS, SequenceNumber};
use anabranch_model::{HashKey, ShardId, hash_key, limits};
use anabranch_storage::record::record_bytes;
use anabranch_storage::{AppendError, Run, RunBuilder};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Data of a record in whatever form it came.
pub trait Payload {
    /// Bytes that [`Payload::append_to`] appends.
    fn data_len(&self) -> usize;
    /// Appends the data.
    fn append_to(&self, out: &mut Vec<u8>);
}

impl Payload for &[u8] {
    fn data_len(&self) -> usize {
        self.len()
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// A record to put.
#[derive(Clone, Debug)]
pub struct PutEntry<'a, P> {
    /// The partition key.
    pub partition_key: Option<&'a str>,
    /// Goes before the partition key's hash.
    pub explicit_hash_key: Option<HashKey>,
    /// The data.
    pub data: P,
}

impl<P: Payload> PutEntry<'_, P> {
    /// Bytes that count for limits: data and partition key.
    fn counted_bytes(&self) -> usize {
        self.data.data_len() + self.partition_key.map_or(0, str::len)
    }
}

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is durable.
    Stored {
        /// Where.
        shard: ShardId,
        /// Its sequence number's digits.
        sequence_number: [u8; DIGITS],
    },
    /// The shard's rate is used up.
    Throttled {
        /// The shard it would have gone to.
        shard: ShardId,
    },
}

/// Where each record of a request goes: places in the request, by shard, in request order.
struct Routing {
    /// (place of the shard in `Stream::open`, place in the request).
    order: Vec<(u32, u32)>,
}

impl Engine {
    /// Puts one record. `ordering` is SequenceNumberForOrdering.
    ///
    /// # Errors
    /// When it was not stored. After [`AppendError::Failed`] it may be.
    pub async fn put_record<P: Payload>(
        &self,
        scope: &Scope,
        name: &str,
        entry: PutEntry<'_, P>,
        ordering: Option<&str>,
        dry_run: bool,
    ) -> Result<PutOutcome, EngineError> {
        // For the rate, a single put is rounded up to whole kilobytes.
        let rounded = |bytes: u64| bytes.div_ceil(1024) * 1024;
        let entries = [entry];
        let mut stream = self.data_stream(scope, name)?;
        self.check_ordering(&stream, ordering)?;
        loop {
            check_entries(&stream, &entries)?;
            let (runs, mut outcomes) = self.build_runs(&stream, &entries, rounded);
            if let PutOutcome::Throttled { shard } = outcomes[0] {
                let stream = stream.reference.clone();
                return Err(EngineError::WriteRateExceeded { stream, shard });
            }
            if dry_run {
                return Ok(outcomes[0]);
            }
            match self.append(&stream, runs, &mut outcomes).await {
                Err(EngineError::Append(AppendError::Closed(_))) => {
                    stream = self.after_change(scope, name).await?;
                }
                result => return result.map(|()| outcomes[0]),
            }
        }
    }

    /// Puts records; each has its own outcome, in request order.
    ///
    /// # Errors
    /// When the request as a whole is refused.
    pub async fn put_records<P: Payload>(
        &self,
        scope: &Scope,
        name: &str,
        entries: &[PutEntry<'_, P>],
        dry_run: bool,
    ) -> Result<Vec<PutOutcome>, EngineError> {
        let mut stream = self.data_stream(scope, name)?;
        loop {
            check_entries(&stream, entries)?;
            let (runs, mut outcomes) = self.build_runs(&stream, entries, |bytes| bytes);
            if dry_run {
                return Ok(outcomes);
            }
            match self.append(&stream, runs, &mut outcomes).await {
                Err(EngineError::Append(AppendError::Closed(_))) => {
                    stream = self.after_change(scope, name).await?;
                }
                result => return result.map(|()| outcomes),
            }
        }
    }

    /// The stream after the change that closed one of its shards.
    async fn after_change(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, EngineError> {
        drop(self.changing.lock().await);
        self.data_stream(scope, name)
    }

    fn check_ordering(&self, stream: &Stream, ordering: Option<&str>) -> Result<(), EngineError> {
        let Some(number) = ordering else { return Ok(()) };
        // Indices only rise, so that any number handed out so far is below the next one.
        let valid = SequenceNumber::parse(number).is_some_and(|parsed| {
            let now_secs = self.clock.now_ms() / 1000;
            parsed.time_secs <= now_secs && parsed.created_secs <= now_secs
        });
        if valid {
            return Ok(());
        }
        let stream = stream.reference.clone();
        Err(EngineError::OrderingInvalid { stream, number: number.to_owned() })
    }

    /// Routes, meters and encodes. Outcomes of records that pass are filled in by `append`.
    fn build_runs<P: Payload>(
        &self,
        stream: &Stream,
        entries: &[PutEntry<'_, P>],
        rate_bytes: impl Fn(u64) -> u64,
    ) -> (Vec<ShardRun>, Vec<PutOutcome>) {
        let routing = self.route(stream, entries);
        let mut outcomes = vec![PutOutcome::Throttled { shard: ShardId(0) }; entries.len()];
        let mut runs = Vec::new();
        let now_us = self.clock.monotonic_us();
        for group in routing.order.chunk_by(|a, b| a.0 == b.0) {
            let slot = &stream.open[group[0].0 as usize];
            let mut passing = Vec::with_capacity(group.len());
            let mut places = group.iter().map(|(_, place)| *place);
            let sizes = group
                .iter()
                .map(|(_, place)| rate_bytes(entries[*place as usize].counted_bytes() as u64));
            slot.meter.write(&self.settings.rates, now_us, sizes, |passes| {
                let place = places.next().expect("one decision for each record");
                outcomes[place as usize] = PutOutcome::Throttled { shard: slot.shard.id };
                if passes {
                    passing.push(place);
                }
            });
            if !passing.is_empty() {
                runs.push(ShardRun::build(slot.clone(), passing, entries));
            }
        }
        (runs, outcomes)
    }

    fn route<P: Payload>(&self, stream: &Stream, entries: &[PutEntry<'_, P>]) -> Routing {
        let open = stream.open.len() as u32;
        let route_one = |entry: &PutEntry<'_, P>| match stream.distribution {
            RecordDistribution::Auto => self.next_even.fetch_add(1, Ordering::Relaxed) % open,
            RecordDistribution::UserPartitionKey => {
                let key = entry.explicit_hash_key.unwrap_or_else(|| {
                    hash_key::of_partition_key(entry.partition_key.unwrap_or_default())
                });
                stream.route(key) as u32
            }
        };
        let mut order: Vec<(u32, u32)> = entries.iter().map(route_one).zip(0u32..).collect();
        order.sort_unstable();
        Routing { order }
    }

    async fn append(
        &self,
        stream: &Stream,
        runs: Vec<ShardRun>,
        outcomes: &mut [PutOutcome],
    ) -> Result<(), EngineError> {
        if runs.is_empty() {
            return Ok(());
        }
        let (places, runs): (Vec<_>, Vec<_>) =
            runs.into_iter().map(|run| ((run.slot, run.places), run.run)).unzip();
        let appended = self.store.append(runs).await?;
        debug_assert!(!stream.open.is_empty());
        for ((slot, places), first_index) in places.into_iter().zip(appended.first_indices) {
            let shard = &slot.shard;
            let mut number = shard.sequence_number(first_index, appended.arrival_ms).decimal();
            for place in places {
                let sequence_number = number.digits();
                outcomes[place as usize] = PutOutcome::Stored { shard: shard.id, sequence_number };
                number = number.next_index();
            }
        }
        Ok(())
    }
}

/// A run on its way, and which records of the request are in it.
struct ShardRun {
    slot: Arc<ShardSlot>,
    places: Vec<u32>,
    run: Run,
}

impl ShardRun {
    fn build<P: Payload>(
        slot: Arc<ShardSlot>,
        places: Vec<u32>,
        entries: &[PutEntry<'_, P>],
    ) -> Self {
        let entry = |place: &u32| &entries[*place as usize];
        let bytes = places
            .iter()
            .map(entry)
            .map(|e| record_bytes(e.partition_key.map_or(0, str::len), e.data.data_len()))
            .sum();
        let mut builder = RunBuilder::with_capacity(bytes);
        for entry in places.iter().map(entry) {
            let written = builder.push_with(entry.partition_key, entry.data.data_len(), |body| {
                entry.data.append_to(body);
                Ok::<(), std::convert::Infallible>(())
            });
            written.expect("appending to memory cannot fail");
        }
        let run = Run::new(slot.key, builder.finish(), slot.gate.clone());
        Self { slot, places, run }
    }
}

fn check_entries<P: Payload>(
    stream: &Stream,
    entries: &[PutEntry<'_, P>],
) -> Result<(), EngineError> {
    let bytes_max = stream.max_record_kib as usize * 1024;
    let mut total = 0;
    for (position, entry) in entries.iter().enumerate() {
        if entry.partition_key.is_none() && stream.distribution != RecordDistribution::Auto {
            return Err(EngineError::PartitionKeyMissing { position });
        }
        // Only the data is measured against the limit, as observed on the service.
        if entry.data.data_len() > bytes_max {
            return Err(EngineError::RecordTooLarge { position, bytes_max });
        }
        total += entry.counted_bytes();
    }
    let bytes_max = limits::PUT_RECORDS_BYTES_MAX;
    if entries.len() > 1 && total > bytes_max {
        return Err(EngineError::RecordsTooLarge { bytes_max });
    }
    Ok(())
}
