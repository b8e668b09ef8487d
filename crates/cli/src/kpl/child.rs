//! The child's life: one task reads the Java half's messages, another tells results.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anabranch_producer::{
    CloudWatch, KplSettings, LogLevel, MetricsLevel, Producer, PutError, Receipt, Record, Settings,
    Stored,
};
use anyhow::Context;
use bytes::Bytes;
use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

use super::arguments::Arguments;
use super::credentials::{CredentialsInbox, piped};
use super::frames::{self, FrameError};
use super::messages::{Body, Message, PutRecord};
use super::{configuration, connection, metrics, pipes, results};
use crate::log_writer::LogWriter;

/// No other child would do better.
const WRONG_CONFIGURATION: u8 = 1;
/// The Java half starts another one.
const BROKEN: u8 = 3;

/// How long what was read is still sent when the Java half is gone, and how long results are told then.
const PATIENCE: Duration = Duration::from_secs(10);
const TELLING_PATIENCE: Duration = Duration::from_secs(2);
/// How long the last upload of metrics may take then.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(3);

/// Bytes that are read at once; results that are written at once.
const READ_BYTES: usize = 256 << 10;
const WRITE_BYTES: usize = 64 << 10;
/// What waits between the two tasks. Each is charged to the producer's memory already.
const QUEUE: usize = 1_024;

/// Lives until the Java half is gone.
pub(crate) fn run(words: &[OsString]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("anabranch kpl: cannot start the runtime: {error}");
            return ExitCode::from(BROKEN);
        }
    };
    let (code, error) = match runtime.block_on(set_up(words)) {
        Err(error) => (WRONG_CONFIGURATION, Some(error)),
        Ok(set_up) => match runtime.block_on(set_up.live()) {
            Ok(()) => (0, None),
            Err(error) => (BROKEN, Some(error)),
        },
    };
    if let Some(error) = error {
        eprintln!("anabranch kpl: {error:#}");
    }
    // A thread may still open a pipe that nobody else opens.
    runtime.shutdown_background();
    ExitCode::from(code)
}

/// A child that has its configuration.
struct Child {
    arguments: Arguments,
    producer: Producer,
    credentials: CredentialsInbox,
    metrics_credentials: CredentialsInbox,
    log: LogWriter,
}

/// Every error is one of configuration.
async fn set_up(words: &[OsString]) -> anyhow::Result<Child> {
    let mut arguments = Arguments::parse(words)?;
    let settings = configuration::settings(&arguments.configuration)?;
    let log = start_log(arguments.log_level.as_deref(), &settings)?;
    let (inbox, credentials) = piped(arguments.credentials.take());
    let client = connection::client(&settings, credentials).await?;
    let metrics_dimensions = configuration::dimensions(&arguments.configuration);
    let producer =
        Producer::new(&client, Settings { metrics_dimensions, ..Settings::from(&settings) });
    let (metrics_credentials, for_cloudwatch) = piped(arguments.metrics_credentials.take());
    if settings.metrics_level != MetricsLevel::None
        && let Some(client) = connection::cloudwatch(&settings, for_cloudwatch).await?
    {
        let every = Duration::from_millis(settings.metrics_upload_delay);
        producer.upload_metrics(CloudWatch::new(client, &settings.metrics_namespace), every);
    }
    Ok(Child { arguments, producer, credentials: inbox, metrics_credentials, log })
}

/// `level` of the command line, else that of the settings. Of others than us only warnings are logged:
/// what they tell at the finer levels may be secret.
fn start_log(level: Option<&str>, settings: &KplSettings) -> anyhow::Result<LogWriter> {
    let mut wanted = settings.clone();
    if let Some(level) = level {
        wanted.set("LogLevel", level)?;
    }
    let (ours, others) = match wanted.log_level {
        LogLevel::Trace => ("trace", "warn"),
        LogLevel::Debug => ("debug", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Warning => ("warn", "warn"),
        LogLevel::Error => ("error", "error"),
    };
    let filter =
        format!("{others},anabranch={ours},anabranch_producer={ours},anabranch_client={ours}");
    let filter = EnvFilter::try_new(filter).context("not a log filter")?;
    let writer = LogWriter::start().context("cannot start the log's thread")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer.clone());
    log.with_ansi(false).init();
    Ok(writer)
}

/// What the reading task hands to the telling one.
enum Told {
    /// A record whose result is not there yet.
    Waiting(Waiting),
    /// An answer, with the id of its question.
    Answer(u64, Box<Body>),
}

/// A record that was put.
struct Waiting {
    id: u64,
    receipt: Receipt,
}

impl Waiting {
    async fn outcome(self) -> (u64, Result<Stored, PutError>) {
        (self.id, self.receipt.await)
    }
}

impl Child {
    async fn live(self) -> anyhow::Result<()> {
        // Control-C in a terminal is for the Java half, which closes the pipe when it has done.
        let _interrupts = signal(SignalKind::interrupt()).context("signals cannot be handled")?;
        let (from_java, to_java) =
            pipes::open(&self.arguments.from_java, &self.arguments.to_java).await?;
        tracing::info!("started");
        let (queue, told) = mpsc::channel(QUEUE);
        let mut telling = std::pin::pin!(tell(to_java, told));
        let mut reading = std::pin::pin!(self.read(from_java, queue));
        let ended = tokio::select! {
            read = &mut reading => Ended::Read(read),
            told = &mut telling => Ended::Told(told),
        };
        let outcome = match ended {
            Ended::Read(read) => {
                // The queue is closed when all that was read has an outcome.
                tracing::info!("no more records come");
                let closing = async {
                    let closed = self.producer.close(PATIENCE).await;
                    if let Err(error) = closed {
                        tracing::error!(%error, "not all records were sent");
                    }
                    sleep(TELLING_PATIENCE).await;
                };
                let told = tokio::select! {
                    told = &mut telling => told.context("the pipe cannot be written"),
                    () = closing => Ok(()),
                };
                // All results are told, or never will be: what is left is the metrics' last upload.
                let _ = self.producer.close(UPLOAD_PATIENCE).await;
                told.and(read.map_err(Into::into))
            }
            Ended::Told(told) => {
                if let Err(error) = self.producer.close(PATIENCE).await {
                    tracing::error!(%error, "not all records were sent");
                }
                told.context("the pipe cannot be written")
            }
        };
        self.log.flush();
        outcome
    }

    /// Reads until no message comes. While there is no room for a record, none is read.
    async fn read(&self, pipe: Receiver, queue: mpsc::Sender<Told>) -> Result<(), FrameError> {
        let mut pipe = BufReader::with_capacity(READ_BYTES, pipe);
        while let Some(Message { id, body, .. }) = frames::read(&mut pipe).await? {
            let told = match body {
                Some(Body::PutRecord(record)) => self.put(id, record).await,
                Some(Body::Flush(flush)) => {
                    self.producer.hurry(flush.stream_name.as_deref());
                    continue;
                }
                Some(Body::SetCredentials(set)) => {
                    let inbox = match set.for_metrics {
                        Some(true) => &self.metrics_credentials,
                        _ => &self.credentials,
                    };
                    if let Some(credentials) = set.credentials {
                        inbox.set(credentials);
                    }
                    continue;
                }
                Some(Body::MetricsRequest(request)) => {
                    let answer = metrics::answer(&self.producer, &request);
                    Told::Answer(id, Box::new(Body::MetricsResponse(answer)))
                }
                // Streams are known by their names; answers are not for us; others are newer.
                _ => continue,
            };
            // Closed when results can no longer be told, which ends this task as well.
            if queue.send(told).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn put(&self, id: u64, message: PutRecord) -> Told {
        let refused = |reason: &str| {
            Told::Answer(id, Box::new(Body::PutRecordResult(results::of_refused(reason))))
        };
        let PutRecord { stream_name, partition_key, explicit_hash_key, data } = message;
        let mut record = Record::new(partition_key, own(data));
        if let Some(text) = explicit_hash_key.filter(|text| !text.is_empty()) {
            let Some(key) = anabranch_model::hash_key::parse(&text) else {
                return refused("the explicit hash key is not a number below 2^128");
            };
            record = record.explicit_hash_key(key);
        }
        match self.producer.put(&stream_name, record).await {
            Ok(receipt) => Told::Waiting(Waiting { id, receipt }),
            Err(error) => refused(&error.to_string()),
        }
    }
}

enum Ended {
    Read(Result<(), FrameError>),
    Told(std::io::Result<()>),
}

/// The data without the rest of its message, which would be kept as long.
fn own(data: Bytes) -> Bytes {
    Bytes::copy_from_slice(&data)
}

/// Tells results as they come, until the queue is closed and empty.
async fn tell(mut pipe: Sender, mut queue: mpsc::Receiver<Told>) -> std::io::Result<()> {
    let mut waiting = FuturesUnordered::new();
    let mut buffer = Vec::new();
    let mut answers: u64 = 0;
    let mut is_open = true;
    while is_open || !waiting.is_empty() {
        // One to wait for, then what is there already.
        while buffer.len() < WRITE_BYTES {
            let next = async {
                tokio::select! {
                    biased;
                    Some((id, outcome)) = waiting.next() => {
                        Some(Told::Answer(id, Box::new(Body::PutRecordResult(results::of(&outcome)))))
                    }
                    told = queue.recv(), if is_open => told,
                    else => None,
                }
            };
            let next = match buffer.is_empty() {
                true => next.await,
                false => match next.now_or_never() {
                    Some(next) => next,
                    None => break,
                },
            };
            match next {
                Some(Told::Waiting(one)) => waiting.push(one.outcome()),
                Some(Told::Answer(source, body)) => {
                    answers += 1;
                    let message =
                        Message { id: answers, source_id: Some(source), body: Some(*body) };
                    frames::append(&mut buffer, &message);
                }
                None if is_open => is_open = false,
                None => break,
            }
        }
        pipe.write_all(&buffer).await?;
        buffer.clear();
    }
    Ok(())
}
