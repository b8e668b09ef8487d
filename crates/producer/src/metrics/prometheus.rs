//! Metrics as Prometheus reads them: text format 0.0.4.
//!
//! A family has labels of one kind only, so that sums over it count nothing twice: `…_shard_…` has those of
//! shards, the others have those of streams, or none if streams are not told apart. What Prometheus can sum
//! up by itself is left out.

use super::name::MetricName as Name;
use super::snapshot::{Metric, Metrics, Place};
use crate::settings::{AdditionalDimension, MetricsGranularity};
use crate::statistics::Statistics;
use std::fmt::{self, Write};

const PREFIX: &str = "anabranch_producer";

/// How statistics become samples.
#[derive(Clone, Copy)]
enum Kind {
    /// The sum.
    Counter,
    /// How many values there are beyond the sum: those that are 0, and not 1.
    Zeros,
    /// Sum and count, of values in this unit.
    Summary(f64),
}

/// Families, by name without prefix: `UserRecordsPending` is a gauge, and not among them.
#[rustfmt::skip]
const FAMILIES: [(&str, Name, Kind, &str); 15] = [
    ("user_records_received_total", Name::UserRecordsReceived, Kind::Counter, "User records that were put."),
    ("user_records_put_total", Name::UserRecordsPut, Kind::Counter, "User records that are stored."),
    ("user_records_failed_total", Name::UserRecordsPut, Kind::Zeros, "User records that have failed for good."),
    ("user_records_put_bytes_total", Name::UserRecordsDataPut, Kind::Counter, "Bytes of data of user records that are stored."),
    ("user_records_expired_total", Name::UserRecordExpired, Kind::Counter, "User records that became too old."),
    ("kinesis_records_put_total", Name::KinesisRecordsPut, Kind::Counter, "Kinesis records that are stored."),
    ("kinesis_records_failed_total", Name::KinesisRecordsPut, Kind::Zeros, "Attempts to store a Kinesis record that failed."),
    ("kinesis_records_put_bytes_total", Name::KinesisRecordsDataPut, Kind::Counter, "Bytes of Kinesis records that are stored."),
    ("errors_total", Name::ErrorsByCode, Kind::Counter, "Errors by code."),
    ("retries_per_record", Name::RetriesPerRecord, Kind::Summary(1.0), "Attempts after the first, of each user record."),
    ("buffering_time_seconds", Name::BufferingTime, Kind::Summary(1e-3), "From when a user record was put until it was sent first."),
    ("request_time_seconds", Name::RequestTime, Kind::Summary(1e-3), "From when a request was sent until its answer."),
    ("user_records_per_kinesis_record", Name::UserRecordsPerKinesisRecord, Kind::Summary(1.0), "User records of each Kinesis record."),
    ("kinesis_records_per_request", Name::KinesisRecordsPerPutRecordsRequest, Kind::Summary(1.0), "Kinesis records of each request."),
    ("user_records_per_request", Name::UserRecordsPerPutRecordsRequest, Kind::Summary(1.0), "User records of each request."),
];

impl Metrics {
    /// In Prometheus' text format 0.0.4 (`text/plain; version=0.0.4`), times in seconds. Meant for metrics since
    /// the start: counters of a window would fall.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for (suffix, name, kind, help) in FAMILIES {
            let of = self.iter().filter(|metric| metric.name == name);
            let (shards, others): (Vec<&Metric>, Vec<&Metric>) =
                of.partition(|metric| matches!(metric.place, Place::Shard(..)));
            let is_wanted = |metric: &&Metric| {
                (self.granularity == MetricsGranularity::Global) == (metric.place == Place::All)
            };
            let others: Vec<&Metric> = others.into_iter().filter(is_wanted).collect();
            family(out, &format!("{PREFIX}_{suffix}"), kind, help, &others)?;
            family(out, &format!("{PREFIX}_shard_{suffix}"), kind, help, &shards)?;
        }
        self.write_pending(out)
    }

    fn write_pending(&self, out: &mut String) -> fmt::Result {
        if self.pending.is_empty() {
            return Ok(());
        }
        let name = format!("{PREFIX}_user_records_pending");
        writeln!(out, "# HELP {name} User records without an outcome.\n# TYPE {name} gauge")?;
        if self.granularity == MetricsGranularity::Global {
            let all: u64 = self.pending.iter().map(|(_, pending)| pending).sum();
            out.push_str(&name);
            labels(out, [], self.additional.iter().filter(|one| one.is_of(self.granularity)))?;
            return writeln!(out, " {all}");
        }
        for (stream, pending) in &self.pending {
            out.push_str(&name);
            let of_stream = |one: &&AdditionalDimension| one.is_of(MetricsGranularity::Stream);
            labels(out, [("stream", Some(&**stream))], self.additional.iter().filter(of_stream))?;
            writeln!(out, " {pending}")?;
        }
        Ok(())
    }
}

fn family(
    out: &mut String,
    name: &str,
    kind: Kind,
    help: &str,
    metrics: &[&Metric],
) -> fmt::Result {
    if metrics.is_empty() {
        return Ok(());
    }
    let word = if matches!(kind, Kind::Summary(_)) { "summary" } else { "counter" };
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {word}")?;
    for metric in metrics {
        let Statistics { count, sum, .. } = metric.statistics;
        match kind {
            Kind::Counter => sample(out, name, "", metric, sum)?,
            Kind::Zeros => sample(out, name, "", metric, count as f64 - sum)?,
            Kind::Summary(unit) => {
                sample(out, name, "_sum", metric, sum * unit)?;
                sample(out, name, "_count", metric, count as f64)?;
            }
        }
    }
    Ok(())
}

fn sample(out: &mut String, name: &str, suffix: &str, metric: &Metric, value: f64) -> fmt::Result {
    let (stream, shard) = match &metric.place {
        Place::All => (None, None),
        Place::Stream(stream) => (Some(&**stream), None),
        Place::Shard(stream, shard) => (Some(&**stream), Some(&**shard)),
    };
    write!(out, "{name}{suffix}")?;
    let own = [("stream", stream), ("shard", shard), ("code", metric.error_code.as_deref())];
    labels(out, own, metric.additional())?;
    writeln!(out, " {value}")
}

/// Labels of our own and of the user's. Of those that come to the same name the first counts.
fn labels<'a, const COUNT: usize>(
    out: &mut String,
    own: [(&str, Option<&str>); COUNT],
    additional: impl Iterator<Item = &'a AdditionalDimension>,
) -> fmt::Result {
    let mut labels: Vec<(String, &str)> =
        own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    for one in additional {
        let name = label_name(&one.name);
        if labels.iter().all(|(other, _)| *other != name) {
            labels.push((name, &one.value));
        }
    }
    let mut before = '{';
    for (name, value) in labels {
        write!(out, "{before}{name}=\"")?;
        for character in value.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
        before = ',';
    }
    if before == ',' {
        out.push('}');
    }
    Ok(())
}

/// A dimension's name as Prometheus takes it, and none that has a meaning of its own.
fn label_name(name: &str) -> String {
    let is_taken = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let name: String =
        name.chars().map(|character| if is_taken(character) { character } else { '_' }).collect();
    let has_meaning = ["stream", "shard", "code", "le", "quantile", "job", "instance"];
    let begins_badly =
        name.starts_with(|first: char| first.is_ascii_digit()) || name.starts_with("__");
    match begins_badly || has_meaning.contains(&&*name) {
        true => format!("dimension_{name}"),
        false => name,
    }
}
