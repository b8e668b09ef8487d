//! The messages of the pipes. `Option` is what may be absent.

/// What both pipes carry.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(uint64, required, tag = "1")]
    pub(super) id: u64,
    /// The id of the message that this one answers.
    #[prost(uint64, optional, tag = "2")]
    pub(super) source_id: Option<u64>,
    /// `None`: a message that is not known here.
    #[prost(oneof = "Body", tags = "3, 4, 5, 6, 7, 8, 9, 10")]
    pub(super) body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Body {
    #[prost(message, tag = "3")]
    PutRecord(PutRecord),
    #[prost(message, tag = "4")]
    Flush(Flush),
    #[prost(message, tag = "5")]
    PutRecordResult(PutRecordResult),
    #[prost(message, boxed, tag = "6")]
    Configuration(Box<Configuration>),
    #[prost(message, tag = "7")]
    MetricsRequest(MetricsRequest),
    #[prost(message, tag = "8")]
    MetricsResponse(MetricsResponse),
    #[prost(message, tag = "9")]
    SetCredentials(SetCredentials),
    #[prost(message, tag = "10")]
    StreamMetadata(StreamMetadata),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PutRecord {
    #[prost(string, required, tag = "1")]
    pub(super) stream_name: String,
    #[prost(string, required, tag = "2")]
    pub(super) partition_key: String,
    #[prost(string, optional, tag = "3")]
    pub(super) explicit_hash_key: Option<String>,
    #[prost(bytes = "bytes", required, tag = "4")]
    pub(super) data: bytes::Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Flush {
    /// `None`: all streams.
    #[prost(string, optional, tag = "1")]
    pub(super) stream_name: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PutRecordResult {
    #[prost(message, repeated, tag = "1")]
    pub(super) attempts: Vec<Attempt>,
    #[prost(bool, required, tag = "2")]
    pub(super) success: bool,
    #[prost(string, optional, tag = "3")]
    pub(super) shard_id: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(super) sequence_number: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Attempt {
    /// Milliseconds.
    #[prost(uint32, required, tag = "1")]
    pub(super) delay: u32,
    /// Milliseconds.
    #[prost(uint32, required, tag = "2")]
    pub(super) duration: u32,
    #[prost(bool, required, tag = "3")]
    pub(super) success: bool,
    #[prost(string, optional, tag = "4")]
    pub(super) error_code: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(super) error_message: Option<String>,
}

/// The Java half always sets all of them.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Configuration {
    #[prost(bool, optional, tag = "1")]
    pub(super) aggregation_enabled: Option<bool>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) aggregation_max_count: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) aggregation_max_size: Option<u64>,
    #[prost(string, optional, tag = "4")]
    pub(super) cloudwatch_endpoint: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub(super) cloudwatch_port: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(super) collection_max_count: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    pub(super) collection_max_size: Option<u64>,
    #[prost(uint64, optional, tag = "8")]
    pub(super) connect_timeout: Option<u64>,
    #[prost(bool, optional, tag = "9")]
    pub(super) enable_core_dumps: Option<bool>,
    #[prost(bool, optional, tag = "10")]
    pub(super) fail_if_throttled: Option<bool>,
    #[prost(string, optional, tag = "11")]
    pub(super) kinesis_endpoint: Option<String>,
    #[prost(uint64, optional, tag = "12")]
    pub(super) kinesis_port: Option<u64>,
    #[prost(string, optional, tag = "13")]
    pub(super) log_level: Option<String>,
    #[prost(uint64, optional, tag = "14")]
    pub(super) max_connections: Option<u64>,
    #[prost(string, optional, tag = "15")]
    pub(super) metrics_granularity: Option<String>,
    #[prost(string, optional, tag = "16")]
    pub(super) metrics_level: Option<String>,
    #[prost(string, optional, tag = "17")]
    pub(super) metrics_namespace: Option<String>,
    #[prost(uint64, optional, tag = "18")]
    pub(super) metrics_upload_delay: Option<u64>,
    #[prost(uint64, optional, tag = "19")]
    pub(super) min_connections: Option<u64>,
    #[prost(uint64, optional, tag = "20")]
    pub(super) rate_limit: Option<u64>,
    #[prost(uint64, optional, tag = "21")]
    pub(super) record_max_buffered_time: Option<u64>,
    #[prost(uint64, optional, tag = "22")]
    pub(super) record_ttl: Option<u64>,
    #[prost(string, optional, tag = "23")]
    pub(super) region: Option<String>,
    #[prost(uint64, optional, tag = "24")]
    pub(super) request_timeout: Option<u64>,
    #[prost(bool, optional, tag = "25")]
    pub(super) verify_certificate: Option<bool>,
    #[prost(string, optional, tag = "26")]
    pub(super) proxy_host: Option<String>,
    #[prost(uint64, optional, tag = "27")]
    pub(super) proxy_port: Option<u64>,
    #[prost(string, optional, tag = "28")]
    pub(super) proxy_user_name: Option<String>,
    #[prost(string, optional, tag = "29")]
    pub(super) proxy_password: Option<String>,
    #[prost(message, repeated, tag = "128")]
    pub(super) additional_metric_dims: Vec<AdditionalDimension>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AdditionalDimension {
    #[prost(string, required, tag = "1")]
    pub(super) key: String,
    #[prost(string, required, tag = "2")]
    pub(super) value: String,
    #[prost(string, required, tag = "3")]
    pub(super) granularity: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetricsRequest {
    /// `None`: all.
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    /// Of the last so many; `None`: since the start.
    #[prost(uint64, optional, tag = "2")]
    pub(super) seconds: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetricsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metric {
    #[prost(string, required, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) dimensions: Vec<Dimension>,
    #[prost(message, optional, tag = "3")]
    pub(super) stats: Option<Stats>,
    #[prost(uint64, required, tag = "4")]
    pub(super) seconds: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dimension {
    #[prost(string, required, tag = "1")]
    pub(super) key: String,
    #[prost(string, required, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Stats {
    #[prost(double, required, tag = "1")]
    pub(super) count: f64,
    #[prost(double, required, tag = "2")]
    pub(super) sum: f64,
    #[prost(double, required, tag = "3")]
    pub(super) mean: f64,
    #[prost(double, required, tag = "4")]
    pub(super) min: f64,
    #[prost(double, required, tag = "5")]
    pub(super) max: f64,
}

/// Not shown: it has a secret.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(super) struct SetCredentials {
    /// For CloudWatch.
    #[prost(bool, optional, tag = "1")]
    pub(super) for_metrics: Option<bool>,
    #[prost(message, optional, tag = "2")]
    pub(super) credentials: Option<Credentials>,
}

/// Not shown: it has a secret.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(super) struct Credentials {
    #[prost(string, required, tag = "1")]
    pub(super) akid: String,
    #[prost(string, required, tag = "2")]
    pub(super) secret_key: String,
    #[prost(string, optional, tag = "3")]
    pub(super) token: Option<String>,
}

impl std::fmt::Debug for SetCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SetCredentials")
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials")
    }
}

/// Records may come under another name than they are known by; nothing of it is needed here.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StreamMetadata {
    #[prost(string, required, tag = "1")]
    pub(super) stream_name: String,
    #[prost(string, optional, tag = "2")]
    pub(super) stream_id: Option<String>,
}
