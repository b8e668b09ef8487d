//! Certificates: whom a client takes for the service.

use std::sync::{Arc, Mutex};
use std::{fs, io};

use anabranch_client::{Connection, SetupError, TrustError};

use crate::listener::{Identity, Listener, ask_by, connection};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_file_of_certificates_is_trusted() {
    let identity = Identity::new();
    let listener = Listener::answering_over_tls(&identity).await;
    let folder = tempfile::tempdir().unwrap();
    let mut connection = connection(listener.tls_url());
    connection.ca_bundle = Some(folder.path().join("ca.pem"));
    // Other certificates beside it, as in a bundle.
    fs::write(folder.path().join("ca.pem"), Identity::new().pem + &identity.pem).unwrap();
    ask_by(connection).await.unwrap();
    assert_eq!(listener.seen().len(), 1);
}

#[tokio::test]
async fn a_folder_of_certificates_is_trusted() {
    let identity = Identity::new();
    let listener = Listener::answering_over_tls(&identity).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.pem"), &identity.pem).unwrap();
    fs::write(folder.path().join("b.pem"), Identity::new().pem).unwrap();
    fs::write(folder.path().join("README"), [0xff, b'-']).unwrap();
    fs::create_dir(folder.path().join("more")).unwrap();
    let mut connection = connection(listener.tls_url());
    connection.ca_folder = Some(folder.path().to_owned());
    ask_by(connection).await.unwrap();
}

#[tokio::test]
async fn other_certificates_are_not_trusted() {
    let listener = Listener::answering_over_tls(&Identity::new()).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), Identity::new().pem).unwrap();
    let mut connection = connection(listener.tls_url());
    connection.ca_bundle = Some(folder.path().join("ca.pem"));
    connection.ca_folder = Some(folder.path().to_owned());
    ask_by(connection).await.unwrap_err();
    assert!(listener.seen().is_empty());
}

#[tokio::test]
async fn any_certificate_is_taken_on_an_explicit_word_only() {
    let listener = Listener::answering_over_tls(&Identity::new()).await;
    let mut connection = connection(listener.tls_url());
    ask_by(connection.clone()).await.unwrap_err();
    connection.verify_certificate = false;
    let log = Log::default();
    let theirs = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || theirs.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    ask_by(connection).await.unwrap();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("WARN") && log.contains("certificate of the endpoint is not checked"),
        "{log}"
    );
    assert!(Connection::default().verify_certificate);
}

#[tokio::test]
async fn what_cannot_be_trusted_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let trust = async |name: &str| {
        let mut connection = connection("https://localhost:1");
        connection.ca_bundle = Some(folder.path().join(name));
        match connection.client().await.unwrap_err() {
            SetupError::Trust(error) => error,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(trust("missing.pem").await, TrustError::Unreadable { .. }));
    fs::write(folder.path().join("empty.pem"), "no certificate").unwrap();
    assert!(matches!(trust("empty.pem").await, TrustError::NoCertificates { .. }));
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("broken.pem"), broken).unwrap();
    let error = trust("broken.pem").await;
    assert!(matches!(error, TrustError::NotPem { .. }), "{error:?}");

    fs::remove_file(folder.path().join("empty.pem")).unwrap();
    fs::remove_file(folder.path().join("broken.pem")).unwrap();
    let mut connection = connection("https://localhost:1");
    connection.ca_folder = Some(folder.path().to_owned());
    let error = connection.client().await.unwrap_err();
    assert!(matches!(error, SetupError::Trust(TrustError::NoCertificates { .. })), "{error:?}");
}
