//! Whose credentials sign, and what it means that there are none.

use anabranch_client::{Failure, Sent};
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;

use crate::listener::{Listener, NO_STREAMS, ask_by, connection};

#[tokio::test]
async fn the_programs_own_sign() {
    let listener = Listener::answering("200 OK", NO_STREAMS).await;
    let mut connection = connection(listener.url());
    connection.region = Some("eu-west-1".to_owned());
    let own = Credentials::new("AKIDOWN", "secret", Some("token".to_owned()), None, "test");
    connection.credentials = Some(SharedCredentialsProvider::new(own.clone()));
    assert_eq!(connection.credentials_now().await.unwrap(), own);
    ask_by(connection).await.unwrap();
    let [request] = &listener.seen()[..] else { panic!("{:?}", listener.seen()) };
    let request = request.to_ascii_lowercase();
    assert!(request.contains("credential=akidown/"), "{request}");
    assert!(request.contains("/eu-west-1/kinesis/aws4_request"), "{request}");
    assert!(request.contains("x-amz-security-token: token\r\n"), "{request}");
}

#[tokio::test]
async fn without_any_nothing_was_sent() {
    let listener = Listener::answering("200 OK", NO_STREAMS).await;
    let mut connection = connection(listener.url());
    let none = provide_credentials_fn(async || Err(CredentialsError::not_loaded("all gone")));
    connection.credentials = Some(SharedCredentialsProvider::new(none));
    let client = connection.client().await.unwrap();
    let error = client.list_streams().send().await.unwrap_err();
    let failure = client.failure(&error);
    assert!(matches!(failure, Failure::NoCredentials { .. }), "{failure:?}");
    assert_eq!((failure.sent(), failure.is_retryable()), (Sent::NotSent, true));
    assert!(listener.seen().is_empty());
    let line = client.explain(&error).to_string();
    assert!(line.starts_with(&format!("no credentials for {} (set ", listener.url())), "{line}");
    assert!(line.contains("all gone"), "{line}");
    connection.credentials_now().await.unwrap_err();
}
