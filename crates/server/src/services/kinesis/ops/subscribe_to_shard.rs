//! SubscribeToShard.

use super::get_records::{RecordShape, encode_run, wire_bytes, wire_bytes_of};
use super::get_shard_iterator::starting_position;
use super::shapes::{ChildShard, ShardIteratorType, long};
use super::{Context, Operation, after_existence, dry_run_succeeded};
use crate::answer::Events;
use crate::audit::CallKind;
use crate::call_rates::CallRate;
use crate::event_reply::{EventSource, Sourced};
use crate::permit::Permit;
use crate::services::kinesis::admission::{self, consumer_resource};
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::event_cache::{EventCache, EventKey};
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::SubscriptionError;
use anabranch_engine::{
    ConsumerName, Engine, SubscribeRequest, Subscription, SubscriptionEvent, find_consumer,
};
use anabranch_protocol::shape::{Kind, Shape, rules::*};
use anabranch_protocol::{Encode, Timestamp, WireError, Writer, input, output};
use bytes::Bytes;
use std::sync::Arc;

pub(crate) struct SubscribeToShard;

input! {
    /// What is asked.
    pub(crate) struct SubscribeToShardInput {
        consumer_arn: String = "ConsumerARN" [CONSUMER_ARN],
        shard_id: String = "ShardId" [SHARD_ID],
        starting_position: StartingPositionInput = "StartingPosition" [ANY],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        dry_run: Option<bool> = "DryRun" [ANY],
    }

    /// Where to start.
    pub(crate) struct StartingPositionInput {
        position_type: ShardIteratorType = "Type" [ANY],
        sequence_number: Option<String> = "SequenceNumber" [SEQUENCE_NUMBER],
        timestamp: Option<Timestamp> = "Timestamp" [ANY],
    }
}

output! {
    /// The shape of the answer, for the schema.
    pub(crate) struct SubscribeToShardOutputShape {
        event_stream: EventStreamShape = "EventStream",
    }

    /// The shape of what is in the stream: one of these at a time.
    pub(crate) struct EventStreamShape {
        event: EventShape = "SubscribeToShardEvent",
        not_found: Option<ExceptionShape> = "ResourceNotFoundException",
        in_use: Option<ExceptionShape> = "ResourceInUseException",
        kms_disabled: Option<ExceptionShape> = "KMSDisabledException",
        kms_invalid_state: Option<ExceptionShape> = "KMSInvalidStateException",
        kms_access_denied: Option<ExceptionShape> = "KMSAccessDeniedException",
        kms_not_found: Option<ExceptionShape> = "KMSNotFoundException",
        kms_opt_in_required: Option<ExceptionShape> = "KMSOptInRequired",
        kms_throttling: Option<ExceptionShape> = "KMSThrottlingException",
        internal_failure: Option<ExceptionShape> = "InternalFailureException",
    }

    /// The shape of an event. At the end of a shard ContinuationSequenceNumber is absent, although
    /// the service model says that it is always there.
    pub(crate) struct EventShape {
        records: Vec<RecordShape> = "Records",
        continuation_sequence_number: String = "ContinuationSequenceNumber",
        millis_behind_latest: i64 = "MillisBehindLatest",
        child_shards: Option<Vec<ChildShard>> = "ChildShards",
    }

    /// The shape of an error in the stream.
    pub(crate) struct ExceptionShape {
        message: Option<String> = "message",
    }
}

/// The events of a subscription.
pub(crate) struct SubscriptionEvents {
    subscription: Subscription,
    /// Events that others got.
    events: Arc<EventCache>,
    /// That the caller may subscribe.
    permit: Permit,
    cell: Arc<Engine>,
}

impl SubscriptionEvents {
    /// Whether the caller may have the event: its key is there, and no policy has been changed so
    /// that it may not.
    fn may_have(&self, event: &SubscriptionEvent) -> bool {
        let reference = self.subscription.consumer();
        let name = ConsumerName::from(reference.clone());
        let now_ms = self.cell.now_ms();
        let consumer = find_consumer(&event.stream, &name, now_ms).ok().map(|(found, _)| found);
        self.permit.holds(&consumer_resource(reference, consumer))
    }

    /// What is sent. A caller that may no longer subscribe gets the end of the stream: when it
    /// subscribes again, it is told why.
    fn sourced(
        &self,
        next: Option<Result<SubscriptionEvent, SubscriptionError>>,
    ) -> Option<Result<Sourced<Event>, WireError>> {
        let next = next?.map_err(to_wire);
        if next.as_ref().is_ok_and(|event| !self.may_have(event)) {
            return None;
        }
        Some(next.map(|mut event| Sourced { room: event.room.take(), event: Event(event) }))
    }
}

impl Shape for SubscriptionEvents {
    const KIND: Kind = SubscribeToShardOutputShape::KIND;
}

impl EventSource for SubscriptionEvents {
    const EVENT_TYPE: &'static str = "SubscribeToShardEvent";
    type Event = Event;

    async fn next(&mut self) -> Option<Result<Sourced<Event>, WireError>> {
        let next = self.subscription.next().await;
        self.sourced(next)
    }

    async fn last(&mut self) -> Option<Result<Sourced<Event>, WireError>> {
        let last = self.subscription.last().await;
        self.sourced(last)
    }

    fn bytes(&self, event: &Event, encode: impl FnOnce() -> Vec<u8>) -> Bytes {
        match event_key(&event.0) {
            Some(key) => self.events.bytes(key, encode),
            None => encode().into(),
        }
    }
}

/// What the event is known by, if others may get it too: it has records, and the shard goes on.
fn event_key(event: &SubscriptionEvent) -> Option<EventKey> {
    let (first, last) = event.runs.first().zip(event.runs.last())?;
    Some(EventKey {
        shard: event.slot.key,
        first_index: first.first_index,
        end_index: last.first_index + u64::from(last.count),
        records: event.runs.iter().map(|run| u64::from(run.count)).sum(),
        continuation: event.continuation.filter(|_| event.is_shared)?,
        millis_behind_latest: event.millis_behind_latest,
    })
}

/// An event. Written straight from the runs.
pub(crate) struct Event(SubscriptionEvent);

impl Encode for Event {
    fn encode<W: Writer>(&self, writer: &mut W) {
        let event = &self.0;
        writer.reserve(512 + wire_bytes_of(&event.runs));
        writer.begin_map();
        writer.key("Records");
        writer.begin_list();
        for run in &event.runs {
            encode_run(&event.slot.shard, run, writer);
        }
        writer.end_list();
        if let Some(number) = event.continuation {
            writer.key("ContinuationSequenceNumber");
            writer.raw_ascii_string(&number.decimal().digits());
        }
        writer.key("MillisBehindLatest");
        writer.integer(long(event.millis_behind_latest));
        if !event.child_shards.is_empty() {
            writer.key("ChildShards");
            let children: Vec<ChildShard> =
                event.child_shards.iter().map(ChildShard::from).collect();
            children.encode(writer);
        }
        writer.end_map();
    }
}

impl Operation for SubscribeToShard {
    type Service = Kinesis;
    const NAME: &'static str = "SubscribeToShard";
    const RATE: CallRate = CallRate::Unlimited;
    const KIND: CallKind = CallKind::Data;
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::DryRunOperation,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = SubscribeToShardInput;
    type Output = Events<SubscriptionEvents>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Self::Output, WireError> {
        let consumer = admission::of_consumer_arn::<Self>(context, &input.consumer_arn)?;
        admission::shard_id(&consumer.stream.reference, &input.shard_id)?;
        let StartingPositionInput { position_type, sequence_number, timestamp } =
            input.starting_position;
        let position = starting_position(position_type, sequence_number, timestamp);
        let position = after_existence(position, || {
            consumer.consumer().map_err(to_wire)?;
            let data = &consumer.cell.data;
            data.require_shard(&consumer.stream, &input.shard_id).map_err(to_wire)
        })?;
        let request = SubscribeRequest {
            stream: &consumer.stream,
            consumer: &consumer.name,
            shard: &input.shard_id,
            position: &position,
            principal: &context.caller.principal_arn,
            wire_bytes,
            dry_run: input.dry_run == Some(true),
        };
        match consumer.cell.data.subscribe(&request).map_err(to_wire)? {
            Some(subscription) => {
                let events = context.service.events.clone();
                let (permit, cell) = (context.permit(Self::NAME), consumer.cell.clone());
                Ok(Events(SubscriptionEvents { subscription, events, permit, cell }))
            }
            None => Err(dry_run_succeeded()),
        }
    }
}
