//! `anabranch bench`: how fast an endpoint is, and what that costs.

use std::path::PathBuf;
use std::time::Duration;

use anabranch_client::{Connection, DEFAULT_ENDPOINT, EndpointChoice};
use anabranch_protocol::sigv4::{Credentials, Signer};
use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::bench::wire::{Auth, Target, Wire};
use crate::bench::{self, Plan, Workload};
use crate::output;
use crate::units::{ByteSize, parse_span};

/// Measure any Kinesis endpoint: throughput, latency, and what both cost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch bench --stream load --shards 4 --duration 10s --delete-after
  anabranch bench --stream load --shards 4 --workload put-record --connections 64
  anabranch bench --stream load --workload get --connections 4
  anabranch bench --stream load --workload end-to-end --rate 200 --batch 1
  anabranch bench --stream load --workload fan-out --rate 1000 --consumers 2
  anabranch bench --stream load --rate 50 --server-pid $(pidof anabranch) --json
  anabranch bench --endpoint https://kinesis.eu-west-1.amazonaws.com --region eu-west-1 \\
      --signed --stream load --rate 5

Without --rate each connection sends its next request when the last one is answered (closed
loop). With --rate requests have fixed times and latency counts from them (open loop, no
coordinated omission). Amazon bills what a benchmark writes.")]
pub(crate) struct BenchArgs {
    /// Endpoint URL
    #[arg(long, value_name = "URL", env = "ANABRANCH_ENDPOINT", default_value = DEFAULT_ENDPOINT)]
    endpoint: String,
    /// What to measure
    #[arg(long, value_enum, default_value_t = Workload::PutRecords)]
    workload: Workload,
    /// Name of the stream
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// Create the stream with so many shards if it is missing
    #[arg(long, value_name = "N")]
    shards: Option<u32>,
    /// Delete the stream afterwards
    #[arg(long)]
    delete_after: bool,

    /// Data of a record, e.g. 1KiB
    #[arg(long, value_name = "SIZE", default_value = "1KiB", help_heading = "Load")]
    record_size: ByteSize,
    /// Records per PutRecords request [default: 500, end-to-end and fan-out 1]
    #[arg(long, value_name = "N", help_heading = "Load",
          value_parser = clap::value_parser!(u16).range(1..=500))]
    batch: Option<u16>,
    /// Connections
    #[arg(long, short, value_name = "N", default_value_t = 8, help_heading = "Load",
          value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// HTTP/2 instead of HTTP/1.1; prior knowledge on http://, ALPN on https://
    #[arg(long, help_heading = "Load")]
    http2: bool,
    /// Requests at once on an HTTP/2 connection
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load",
          requires = "http2", value_parser = clap::value_parser!(u16).range(1..))]
    streams_per_connection: u16,
    /// Measure for this long
    #[arg(long, short, value_name = "SPAN", default_value = "10s", value_parser = parse_span,
          help_heading = "Load")]
    duration: Duration,
    /// Run for this long before measuring [default: 1s for puts without --max-requests, else 0s]
    #[arg(long, value_name = "SPAN", value_parser = parse_span, help_heading = "Load")]
    warmup: Option<Duration>,
    /// Open loop: requests per second in all [default: closed loop; end-to-end and
    /// fan-out 100]
    #[arg(long, value_name = "R", value_parser = parse_rate, help_heading = "Load")]
    rate: Option<f64>,
    /// Stop after so many requests, those of the warm-up included
    #[arg(long, value_name = "N", help_heading = "Load")]
    max_requests: Option<u64>,
    /// Wire format
    #[arg(long, value_enum, default_value_t = Codec::Json, help_heading = "Load")]
    codec: Codec,
    /// Seed of data and keys
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    seed: u64,

    /// Records per GetRecords call
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = "Reading",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    read_limit: u32,
    /// get: start again at the tip, until the duration is over
    #[arg(long, help_heading = "Reading")]
    repeat: bool,
    /// end-to-end: pause between two reads of a shard; AWS's limit is five a second
    #[arg(long, value_name = "SPAN", default_value = "200ms", value_parser = parse_span,
          help_heading = "Reading")]
    poll_interval: Duration,

    /// fan-out: consumers, each of which subscribes to every shard
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Reading",
          value_parser = clap::value_parser!(u16).range(1..))]
    consumers: u16,

    /// Sign with SigV4: with the given key, else with the credentials of the AWS configuration
    #[arg(long, help_heading = "Connection")]
    signed: bool,
    /// Access key id; implies --signed
    #[arg(long, value_name = "KEY", requires = "secret_key", help_heading = "Connection")]
    access_key: Option<String>,
    /// Secret access key
    #[arg(
        long,
        value_name = "SECRET",
        requires = "access_key",
        help_heading = "Connection",
        env = "ANABRANCH_BENCH_SECRET_KEY",
        hide_env_values = true
    )]
    secret_key: Option<String>,
    /// Session token of temporary credentials
    #[arg(long, value_name = "TOKEN", requires = "access_key", help_heading = "Connection")]
    session_token: Option<String>,
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    profile: Option<String>,
    /// Region in the signature
    #[arg(
        long,
        value_name = "REGION",
        env = "AWS_REGION",
        default_value = "us-east-1",
        help_heading = "Connection"
    )]
    region: String,
    /// Unsigned requests carry a well-formed but made-up signature
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set,
          help_heading = "Connection")]
    dummy_auth: bool,
    /// PEM file of certificates to trust as well as the system's
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca_bundle: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long, conflicts_with = "ca_bundle", help_heading = "Connection")]
    insecure: bool,
    /// Give a request up after this long
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = parse_span,
          help_heading = "Connection")]
    timeout: Duration,

    /// Threads of this client
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Also report processor time and memory of this process, the server's
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The formats that bodies can be built in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Codec {
    /// JSON 1.1, what all SDKs but Java's send
    Json,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(format!("a rate is a positive number rate={text:?}")),
    }
}

impl BenchArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut builder = match self.threads {
            1 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        if self.threads > 1 {
            builder.worker_threads(usize::from(self.threads));
        }
        let runtime = builder.enable_all().build().context("cannot start the runtime")?;
        runtime.block_on(async {
            tokio::select! {
                outcome = self.measure() => outcome,
                _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted, nothing to report"),
            }
        })
    }

    async fn measure(&self) -> anyhow::Result<()> {
        let target = Target {
            url: self.endpoint.clone(),
            http2: self.http2,
            ca_bundle: self.ca_bundle.clone(),
            insecure: self.insecure,
            timeout: self.timeout,
        };
        let wire = Wire::new(&target, self.auth().await?)?;
        let report = bench::run(&self.plan(), wire).await?;
        if self.json {
            return output::write_json(&report);
        }
        output::write_stdout(report.to_text().as_bytes())
    }

    fn plan(&self) -> Plan {
        let puts = self.workload != Workload::Get;
        let default_batch = match self.workload {
            Workload::PutRecords | Workload::Get => 500,
            Workload::PutRecord | Workload::EndToEnd | Workload::FanOut | Workload::TagStreams => 1,
        };
        let batch = match self.workload {
            Workload::PutRecord => 1,
            _ => usize::from(self.batch.unwrap_or(default_batch)),
        };
        let default_warmup = Duration::from_secs(u64::from(puts && self.max_requests.is_none()));
        let default_rate = self.workload.has_readers_and_writers().then_some(100.0);
        Plan {
            endpoint: self.endpoint.clone(),
            http2: self.http2,
            workload: self.workload,
            stream: self.stream.clone(),
            create_shards: self.shards,
            delete_after: self.delete_after,
            record_bytes: usize::try_from(self.record_size.0).unwrap_or(usize::MAX),
            batch,
            connections: usize::from(self.connections),
            streams_per_connection: usize::from(self.streams_per_connection),
            duration: self.duration,
            warmup: self.warmup.unwrap_or(default_warmup),
            rate: self.rate.or(default_rate),
            requests_max: self.max_requests,
            seed: self.seed,
            read_limit: self.read_limit,
            repeat: self.repeat,
            poll_interval: self.poll_interval,
            consumers: usize::from(self.consumers),
            server_pid: self.server_pid,
        }
    }

    async fn auth(&self) -> anyhow::Result<Auth> {
        let credentials = match (&self.access_key, &self.secret_key) {
            (Some(key), Some(secret)) => Credentials {
                access_key_id: key.clone(),
                secret_access_key: secret.clone(),
                session_token: self.session_token.clone(),
            },
            _ if self.signed => self.configured_credentials().await?,
            _ if self.dummy_auth => return Ok(Auth::Dummy { region: self.region.clone() }),
            _ => return Ok(Auth::None),
        };
        let signer = Signer::new(credentials, self.region.clone(), "kinesis");
        Ok(Auth::Signed(Box::new(signer)))
    }

    /// Credentials are resolved once: temporary ones must outlive the run.
    async fn configured_credentials(&self) -> anyhow::Result<Credentials> {
        let connection = Connection {
            endpoint: EndpointChoice::Url(self.endpoint.clone()),
            region: Some(self.region.clone()),
            profile: self.profile.clone(),
            ..Connection::default()
        };
        let credentials = connection.credentials_now().await?;
        Ok(Credentials {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned(),
            session_token: credentials.session_token().map(str::to_owned),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn plan(flags: &[&str]) -> Plan {
        let fixed = ["bench", "--stream", "s"];
        let parsed = Wrapper::try_parse_from(fixed.iter().chain(flags)).unwrap();
        parsed.args.plan()
    }

    #[test]
    fn decides_defaults_by_workload() {
        let puts = plan(&[]);
        assert_eq!((puts.batch, puts.rate, puts.warmup), (500, None, Duration::from_secs(1)));
        let single = plan(&["--workload", "put-record", "--batch", "7"]);
        assert_eq!(single.batch, 1);
        let reads = plan(&["--workload", "get"]);
        assert_eq!(reads.warmup, Duration::ZERO);
        let both = plan(&["--workload", "end-to-end"]);
        assert_eq!((both.batch, both.rate), (1, Some(100.0)));
        assert_eq!(plan(&["--max-requests", "5"]).warmup, Duration::ZERO);
    }

    #[test]
    fn refuses_impossible_rates() {
        for text in ["0", "-1", "NaN", "inf", "x"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
