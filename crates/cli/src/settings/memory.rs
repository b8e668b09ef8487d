//! The memory that the server may have, and what each of its parts gets of it.
//!
//! The limit is a sum: whatever clients do, all parts together stay below it. They are sixteenths of it,
//! none larger than what is of use. What an operator sets by itself is taken off first.

use anabranch_engine::EngineSettings;
use anabranch_env::AvailableMemory;
use anabranch_server::ServerMemory;
use anyhow::ensure;

const MIB: u64 = 1 << 20;

/// Least memory with which every request can be served.
pub(super) const LIMIT_MIN: u64 = 256 * MIB;
/// Largest journal file by default.
const JOURNAL_FILE_BYTES: u64 = 64 * MIB;
const JOURNAL_FILE_BYTES_MIN: u64 = 16 * MIB;
/// Journal files whose records are in memory because their segments are not written yet, and the one
/// that is written to.
const JOURNAL_FILES_IN_MEMORY: u64 = 3;
/// Most connections by default.
const CONNECTIONS: u64 = 16_384;
/// A body is in memory as it came, as records, and as what is written to the disk.
const COPIES_OF_BODY: u64 = 3;

/// What an operator may have set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) limit: Option<u64>,
    pub(super) tail_cache_bytes: Option<u64>,
    pub(super) journal_file_bytes: Option<u64>,
    pub(super) max_connections: Option<u32>,
}

/// The parts, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryPlan {
    /// The sum.
    pub(crate) limit: u64,
    pub(crate) tail_cache_bytes: u64,
    pub(crate) journal_file_bytes: u64,
    pub(crate) max_connections: u32,
    /// Records that wait for the disk.
    pub(crate) queue_bytes: u64,
    /// Indexes of segments that are read.
    pub(crate) segment_cache_bytes: u64,
    /// Large events under way to consumers.
    pub(crate) event_bytes: u64,
    pub(crate) server: ServerMemory,
}

impl MemoryPlan {
    /// # Errors
    /// When what is wanted does not fit into the limit that is wanted.
    pub(super) fn of(wanted: Wanted, available: AvailableMemory) -> anyhow::Result<Self> {
        let least = |limit: u64| Self::share(limit, wanted);
        let limit = match wanted.limit {
            Some(limit) => {
                ensure!(
                    limit >= LIMIT_MIN,
                    "memory-limit must be at least {}MiB memory_limit={limit}",
                    LIMIT_MIN / MIB
                );
                limit
            }
            // A guess, which gives way to what was said.
            None => {
                let mut limit = default_limit(available).max(LIMIT_MIN);
                while least(limit).is_none() {
                    limit += limit / 2;
                }
                limit
            }
        };
        let Some(sixteenth) = least(limit) else {
            anyhow::bail!(
                "memory-limit is too small for tail-cache-bytes, journal-file-bytes and \
                 max-connections, {} bytes for each connection: raise it or lower them \
                 memory_limit={limit}",
                ServerMemory::CONNECTION_BYTES
            );
        };
        let tail_max = if wanted.limit.is_some() { u64::MAX } else { 256 * MIB };
        let tail_cache_bytes = wanted.tail_cache_bytes.unwrap_or((3 * sixteenth).min(tail_max));
        let journal_file_bytes = wanted.journal_file_bytes.unwrap_or_else(|| {
            let quarter = tail_cache_bytes / 4 / MIB * MIB;
            quarter.clamp(JOURNAL_FILE_BYTES_MIN, JOURNAL_FILE_BYTES)
        });
        let connections = (2 * sixteenth / ServerMemory::CONNECTION_BYTES).min(CONNECTIONS);
        Ok(Self {
            limit,
            tail_cache_bytes,
            journal_file_bytes,
            max_connections: wanted
                .max_connections
                .unwrap_or(u32::try_from(connections).unwrap_or(u32::MAX)),
            queue_bytes: sixteenth.min(64 * MIB),
            segment_cache_bytes: (sixteenth / 4).min(64 * MIB),
            event_bytes: sixteenth.min(EngineSettings::EVENT_ROOM_BYTES),
            server: ServerMemory {
                body_bytes: (3 * sixteenth / COPIES_OF_BODY).min(256 * MIB),
                reply_bytes: (2 * sixteenth).min(256 * MIB),
                request_bytes: sixteenth.min(256 * MIB),
                window_bytes: sixteenth.min(256 * MIB),
            },
        })
    }

    /// Whether there is less memory than that: then the system may end the server before the limit does
    /// anything.
    pub(crate) fn exceeds(&self, available: AvailableMemory) -> bool {
        let there_is = available.machine.into_iter().chain(available.group).min();
        there_is.is_some_and(|bytes| bytes < self.limit)
    }

    /// The sixteenth of a limit that parts are made of, smaller if what is wanted takes more than its
    /// share. `None`: there is too little left.
    fn share(limit: u64, wanted: Wanted) -> Option<u64> {
        let sixteenth = limit / 16;
        let journal = wanted.journal_file_bytes.unwrap_or(0) * JOURNAL_FILES_IN_MEMORY;
        let tail = wanted.tail_cache_bytes.unwrap_or(0).max(journal);
        let connections =
            u64::from(wanted.max_connections.unwrap_or(0)) * ServerMemory::CONNECTION_BYTES;
        let over_tail = tail.saturating_sub(3 * sixteenth);
        let over_connections = connections.saturating_sub(2 * sixteenth);
        let left = (11 * sixteenth).checked_sub(over_tail + over_connections)? / 11;
        (left >= LIMIT_MIN / 16).then_some(left)
    }
}

/// Half of the machine, or three quarters of what the control group may have: files that are read and
/// written count there, too.
fn default_limit(available: AvailableMemory) -> u64 {
    let machine = available.machine.map(|bytes| bytes / 2);
    let group = available.group.map(|bytes| bytes / 4 * 3);
    machine.into_iter().chain(group).min().unwrap_or(4 << 30)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn machine(bytes: u64) -> AvailableMemory {
        AvailableMemory { machine: Some(bytes), group: None }
    }

    /// What the parts come to, the program itself not among them.
    fn sum(plan: &MemoryPlan) -> u64 {
        let server = &plan.server;
        plan.tail_cache_bytes.max(plan.journal_file_bytes * JOURNAL_FILES_IN_MEMORY)
            + u64::from(plan.max_connections) * ServerMemory::CONNECTION_BYTES
            + plan.queue_bytes
            + plan.segment_cache_bytes
            + plan.event_bytes
            + COPIES_OF_BODY * server.body_bytes
            + server.reply_bytes
            + server.request_bytes
            + server.window_bytes
    }

    #[test]
    fn parts_stay_below_the_limit() {
        for limit in [256 * MIB, 300 * MIB, GIB, 4 * GIB, 64 * GIB] {
            for tail_cache_bytes in [None, Some(MIB), Some(100 * MIB), Some(GIB)] {
                for max_connections in [None, Some(1), Some(2000), Some(20_000)] {
                    for journal_file_bytes in [None, Some(16 * MIB), Some(64 * MIB)] {
                        let wanted = Wanted {
                            limit: Some(limit),
                            tail_cache_bytes,
                            journal_file_bytes,
                            max_connections,
                        };
                        let Ok(plan) = MemoryPlan::of(wanted, machine(GIB)) else { continue };
                        assert!(sum(&plan) <= limit, "{wanted:?} {plan:?}");
                        assert!(plan.server.body_bytes >= 16 * MIB, "{plan:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn half_of_the_machine_or_most_of_the_group_is_the_default() {
        let limit = |machine, group| {
            MemoryPlan::of(Wanted::default(), AvailableMemory { machine, group }).unwrap().limit
        };
        assert_eq!(limit(Some(8 * GIB), None), 4 * GIB);
        assert_eq!(limit(Some(8 * GIB), Some(GIB)), 768 * MIB);
        assert_eq!(limit(Some(2 * GIB), Some(4 * GIB)), GIB);
        assert_eq!(limit(Some(64 * MIB), None), LIMIT_MIN);
        assert_eq!(limit(None, None), 4 * GIB);
        for (machine, group, exceeds) in [
            (Some(GIB), None, false),
            (Some(64 * MIB), None, true),
            (Some(GIB), Some(128 * MIB), true),
            (None, None, false),
        ] {
            let available = AvailableMemory { machine, group };
            let plan = MemoryPlan::of(Wanted::default(), available).unwrap();
            assert_eq!(plan.exceeds(available), exceeds);
        }
    }

    #[test]
    fn a_machine_of_some_size_has_all_that_is_of_use() {
        let plan = MemoryPlan::of(Wanted::default(), machine(32 * GIB)).unwrap();
        assert_eq!(plan.tail_cache_bytes, 256 * MIB);
        assert_eq!(plan.journal_file_bytes, 64 * MIB);
        assert_eq!(u64::from(plan.max_connections), CONNECTIONS);
        assert_eq!(plan.server.body_bytes, 256 * MIB);
        let wanted = Wanted { limit: Some(16 * GIB), ..Wanted::default() };
        assert_eq!(MemoryPlan::of(wanted, machine(GIB)).unwrap().tail_cache_bytes, 3 * GIB);
    }

    #[test]
    fn what_does_not_fit_is_refused_or_makes_the_guess_larger() {
        let wanted = Wanted { tail_cache_bytes: Some(GIB), ..Wanted::default() };
        assert!(MemoryPlan::of(wanted, machine(GIB)).unwrap().limit > GIB);
        let problem = |limit| {
            let plan = MemoryPlan::of(Wanted { limit: Some(limit), ..wanted }, machine(GIB));
            plan.unwrap_err().to_string()
        };
        assert!(problem(512 * MIB).contains("raise it or lower them"));
        assert!(problem(100 * MIB).contains("at least 256MiB"));
    }
}
