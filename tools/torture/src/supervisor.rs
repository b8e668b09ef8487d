//! Starts the server, ends it in many ways at many moments, and starts it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch_testkit::ServerProcess;
use anyhow::{Context, Result};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;

use crate::harness::{Harness, Running};
use crate::server::{Setup, client, moved};

/// How long a server lives at most.
const LIFE_MAX: Duration = Duration::from_secs(8);

/// What became of the server so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives {
    pub(crate) kills: u64,
    /// Of the kills: right after a reshard began.
    pub(crate) in_reshard: u64,
    /// Of the kills: before the server said that it listens.
    pub(crate) in_start: u64,
    /// Ended with SIGTERM.
    pub(crate) stops: u64,
    /// From the start of the process until it listens.
    pub(crate) restarts: Vec<Duration>,
    pub(crate) memory_max: u64,
}

/// How a server's life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Kill,
    KillInReshard,
    Stop,
}

pub(crate) struct Supervisor {
    setup: Setup,
    place: watch::Sender<Option<Running>>,
    last: Option<Running>,
    server: Option<ServerProcess>,
    rng: StdRng,
    pub(crate) lives: watch::Sender<Lives>,
}

impl Supervisor {
    pub(crate) fn new(setup: Setup, place: watch::Sender<Option<Running>>, rng: StdRng) -> Self {
        let lives = watch::Sender::new(Lives::default());
        Self { setup, place, last: None, server: None, rng, lives }
    }

    pub(crate) async fn start(&mut self) -> Result<Running> {
        if self.last.is_some() && self.rng.random_bool(0.2) {
            let mut server = self.setup.spawn()?;
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..80))).await;
            server.kill().await.context("killing a server that starts")?;
            self.lives.send_modify(|lives| {
                lives.kills += 1;
                lives.in_start += 1;
            });
        }
        let mut server = self.setup.spawn()?;
        let (endpoint, took) = server.listening().await?;
        self.server = Some(server);
        let address = endpoint.strip_prefix("http://").and_then(|address| address.parse().ok());
        let address = address.with_context(|| format!("no address: {endpoint}"))?;
        let (generation, client) = match &self.last {
            None => (1, client(&endpoint)),
            Some(last) => (last.generation + 1, moved(&last.client, &endpoint)),
        };
        let running = Running { generation, address, client };
        if self.last.is_some() {
            self.lives.send_modify(|lives| lives.restarts.push(took));
        }
        self.last = Some(running.clone());
        self.place.send_replace(Some(running.clone()));
        Ok(running)
    }

    /// Lets servers live and die until the time has come.
    pub(crate) async fn torture(&mut self, harness: &Arc<Harness>, until: Instant) -> Result<()> {
        while Instant::now() < until {
            let death = match self.rng.random_range(0..10) {
                0..5 => Death::Kill,
                5..9 => Death::KillInReshard,
                _ => Death::Stop,
            };
            self.live(harness, death, until).await?;
            self.end(death).await?;
            self.start().await?;
        }
        Ok(())
    }

    /// Kills it once more, and starts it again.
    pub(crate) async fn kill_and_start(&mut self) -> Result<Running> {
        self.end(Death::Kill).await?;
        self.start().await
    }

    /// Waits for what it cannot survive.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match &mut self.server {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.place.send_replace(None);
        self.note_memory();
        match self.server.take() {
            Some(mut server) => server.terminate().await,
            None => Ok(()),
        }
    }

    async fn live(&mut self, harness: &Harness, death: Death, until: Instant) -> Result<()> {
        let span = LIFE_MAX.mul_f64(self.rng.random::<f64>().powi(2));
        let moment = Duration::from_micros(self.rng.random_range(0..40_000));
        let waiting = async {
            if death == Death::KillInReshard {
                tokio::time::sleep(span / 4).await;
                let reshard = harness.resharding.notified();
                let _ = tokio::time::timeout(LIFE_MAX, reshard).await;
                tokio::time::sleep(moment).await;
            } else {
                tokio::time::sleep(span).await;
            }
        };
        tokio::select! {
            () = waiting => Ok(()),
            () = tokio::time::sleep_until(until.into()) => Ok(()),
            error = self.ended() => Err(error),
        }
    }

    async fn end(&mut self, death: Death) -> Result<()> {
        // First, so that whoever loses its connection knows to wait for the next server.
        self.place.send_replace(None);
        self.note_memory();
        let mut server = self.server.take().context("there is no server")?;
        match death {
            Death::Stop => server.terminate().await?,
            Death::Kill | Death::KillInReshard => server.kill().await?,
        }
        self.lives.send_modify(|lives| match death {
            Death::Stop => lives.stops += 1,
            Death::Kill => lives.kills += 1,
            Death::KillInReshard => {
                lives.kills += 1;
                lives.in_reshard += 1;
            }
        });
        Ok(())
    }

    fn note_memory(&self) {
        let memory = self.server.as_ref().and_then(ServerProcess::memory);
        if let Some(memory) = memory {
            self.lives.send_modify(|lives| lives.memory_max = lives.memory_max.max(memory.peak));
        }
    }
}
