//! Threads that own connections.
//!
//! A connection stays with one thread from its acceptance to its end, with all tasks that it begins. When a commit is
//! confirmed, the thread that waits for it is the one that is woken: in a pool it is any, which wakes another to look
//! for more work before it begins.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use tokio::net::TcpStream;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

/// Threads for blocking work, reads of cold data say, of all lanes: what a runtime has by itself. They start when there
/// is such work.
const BLOCKING_THREADS: usize = 512;
/// Such threads of a lane at least.
const BLOCKING_THREADS_MIN: usize = 64;

/// Where connections are served.
#[derive(Debug)]
pub(crate) struct Lanes(Vec<Lane>);

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    /// `None`: the runtime is somebody else's.
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    end: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

/// A connection is counted until this is dropped.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Lanes {
    /// So many threads, at least one.
    ///
    /// # Errors
    /// When the system has no more of them.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let count = count.max(1);
        let blocking = (BLOCKING_THREADS / count).max(BLOCKING_THREADS_MIN);
        let lanes = (0..count).map(|number| Lane::start(number, blocking));
        Ok(Self(lanes.collect::<io::Result<_>>()?))
    }

    /// The runtime that this is called in: for a few connections.
    pub(crate) fn here() -> Self {
        let connections = Arc::default();
        Self(vec![Lane { runtime: Handle::current(), connections, thread: None }])
    }

    /// Serves a connection where the fewest are.
    pub(super) fn serve<F>(
        &self,
        socket: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let fewest = self.0.iter().min_by_key(|lane| lane.connections.load(Ordering::Relaxed));
        let lane = fewest.expect("there is one");
        let counted = Counted::new(&lane.connections);
        // The runtime that accepted it watches it no more.
        let socket = socket.into_std();
        // It ends with its connection, which is bounded.
        lane.runtime.spawn(async move {
            match socket.and_then(TcpStream::from_std) {
                Ok(socket) => serve(socket).await,
                Err(error) => tracing::warn!(%error, "cannot watch a connection"),
            }
            drop(counted);
        });
    }
}

impl Lane {
    fn start(number: usize, blocking_threads: usize) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(blocking_threads)
            .build()?;
        let handle = runtime.handle().clone();
        let (end, told) = oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "it is joined when the lanes are dropped")]
        let ended = Builder::new().name(format!("connections-{number}")).spawn(move || {
            // Told, or forgotten.
            let _ = runtime.block_on(told);
            // What a connection has begun to read is not waited for.
            runtime.shutdown_background();
        })?;
        let thread = Some(Thread { end, ended });
        Ok(Self { runtime: handle, connections: Arc::default(), thread })
    }
}

impl Drop for Lanes {
    /// Ends what is still served, and returns when that is gone.
    fn drop(&mut self) {
        let threads: Vec<Thread> =
            self.0.iter_mut().filter_map(|lane| lane.thread.take()).collect();
        let told = threads.into_iter().map(|Thread { end, ended }| {
            let _ = end.send(());
            ended
        });
        for thread in told.collect::<Vec<_>>() {
            // A panic of a task stays in the task.
            let _ = thread.join();
        }
    }
}

impl Counted {
    fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::thread::{ThreadId, current};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    async fn connect(listener: &TcpListener, address: SocketAddr) -> (TcpStream, TcpStream) {
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.expect("a client"), accepted.expect("a server").0)
    }

    /// Serves until the client goes; tells where, and when that is over.
    async fn serve(mut socket: TcpStream, told: mpsc::Sender<ThreadId>) {
        told.send(current().id()).await.expect("somebody listens");
        assert_eq!(socket.read(&mut [0]).await.expect("a socket"), 0);
        told.send(current().id()).await.expect("somebody listens");
    }

    #[tokio::test]
    async fn a_connection_goes_to_the_thread_that_has_the_fewest_and_stays() {
        let (lanes, (listener, address)) = (Lanes::start(2).expect("threads"), listen().await);
        let mut open = Vec::new();
        for _ in 0..4 {
            let (client, socket) = connect(&listener, address).await;
            let (told, mut told_of) = mpsc::channel(2);
            lanes.serve(socket, |socket| serve(socket, told));
            let thread = told_of.recv().await.expect("it is served");
            open.push((client, told_of, thread));
        }
        let threads: Vec<ThreadId> = open.iter().map(|(_, _, thread)| *thread).collect();
        assert_ne!(threads[0], threads[1]);
        assert_eq!(threads[..2], threads[2..]);
        // Both of one thread end: the next two are its.
        for number in [3, 1] {
            let (client, mut told_of, thread) = open.remove(number);
            drop(client);
            assert_eq!(told_of.recv().await, Some(thread));
            assert_eq!(told_of.recv().await, None);
        }
        while lanes.0[1].connections.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..2 {
            let (client, socket) = connect(&listener, address).await;
            let (told, mut told_of) = mpsc::channel(2);
            lanes.serve(socket, |socket| serve(socket, told));
            let thread = told_of.recv().await.expect("it is served");
            assert_eq!(thread, threads[1]);
            open.push((client, told_of, thread));
        }
    }

    #[tokio::test]
    async fn what_is_still_served_is_gone_when_the_lanes_are() {
        let (lanes, (listener, address)) = (Lanes::start(1).expect("a thread"), listen().await);
        let (mut client, socket) = connect(&listener, address).await;
        let (told, mut told_of) = mpsc::channel(2);
        lanes.serve(socket, |socket| serve(socket, told));
        told_of.recv().await.expect("it is served");
        drop(lanes);
        assert!(
            told_of.try_recv().is_err_and(|error| error == mpsc::error::TryRecvError::Disconnected)
        );
        assert_eq!(client.read(&mut [0]).await.expect("a socket"), 0);
    }
}
