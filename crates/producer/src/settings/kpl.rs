//! All settings of the Kinesis Producer Library, under its names, with its defaults and ranges.

use super::properties::{self, PropertiesError};
use std::fmt;
use std::ops::RangeInclusive;
use thiserror::Error;

/// What a value must be.
enum Rule {
    Any,
    /// A number of these.
    Within(RangeInclusive<u64>),
    /// Text for which this holds, and what that is.
    Text(fn(&str) -> bool, &'static str),
}

/// The largest number that Java has.
const LONG_MAX: u64 = i64::MAX as u64;
const PORT: Rule = Rule::Within(1..=65_535);
const ENDPOINT: Rule =
    Rule::Text(is_endpoint, "a host name, or a URL that begins with http:// or https://");
const NATURAL: Rule = Rule::Within(0..=LONG_MAX);

macro_rules! kpl_settings {
    ($($(#[doc = $doc:literal])+ $field:ident, $name:literal: $type:ty = $default:expr, $rule:expr;)+) => {
        /// The settings of the Kinesis Producer Library. Times are in milliseconds.
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct KplSettings {
            $(
                #[doc = concat!("`", $name, "`:")]
                $(#[doc = $doc])+
                pub $field: $type,
            )+
        }

        impl Default for KplSettings {
            fn default() -> Self {
                Self { $($field: $default.into(),)+ }
            }
        }

        impl KplSettings {
            /// Sets one by its name as it is in a file; `false`: there is none of this name.
            ///
            /// # Errors
            /// When the value is not one of this setting. Nothing is set then.
            pub fn set(&mut self, name: &str, text: &str) -> Result<bool, WrongSetting> {
                match name {
                    $($name => self.$field = read($name, text, &$rule)?,)+
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// That all values are in their ranges.
            ///
            /// # Errors
            /// For the first that is not.
            pub fn check(&self) -> Result<(), WrongSetting> {
                $(check($name, &self.$field, &$rule)?;)+
                Ok(())
            }
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),+];
    };
}

kpl_settings! {
    /// packs several user records into one stored record.
    aggregation_enabled, "AggregationEnabled": bool = true, Rule::Any;
    /// user records of an aggregate at most.
    aggregation_max_count, "AggregationMaxCount": u64 = u32::MAX, Rule::Within(1..=LONG_MAX);
    /// bytes of an aggregate at most.
    aggregation_max_size, "AggregationMaxSize": u64 = 51_200_u64, Rule::Within(64..=10_485_760);
    /// stored records of a request at most.
    collection_max_count, "CollectionMaxCount": u64 = 500_u64, Rule::Within(1..=500);
    /// bytes of a request at most.
    collection_max_size, "CollectionMaxSize": u64 = 5_242_880_u64, Rule::Within(52_224..=LONG_MAX);
    /// how long a record may wait for others.
    record_max_buffered_time, "RecordMaxBufferedTime": u64 = 100_u64, NATURAL;
    /// how old a record may become.
    record_ttl, "RecordTtl": u64 = 30_000_u64, Rule::Within(100..=LONG_MAX);
    /// of the Java half: how long it waits for a result; 0: for ever.
    user_record_timeout_in_millis, "UserRecordTimeoutInMillis": u64 = 0_u64, NATURAL;
    /// in percent of what the service takes for a shard.
    rate_limit, "RateLimit": u64 = 150_u64, Rule::Within(1..=LONG_MAX);
    /// a throttled record is not sent again.
    fail_if_throttled, "FailIfThrottled": bool = false, Rule::Any;
    /// bytes of a user record at most.
    max_user_record_size, "MaxUserRecordSize": u64 = 1_048_576_u64, Rule::Within(64..=10_485_760);
    /// of the Java half: a failure carries its record.
    return_user_record_on_failure, "ReturnUserRecordOnFailure": bool = false, Rule::Any;
    /// of the Java half: it knows the age of its oldest record.
    enable_oldest_future_tracker, "EnableOldestFutureTracker": bool = true, Rule::Any;
    /// host of the service, or with Anabranch its whole URL, which may be `http://`; empty: Amazon's.
    kinesis_endpoint, "KinesisEndpoint": String = "", ENDPOINT;
    /// port of the service, unless the endpoint is a URL.
    kinesis_port, "KinesisPort": u64 = 443_u64, PORT;
    /// host of CloudWatch.
    cloudwatch_endpoint, "CloudwatchEndpoint": String = "", ENDPOINT;
    /// port of CloudWatch.
    cloudwatch_port, "CloudwatchPort": u64 = 443_u64, PORT;
    /// host of STS.
    sts_endpoint, "StsEndpoint": String = "", ENDPOINT;
    /// port of STS.
    sts_port, "StsPort": u64 = 443_u64, PORT;
    /// the Region; empty: that of the machine.
    region, "Region": String = "", Rule::Text(is_region, "small letters, digits and hyphens");
    /// the service must prove by a certificate who it is.
    verify_certificate, "VerifyCertificate": bool = true, Rule::Any;
    /// a folder of certificates to trust.
    ca_cert_path, "CaCertPath": String = "", Rule::Any;
    /// a file of certificates to trust.
    ca_cert_file, "CaCertFile": String = "", Rule::Any;
    /// host of a proxy; empty: none.
    proxy_host, "ProxyHost": String = "", Rule::Any;
    /// port of the proxy.
    proxy_port, "ProxyPort": u64 = 443_u64, PORT;
    /// user name at the proxy.
    proxy_user_name, "ProxyUserName": String = "", Rule::Any;
    /// password at the proxy.
    proxy_password, "ProxyPassword": String = "", Rule::Any;
    /// how long a connection may take.
    connect_timeout, "ConnectTimeout": u64 = 6_000_u64, Rule::Within(100..=300_000);
    /// how long an answer may take.
    request_timeout, "RequestTimeout": u64 = 6_000_u64, Rule::Within(100..=600_000);
    /// connections at least; of no effect here.
    min_connections, "MinConnections": u64 = 1_u64, Rule::Within(1..=16);
    /// requests at once for a stream at most.
    max_connections, "MaxConnections": u64 = 24_u64, Rule::Within(1..=256);
    /// `PER_REQUEST` or `POOLED`; of no effect here.
    threading_model, "ThreadingModel": ThreadingModel = ThreadingModel::PerRequest, Rule::Any;
    /// threads of `POOLED`; of no effect here.
    thread_pool_size, "ThreadPoolSize": u64 = 0_u64, NATURAL;
    /// of the Java half: how often it hands credentials over.
    credentials_refresh_delay, "CredentialsRefreshDelay": u64 = 5_000_u64, Rule::Within(1..=300_000);
    /// how much is counted.
    metrics_level, "MetricsLevel": MetricsLevel = MetricsLevel::Detailed, Rule::Any;
    /// for what it is counted.
    metrics_granularity, "MetricsGranularity": MetricsGranularity = MetricsGranularity::Shard, Rule::Any;
    /// the namespace in CloudWatch.
    metrics_namespace, "MetricsNamespace": String = "KinesisProducerLibrary",
        Rule::Text(is_namespace, "1 to 255 characters that do not begin with AWS/");
    /// how often metrics are uploaded.
    metrics_upload_delay, "MetricsUploadDelay": u64 = 60_000_u64, Rule::Within(1..=60_000);
    /// what is logged.
    log_level, "LogLevel": LogLevel = LogLevel::Info, Rule::Any;
    /// of the Java half: the child to use instead of its own.
    native_executable, "NativeExecutable": String = "", Rule::Any;
    /// of the Java half: where it puts child and pipes.
    temp_directory, "TempDirectory": String = "", Rule::Any;
    /// of no effect here.
    enable_core_dumps, "EnableCoreDumps": bool = false, Rule::Any;
    /// of the Java half: it asks the child whether it is well.
    enable_daemon_health_check, "EnableDaemonHealthCheck": bool = false, Rule::Any;
    /// of the Java half: how long the child may take to answer.
    daemon_health_check_timeout_ms, "DaemonHealthCheckTimeoutMs": u64 = 30_000_u64,
        Rule::Within(5_000..=LONG_MAX);
    /// of the Java half.
    glue_schema_registry_properties_file_path, "GlueSchemaRegistryPropertiesFilePath": String = "",
        Rule::Any;
}

/// A value that is not one of its setting.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name} must be {allowed}, not {value:?}")]
#[non_exhaustive]
pub struct WrongSetting {
    /// The setting.
    pub name: &'static str,
    /// The value.
    pub value: String,
    /// What it may be.
    pub allowed: String,
}

/// Why a properties file gives no settings.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KplFileError {
    /// The file cannot be read as one.
    #[error(transparent)]
    File(#[from] PropertiesError),
    /// A value is not one of its setting.
    #[error("line {line}: {wrong}")]
    Setting {
        /// Where, from 1.
        line: usize,
        /// What.
        wrong: WrongSetting,
    },
}

/// A name in a file that no setting has. The Kinesis Producer Library ignores such names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownSetting {
    /// Where, from 1.
    pub line: usize,
    /// What.
    pub name: String,
}

impl fmt::Display for UnknownSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: there is no setting {:?}", self.line, self.name)
    }
}

impl KplSettings {
    /// Settings from the bytes of a Java properties file of at most 1 MiB, and the names in it that no
    /// setting has. Of settings that are there twice the last one counts.
    ///
    /// # Errors
    /// When it is no such file, or a value is not one of its setting.
    pub fn from_properties(bytes: &[u8]) -> Result<(Self, Vec<UnknownSetting>), KplFileError> {
        let mut settings = Self::default();
        let mut unknown = Vec::new();
        for property in properties::read(bytes)? {
            let line = property.line;
            match settings.set(&property.key, &property.value) {
                Ok(true) => {}
                Ok(false) => unknown.push(UnknownSetting { line, name: property.key }),
                Err(wrong) => return Err(KplFileError::Setting { line, wrong }),
            }
        }
        Ok((settings, unknown))
    }

    /// The URL of the service; `None`: Amazon's of the Region.
    #[must_use]
    pub fn kinesis_url(&self) -> Option<String> {
        url(&self.kinesis_endpoint, self.kinesis_port)
    }

    /// The URL of CloudWatch; `None`: Amazon's of the Region.
    #[must_use]
    pub fn cloudwatch_url(&self) -> Option<String> {
        url(&self.cloudwatch_endpoint, self.cloudwatch_port)
    }
}

fn url(endpoint: &str, port: u64) -> Option<String> {
    match endpoint {
        "" => None,
        url if url.contains("://") => Some(url.to_owned()),
        host => Some(format!("https://{host}:{port}")),
    }
}

impl fmt::Debug for KplSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the proxy's password.
        f.debug_struct("KplSettings")
            .field("kinesis_endpoint", &self.kinesis_endpoint)
            .field("kinesis_port", &self.kinesis_port)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Text that is a value.
trait Value: Sized {
    /// What it may be, if no rule says so.
    const WORDS: &'static str;

    fn read(text: &str) -> Option<Self>;

    fn obeys(&self, rule: &Rule) -> bool {
        matches!(rule, Rule::Any)
    }

    fn text(&self) -> String;
}

fn read<T: Value>(name: &'static str, text: &str, rule: &Rule) -> Result<T, WrongSetting> {
    let value = T::read(text).ok_or_else(|| wrong::<T>(name, text.to_owned(), rule))?;
    check(name, &value, rule)?;
    Ok(value)
}

fn check<T: Value>(name: &'static str, value: &T, rule: &Rule) -> Result<(), WrongSetting> {
    if value.obeys(rule) { Ok(()) } else { Err(wrong::<T>(name, value.text(), rule)) }
}

fn wrong<T: Value>(name: &'static str, value: String, rule: &Rule) -> WrongSetting {
    let allowed = match rule {
        Rule::Any => T::WORDS.to_owned(),
        Rule::Within(range) => format!("a number from {} to {}", range.start(), range.end()),
        Rule::Text(_, words) => (*words).to_owned(),
    };
    WrongSetting { name, value, allowed }
}

impl Value for bool {
    const WORDS: &'static str = "true or false";

    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("true") { Some(true) } else { is("false").then_some(false) }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for u64 {
    const WORDS: &'static str = "a number";

    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn obeys(&self, rule: &Rule) -> bool {
        matches!(rule, Rule::Within(range) if range.contains(self))
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const WORDS: &'static str = "text";

    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn obeys(&self, rule: &Rule) -> bool {
        match rule {
            Rule::Text(holds, _) => holds(self),
            other => matches!(other, Rule::Any),
        }
    }

    fn text(&self) -> String {
        self.clone()
    }
}

macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident, $all:literal: $($(#[doc = $word_doc:literal])+ $word:ident = $text:literal,)+) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $word_doc])+ $word,)+
        }

        impl Value for $name {
            const WORDS: &'static str = $all;

            fn read(text: &str) -> Option<Self> {
                let text = text.trim();
                $(if text.eq_ignore_ascii_case($text) { return Some(Self::$word); })+
                None
            }

            fn text(&self) -> String {
                match self { $(Self::$word => $text.to_owned(),)+ }
            }
        }
    };
}

words! {
    /// Threads of the original child.
    ThreadingModel, "PER_REQUEST or POOLED":
    /// One for each request.
    PerRequest = "PER_REQUEST",
    /// A fixed number.
    Pooled = "POOLED",
}

words! {
    /// How much is counted.
    MetricsLevel, "none, summary or detailed":
    /// Nothing.
    None = "none",
    /// What is needed to see whether all is well.
    Summary = "summary",
    /// All.
    Detailed = "detailed",
}

words! {
    /// For what it is counted.
    MetricsGranularity, "global, stream or shard":
    /// For all streams together.
    Global = "global",
    /// For each stream as well.
    Stream = "stream",
    /// For each shard as well.
    Shard = "shard",
}

words! {
    /// What is logged: this, and what is graver.
    LogLevel, "trace, debug, info, warning or error":
    /// All.
    Trace = "trace",
    /// What helps to find faults.
    Debug = "debug",
    /// What is good to know.
    Info = "info",
    /// What may be wrong.
    Warning = "warning",
    /// What is wrong.
    Error = "error",
}

fn is_endpoint(text: &str) -> bool {
    let (is_url, rest) = match text.split_once("://") {
        Some(("http" | "https", rest)) => (true, rest.strip_suffix('/').unwrap_or(rest)),
        Some(_) => return false,
        None => (false, text),
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if is_url => (host, port.parse::<u16>().is_ok_and(|port| port > 0)),
        _ => (rest, true),
    };
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    is_name && port && (!is_url || !host.is_empty())
}

fn is_region(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_namespace(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.starts_with("AWS/")
}

#[cfg(test)]
mod tests;
