//! What a server needs when it has little to do: memory, time to start, time to recover.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::bench::machine::{Memory, open_files_max};
use crate::bench::programs::Programs;
use crate::bench::server::{Kind, ScratchDirectory, Server, request};
use crate::bench::{Scale, median};
use crate::tools::{capture, run};

const SERVERS: [Kind; 2] = [Kind::Anabranch, Kind::Ferrokinesis];
/// Shards of one stream.
const SHARDS_PER_STREAM: u32 = 1_000;
/// How long memory may settle before it is read.
const SETTLE: Duration = Duration::from_secs(2);
/// Bytes of frames that a PutRecords of 500 × 1 KiB puts into the journal, a little less.
const REQUEST_BYTES: u64 = 500 * 1024;
/// Everything stays in one journal file with these, so that all of it has to be read.
const RECOVERY_FLAGS: [&str; 4] = ["--journal-file-bytes", "1280MiB", "--tail-cache-bytes", "4GiB"];

/// Everything about one server that is not throughput.
#[derive(Debug, Serialize)]
pub(crate) struct Footprint {
    pub(crate) name: &'static str,
    pub(crate) starts_ms: Vec<f64>,
    pub(crate) start_ms: f64,
    pub(crate) idle: Memory,
    pub(crate) shards: u32,
    pub(crate) with_shards: Memory,
    pub(crate) connections: usize,
    /// Open, and nothing sent.
    pub(crate) with_connections: Memory,
    /// After one request on each.
    pub(crate) with_used_connections: Memory,
    pub(crate) recovery: Option<Recovery>,
}

/// A restart after `kill -9` with a full journal.
#[derive(Debug, Serialize)]
pub(crate) struct Recovery {
    pub(crate) journal_bytes: u64,
    pub(crate) records: u64,
    /// The files were in the page cache.
    pub(crate) warm_ms: f64,
    /// They were not.
    pub(crate) cold_ms: f64,
    pub(crate) resident: u64,
}

pub(crate) fn measure_all(
    programs: &Programs,
    data_dir: &Path,
    scale: &Scale,
) -> Result<Vec<Footprint>> {
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
                shards: scale.idle_shards,
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
    let shards = SHARDS_PER_STREAM.min(scale.idle_shards);
    for number in 0..scale.idle_shards / shards {
        create_stream(&mut connection, &format!("idle-{number}"), shards)?;
    }
    drop(connection);
    std::thread::sleep(SETTLE);
    Ok((idle, server.memory()?))
}

fn create_stream(connection: &mut TcpStream, name: &str, shards: u32) -> Result<()> {
    let body = format!("{{\"StreamName\":\"{name}\",\"ShardCount\":{shards}}}");
    let (status, reply) = request(connection, "CreateStream", &body)?;
    ensure!(status == 200, "CreateStream: {status} {}", String::from_utf8_lossy(&reply));
    let body = format!("{{\"StreamName\":\"{name}\"}}");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, reply) = request(connection, "DescribeStreamSummary", &body)?;
        let text = String::from_utf8_lossy(&reply);
        ensure!(status == 200, "DescribeStreamSummary: {status} {text}");
        if text.contains("\"ACTIVE\"") {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the stream does not become ACTIVE");
        std::thread::sleep(Duration::from_millis(10));
    }
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
    let mut fill = Command::new(&programs.anabranch);
    fill.args(["bench", "--endpoint", &format!("http://127.0.0.1:{}", server.port)]);
    fill.args(["--stream", "bench", "--shards", "4", "--warmup", "0s", "--duration", "600s"]);
    fill.args(["--max-requests", &requests.to_string(), "--json"]);
    capture(&mut fill)?;
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

/// Bytes and records in the journal, as `anabranch inspect` counts them.
fn inspect(programs: &Programs, directory: &Path) -> Result<(u64, u64)> {
    let mut command = Command::new(&programs.anabranch);
    let report = capture(command.args(["inspect", "--json"]).arg(directory))?;
    let report: serde_json::Value = serde_json::from_slice(&report)?;
    let journals = report["journal"].as_array().context("inspect names no journal")?;
    let sum = |field: &str| journals.iter().filter_map(|journal| journal[field].as_u64()).sum();
    Ok((sum("valid_bytes"), sum("records")))
}
