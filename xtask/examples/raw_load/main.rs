//! Load for what is no Kinesis endpoint, to compare with: Redis Streams, NATS JetStream, HTTP
//! servers of files, the loopback interface. `cargo xtask bench` drives it.
//!
//! As `anabranch bench`: one thread, closed loop, one request at a time on each connection, one
//! second of warm-up, and a report with the same keys. Requests are bytes that are ready to be
//! sent, and replies are looked at no more than is needed to find their end and whether they
//! succeeded.

mod exchange;
mod report;
mod stream;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::exchange::{Http, JetStream, RedisStreams};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Adds records to Redis Streams, each with an XADD of its own
    Redis(Publish),
    /// Publishes records to JetStream and waits for the acknowledgement of each
    Nats(Publish),
    /// Sends the requests that the files hold, in turn, and reads the replies to their end
    Http(Requests),
    /// Sends each request once, on a connection of its own, and takes what comes for ever
    Drain(Requests),
    /// A server that sends bytes without end to whoever has sent it something
    Blast {
        /// Where to listen
        #[arg(long)]
        listen: String,
    },
}

#[derive(Args, Clone)]
struct Common {
    /// ADDRESS:PORT of the server
    #[arg(long)]
    address: String,
    /// Measured seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Process of the server, whose processor time and memory are reported
    #[arg(long)]
    server_pid: Option<u32>,
}

#[derive(Args)]
struct Publish {
    #[command(flatten)]
    common: Common,
    /// Connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Data of a record
    #[arg(long, default_value_t = 1024)]
    record_bytes: usize,
    /// Streams, which the connections share out among themselves
    #[arg(long, default_value_t = 4)]
    streams: usize,
}

#[derive(Args)]
struct Requests {
    #[command(flatten)]
    common: Common,
    /// Connections; `drain` has one for each request
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Directory of files that hold one request each, as it goes over the wire
    #[arg(long)]
    requests: PathBuf,
}

impl Common {
    fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

impl Requests {
    fn read(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let entries = std::fs::read_dir(&self.requests)?;
        let mut paths =
            entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
        paths.sort();
        anyhow::ensure!(!paths.is_empty(), "there are no requests");
        Ok(paths.iter().map(std::fs::read).collect::<Result<_, _>>()?)
    }
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Redis(publish) => closed_loop(&publish.common, publish.connections, |number| {
            RedisStreams::new(number % publish.streams, publish.record_bytes)
        }),
        What::Nats(publish) => closed_loop(&publish.common, publish.connections, |number| {
            JetStream::new(number, publish.streams, publish.record_bytes)
        }),
        What::Http(requests) => {
            let all = requests.read()?;
            let connections = requests.connections;
            closed_loop(&requests.common, connections, |number| {
                // They begin at different requests, so that not all ask for the same at once.
                Http::new(all.clone(), number * all.len() / connections)
            })
        }
        What::Drain(requests) => {
            let all = requests.read()?;
            one_thread()?.block_on(stream::drain(&requests.common, all))
        }
        What::Blast { listen } => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(stream::blast(&listen))
        }
    }
}

fn closed_loop<E: exchange::Exchange>(
    common: &Common,
    connections: usize,
    make: impl Fn(usize) -> E,
) -> anyhow::Result<()> {
    let exchanges = (0..connections).map(make).collect();
    one_thread()?.block_on(exchange::closed_loop(common, exchanges))
}

fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
