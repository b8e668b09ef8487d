//! Subscriptions through the public API, on a fake disk and a clock that the test moves.
//!
//! Timers of subscriptions go by the runtime's clock. Where a test waits for one it pauses that
//! clock, which then jumps to the next timer whenever nothing else is to be done; nothing is put
//! meanwhile, for the runtime does not see the writer thread at work.

use crate::world::{ALICE, START_MS, STREAM, Setup, World, contents, named, stream_ref};
use anabranch_engine::error::{
    ListError, PositionError, SubscribeError, SubscriptionError, TokenError,
};
use anabranch_engine::{
    ConsumerName, ConsumerPageRequest, EngineSettings, ShardRates, StartingPosition,
    SubscribeRequest, Subscription, SubscriptionEvent,
};
use anabranch_model::SequenceNumber;
use anabranch_model::retention::HOUR_MS;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, pause, resume, timeout};

impl World {
    /// A stream of two shards with a consumer.
    async fn subscribed(rates: ShardRates) -> Self {
        let settings = EngineSettings { rates, limit_streams: false, ..Setup::default().settings };
        let world = Self::with_stream(2, settings).await;
        world.register("c").await;
        world
    }

    async fn register(&self, name: &str) {
        let registered =
            self.engine.control.register_consumer(&stream_ref(), name, BTreeMap::new()).await;
        registered.expect("registered");
    }

    /// Puts a record into the shard.
    async fn put_to(&self, shard: u32, data: &[u8]) {
        self.put_at(if shard == 0 { 0 } else { u128::MAX }, data).await;
    }

    fn try_subscribe(
        &self,
        consumer: &ConsumerName,
        position: &StartingPosition,
    ) -> Result<Subscription, SubscribeError> {
        let stream = &named(&self.engine, STREAM);
        let request = SubscribeRequest {
            stream,
            consumer,
            shard: "0",
            position,
            principal: ALICE,
            wire_bytes,
            dry_run: false,
        };
        Ok(self.engine.data.subscribe(&request)?.expect("not a dry run"))
    }

    fn subscribe(&self, position: &StartingPosition) -> Subscription {
        self.try_subscribe(&consumer("c"), position).expect("subscribed")
    }
}

/// As in JSON.
fn wire_bytes(records: usize, bytes: usize) -> usize {
    bytes * 4 / 3 + records * 192
}

fn consumer(name: &str) -> ConsumerName {
    ConsumerName { stream: stream_ref(), name: Arc::from(name), created_secs: None }
}

/// The next event, which comes without a timer.
async fn next(subscription: &mut Subscription) -> SubscriptionEvent {
    let next = timeout(Duration::from_secs(60), subscription.next());
    next.await.expect("in time").expect("not over").expect("an event")
}

/// Records of the next events, as many as are wanted.
async fn take(subscription: &mut Subscription, count: usize) -> Vec<Vec<u8>> {
    let mut data = Vec::new();
    while data.len() < count {
        data.extend(contents(&next(subscription).await.runs));
    }
    data
}

async fn end(subscription: &mut Subscription) -> Option<SubscriptionError> {
    let next = timeout(Duration::from_secs(60), subscription.next()).await.expect("in time");
    next.map(|end| end.expect_err("an end"))
}

fn number(event: &SubscriptionEvent) -> SequenceNumber {
    event.continuation.expect("an open shard")
}

#[tokio::test]
async fn what_is_put_is_pushed_to_those_who_wait() {
    let world = World::subscribed(ShardRates::OFF).await;
    world.put_to(0, b"before").await;
    let mut subscription = world.subscribe(&StartingPosition::Latest);
    let mut all = world
        .try_subscribe(&consumer("c"), &StartingPosition::TrimHorizon)
        .expect("without limits it is taken over");
    assert!(matches!(end(&mut subscription).await, Some(SubscriptionError::AlreadySubscribed(_))));
    assert!(subscription.next().await.is_none());
    assert_eq!(contents(&next(&mut all).await.runs), [b"before"]);
    for round in 0..100u8 {
        let waiting = async { contents(&next(&mut all).await.runs) };
        let putting = async {
            world.put_to(1, b"of another shard").await;
            world.put_to(0, &[round]).await;
        };
        let (pushed, ()) = tokio::join!(waiting, putting);
        assert_eq!(pushed, [[round]]);
    }
}

#[tokio::test]
async fn silence_is_broken_every_five_seconds_and_ends_after_five_minutes() {
    let world = World::subscribed(ShardRates::OFF).await;
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    pause();
    let started = Instant::now();
    let mut last = None;
    for seconds in (5..300).step_by(5) {
        let event = next(&mut subscription).await;
        assert!(event.runs.is_empty() && event.millis_behind_latest == 0);
        assert_eq!(started.elapsed().as_secs(), seconds);
        assert!(last <= Some(number(&event).to_string()));
        last = Some(number(&event).to_string());
        if seconds % 50 == 0 {
            resume();
            world.put_to(1, b"x").await;
            pause();
        }
    }
    assert!(end(&mut subscription).await.is_none());
    assert_eq!(started.elapsed().as_secs(), 300);
    assert!(end(&mut subscription).await.is_none());
}

#[tokio::test]
async fn a_stream_of_records_ends_after_five_minutes_too() {
    let world = World::subscribed(ShardRates::OFF).await;
    for _ in 0..3 {
        world.put_to(0, &[7; 600 << 10]).await;
    }
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    next(&mut subscription).await;
    pause();
    tokio::time::advance(Duration::from_secs(300)).await;
    assert!(end(&mut subscription).await.is_none());
}

#[tokio::test]
async fn continuations_lose_nothing_and_repeat_nothing() {
    let world = World::subscribed(ShardRates::OFF).await;
    let at = |n: &SequenceNumber| StartingPosition::AtSequenceNumber(n.to_string());
    let after = |n: &SequenceNumber| StartingPosition::AfterSequenceNumber(n.to_string());
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    pause();
    let mut numbers = vec![(0, number(&next(&mut subscription).await))];
    resume();
    for round in 0..20u8 {
        world.put_to(1, b"of another shard").await;
        world.put_to(0, &[round]).await;
        let event = next(&mut subscription).await;
        assert_eq!(contents(&event.runs), [[round]]);
        numbers.push((usize::from(round) + 1, number(&event)));
        if round % 5 == 0 {
            pause();
            numbers.push((usize::from(round) + 1, number(&next(&mut subscription).await)));
            resume();
        }
    }
    let texts: Vec<String> = numbers.iter().map(|(_, number)| number.to_string()).collect();
    assert!(texts.is_sorted());
    for (seen, number) in &numbers {
        assert_eq!(SequenceNumber::parse(&number.to_string()), Some(*number));
        for position in [at(number), after(number)] {
            let expected: Vec<Vec<u8>> = (*seen as u8..20).map(|round| vec![round]).collect();
            let mut resumed = world.subscribe(&position);
            assert_eq!(take(&mut resumed, expected.len()).await, expected, "{position:?}");
            pause();
            assert!(next(&mut resumed).await.runs.is_empty());
            resume();
        }
    }
}

#[tokio::test]
async fn every_starting_position_is_that_of_iterators() {
    let world = World::subscribed(ShardRates::OFF).await;
    for round in 0..3u8 {
        world.put_to(0, &[round]).await;
        world.clock.advance_ms(1000);
    }
    let mut read = world.subscribe(&StartingPosition::AtTimestamp(START_MS + 1000));
    assert_eq!(take(&mut read, 2).await, [[1], [2]]);
    let event = next(&mut world.subscribe(&StartingPosition::TrimHorizon)).await;
    let first = event.slot.shard.sequence_number(event.runs[0].first_index, START_MS).to_string();
    let mut at = world.subscribe(&StartingPosition::AtSequenceNumber(first.clone()));
    assert_eq!(take(&mut at, 3).await.len(), 3);
    let mut after = world.subscribe(&StartingPosition::AfterSequenceNumber(first));
    assert_eq!(take(&mut after, 2).await, [[1], [2]]);
    let refused = |position| world.try_subscribe(&consumer("c"), &position).expect_err("refused");
    let future = refused(StartingPosition::AtTimestamp(START_MS + 60_000));
    assert!(matches!(future, SubscribeError::Position(PositionError::TimestampInFuture(_))));
    let bad = refused(StartingPosition::AtSequenceNumber("9".repeat(60)));
    assert!(matches!(bad, SubscribeError::Position(PositionError::NumberInvalid(_))));
}

#[tokio::test]
async fn a_reader_that_is_behind_reads_segments_and_catches_up() {
    let world = World::subscribed(ShardRates::OFF).await;
    let mut expected = Vec::new();
    for round in 0..300u32 {
        let data = [&round.to_le_bytes()[..], &[7; 400]].concat();
        world.put_to(0, &data).await;
        expected.push(data);
    }
    world.clock.advance_ms(60_000);
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    assert_eq!(take(&mut subscription, 300).await, expected);
    world.put_to(0, b"new").await;
    assert_eq!(take(&mut subscription, 1).await, [b"new"]);
}

#[tokio::test]
async fn large_events_hold_memory_and_say_how_far_behind_they_are() {
    let world = World::subscribed(ShardRates::OFF).await;
    for _ in 0..4 {
        world.put_to(0, &[7; 400 << 10]).await;
        world.clock.advance_ms(1000);
    }
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    let event = next(&mut subscription).await;
    assert_eq!((contents(&event.runs).len(), event.millis_behind_latest), (2, 3000));
    let room = event.room.as_ref().expect("counted").bytes() >> 10;
    assert!((1066..1100).contains(&room), "{room} KiB");
    let event = next(&mut subscription).await;
    assert_eq!((contents(&event.runs).len(), event.millis_behind_latest), (2, 0));
}

#[tokio::test]
async fn stalled_readers_use_up_the_memory_and_others_still_get_events() {
    let world = World::subscribed(ShardRates::OFF).await;
    for round in 0..40u8 {
        world.put_to(0, &[round; 25 << 10]).await;
    }
    let mut stalled = Vec::new();
    for index in 0..300 {
        world.register(&format!("c{index}")).await;
        let consumer = consumer(&format!("c{index}"));
        let position = StartingPosition::TrimHorizon;
        let mut subscription = world.try_subscribe(&consumer, &position).expect("subscribed");
        let event = next(&mut subscription).await;
        if event.room.is_none() {
            assert_eq!(contents(&event.runs).len(), 1, "a small event");
            assert!(stalled.len() > 150, "{}", stalled.len());
            assert_eq!(take(&mut subscription, 39).await.len(), 39);
            return;
        }
        stalled.push((subscription, event));
    }
    panic!("memory without end");
}

#[tokio::test]
async fn a_large_record_waits_for_memory() {
    let world = World::subscribed(ShardRates::OFF).await;
    world.put_to(0, &[7; 700 << 10]).await;
    let mut stalled = Vec::new();
    for index in 0..300 {
        world.register(&format!("c{index}")).await;
        let consumer = consumer(&format!("c{index}"));
        let position = StartingPosition::TrimHorizon;
        let mut subscription = world.try_subscribe(&consumer, &position).expect("subscribed");
        let waiting = timeout(Duration::from_millis(1), subscription.next());
        if let Ok(event) = waiting.await {
            stalled.push(event);
            continue;
        }
        // Some waits are for the machine and not for memory.
        let (event, ()) = tokio::join!(next(&mut subscription), async { stalled.clear() });
        assert_eq!(contents(&event.runs).len(), 1);
    }
}

#[tokio::test]
async fn who_waits_for_memory_hears_of_it_and_loses_nothing() {
    let world = World::subscribed(ShardRates::OFF).await;
    world.put_to(0, &[7; 700 << 10]).await;
    world.clock.advance_ms(3000);
    let consumers: Vec<_> = (0..400).map(|index| consumer(&format!("c{index}"))).collect();
    for consumer in &consumers {
        world.register(&consumer.name).await;
    }
    pause();
    let mut stalled = Vec::new();
    for consumer in &consumers {
        let position = StartingPosition::TrimHorizon;
        let mut subscription = world.try_subscribe(consumer, &position).expect("subscribed");
        let started = Instant::now();
        let event = next(&mut subscription).await;
        if event.room.is_some() {
            stalled.push((subscription, event));
            continue;
        }
        assert_eq!((contents(&event.runs).len(), started.elapsed().as_secs()), (0, 5));
        assert_eq!(event.millis_behind_latest, 3000);
        stalled.clear();
        assert_eq!(take(&mut subscription, 1).await.len(), 1);
        let number = number(&event).to_string();
        for position in [
            StartingPosition::AtSequenceNumber(number.clone()),
            StartingPosition::AfterSequenceNumber(number),
        ] {
            assert_eq!(take(&mut world.subscribe(&position), 1).await.len(), 1);
        }
        return;
    }
    panic!("memory without end");
}

#[tokio::test]
async fn two_mebibytes_a_second_and_no_more() {
    let rates = ShardRates { consumer_bytes: 2 << 20, ..ShardRates::OFF };
    let world = World::subscribed(rates).await;
    for _ in 0..5 {
        world.put_to(0, &[7; (1 << 20) - 1]).await;
    }
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    for _ in 0..2 {
        next(&mut subscription).await;
    }
    pause();
    assert!(timeout(Duration::from_millis(1), subscription.next()).await.is_err());
    world.clock.advance_ms(500);
    let started = Instant::now();
    next(&mut subscription).await;
    assert!(started.elapsed() < Duration::from_millis(10));
    assert!(timeout(Duration::from_millis(400), subscription.next()).await.is_err());
}

#[tokio::test]
async fn a_subscription_ends_when_its_consumer_or_its_stream_goes() {
    let world = World::subscribed(ShardRates::OFF).await;
    world.register("d").await;
    let mut first = world.subscribe(&StartingPosition::Latest);
    let other = consumer("d");
    let mut second = world.try_subscribe(&other, &StartingPosition::Latest).expect("subscribed");
    let going = world.engine.control.deregister_consumer(consumer("c"));
    let (ended, gone) = tokio::join!(end(&mut first), going);
    gone.expect("deregistered");
    assert!(matches!(ended, Some(SubscriptionError::ConsumerNotFound(_))), "{ended:?}");
    let going = world.engine.control.delete_stream(&world.scope, STREAM, true);
    let (ended, gone) = tokio::join!(end(&mut second), going);
    gone.expect("deleted");
    assert!(matches!(ended, Some(SubscriptionError::StreamNotFound(_))), "{ended:?}");
    assert!(second.next().await.is_none());
}

#[tokio::test]
async fn a_consumer_registered_again_is_another_one() {
    let world = World::subscribed(ShardRates::OFF).await;
    let mut old = world.subscribe(&StartingPosition::Latest);
    world.engine.control.deregister_consumer(consumer("c")).await.expect("deregistered");
    world.register("c").await;
    assert!(matches!(end(&mut old).await, Some(SubscriptionError::ConsumerNotFound(_))));
    world.subscribe(&StartingPosition::Latest);
}

#[tokio::test]
async fn calls_are_limited_and_a_subscription_is_taken_over_after_five_seconds() {
    let world = World::subscribed(ShardRates::AWS).await;
    let call = || world.try_subscribe(&consumer("c"), &StartingPosition::Latest);
    let mut first = call().expect("subscribed");
    assert!(matches!(call(), Err(SubscribeError::RateExceeded(_))));
    world.clock.advance_ms(1_000);
    assert!(matches!(call(), Err(SubscribeError::AlreadySubscribed(_))));
    world.clock.advance_ms(4_000);
    let mut second = call().expect("taken over");
    assert!(matches!(end(&mut first).await, Some(SubscriptionError::AlreadySubscribed(_))));
    world.put_to(0, b"x").await;
    assert_eq!(take(&mut second, 1).await, [b"x"]);
    let request = SubscribeRequest {
        stream: &named(&world.engine, STREAM),
        principal: ALICE,
        wire_bytes,
        consumer: &consumer("c"),
        shard: "1",
        position: &StartingPosition::Latest,
        dry_run: true,
    };
    assert!(world.engine.data.subscribe(&request).expect("allowed").is_none());
    assert!(matches!(world.engine.data.subscribe(&request), Err(SubscribeError::RateExceeded(_))));
}

#[tokio::test]
async fn records_that_expire_while_a_reader_is_behind_are_passed_over() {
    let world = World::subscribed(ShardRates::OFF).await;
    for _ in 0..3 {
        world.put_to(0, &[7; 600 << 10]).await;
    }
    let mut subscription = world.subscribe(&StartingPosition::TrimHorizon);
    assert_eq!(contents(&next(&mut subscription).await.runs).len(), 1);
    world.clock.advance_ms(25 * HOUR_MS);
    world.put_to(0, b"new").await;
    assert_eq!(take(&mut subscription, 1).await, [b"new"]);
}

#[tokio::test]
async fn at_the_end_of_a_closed_shard_its_children_are_told_and_it_is_over() {
    let world = World::subscribed(ShardRates::OFF).await;
    world.register("d").await;
    world.put_to(0, b"last").await;
    let mut waiting = world.subscribe(&StartingPosition::TrimHorizon);
    assert_eq!(contents(&next(&mut waiting).await.runs), [b"last"]);
    let split = world.split("0", 1000);
    let (event, split) = tokio::join!(next(&mut waiting), split);
    split.expect("split");
    let children = |event: &SubscriptionEvent| {
        assert!(event.continuation.is_none() && event.millis_behind_latest == 0);
        event.child_shards.iter().map(|shard| shard.id.0).collect::<Vec<_>>()
    };
    assert_eq!((contents(&event.runs).len(), children(&event)), (0, vec![2, 3]));
    assert!(end(&mut waiting).await.is_none());

    let other = consumer("d");
    let mut late = world.try_subscribe(&other, &StartingPosition::TrimHorizon).expect("subscribed");
    let event = next(&mut late).await;
    assert_eq!((contents(&event.runs), children(&event)), (vec![b"last".to_vec()], vec![2, 3]));
    assert!(end(&mut late).await.is_none());

    let merge = world.engine.control.merge_shards(&world.scope, STREAM, "2", "3");
    merge.await.expect("merged");
    let request = SubscribeRequest {
        stream: &named(&world.engine, STREAM),
        principal: ALICE,
        wire_bytes,
        consumer: &other,
        shard: "3",
        position: &StartingPosition::Latest,
        dry_run: false,
    };
    let mut empty = world.engine.data.subscribe(&request).expect("subscribed").expect("not dry");
    let event = next(&mut empty).await;
    assert_eq!((contents(&event.runs).len(), children(&event)), (0, vec![4]));
    assert_eq!(event.child_shards[0].adjacent_parent.map(|id| id.0), Some(3));
    assert!(end(&mut empty).await.is_none());
}

#[tokio::test]
async fn pages_of_consumers_go_on_for_five_minutes() {
    let world = World::subscribed(ShardRates::OFF).await;
    for name in ["a", "b"] {
        world.register(name).await;
    }
    let page = |token: Option<&str>| {
        let stream = &named(&world.engine, STREAM);
        let request = ConsumerPageRequest { stream, created_secs: None, token, limit: Some(2) };
        let page = world.engine.control.list_consumers(&request)?;
        let names = page.consumers.iter().map(|(consumer, _)| consumer.name.to_string());
        Ok::<_, ListError>((names.collect::<Vec<_>>(), page.next_token))
    };
    let (names, token) = page(None).expect("a page");
    assert_eq!(names, ["a", "b"]);
    world.clock.advance_ms(300_000);
    assert_eq!(page(token.as_deref()).expect("a page"), (vec!["c".to_owned()], None));
    world.clock.advance_ms(1);
    assert!(matches!(page(token.as_deref()), Err(ListError::Token(TokenError::Expired(_)))));
}
