//! What happens beside the load: kills, reshards, refused connections. The seed decides what, not when.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch_client::{Client, Connection, EndpointChoice, Retries};
use anabranch_testkit::ServerProcess;
use anyhow::{Context, Result, bail, ensure};
use aws_sdk_kinesis::types::StreamStatus;
use rand::Rng;
use rand::rngs::StdRng;
use shards::{Bounds, Failure, Reshard, failure};
use tokio::process::Command;
use tokio::sync::{Notify, watch};

use crate::proxy::Proxy;

/// Open shards that the stream is kept between.
const BOUNDS: Bounds = Bounds { open_min: 2, open_max: 12 };
/// How long a stream may take to become ACTIVE again, and a server to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// How servers are started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    /// Holds the server's directory and its log.
    pub(crate) directory: PathBuf,
    pub(crate) shard_write_bytes: String,
}

impl Setup {
    fn spawn(&self) -> Result<ServerProcess> {
        let log = self.directory.join("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.directory.join("data"))
            // Reads are as fast as they can be, writes meet their limit now and then.
            .args(["--limits", "off", "--limit-shard-write-bytes", &self.shard_write_bytes])
            .stderr(log);
        ServerProcess::spawn(&mut command)
    }
}

/// A server that answers.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) generation: u64,
    /// Speaks to it without the proxy, and does not retry.
    pub(crate) client: Client,
}

/// The server, which is killed now and then, and is behind the proxy all the time.
#[derive(Debug)]
pub(crate) struct Supervisor {
    setup: Setup,
    proxy: Arc<Proxy>,
    server: ServerProcess,
    pub(crate) running: watch::Sender<Option<Running>>,
    pub(crate) kills: u64,
    rng: StdRng,
}

impl Supervisor {
    pub(crate) async fn start(setup: Setup, proxy: Arc<Proxy>, rng: StdRng) -> Result<Self> {
        let (server, address, client) = start(&setup).await?;
        proxy.gate.send_modify(|gate| gate.server = Some(address));
        let running = watch::Sender::new(Some(Running { generation: 1, client }));
        Ok(Self { setup, proxy, server, running, kills: 0, rng })
    }

    /// The server as it is now.
    pub(crate) fn now(&self) -> Result<Running> {
        self.running.borrow().clone().context("there is no server")
    }

    /// Waits for its end, which nobody has asked for.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        self.server.ended().await
    }

    /// Kills it again and again until it is over, half of the times soon after a reshard began.
    pub(crate) async fn kill_at_random(
        &mut self,
        life_max: Duration,
        reshards: &Notify,
        mut over: watch::Receiver<bool>,
    ) -> Result<()> {
        loop {
            let life = life_max.mul_f64(self.rng.random_range(0.1..1.0));
            let moment = Duration::from_micros(self.rng.random_range(0..40_000));
            let waits_for_reshard = self.rng.random_bool(0.5);
            let living = async {
                tokio::time::sleep(life).await;
                if waits_for_reshard {
                    let _ = tokio::time::timeout(life_max, reshards.notified()).await;
                    tokio::time::sleep(moment).await;
                }
            };
            tokio::select! {
                () = living => {}
                _ = over.wait_for(|over| *over) => return Ok(()),
                error = self.server.ended() => return Err(error),
            }
            self.kill_and_start().await?;
        }
    }

    /// Kills it, and starts another on its directory.
    pub(crate) async fn kill_and_start(&mut self) -> Result<()> {
        let generation = self.now()?.generation + 1;
        self.server.kill().await?;
        self.running.send_replace(None);
        self.proxy.gate.send_modify(|gate| gate.server = None);
        self.kills += 1;
        let (server, address, client) = start(&self.setup).await?;
        self.server = server;
        self.running.send_replace(Some(Running { generation, client }));
        self.proxy.gate.send_modify(|gate| gate.server = Some(address));
        Ok(())
    }
}

async fn start(setup: &Setup) -> Result<(ServerProcess, SocketAddr, Client)> {
    let mut server = setup.spawn()?;
    let (endpoint, _) = server.listening().await?;
    let address = endpoint.strip_prefix("http://").context("the server has no plain endpoint")?;
    let address = address.parse().with_context(|| format!("no address: {endpoint}"))?;
    let connection = Connection {
        endpoint: EndpointChoice::Url(endpoint),
        retries: Retries::Off,
        request_timeout: Some(PATIENCE),
        ..Connection::default()
    };
    Ok((server, address, connection.client().await?))
}

/// Refuses connections for moments, for ever.
pub(crate) async fn refuse_at_random(proxy: &Proxy, mut rng: StdRng) -> Infallible {
    loop {
        tokio::time::sleep(Duration::from_millis(rng.random_range(500..6_000))).await;
        proxy.refuse(true);
        proxy.happened.count("refused_moments");
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..600))).await;
        proxy.refuse(false);
    }
}

/// Changes the stream's shards again and again.
pub(crate) struct Resharding {
    pub(crate) stream: &'static str,
    pub(crate) running: watch::Receiver<Option<Running>>,
    pub(crate) pause_max: Duration,
    /// Told when a reshard begins.
    pub(crate) begun: Arc<Notify>,
    pub(crate) count: Arc<AtomicU64>,
    pub(crate) rng: StdRng,
}

impl Resharding {
    /// Goes on until it is dropped or something is wrong.
    pub(crate) async fn run(mut self) -> Result<()> {
        loop {
            let pause = self.pause_max.mul_f64(self.rng.random_range(0.05..1.0));
            tokio::time::sleep(pause).await;
            let running = self.after(0).await?;
            match self.turn(&running).await {
                Ok(()) => {}
                Err(Failure::Broken(why)) => {
                    let next = self.after(running.generation + 1).await;
                    next.with_context(|| format!("the server was not killed: {why}"))?;
                }
                Err(failure) => return Err(failure.into_error().context("resharding")),
            }
        }
    }

    async fn turn(&mut self, running: &Running) -> Result<(), Failure> {
        let invalid = |error: anyhow::Error| Failure::invalid(&error);
        until_active(&running.client, self.stream).await?.map_err(invalid)?;
        let listed = shards::list(&running.client, self.stream).await?;
        let Some(reshard) = Reshard::draw(&listed, BOUNDS, &mut self.rng) else { return Ok(()) };
        self.begun.notify_waiters();
        reshard.perform(&running.client, self.stream).await?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn after(&mut self, generation: u64) -> Result<Running> {
        let is_there = |running: &Option<Running>| {
            running.as_ref().is_some_and(|running| running.generation >= generation)
        };
        let running = tokio::time::timeout(PATIENCE, self.running.wait_for(is_there)).await;
        match &*running.context("no server came up in time")?? {
            Some(running) => Ok(running.clone()),
            None => bail!("no server"),
        }
    }
}

/// Waits until a stream can be changed.
pub(crate) async fn until_active(client: &Client, stream: &str) -> Result<Result<()>, Failure> {
    let begun = Instant::now();
    loop {
        let describe = client.describe_stream_summary().stream_name(stream);
        let described = describe.send().await.map_err(failure)?;
        let summary = described.stream_description_summary();
        let status = summary.map(|summary| summary.stream_status());
        if status == Some(&StreamStatus::Active) {
            return Ok(Ok(()));
        }
        let is_late = || -> Result<()> {
            ensure!(begun.elapsed() < PATIENCE, "the stream stays {status:?}");
            Ok(())
        };
        if let Err(late) = is_late() {
            return Ok(Err(late));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
