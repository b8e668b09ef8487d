//! What is said to be unsent was not seen, whatever the server does.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anabranch_client::{Client, Connection, Sent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::listener::{Identity, Listener, NO_STREAMS, Seen, connection};

const ROUNDS: u64 = 60;
const TOGETHER: u64 = 4;

/// Numbers that a seed gives, one after another.
struct Choices(AtomicU64);

impl Choices {
    fn below(&self, bound: u64) -> u64 {
        let number = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)) % bound
    }
}

/// Closes before the handshake, within a request, instead of an answer, after it, or not.
async fn treat(stream: TcpStream, seen: Seen, acceptor: TlsAcceptor, choices: Arc<Choices>) {
    if choices.below(3) == 0 {
        return;
    }
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    loop {
        let answers = choices.below(4) > 0;
        let limit = if answers { 1 << 20 } else { choices.below(2_000) };
        let mut request = Vec::new();
        // A body of JSON has its marker at the end, and is there with it.
        while !request.ends_with(b"-end\"}") && (request.len() as u64) < limit {
            let mut bytes = [0; 512];
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(read) => request.extend_from_slice(&bytes[..read]),
            }
        }
        let is_whole = request.ends_with(b"-end\"}");
        seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
        let length = NO_STREAMS.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{NO_STREAMS}");
        if !answers || !is_whole || stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if choices.below(4) == 0 {
            return;
        }
    }
}

async fn ask(client: Client, number: u64) -> (u64, Option<Sent>) {
    let call = client.list_streams().exclusive_start_stream_name(format!("request-{number}-end"));
    (number, call.send().await.err().map(|error| client.failure(&error).sent()))
}

#[tokio::test]
async fn what_is_said_unsent_was_not_seen() {
    let seed = match std::env::var("ANABRANCH_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::process::id()),
    };
    println!("ANABRANCH_TEST_SEED={seed}");
    let choices = Arc::new(Choices(AtomicU64::new(seed)));
    let identity = Identity::new();
    let acceptor = identity.acceptor();
    let listener = Listener::new(move |stream, seen| {
        treat(stream, seen, acceptor.clone(), Arc::clone(&choices))
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), &identity.pem).unwrap();
    let connection = Connection {
        ca_bundle: Some(folder.path().join("ca.pem")),
        ..connection(listener.tls_url())
    };
    let client = connection.client().await.unwrap();

    let mut outcomes = BTreeMap::new();
    for round in 0..ROUNDS {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| ask(client.clone(), round * TOGETHER + at));
        outcomes.extend(<[_; 4]>::from(tokio::join!(a, b, c, d)));
    }
    let seen = listener.seen().concat();
    let mut counts = [0; 3];
    for (number, outcome) in outcomes {
        let is_seen = seen.contains(&format!("request-{number}-end"));
        match outcome {
            None => counts[0] += 1,
            Some(Sent::NotSent) => counts[1] += 1,
            Some(_) => counts[2] += 1,
        }
        if outcome == Some(Sent::NotSent) {
            assert!(!is_seen, "request {number} was seen");
        }
        if outcome.is_none() {
            assert!(is_seen, "request {number} was answered, and not seen");
        }
    }
    // Each kind is there, or the test shows nothing.
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}
