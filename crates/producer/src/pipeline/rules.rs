//! How a stream's records are treated, and what time is.

/// Microseconds since the producer started.
pub(crate) type Micros = u64;

/// How a stream's records are treated.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) aggregate: bool,
    /// User records of an aggregate; its bytes.
    pub(crate) aggregate_records_max: usize,
    pub(crate) aggregate_bytes_max: usize,
    /// Records of a request; their bytes, keys included.
    pub(crate) request_records_max: usize,
    pub(crate) request_bytes_max: usize,
    /// How long a record may wait for others.
    pub(crate) linger: Micros,
    /// How old a record may become; `None`: as old as it must.
    pub(crate) ttl: Option<Micros>,
    /// Of what the service takes for a shard; `None`: no limit.
    pub(crate) rate_percent: Option<u32>,
    pub(crate) fail_if_throttled: bool,
    /// Requests under way at once.
    pub(crate) requests_max: usize,
    /// What happens is told as facts.
    pub(crate) is_counted: bool,
    /// Where jitter begins.
    pub(crate) seed: u64,
}
