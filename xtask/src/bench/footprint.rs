//! What a server needs when it has little to do: memory, time to start, time to recover.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::bench::flat::{REQUEST_BYTES, fill, inspect};
use crate::bench::kind::Kind;
use crate::bench::machine::{Memory, open_files_max};
use crate::bench::median::median;
use crate::bench::programs::Programs;
use crate::bench::report::{Outcome, Table, mib};
use crate::bench::server::{ScratchDirectory, Server, create_stream, request};
use crate::bench::setting::{Bench, Scale};
use crate::tools::run;

pub(crate) const SERVERS: [Kind; 2] = [Kind::Anabranch, Kind::Ferrokinesis];
/// Shards of one stream.
const SHARDS_PER_STREAM: u32 = 1_000;
/// How long memory may settle before it is read.
const SETTLE: Duration = Duration::from_secs(2);
/// Everything stays in one journal file with these, so that all of it has to be read.
const RECOVERY_FLAGS: [&str; 4] = ["--journal-file-bytes", "1280MiB", "--tail-cache-bytes", "4GiB"];

/// Everything about one server that is not throughput.
#[derive(Debug, Serialize)]
struct Footprint {
    name: &'static str,
    starts_ms: Vec<f64>,
    start_ms: f64,
    idle: Memory,
    shards: u32,
    with_shards: Memory,
    connections: usize,
    /// Open, and nothing sent.
    with_connections: Memory,
    /// After one request on each.
    with_used_connections: Memory,
    recovery: Option<Recovery>,
}

/// A restart after `kill -9` with a full journal.
#[derive(Debug, Serialize)]
struct Recovery {
    journal_bytes: u64,
    records: u64,
    /// The files were in the page cache.
    warm_ms: f64,
    /// They were not.
    cold_ms: f64,
    resident: u64,
}

pub(crate) fn measure(bench: &Bench<'_>) -> Result<Outcome> {
    let all = measure_all(bench.programs, bench.data_dir, &bench.scale)?;
    let raw = serde_json::to_value(&all)?;
    Ok(Outcome::new("footprint", tables(&all), Vec::new(), raw))
}

fn measure_all(programs: &Programs, data_dir: &Path, scale: &Scale) -> Result<Vec<Footprint>> {
    let mut starts = [Vec::new(), Vec::new()];
    eprintln!("{} starts each", scale.starts);
    for _ in 0..scale.starts {
        for (kind, starts) in SERVERS.iter().zip(&mut starts) {
            let directory = ScratchDirectory::new(data_dir)?;
            let mut server = Server::start(*kind, programs, directory.path(), &[])?;
            starts.push(server.wait_until_ready()?.as_secs_f64() * 1e3);
        }
    }
    SERVERS
        .iter()
        .zip(starts)
        .map(|(kind, starts_ms)| {
            eprintln!("memory of {}", kind.name());
            let (idle, with_shards) = memory_of_shards(*kind, programs, data_dir, scale)?;
            let (with_connections, with_used_connections, connections) =
                memory_of_connections(*kind, programs, data_dir, scale)?;
            let recovery = match kind {
                Kind::Anabranch => Some(recovery(programs, data_dir, scale)?),
                _ => None,
            };
            Ok(Footprint {
                name: kind.name(),
                start_ms: median(starts_ms.iter().copied()),
                starts_ms,
                idle,
                shards: scale.few_idle_shards,
                with_shards,
                connections,
                with_connections,
                with_used_connections,
                recovery,
            })
        })
        .collect()
}

/// Memory of a fresh server, and of the same one with idle shards.
fn memory_of_shards(
    kind: Kind,
    programs: &Programs,
    data_dir: &Path,
    scale: &Scale,
) -> Result<(Memory, Memory)> {
    let directory = ScratchDirectory::new(data_dir)?;
    let mut server = Server::start(kind, programs, directory.path(), &[])?;
    server.wait_until_ready()?;
    std::thread::sleep(SETTLE);
    let idle = server.memory()?;
    let mut connection = server.connect()?;
    let shards = SHARDS_PER_STREAM.min(scale.few_idle_shards);
    for number in 0..scale.few_idle_shards / shards {
        create_stream(&mut connection, &format!("idle-{number}"), shards)?;
    }
    drop(connection);
    std::thread::sleep(SETTLE);
    Ok((idle, server.memory()?))
}

/// Memory with connections open, and with one request made on each; and how many they are.
fn memory_of_connections(
    kind: Kind,
    programs: &Programs,
    data_dir: &Path,
    scale: &Scale,
) -> Result<(Memory, Memory, usize)> {
    // Ours and the server's limits are the same, and both have other files.
    let count = scale.idle_connections.min(open_files_max().unwrap_or(1024).saturating_sub(100));
    if count < scale.idle_connections {
        eprintln!("only {count} connections: raise the limit of open files (ulimit -n)");
    }
    let directory = ScratchDirectory::new(data_dir)?;
    let mut server = Server::start(kind, programs, directory.path(), &[])?;
    server.wait_until_ready()?;
    let mut connections =
        (0..count).map(|_| server.connect()).collect::<Result<Vec<TcpStream>>>()?;
    std::thread::sleep(SETTLE);
    let open = server.memory()?;
    for connection in &mut connections {
        let (status, _) = request(connection, "ListStreams", "{}")?;
        ensure!(status == 200, "ListStreams on an idle connection: {status}");
    }
    std::thread::sleep(SETTLE);
    Ok((open, server.memory()?, count))
}

fn recovery(programs: &Programs, data_dir: &Path, scale: &Scale) -> Result<Recovery> {
    eprintln!("recovery");
    let directory = ScratchDirectory::new(data_dir)?;
    let start = || Server::start(Kind::Anabranch, programs, directory.path(), &RECOVERY_FLAGS);
    let mut server = start()?;
    server.wait_until_ready()?;
    let requests = scale.recovery_bytes.div_ceil(REQUEST_BYTES);
    fill(programs, server.port, requests)?;
    server.kill();

    let start_again = || -> Result<(f64, u64)> {
        let mut server = start()?;
        let took = server.wait_until_ready()?;
        Ok((took.as_secs_f64() * 1e3, server.memory()?.resident))
    };
    let (warm_ms, resident) = start_again()?;
    let journal = directory.path().join("journal");
    drop_from_page_cache(&journal)?;
    let (cold_ms, _) = start_again()?;
    let (journal_bytes, records) = inspect(programs, directory.path())?;
    Ok(Recovery { journal_bytes, records, warm_ms, cold_ms, resident })
}

fn drop_from_page_cache(directory: &Path) -> Result<()> {
    run(&mut Command::new("sync"))?;
    for entry in fs::read_dir(directory)? {
        let mut input = std::ffi::OsString::from("if=");
        input.push(entry?.path());
        let mut drop_one = Command::new("dd");
        run(drop_one.arg(input).args(["iflag=nocache", "count=0", "status=none"]))?;
    }
    Ok(())
}

fn tables(all: &[Footprint]) -> Vec<Table> {
    let names: Vec<&str> = all.iter().map(|one| one.name).collect();
    let mut table = Table::new("", &[&[""], names.as_slice()].concat());
    let mut row = |name: String, value: &dyn Fn(&Footprint) -> String| {
        table.row(std::iter::once(name).chain(all.iter().map(value)));
    };
    let first = &all[0];
    row(format!("exec to first answer, median of {}", first.starts_ms.len()), &|one| {
        format!("{:.1} ms", one.start_ms)
    });
    row("slowest of them".to_owned(), &|one| {
        format!("{:.1} ms", one.starts_ms.iter().copied().fold(0.0, f64::max))
    });
    row("idle: resident (anonymous)".to_owned(), &|one| memory(one.idle));
    row(format!("with {} idle shards", first.shards), &|one| memory(one.with_shards));
    row("for each shard".to_owned(), &|one| each(one.idle, one.with_shards, f64::from(one.shards)));
    row(format!("with {} idle connections", first.connections), &|one| {
        memory(one.with_connections)
    });
    row("after one request on each".to_owned(), &|one| memory(one.with_used_connections));
    row("for each used connection".to_owned(), &|one| {
        each(one.idle, one.with_used_connections, one.connections as f64)
    });
    let mut tables = vec![table];
    for recovery in all.iter().filter_map(|one| one.recovery.as_ref()) {
        let columns = ["recovery after kill -9", "in the page cache", "not in it", "then resident"];
        let mut table = Table::new("", &columns);
        table.row([
            format!(
                "{:.2} GiB of journal, {} records",
                mib(recovery.journal_bytes) / 1024.0,
                recovery.records
            ),
            format!("{:.0} ms", recovery.warm_ms),
            format!("{:.0} ms", recovery.cold_ms),
            format!("{:.0} MiB", mib(recovery.resident)),
        ]);
        tables.push(table);
    }
    tables
}

fn memory(memory: Memory) -> String {
    format!("{:.1} MiB ({:.1})", mib(memory.resident), mib(memory.anonymous))
}

fn each(without: Memory, with: Memory, count: f64) -> String {
    let more = with.resident.saturating_sub(without.resident);
    format!("{:.2} KiB", more as f64 / 1024.0 / count)
}
