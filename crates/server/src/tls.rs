//! TLS: certificates and what is negotiated.

use crate::settings::TlsSettings;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
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
    /// The certificate and the key do not make a server.
    #[error("the certificate cannot be used error={0}")]
    Certificate(String),
}

/// The acceptor for the settings; `None` for plain HTTP.
pub(crate) fn acceptor(
    settings: &TlsSettings,
    data_directory: &Path,
) -> Result<Option<TlsAcceptor>, TlsError> {
    let (chain, key) = match settings {
        TlsSettings::Off => return Ok(None),
        TlsSettings::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?),
        TlsSettings::SelfSigned => self_signed(data_directory)?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
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

/// Makes a certificate for localhost and leaves it where clients can be pointed to. The key is
/// kept in memory only.
fn self_signed(
    data_directory: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    let path = data_directory.join("tls-cert.pem");
    write_certificate(&path, &made.cert.pem()).map_err(|e| file_error(&path, e))?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| TlsError::Certificate(error.to_owned()))?;
    Ok((vec![made.cert.der().clone()], key))
}

fn write_certificate(path: &Path, pem: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(path)?;
    file.write_all(pem.as_bytes())
}
