//! PutRecord and PutRecords: from records to runs in the journal.

use super::data::Data;
use crate::error::{
    OrderingInvalid, PartitionKeyMissing, PutError, RecordTooLarge, RecordsTooLarge,
    WriteRateExceeded,
};
use crate::keys::data_key::{DataKey, Sealer};
use crate::keys::keyring::{KeyRefusal, KeyUse};
use crate::live::named::NamedStream;
use crate::live::stream::Stream;
use crate::state::stream::RecordDistribution;
use anabranch_model::sequence_number::{Decimal, SequenceNumber};
use anabranch_model::{HashKey, OlderNumber, ShardId, hash_key, limits};
use anabranch_storage::record::{SEAL_BYTES, record_bytes};
use anabranch_storage::{AppendError, RunBuilder, Runs, RunsBuilder};
use std::borrow::Cow;
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
    pub partition_key: Option<Cow<'a, str>>,
    /// Goes before the partition key's hash.
    pub explicit_hash_key: Option<HashKey>,
    pub data: P,
}

impl<P: Payload> PutEntry<'_, P> {
    fn key_len(&self) -> usize {
        self.partition_key.as_deref().map_or(0, str::len)
    }

    /// Bytes that count for limits: data and partition key.
    fn counted_bytes(&self) -> usize {
        self.data.data_len() + self.key_len()
    }

    /// Bytes that it takes in a run if it is not sealed.
    fn record_bytes(&self) -> usize {
        record_bytes(self.key_len(), self.data.data_len())
    }

    fn write(&self, builder: &mut RunBuilder) {
        let key = self.partition_key.as_deref();
        let written = builder.push_with(key, self.data.data_len(), |body| {
            self.data.append_to(body);
            Ok::<(), std::convert::Infallible>(())
        });
        written.expect("appending to memory cannot fail");
    }

    fn write_sealed(&self, sealer: &Sealer, builder: &mut RunBuilder) {
        let key = self.partition_key.as_deref();
        builder.push_sealed(key.map(str::len), self.data.data_len(), |header, body| {
            sealer.seal(header, body, self.counted_bytes(), |body| {
                body.extend_from_slice(key.unwrap_or_default().as_bytes());
                self.data.append_to(body);
            });
        });
    }
}

/// The hash key of each record.
fn hash_keys<P>(entries: &[PutEntry<'_, P>]) -> Vec<HashKey> {
    let hashed = entries.iter().filter(|entry| entry.explicit_hash_key.is_none());
    let keys: Vec<&str> =
        hashed.map(|entry| entry.partition_key.as_deref().unwrap_or_default()).collect();
    let mut hashes = hash_key::of_partition_keys(&keys).into_iter();
    let explicit = entries.iter().map(|entry| entry.explicit_hash_key);
    explicit.map(|key| key.or_else(|| hashes.next()).expect("one for each")).collect()
}

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is durable.
    Stored {
        /// Where.
        shard: ShardId,
        sequence_number: Decimal,
    },
    /// The shard's rate is used up.
    Throttled {
        /// The shard it would have gone to.
        shard: ShardId,
    },
}

/// Where to put records, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct PutRequest<'a> {
    pub stream: &'a NamedStream,
    /// ARN of the caller.
    pub principal: &'a str,
    /// Only check.
    pub dry_run: bool,
}

/// What became of a request that was not refused as a whole.
#[derive(Debug)]
pub struct PutReply {
    /// What became of each record, in request order; or why none was stored. After
    /// [`AppendError::Failed`] they may be.
    pub stored: Result<Vec<PutOutcome>, AppendError>,
    /// Whether the records are encrypted.
    pub is_encrypted: bool,
}

/// Where each record of a request goes: places in the request, by shard, in request order.
struct Routing {
    /// (place of the shard in `Stream::routes`, place in the request).
    order: Vec<(u32, u32)>,
    /// How many shards they go to.
    shards: usize,
}

/// Records that are routed, metered and encoded, ready for the journal.
#[derive(Debug)]
pub struct PreparedPut {
    stream: Arc<Stream>,
    runs: Vec<ShardRun>,
    /// Places in the request of the records of all runs, run by run.
    places: Vec<u32>,
    records: Runs,
    outcomes: Vec<PutOutcome>,
    is_encrypted: bool,
}

impl PreparedPut {
    /// Whether the records are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// What would become of a single record if nothing else happened.
    fn first_throttled(&self) -> Option<ShardId> {
        match self.outcomes.first() {
            Some(PutOutcome::Throttled { shard }) if self.runs.is_empty() => Some(*shard),
            _ => None,
        }
    }
}

impl Data {
    /// Puts one record. `ordering` is SequenceNumberForOrdering. `None`: it could have been put, but
    /// only that was asked.
    ///
    /// # Errors
    /// When the record cannot be taken.
    pub async fn put_record<P: Payload>(
        &self,
        request: &PutRequest<'_>,
        entry: &PutEntry<'_, P>,
        ordering: Option<&str>,
    ) -> Result<Option<PutReply>, PutError> {
        let principal = request.principal;
        self.put(request, |stream| self.prepare_put_record(stream, principal, entry, ordering))
            .await
    }

    /// Puts records; each has its own outcome. `None`: they could have been put, but only that was
    /// asked.
    ///
    /// # Errors
    /// When the request as a whole is refused.
    pub async fn put_records<P: Payload>(
        &self,
        request: &PutRequest<'_>,
        entries: &[PutEntry<'_, P>],
    ) -> Result<Option<PutReply>, PutError> {
        let principal = request.principal;
        self.put(request, |stream| self.prepare_put_records(stream, principal, entries)).await
    }

    /// Prepares and commits, again when a shard was closed in between.
    async fn put(
        &self,
        request: &PutRequest<'_>,
        prepare: impl Fn(&NamedStream) -> Result<PreparedPut, PutError>,
    ) -> Result<Option<PutReply>, PutError> {
        let mut stream = Cow::Borrowed(request.stream);
        loop {
            let prepared = prepare(&stream)?;
            if request.dry_run {
                return Ok(None);
            }
            let is_encrypted = prepared.is_encrypted;
            let stored = match self.commit_put(prepared).await {
                Ok(None) => {
                    stream = Cow::Owned(self.ledger.named(request.stream.reference.clone()));
                    continue;
                }
                Ok(Some(outcomes)) => Ok(outcomes),
                Err(error) => Err(error),
            };
            return Ok(Some(PutReply { stored, is_encrypted }));
        }
    }

    /// Prepares to put one record for `principal`, the ARN of the caller. `ordering` is
    /// SequenceNumberForOrdering.
    ///
    /// # Errors
    /// When the record cannot be taken.
    pub fn prepare_put_record<P: Payload>(
        &self,
        stream: &NamedStream,
        principal: &str,
        entry: &PutEntry<'_, P>,
        ordering: Option<&str>,
    ) -> Result<PreparedPut, PutError> {
        // For the rate, a single put is rounded up to whole kilobytes.
        let rounded = |bytes: u64| bytes.div_ceil(1024) * 1024;
        let stream = stream.data_stream(self.ledger.now_ms())?.clone();
        let entries = std::slice::from_ref(entry);
        check_entries(&stream, entries)?;
        self.check_ordering(&stream, ordering)?;
        let data_key = self.sealing_key(&stream, principal)?;
        let prepared = self.prepare(stream, data_key.as_deref(), entries, rounded);
        match prepared.first_throttled() {
            Some(shard) => {
                let stream = prepared.stream.reference.clone();
                Err(WriteRateExceeded { stream, shard }.into())
            }
            None => Ok(prepared),
        }
    }

    /// Prepares to put records for `principal`, the ARN of the caller; each has its own outcome.
    ///
    /// # Errors
    /// When the request as a whole is refused.
    pub fn prepare_put_records<P: Payload>(
        &self,
        stream: &NamedStream,
        principal: &str,
        entries: &[PutEntry<'_, P>],
    ) -> Result<PreparedPut, PutError> {
        let stream = stream.data_stream(self.ledger.now_ms())?.clone();
        check_entries(&stream, entries)?;
        let data_key = self.sealing_key(&stream, principal)?;
        Ok(self.prepare(stream, data_key.as_deref(), entries, |bytes| bytes))
    }

    /// Makes prepared records durable; outcomes are in request order. `None`: a shard was closed
    /// meanwhile and nothing was stored; what closed it is done with, prepare again.
    ///
    /// # Errors
    /// When they were not stored. After [`AppendError::Failed`] they may be.
    pub async fn commit_put(
        &self,
        prepared: PreparedPut,
    ) -> Result<Option<Vec<PutOutcome>>, AppendError> {
        match self.append(prepared).await {
            Ok(outcomes) => Ok(Some(outcomes)),
            Err(AppendError::Closed(_)) => {
                // When the change that closed it has ended, its children are there, or it is open again.
                self.ledger.settled().await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The data key that seals what is put into the stream now; `None` if it is not encrypted.
    fn sealing_key(
        &self,
        stream: &Stream,
        principal: &str,
    ) -> Result<Option<Arc<DataKey>>, Box<KeyRefusal>> {
        let Some(wrapped) = stream.encryption.current() else { return Ok(None) };
        self.keys.data_key(stream, wrapped, principal, KeyUse::Encrypt).map(Some)
    }

    fn check_ordering(&self, stream: &Stream, ordering: Option<&str>) -> Result<(), PutError> {
        let Some(number) = ordering else { return Ok(()) };
        let times = match SequenceNumber::parse(number) {
            Some(number) => Some((number.created_secs, number.time_secs)),
            None => OlderNumber::parse(number)
                .filter(|older| older.version == 1)
                .map(|older| (older.created_secs, older.time_secs)),
        };
        // Indices only rise, so that any number handed out so far is below the next one.
        let valid = times.is_some_and(|(created_secs, time_secs)| {
            let now_secs = self.ledger.now_ms() / 1000;
            // Children of young parents are dated a little ahead.
            let newest = || stream.routes.iter().map(|route| route.created_secs).max();
            let is_created = created_secs <= now_secs || Some(created_secs) <= newest();
            time_secs <= now_secs && is_created
        });
        if valid {
            return Ok(());
        }
        let stream = stream.reference.clone();
        Err(OrderingInvalid { stream, number: number.to_owned() }.into())
    }

    /// Routes, meters and encodes. Outcomes of records that pass are filled in by `append`.
    fn prepare<P: Payload>(
        &self,
        stream: Arc<Stream>,
        data_key: Option<&DataKey>,
        entries: &[PutEntry<'_, P>],
        rate_bytes: impl Fn(u64) -> u64,
    ) -> PreparedPut {
        let routing = self.route(&stream, entries);
        let mut outcomes = vec![PutOutcome::Throttled { shard: ShardId(0) }; entries.len()];
        // A request may have a run for each record: nothing is allocated for a run.
        let mut places = Vec::with_capacity(entries.len());
        let mut runs = Vec::with_capacity(routing.shards);
        let mut bytes = 0;
        let seal_bytes = if data_key.is_some() { SEAL_BYTES } else { 0 };
        let now_us = self.clock.monotonic_us();
        for group in routing.order.chunk_by(|a, b| a.0 == b.0) {
            let place = group[0].0;
            let route = &stream.routes[place as usize];
            let shard = route.key.shard();
            let mut run = ShardRun { route: place, records: 0, metered_bytes: 0, counted_bytes: 0 };
            let mut members = group.iter().map(|(_, place)| *place);
            let entry = |place: u32| &entries[place as usize];
            let size = |place: u32| rate_bytes(entry(place).counted_bytes() as u64);
            let sizes = group.iter().map(|(_, place)| size(*place));
            route.meter.write(&self.settings.rates, now_us, sizes, |passes| {
                let place = members.next().expect("one decision for each record");
                outcomes[place as usize] = PutOutcome::Throttled { shard };
                if passes {
                    places.push(place);
                    run.records += 1;
                    run.metered_bytes += size(place);
                    run.counted_bytes += entry(place).counted_bytes() as u64;
                    bytes += seal_bytes + entry(place).record_bytes();
                }
            });
            if run.records > 0 {
                runs.push(run);
            }
        }
        let mut records = RunsBuilder::with_capacity(runs.len(), bytes);
        for (run, places) in by_run(&runs, &places) {
            let key = stream.routes[run.route as usize].key;
            let sealer = data_key.map(|data_key| data_key.sealer(key));
            records.push(key, |builder| {
                for entry in places.iter().map(|place| &entries[*place as usize]) {
                    match &sealer {
                        None => entry.write(builder),
                        Some(sealer) => entry.write_sealed(sealer, builder),
                    }
                }
            });
        }
        let (records, is_encrypted) = (records.finish(), data_key.is_some());
        PreparedPut { stream, runs, places, records, outcomes, is_encrypted }
    }

    fn route<P: Payload>(&self, stream: &Stream, entries: &[PutEntry<'_, P>]) -> Routing {
        let mut order: Vec<(u32, u32)> = match stream.distribution {
            RecordDistribution::Auto => {
                let open = stream.routes.len() as u32;
                let even = || self.next_even.fetch_add(1, Ordering::Relaxed) % open;
                std::iter::repeat_with(even).zip(0..entries.len() as u32).collect()
            }
            RecordDistribution::UserPartitionKey => {
                // All hashes first: the processor then waits for many routes at once.
                let keys = hash_keys(entries).into_iter();
                keys.map(|key| stream.route(key) as u32).zip(0..).collect()
            }
        };
        order.sort_unstable();
        let shards = order.chunk_by(|a, b| a.0 == b.0).count();
        Routing { order, shards }
    }

    async fn append(&self, prepared: PreparedPut) -> Result<Vec<PutOutcome>, AppendError> {
        let PreparedPut { stream, runs, places, records, mut outcomes, .. } = prepared;
        if runs.is_empty() {
            return Ok(outcomes);
        }
        let route = |run: &ShardRun| &stream.routes[run.route as usize];
        let gates = runs.iter().map(|run| &*route(run).gate);
        let appended = match self.ledger.store().append(records, gates).await {
            Ok(appended) => appended,
            Err(error) => {
                if matches!(error, AppendError::Closed(_)) {
                    // They come again: nobody pays twice because of a reshard.
                    for run in &runs {
                        let (records, bytes) = (u64::from(run.records), run.metered_bytes);
                        route(run).meter.write_undone(&self.settings.rates, records, bytes);
                    }
                }
                return Err(error);
            }
        };
        // Adding to a counter waits for it, and for everything that was stored before: they come
        // from afar together, and are counted with nothing in between.
        runs.iter().for_each(|run| route(run).meter.fetch());
        for run in &runs {
            route(run).meter.written(u64::from(run.records), run.counted_bytes);
        }
        for ((run, places), first_index) in by_run(&runs, &places).zip(appended.first_indices) {
            let route = route(run);
            let shard = route.key.shard();
            let mut number = route.sequence_number(first_index, appended.arrival_ms).decimal();
            for place in places {
                let sequence_number = number;
                outcomes[*place as usize] = PutOutcome::Stored { shard, sequence_number };
                number = number.next_index();
            }
        }
        Ok(outcomes)
    }
}

/// The records of a request that go to one shard.
#[derive(Clone, Copy, Debug)]
struct ShardRun {
    /// Place of the shard in `Stream::routes`.
    route: u32,
    records: u32,
    /// What the shard's meter took for them.
    metered_bytes: u64,
    /// Data and partition keys.
    counted_bytes: u64,
}

/// Each run with the places of its records, which follow one another in `places`.
fn by_run<'a>(
    runs: &'a [ShardRun],
    mut places: &'a [u32],
) -> impl Iterator<Item = (&'a ShardRun, &'a [u32])> {
    runs.iter().map(move |run| {
        let (of_run, rest) = places.split_at(run.records as usize);
        places = rest;
        (run, of_run)
    })
}

fn check_entries<P: Payload>(stream: &Stream, entries: &[PutEntry<'_, P>]) -> Result<(), PutError> {
    let bytes_max = stream.max_record_kib as usize * 1024;
    let mut total = 0;
    for (position, entry) in entries.iter().enumerate() {
        if entry.partition_key.is_none() && stream.distribution != RecordDistribution::Auto {
            return Err(PartitionKeyMissing { position }.into());
        }
        // Only the data is measured against the limit. Whether the service counts the key, too, is not
        // known; a common aggregator closes its records at exactly the limit, keys beside them.
        if entry.data.data_len() > bytes_max {
            return Err(RecordTooLarge { position, bytes_max }.into());
        }
        total += entry.counted_bytes();
    }
    let bytes_max = limits::PUT_RECORDS_BYTES_MAX;
    if entries.len() > 1 && total > bytes_max {
        return Err(RecordsTooLarge { bytes_max }.into());
    }
    Ok(())
}
