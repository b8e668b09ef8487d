//! One address for a server that moves with every start, for a client that keeps to an endpoint. While there
//! is no server, connections are refused.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anabranch_testkit::Port;
use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Harness, Phase, Running};

/// Passes connections on until the phase is over.
pub(crate) async fn relay(harness: Arc<Harness>, port: Port) -> Result<()> {
    tokio::select! {
        ended = pass_all(&harness, port) => match ended? {},
        () = harness.reached(Phase::Over) => Ok(()),
    }
}

async fn pass_all(harness: &Harness, mut port: Port) -> Result<Infallible> {
    let mut server = harness.server.clone();
    loop {
        let Running { generation, address, .. } = harness.server().await?;
        let is_another =
            |now: &Option<Running>| now.as_ref().is_none_or(|now| now.generation != generation);
        port.open()?;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                stream = port.accept() => {
                    connections.spawn(pass(stream?, address));
                }
                Some(_) = connections.join_next() => {}
                _ = server.wait_for(is_another) => break,
            }
        }
        port.shut().await?;
        connections.shutdown().await;
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr) {
    // Either side may end it at any time.
    if let Ok(mut server) = TcpStream::connect(server).await {
        let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
