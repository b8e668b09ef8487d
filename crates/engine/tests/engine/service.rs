//! The service through its public API, on a fake disk and a clock that the test moves.

use crate::world::{
    ALICE, START_MS, STREAM, Setup, World, contents, entry, get_request, named, try_put,
};
use anabranch_engine::error::{
    CreateStreamError, GetRecordsError, IteratorError, PositionError, PutError, ShardIteratorError,
    TokenError,
};
use anabranch_engine::{
    AppendError, Boundless, EngineSettings, NewStream, OneCell, PutOutcome, Scope,
    ShardPageRequest, ShardRates, StartingPosition, StreamPageRequest, StreamStatus,
};
use anabranch_model::limits::STREAMS_CREATING_MAX;
use anabranch_model::retention::HOUR_MS;
use anabranch_model::shard_filter::ShardFilter;
use std::sync::Arc;

fn sequence_number(outcome: &PutOutcome) -> String {
    match outcome {
        PutOutcome::Stored { sequence_number, .. } => sequence_number.to_string(),
        PutOutcome::Throttled { .. } => panic!("throttled"),
    }
}

#[tokio::test]
async fn what_was_put_is_read_in_order_also_after_a_restart_and_from_segments() {
    let mut world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    let mut expected = Vec::new();
    for round in 0..200u32 {
        let data = [round.to_le_bytes().to_vec(), vec![7; 300]].concat();
        world.put("s", &[("k", &data), ("k", b"second")]).await;
        expected.extend([data, b"second".to_vec()]);
        if round % 70 == 69 {
            world.restart().await;
        }
    }
    let read = world.read("s", 0, StartingPosition::TrimHorizon).await;
    assert!(read == expected, "{} records of {}", read.len(), expected.len());
    while world.segments("").len() < 3 {
        world.engine.store().nudge_maintenance();
        tokio::task::yield_now().await;
    }
    let read = world.read("s", 0, StartingPosition::TrimHorizon).await;
    assert!(read == expected, "{} records of {}", read.len(), expected.len());
}

#[tokio::test]
async fn sequence_numbers_rise_and_position_iterators() {
    let world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    let first = world.put("s", &[("a", b"1"), ("b", b"2"), ("c", b"3")]).await;
    let numbers: Vec<String> = first.iter().map(sequence_number).collect();
    assert!(numbers.is_sorted() && numbers[0] != numbers[1]);
    let at = StartingPosition::AtSequenceNumber(numbers[1].clone());
    assert_eq!(world.read("s", 0, at).await, [b"2", b"3"]);
    let after = StartingPosition::AfterSequenceNumber(numbers[1].clone());
    assert_eq!(world.read("s", 0, after).await, [b"3"]);
    let latest = world.iterator("s", 0, StartingPosition::Latest).expect("an iterator");
    world.put("s", &[("d", b"4")]).await;
    let reply = world.get(&latest, 10).await.expect("records");
    assert_eq!(contents(&reply.runs), [b"4"]);
}

#[tokio::test]
async fn timestamps_find_the_first_record_at_or_after_them() {
    let world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    for data in [b"0", b"1", b"2"] {
        world.put("s", &[("k", data)]).await;
        world.clock.advance_ms(1000);
    }
    let read = |ms| world.read("s", 0, StartingPosition::AtTimestamp(ms));
    assert_eq!(read(START_MS + 1000).await, [b"1", b"2"]);
    assert_eq!(read(START_MS + 1001).await, [b"2"]);
    assert_eq!(read(0).await.len(), 3);
    let future = world.iterator("s", 0, StartingPosition::AtTimestamp(START_MS + 99_000));
    assert!(matches!(
        future,
        Err(ShardIteratorError::Position(PositionError::TimestampInFuture(_)))
    ));
}

#[tokio::test]
async fn a_reader_that_is_behind_is_told_by_how_much() {
    let world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    world.put("s", &[("k", b"1")]).await;
    world.clock.advance_ms(60_000);
    world.put("s", &[("k", b"2")]).await;
    let iterator = world.iterator("s", 0, StartingPosition::TrimHorizon).expect("an iterator");
    let reply = world.get(&iterator, 1).await.expect("a record");
    assert_eq!(reply.millis_behind_latest, 60_000);
    let next = reply.next_iterator.expect("an open shard");
    let reply = world.get(&next, 10).await.expect("a record");
    assert_eq!((contents(&reply.runs).len(), reply.millis_behind_latest), (1, 0));
}

#[tokio::test]
async fn expired_records_are_hidden_and_their_segments_deleted() {
    let world = World::unlimited().await;
    world.create("short", 1).await.expect("created");
    world.create("long", 1).await.expect("created");
    world.engine.control.increase_retention(&world.scope, "long", 48).await.expect("increased");
    for _ in 0..100 {
        world.put("short", &[("k", &[1; 400])]).await;
        world.put("long", &[("k", &[2; 400])]).await;
    }
    while world.segments("-d-").len() < 2 {
        world.engine.store().nudge_maintenance();
        tokio::task::yield_now().await;
    }
    world.clock.advance_ms(25 * HOUR_MS);
    assert!(world.read("short", 0, StartingPosition::TrimHorizon).await.is_empty());
    assert_eq!(world.read("long", 0, StartingPosition::TrimHorizon).await.len(), 100);
    while !world.segments("-d-").is_empty() {
        world.engine.store().nudge_maintenance();
        tokio::task::yield_now().await;
    }
    assert!(!world.segments("-w-").is_empty(), "the week class stays");
    assert_eq!(world.read("long", 0, StartingPosition::TrimHorizon).await.len(), 100);
}

#[tokio::test]
async fn a_longer_retention_does_not_bring_back_and_a_shorter_one_hides_at_once() {
    let mut world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    world.put("s", &[("k", b"old")]).await;
    world.clock.advance_ms(25 * HOUR_MS);
    world.put("s", &[("k", b"new")]).await;
    world.engine.control.increase_retention(&world.scope, "s", 72).await.expect("increased");
    assert_eq!(world.read("s", 0, StartingPosition::TrimHorizon).await, [b"new"]);
    world.restart().await;
    assert_eq!(world.read("s", 0, StartingPosition::TrimHorizon).await, [b"new"]);
    world.clock.advance_ms(30 * HOUR_MS);
    assert_eq!(world.read("s", 0, StartingPosition::TrimHorizon).await, [b"new"]);
    world.engine.control.decrease_retention(&world.scope, "s", 24).await.expect("decreased");
    assert!(world.read("s", 0, StartingPosition::TrimHorizon).await.is_empty());
}

#[tokio::test]
async fn iterators_expire_and_cannot_be_forged_or_borrowed() {
    let world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    let iterator = world.iterator("s", 0, StartingPosition::TrimHorizon).expect("an iterator");
    let quoted = format!("\"{iterator}\"");
    world.get(&quoted, 1).await.expect("quotes do not matter");
    let stranger = Scope { account: Arc::from("999999999999"), region: world.scope.region.clone() };
    let open = |text: &str| world.engine.data.open_iterator(text);
    let opened = open(&iterator).expect("an iterator");
    let request = get_request(&stranger, &opened, 1);
    let borrowed = world.engine.data.get_records(request, &Boundless).await;
    assert!(matches!(borrowed, Err(GetRecordsError::ShardNotFound(_))));
    let forged = open(&iterator[..iterator.len() - 4]);
    assert!(matches!(forged, Err(IteratorError::Invalid(_))));
    world.clock.advance_ms(300_000);
    world.get(&iterator, 1).await.expect("five minutes are allowed");
    world.clock.advance_ms(1);
    assert!(matches!(open(&iterator), Err(IteratorError::Expired(_))));
}

#[tokio::test]
async fn shards_throttle_as_on_aws_and_recover_within_the_second() {
    let world = World::with(EngineSettings { transition_ms: 0, ..EngineSettings::default() }).await;
    world.create("s", 1).await.expect("created");
    let big = vec![1; 600_000];
    let outcomes = world.put("s", &[("k", &big), ("k", &big), ("k", b"small")]).await;
    let stored = |o: &PutOutcome| matches!(o, PutOutcome::Stored { .. });
    assert_eq!(outcomes.iter().map(stored).collect::<Vec<_>>(), [true, false, true]);
    world.clock.advance_ms(1000);
    assert!(stored(&world.put("s", &[("k", &big)]).await[0]));
    for _ in 0..5 {
        world.iterator("s", 0, StartingPosition::Latest).expect("five a second");
    }
    let sixth = world.iterator("s", 0, StartingPosition::Latest);
    assert!(matches!(sixth, Err(ShardIteratorError::ReadRateExceeded(_))));
}

#[tokio::test]
async fn streams_pass_through_their_states_and_names_can_be_used_again() {
    let settings =
        EngineSettings { rates: ShardRates::OFF, transition_ms: 500, ..EngineSettings::default() };
    let world = World::with(settings).await;
    world.create("s", 2).await.expect("created");
    let status = || {
        let stream = world.engine.stream(&world.scope, "s").expect("there");
        stream.status(world.engine.now_ms()).map(|status| status.to_string())
    };
    assert_eq!(status().as_deref(), Some("CREATING"));
    assert!(named(&world.engine, "s").data_stream(world.engine.now_ms()).is_err());
    assert!(matches!(world.create("s", 1).await, Err(CreateStreamError::Exists(_))));
    world.clock.advance_ms(500);
    assert_eq!(status().as_deref(), Some("ACTIVE"));
    world.put("s", &[("k", b"old")]).await;
    let old = world.iterator("s", 0, StartingPosition::TrimHorizon).expect("an iterator");
    world.engine.control.delete_stream(&world.scope, "s", false).await.expect("deleted");
    assert_eq!(status().as_deref(), Some("DELETING"));
    world.clock.advance_ms(500);
    assert!(world.engine.stream(&world.scope, "s").is_err());
    world.create("s", 1).await.expect("the name is free");
    world.clock.advance_ms(500);
    assert!(world.read("s", 0, StartingPosition::TrimHorizon).await.is_empty());
    let gone = world.get(&old, 1).await;
    assert!(matches!(gone, Err(GetRecordsError::ShardNotFound(_))));
}

#[tokio::test]
async fn as_many_streams_are_creating_in_all_regions_together_as_may_be_in_one() {
    let world =
        World::with(EngineSettings { transition_ms: 500, ..Setup::default().settings }).await;
    let create = async |region: usize| {
        let scope = Scope { region: Arc::from(format!("r-{region}")), ..world.scope.clone() };
        let stream = NewStream::provisioned(format!("s{region}"), 1);
        world.engine.control.create_stream(&scope, stream).await
    };
    for region in 0..STREAMS_CREATING_MAX {
        create(region).await.expect("created");
    }
    let refused = create(STREAMS_CREATING_MAX).await;
    assert!(matches!(refused, Err(CreateStreamError::CreatingLimit(_))), "{refused:?}");
    world.clock.advance_ms(500);
    create(STREAMS_CREATING_MAX).await.expect("the others are there");
}

#[tokio::test]
async fn pages_of_streams_and_shards_have_no_gaps() {
    let world = World::unlimited().await;
    for i in 0..7 {
        world.create(&format!("s{i}"), 1 + i).await.expect("created");
    }
    let cells = OneCell::serve(world.engine.clone());
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let request = StreamPageRequest { after: None, token: token.as_deref(), limit: Some(3) };
        let page = cells.list_streams(&world.scope, &request).expect("a page");
        names.extend(page.streams.iter().map(|s| s.reference.name.to_string()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..7).map(|i| format!("s{i}")).collect::<Vec<_>>());

    let stream = named(&world.engine, "s6");
    let first = ShardPageRequest::First {
        stream: &stream,
        after: None,
        filter: ShardFilter::AtLatest,
        limit: Some(4),
        created_secs: None,
    };
    let page = world.engine.control.list_shards(&world.scope, &first).expect("a page");
    let token = page.next_token.expect("more");
    let opened = world.engine.control.open_shard_token(&token).expect("a token");
    let next = ShardPageRequest::Next { token: &opened, name: None, limit: None };
    let rest = world.engine.control.list_shards(&world.scope, &next).expect("a page");
    assert_eq!((page.shards.len(), rest.shards.len()), (4, 3));
    world.clock.advance_ms(300_001);
    let late = world.engine.control.open_shard_token(&token);
    assert!(matches!(late, Err(TokenError::Expired(_))));
}

#[tokio::test]
async fn a_full_volume_refuses_writes_serves_reads_and_recovers() {
    let world = World::unlimited().await;
    world.create("s", 1).await.expect("created");
    world.create("other", 1).await.expect("created");
    world.disk.set_space(Some(0));
    let mut stored = 0;
    let error = loop {
        let entries = [entry("k", &[9; 1000])];
        let prepared =
            world.engine.data.prepare_put_records(&named(&world.engine, "s"), ALICE, &entries);
        match world.engine.data.commit_put(prepared.expect("prepared")).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::StorageFull));
    let deleted = world.engine.control.delete_stream(&world.scope, "other", true).await;
    deleted.expect("what makes room has room");
    assert_eq!(world.read("s", 0, StartingPosition::TrimHorizon).await.len(), stored);
    world.disk.set_space(None);
    world.put("s", &[("k", b"again")]).await;
    assert_eq!(world.read("s", 0, StartingPosition::TrimHorizon).await.len(), stored + 1);
}

#[tokio::test]
async fn a_stream_deleted_while_creating_never_shows_a_shard_or_takes_a_record() {
    // It would be ACTIVE after 10 s; by then another 10 s of DELETING have begun.
    let settings = EngineSettings { transition_ms: 10_000, ..Setup::default().settings };
    let world = World::with_stream(2, settings).await;
    world.clock.advance_ms(9_999);
    world.engine.control.delete_stream(&world.scope, STREAM, false).await.expect("deleting");
    for wait_ms in [0, 1, 5_000] {
        world.clock.advance_ms(wait_ms);
        let (stream, now_ms) = (world.stream(), world.engine.now_ms());
        assert_eq!(stream.status(now_ms), Some(StreamStatus::Deleting), "{wait_ms}");
        assert_eq!(stream.visible_shards(world.engine.moment()).count(), 0, "{wait_ms}");
        let put = try_put(&world.engine, STREAM, &[entry("k", b"data")]).await;
        assert!(matches!(put, Err(PutError::StreamNotFound(_))), "{wait_ms}: {put:?}");
        let iterator = world.iterator(STREAM, 0, StartingPosition::TrimHorizon);
        assert!(iterator.is_err(), "{wait_ms}");
    }
}

#[tokio::test]
async fn a_stream_deleted_once_it_is_there_takes_records_until_it_is_gone() {
    let settings = EngineSettings { transition_ms: 10_000, ..Setup::default().settings };
    let world = World::with_stream(2, settings).await;
    world.clock.advance_ms(10_000);
    world.engine.control.delete_stream(&world.scope, STREAM, false).await.expect("deleting");
    assert_eq!(world.stream().visible_shards(world.engine.moment()).count(), 2);
    world.put(STREAM, &[("k", b"data")]).await;
    assert_eq!(world.status(), Some(StreamStatus::Deleting));
}
