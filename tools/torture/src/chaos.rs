//! Changes of a stream while all goes on: reshards and retention.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ScalingType, ShardFilter, StreamStatus};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::harness::{Failure, Harness, Phase, Running, Stream, count, failure};
use crate::place::Shard;
use crate::topology::Listed;

/// Open shards that a stream is kept between.
const OPEN_MIN: usize = 2;
const OPEN_MAX: usize = 12;
/// How long a stream may take to become ACTIVE again.
const ACTIVE_MAX: Duration = Duration::from_secs(60);
const RETENTION_MIN: i32 = 24;

/// One change.
#[derive(Clone, Debug)]
enum Change {
    Split(Shard, u128),
    Merge(Shard, Shard),
    Rescale(i32),
    Retain(i32),
}

struct Chaos {
    harness: Arc<Harness>,
    stream: usize,
    rng: StdRng,
    /// Hours of retention that may be in force; more than one after a change without an answer.
    retention: Vec<i32>,
}

/// Changes a stream until the phase is over, and sees that the changes are there.
pub(crate) async fn change(harness: Arc<Harness>, stream: usize) -> Result<()> {
    let rng = harness.rng("chaos", stream as u64);
    let mut chaos = Chaos { harness, stream, rng, retention: vec![RETENTION_MIN] };
    while chaos.harness.phase() == Phase::Torture {
        let pause = Duration::from_millis(chaos.rng.random_range(200..3_000));
        chaos.harness.pause(pause, Phase::Draining).await;
        let server = chaos.harness.server().await?;
        let outcome = chaos.turn(&server).await;
        match outcome {
            Ok(outcome) => outcome?,
            Err(Failure::Broken(why)) => {
                count(&chaos.harness.counters.changes_unanswered);
                chaos.harness.restarted(&server, &why).await?;
            }
            Err(failure) => {
                let error = failure.into_error();
                return Err(error.context(format!("changing {}", chaos.stream().name)));
            }
        }
    }
    Ok(())
}

impl Chaos {
    fn stream(&self) -> &Stream {
        &self.harness.streams[self.stream]
    }

    /// Looks at the stream and changes it once.
    async fn turn(&mut self, server: &Running) -> Result<Result<()>, Failure> {
        if let Err(error) = self.wait_until_active(server).await? {
            return Ok(Err(error));
        }
        let shards = list_shards(&server.client, &self.stream().name).await?;
        count(&self.harness.counters.lists);
        if let Err(problem) = self.stream().topology().listed(&shards) {
            return Ok(Err(problem).context(format!("shards of {}", self.stream().name)));
        }
        let Some(change) = self.draw(&shards) else { return Ok(Ok(())) };
        self.perform(server, &change).await?;
        Ok(Ok(()))
    }

    fn draw(&mut self, shards: &[Listed]) -> Option<Change> {
        let mut open: Vec<&Listed> = shards.iter().filter(|listed| !listed.is_closed).collect();
        open.sort_by_key(|listed| listed.start);
        let rng = &mut self.rng;
        let kind = rng.random_range(0..10);
        if kind < 3 {
            let hours = match rng.random_range(0..3) {
                0 => rng.random_range(RETENTION_MIN..=24 * 2),
                1 => rng.random_range(24 * 2..=24 * 7),
                _ => rng.random_range(24 * 7..=24 * 365),
            };
            return (self.retention != [hours]).then_some(Change::Retain(hours));
        }
        if kind < 5 {
            let now = open.len();
            let target = rng.random_range(now.div_ceil(2).max(OPEN_MIN)..=(now * 2).min(OPEN_MAX));
            return (target != now).then_some(Change::Rescale(target as i32));
        }
        let splits = open.len() <= OPEN_MIN || (open.len() < OPEN_MAX && rng.random_bool(0.5));
        if splits {
            let shard = open.choose(rng)?;
            let width = shard.end_inclusive - shard.start;
            // Away from the ends, so that ranges stay wide enough to be split again.
            let key = shard.start + rng.random_range(width / 4..width / 4 * 3);
            return (width > 1 << 64).then_some(Change::Split(shard.shard, key));
        }
        let pair = open.windows(2).collect::<Vec<_>>();
        let pair = pair.choose(rng)?;
        Some(Change::Merge(pair[0].shard, pair[1].shard))
    }

    async fn perform(&mut self, server: &Running, change: &Change) -> Result<(), Failure> {
        let (client, name) = (&server.client, self.stream().name.clone());
        let counters = &self.harness.counters;
        if !matches!(change, Change::Retain(_)) {
            self.harness.resharding.notify_waiters();
        }
        match change {
            Change::Split(shard, key) => {
                let split =
                    client.split_shard().stream_name(name).new_starting_hash_key(key.to_string());
                split.shard_to_split(shard.to_string()).send().await.map_err(failure)?;
                self.stream().topology().closed(*shard);
                count(&counters.splits);
            }
            Change::Merge(lower, upper) => {
                let merge =
                    client.merge_shards().stream_name(name).shard_to_merge(lower.to_string());
                let merge = merge.adjacent_shard_to_merge(upper.to_string());
                merge.send().await.map_err(failure)?;
                self.stream().topology().closed(*lower);
                self.stream().topology().closed(*upper);
                count(&counters.merges);
            }
            Change::Rescale(target) => {
                let update = client.update_shard_count().stream_name(name);
                let update = update.target_shard_count(*target);
                let update = update.scaling_type(ScalingType::UniformScaling);
                update.send().await.map_err(failure)?;
                count(&counters.rescalings);
            }
            Change::Retain(hours) => {
                self.retain(server, *hours).await?;
                count(&self.harness.counters.retention_changes);
            }
        }
        Ok(())
    }

    async fn retain(&mut self, server: &Running, hours: i32) -> Result<(), Failure> {
        let name = self.stream().name.clone();
        let now = self.retention[0];
        self.retention.push(hours);
        if hours > now {
            let increase = server.client.increase_stream_retention_period().stream_name(name);
            increase.retention_period_hours(hours).send().await.map_err(failure)?;
        } else {
            let decrease = server.client.decrease_stream_retention_period().stream_name(name);
            decrease.retention_period_hours(hours).send().await.map_err(failure)?;
        }
        self.retention = vec![hours];
        Ok(())
    }

    async fn wait_until_active(&mut self, server: &Running) -> Result<Result<()>, Failure> {
        let begun = std::time::Instant::now();
        loop {
            let describe = server.client.describe_stream_summary().stream_name(&self.stream().name);
            let described = describe.send().await.map_err(failure)?;
            let Some(summary) = described.stream_description_summary() else {
                return Ok(Err(anyhow::anyhow!("DescribeStreamSummary has no summary")));
            };
            let hours = summary.retention_period_hours();
            if !self.retention.contains(&hours) {
                let wanted = &self.retention;
                return Ok(Err(anyhow::anyhow!("retention is {hours} hours, not {wanted:?}")));
            }
            self.retention = vec![hours];
            if summary.stream_status() == &StreamStatus::Active {
                return Ok(Ok(()));
            }
            if begun.elapsed() > ACTIVE_MAX {
                let status = summary.stream_status();
                return Ok(Err(anyhow::anyhow!("{} stays {status}", self.stream().name)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// All shards of a stream.
pub(crate) async fn list_shards(client: &Client, stream: &str) -> Result<Vec<Listed>, Failure> {
    let invalid = |error: anyhow::Error| Failure::Service {
        code: "answer".to_owned(),
        message: format!("ListShards: {error:#}"),
    };
    let mut listed = Vec::new();
    let mut request = client.list_shards().stream_name(stream);
    request = request.set_shard_filter(None::<ShardFilter>);
    loop {
        let page = request.send().await.map_err(failure)?;
        for shard in page.shards() {
            listed.push(parse(shard).map_err(invalid)?);
        }
        let Some(token) = page.next_token else { return Ok(listed) };
        request = client.list_shards().next_token(token);
    }
}

fn parse(shard: &aws_sdk_kinesis::types::Shard) -> Result<Listed> {
    let range = shard.hash_key_range().context("no range")?;
    let numbers = shard.sequence_number_range().context("no sequence numbers")?;
    let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
    let parents: Result<Vec<_>> = parents.into_iter().flatten().map(Shard::parse).collect();
    let (start, end_inclusive) =
        (range.starting_hash_key().parse()?, range.ending_hash_key().parse()?);
    ensure!(start <= end_inclusive, "a range without keys");
    Ok(Listed {
        shard: Shard::parse(shard.shard_id())?,
        parents: parents?,
        start,
        end_inclusive,
        is_closed: numbers.ending_sequence_number().is_some(),
    })
}
