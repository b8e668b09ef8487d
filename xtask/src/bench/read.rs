//! Reading: GetRecords from memory and from segments, beside a server of files that sends as many
//! bytes.
//!
//! The requests are made beforehand and sent in turn by a client that looks for nothing but the
//! end of the reply, the same for both.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::bench::contest::{Comparison, Contender, observed, take_turns};
use crate::bench::kind::Kind;
use crate::bench::programs::command_line;
use crate::bench::report::{Goal, Outcome};
use crate::bench::server::{JSON, ScratchDirectory, Server, call, exchange, wire_request};
use crate::bench::setting::Bench;

const CBOR: &str = "application/x-amz-cbor-1.1";
const SHARDS: u64 = 4;
/// Records of a call: 1 MiB of data.
const LIMIT: u64 = 1000;
const CONNECTIONS: &str = "4";
/// Requests for each shard and place; they are asked for again and again.
const CALLS: usize = 16;
/// Memory for recent records; more than that is written, so that the oldest are in segments only.
const FLAGS: [&str; 4] = ["--tail-cache-bytes", "128MiB", "--journal-file-bytes", "16MiB"];
const DATA_BYTES: u64 = 512 << 20;
const BATCH_BYTES: u64 = 500 << 10;

/// A place to read from, in one format.
struct Place {
    name: &'static str,
    /// Requests in the format, ready to be sent.
    requests: Vec<Vec<u8>>,
    /// Bytes of the replies to them.
    reply_bytes: Vec<usize>,
}

pub(crate) fn measure(bench: &Bench<'_>) -> Result<Outcome> {
    let scratch = ScratchDirectory::new(bench.data_dir)?;
    let (data, files) = (scratch.path().join("data"), scratch.path().join("nginx"));
    fs::create_dir_all(files.join("files"))?;
    let mut server = Server::start(Kind::Anabranch, bench.programs, &data, &FLAGS)?;
    server.wait_until_ready()?;
    eprintln!("reading: {} MiB to read", DATA_BYTES >> 20);
    fill(bench, &server)?;
    let mut nginx = Server::start(Kind::Nginx, bench.programs, &files, &[])?;
    nginx.wait_until_ready()?;

    let places = places(&server)?;
    let mut contestants = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let requests = scratch.path().join(format!("requests-{number}"));
        write_requests(&requests, &place.requests)?;
        contestants.push((place.name.to_owned(), requests, &server));
        let gets = file_requests(&files.join("files"), number, &place.reply_bytes)?;
        let requests = scratch.path().join(format!("gets-{number}"));
        write_requests(&requests, &gets)?;
        contestants.push((format!("nginx, files as long as {}", place.name), requests, &nginx));
    }
    let names: Vec<String> = contestants.iter().map(|(name, ..)| name.clone()).collect();
    let case = "GetRecords, 1,000 × 1 KiB a call, 4 connections";
    let outcomes = take_turns(case, &names, bench.scale.rounds, |at| {
        let (_, requests, server) = &contestants[at];
        observed(http_load(bench, requests, server.port), server.pid(), bench.scale.span)
    })?;
    let contenders = contestants.iter().zip(outcomes).map(|((name, _, server), rounds)| {
        let load = command_line(&http_load(bench, Path::new("REQUESTS"), 4567));
        let (kind, flags): (_, &[&str]) = if server.pid() == nginx.pid() {
            (Kind::Nginx, &[])
        } else {
            (Kind::Anabranch, &FLAGS)
        };
        let line = command_line(&kind.command(bench.programs, Path::new("DIR"), 4567, flags));
        Contender::of(name.clone(), (line, load), rounds)
    });
    let comparison =
        Comparison { case: case.to_owned(), unit: "calls", contenders: contenders.collect() };
    let goals = places.iter().map(|place| {
        let files = format!("nginx, files as long as {}", place.name);
        let what = format!("GetRecords, {}, bytes/s ÷ nginx' with files as long", place.name);
        Goal::at_least(&what, 0.6, comparison.ratio(place.name, &files, "/mib_per_s"))
    });
    let goals = goals.collect();
    let mut outcome = Outcome::of_comparisons("read", vec![comparison], goals);
    outcome.raw["reply_bytes"] =
        json!(places.iter().map(|place| (place.name, &place.reply_bytes)).collect::<Vec<_>>());
    Ok(outcome)
}

fn fill(bench: &Bench<'_>, server: &Server) -> Result<()> {
    let requests = DATA_BYTES.div_ceil(BATCH_BYTES);
    let mut fill = Command::new(&bench.programs.anabranch);
    fill.args(["bench", "--endpoint", &format!("http://127.0.0.1:{}", server.port)]);
    fill.args(["--stream", "bench", "--shards", &SHARDS.to_string(), "--warmup", "0s"]);
    fill.args(["--duration", "600s", "--max-requests", &requests.to_string(), "--json"]);
    crate::tools::capture(&mut fill).map(drop)
}

/// The oldest records and the newest, in both formats.
fn places(server: &Server) -> Result<Vec<Place>> {
    let mut connection = server.connect()?;
    let place = |name| Place { name, requests: Vec::new(), reply_bytes: Vec::new() };
    let mut places = [
        place("tail, JSON"),
        place("segments, JSON"),
        place("tail, CBOR"),
        place("segments, CBOR"),
    ];
    for shard in 0..SHARDS {
        let body = format!(
            "{{\"StreamName\":\"bench\",\"ShardId\":\"shardId-{shard:012}\",\
             \"ShardIteratorType\":\"TRIM_HORIZON\"}}"
        );
        let reply = call(&mut connection, "GetShardIterator", &body)?;
        let first = text_after(&reply, "\"ShardIterator\":\"").context("no iterator")?;
        // Of every call the iterator that it began with, up to the tip.
        let mut iterators = vec![first.to_owned()];
        loop {
            let last = iterators.last().context("there is the first")?;
            let body = format!("{{\"ShardIterator\":\"{last}\",\"Limit\":{LIMIT}}}");
            let reply = call(&mut connection, "GetRecords", &body)?;
            let next = text_after(&reply, "\"NextShardIterator\":\"").context("an open shard")?;
            let next = next.to_owned();
            if reply.contains("\"MillisBehindLatest\":0") {
                break;
            }
            iterators.push(next);
        }
        ensure!(iterators.len() > 2 * CALLS, "too few records in a shard: {}", iterators.len());
        // The last one gets less than the others.
        let newest = &iterators[iterators.len() - 1 - CALLS..iterators.len() - 1];
        for (place, iterators) in [(0, newest), (1, &iterators[..CALLS])] {
            for iterator in iterators {
                let body = format!("{{\"ShardIterator\":\"{iterator}\",\"Limit\":{LIMIT}}}");
                let json = wire_request("GetRecords", JSON, body.as_bytes());
                let cbor = wire_request("GetRecords", CBOR, &cbor_body(iterator));
                for (place, request) in [(place, json), (place + 2, cbor)] {
                    let (status, reply) = exchange(&mut connection, &request)?;
                    ensure!(status == 200, "GetRecords: {status}");
                    places[place].requests.push(request);
                    places[place].reply_bytes.push(reply.len());
                }
            }
        }
    }
    Ok(places.into())
}

fn text_after<'a>(reply: &'a str, mark: &str) -> Option<&'a str> {
    let (_, after) = reply.split_once(mark)?;
    after.split('"').next()
}

/// A map of two: text and text, text and number.
fn cbor_body(iterator: &str) -> Vec<u8> {
    let mut out = vec![0xa2];
    for text in ["ShardIterator", iterator, "Limit"] {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        out.push(0x79);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.push(0x19);
    out.extend_from_slice(&u16::try_from(LIMIT).unwrap_or(u16::MAX).to_be_bytes());
    out
}

/// Files of these lengths, and requests for them.
fn file_requests(directory: &Path, group: usize, lengths: &[usize]) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let name = format!("{group}-{number}");
        fs::write(directory.join(&name), vec![b'x'; *length])?;
        requests.push(format!("GET /{name} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes());
    }
    Ok(requests)
}

pub(crate) fn write_requests(directory: &Path, requests: &[Vec<u8>]) -> Result<()> {
    fs::create_dir_all(directory)?;
    for (number, request) in requests.iter().enumerate() {
        fs::write(directory.join(format!("{number:06}")), request)?;
    }
    Ok(())
}

fn http_load(bench: &Bench<'_>, requests: &Path, port: u16) -> Command {
    let mut command = Command::new(bench.programs.tool("raw_load"));
    command.args(["http", "--address", &format!("127.0.0.1:{port}"), "--requests"]).arg(requests);
    command.args(["--connections", CONNECTIONS]);
    command.args(["--seconds", &bench.scale.span.as_secs_f64().to_string()]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbor_is_a_map_of_text_and_number() {
        let body = cbor_body("AB");
        assert_eq!(body[..4], [0xa2, 0x79, 0, 13]);
        assert!(body.ends_with(&[b't', 0x19, 0x03, 0xe8]), "{body:?}");
    }

    #[test]
    fn finds_a_text_in_a_reply() {
        assert_eq!(text_after("{\"A\":\"x\",\"B\":\"y\"}", "\"B\":\""), Some("y"));
        assert_eq!(text_after("{}", "\"B\":\""), None);
    }
}
