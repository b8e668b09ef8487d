//! Fan-out: how many bytes a second are pushed, and how soon.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::bench::contest::{
    Background, Comparison, Contender, Ratio, Round, observed, take_turns,
};
use crate::bench::kind::Kind;
use crate::bench::median::median;
use crate::bench::programs::command_line;
use crate::bench::put::{FRAME_BYTES, sync_probe, sync_table};
use crate::bench::read::write_requests;
use crate::bench::report::{Goal, Outcome, Table};
use crate::bench::server::{JSON, ScratchDirectory, Server, call, create_stream, wire_request};
use crate::bench::setting::Bench;

const SHARDS: u32 = 16;
const CONSUMERS: u32 = 20;
/// As many as it takes to keep both processors busy.
const PRODUCERS: &str = "4";
const P99: &str = "/end_to_end/put_to_read_ms/p99";

pub(crate) fn measure(bench: &Bench<'_>) -> Result<Outcome> {
    let comparison = bandwidth(bench)?;
    let (push, syncs) = push_latency(bench)?;
    let ours = Kind::Anabranch.name();
    let mut goals = vec![Goal::noted(
        "20 consumers on 16 shards: bytes/s pushed ÷ bytes/s over loopback to as many connections",
        comparison.ratio(ours, Kind::Blast.name(), "/mib_per_s"),
    )];
    let more = |share: &'static str| {
        Ratio::of(push.iter().zip(&syncs).filter_map(move |(round, sync)| {
            Some(round.report.pointer(P99)?.as_f64()? - sync[share].as_f64()?)
        }))
    };
    let what = "put to push at 1,000 records/s, p99 less a median fdatasync, ms";
    goals.push(Goal::at_most(what, 2.0, more("p50_ms")));
    goals.push(Goal::noted("the same less the p99 of fdatasync, ms", more("p99_ms")));

    let mut outcome = Outcome::of_comparisons("fan-out", vec![comparison], goals);
    outcome.tables.push(push_table(&push));
    outcome.tables.push(sync_table(&syncs));
    outcome.raw["push"] = json!({ "rounds": push, "syncs": syncs });
    Ok(outcome)
}

fn push_table(rounds: &[Round]) -> Table {
    let columns = ["1,000 records/s of 1 KiB, 1 shard, 1 subscription", "p50", "p99", "missing"];
    let mut table = Table::new("", &columns);
    let middle = |pointer: &str| {
        median(rounds.iter().filter_map(|round| round.report.pointer(pointer)?.as_f64()))
    };
    for (name, at) in
        [("put acknowledged", "/latency_ms"), ("put to push", "/end_to_end/put_to_read_ms")]
    {
        table.row([
            name.to_owned(),
            format!("{:.2} ms", middle(&format!("{at}/p50"))),
            format!("{:.2} ms", middle(&format!("{at}/p99"))),
            format!("{:.0}", middle("/end_to_end/records_missing")),
        ]);
    }
    table
}

/// Bytes that arrive at all subscribers while one client puts as fast as it can; and what the
/// loopback interface gives as many connections from a server that only sends.
fn bandwidth(bench: &Bench<'_>) -> Result<Comparison> {
    let case = format!("1 stream, {SHARDS} shards, {CONSUMERS} consumers");
    let kinds = [Kind::Anabranch, Kind::Blast];
    let names = kinds.map(|kind| kind.name().to_owned());
    let outcomes = take_turns(&case, &names, bench.scale.rounds, |at| one_round(bench, kinds[at]))?;
    let contenders = kinds.iter().zip(outcomes).map(|(kind, rounds)| {
        let server = command_line(&kind.command(bench.programs, Path::new("DIR"), 4567, &[]));
        let load = command_line(&drain(bench, Path::new("REQUESTS"), 4567));
        Contender::of(kind.name().to_owned(), (server, load), rounds)
    });
    Ok(Comparison { case, unit: "socket reads", contenders: contenders.collect() })
}

fn drain(bench: &Bench<'_>, requests: &Path, port: u16) -> Command {
    let mut command = Command::new(bench.programs.tool("raw_load"));
    command.args(["drain", "--address", &format!("127.0.0.1:{port}"), "--requests"]).arg(requests);
    command.args(["--seconds", &bench.scale.span.as_secs_f64().to_string()]);
    command
}

fn one_round(bench: &Bench<'_>, kind: Kind) -> Result<Round> {
    let scratch = ScratchDirectory::new(bench.data_dir)?;
    let data = scratch.path().join("data");
    let mut server = Server::start(kind, bench.programs, &data, &[])?;
    server.wait_until_ready()?;
    let consumers = match kind {
        Kind::Anabranch => register(&server)?,
        _ => vec![String::new(); CONSUMERS as usize],
    };
    let requests = scratch.path().join("requests");
    write_requests(&requests, &subscriptions(&consumers))?;

    let mut command = drain(bench, &requests, server.port);
    command.args(["--server-pid", &server.pid().to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start raw_load")?;
    let mut lines = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
    lines.next().context("raw_load says nothing")??;
    // All are subscribed; now there may be something to push.
    let putting = match kind {
        Kind::Anabranch => Some(Background::start(puts(bench, server.port))?),
        _ => None,
    };
    let report = lines.next().context("raw_load has no report")??;
    drop(putting);
    ensure!(child.wait()?.success(), "raw_load failed");
    Ok(Round { other_cpus: f64::NAN, syncs_per_s: None, report: serde_json::from_str(&report)? })
}

fn puts(bench: &Bench<'_>, port: u16) -> Command {
    let mut command = Command::new(&bench.programs.anabranch);
    command.args(["bench", "--endpoint", &format!("http://127.0.0.1:{port}")]);
    command.args(["--stream", "bench", "--workload", "put-records", "--batch", "500"]);
    command.args(["--connections", PRODUCERS, "--warmup", "0s"]);
    let span = bench.scale.span + Duration::from_secs(60);
    command.args(["--duration", &format!("{}s", span.as_secs())]);
    command
}

/// Makes the stream and its consumers, and returns their ARNs.
fn register(server: &Server) -> Result<Vec<String>> {
    let mut connection = server.connect()?;
    create_stream(&mut connection, "bench", SHARDS)?;
    let summary = call(&mut connection, "DescribeStreamSummary", "{\"StreamName\":\"bench\"}")?;
    let summary: Value = serde_json::from_str(&summary)?;
    let stream = summary["StreamDescriptionSummary"]["StreamARN"].clone();
    let mut consumers = Vec::new();
    for number in 0..CONSUMERS {
        let body = json!({ "StreamARN": stream, "ConsumerName": format!("bench-{number}") });
        let reply = call(&mut connection, "RegisterStreamConsumer", &body.to_string())?;
        let reply: Value = serde_json::from_str(&reply)?;
        let arn = reply["Consumer"]["ConsumerARN"].as_str().context("a consumer has an ARN")?;
        let body = json!({ "ConsumerARN": arn }).to_string();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !call(&mut connection, "DescribeStreamConsumer", &body)?.contains("\"ACTIVE\"") {
            ensure!(Instant::now() < deadline, "the consumer does not become ACTIVE");
            std::thread::sleep(Duration::from_millis(10));
        }
        consumers.push(arn.to_owned());
    }
    Ok(consumers)
}

fn subscriptions(consumers: &[String]) -> Vec<Vec<u8>> {
    let each = consumers.iter().flat_map(|consumer| {
        (0..SHARDS).map(move |shard| {
            let body = json!({
                "ConsumerARN": consumer,
                "ShardId": format!("shardId-{shard:012}"),
                "StartingPosition": { "Type": "LATEST" },
            });
            wire_request("SubscribeToShard", JSON, body.to_string().as_bytes())
        })
    });
    each.collect()
}

/// Rounds of 1,000 records a second to one subscription, with the disk alone in between.
fn push_latency(bench: &Bench<'_>) -> Result<(Vec<Round>, Vec<Value>)> {
    let names = ["1,000 records/s".to_owned(), "fdatasync alone".to_owned()];
    let (mut push, mut syncs) = (Vec::new(), Vec::new());
    let span = bench.scale.span;
    take_turns("put to push", &names, bench.scale.rounds, |at| {
        if at == 1 {
            syncs.push(sync_probe(bench.programs, bench.data_dir, span, FRAME_BYTES)?);
            return Ok(());
        }
        let directory = ScratchDirectory::new(bench.data_dir)?;
        let mut server = Server::start(Kind::Anabranch, bench.programs, directory.path(), &[])?;
        server.wait_until_ready()?;
        let mut command = Command::new(&bench.programs.anabranch);
        let endpoint = format!("http://127.0.0.1:{}", server.port);
        command.args(["bench", "--endpoint", &endpoint, "--workload", "fan-out"]);
        command.args(["--stream", "one", "--shards", "1", "--rate", "1000", "--warmup", "1s"]);
        command.args(["--connections", "32", "--json"]);
        command.args(["--duration", &format!("{}ms", span.as_millis())]);
        push.push(observed(command, server.pid(), span)?);
        Ok(())
    })?;
    Ok((push, syncs))
}
