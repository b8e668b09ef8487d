//! What strangers take from known callers, and how much memory the server takes under all of them.
//!
//! A known caller puts records all the time, while an attack goes on, against the server and against a
//! listener that swallows whatever comes, in turns. So what the attack costs the machine is in both, and
//! the ratio of the two rates is what it costs the caller beyond that. Before, with nobody else there, the
//! processor time is compared that the attack costs: rates vary with the disk and with what the machine does
//! otherwise, processor time does not. At the end all attacks go on at
//! once, with known callers who ask for too much, and the server's memory is compared with its limit.
//! Then the server must start again.
//!
//! It fails, and says why, if the caller keeps less than `--floor` of its rate or of the processors, or gets an
//! error, if health says anything but `ok`, if the process takes more than its limit, or if an account has more shards than
//! its own.

mod attack;
mod caller;
mod connection;
mod greedy;
mod http2;
mod keys;
mod newcomer;
mod regions;
mod scene;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use attack::{Attack, Door};
use caller::{Caller, Work};
use scene::{Scene, Setup};
use verdict::{Bounds, Kept, Rates, Seen};

/// Attacks a server as strangers would, and fails if a known caller notices much of it.
#[derive(Debug, Parser)]
#[command(name = "strangers")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The attacks; without any, all
    #[arg(long = "attack", value_name = "NAME")]
    attacks: Vec<Attack>,
    /// How often the known caller's rate under each is measured; 0: not at all
    #[arg(long, value_name = "N", default_value_t = 45)]
    rounds: usize,
    /// How long each time
    #[arg(long, value_name = "MS", default_value_t = 500)]
    window_ms: u64,
    /// What the known caller must keep of its rate, and an attack must leave of the processors
    #[arg(long, value_name = "RATIO", default_value_t = 0.9)]
    floor: f64,
    /// The server's memory, MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    memory_limit_mib: u64,
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
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Attack { attack, address }) => attack::run(*attack, address).await,
        Some(Part::Swallow) => swallow().await?,
        None => {
            let faults = judge(&arguments).await?;
            for fault in &faults {
                eprintln!("{fault}");
            }
            if !faults.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
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

/// Everything that is wrong.
async fn judge(arguments: &Arguments) -> Result<Vec<String>> {
    println!(
        "| attack | known caller keeps of its records/s (quartiles) | CPU beyond, ms/s | newcomer, ms | \
         resident, MiB |"
    );
    println!("|---|--:|--:|--:|--:|");
    let chosen = match arguments.attacks.as_slice() {
        [] => Attack::value_variants(),
        some => some,
    };
    let mut faults = Vec::new();
    for door in [Door::Guarded, Door::Open] {
        let attacks: Vec<_> = chosen.iter().copied().filter(|it| it.door() == door).collect();
        if !attacks.is_empty() {
            faults.extend(judge_behind(door, &attacks, arguments).await?);
        }
    }
    Ok(faults)
}

/// Everything that is wrong with a server that is attacked.
async fn judge_behind(
    door: Door,
    attacks: &[Attack],
    arguments: &Arguments,
) -> Result<Vec<String>> {
    let memory = arguments.memory_limit_mib << 20;
    let processors = std::thread::available_parallelism()?.get() as f64;
    let bounds = Bounds { floor: arguments.floor, processors, memory };
    let setup = Setup {
        door,
        data_dir: &arguments.data_dir,
        memory_limit: memory,
        flags: &arguments.server_flags,
    };
    let mut scene = Scene::start(&setup).await?;
    let mut faults = Vec::new();
    if arguments.rounds > 0 {
        let blind = || attacks.iter().copied().filter(|attack| attack.is_blind());
        let mut costs = Vec::new();
        for attack in blind() {
            costs.push(scene.cost(attack).await?);
        }
        let caller = Caller::start(&scene.address, Work::Single).await;
        let time = Duration::from_millis(arguments.window_ms);
        for (attack, cost) in blind().zip(costs) {
            let seen = one(&scene, &caller, attack, cost, arguments.rounds, time).await?;
            faults.extend(seen.faults(bounds));
        }
    }
    if arguments.all_seconds > 0 {
        let time = Duration::from_secs(arguments.all_seconds.into());
        faults.extend(all(&scene, door, attacks, time).await?.faults(bounds));
    }
    if attacks.contains(&Attack::Regions) {
        let open = regions::open_shards(&scene.address).await?;
        if open == 0 || open > regions::SHARDS_MAX {
            faults.push(format!("{open} shards are open, not 1 to {}", regions::SHARDS_MAX));
        }
    }
    scene.restart().await?;
    Ok(faults)
}

async fn one(
    scene: &Scene,
    caller: &Caller,
    attack: Attack,
    cost: f64,
    rounds: usize,
    time: Duration,
) -> Result<Seen> {
    let mut seen = Seen { name: format!("{attack:?}"), cost, ..Seen::default() };
    for round in 0..rounds {
        // In turns, so that what the machine does otherwise is in both.
        let (beside, under) = if round % 2 == 0 {
            let beside = scene.under(caller, attack, false, time).await?;
            (beside, scene.under(caller, attack, true, time).await?)
        } else {
            let under = scene.under(caller, attack, true, time).await?;
            (scene.under(caller, attack, false, time).await?, under)
        };
        seen.rounds.push(Rates { beside: beside.rate, under: under.rate });
        seen.ill = seen.ill.or(beside.ill).or(under.ill);
    }
    let wait = scene.newcomers(attack).await?;
    seen.errors = caller.take_errors();
    let memory = scene.memory()?;
    seen.peak = memory.peak;
    if let Some(Kept { ratio, quartiles: [first, third] }) = seen.kept() {
        println!(
            "| {attack:?} | {ratio:.2} ({first:.2} to {third:.2}) | {:.0} | {} | {} |",
            cost * 1e3,
            wait.as_millis(),
            memory.resident >> 20
        );
    }
    Ok(seen)
}

async fn all(scene: &Scene, door: Door, attacks: &[Attack], time: Duration) -> Result<Seen> {
    let caller = Caller::start(&scene.address, Work::Batches).await;
    let (rate, ill) = scene.under_all(&caller, attacks, time).await?;
    let peak = scene.memory()?.peak;
    println!(
        "\n{door:?}, all at once, {} s: {rate:.0} records/s of the known caller; at most {} MiB resident\n",
        time.as_secs(),
        peak >> 20
    );
    Ok(Seen {
        name: format!("{door:?}, all at once"),
        cost: 0.0,
        rounds: Vec::new(),
        errors: caller.take_errors(),
        ill,
        peak,
    })
}
