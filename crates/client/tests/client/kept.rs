//! Connections that are kept for later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::listener::{Listener, NO_STREAMS, answer, ask, connection};

const REQUESTS: usize = 10;

/// How many connections some requests take, one after another.
async fn connections_of_requests(kept: usize) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&count);
    let listener = Listener::new(move |stream, seen| {
        theirs.fetch_add(1, Ordering::SeqCst);
        answer(stream, seen, "200 OK", NO_STREAMS)
    })
    .await;
    let mut connection = connection(listener.url());
    connection.connections_kept = kept;
    let client = connection.client().await.unwrap();
    for _ in 0..REQUESTS {
        // A client made of another takes its connections.
        ask(&client.trying_once(Duration::from_secs(30))).await.unwrap();
    }
    assert_eq!(listener.seen().len(), REQUESTS);
    count.load(Ordering::SeqCst)
}

#[tokio::test]
async fn idle_connections_are_used_again() {
    // A request that comes before the connection of the last one is back may take another.
    assert!(connections_of_requests(64).await < REQUESTS);
}

#[tokio::test]
async fn none_is_kept_beyond_the_number() {
    assert_eq!(connections_of_requests(0).await, REQUESTS);
}
