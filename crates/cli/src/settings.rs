//! The settings of `anabranch serve`: where they come from and what they become.
//!
//! A setting has one name in three places: the flag `--data-dir`, the environment variable
//! `ANABRANCH_DATA_DIR` and the key `data-dir` of the TOML file. The file is the weakest and the
//! flag the strongest. They are merged once, checked together, and passed down as one immutable
//! [`ServeSettings`]; nothing reads the environment later.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anabranch_engine as engine;
use anabranch_model::AWS_REGIONS;
use anabranch_protocol::sigv4::is_region_name;
use anabranch_server::{AdminListen, AllowedHost, AuditDestination};
use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::units::ByteSize;

mod memory;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod values;

use memory::{MemoryPlan, Wanted};
use values::{DRAIN_TIMEOUT, merge_admin, parse_all, span};
pub(crate) use values::{Durability, MemoryFull};

/// The keyring's name in the data directory.
pub(crate) const KEYRING_NAME: &str = "keyring.toml";
/// The Region of callers that do not say theirs.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
/// Where everything durable is, unless somebody says otherwise.
pub(crate) const DEFAULT_DATA_DIR: &str = "./anabranch-data";

/// The account of callers that do not say theirs.
pub(crate) const DEFAULT_ACCOUNT_ID: &str = "123456789012";

/// In a list of Regions: all that AWS has.
const AWS: &str = "aws";

/// As the audit log's file: standard error.
const STDERR: &str = "stderr";

/// States that pass by themselves shall pass within an hour.
const TRANSITION_MS_MAX: u64 = 3_600_000;

/// AWS's limits of one shard: 1 MiB/s and 1,000 records/s in, 2 MiB/s and 5 calls/s out.
const AWS_SHARD_LIMITS: ShardLimits = ShardLimits {
    write_bytes_per_s: 1 << 20,
    write_records_per_s: 1_000,
    read_bytes_per_s: 2 << 20,
    read_calls_per_s: 5,
    consumer_bytes_per_s: 2 << 20,
    subscribe_calls_per_s: 1,
};

const NO_SHARD_LIMITS: ShardLimits = ShardLimits {
    write_bytes_per_s: 0,
    write_records_per_s: 0,
    read_bytes_per_s: 0,
    read_calls_per_s: 0,
    consumer_bytes_per_s: 0,
    subscribe_calls_per_s: 0,
};

/// Everything `serve` needs, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServeSettings {
    /// Address of the one port for HTTP/1.1 and HTTP/2. Default 127.0.0.1:4567. Port 0 takes a
    /// free port; an address that is not loopback needs `credentials` or `insecure_anonymous`.
    pub(crate) listen: SocketAddr,
    /// Where probes and the operator are answered, in plain HTTP. Default
    /// 127.0.0.1:4569, if it is free; a free port if `listen` takes one.
    pub(crate) admin_listen: AdminListen,
    /// How long the server goes on as ever after SIGTERM, telling probes that it drains. Default 0.
    pub(crate) lame_duck: Duration,
    /// How long requests under way may take after that. Default 10 s.
    pub(crate) drain_timeout: Duration,
    pub(crate) trust_clock: bool,
    /// Directory of everything durable. Default `./anabranch-data`; created if missing, used by
    /// one server at a time.
    pub(crate) data_dir: PathBuf,
    /// When a put is acknowledged. Default `sync`: after it is on the disk.
    pub(crate) durability: Durability,
    /// With durability `memory`, what happens when `tail_cache_bytes` are taken. Default `refuse`.
    /// With `drop-oldest` the oldest records go, whether they have been read or not.
    pub(crate) memory_full: MemoryFull,
    /// TLS of the port. Default off.
    pub(crate) tls: Tls,
    /// File of accepted access keys. Default none: any credentials are accepted on loopback.
    pub(crate) credentials: Option<PathBuf>,
    /// File of the keys that streams can be encrypted with. Default `keyring.toml` in the data
    /// directory. What is encrypted with a lost key is lost.
    pub(crate) keyring: Option<PathBuf>,
    /// Hosts that requests may name. Default none. Without credentials loopback names and `listen`
    /// are answered as well, and web pages from all of them; with credentials the list is
    /// everything, if there is one.
    pub(crate) allowed_hosts: Vec<AllowedHost>,
    /// File of the audit log, or `stderr`. Default none. Lines that cannot be written are counted;
    /// no call waits for them.
    pub(crate) audit_log: Option<AuditDestination>,
    /// Whether calls on records are in the audit log. Default false: thousands a second.
    pub(crate) audit_data_calls: bool,
    /// Accept callers without credentials on any address. Default false. Whoever reaches the
    /// port can then read, write and delete everything.
    pub(crate) insecure_anonymous: bool,
    /// Twelve digits; the account of callers whose credentials name none. Default 123456789012.
    pub(crate) account_id: String,
    /// The Region of unsigned callers; signed ones name theirs. Default us-east-1.
    pub(crate) region: String,
    /// The Regions that there are besides `region`; `aws` stands for all that AWS has. Default `aws`.
    /// A signature for another is refused; who needs none and names another is in `region`.
    pub(crate) regions: Vec<String>,
    /// Open shards that one account may have in all Regions together. Default `shard_limit`.
    pub(crate) account_shard_limit: u32,
    /// On-demand streams that one account may have in all Regions together, unless `limits` is off.
    /// Default 50, which is what it may have in one Region.
    pub(crate) account_on_demand_limit: u32,
    /// Open shards that one account may have in one Region. Default 20000, as AWS in its
    /// largest Regions. Creating more is refused with LimitExceededException.
    pub(crate) shard_limit: u32,
    /// Milliseconds that CREATING, UPDATING and DELETING last. Default 20. Amazon takes seconds;
    /// 0 hides the states from clients, which can hide faults in them.
    pub(crate) transition_ms: u64,
    /// What the other limits start from. Default `shards`. With `off` there are none on streams
    /// and changes of them either, whatever is set for shards.
    pub(crate) limits: LimitsPreset,
    /// Throughput limits of each shard. Default AWS's.
    pub(crate) shard_limits: ShardLimits,
    /// Whether control operations are limited to Amazon's numbers of calls a second, 5 for most.
    /// Default false; true with `--limits aws`.
    pub(crate) limit_calls: bool,
    /// Milliseconds between looks at the load of on-demand streams. Default 60000. A shard is
    /// split after three periods over 500 KB/s; 0 leaves the streams' shards as they are.
    pub(crate) scaling_period_ms: u64,
    /// Form of the log lines on standard error. Default text.
    pub(crate) log_format: LogFormat,
    /// Filter of the log, e.g. `info` or `anabranch_storage=debug,warn`. Default info.
    pub(crate) log_level: String,
    /// Memory that the whole process may have, and its parts. Default half of the machine, or three
    /// quarters of what the control group may have. Of the parts three can be set: `tail_cache_bytes`,
    /// for readers near the tip (further behind they read from the disk); `journal_file_bytes` (larger
    /// files are recycled less often, and recovery takes longer); `max_connections` (further ones take
    /// the places of strangers, or wait in the listen queue).
    pub(crate) memory: MemoryPlan,
}

/// Throughput limits of one shard, each per second; 0 means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardLimits {
    /// Bytes written, partition keys included. AWS: 1 MiB.
    pub(crate) write_bytes_per_s: u64,
    /// Records written. AWS: 1,000.
    pub(crate) write_records_per_s: u64,
    /// Bytes read by GetRecords, all callers together. AWS: 2 MiB.
    pub(crate) read_bytes_per_s: u64,
    /// GetRecords calls. AWS: 5.
    pub(crate) read_calls_per_s: u64,
    /// Bytes pushed to each fan-out consumer. AWS: 2 MiB.
    pub(crate) consumer_bytes_per_s: u64,
    /// SubscribeToShard calls of each fan-out consumer. AWS: 1. Without it another call takes a
    /// subscription over at once, else when it is 5 seconds old.
    pub(crate) subscribe_calls_per_s: u64,
}

/// TLS of the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Plain HTTP.
    Off,
    /// A certificate for localhost, made at the first start and kept in the data directory.
    SelfSigned,
    /// PEM files.
    Files { cert: PathBuf, key: PathBuf },
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where shard limits start from before single ones are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LimitsPreset {
    /// Amazon's limits: of shards, of streams and shards in an account, of calls a second.
    Aws,
    /// Amazon's limits, but for the numbers of calls of control operations a second.
    Shards,
    /// No limits.
    Off,
}

impl ServeSettings {
    fn keyring_path(&self) -> PathBuf {
        self.keyring.clone().unwrap_or_else(|| self.data_dir.join(KEYRING_NAME))
    }

    fn region_names(&self) -> Vec<String> {
        let named = self.regions.iter().flat_map(|name| match name.as_str() {
            AWS => AWS_REGIONS.to_vec(),
            name => vec![name],
        });
        named.map(str::to_owned).collect()
    }

    /// The settings in the server's own terms.
    pub(crate) fn to_server(&self) -> anabranch_server::ServerSettings {
        use anabranch_server as server;
        let mut store = engine::StoreOptions::new(self.data_dir.clone());
        store.durability = match self.durability {
            Durability::Sync => engine::Durability::Sync,
            Durability::Interval(ms) => engine::Durability::Interval(Duration::from_millis(ms)),
            Durability::Memory => engine::Durability::Memory,
        };
        store.drops_oldest = self.memory_full == MemoryFull::DropOldest;
        store.journal_file_bytes = self.memory.journal_file_bytes;
        store.tail_cache_bytes = self.memory.tail_cache_bytes;
        store.queue_bytes = self.memory.queue_bytes;
        store.segment_cache_bytes = self.memory.segment_cache_bytes;
        let limits = self.shard_limits;
        server::ServerSettings {
            listen: self.listen,
            admin_listen: self.admin_listen,
            connection_threads: std::thread::available_parallelism().map_or(1, Into::into),
            drain_timeout: self.drain_timeout,
            trust_clock: self.trust_clock,
            tls: match &self.tls {
                Tls::Off => server::TlsSettings::Off,
                Tls::SelfSigned => server::TlsSettings::SelfSigned,
                Tls::Files { cert, key } => {
                    server::TlsSettings::Files { certificate: cert.clone(), key: key.clone() }
                }
            },
            access: match &self.credentials {
                Some(path) => server::Access::Credentials(path.clone()),
                None => server::Access::Open { insecure: self.insecure_anonymous },
            },
            allowed_hosts: self.allowed_hosts.clone(),
            audit: self.audit_log.clone().map(|destination| server::AuditSettings {
                destination,
                with_data_calls: self.audit_data_calls,
            }),
            account_id: self.account_id.clone(),
            region: self.region.clone(),
            regions: self.region_names(),
            keyring: self.keyring_path(),
            max_connections: self.memory.max_connections,
            memory: self.memory.server,
            limit_calls: self.limit_calls,
            store,
            engine: engine::EngineSettings {
                shard_limit: self.shard_limit,
                account_shard_limit: self.account_shard_limit,
                account_on_demand_limit: self.account_on_demand_limit,
                transition_ms: self.transition_ms,
                rates: engine::ShardRates {
                    write_bytes: limits.write_bytes_per_s,
                    write_records: limits.write_records_per_s,
                    read_bytes: limits.read_bytes_per_s,
                    read_calls: limits.read_calls_per_s,
                    consumer_bytes: limits.consumer_bytes_per_s,
                    subscribe_calls: limits.subscribe_calls_per_s,
                },
                limit_streams: self.limits != LimitsPreset::Off,
                scaling_period_ms: self.scaling_period_ms,
                event_room_bytes: self.memory.event_bytes,
            },
        }
    }
}

/// Twelve digits, as clap's value parser.
pub(crate) fn parse_account_id(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("an account id has twelve digits account_id={text:?}"))
    }
}

/// One layer of settings: what one source says, and nothing about what it does not say. Flags
/// and environment make one layer (clap prefers the flag), the file another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct ServeLayer {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:4567]
    #[arg(long, env = "ANABRANCH_LISTEN", value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Address to answer probes and the operator on, in plain HTTP, or `off`
    /// [default: 127.0.0.1:4569 if it is free]
    #[arg(long, env = "ANABRANCH_ADMIN_LISTEN", value_name = "ADDR:PORT")]
    admin_listen: Option<String>,
    /// How long to go on after SIGTERM while probes are told that the server drains [default: 0s]
    #[arg(long, env = "ANABRANCH_LAME_DUCK", value_name = "SPAN")]
    lame_duck: Option<String>,
    /// How long requests under way may take when the server stops [default: 10s]
    #[arg(long, env = "ANABRANCH_DRAIN_TIMEOUT", value_name = "SPAN")]
    drain_timeout: Option<String>,
    /// Delete by the wall clock from the start on, also what has expired while the server was off
    #[arg(long, env = "ANABRANCH_TRUST_CLOCK", value_name = "BOOL", num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    trust_clock: Option<bool>,
    /// Directory of everything durable [default: ./anabranch-data]
    #[arg(long, env = "ANABRANCH_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// When a put is acknowledged: sync, interval=MS (weaker) or memory (no disk at all)
    /// [default: sync]
    #[arg(long, env = "ANABRANCH_DURABILITY", value_name = "MODE")]
    durability: Option<Durability>,
    /// With --durability memory, when --tail-cache-bytes are taken: refuse writes, or drop the oldest
    /// records [default: refuse]
    #[arg(long, env = "ANABRANCH_MEMORY_FULL", value_name = "WHAT")]
    memory_full: Option<MemoryFull>,
    /// Certificate chain, PEM; turns TLS on
    #[arg(long, env = "ANABRANCH_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "ANABRANCH_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// TLS with a certificate for localhost, kept in the data directory
    #[arg(long, env = "ANABRANCH_TLS_SELF_SIGNED", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    tls_self_signed: Option<bool>,
    /// File of accepted access keys (see `anabranch credentials`); without it any credentials
    /// are accepted, on loopback only
    #[arg(long, env = "ANABRANCH_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// File of the keys that streams can be encrypted with (see `anabranch keys`)
    /// [default: keyring.toml in the data directory]
    #[arg(long, env = "ANABRANCH_KEYRING", value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Hosts that requests may name, NAME, NAME:PORT or *. Without credentials: besides loopback
    /// and the listen address, for web pages too. With credentials: no others, if any are given
    #[arg(long, env = "ANABRANCH_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    allowed_host: Option<Vec<String>>,
    /// File to write who did what to, a JSON object in each line, or `stderr`
    #[arg(long, env = "ANABRANCH_AUDIT_LOG", value_name = "FILE")]
    audit_log: Option<PathBuf>,
    /// Write calls on records to the audit log, too
    #[arg(long, env = "ANABRANCH_AUDIT_DATA_CALLS", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    audit_data_calls: Option<bool>,
    /// Accept anybody on any address
    #[arg(long, env = "ANABRANCH_INSECURE_ANONYMOUS", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    insecure_anonymous: Option<bool>,
    /// Account of callers whose credentials name none [default: 123456789012]
    #[arg(long, env = "ANABRANCH_ACCOUNT_ID", value_name = "ID")]
    account_id: Option<String>,
    /// Region of unsigned callers [default: us-east-1]
    #[arg(long, env = "ANABRANCH_REGION", value_name = "REGION")]
    region: Option<String>,
    /// The Regions that there are besides; `aws` stands for AWS's own [default: aws]
    #[arg(long, env = "ANABRANCH_REGIONS", value_name = "REGION", value_delimiter = ',')]
    regions: Option<Vec<String>>,
    /// Open shards per account in all Regions together [default: by --shard-limit]
    #[arg(long, env = "ANABRANCH_ACCOUNT_SHARD_LIMIT", value_name = "N")]
    account_shard_limit: Option<u32>,
    /// On-demand streams per account in all Regions together [default: 50]
    #[arg(long, env = "ANABRANCH_ACCOUNT_ON_DEMAND_LIMIT", value_name = "N")]
    account_on_demand_limit: Option<u32>,
    /// Open shards per account and Region [default: 20000]
    #[arg(long, env = "ANABRANCH_SHARD_LIMIT", value_name = "N")]
    shard_limit: Option<u32>,
    /// How long CREATING, UPDATING and DELETING last, milliseconds [default: 20]
    #[arg(long, env = "ANABRANCH_TRANSITION_MS", value_name = "MS")]
    transition_ms: Option<u64>,
    /// Amazon's limits, all but those on calls of control operations, or none [default: shards]
    #[arg(long, env = "ANABRANCH_LIMITS", value_name = "PRESET")]
    limits: Option<LimitsPreset>,
    /// Bytes per second into a shard, e.g. 4MiB; 0 = unlimited [default: by --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_SHARD_WRITE_BYTES", value_name = "SIZE")]
    limit_shard_write_bytes: Option<ByteSize>,
    /// Records per second into a shard; 0 = unlimited [default: by --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_SHARD_WRITE_RECORDS", value_name = "N")]
    limit_shard_write_records: Option<u64>,
    /// Bytes per second out of a shard; 0 = unlimited [default: by --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_SHARD_READ_BYTES", value_name = "SIZE")]
    limit_shard_read_bytes: Option<ByteSize>,
    /// GetRecords calls per second on a shard; 0 = unlimited [default: by --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_SHARD_READ_CALLS", value_name = "N")]
    limit_shard_read_calls: Option<u64>,
    /// Bytes per second that a shard pushes to each fan-out consumer; 0 = unlimited [default: by
    /// --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_CONSUMER_BYTES", value_name = "SIZE")]
    limit_consumer_bytes: Option<ByteSize>,
    /// SubscribeToShard calls per second of each fan-out consumer on a shard; 0 = unlimited
    /// [default: by --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_SUBSCRIBE_CALLS", value_name = "N")]
    limit_subscribe_calls: Option<u64>,
    /// Limit control operations to Amazon's calls a second, 5 for most [default: by --limits]
    #[arg(long, env = "ANABRANCH_LIMIT_CALLS", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    limit_calls: Option<bool>,
    /// How often on-demand streams are scaled, milliseconds; 0 = never [default: 60000]
    #[arg(long, env = "ANABRANCH_SCALING_PERIOD_MS", value_name = "MS")]
    scaling_period_ms: Option<u64>,
    /// Form of the log [default: text]
    #[arg(long, env = "ANABRANCH_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Filter of the log: error, warn, info, debug, trace, or per module [default: info]
    #[arg(long, env = "ANABRANCH_LOG_LEVEL", value_name = "FILTER")]
    log_level: Option<String>,
    /// Memory that the whole process may have, e.g. 1GiB, at least 256MiB [default: half of the machine,
    /// or three quarters of what the control group may have]
    #[arg(long, env = "ANABRANCH_MEMORY_LIMIT", value_name = "SIZE")]
    memory_limit: Option<ByteSize>,
    /// Memory for the newest records, e.g. 512MiB [default: 256MiB, or by --memory-limit]
    #[arg(long, env = "ANABRANCH_TAIL_CACHE_BYTES", value_name = "SIZE")]
    tail_cache_bytes: Option<ByteSize>,
    /// Size of one journal file [default: 64MiB, or by --memory-limit]
    #[arg(long, env = "ANABRANCH_JOURNAL_FILE_BYTES", value_name = "SIZE")]
    journal_file_bytes: Option<ByteSize>,
    /// Connections open at once [default: 16384, or by --memory-limit]
    #[arg(long, env = "ANABRANCH_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<u32>,
}

impl ServeLayer {
    /// Reads the layer of a TOML file. Paths in it are relative to the working directory, as
    /// they are in flags.
    pub(crate) fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the config file path={}", path.display()))?;
        Self::from_toml(&text)
            .with_context(|| format!("config file is not valid path={}", path.display()))
    }

    fn from_toml(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// What `self` says, and what `weaker` says where `self` is silent.
    pub(crate) fn over(self, weaker: ServeLayer) -> ServeLayer {
        ServeLayer {
            listen: self.listen.or(weaker.listen),
            admin_listen: self.admin_listen.or(weaker.admin_listen),
            lame_duck: self.lame_duck.or(weaker.lame_duck),
            drain_timeout: self.drain_timeout.or(weaker.drain_timeout),
            trust_clock: self.trust_clock.or(weaker.trust_clock),
            data_dir: self.data_dir.or(weaker.data_dir),
            durability: self.durability.or(weaker.durability),
            memory_full: self.memory_full.or(weaker.memory_full),
            tls_cert: self.tls_cert.or(weaker.tls_cert),
            tls_key: self.tls_key.or(weaker.tls_key),
            tls_self_signed: self.tls_self_signed.or(weaker.tls_self_signed),
            credentials: self.credentials.or(weaker.credentials),
            keyring: self.keyring.or(weaker.keyring),
            allowed_host: self.allowed_host.or(weaker.allowed_host),
            audit_log: self.audit_log.or(weaker.audit_log),
            audit_data_calls: self.audit_data_calls.or(weaker.audit_data_calls),
            insecure_anonymous: self.insecure_anonymous.or(weaker.insecure_anonymous),
            account_id: self.account_id.or(weaker.account_id),
            region: self.region.or(weaker.region),
            regions: self.regions.or(weaker.regions),
            account_shard_limit: self.account_shard_limit.or(weaker.account_shard_limit),
            account_on_demand_limit: self
                .account_on_demand_limit
                .or(weaker.account_on_demand_limit),
            shard_limit: self.shard_limit.or(weaker.shard_limit),
            transition_ms: self.transition_ms.or(weaker.transition_ms),
            limits: self.limits.or(weaker.limits),
            limit_shard_write_bytes: self
                .limit_shard_write_bytes
                .or(weaker.limit_shard_write_bytes),
            limit_shard_write_records: self
                .limit_shard_write_records
                .or(weaker.limit_shard_write_records),
            limit_shard_read_bytes: self.limit_shard_read_bytes.or(weaker.limit_shard_read_bytes),
            limit_shard_read_calls: self.limit_shard_read_calls.or(weaker.limit_shard_read_calls),
            limit_consumer_bytes: self.limit_consumer_bytes.or(weaker.limit_consumer_bytes),
            limit_subscribe_calls: self.limit_subscribe_calls.or(weaker.limit_subscribe_calls),
            limit_calls: self.limit_calls.or(weaker.limit_calls),
            scaling_period_ms: self.scaling_period_ms.or(weaker.scaling_period_ms),
            log_format: self.log_format.or(weaker.log_format),
            log_level: self.log_level.or(weaker.log_level),
            memory_limit: self.memory_limit.or(weaker.memory_limit),
            tail_cache_bytes: self.tail_cache_bytes.or(weaker.tail_cache_bytes),
            journal_file_bytes: self.journal_file_bytes.or(weaker.journal_file_bytes),
            max_connections: self.max_connections.or(weaker.max_connections),
        }
    }

    /// Fills in the defaults and checks what only all settings together can tell.
    pub(crate) fn into_settings(self) -> anyhow::Result<ServeSettings> {
        let default_listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4567);
        let listen = self.listen.unwrap_or(default_listen);
        let bytes = |size: Option<ByteSize>, default: u64| size.map_or(default, |size| size.0);
        let tls = merge_tls(self.tls_cert, self.tls_key, self.tls_self_signed)?;
        let preset = self.limits.unwrap_or(LimitsPreset::Shards);
        let base = match preset {
            LimitsPreset::Aws | LimitsPreset::Shards => AWS_SHARD_LIMITS,
            LimitsPreset::Off => NO_SHARD_LIMITS,
        };
        let wanted = Wanted {
            limit: self.memory_limit.map(|size| size.0),
            tail_cache_bytes: self.tail_cache_bytes.map(|size| size.0),
            journal_file_bytes: self.journal_file_bytes.map(|size| size.0),
            max_connections: self.max_connections,
        };
        let memory = MemoryPlan::of(wanted, anabranch_env::available_memory())?;
        let settings = ServeSettings {
            listen,
            admin_listen: merge_admin(self.admin_listen.as_deref(), listen)?,
            lame_duck: span("lame-duck", self.lame_duck.as_deref(), Duration::ZERO)?,
            drain_timeout: span("drain-timeout", self.drain_timeout.as_deref(), DRAIN_TIMEOUT)?,
            trust_clock: self.trust_clock.unwrap_or(false),
            data_dir: self.data_dir.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR)),
            durability: self.durability.unwrap_or(Durability::Sync),
            memory_full: self.memory_full.unwrap_or(MemoryFull::Refuse),
            tls,
            credentials: self.credentials,
            keyring: self.keyring,
            audit_log: self.audit_log.map(|path| match path.to_str() {
                Some(STDERR) => AuditDestination::StandardError,
                _ => AuditDestination::File(path),
            }),
            audit_data_calls: self.audit_data_calls.unwrap_or(false),
            allowed_hosts: parse_all("allowed-host", self.allowed_host)?,
            insecure_anonymous: self.insecure_anonymous.unwrap_or(false),
            account_id: self.account_id.unwrap_or_else(|| DEFAULT_ACCOUNT_ID.to_owned()),
            region: self.region.unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            regions: self.regions.unwrap_or_else(|| vec![AWS.to_owned()]),
            account_shard_limit: self.account_shard_limit.or(self.shard_limit).unwrap_or(20_000),
            account_on_demand_limit: self.account_on_demand_limit.unwrap_or(50),
            shard_limit: self.shard_limit.unwrap_or(20_000),
            transition_ms: self.transition_ms.unwrap_or(20),
            limits: preset,
            shard_limits: ShardLimits {
                write_bytes_per_s: bytes(self.limit_shard_write_bytes, base.write_bytes_per_s),
                write_records_per_s: self
                    .limit_shard_write_records
                    .unwrap_or(base.write_records_per_s),
                read_bytes_per_s: bytes(self.limit_shard_read_bytes, base.read_bytes_per_s),
                read_calls_per_s: self.limit_shard_read_calls.unwrap_or(base.read_calls_per_s),
                consumer_bytes_per_s: bytes(self.limit_consumer_bytes, base.consumer_bytes_per_s),
                subscribe_calls_per_s: self
                    .limit_subscribe_calls
                    .unwrap_or(base.subscribe_calls_per_s),
            },
            limit_calls: self.limit_calls.unwrap_or(preset == LimitsPreset::Aws),
            scaling_period_ms: self.scaling_period_ms.unwrap_or(60_000),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            log_level: self.log_level.unwrap_or_else(|| "info".to_owned()),
            memory,
        };
        settings.check()?;
        Ok(settings)
    }
}

fn merge_tls(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    self_signed: Option<bool>,
) -> anyhow::Result<Tls> {
    match (cert, key, self_signed.unwrap_or(false)) {
        (None, None, false) => Ok(Tls::Off),
        (None, None, true) => Ok(Tls::SelfSigned),
        (Some(cert), Some(key), false) => Ok(Tls::Files { cert, key }),
        (_, _, true) => bail!("tls-self-signed excludes tls-cert and tls-key"),
        (Some(_), None, false) => bail!("tls-cert needs tls-key"),
        (None, Some(_), false) => bail!("tls-key needs tls-cert"),
    }
}

impl ServeSettings {
    fn check(&self) -> anyhow::Result<()> {
        parse_account_id(&self.account_id).map_err(anyhow::Error::msg)?;
        for name in self.regions.iter().chain([&self.region]) {
            ensure!(
                is_region_name(name),
                "a Region is named with at most 32 lower-case letters, digits and `-` \
                 region={name:?}"
            );
        }
        ensure!(
            self.credentials.is_none() || !self.insecure_anonymous,
            "insecure-anonymous excludes credentials"
        );
        ensure!(
            self.listen.ip().is_loopback() || self.credentials.is_some() || self.insecure_anonymous,
            "refusing to listen for everybody without credentials: give --credentials FILE (made \
             by `anabranch credentials add`) or --insecure-anonymous listen={}",
            self.listen
        );
        let admin = self.admin_listen.address();
        ensure!(
            admin.is_none_or(|admin| admin.ip().is_loopback())
                || self.credentials.is_some()
                || self.insecure_anonymous,
            "refusing to listen for everybody without credentials: give --credentials FILE or \
             --insecure-anonymous, or an admin-listen on loopback admin_listen={admin:?}"
        );
        ensure!(
            self.audit_log.is_some() || !self.audit_data_calls,
            "audit-data-calls needs audit-log"
        );
        ensure!(
            self.memory.journal_file_bytes >= 16 << 20,
            "journal-file-bytes must be at least 16MiB, for a request can be 10MiB \
             journal_file_bytes={}",
            self.memory.journal_file_bytes
        );
        ensure!(
            self.transition_ms <= TRANSITION_MS_MAX,
            "transition-ms must be at most {TRANSITION_MS_MAX}, an hour transition_ms={}",
            self.transition_ms
        );
        ensure!(
            self.memory_full == MemoryFull::Refuse || self.durability == Durability::Memory,
            "memory-full drop-oldest needs durability memory: on a disk, records stay until they expire"
        );
        ensure!(self.memory.max_connections > 0, "max-connections must be at least 1");
        Ok(())
    }

    /// The settings as a config file that means the same.
    pub(crate) fn to_toml(&self) -> String {
        let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let path = |value: &Path| text(&value.to_string_lossy());
        let list = |values: Vec<String>| {
            toml::Value::Array(values.into_iter().map(toml::Value::String).collect()).to_string()
        };
        let mut lines = vec![
            format!("listen = {}", text(&self.listen.to_string())),
            format!("lame-duck = {}", text(&format!("{}ms", self.lame_duck.as_millis()))),
            format!("drain-timeout = {}", text(&format!("{}ms", self.drain_timeout.as_millis()))),
            format!("trust-clock = {}", self.trust_clock),
            format!("data-dir = {}", path(&self.data_dir)),
            format!("durability = {}", text(&self.durability.to_text())),
        ];
        if self.memory_full == MemoryFull::DropOldest {
            lines.push("memory-full = \"drop-oldest\"".to_owned());
        }
        match self.admin_listen {
            // Written, it would have to be free.
            AdminListen::IfFree(_) => {}
            AdminListen::Off => lines.push(format!("admin-listen = {}", text("off"))),
            AdminListen::At(address) => {
                lines.push(format!("admin-listen = {}", text(&address.to_string())));
            }
        }
        match &self.tls {
            Tls::Off => {}
            Tls::SelfSigned => lines.push("tls-self-signed = true".to_owned()),
            Tls::Files { cert, key } => {
                lines.push(format!("tls-cert = {}", path(cert)));
                lines.push(format!("tls-key = {}", path(key)));
            }
        }
        if let Some(file) = &self.credentials {
            lines.push(format!("credentials = {}", path(file)));
        }
        if let Some(file) = &self.keyring {
            lines.push(format!("keyring = {}", path(file)));
        }
        if !self.allowed_hosts.is_empty() {
            let hosts = self.allowed_hosts.iter().map(ToString::to_string).collect();
            lines.push(format!("allowed-host = {}", list(hosts)));
        }
        match &self.audit_log {
            None => {}
            Some(AuditDestination::StandardError) => {
                lines.push(format!("audit-log = {}", text(STDERR)));
            }
            Some(AuditDestination::File(file)) => {
                lines.push(format!("audit-log = {}", path(file)));
            }
        }
        let log_format = match self.log_format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let limits = &self.shard_limits;
        lines.extend([
            format!("audit-data-calls = {}", self.audit_data_calls),
            format!("insecure-anonymous = {}", self.insecure_anonymous),
            format!("account-id = {}", text(&self.account_id)),
            format!("region = {}", text(&self.region)),
            format!("regions = {}", list(self.regions.clone())),
            format!("shard-limit = {}", self.shard_limit),
            format!("account-shard-limit = {}", self.account_shard_limit),
            format!("account-on-demand-limit = {}", self.account_on_demand_limit),
            format!("transition-ms = {}", self.transition_ms),
            format!("limits = {}", text(self.limits.name())),
            format!("limit-shard-write-bytes = {}", limits.write_bytes_per_s),
            format!("limit-shard-write-records = {}", limits.write_records_per_s),
            format!("limit-shard-read-bytes = {}", limits.read_bytes_per_s),
            format!("limit-shard-read-calls = {}", limits.read_calls_per_s),
            format!("limit-consumer-bytes = {}", limits.consumer_bytes_per_s),
            format!("limit-subscribe-calls = {}", limits.subscribe_calls_per_s),
            format!("limit-calls = {}", self.limit_calls),
            format!("scaling-period-ms = {}", self.scaling_period_ms),
            format!("log-format = {}", text(log_format)),
            format!("log-level = {}", text(&self.log_level)),
            format!("memory-limit = {}", self.memory.limit),
            format!("tail-cache-bytes = {}", self.memory.tail_cache_bytes),
            format!("journal-file-bytes = {}", self.memory.journal_file_bytes),
            format!("max-connections = {}", self.memory.max_connections),
        ]);
        lines.join("\n") + "\n"
    }
}

impl LimitsPreset {
    fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Shards => "shards",
            Self::Off => "off",
        }
    }
}
