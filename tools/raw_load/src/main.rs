//! Load for what is no Kinesis endpoint, to compare with: Redis Streams, NATS JetStream, HTTP
//! servers of files, the loopback interface. `cargo xtask bench` drives it.
//!
//! As `anabranch bench`: one thread, closed loop, one request at a time on each connection, one
//! second of warm-up, and a report with the same keys. Requests are bytes that are ready to be
//! sent, and replies are looked at no more than is needed to find their end and whether they
//! succeeded.

mod arguments;
mod exchange;
mod report;
mod stream;

use clap::Parser;

use crate::arguments::{Arguments, Common, What};
use crate::exchange::{Http, JetStream, RedisStreams};

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
