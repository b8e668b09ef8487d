//! What every section is measured with, and how much of it.

use std::path::Path;
use std::time::Duration;

use crate::bench::kind::Kind;
use crate::bench::programs::Programs;

/// How much of everything.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) rounds: u16,
    pub(crate) span: Duration,
    pub(crate) starts: usize,
    pub(crate) recovery_bytes: u64,
    pub(crate) few_idle_shards: u32,
    pub(crate) idle_shards: u32,
    pub(crate) idle_connections: usize,
    pub(crate) long_run: Duration,
}

impl Scale {
    pub(crate) fn of(quick: bool, rounds: Option<u16>, seconds: Option<u16>) -> Self {
        Self {
            rounds: rounds.unwrap_or(if quick { 1 } else { 3 }),
            span: Duration::from_secs(seconds.unwrap_or(if quick { 1 } else { 5 }).into()),
            starts: if quick { 3 } else { 20 },
            recovery_bytes: if quick { 64 << 20 } else { 1 << 30 },
            few_idle_shards: if quick { 1_000 } else { 10_000 },
            idle_shards: if quick { 10_000 } else { 100_000 },
            idle_connections: if quick { 500 } else { 10_000 },
            long_run: Duration::from_secs(if quick { 4 } else { 600 }),
        }
    }
}

/// What a section needs to measure.
pub(crate) struct Bench<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) data_dir: &'a Path,
    pub(crate) scale: Scale,
    /// Peers that could not be had.
    pub(crate) missing: Vec<Kind>,
}

impl Bench<'_> {
    pub(crate) fn takes_part(&self, kind: Kind) -> bool {
        !self.missing.contains(&kind)
    }
}
