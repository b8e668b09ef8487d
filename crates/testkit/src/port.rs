//! A port that stays ours while nobody listens there, so that clients meet what they meet when a server
//! is gone: connections are refused.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long a process may have our sockets.
const TAKEN_MAX: Duration = Duration::from_secs(10);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A port of this machine, of the system's choosing.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    /// Bound, and not listening.
    Shut(TcpSocket),
    /// Between both.
    None,
}

impl Port {
    /// An open one.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { address: listener.local_addr()?, state: State::Open(listener) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; waits for ever while the port is shut.
    ///
    /// Cancel safe.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        match &self.state {
            State::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            State::Shut(_) | State::None => std::future::pending().await,
        }
    }

    /// From now on connections are refused.
    ///
    /// A process that is started right now has our sockets until it runs its own program, so that the
    /// port may be taken for a moment.
    pub async fn shut(&mut self) -> io::Result<()> {
        if matches!(self.state, State::Shut(_)) {
            return Ok(());
        }
        self.state = State::None;
        let begun = Instant::now();
        loop {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            match socket.bind(self.address) {
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < TAKEN_MAX =>
                {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                bound => {
                    self.state = State::Shut(socket);
                    return bound;
                }
            }
        }
    }

    /// From now on connections are taken.
    pub fn open(&mut self) -> io::Result<()> {
        self.state = match std::mem::replace(&mut self.state, State::None) {
            State::Shut(socket) => State::Open(socket.listen(BACKLOG)?),
            state => state,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_shut_refuses_and_comes_back() {
        let mut port = Port::bind().await.expect("a port");
        let address = port.address();
        for _ in 0..3 {
            let client = TcpStream::connect(address).await.expect("it is open");
            let accepted = port.accept().await.expect("a connection");
            port.shut().await.expect("it can be shut beside connections");
            let refused = TcpStream::connect(address).await.expect_err("it is shut");
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            port.open().expect("it can be opened");
            drop((client, accepted));
        }
    }
}
