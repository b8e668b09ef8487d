//! Subscribers: fan-out consumers to which records are pushed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch_protocol::event_stream::Message;
use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::watch;

use crate::bench::bodies::Stamp;
use crate::bench::pace::Window;
use crate::bench::read::Seen;
use crate::bench::scan;
use crate::bench::wire::{Session, Wire};

/// How long a new consumer may take to become ACTIVE.
const TRANSITION_MAX: Duration = Duration::from_secs(300);
/// Subscriptions that share an HTTP/2 connection.
const STREAMS_PER_CONNECTION: usize = 100;

/// Registers consumers and returns their ARNs when all are ACTIVE.
pub(crate) async fn register(
    control: &mut Session,
    stream: &str,
    run: u32,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let summary = control.call("DescribeStreamSummary", &json!({ "StreamName": stream })).await??;
    let stream_arn = summary["StreamDescriptionSummary"]["StreamARN"].clone();
    let mut arns = Vec::new();
    for number in 0..count {
        let name = format!("bench-{run:08x}-{number}");
        let input = json!({ "StreamARN": stream_arn, "ConsumerName": name });
        let made = control.call("RegisterStreamConsumer", &input).await??;
        let arn = made["Consumer"]["ConsumerARN"].as_str();
        let arn = arn.context("RegisterStreamConsumer gave no ARN")?.to_owned();
        // One after the other: no more than five may be in CREATING.
        wait_active(control, &arn).await?;
        arns.push(arn);
    }
    Ok(arns)
}

async fn wait_active(control: &mut Session, arn: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + TRANSITION_MAX;
    loop {
        let input = json!({ "ConsumerARN": arn });
        let described = control.call("DescribeStreamConsumer", &input).await??;
        if described["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE" {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the consumer does not become ACTIVE arn={arn}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Deregisters consumers.
pub(crate) async fn deregister(control: &mut Session, arns: &[String]) -> anyhow::Result<()> {
    for arn in arns {
        control.call("DeregisterStreamConsumer", &json!({ "ConsumerARN": arn })).await??;
    }
    Ok(())
}

/// Subscribes every consumer to every shard, at the tip. Over HTTP/1.1 each subscription has a
/// connection of its own.
pub(crate) async fn subscribe_all(
    wire: &Arc<Wire>,
    http2: bool,
    consumers: &[String],
    shards: &[String],
    run: u32,
) -> anyhow::Result<Vec<Subscriber>> {
    let mut subscribers = Vec::new();
    let mut shared = Session::new(wire);
    for consumer in consumers {
        for shard in shards {
            if subscribers.len() % STREAMS_PER_CONNECTION == 0 || !http2 {
                shared = Session::new(wire);
                shared.open().await?;
            }
            let session = if http2 {
                shared.share()
            } else {
                std::mem::replace(&mut shared, Session::new(wire))
            };
            subscribers.push(Subscriber::at_tip(session, wire, consumer, shard, run).await?);
        }
    }
    Ok(subscribers)
}

/// A subscription that is open.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// Keeps the connection.
    _session: Session,
    body: Incoming,
    /// Bytes of messages that are not whole yet.
    buffer: Vec<u8>,
    run: u32,
}

impl Subscriber {
    /// Records put after this has returned will be pushed.
    async fn at_tip(
        mut session: Session,
        wire: &Arc<Wire>,
        consumer: &str,
        shard: &str,
        run: u32,
    ) -> anyhow::Result<Self> {
        let input = json!({
            "ConsumerARN": consumer, "ShardId": shard, "StartingPosition": { "Type": "LATEST" }
        });
        let body = Bytes::from(serde_json::to_vec(&input)?);
        let request = wire.request(&wire.operation("SubscribeToShard"), body, None);
        let (status, mut body) = session.open_reply(request).await?;
        if status != StatusCode::OK {
            let text = body.collect().await?.to_bytes();
            bail!("SubscribeToShard failed: {}", String::from_utf8_lossy(&text));
        }
        let first = body.frame().await.context("an empty stream")??;
        let buffer = first.into_data().unwrap_or_default().to_vec();
        Ok(Self { _session: session, body, buffer, run })
    }

    /// Takes what is pushed until told to stop. `seen_now` adds up what all have seen.
    pub(crate) async fn run(
        mut self,
        window: Window,
        mut stop: watch::Receiver<bool>,
        seen_now: Arc<AtomicU64>,
    ) -> anyhow::Result<Seen> {
        let mut seen = Seen::new();
        loop {
            let now = Instant::now();
            let mut at = 0;
            while let Some((message, len)) = Message::decode(&self.buffer[at..])? {
                at += len;
                if let Some(code) = message.header(":exception-type") {
                    *seen.errors.entry(code.to_owned()).or_default() += 1;
                }
                if message.header(":event-type") != Some("SubscribeToShardEvent") {
                    continue;
                }
                seen.reads += 1;
                let run = self.run;
                let on_data = |data: &[u8]| {
                    let Some(stamp) = Stamp::read(data).filter(|stamp| stamp.run == run) else {
                        return;
                    };
                    let put = window.epoch + Duration::from_nanos(stamp.nanos);
                    if window.counts(put) {
                        seen.records += 1;
                        seen.put_to_read.record(now.saturating_duration_since(put));
                        seen_now.fetch_add(1, Ordering::Relaxed);
                    }
                };
                scan::read_reply(message.payload, on_data).context("an event cannot be read")?;
            }
            self.buffer.drain(..at);
            let frame = tokio::select! {
                frame = self.body.frame() => frame,
                _ = stop.wait_for(|stop| *stop) => return Ok(seen),
            };
            let Some(frame) = frame else { bail!("a subscription ended before the run did") };
            if let Some(data) = frame?.data_ref() {
                self.buffer.extend_from_slice(data);
            }
        }
    }
}
