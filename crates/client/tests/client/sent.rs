//! Whether anything was sent, and what kind of failure it was.

use std::time::Duration;

use anabranch_client::{Client, Failure, Retries, Sent};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::config::Builder;
use aws_sdk_kinesis::config::retry::RetryConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::listener::{Identity, Listener, NO_STREAMS, ask, ask_by, connection, read_request};

/// A port that refuses connections as long as its socket is kept.
fn refusing() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let (_socket, url) = refusing();
    let failure = ask_by(connection(url)).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::NotReached { cause, .. } if cause.contains("refused")),
        "{failure:?}"
    );
    assert_eq!(failure.sent(), Sent::NotSent);
    assert!(failure.is_retryable());
}

#[tokio::test]
async fn a_name_that_nobody_has_sent_nothing() {
    // Too long for a name, so that no resolver is asked.
    let failure = ask_by(connection(format!("http://{}:1", "x".repeat(64)))).await.unwrap_err();
    assert!(matches!(failure, Failure::NotReached { .. }), "{failure:?}");
    assert_eq!(failure.sent(), Sent::NotSent);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_sent_nothing() {
    let listener = Listener::answering_over_tls(&Identity::new()).await;
    let failure = ask_by(connection(listener.tls_url())).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::NotReached { cause, .. } if cause.contains("certificate")),
        "{failure:?}"
    );
    assert_eq!(failure.sent(), Sent::NotSent);
    assert!(listener.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_was_sent_nothing() {
    let listener = Listener::new(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let failure = ask_by(connection(listener.tls_url())).await.unwrap_err();
    assert!(matches!(failure, Failure::NotReached { .. }), "{failure:?}");
    assert_eq!(failure.sent(), Sent::NotSent);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_sent_nothing() {
    let listener = Listener::silent().await;
    let mut connection = connection(listener.tls_url());
    connection.connect_timeout = Duration::from_millis(50);
    let failure = ask_by(connection).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::TimedOut { cause, .. } if cause.contains("50 ms")),
        "{failure:?}"
    );
    assert_eq!(failure.sent(), Sent::NotSent);
}

/// Of two limits the one for connecting is the shorter, and is still heard.
#[tokio::test]
async fn a_client_that_tries_once_keeps_its_other_limits() {
    let listener = Listener::silent().await;
    let mut connection = connection(listener.tls_url());
    connection.connect_timeout = Duration::from_millis(50);
    connection.retries = Retries::Configured;
    let client = connection.client().await.unwrap().trying_once(Duration::from_secs(30));
    let failure = ask(&client).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::TimedOut { cause, .. } if cause.contains("50 ms")),
        "{failure:?}"
    );
    assert_eq!(failure.sent(), Sent::NotSent);
}

#[tokio::test]
async fn a_client_that_tries_once_gives_up_in_time() {
    let listener = Listener::new(|mut stream, seen| async move {
        let head = read_request(&mut stream).await.unwrap();
        seen.lock().unwrap().push(head);
        let _held = stream;
        std::future::pending().await
    })
    .await;
    let mut connection = connection(listener.url());
    connection.retries = Retries::Configured;
    let client = connection.client().await.unwrap().trying_once(Duration::from_millis(50));
    let failure = ask(&client).await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
    assert_eq!(failure.sent(), Sent::MaybeSent);
    // On a busy machine the limit comes before the request.
    assert!(listener.seen().len() <= 1, "sent again");
}

#[tokio::test]
async fn of_a_client_made_elsewhere_nothing_is_proven() {
    let (_socket, url) = refusing();
    let sdk = aws_sdk_kinesis::Config::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(aws_sdk_kinesis::config::Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    let client = Client::from_sdk(aws_sdk_kinesis::Client::from_conf(sdk));
    assert_eq!(ask(&client).await.unwrap_err().sent(), Sent::MaybeSent);
}

#[tokio::test]
async fn a_connection_that_closes_at_once_may_have_taken_it() {
    let listener = Listener::new(|stream, _| async move { drop(stream) }).await;
    let failure = ask_by(connection(listener.url())).await.unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
    assert_eq!(failure.sent(), Sent::MaybeSent);
}

#[tokio::test]
async fn a_connection_that_reads_and_closes_may_have_taken_it() {
    let listener = Listener::new(|mut stream, seen| async move {
        let head = read_request(&mut stream).await.unwrap();
        seen.lock().unwrap().push(head);
    })
    .await;
    let failure = ask_by(connection(listener.url())).await.unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure:?}");
    assert_eq!(failure.sent(), Sent::MaybeSent);
    assert!(failure.is_retryable());
    assert_eq!(listener.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_request_may_have_taken_it() {
    let listener = Listener::new(|mut stream, _| async move {
        stream.read_u8().await.unwrap();
    })
    .await;
    let failure = ask_by(connection(listener.url())).await.unwrap_err();
    assert_eq!(failure.sent(), Sent::MaybeSent, "{failure:?}");
}

#[tokio::test]
async fn a_connection_of_an_earlier_request_that_breaks_may_have_taken_it() {
    let listener = Listener::new(|mut stream, seen| async move {
        let head = read_request(&mut stream).await.unwrap();
        seen.lock().unwrap().push(head);
        let length = NO_STREAMS.len();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{NO_STREAMS}");
        stream.write_all(text.as_bytes()).await.unwrap();
        let head = read_request(&mut stream).await.unwrap();
        seen.lock().unwrap().push(head);
    })
    .await;
    let client = connection(listener.url()).client().await.unwrap();
    ask(&client).await.unwrap();
    let failure = ask(&client).await.unwrap_err();
    assert_eq!(failure.sent(), Sent::MaybeSent, "{failure:?}");
    assert_eq!(listener.seen().len(), 2);
}

#[tokio::test]
async fn over_http2_too() {
    for reads in [false, true] {
        let identity = Identity::new();
        let acceptor = identity.acceptor_of(b"h2");
        let listener = Listener::new(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                if reads {
                    // The preface of the connection, which comes before the request.
                    stream.read_exact(&mut [0; 24]).await.unwrap();
                }
            }
        })
        .await;
        let mut connection = connection(listener.tls_url());
        connection.verify_certificate = false;
        let failure = ask_by(connection).await.unwrap_err();
        assert_eq!(failure.sent(), Sent::MaybeSent, "{failure:?}");
    }
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for half in
        ["HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "nonsense\r\n\r\n"]
    {
        let listener = Listener::new(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(half.as_bytes()).await.unwrap();
        })
        .await;
        let failure = ask_by(connection(listener.url())).await.unwrap_err();
        assert!(matches!(failure, Failure::Broken { .. }), "{half}: {failure:?}");
        assert_eq!(failure.sent(), Sent::MaybeSent, "{half}: {failure:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_may_have_taken_it() {
    let listener = Listener::new(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let _held = stream;
        std::future::pending().await
    })
    .await;
    let mut connection = connection(listener.url());
    connection.request_timeout = Some(Duration::from_millis(50));
    let failure = ask_by(connection).await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
    assert_eq!(failure.sent(), Sent::MaybeSent);
}

/// The first request is taken without an answer; then nobody listens any more.
#[tokio::test]
async fn a_refusal_after_an_earlier_attempt_proves_nothing() {
    let (url, task) = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(listener);
            read_request(&mut stream).await.unwrap();
        });
        (url, task)
    };
    let mut connection = connection(url);
    connection.retries = Retries::Configured;
    let client = connection.client().await.unwrap();
    let quickly = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let call = client.list_streams().customize();
    let call = call.config_override(Builder::new().retry_config(quickly));
    let failure = client.failure(&call.send().await.unwrap_err());
    task.await.unwrap();
    assert!(
        matches!(&failure, Failure::NotReached { cause, .. } if cause.contains("refused")),
        "{failure:?}"
    );
    assert_eq!(failure.sent(), Sent::MaybeSent);
}

#[tokio::test]
async fn answers_are_told_apart() {
    let told = async |status, body| {
        let listener = Listener::answering(status, body).await;
        let failure = ask_by(connection(listener.url())).await.unwrap_err();
        assert_eq!(failure.sent(), Sent::Answered, "{failure:?}");
        assert_eq!(listener.seen().len(), 1, "sent again");
        failure
    };
    let throttled = told(
        "400 Bad Request",
        r#"{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded"}"#,
    );
    let throttled = throttled.await;
    assert!(matches!(throttled, Failure::Throttled { .. }), "{throttled:?}");
    assert!(throttled.is_retryable());
    assert_eq!(throttled.to_string(), "ProvisionedThroughputExceededException: Rate exceeded");

    let refused = told("400 Bad Request", r#"{"__type":"ResourceNotFoundException"}"#).await;
    assert!(!refused.is_retryable(), "{refused:?}");
    assert_eq!(refused.code(), Some("ResourceNotFoundException"));

    let broken = told("500 Internal Server Error", r#"{"__type":"InternalFailure"}"#).await;
    assert!(
        matches!(broken, Failure::Service { status: 500, is_retryable: true, .. }),
        "{broken:?}"
    );
    let stopping = told("503 Service Unavailable", r#"{"__type":"ServiceUnavailable"}"#).await;
    assert!(
        matches!(stopping, Failure::Service { status: 503, is_retryable: true, .. }),
        "{stopping:?}"
    );
}

#[tokio::test]
async fn answers_of_what_lies_between_are_told_apart() {
    let told = async |status| {
        let listener = Listener::answering(status, "<html>no</html>").await;
        ask_by(connection(listener.url())).await.unwrap_err()
    };
    let gateway = told("502 Bad Gateway").await;
    assert_eq!((gateway.sent(), gateway.is_retryable()), (Sent::MaybeSent, true), "{gateway:?}");
    assert!(gateway.to_string().starts_with("HTTP 502, not an answer"), "{gateway}");
    let wall = told("403 Forbidden").await;
    assert_eq!((wall.sent(), wall.is_retryable()), (Sent::Answered, false), "{wall:?}");
    let limiter = told("429 Too Many Requests").await;
    assert!(matches!(limiter, Failure::Throttled { .. }), "{limiter:?}");
}

#[tokio::test]
async fn people_are_told_in_one_line() {
    let (_socket, url) = refusing();
    let mut connection = connection(&url);
    connection.hint = "is it running?".to_owned();
    let client = connection.client().await.unwrap();
    let error = client.list_streams().send().await.unwrap_err();
    let line = client.explain(&error).to_string();
    assert!(line.starts_with(&format!("cannot reach {url} (is it running?): ")), "{line}");
    assert!(line.contains("refused") && !line.contains('\n'), "{line}");
    assert_eq!(client.endpoint(), url);
}
