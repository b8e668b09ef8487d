//! Whom a client trusts to be the service: the system's roots, and those of a file and a folder as
//! well. A proxy that is spoken to over TLS is checked by the same roots.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;

/// Files of a folder that are looked at.
const FOLDER_FILES_MAX: usize = 10_000;

/// Why certificates to trust cannot be had.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file or folder cannot be read.
    #[error("cannot read the CA bundle path={}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not PEM.
    #[error("the CA bundle is not PEM path={}", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// Where it breaks.
        source: rustls::pki_types::pem::Error,
    },
    /// Nothing in it can be trusted.
    #[error("no certificate in the CA bundle path={}", path.display())]
    NoCertificates {
        /// The file or folder.
        path: PathBuf,
    },
    /// More than 10,000 files.
    #[error("too many files in the CA folder path={} max={FOLDER_FILES_MAX}", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
}

/// The system's roots and those of `file` and `folder`.
pub(crate) fn roots(
    file: Option<&Path>,
    folder: Option<&Path>,
) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // A system without roots is one: what they would have proven is refused at the handshake.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = file {
        add(&mut roots, path, certificates(path)?)?;
    }
    if let Some(path) = folder {
        add(&mut roots, path, certificates_of_folder(path)?)?;
    }
    Ok(roots)
}

fn add(
    roots: &mut RootCertStore,
    path: &Path,
    certificates: Vec<CertificateDer<'static>>,
) -> Result<(), TrustError> {
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(TrustError::NoCertificates { path: path.to_owned() }) } else { Ok(()) }
}

#[expect(clippy::disallowed_methods, reason = "a client's files are the machine's")]
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(unreadable)?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|source| TrustError::NotPem { path: path.to_owned(), source })
}

/// What is not PEM in a folder is left out: such folders have keys, lists and links beside.
#[expect(clippy::disallowed_methods, reason = "a client's files are the machine's")]
fn certificates_of_folder(folder: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for (number, entry) in std::fs::read_dir(folder).map_err(unreadable)?.enumerate() {
        if number >= FOLDER_FILES_MAX {
            return Err(TrustError::TooManyFiles { path: folder.to_owned() });
        }
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            found.extend(certificates(&path).unwrap_or_default());
        }
    }
    Ok(found)
}

/// A client's side of TLS 1.2 and 1.3 that checks servers by `roots`, or not at all without them.
#[must_use]
pub fn client_config(roots: Option<RootCertStore>) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of both versions");
    match roots {
        Some(roots) => builder.with_root_certificates(roots).with_no_client_auth(),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_no_client_auth(),
    }
}

/// Takes any certificate for any name, for a program that said so.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
