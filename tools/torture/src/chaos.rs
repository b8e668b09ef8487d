//! Changes of a stream while all goes on: reshards and retention.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_kinesis::types::StreamStatus;
use rand::Rng;
use rand::rngs::StdRng;
use shards::{Bounds, Listed, Reshard};

use crate::harness::{Failure, Harness, Phase, Running, Stream, count, failure};

/// Open shards that a stream is kept between.
const BOUNDS: Bounds = Bounds { open_min: 2, open_max: 12 };
/// How long a stream may take to become ACTIVE again.
const ACTIVE_MAX: Duration = Duration::from_secs(60);
const RETENTION_MIN: i32 = 24;

/// One change.
#[derive(Clone, Copy, Debug)]
enum Change {
    Reshard(Reshard),
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
        let shards = shards::list(&server.client, &self.stream().name).await?;
        count(&self.harness.counters.lists);
        if let Err(problem) = self.stream().topology().listed(&shards) {
            return Ok(Err(problem).context(format!("shards of {}", self.stream().name)));
        }
        let Some(change) = self.draw(&shards) else { return Ok(Ok(())) };
        self.perform(server, change).await?;
        Ok(Ok(()))
    }

    fn draw(&mut self, shards: &[Listed]) -> Option<Change> {
        if self.rng.random_bool(0.3) {
            let rng = &mut self.rng;
            let hours = match rng.random_range(0..3) {
                0 => rng.random_range(RETENTION_MIN..=24 * 2),
                1 => rng.random_range(24 * 2..=24 * 7),
                _ => rng.random_range(24 * 7..=24 * 365),
            };
            return (self.retention != [hours]).then_some(Change::Retain(hours));
        }
        Reshard::draw(shards, BOUNDS, &mut self.rng).map(Change::Reshard)
    }

    async fn perform(&mut self, server: &Running, change: Change) -> Result<(), Failure> {
        let counters = &self.harness.counters;
        let reshard = match change {
            Change::Retain(hours) => {
                self.retain(server, hours).await?;
                count(&self.harness.counters.retention_changes);
                return Ok(());
            }
            Change::Reshard(reshard) => reshard,
        };
        self.harness.resharding.notify_waiters();
        reshard.perform(&server.client, &self.stream().name).await?;
        match reshard {
            Reshard::Split(shard, _) => {
                self.stream().topology().closed(shard);
                count(&counters.splits);
            }
            Reshard::Merge(lower, upper) => {
                self.stream().topology().closed(lower);
                self.stream().topology().closed(upper);
                count(&counters.merges);
            }
            Reshard::Rescale(_) => count(&counters.rescalings),
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
