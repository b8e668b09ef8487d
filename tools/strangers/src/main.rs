//! What strangers take from known callers, and how much memory the server takes under all of them.
//!
//! A known caller (`anabranch bench` with a key) puts records while an attack goes on, once against the
//! server and once against a listener that swallows whatever comes, in turns. So what the attack costs
//! the machine is in both, and their ratio is what it costs the caller beyond that. At the end all attacks
//! go on at once, with a known caller who asks for much and reads nothing, and the server's memory is
//! compared with its limit.

mod attack;
mod greedy;
mod http2;
mod known;
mod newcomer;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anabranch_testkit::{TestServer, process};
use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use attack::Attack;
use known::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, STREAM};

/// Attacks a server as strangers would, and tells what a known caller notices of it.
#[derive(Debug, Parser)]
#[command(name = "strangers")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The attacks; without any, all
    #[arg(long = "attack", value_name = "NAME")]
    attacks: Vec<Attack>,
    /// How often each is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How long each time
    #[arg(long, value_name = "N", default_value_t = 4)]
    seconds: u32,
    /// The server's memory
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    memory_limit: String,
    /// How long all attacks go on at once; 0: not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    all_seconds: u32,
    /// Further flags of the server, separated by spaces
    #[arg(long, value_name = "FLAGS", default_value = "", allow_hyphen_values = true)]
    server_flags: String,
    /// Where the server has its data
    #[arg(long, value_name = "DIR", default_value = "target/strangers")]
    data_dir: PathBuf,
}

/// Parts that run as processes of their own.
#[derive(Debug, Subcommand)]
enum Part {
    /// Attacks until it is ended
    Attack { attack: Attack, address: String },
    /// Swallows what comes, and says where it listens
    Swallow,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Attack { attack, address }) => {
            attack::run(*attack, address).await;
            Ok(())
        }
        Some(Part::Swallow) => swallow().await,
        None => measure(&arguments).await,
    }
}

async fn swallow() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (mut socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
    }
}

/// Until the known caller has its connections, and what it does is steady.
const WARMUP: &str = "4s";

/// The servers that attacks go to, and how the known caller is run.
struct Scene {
    server: TestServer,
    address: String,
    swallower: Child,
    swallower_address: String,
    bench: PathBuf,
    seconds: u32,
}

impl Scene {
    async fn start(arguments: &Arguments) -> Result<Self> {
        let bench = std::env::var_os("ANABRANCH_BIN").context("ANABRANCH_BIN is not set")?;
        let bench = PathBuf::from(bench);
        std::fs::create_dir_all(&arguments.data_dir)?;
        let keys = arguments.data_dir.join("keys.toml");
        let _ = std::fs::remove_file(&keys);
        make_key(&bench, &keys).await?;
        let keys = keys.to_str().context("the path is not UTF-8")?;
        let limit = &arguments.memory_limit;
        // Its log tells of strangers all the time.
        let mut flags = vec![
            "--log-level",
            "error",
            "--credentials",
            keys,
            "--memory-limit",
            limit,
            "--limits",
            "off",
            "--transition-ms",
            "0",
            "--max-connections",
            "1000",
            "--admin-listen",
            "off",
        ];
        flags.extend(arguments.server_flags.split_whitespace());
        let server = TestServer::start_below(&arguments.data_dir, flags).await?;
        let address = server.endpoint().strip_prefix("http://").context("not http")?.to_owned();
        let mut swallower = this(&["swallow"])?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let mut stdout = tokio::io::BufReader::new(swallower.stdout.take().context("piped")?);
        tokio::io::AsyncBufReadExt::read_line(&mut stdout, &mut line).await?;
        let swallower_address = line.trim().to_owned();
        Ok(Self {
            server,
            address,
            swallower,
            swallower_address,
            bench,
            seconds: arguments.seconds,
        })
    }

    fn resident(&self) -> Result<process::Memory> {
        let pid = self.server.pid().context("the server has ended")?;
        process::memory(pid).context("the server has ended")
    }

    /// Records a second of a known caller, and how many of its requests failed.
    async fn known_caller(&self, workload: &[&str], seconds: u32) -> Result<(f64, u64)> {
        let output = Command::new(&self.bench)
            .args(["bench", "--endpoint", self.server.endpoint(), "--stream", STREAM, "--json"])
            .args(["--shards", "4", "--duration", &format!("{seconds}s"), "--warmup", WARMUP])
            .arg("--workload")
            .args(workload)
            .args(["--access-key", ACCESS_KEY_ID])
            .env("ANABRANCH_BENCH_SECRET_KEY", SECRET_ACCESS_KEY)
            .output()
            .await?;
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("the known caller failed: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        let rate = report["records_per_s"].as_f64().context("no rate")?;
        let errors: u64 = match &report["errors"] {
            Value::Object(errors) => errors.values().filter_map(Value::as_u64).sum(),
            other => other.as_u64().unwrap_or(0),
        };
        if errors > 0 {
            eprintln!("what the known caller was told: {}", report["errors"]);
        }
        Ok((rate, errors))
    }

    /// Records a second of a known caller while an attack goes on, how many of its requests failed, and
    /// how long a newcomer waits for a first answer.
    async fn under(&self, attack: Attack, address: &str) -> Result<(f64, u64, Duration)> {
        let attacker = start_attack(attack, address)?;
        // Long enough for all of its connections to be there.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (rate, errors) = self.known_caller(&["put-record", "-c", "16"], self.seconds).await?;
        let newcomer = newcomer::wait(&self.address).await?;
        drop(attacker);
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok((rate, errors, newcomer))
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut scene = Scene::start(arguments).await?;
    let attacks = match arguments.attacks.as_slice() {
        [] => &Attack::STRANGERS[..],
        some => some,
    };
    scene.known_caller(&["put-records", "-c", "4"], 3).await?;
    println!(
        "| attack | known caller, ratio of records/s (lowest to highest) | errors | newcomer, ms | \
         resident, MiB |"
    );
    println!("|---|--:|--:|--:|--:|");
    for attack in attacks {
        let (mut ratios, mut waits, mut errors) = (Vec::new(), Vec::new(), 0);
        for round in 0..arguments.rounds {
            let mut rates = [0.0; 2];
            // In turns, so that what the machine does otherwise is in both.
            for place in [round % 2, (round + 1) % 2] {
                let addresses = [&scene.swallower_address, &scene.address];
                let (rate, failed, wait) = scene.under(*attack, addresses[place]).await?;
                rates[place] = rate;
                if place == 1 {
                    errors += failed;
                    waits.push(wait);
                }
            }
            ratios.push(rates[1] / rates[0]);
        }
        ratios.sort_by(f64::total_cmp);
        waits.sort();
        let (median, last) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
        let newcomer = waits[waits.len() / 2].as_secs_f64() * 1e3;
        let resident = scene.resident()?.resident >> 20;
        println!(
            "| {attack:?} | {median:.2} ({:.2} to {last:.2}) | {errors} | {newcomer:.0} | {resident} |",
            ratios[0]
        );
    }
    if arguments.all_seconds > 0 {
        let attackers: Vec<_> = Attack::STRANGERS
            .iter()
            .chain([&Attack::Greedy])
            .map(|attack| start_attack(*attack, &scene.address))
            .collect::<Result<_>>()?;
        let (rate, errors) =
            scene.known_caller(&["put-records", "-c", "8"], arguments.all_seconds).await?;
        drop(attackers);
        let peak = scene.resident()?.peak >> 20;
        println!(
            "\nall at once, {} s: {rate:.0} records/s of the known caller, {errors} errors; at most {peak} \
             MiB resident, --memory-limit {}",
            arguments.all_seconds, arguments.memory_limit
        );
    }
    scene.swallower.kill().await?;
    Ok(())
}

async fn make_key(binary: &Path, file: &Path) -> Result<()> {
    let made = Command::new(binary)
        .args(["credentials", "add", "--user", "known", "--file"])
        .arg(file)
        .args(["--access-key-id", ACCESS_KEY_ID, "--secret-access-key", SECRET_ACCESS_KEY])
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure!(made.success(), "no key could be made");
    Ok(())
}

/// This program, as another process that ends with its value.
fn this(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).kill_on_drop(true);
    Ok(command)
}

fn start_attack(attack: Attack, address: &str) -> Result<Child> {
    let name = clap::ValueEnum::to_possible_value(&attack).context("every attack has a name")?;
    Ok(this(&["attack", name.get_name(), address])?.spawn()?)
}
