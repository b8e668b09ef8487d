//! What a person is told of a spool. Pure.

use std::path::Path;

use anabranch_producer::{Damage, SpoolStatus, Trouble};

use crate::commands::put::outcome::Tally;

/// What the spool was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Records of the input that are durable.
    pub(super) records: u64,
    /// Of their data.
    pub(super) bytes: u64,
    /// Bytes of the input that had been read by then.
    pub(super) position: u64,
    /// Records that the spool does not keep.
    pub(super) not_kept: u64,
}

/// What an earlier run left, if it did.
pub(super) fn found(status: &SpoolStatus) -> Option<String> {
    let (found, bytes) = (status.found, status.bytes);
    (found > 0).then(|| {
        format!(
            "the spool has {found} records of an earlier run, {bytes} bytes: they are sent first"
        )
    })
}

/// A line about what is done.
pub(super) fn summary(taken: Taken, status: &SpoolStatus) -> String {
    let mut text =
        format!("{} records, {} bytes, {} sent", taken.records, taken.bytes, status.stored);
    if status.found > 0 {
        text.push_str(&format!(", {} of which an earlier run had left", status.found_stored));
    }
    if status.maybe_twice > 0 {
        text.push_str(&format!(", {} of which may be stored twice", status.maybe_twice));
    }
    text
}

/// What went wrong, if anything did.
pub(super) fn problems(
    taken: Taken,
    tally: &Tally,
    status: &SpoolStatus,
    directory: &Path,
    trouble: Option<&Trouble>,
) -> Option<String> {
    let mut problems: Vec<String> =
        tally.failure_of(taken.records + taken.not_kept).into_iter().collect();
    // Those that nobody knows by their place in the input.
    let known = tally.failed().saturating_sub(taken.not_kept);
    let others = status.failed.saturating_sub(known);
    if others > 0 {
        let reason = status.failure.as_deref().unwrap_or_default();
        problems.push(format!(
            "{others} records of the spool were refused and are not in it any more: {reason}"
        ));
    }
    if !status.damage.is_empty() {
        let count = status.damage.len();
        problems.push(format!("the records in {count} damaged parts of the spool are lost"));
    }
    if status.records > 0 {
        let mut text = format!(
            "{} records stay in the spool, and the next run with --spool {} sends them",
            status.records,
            directory.display()
        );
        if let Some(trouble) = trouble {
            text.push_str(&format!(": {trouble}"));
        }
        problems.push(text);
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// A part of the spool that cannot be read.
pub(super) fn damage(damage: &Damage) -> String {
    format!(
        "a part of the spool cannot be read, its records are lost path={} offset={} bytes={}",
        damage.path.display(),
        damage.offset,
        damage.bytes
    )
}
