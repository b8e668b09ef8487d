//! A run: everything that takes part, from the first record to the last that is checked.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anabranch_client::{Connection, EndpointChoice};
use anabranch_producer::{Producer, Settings};
use anabranch_testkit::Port;
use anabranch_testkit::pattern::mix;
use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use shards::Failure;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::arguments::Arguments;
use crate::chaos::{self, Resharding, Setup, Supervisor};
use crate::load::{Progress, Task};
use crate::proxy::Proxy;
use crate::reader::read_all;
use crate::report::{self, Run};
use crate::truth::{Figures, Problem, Told, Truth};
use crate::workload::{DATA_BYTES_MIN, Workload};

const STREAM: &str = "proof";
const SHARDS: i32 = 4;
/// How long the last records may take to have an outcome.
const CLOSE_MAX: Duration = Duration::from_secs(120);

/// Everything that takes part but the load.
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) supervisor: Supervisor,
    pub(crate) producer: Producer,
    pub(crate) workload: Workload,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: watch::Sender<bool>,
    /// What must not end.
    tasks: JoinSet<Result<()>>,
    reshards: Arc<AtomicU64>,
}

impl Scene {
    /// A server with a stream, a proxy before it that does nothing to requests unless `chance` says so, and
    /// a producer.
    pub(crate) async fn set(
        arguments: &Arguments,
        seed: u64,
        directory: &Path,
        chance: f64,
    ) -> Result<Self> {
        let workload = workload(arguments, seed)?;
        ensure!(!directory.exists(), "{} is there already", directory.display());
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let setup = Setup {
            binary: arguments.server.clone(),
            directory: directory.to_owned(),
            shard_write_bytes: arguments.shard_write_bytes.clone(),
        };
        let request_timeout = Duration::from_millis(arguments.request_timeout_ms);
        let proxy = Proxy::new(chance, request_timeout.mul_f64(1.5), rng(seed, 1));
        let proxy = Arc::new(proxy);
        let supervisor = Supervisor::start(setup, proxy.clone(), rng(seed, 2)).await?;
        let direct = supervisor.now()?.client;
        direct.create_stream().stream_name(STREAM).shard_count(SHARDS).send().await?;
        chaos::until_active(&direct, STREAM).await.map_err(Failure::into_error)??;

        let port = Port::bind().await?;
        let endpoint = format!("http://{}", port.address());
        let mut tasks = JoinSet::new();
        let serving = proxy.clone();
        tasks.spawn(async move { serving.serve(port).await.map(|never| match never {}) });
        let connection =
            Connection { endpoint: EndpointChoice::Url(endpoint), ..Connection::default() };
        let client = connection.client().await?;
        let producer = Producer::new(&client, settings(arguments, request_timeout));
        Ok(Self {
            seed,
            proxy,
            supervisor,
            producer,
            workload,
            progress: Arc::default(),
            stop: watch::Sender::new(false),
            tasks,
            reshards: Arc::default(),
        })
    }

    /// The tasks that put.
    pub(crate) fn load(&self, arguments: &Arguments) -> JoinSet<Result<(u32, Told)>> {
        // What has an outcome waits here behind what has none: no more than the library's buffer has.
        let receipts_max = arguments.buffer_bytes / Settings::RECORD_OVERHEAD_BYTES;
        let receipts_max = receipts_max / self.workload.tasks as usize + 1;
        let rate = Some(f64::from(arguments.rate)).filter(|rate| *rate > 0.0);
        let mut load = JoinSet::new();
        for number in 0..self.workload.tasks {
            let task = Task {
                producer: self.producer.clone(),
                stream: STREAM,
                workload: self.workload.clone(),
                number,
                rate: rate.map(|rate| rate / f64::from(self.workload.tasks)),
                receipts_max,
                stop: self.stop.subscribe(),
                progress: self.progress.clone(),
            };
            load.spawn(async move { Ok((number, task.run().await?)) });
        }
        load
    }

    /// Waits for all that was told, while the server is killed and the stream is changed.
    async fn struggle(&mut self, arguments: &Arguments) -> Result<Vec<Told>> {
        let load = self.load(arguments);
        let notify = Arc::new(Notify::new());
        if arguments.reshard_seconds > 0.0 {
            let resharding = Resharding {
                stream: STREAM,
                running: self.supervisor.running.subscribe(),
                pause_max: Duration::from_secs_f64(arguments.reshard_seconds),
                begun: notify.clone(),
                count: self.reshards.clone(),
                rng: rng(self.seed, 3),
            };
            self.tasks.spawn(resharding.run());
        }
        self.tasks.spawn(report::progress(
            self.progress.clone(),
            self.proxy.clone(),
            self.workload.records(),
        ));
        let refusing = self.proxy.clone();
        let (supervisor, tasks, seed) = (&mut self.supervisor, &mut self.tasks, self.seed);
        let over = watch::Sender::new(false);
        let putting = async {
            let told = all(load).await;
            over.send_replace(true);
            told
        };
        // It is not to be left in the middle of a kill.
        let living = supervisor.live(arguments.life_seconds, &notify, over.subscribe());
        let struggling = async { tokio::try_join!(putting, living) };
        let told = tokio::select! {
            told = struggling => told?.0,
            error = first_end(tasks) => return Err(error),
            never = refuse(arguments.fault_percent > 0, &refusing, rng(seed, 4)) => match never {},
        };
        self.proxy.refuse(false);
        Ok(told)
    }

    /// Ends what changes the stream, kills the server once more, reads everything and judges.
    pub(crate) async fn judge(mut self, told: Vec<Told>) -> Result<(Figures, Vec<Problem>, u64)> {
        self.producer.close(CLOSE_MAX).await?;
        // What was given up by its sender may still come.
        self.proxy.until_idle().await;
        self.tasks.shutdown().await;
        self.supervisor.kill_and_start().await?;
        let client = self.supervisor.now()?.client;
        chaos::until_active(&client, STREAM).await.map_err(Failure::into_error)??;
        let workload = self.workload.clone();
        let mut truth = Truth::new(workload, told);
        read_all(&client, STREAM, &mut truth).await?;
        let (figures, problems) = truth.finish();
        Ok((figures, problems, self.supervisor.kills))
    }

    /// So that the first records are aggregated, too; its failure is another fault.
    pub(crate) async fn prepare(&self) {
        let _ = self.producer.prepare(STREAM).await;
    }
}

impl Supervisor {
    /// Lives until it is over, unless something fails.
    async fn live(
        &mut self,
        life_seconds: f64,
        reshards: &Notify,
        mut over: watch::Receiver<bool>,
    ) -> Result<()> {
        if life_seconds > 0.0 {
            let life_max = Duration::from_secs_f64(life_seconds);
            return self.kill_at_random(life_max, reshards, over).await;
        }
        tokio::select! {
            _ = over.wait_for(|over| *over) => Ok(()),
            error = self.ended() => Err(error),
        }
    }
}

/// The whole proof.
pub(crate) async fn prove(arguments: &Arguments, seed: u64, directory: &Path) -> Result<()> {
    let chance = f64::from(arguments.fault_percent.min(100)) / 100.0;
    let mut scene = Scene::set(arguments, seed, directory, chance).await?;
    scene.prepare().await;
    let begun = Instant::now();
    let told = scene.struggle(arguments).await?;
    let took = begun.elapsed();
    let (proxy, reshards) = (scene.proxy.clone(), scene.reshards.clone());
    println!("produce_proof: all have an outcome; reading everything");
    let begun = Instant::now();
    let (figures, problems, kills) = scene.judge(told).await?;
    let reshards = reshards.load(std::sync::atomic::Ordering::Relaxed);
    let run = Run { seed, took, checked: begun.elapsed(), kills, reshards };
    report::verdict(&run, &figures, &problems, &proxy.happened);
    ensure!(problems.is_empty(), "{} differences", figures.problems);
    ensure!(
        arguments.record_ttl_ms.is_some() || figures.failed == 0,
        "{} records failed that were to be tried for ever",
        figures.failed
    );
    // The last kill is always there.
    let happened = (kills > 1 || arguments.life_seconds == 0.0)
        && (reshards > 0 || arguments.reshard_seconds == 0.0)
        && (proxy.happened.faults().len() > 3 || arguments.fault_percent == 0);
    ensure!(happened, "too little has happened for a proof");
    Ok(())
}

fn workload(arguments: &Arguments, seed: u64) -> Result<Workload> {
    let tasks = arguments.tasks.max(1);
    let bytes = arguments.record_bytes;
    ensure!(bytes.is_none_or(|bytes| bytes >= DATA_BYTES_MIN), "records have 8 bytes at least");
    Ok(Workload {
        seed,
        tasks,
        records_per_task: arguments.records.div_ceil(u64::from(tasks)),
        keys_per_task: arguments.keys.div_ceil(tasks).max(1),
        record_bytes: bytes,
    })
}

fn settings(arguments: &Arguments, request_timeout: Duration) -> Settings {
    Settings {
        aggregation_enabled: !arguments.plain,
        aggregation_max_size: arguments.aggregation_max_size,
        rate_limit: None,
        record_ttl: arguments.record_ttl_ms.map(Duration::from_millis),
        request_timeout,
        buffer_max_bytes: arguments.buffer_bytes,
        ..Settings::default()
    }
}

/// Random choices of one part of a run.
fn rng(seed: u64, part: u64) -> StdRng {
    StdRng::seed_from_u64(mix(seed ^ mix(part)))
}

/// What all tasks were told, in the order of their numbers.
pub(crate) async fn all(mut load: JoinSet<Result<(u32, Told)>>) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    while let Some(task) = load.join_next().await {
        told.push(task.context("a task that puts panicked")??);
    }
    told.sort_by_key(|(number, _)| *number);
    Ok(told.into_iter().map(|(_, told)| told).collect())
}

async fn first_end(tasks: &mut JoinSet<Result<()>>) -> anyhow::Error {
    match tasks.join_next().await {
        Some(Ok(Err(error))) => error,
        Some(Err(error)) => anyhow::Error::from(error).context("a task panicked"),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a task ended"),
    }
}

async fn refuse(is_wanted: bool, proxy: &Proxy, rng: StdRng) -> Infallible {
    match is_wanted {
        true => chaos::refuse_at_random(proxy, rng).await,
        false => std::future::pending().await,
    }
}
