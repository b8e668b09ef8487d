//! The Rust SDK against the server: the same crate that our clients are built on.

use std::collections::BTreeSet;
use std::time::Duration;

use anabranch_testkit::TestServer;
use anyhow::{Context, Result, anyhow};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::RequestId;
use aws_sdk_kinesis::operation::create_stream::CreateStreamError;
use aws_sdk_kinesis::operation::get_records::GetRecordsError;
use aws_sdk_kinesis::operation::put_record::PutRecordError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, PutRecordsRequestEntry, Record, ShardFilter, ShardFilterType,
    ShardIteratorType, StartingPosition, StreamMode, StreamStatus,
};

fn client(server: &TestServer) -> Client {
    Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(server.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("123456789012", "any", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build(),
    )
}

async fn create(client: &Client, name: &str, shards: i32) -> Result<()> {
    client.create_stream().stream_name(name).shard_count(shards).send().await?;
    client.wait_until_stream_exists().stream_name(name).wait(Duration::from_secs(30)).await?;
    Ok(())
}

async fn read_all(client: &Client, name: &str, shard: &str) -> Result<Vec<Record>> {
    let start = client
        .get_shard_iterator()
        .stream_name(name)
        .shard_id(shard)
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await?;
    let mut position = start.shard_iterator;
    let mut records = Vec::new();
    while let Some(iterator) = position {
        let answer = client.get_records().shard_iterator(iterator).send().await?;
        records.extend(answer.records);
        position = answer.next_shard_iterator;
        if answer.millis_behind_latest == Some(0) {
            break;
        }
    }
    Ok(records)
}

fn entry(key: &str, data: &str) -> Result<PutRecordsRequestEntry> {
    Ok(PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build()?)
}

#[tokio::test]
async fn records_come_back_in_order_and_byte_for_byte() -> Result<()> {
    let server = TestServer::start().await?;
    let client = client(&server);
    create(&client, "s", 1).await?;
    let bytes: Vec<u8> = (0..=255).collect();
    let put = client
        .put_record()
        .stream_name("s")
        .partition_key("k\u{e4}se")
        .data(Blob::new(bytes.clone()))
        .send()
        .await?;
    assert_eq!(put.shard_id(), "shardId-000000000000");
    assert!(put.encryption_type().is_none());
    let entries: Result<Vec<_>> =
        (0..500).map(|index| entry(&index.to_string(), &index.to_string())).collect();
    let many = client.put_records().stream_name("s").set_records(Some(entries?)).send().await?;
    assert_eq!(many.failed_record_count(), Some(0));

    let records = read_all(&client, "s", put.shard_id()).await?;
    let (first, rest) = records.split_first().context("nothing was read")?;
    assert_eq!(first.data().as_ref(), bytes);
    assert_eq!(first.partition_key(), Some("k\u{e4}se"));
    assert_eq!(first.sequence_number(), put.sequence_number());
    assert!(first.approximate_arrival_timestamp().is_some());
    let expected: Vec<String> = (0..500).map(|index| index.to_string()).collect();
    let found: Vec<&[u8]> = rest.iter().map(|record| record.data().as_ref()).collect();
    assert_eq!(found, expected.iter().map(String::as_bytes).collect::<Vec<_>>());
    let numbers: Vec<_> = many.records().iter().filter_map(|put| put.sequence_number()).collect();
    assert_eq!(rest.iter().map(Record::sequence_number).collect::<Vec<_>>(), numbers);
    Ok(())
}

#[tokio::test]
async fn a_stream_is_described_tagged_and_deleted() -> Result<()> {
    let server = TestServer::start().await?;
    let client = client(&server);
    create(&client, "s", 3).await?;
    let described = client.describe_stream_summary().stream_name("s").send().await?;
    let summary = described.stream_description_summary().context("no summary")?;
    assert_eq!(summary.stream_status(), &StreamStatus::Active);
    assert_eq!(summary.open_shard_count(), 3);
    let mode = summary.stream_mode_details().context("no mode")?;
    assert_eq!(mode.stream_mode(), &StreamMode::Provisioned);
    client.add_tags_to_stream().stream_name("s").tags("a", "1").send().await?;
    let tags = client.list_tags_for_stream().stream_name("s").send().await?;
    assert_eq!(tags.tags().len(), 1);
    client.remove_tags_from_stream().stream_name("s").tag_keys("a").send().await?;
    client
        .increase_stream_retention_period()
        .stream_name("s")
        .retention_period_hours(48)
        .send()
        .await?;
    client.delete_stream().stream_name("s").send().await?;
    client.wait_until_stream_not_exists().stream_name("s").wait(Duration::from_secs(30)).await?;
    assert_eq!(client.describe_limits().send().await?.open_shard_count(), 0);
    Ok(())
}

#[tokio::test]
async fn every_page_of_shards_and_streams_is_read() -> Result<()> {
    let server = TestServer::start().await?;
    let client = client(&server);
    create(&client, "many", 7).await?;
    for index in 0..4 {
        create(&client, &format!("s{index}"), 1).await?;
    }
    let filter = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build()?;
    let first =
        client.list_shards().stream_name("many").shard_filter(filter).max_results(3).send().await?;
    let mut shards: Vec<_> = first.shards().to_vec();
    let mut token = first.next_token;
    while let Some(next) = token {
        let page = client.list_shards().next_token(next).max_results(3).send().await?;
        shards.extend(page.shards().to_vec());
        token = page.next_token;
    }
    let ids: BTreeSet<_> = shards.iter().map(|shard| shard.shard_id()).collect();
    assert_eq!((shards.len(), ids.len()), (7, 7));

    let mut pages = client.list_streams().limit(2).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(page?.stream_names);
    }
    assert_eq!(names, ["many", "s0", "s1", "s2", "s3"]);
    Ok(())
}

#[tokio::test]
async fn errors_arrive_as_their_types() -> Result<()> {
    let server = TestServer::start().await?;
    let client = client(&server);
    create(&client, "s", 1).await?;

    let again = client.create_stream().stream_name("s").shard_count(1).send().await;
    let error = again.err().context("the name was taken twice")?;
    assert!(error.request_id().is_some_and(|id| id.len() == 36));
    assert_eq!(error.raw_response().map(|response| response.status().as_u16()), Some(400));
    let error = error.into_service_error();
    assert!(matches!(error, CreateStreamError::ResourceInUseException(_)));
    assert_eq!(error.message(), Some("Stream s under account 123456789012 already exists."));

    let put = client.put_record().stream_name("gone").partition_key("k").data(Blob::new("x"));
    let error = put.send().await.err().map(SdkError::into_service_error);
    assert!(matches!(error, Some(PutRecordError::ResourceNotFoundException(_))));

    let empty_key = client.put_record().stream_name("s").partition_key("").data(Blob::new("x"));
    let error = empty_key.send().await.err().map(SdkError::into_service_error);
    assert_eq!(error.as_ref().and_then(|error| error.code()), Some("ValidationException"));

    let get = client.get_records().shard_iterator("AAAA").send().await;
    let error = get.err().map(SdkError::into_service_error);
    assert!(matches!(error, Some(GetRecordsError::InvalidArgumentException(_))));

    let dry = client.put_record().stream_name("s").partition_key("k").data(Blob::new("x"));
    let error = dry.dry_run(true).send().await.err().map(SdkError::into_service_error);
    assert_eq!(error.as_ref().and_then(|error| error.code()), Some("DryRunOperationException"));
    Ok(())
}

#[tokio::test]
async fn many_requests_at_once() -> Result<()> {
    let server = TestServer::start().await?;
    let client = client(&server);
    create(&client, "s", 4).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let client = client.clone();
        tasks.spawn(async move {
            for index in 0..20 {
                client
                    .put_record()
                    .stream_name("s")
                    .partition_key(format!("w{writer}"))
                    .data(Blob::new(index.to_string()))
                    .send()
                    .await?;
            }
            anyhow::Ok(())
        });
    }
    for outcome in tasks.join_all().await {
        outcome?;
    }
    let mut total = 0;
    for shard in 0..4 {
        let records = read_all(&client, "s", &format!("shardId-{shard:012}")).await?;
        total += records.len();
        for writer in 0..16 {
            let key = format!("w{writer}");
            let own: Vec<_> = records
                .iter()
                .filter(|record| record.partition_key() == Some(&key))
                .map(|record| String::from_utf8_lossy(record.data().as_ref()).into_owned())
                .collect();
            if !own.is_empty() {
                assert_eq!(own, (0..20).map(|index| index.to_string()).collect::<Vec<_>>());
            }
        }
    }
    assert_eq!(total, 16 * 20);
    Ok(())
}

#[tokio::test]
async fn records_are_pushed_to_a_consumer_until_its_shard_ends() -> Result<()> {
    let server = TestServer::start().await?;
    let client = client(&server);
    create(&client, "s", 1).await?;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let made = client.register_stream_consumer().stream_arn(arn).consumer_name("c").send().await?;
    let consumer = made.consumer().context("no consumer")?.consumer_arn().to_owned();
    loop {
        let described = client.describe_stream_consumer().consumer_arn(&consumer).send().await?;
        let description = described.consumer_description().context("no description")?;
        if description.consumer_status() == &ConsumerStatus::Active {
            break;
        }
    }
    let position = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
    let mut subscription = client
        .subscribe_to_shard()
        .consumer_arn(&consumer)
        .shard_id("shardId-000000000000")
        .starting_position(position)
        .send()
        .await?;
    for round in 0..10u8 {
        let data = Blob::new([round]);
        client.put_record().stream_name("s").partition_key("k").data(data).send().await?;
        let event = subscription.event_stream.recv().await?.context("it ended")?;
        let event = event.as_subscribe_to_shard_event().map_err(|_| anyhow!("no event"))?;
        let data: Vec<&[u8]> =
            event.records().iter().map(|record| record.data().as_ref()).collect();
        assert_eq!(data, [[round]]);
        assert!(event.continuation_sequence_number() > event.records()[0].sequence_number());
    }
    let middle = (1u128 << 127).to_string();
    let split = client.split_shard().stream_name("s").shard_to_split("shardId-000000000000");
    split.new_starting_hash_key(middle).send().await?;
    let event = subscription.event_stream.recv().await?.context("it ended")?;
    let event = event.as_subscribe_to_shard_event().map_err(|_| anyhow!("no event"))?;
    let children: Vec<&str> = event.child_shards().iter().map(|child| child.shard_id()).collect();
    assert_eq!(children, ["shardId-000000000001", "shardId-000000000002"]);
    assert!(subscription.event_stream.recv().await?.is_none());
    Ok(())
}
