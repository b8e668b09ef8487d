//! SubscribeToShard: records of a shard pushed to a fan-out consumer.
//!
//! A subscription is a reader that waits: for durable records of its shard, for a change of its
//! stream, for its successor, or for the time. It reads when it is asked for the next event, so
//! that a client that does not read costs one event, and whoever writes never waits for it.

use super::data::Data;
use super::iterator::{IteratorPosition, StartingPosition};
use super::open::OpenRun;
use super::seats::{Seat, SeatError, SeatKey};
use super::shard_read::{ShardRead, Wanted, children, is_at_end, millis_behind};
use crate::error::{
    AlreadySubscribed, ConsumerNotActive, ConsumerNotFound, ShardNotFound, StreamNotFound,
    SubscribeError, SubscribeRateExceeded, SubscriptionError,
};
use crate::live::named::NamedStream;
use crate::live::slot::ShardSlot;
use crate::live::stream::Stream;
use crate::lookup::find_consumer;
use crate::state::consumer::{ConsumerName, ConsumerStatus};
use crate::state::scope::ConsumerRef;
use crate::state::stream::StreamStatus;
use anabranch_env::ByteShare;
use anabranch_model::token_bucket::TokenBucket;
use anabranch_model::{SequenceNumber, Shard, limits};
use anabranch_storage::ShardTip;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

const LIFE: Duration = Duration::from_millis(limits::SUBSCRIPTION_LIFE_MS);
const SILENCE: Duration = Duration::from_millis(limits::SUBSCRIPTION_SILENCE_MS);

/// Events up to this are not counted.
const UNCOUNTED_BYTES: usize = 64 << 10;
/// When memory is short, events are no larger than can go uncounted.
const SMALL_EVENT_BYTES: usize = 32 << 10;
const SMALL_EVENT_RECORDS: usize = 64;

/// What to subscribe to.
#[derive(Clone, Debug)]
pub struct SubscribeRequest<'a> {
    /// The consumer's stream.
    pub stream: &'a NamedStream,
    pub consumer: &'a ConsumerName,
    /// The shard, as the client says it.
    pub shard: &'a str,
    /// Where to begin.
    pub position: &'a StartingPosition,
    /// ARN of the caller.
    pub principal: &'a str,
    /// About how many bytes so many records, which have so many bytes here, take on the wire.
    pub wire_bytes: fn(records: usize, bytes: usize) -> usize,
    /// Only check.
    pub dry_run: bool,
}

/// What a subscription sends.
#[derive(Debug)]
pub struct SubscriptionEvent {
    pub stream: Arc<Stream>,
    pub slot: Arc<ShardSlot>,
    /// The records; none if there were none for a while.
    pub runs: Vec<OpenRun>,
    /// Where to go on: no record has this number, so that AT_ and AFTER_SEQUENCE_NUMBER mean the
    /// same. `None`: the shard is closed and was read to its end.
    pub continuation: Option<SequenceNumber>,
    /// How far behind the tip this event is, in milliseconds.
    pub millis_behind_latest: u64,
    /// At the end of a closed shard, the shards that follow it.
    pub child_shards: Vec<Shard>,
    /// Whether others subscribe to the shard as well.
    pub is_shared: bool,
    /// Memory of the event; to be kept as long as its bytes.
    pub room: Option<ByteShare>,
}

/// A subscription of a consumer to a shard.
#[derive(Debug)]
pub struct Subscription {
    data: Arc<Data>,
    /// ARN of the caller, who must be allowed to use the keys of encrypted records.
    principal: Arc<str>,
    wire_bytes: fn(records: usize, bytes: usize) -> usize,
    consumer: ConsumerRef,
    stream: Arc<Stream>,
    slot: Arc<ShardSlot>,
    position: IteratorPosition,
    /// Wakes when the shard has new durable records.
    tip: ShardTip,
    /// Wakes when the stream changes: a split, a deletion, its consumers.
    changes: watch::Receiver<()>,
    seat: Seat,
    bytes: TokenBucket,
    /// Room for the next event, when it had to be waited for.
    room: Option<ByteShare>,
    ends_at: Instant,
    /// When to send an event even without records.
    silent_until: Instant,
    is_over: bool,
}

/// What a look at the shard came to. With the reads that have no records, how far they came.
enum Look {
    Event(SubscriptionEvent),
    /// Nothing here, but there is more to look at.
    MoreAhead(ShardRead),
    /// Nothing more for now.
    AtTip(ShardRead),
    /// There are records, and no room for them.
    NoRoom(ShardRead),
}

impl Data {
    /// Subscribes a consumer to a shard. `None`: it could have been done, but only that was asked.
    ///
    /// # Errors
    /// When consumer or shard are not there for it, the position is not one of the shard, or the
    /// consumer has called too recently.
    pub fn subscribe(
        self: &Arc<Self>,
        request: &SubscribeRequest<'_>,
    ) -> Result<Option<Subscription>, SubscribeError> {
        let named = request.consumer;
        let stream = request.stream.stream().map_err(|_| ConsumerNotFound::from(named))?.clone();
        if stream.status(self.ledger.now_ms()) == Some(StreamStatus::Deleting) {
            return Err(StreamNotFound(stream.reference.clone()).into());
        }
        let (consumer, status) = find_consumer(&stream, named, self.ledger.now_ms())?;
        let consumer = consumer.reference(&stream.reference);
        if status != ConsumerStatus::Active {
            return Err(ConsumerNotActive(consumer).into());
        }
        let slot = self.readable_shard(&stream, request.shard)?.clone();
        let position = self.resolve(&stream, &slot, request.position)?;
        let key = SeatKey {
            shard: slot.key,
            consumer: consumer.name.clone(),
            created_secs: consumer.created_secs,
        };
        let (rates, now_us) = (&self.settings.rates, self.clock.monotonic_us());
        let seat = self.seats.take(key, rates, now_us, request.dry_run);
        let seat = seat.map_err(|error| refused(error, &consumer, &slot))?;
        let Some(seat) = seat else { return Ok(None) };
        let now = Instant::now();
        Ok(Some(Subscription {
            data: self.clone(),
            principal: Arc::from(request.principal),
            wire_bytes: request.wire_bytes,
            consumer,
            position,
            tip: self.ledger.store().watch_tip(slot.key),
            changes: stream.changed.subscribe(),
            seat,
            bytes: TokenBucket::full(rates.consumer_bytes, now_us),
            room: None,
            ends_at: now + LIFE,
            silent_until: now + SILENCE,
            is_over: false,
            stream,
            slot,
        }))
    }
}

fn refused(error: SeatError, consumer: &ConsumerRef, slot: &ShardSlot) -> SubscribeError {
    let (consumer, shard) = (consumer.clone(), slot.shard.id);
    match error {
        SeatError::TooOften => SubscribeRateExceeded { consumer, shard }.into(),
        SeatError::Taken => AlreadySubscribed { consumer, shard }.into(),
    }
}

impl Subscription {
    /// The next event. `None`: the subscription is over. An error is the last there is.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Result<SubscriptionEvent, SubscriptionError>> {
        if self.is_over {
            return None;
        }
        let next = self.event().await.transpose();
        self.is_over = !matches!(&next, Some(Ok(SubscriptionEvent { continuation: Some(_), .. })));
        next
    }

    /// The last event, whatever there is to send by now: for a server that stops. The client knows
    /// by it where to go on. `None`: the subscription was over.
    pub async fn last(&mut self) -> Option<Result<SubscriptionEvent, SubscriptionError>> {
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        if let Err(error) = self.refresh() {
            return Some(Err(error));
        }
        Some(self.look().await.map(|look| match look {
            Look::Event(event) => event,
            Look::AtTip(read) | Look::MoreAhead(read) | Look::NoRoom(read) => {
                self.make_event(read, None)
            }
        }))
    }

    /// The consumer that it is for.
    #[must_use]
    pub fn consumer(&self) -> &ConsumerRef {
        &self.consumer
    }

    async fn event(&mut self) -> Result<Option<SubscriptionEvent>, SubscriptionError> {
        loop {
            // Before looking: what comes after the look wakes.
            self.tip.mark_seen();
            self.changes.mark_unchanged();
            self.refresh()?;
            if Instant::now() >= self.ends_at {
                return Ok(None);
            }
            let (mut at_tip, mut wants_room) = (false, false);
            let now_us = self.data.clock.monotonic_us();
            let wake_at = match self.debt_us(now_us) {
                0 => match self.look().await? {
                    Look::Event(event) => return Ok(Some(event)),
                    // Whatever it waits for: clients take a longer silence for a broken stream.
                    Look::AtTip(read) | Look::MoreAhead(read) | Look::NoRoom(read)
                        if Instant::now() >= self.silent_until =>
                    {
                        return Ok(Some(self.make_event(read, None)));
                    }
                    Look::MoreAhead(_) => continue,
                    Look::AtTip(_) => {
                        at_tip = true;
                        self.silent_until
                    }
                    Look::NoRoom(_) => {
                        wants_room = true;
                        self.silent_until
                    }
                },
                debt_us => Instant::now() + Duration::from_micros(debt_us),
            };
            let largest = self.largest_event_bytes();
            tokio::select! {
                // Who waits for room knows of records, and must not lose the place in the queue.
                () = self.tip.advanced(), if at_tip => {}
                _ = self.changes.changed() => {}
                _ = &mut self.seat => {}
                room = self.data.event_room.take(largest), if wants_room => self.room = Some(room),
                () = sleep_until(wake_at.min(self.ends_at)) => {}
            }
        }
    }

    /// Sees stream and shard as they are now.
    fn refresh(&mut self) -> Result<(), SubscriptionError> {
        if self.seat.try_recv() != Err(TryRecvError::Empty) {
            let (consumer, shard) = (self.consumer.clone(), self.slot.shard.id);
            return Err(AlreadySubscribed { consumer, shard }.into());
        }
        let now_ms = self.data.ledger.now_ms();
        let number = self.slot.key.stream();
        let stream = self.data.ledger.view().streams().of_number(number).cloned();
        let stream = stream
            .filter(|stream| !matches!(stream.status(now_ms), None | Some(StreamStatus::Deleting)));
        let reference = self.stream.reference.clone();
        let stream = stream.ok_or(StreamNotFound(reference))?;
        let named = ConsumerName {
            stream: self.consumer.stream.clone(),
            name: self.consumer.name.clone(),
            created_secs: Some(self.consumer.created_secs),
        };
        if find_consumer(&stream, &named, now_ms)?.1 != ConsumerStatus::Active {
            return Err(ConsumerNotFound::from(&named).into());
        }
        let id = self.slot.shard.id;
        let slot = stream
            .slot(id)
            .cloned()
            .ok_or_else(|| ShardNotFound { stream: stream.reference.clone(), shard: id })?;
        (self.stream, self.slot) = (stream, slot);
        Ok(())
    }

    /// Microseconds until bytes may be sent again.
    fn debt_us(&mut self, now_us: u64) -> u64 {
        match self.data.settings.rates.consumer_bytes {
            0 => 0,
            rate => self.bytes.solvent_in_us(rate, now_us),
        }
    }

    /// Reads what comes next, if there is room for it.
    async fn look(&mut self) -> Result<Look, SubscriptionError> {
        let largest = self.largest_event_bytes();
        let mut room = self.room.take().or_else(|| self.data.event_room.try_take(largest));
        let (records_max, bytes_max) = match &room {
            Some(_) => (limits::EVENT_RECORDS_MAX, limits::EVENT_BYTES_MAX),
            None => (SMALL_EVENT_RECORDS, SMALL_EVENT_BYTES),
        };
        let (stream, slot) = (&self.stream, &self.slot);
        let wanted = Wanted { principal: &self.principal, records_max, bytes_max };
        let reply = self.data.read_at(stream, slot, &self.position, wanted).await?;
        if reply.runs.is_empty() && !is_at_end(&reply, slot) {
            // The next look need not go over the same chapters again.
            self.position = self.position.advanced(reply.next_index);
            return Ok(if reply.at_tip { Look::AtTip(reply) } else { Look::MoreAhead(reply) });
        }
        let run_bytes = |run: &OpenRun| (self.wire_bytes)(run.count as usize, run.body.len());
        let bytes: usize = reply.runs.iter().map(run_bytes).sum();
        if bytes <= UNCOUNTED_BYTES {
            room = None;
        } else if let Some(room) = &mut room {
            room.shrink_to(bytes as u64);
        } else {
            let first = reply.runs.first();
            let (next_index, reached_ms) = first
                .map_or((self.position.from_index, 0), |run| (run.first_index, run.arrival_ms));
            return Ok(Look::NoRoom(ShardRead { next_index, reached_ms, ..ShardRead::default() }));
        }
        Ok(Look::Event(self.make_event(reply, room)))
    }

    /// Bytes of the largest event on the wire.
    fn largest_event_bytes(&self) -> u64 {
        let record_bytes = self.stream.max_record_kib as usize * 1024;
        let bytes = record_bytes.max(limits::EVENT_BYTES_MAX);
        (self.wire_bytes)(limits::EVENT_RECORDS_MAX, bytes) as u64
    }

    /// Turns what was read into an event and goes on behind it.
    fn make_event(&mut self, reply: ShardRead, room: Option<ByteShare>) -> SubscriptionEvent {
        let read = reply.count();
        self.slot.meter.delivered(read);
        if self.data.settings.rates.consumer_bytes != 0 {
            self.bytes.take_into_debt(read.bytes);
        }
        let millis_behind_latest = millis_behind(&reply, &self.position, self.data.ledger.now_ms());
        self.position = self.position.advanced(reply.next_index);
        self.silent_until = Instant::now() + SILENCE;
        let shard = &self.slot.shard;
        let at_end = is_at_end(&reply, &self.slot);
        SubscriptionEvent {
            runs: reply.runs,
            continuation: (!at_end).then(|| continuation(shard, &self.position)),
            millis_behind_latest,
            child_shards: if at_end { children(&self.stream, shard.id) } else { Vec::new() },
            is_shared: self.tip.is_shared(),
            room,
            stream: self.stream.clone(),
            slot: self.slot.clone(),
        }
    }
}

/// The number before every record that is still to come and after every one that was sent: the
/// next index, at a time before all records.
fn continuation(shard: &Shard, position: &IteratorPosition) -> SequenceNumber {
    let time_secs = position.first_from_secs.saturating_sub(1);
    shard.sequence_number(position.from_index, time_secs * 1000)
}
