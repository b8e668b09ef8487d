//! TLS: certificates and what is negotiated.

use crate::settings::TlsSettings;
use anabranch_env::files::{PRIVATE_FILE, create_private_directory, replace_durably};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot use the TLS file path={} error={error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// The server's own certificate or its key was damaged or taken away.
    #[error(
        "the server's own certificate cannot be used certificate={} key={} error={error}; delete \
         both files to have new ones made, which clients must be given then",
        certificate.display(), key.display()
    )]
    Own {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong with them.
        error: String,
    },
    /// The certificate and the key do not make a server.
    #[error("the certificate cannot be used error={0}")]
    Certificate(String),
}

/// The acceptor for the settings; `None` for plain HTTP.
pub(crate) fn acceptor(
    settings: &TlsSettings,
    data_directory: &Path,
) -> Result<Option<TlsAcceptor>, TlsError> {
    let config = match settings {
        TlsSettings::Off => return Ok(None),
        TlsSettings::Files { certificate, key } => {
            let (chain, key) = (read_chain(certificate)?, read_key(key)?);
            config(chain, key).map_err(|error| TlsError::Certificate(error.to_string()))?
        }
        TlsSettings::SelfSigned => own(data_directory)?,
    };
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn file_error(path: &Path, error: impl std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), error: error.to_string() }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| file_error(path, e))?;
    let chain: Result<Vec<_>, _> = certificates.collect();
    let chain = chain.map_err(|e| file_error(path, e))?;
    if chain.is_empty() {
        return Err(file_error(path, "there is no certificate in it"));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| file_error(path, e))
}

/// The server with a certificate for localhost of its own: the one in the data directory, or a
/// new one that is left there, for clients to be pointed to.
///
/// The key is written before the certificate. So a key alone is what a first start left that did
/// not get far: no client knows its certificate, and both are made anew. A certificate alone may
/// be trusted somewhere, and is not replaced behind the back of whoever trusts it.
fn own(data_directory: &Path) -> Result<ServerConfig, TlsError> {
    let certificate = data_directory.join("tls-cert.pem");
    let key = data_directory.join("tls-key.pem");
    let is_there = certificate.try_exists().map_err(|e| file_error(&certificate, e))?;
    if !is_there {
        make_own(data_directory, &certificate, &key)?;
    }
    let read = || -> Result<ServerConfig, String> {
        let chain = read_chain(&certificate).map_err(|e| e.to_string())?;
        let key = read_key(&key).map_err(|e| e.to_string())?;
        config(chain, key).map_err(|e| e.to_string())
    };
    read().map_err(|error| TlsError::Own {
        certificate: certificate.clone(),
        key: key.clone(),
        error,
    })
}

fn make_own(directory: &Path, certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    // The data directory is made here if the store has not made it yet, and as private.
    create_private_directory(directory).map_err(|e| file_error(directory, e))?;
    let texts = [
        (key, PRIVATE_FILE, made.signing_key.serialize_pem()),
        (certificate, 0o644, made.cert.pem()),
    ];
    for (path, mode, text) in texts {
        replace_durably(path, ".tmp", mode, text.as_bytes()).map_err(|e| file_error(path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn start(directory: &Path) -> Result<Option<TlsAcceptor>, TlsError> {
        acceptor(&TlsSettings::SelfSigned, directory)
    }

    fn read(directory: &Path, name: &str) -> (String, u32) {
        let path = directory.join(name);
        let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
        (std::fs::read_to_string(path).expect("readable"), mode & 0o777)
    }

    #[test]
    fn own_certificate_is_kept_and_its_key_is_private() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = parent.path().join("data");
        assert!(start(&directory).expect("made").is_some());
        let certificate = read(&directory, "tls-cert.pem");
        let key = read(&directory, "tls-key.pem");
        let directory_mode = std::fs::metadata(&directory).expect("made").permissions().mode();
        assert_eq!(directory_mode & 0o077, 0);
        assert_eq!((certificate.1 & 0o700, key.1), (0o600, 0o600));
        start(&directory).expect("reused");
        assert_eq!(certificate, read(&directory, "tls-cert.pem"));
        assert_eq!(key, read(&directory, "tls-key.pem"));
        assert_eq!(std::fs::read_dir(&directory).expect("readable").count(), 2);
    }

    #[test]
    fn key_without_certificate_is_an_unfinished_first_start() {
        let directory = tempfile::tempdir().expect("a directory");
        start(directory.path()).expect("made");
        let key = read(directory.path(), "tls-key.pem");
        std::fs::remove_file(directory.path().join("tls-cert.pem")).expect("removed");
        start(directory.path()).expect("made anew");
        assert_ne!(key, read(directory.path(), "tls-key.pem"));
    }

    #[test]
    fn damaged_pair_is_refused_with_what_to_do() {
        let other = tempfile::tempdir().expect("a directory");
        start(other.path()).expect("made");
        let (other_key, _) = read(other.path(), "tls-key.pem");
        for (name, text) in [
            ("tls-cert.pem", Some("")),
            (
                "tls-cert.pem",
                Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            ),
            ("tls-key.pem", Some("nothing")),
            ("tls-key.pem", Some(other_key.as_str())),
            ("tls-key.pem", None),
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            start(directory.path()).expect("made");
            let path = directory.path().join(name);
            match text {
                Some(text) => std::fs::write(path, text).expect("written"),
                None => std::fs::remove_file(path).expect("removed"),
            }
            let error = start(directory.path()).err().expect("refused").to_string();
            assert!(error.contains("delete both files"), "{error}");
            assert!(error.contains("tls-cert.pem") && error.contains("tls-key.pem"), "{error}");
        }
    }
}
