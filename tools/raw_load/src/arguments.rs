//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Subcommand)]
pub(crate) enum What {
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
pub(crate) struct Common {
    /// ADDRESS:PORT of the server
    #[arg(long)]
    pub(crate) address: String,
    /// Measured seconds
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Process of the server, whose processor time and memory are reported
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
}

#[derive(Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Data of a record
    #[arg(long, default_value_t = 1024)]
    pub(crate) record_bytes: usize,
    /// Streams, which the connections share out among themselves
    #[arg(long, default_value_t = 4)]
    pub(crate) streams: usize,
}

#[derive(Args)]
pub(crate) struct Requests {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Connections; `drain` has one for each request
    #[arg(long, default_value_t = 4)]
    pub(crate) connections: usize,
    /// Directory of files that hold one request each, as it goes over the wire
    #[arg(long)]
    pub(crate) requests: PathBuf,
}

impl Common {
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

impl Requests {
    pub(crate) fn read(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let entries = std::fs::read_dir(&self.requests)?;
        let mut paths =
            entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
        paths.sort();
        anyhow::ensure!(!paths.is_empty(), "there are no requests");
        Ok(paths.iter().map(std::fs::read).collect::<Result<_, _>>()?)
    }
}
