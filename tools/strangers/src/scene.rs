//! A server, a listener that only swallows, and who attacks them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anabranch_testkit::{TestServer, process};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tokio::process::{Child, Command};

use crate::attack::{Attack, Door, LONG_AGENT};
use crate::caller::{self, Caller, Work};
use crate::connection::Connection;
use crate::keys::{BURDENED, KNOWN, Key, TRAVELLER};
use crate::newcomer;
use crate::regions::SHARDS_MAX;

/// Until all connections of an attack are there, and the known caller is steady.
const SETTLING: Duration = Duration::from_millis(500);
/// How long processor time is looked at.
const COSTING: Duration = Duration::from_secs(5);
/// How many newcomers come.
const NEWCOMERS: usize = 5;
/// Until what an attack has left is gone.
const CLEARING: Duration = Duration::from_millis(200);

/// Connections that the server takes: fewer than some attacks have.
const PLACES: &str = "980";

/// The servers that attacks go to.
pub(crate) struct Scene {
    server: TestServer,
    pub(crate) address: String,
    admin_address: String,
    swallower: Child,
    swallower_address: String,
}

/// What is noticed of an attack.
pub(crate) struct Noticed {
    /// Records a second of the known caller.
    pub(crate) rate: f64,
    /// What health said that is not well.
    pub(crate) ill: Option<String>,
}

/// What a server is started with.
pub(crate) struct Setup<'a> {
    pub(crate) door: Door,
    /// Where the server has its data.
    pub(crate) data_dir: &'a Path,
    pub(crate) memory_limit: u64,
    /// Further flags.
    pub(crate) flags: &'a str,
}

impl Scene {
    pub(crate) async fn start(setup: &Setup<'_>) -> Result<Self> {
        std::fs::create_dir_all(setup.data_dir)?;
        let (limit, shards) = (setup.memory_limit.to_string(), SHARDS_MAX.to_string());
        // Its log tells of strangers all the time.
        let mut flags = vec!["--log-level", "error", "--memory-limit", &limit];
        flags.extend(["--limits", "off", "--transition-ms", "0", "--max-connections", PLACES]);
        flags.extend(["--account-shard-limit", &shards]);
        let admin_address = free_address().await?;
        flags.extend(["--admin-listen", &admin_address]);
        let keys = setup.data_dir.join("keys.toml");
        if setup.door == Door::Guarded {
            make_keys(&keys).await?;
            flags.extend(["--credentials", keys.to_str().context("the path is not UTF-8")?]);
        }
        flags.extend(setup.flags.split_whitespace());
        let server = TestServer::start_below(setup.data_dir, flags).await?;
        let address = server.endpoint().strip_prefix("http://").context("not http")?.to_owned();
        let mut swallower = this(&["swallow"])?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let mut stdout = tokio::io::BufReader::new(swallower.stdout.take().context("piped")?);
        tokio::io::AsyncBufReadExt::read_line(&mut stdout, &mut line).await?;
        let swallower_address = line.trim().to_owned();
        caller::make_stream(&address).await?;
        // What a greedy caller asks for.
        let filling = Caller::start(&address, Work::Batches).await;
        filling.rate(Duration::from_secs(1)).await;
        let errors = filling.take_errors();
        ensure!(errors.is_empty(), "before any attack: {errors:?}");
        Ok(Self { server, address, admin_address, swallower, swallower_address })
    }

    pub(crate) fn memory(&self) -> Result<process::Memory> {
        let pid = self.server.pid().context("the server has ended")?;
        process::memory(pid).context("the server has ended")
    }

    /// What an attack costs the machine beyond what it costs against what only swallows, seconds of processor
    /// time a second, of the server and of the attackers, while nobody else asks for anything.
    pub(crate) async fn cost(&self, attack: Attack) -> Result<f64> {
        let mut costs = [0.0; 2];
        let server = self.server.pid().context("the server has ended")?;
        let swallower = self.swallower.id().context("the swallower has ended")?;
        for (cost, (target, address)) in
            costs.iter_mut().zip([(swallower, &self.swallower_address), (server, &self.address)])
        {
            let attacker = attack_from_outside(attack, address)?;
            tokio::time::sleep(SETTLING).await;
            let both = [target, attacker.id().context("the attack has ended")?];
            let started = Instant::now();
            let before = cpu_seconds(both)?;
            tokio::time::sleep(COSTING).await;
            *cost = (cpu_seconds(both)? - before) / started.elapsed().as_secs_f64();
            drop(attacker);
            tokio::time::sleep(CLEARING).await;
        }
        Ok(costs[1] - costs[0])
    }

    /// How long newcomers wait for a first answer while an attack goes on against the server: the median.
    pub(crate) async fn newcomers(&self, attack: Attack) -> Result<Duration> {
        let attacker = attack_from_outside(attack, &self.address)?;
        tokio::time::sleep(SETTLING).await;
        let mut waits = Vec::new();
        for _ in 0..NEWCOMERS {
            waits.push(newcomer::wait(&self.address).await?);
        }
        drop(attacker);
        tokio::time::sleep(CLEARING).await;
        waits.sort();
        Ok(waits[NEWCOMERS / 2])
    }

    /// What a caller notices while an attack goes on, against the server or against what only
    /// swallows.
    pub(crate) async fn under(
        &self,
        caller: &Caller,
        attack: Attack,
        is_real: bool,
        time: Duration,
    ) -> Result<Noticed> {
        let address = if is_real { &self.address } else { &self.swallower_address };
        let attacker = attack_from_outside(attack, address)?;
        tokio::time::sleep(SETTLING).await;
        let rate = caller.rate(time).await;
        let ill = self.ill().await?;
        drop(attacker);
        tokio::time::sleep(CLEARING).await;
        Ok(Noticed { rate, ill })
    }

    /// The rate of a caller while all of these go on against the server, and what health says that is not
    /// well.
    pub(crate) async fn under_all(
        &self,
        caller: &Caller,
        attacks: &[Attack],
        time: Duration,
    ) -> Result<(f64, Option<String>)> {
        let attackers: Vec<_> = attacks
            .iter()
            .map(|attack| attack_from_outside(*attack, &self.address))
            .collect::<Result<_>>()?;
        let rate = caller.rate(time).await;
        let ill = self.ill().await?;
        drop(attackers);
        Ok((rate, ill))
    }

    /// What health says that is not well, where the operator asks.
    async fn ill(&self) -> Result<Option<String>> {
        let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let answer = Connection::open(&self.admin_address).await?.ask(request).await?;
        let is_well = answer.status == 200 && answer.json()?["status"] == "ok";
        Ok((!is_well).then(|| answer.text()))
    }

    /// Ends the server without a word to it, and starts it again.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.server.restart().await.context("the server does not start again")?;
        let address = self.server.endpoint().strip_prefix("http://").context("not http")?;
        self.address = address.to_owned();
        let asked = KNOWN.at_home("ListStreams", &serde_json::json!({}));
        let answer = Connection::open(address).await?.ask(&asked).await?;
        ensure!(answer.status == 200, "started again it answers {}", answer.text());
        Ok(())
    }
}

fn cpu_seconds(processes: [u32; 2]) -> Result<f64> {
    let seconds = processes.map(process::cpu_seconds);
    seconds.into_iter().map(|it| it.context("a process has ended")).sum()
}

/// One where nobody listened a moment ago.
async fn free_address() -> Result<String> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string())
}

async fn make_keys(file: &Path) -> Result<()> {
    let _ = std::fs::remove_file(file);
    let policy = file.with_file_name("policy.json");
    std::fs::write(&policy, costly_policy())?;
    let policy = policy.to_str().context("the path is not UTF-8")?;
    credentials(&["policy", "put", "burden", policy], file).await?;
    make_key(file, KNOWN, &[]).await?;
    make_key(file, TRAVELLER, &[]).await?;
    make_key(file, BURDENED, &["--policy", "burden"]).await
}

async fn make_key(file: &Path, key: Key, more: &[&str]) -> Result<()> {
    let secret = file.with_file_name("secret");
    std::fs::write(&secret, key.secret)?;
    let secret = format!("@{}", secret.to_str().context("the path is not UTF-8")?);
    let mut arguments = vec!["add", "--user", key.user, "--account-id", key.account];
    arguments.extend(["--access-key-id", key.id, "--secret-access-key", &secret]);
    arguments.extend(more);
    credentials(&arguments, file).await
}

async fn credentials(arguments: &[&str], file: &Path) -> Result<()> {
    let binary = std::env::var_os("ANABRANCH_BIN").context("ANABRANCH_BIN is not set")?;
    let made = Command::new(PathBuf::from(binary))
        .arg("credentials")
        .args(arguments)
        .arg("--file")
        .arg(file)
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure!(made.success(), "anabranch credentials {arguments:?} failed");
    Ok(())
}

/// Allows everything to clients whose long names match none of many patterns that almost match everywhere.
fn costly_policy() -> String {
    let pattern = format!("*?{}b", "a".repeat(LONG_AGENT / 2));
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*",
            "Condition": { "StringNotLike": { "aws:UserAgent": vec![pattern; 60] } },
        },
    })
    .to_string()
}

/// This program, as another process that ends with its value.
fn this(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).kill_on_drop(true);
    Ok(command)
}

fn attack_from_outside(attack: Attack, address: &str) -> Result<Child> {
    let name = attack.to_possible_value().context("every attack has a name")?;
    Ok(this(&["attack", name.get_name(), address])?.spawn()?)
}
