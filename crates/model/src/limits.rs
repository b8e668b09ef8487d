//! Limits and constants of Amazon Kinesis. Sources: the service's quotas page and API reference.

/// Records in one PutRecords call.
pub const PUT_RECORDS_COUNT_MAX: usize = 500;
/// Bytes of data and partition keys in one PutRecords call.
pub const PUT_RECORDS_BYTES_MAX: usize = 10 * MIB;
/// Default ceiling of one record in KiB; a stream may raise it.
pub const RECORD_KIB_DEFAULT: u32 = 1024;
/// Highest ceiling of one record in KiB.
pub const RECORD_KIB_MAX: u32 = 10 * 1024;
/// Records in one GetRecords reply.
pub const GET_RECORDS_COUNT_MAX: usize = 10_000;
/// Bytes of data and partition keys in one GetRecords reply.
pub const GET_RECORDS_BYTES_MAX: usize = 10 * MIB;
/// Bytes a second that one shard takes.
pub const SHARD_WRITE_BYTES: u64 = MIB as u64;
/// Records a second that one shard takes.
pub const SHARD_WRITE_RECORDS: u64 = 1_000;
/// Bytes a second that one shard gives to all its GetRecords callers.
pub const SHARD_READ_BYTES: u64 = 2 * MIB as u64;
/// GetRecords calls a second on one shard, and GetShardIterator calls a second on one shard.
pub const SHARD_READ_CALLS: u64 = 5;
/// Bytes a second that one shard gives to one fan-out consumer.
pub const CONSUMER_READ_BYTES: u64 = 2 * MIB as u64;
/// SubscribeToShard calls a second of one consumer on one shard.
pub const SUBSCRIBE_CALLS: u64 = 1;
/// Life of a subscription in milliseconds.
pub const SUBSCRIPTION_LIFE_MS: u64 = 300_000;
/// After that many milliseconds another call takes a subscription over.
pub const SUBSCRIPTION_HOLD_MS: u64 = 5_000;
/// A subscription without records sends an event that often, in milliseconds.
pub const SUBSCRIPTION_SILENCE_MS: u64 = 5_000;
/// Bytes of data and partition keys in one event of a subscription, unless one record is longer.
pub const EVENT_BYTES_MAX: usize = MIB;
/// Records in one event of a subscription.
pub const EVENT_RECORDS_MAX: usize = 10_000;
/// Life of a shard iterator in milliseconds.
pub const ITERATOR_LIFE_MS: u64 = 300_000;
/// Life of a ListShards or ListStreamConsumers token in milliseconds.
pub const NEXT_TOKEN_LIFE_MS: u64 = 300_000;
/// Shortest and default retention in hours.
pub const RETENTION_HOURS_MIN: u32 = 24;
/// Longest retention in hours (365 days).
pub const RETENTION_HOURS_MAX: u32 = 8_760;
/// Starts of encryption, and stops of it, of one stream in 24 hours.
pub const ENCRYPTION_CHANGES_A_DAY: usize = 25;
/// Data keys of one stream whose records may still be read: more than a year of daily limits.
pub const DATA_KEYS_MAX: usize = 10_000;
/// Tags on one resource.
pub const TAGS_MAX: usize = 50;
/// Shards of an on-demand stream at creation, and of a stream created with a name only.
pub const ON_DEMAND_SHARDS: u32 = 4;
/// On-demand streams in one account and Region.
pub const ON_DEMAND_STREAMS_MAX: usize = 50;
/// Switches between the capacity modes of one stream within [`MODE_SWITCHES_MS`].
pub const MODE_SWITCHES_MAX: usize = 2;
/// The time in which switches of a stream's capacity mode are counted, in milliseconds.
pub const MODE_SWITCHES_MS: u64 = 24 * HOUR_MS;
/// Shortest life of an account's billing commitment in milliseconds.
pub const COMMITMENT_MS: u64 = 24 * HOUR_MS;
/// Highest warm throughput of an on-demand stream in MiB a second.
pub const WARM_MIBPS_MAX: u32 = 10 * 1024;
/// Open shards of an on-demand stream outside of the large Regions, each taking a MiB a second.
pub const ON_DEMAND_SHARDS_MAX_SMALL: u32 = 200;
/// Fan-out consumers of one on-demand stream of an account with a billing commitment.
pub const CONSUMERS_COMMITTED_MAX: usize = 50;
/// Open shards in one account and Region, in the large Regions.
pub const ACCOUNT_SHARDS_DEFAULT: u32 = 20_000;
/// Open shards of one stream.
pub const STREAM_SHARDS_MAX: u32 = 10_000;
/// UpdateShardCount calls on one stream within [`SHARD_COUNT_UPDATES_MS`].
pub const SHARD_COUNT_UPDATES_MAX: usize = 10;
/// The time in which UpdateShardCount calls are counted, in milliseconds.
pub const SHARD_COUNT_UPDATES_MS: u64 = 24 * 3_600_000;
/// Open shards that the API can express; no setting goes beyond it.
pub const OPEN_SHARDS_MAX: u32 = 1_000_000;
/// Streams of one account that may be in CREATING at once.
pub const STREAMS_CREATING_MAX: usize = 5;
/// Fan-out consumers of one stream.
pub const CONSUMERS_MAX: usize = 20;
/// Fan-out consumers of one stream that may be in CREATING at once.
pub const CONSUMERS_CREATING_MAX: usize = 5;
/// Consumers in one ListStreamConsumers page.
pub const LIST_CONSUMERS_PAGE: usize = 100;
/// Names in one ListStreams page.
pub const LIST_STREAMS_PAGE: usize = 100;
/// Shards in one DescribeStream page.
pub const DESCRIBE_STREAM_PAGE: usize = 100;
/// Shards in one ListShards page.
pub const LIST_SHARDS_PAGE: usize = 1_000;
/// Tags in one ListTagsForStream page.
pub const LIST_TAGS_PAGE: usize = 50;

/// Whether a Region is one of those with the highest quotas.
#[must_use]
pub fn is_large_region(region: &str) -> bool {
    matches!(region, "us-east-1" | "us-west-2" | "eu-west-1")
}

const MIB: usize = 1024 * 1024;
const HOUR_MS: u64 = 3_600_000;
const _: () = assert!(RECORD_KIB_MAX as usize * 1024 <= PUT_RECORDS_BYTES_MAX);
