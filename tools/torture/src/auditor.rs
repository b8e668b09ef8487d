//! Auditors: they ask again for what others have read or written long ago.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;

use crate::consumer::{is_at_tip, iterator_at, parse, show};
use crate::harness::{Failure, Harness, Phase, Running, Stream, count, failure};
use crate::history::{Cursor, From};
use crate::payload::Name;
use crate::place::{Place, Shard};

/// Records of one look at the past.
const LOOK_MAX: u64 = 3_000;
/// Looks after which something else must have happened to make progress.
const EMPTY_MAX: usize = 10_000;

/// Reads parts of the past, wherever they are, until the phase is over.
pub(crate) async fn audit(harness: Arc<Harness>, stream: usize) -> Result<()> {
    let mut rng = harness.rng("audit", stream as u64);
    let stream = &harness.streams[stream];
    while harness.phase() == Phase::Torture {
        let pause = Duration::from_millis(rng.random_range(100..800));
        harness.pause(pause, Phase::Draining).await;
        let shards = stream.truth().shards();
        if shards.is_empty() {
            continue;
        }
        let shard = shards[rng.random_range(0..shards.len())];
        let known = stream.truth().end(shard);
        let count_from = rng.random_range(0..=known.count);
        let (cursor, from) = stream.truth().rewound(shard, count_from);
        let to = known.count.min(cursor.count + LOOK_MAX);
        read_again(&harness, stream, shard, (cursor, from), to).await?;
        count(&harness.counters.audits);
    }
    Ok(())
}

/// Reads all of a shard again.
pub(crate) async fn audit_all(harness: Arc<Harness>, stream: usize, shard: Shard) -> Result<()> {
    let stream = &harness.streams[stream];
    let start = (Cursor::default(), From::TrimHorizon);
    let known = stream.truth().end(shard);
    let read = read_again(&harness, stream, shard, start, known.count).await?;
    stream.truth().at_tip(shard, read, known)?;
    ensure!(read == known, "{shard} of {} was longer than all had read", stream.name);
    Ok(())
}

/// Reads until so many records of the shard have been read.
async fn read_again(
    harness: &Harness,
    stream: &Stream,
    shard: Shard,
    (mut cursor, mut from): (Cursor, From),
    to: u64,
) -> Result<Cursor> {
    let known = stream.truth().end(shard);
    let mut iterator: Option<String> = None;
    let mut empty = 0;
    while cursor.count < to {
        let server = harness.server().await?;
        let outcome = async {
            let current = match iterator.take() {
                Some(iterator) => iterator,
                None => iterator_at(&server.client, &stream.name, shard, from).await?,
            };
            let get = server.client.get_records().shard_iterator(current);
            get.send().await.map_err(failure)
        };
        let got = match outcome.await {
            Ok(got) => got,
            Err(Failure::Broken(why)) => {
                harness.restarted(&server, &why).await?;
                (cursor, from) = stream.truth().rewound(shard, cursor.count);
                continue;
            }
            Err(failure) if failure.has_code("ExpiredIteratorException") => continue,
            Err(failure) => return Err(failure.into_error().context(format!("rereading {shard}"))),
        };
        show(stream, harness.seed, shard, &mut cursor, got.records())?;
        empty = if got.records.is_empty() { empty + 1 } else { 0 };
        if cursor.count < to && (is_at_tip(&got) || got.next_shard_iterator.is_none()) {
            stream.truth().at_tip(shard, cursor, known)?;
        }
        ensure!(empty < EMPTY_MAX, "{shard} of {} gives no more records", stream.name);
        iterator = got.next_shard_iterator;
    }
    Ok(cursor)
}

/// Asks for acknowledged records by their numbers until the phase is over.
pub(crate) async fn probe(harness: Arc<Harness>, stream: usize) -> Result<()> {
    let mut rng = harness.rng("probe", stream as u64);
    let stream = &harness.streams[stream];
    while harness.phase() == Phase::Torture {
        harness.pause(Duration::from_millis(rng.random_range(20..150)), Phase::Draining).await;
        let chosen = {
            let sample = stream.sample();
            let newest = sample.kept.len().saturating_sub(1);
            sample.kept.get(rng.random_range(0..=newest)).copied()
        };
        if let Some((name, place)) = chosen {
            probe_one(&harness, stream, name, place).await?;
        }
    }
    Ok(())
}

/// Asks for all that were sampled.
pub(crate) async fn probe_all(harness: Arc<Harness>, stream: usize) -> Result<()> {
    let stream = &harness.streams[stream];
    let kept = stream.sample().kept.clone();
    for (name, place) in kept {
        probe_one(&harness, stream, name, place).await?;
    }
    Ok(())
}

async fn probe_one(harness: &Harness, stream: &Stream, name: Name, place: Place) -> Result<()> {
    loop {
        let server = harness.server().await?;
        match at_number(&server, stream, harness.seed, place).await {
            Ok(found) => {
                let found = found.with_context(|| format!("{name} in {place}"))?;
                ensure!(found == (name, place), "{name} was put in {place}, found {found:?}");
                count(&harness.counters.probes);
                return Ok(());
            }
            Err(Failure::Broken(why)) => drop(harness.restarted(&server, &why).await?),
            Err(failure) => bail!(failure.into_error().context(format!("{name} in {place}"))),
        }
    }
}

/// The first record at a sequence number.
async fn at_number(
    server: &Running,
    stream: &Stream,
    seed: u64,
    place: Place,
) -> Result<Result<(Name, Place)>, Failure> {
    let from = From::At(place.sequence);
    let iterator = iterator_at(&server.client, &stream.name, place.shard, from).await?;
    let get = server.client.get_records().shard_iterator(iterator).limit(1);
    let got = get.send().await.map_err(failure)?;
    let first = got.records().first().context("there is no record at its number");
    let found = first.and_then(|record| parse(seed, record));
    Ok(found.map(|read| (read.name, Place { shard: place.shard, sequence: read.sequence })))
}
