//! `anabranch inspect --repair`: what is intact of a damaged directory, into a new one.

use std::path::Path;
use std::sync::Arc;

use anabranch_engine::Catalog;
use anabranch_engine::Scope;
use anabranch_engine::backup::BackupReport;
use anabranch_engine::salvage::{self, Finding, Lost, Salvage, SalvagedCatalog, ShardExtent};
use anabranch_env::{Disk, DiskLock, RealDisk};
use anabranch_model::ShardKey;
use anyhow::{Context, ensure};
use serde_json::json;

use super::backup::{CERTIFICATE, KEYRING};
use crate::output;

/// Whose the streams are that no catalog knows: the server's own defaults.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

pub(crate) fn run(data_dir: &Path, target: &Path, as_json: bool) -> anyhow::Result<()> {
    let disk = RealDisk;
    let _lock = lock(&disk, data_dir)?;
    let mut progress = output::Progress::new();
    let found = salvage::read(&disk, data_dir, &mut |path| {
        progress.tell(|| format!("reading {}", path.display()));
    })?;
    let scope = Scope { account: Arc::from(ACCOUNT), region: Arc::from(REGION) };
    let salvaged = salvage::rebuild(&found, &scope);
    let (command, payload) = salvaged.catalog.snapshot();
    let beside = [CERTIFICATE[0], CERTIFICATE[1], KEYRING];
    let written = found.write(&disk, target, (command, &payload), &beside, &mut |bytes| {
        progress.tell(|| format!("saved {} MiB", bytes >> 20));
    })?;
    let lost = losses(&found, &salvaged);
    match as_json {
        true => output::write_json(&to_json(target, &found, &salvaged, written, &lost))?,
        false => output::write_stdout(to_text(target, &found, written, &lost).as_bytes())?,
    }
    ensure!(lost.is_empty(), "saved what is intact, but something is lost findings={}", lost.len());
    Ok(())
}

/// Keeps a server from writing to the directory. A volume that cannot be written to has none.
fn lock(disk: &dyn Disk, data_dir: &Path) -> anyhow::Result<Option<DiskLock>> {
    let path = data_dir.join("LOCK");
    if disk.open(&path, false).is_err() {
        return Ok(None);
    }
    match disk.lock(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            Err(error).with_context(|| {
                format!("a server is using it, stop that first path={}", path.display())
            })
        }
        other => Ok(other.ok()),
    }
}

/// Everything that is gone or not as it was, as sentences.
fn losses(found: &Salvage, salvaged: &SalvagedCatalog) -> Vec<String> {
    let lost = found.findings.iter().filter(|finding| finding.lost != Lost::Nothing);
    let mut lines: Vec<String> = lost.map(|finding| describe(finding, &salvaged.catalog)).collect();
    if salvaged.snapshot_unreadable {
        lines.push("the catalog's snapshot holds, but this version cannot read it".to_owned());
    }
    for number in &salvaged.passed_over {
        lines.push(format!("change {number} of the catalog does not fit to what is left of it"));
    }
    for (shard, extent) in &salvaged.adopted {
        let name = shard_name(&salvaged.catalog, *shard);
        lines.push(format!(
            "the catalog did not know {name}: its {} records are kept there, without their \
             names, hash keys and settings; put them where they belong, or leave them to expire",
            extent.records
        ));
    }
    for (shard, extent) in &salvaged.sealed {
        lines.push(format!(
            "the catalog did not know {}: its {} records are encrypted with keys that it had; \
             they can be read only with a backup of the catalog",
            shard_name(&salvaged.catalog, *shard),
            extent.records
        ));
    }
    lines
}

fn describe(finding: &Finding, catalog: &Catalog) -> String {
    let Finding { path, offset, bytes, lost } = finding;
    let place = format!("{} offset={offset} bytes={bytes}", path.display());
    match lost {
        Lost::Nothing => format!("{place}: nothing is lost"),
        Lost::Records { shard: Some(shard), indices, records_max } => {
            let numbers = sequence_numbers(catalog, *shard, indices.start, indices.end);
            format!(
                "{place}: up to {records_max} records of {} with indices {} to {}{numbers}",
                shard_name(catalog, *shard),
                indices.start,
                indices.end.saturating_sub(1),
            )
        }
        Lost::Records { shard: None, records_max: 0, .. } => {
            format!("{place}: no records, but perhaps changes of the catalog")
        }
        Lost::Records { shard: None, indices, records_max } => format!(
            "{place}: up to {records_max} records of unknown shards with indices {} to {}, and \
             perhaps changes of the catalog",
            indices.start,
            indices.end.saturating_sub(1),
        ),
        Lost::Command { number } => format!("{place}: change {number} of the catalog"),
        Lost::Tail { from_index } => format!(
            "{place}: what was stored last, from index {from_index} on; it was never acknowledged, \
             or it was just before the end"
        ),
        Lost::Snapshot => format!(
            "{place}: a snapshot of the catalog, and with it all streams that no change in the \
             journal tells of"
        ),
    }
}

fn shard_name(catalog: &Catalog, shard: ShardKey) -> String {
    match catalog.streams().of_number(shard.stream()) {
        Some(stream) => format!(
            "{}/{}/{} shardId-{:012}",
            stream.reference.scope.account,
            stream.reference.scope.region,
            stream.reference.name,
            shard.shard().0
        ),
        None => format!("stream number {} shardId-{:012}", shard.stream(), shard.shard().0),
    }
}

/// The sequence numbers between which a shard's records with these indices are.
fn sequence_numbers(catalog: &Catalog, shard: ShardKey, start: u64, end: u64) -> String {
    let stream = catalog.streams().of_number(shard.stream());
    let Some(shard) = stream.and_then(|stream| stream.shards.of_id(shard.shard())) else {
        return String::new();
    };
    let first = shard.sequence_number(start, 0);
    let behind = shard.sequence_number(end, 0);
    format!(", sequence numbers from {first} up to {behind}")
}

fn to_json(
    target: &Path,
    found: &Salvage,
    salvaged: &SalvagedCatalog,
    written: BackupReport,
    lost: &[String],
) -> serde_json::Value {
    let findings: Vec<_> = found
        .findings
        .iter()
        .map(|finding| {
            let (shard, indices, records_max) = match &finding.lost {
                Lost::Records { shard, indices, records_max } => (
                    shard.map(|shard| shard_name(&salvaged.catalog, shard)),
                    Some([indices.start, indices.end]),
                    Some(*records_max),
                ),
                _ => (None, None, None),
            };
            json!({
                "path": finding.path,
                "offset": finding.offset,
                "bytes": finding.bytes,
                "lost": describe(finding, &salvaged.catalog),
                "shard": shard,
                "indices": indices,
                "records_max": records_max,
            })
        })
        .collect();
    let unattributed = |shards: &std::collections::BTreeMap<ShardKey, ShardExtent>| {
        let one = |(shard, extent): (&ShardKey, &ShardExtent)| {
            json!({
                "shard": shard_name(&salvaged.catalog, *shard),
                "stream_number": shard.stream(),
                "records": extent.records,
            })
        };
        shards.iter().map(one).collect::<Vec<_>>()
    };
    json!({
        "ok": lost.is_empty(),
        "directory": target,
        "records": found.shards.values().map(|extent| extent.records).sum::<u64>(),
        "journal_files": written.journals,
        "segments": written.segments,
        "findings": findings,
        "unattributed": unattributed(&salvaged.adopted),
        "unreadable": unattributed(&salvaged.sealed),
        "lost": lost,
    })
}

fn to_text(target: &Path, found: &Salvage, written: BackupReport, lost: &[String]) -> String {
    let mut text = String::new();
    for finding in found.findings.iter().filter(|finding| finding.lost == Lost::Nothing) {
        let Finding { path, offset, .. } = finding;
        text.push_str(&format!("MENDED {} offset={offset}: nothing is lost\n", path.display()));
    }
    for line in lost {
        text.push_str(&format!("LOST {line}\n"));
    }
    let records: u64 = found.shards.values().map(|extent| extent.records).sum();
    let BackupReport { journals, segments, others, .. } = written;
    text.push_str(&format!(
        "saved {records} records to {}: {journals} journal files, {segments} segments, {others} \
         other files\n",
        target.display()
    ));
    text.push_str(match lost {
        [] => "nothing is lost\n",
        _ => "serve it with `anabranch serve --data-dir`; the old directory is as it was\n",
    });
    text
}
