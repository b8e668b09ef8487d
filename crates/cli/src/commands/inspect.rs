//! `anabranch inspect`: what a data directory holds, read without a running server.

use std::path::PathBuf;

use anabranch_engine::Catalog;
use anabranch_engine::inspect::{self, Report};
use anabranch_env::RealDisk;
use anyhow::ensure;
use clap::Args;
use serde_json::json;

use crate::output::{self, Align, Table};

/// Describe and verify a data directory that no server is using, or save what is intact of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch inspect ./anabranch-data
  anabranch inspect /var/lib/anabranch --json | jq .streams
  anabranch inspect /var/lib/anabranch --repair /var/lib/anabranch-saved

--repair never writes to DATA_DIR. It saves every record and change whose checksums hold into the
new directory, which a server can serve, and says what is lost: where in which file, and which
shards' records. The exit status is 0 if nothing is lost, else 1.")]
pub(crate) struct InspectArgs {
    /// The data directory of a stopped server.
    #[arg(value_name = "DATA_DIR")]
    data_dir: PathBuf,
    /// Save what is intact into this directory, which must not exist, or be empty.
    #[arg(long, value_name = "NEW_DIR")]
    repair: Option<PathBuf>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

impl InspectArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(target) = &self.repair {
            return super::repair::run(&self.data_dir, target, self.json);
        }
        let report = inspect::inspect(&RealDisk, &self.data_dir)?;
        let catalog = Catalog::rebuild(report.snapshot.as_deref(), &report.commands);
        let mut damage: Vec<String> = report.damage.iter().map(|d| d.what.clone()).collect();
        let streams = match catalog {
            Ok(catalog) => describe_streams(&catalog),
            Err(error) => {
                damage.push(error.to_string());
                Vec::new()
            }
        };
        match self.json {
            true => output::write_json(&to_json(&report, &streams, &damage))?,
            false => output::write_stdout(to_text(&report, &streams, &damage).as_bytes())?,
        }
        ensure!(damage.is_empty(), "the data directory is damaged findings={}", damage.len());
        Ok(())
    }
}

struct StreamLine {
    account: String,
    region: String,
    name: String,
    open_shards: usize,
    retention_hours: u32,
    key_id: Option<String>,
    is_deleting: bool,
}

fn describe_streams(catalog: &Catalog) -> Vec<StreamLine> {
    let mut streams: Vec<StreamLine> = catalog
        .streams()
        .all()
        .map(|stream| StreamLine {
            account: stream.reference.scope.account.to_string(),
            region: stream.reference.scope.region.to_string(),
            name: stream.reference.name.to_string(),
            open_shards: stream.shards.open_len(),
            retention_hours: stream.retention.hours,
            key_id: stream.encryption.key_id.as_deref().map(str::to_owned),
            is_deleting: stream.gone_at_ms.is_some(),
        })
        .collect();
    streams.sort_by(|a, b| (&a.account, &a.region, &a.name).cmp(&(&b.account, &b.region, &b.name)));
    streams
}

fn to_json(report: &Report, streams: &[StreamLine], damage: &[String]) -> serde_json::Value {
    let streams: Vec<_> = streams
        .iter()
        .map(|stream| {
            json!({
                "account": stream.account,
                "region": stream.region,
                "name": stream.name,
                "open_shards": stream.open_shards,
                "retention_hours": stream.retention_hours,
                "key_id": stream.key_id,
                "deleting": stream.is_deleting,
            })
        })
        .collect();
    let journals: Vec<_> = report
        .journals
        .iter()
        .map(|journal| {
            json!({
                "path": journal.path,
                "frames": journal.frames,
                "records": journal.records,
                "valid_bytes": journal.valid_bytes,
                "sealed": journal.sealed,
                "torn_bytes": journal.torn_bytes,
            })
        })
        .collect();
    let segments: Vec<_> = report
        .segments
        .iter()
        .map(|segment| {
            json!({
                "path": segment.path,
                "shards": segment.shards,
                "records": segment.records,
                "bytes": segment.bytes,
            })
        })
        .collect();
    json!({
        "ok": damage.is_empty(),
        "streams": streams,
        "journal": journals,
        "segments": segments,
        "next_index": report.next_index,
        "damage": damage,
    })
}

fn to_text(report: &Report, streams: &[StreamLine], damage: &[String]) -> String {
    let left = |names: &[&'static str]| {
        let columns: Vec<_> = names.iter().map(|name| (*name, Align::Left)).collect();
        Table::new(&columns)
    };
    let mut shown =
        left(&["ACCOUNT", "REGION", "STREAM", "OPEN SHARDS", "RETENTION", "KEY", "STATE"]);
    for stream in streams {
        shown.row(vec![
            stream.account.clone(),
            stream.region.clone(),
            stream.name.clone(),
            stream.open_shards.to_string(),
            format!("{} h", stream.retention_hours),
            stream.key_id.clone().unwrap_or_default(),
            if stream.is_deleting { "DELETING" } else { "" }.to_owned(),
        ]);
    }
    let mut files = left(&["FILE", "RECORDS", "BYTES", "NOTE"]);
    for journal in &report.journals {
        let note = match (journal.sealed, journal.torn_bytes) {
            (true, _) => "sealed".to_owned(),
            (false, 0) => "open".to_owned(),
            (false, torn) => format!("open, {torn} bytes of torn tail will be cut"),
        };
        let (records, bytes) = (journal.records.to_string(), journal.valid_bytes.to_string());
        files.row(vec![journal.path.display().to_string(), records, bytes, note]);
    }
    for segment in &report.segments {
        let (records, bytes) = (segment.records.to_string(), segment.bytes.to_string());
        let note = format!("{} shards", segment.shards);
        files.row(vec![segment.path.display().to_string(), records, bytes, note]);
    }
    let verdict = match damage {
        [] => "intact: every checksum holds\n".to_owned(),
        findings => findings.iter().map(|finding| format!("DAMAGE {finding}\n")).collect(),
    };
    format!("{}\n{}\n{verdict}", shown.render(), files.render())
}
