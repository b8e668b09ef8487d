//! TLS: certificates and what is negotiated.

use crate::certificate_end::{End, Validity};
use crate::settings::TlsSettings;
use anabranch_env::Clock;
use anabranch_env::files::{
    self, Access, FileVersion, ForeignOwner, PRIVATE_FILE, PrivateFileError,
    create_private_directory, replace_durably,
};
use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Others than its owner have access to the key.
    #[error(
        "the key of TLS is open to others than its owner, run `chmod 600 {}` mode={mode:04o}",
        path.display()
    )]
    OpenKey {
        /// The key.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key belongs to another user.
    #[error("the key of TLS belongs to another user, who can change it: {}", owner.remedy(path))]
    ForeignKey {
        /// The key.
        path: PathBuf,
        /// That user.
        owner: ForeignOwner,
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

impl TlsError {
    /// The same, about the server's own certificate.
    fn of_own(self, data_directory: &Path) -> Self {
        match self {
            Self::File { .. } | Self::Certificate(_) => Self::Own {
                certificate: data_directory.join("tls-cert.pem"),
                key: data_directory.join("tls-key.pem"),
                error: self.to_string(),
            },
            // There is nothing wrong with what is in them.
            Self::OpenKey { .. } | Self::ForeignKey { .. } | Self::Own { .. } => self,
        }
    }
}

/// What connections are encrypted with.
#[derive(Debug)]
pub(crate) struct Tls {
    certificates: Arc<Certificates>,
}

impl Tls {
    /// What the settings say, read from its files, which must be good at the start. `None`: plain
    /// HTTP.
    pub(crate) fn open(
        settings: &TlsSettings,
        data_directory: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, TlsError> {
        let (certificate, key, is_own) = match settings {
            TlsSettings::Off => return Ok(None),
            TlsSettings::Files { certificate, key } => (certificate.clone(), key.clone(), false),
            TlsSettings::SelfSigned => {
                (data_directory.join("tls-cert.pem"), data_directory.join("tls-key.pem"), true)
            }
        };
        if is_own {
            make_own_if_missing(data_directory, &certificate, &key)?;
        }
        let files = Files { certificate, key };
        let certificates = Certificates::open(files, clock).map_err(|error| match is_own {
            true => error.of_own(data_directory),
            false => error,
        })?;
        Ok(Some(Self { certificates: Arc::new(certificates) }))
    }

    /// What takes connections over.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(self.certificates.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files, and at how long the certificate is good.
    pub(crate) fn look(&self) {
        self.certificates.look();
    }
}

/// A certificate chain and its key, PEM.
#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What tells that a pair of files is another one. Nothing of a file that is not there.
type Versions = [Option<FileVersion>; 2];

impl Files {
    fn versions(&self) -> Versions {
        [&self.certificate, &self.key].map(|path| FileVersion::of(path).ok())
    }

    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let (chain, key) = (read_chain(&self.certificate)?, read_key(&self.key)?);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        // Refused unless they belong together: a renewal may have replaced one of them so far.
        CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| TlsError::Certificate(error.to_string()))
    }
}

/// The certificate that is shown, kept in step with its files.
///
/// They are looked at not more than once a second, when a client comes, and read when one of them
/// has changed. While they are missing, wrong or do not belong together, the last good pair stays in
/// force and the log says why, once for each change.
#[derive(Debug)]
struct Certificates {
    files: Files,
    clock: Arc<dyn Clock>,
    /// When the files were last looked at, monotonic seconds.
    looked_secs: AtomicU64,
    /// What was last read, with or without success. Locked by whoever is reading.
    seen: Mutex<Versions>,
    current: RwLock<Arc<CertifiedKey>>,
    /// When the end of the certificate was told last, monotonic seconds, and whether it was over.
    told: Mutex<Option<(u64, bool)>>,
}

/// How often the end of a certificate is told. That it is over is told at once.
const TELL_EVERY_SECS: u64 = 24 * 3600;

impl Certificates {
    fn open(files: Files, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        // Taken before reading: a change in between is then noticed at the next look.
        let seen = Mutex::new(files.versions());
        let current = RwLock::new(Arc::new(files.read()?));
        let looked_secs = AtomicU64::new(clock.monotonic_us() / 1_000_000);
        let told = Mutex::default();
        let opened = Self { files, clock, looked_secs, seen, current, told };
        opened.tell_of_the_end();
        Ok(opened)
    }

    /// The pair to show. Once a second one caller looks at the files first.
    fn current(&self) -> Arc<CertifiedKey> {
        let now_secs = self.clock.monotonic_us() / 1_000_000;
        let (last, order) = (self.looked_secs.load(Ordering::Relaxed), Ordering::Relaxed);
        if last != now_secs
            && self.looked_secs.compare_exchange(last, now_secs, order, order).is_ok()
        {
            self.look();
        }
        self.current.read().clone()
    }

    fn look(&self) {
        self.read_if_changed();
        self.tell_of_the_end();
    }

    fn read_if_changed(&self) {
        let versions = self.files.versions();
        let Some(mut seen) = self.seen.try_lock().filter(|seen| **seen != versions) else {
            return;
        };
        *seen = versions;
        let path = self.files.certificate.display();
        match self.files.read() {
            Ok(pair) => {
                *self.current.write() = Arc::new(pair);
                *self.told.lock() = None;
                tracing::info!(%path, "TLS certificate read again");
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "TLS files changed but cannot be used, the previous certificate stays in force"
            ),
        }
    }

    fn tell_of_the_end(&self) {
        let now_secs = self.clock.monotonic_us() / 1_000_000;
        let mut told = self.told.lock();
        let lately = told.filter(|(told_secs, _)| now_secs < told_secs + TELL_EVERY_SECS);
        if let Some((_, true)) = lately {
            return;
        }
        let unix_secs = (self.clock.now_ms() / 1000).cast_signed();
        let current = self.current.read().clone();
        let end = current.end_entity_cert().ok().and_then(|leaf| Validity::of(leaf));
        let path = self.files.certificate.display();
        match end.map(|validity| validity.end_at(unix_secs)) {
            None | Some(End::Far) => {}
            Some(End::Near { .. }) if lately.is_some() => {}
            Some(End::Near { days }) => {
                tracing::warn!(days, %path, "the TLS certificate ends soon; renew its file");
                *told = Some((now_secs, false));
            }
            Some(End::Over) => {
                tracing::error!(
                    %path,
                    "the TLS certificate has ended, clients refuse it; renew its file"
                );
                *told = Some((now_secs, true));
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
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

/// Far more than a key has, or than stands before it in its file.
const KEY_BYTES_MAX: u64 = 1 << 20;

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let opened = files::open_private(path).map_err(|error| {
        let path = path.to_owned();
        match error {
            PrivateFileError::OpenToOthers { mode } => TlsError::OpenKey { path, mode },
            PrivateFileError::Foreign(owner) => TlsError::ForeignKey { path, owner },
            PrivateFileError::Io(error) => file_error(&path, error),
        }
    });
    let (file, access) = opened?;
    if access == Access::OwnGroup {
        tracing::info!(path = %path.display(), "a group of this process has access, too");
    }
    PrivateKeyDer::from_pem_reader(file.take(KEY_BYTES_MAX)).map_err(|e| file_error(path, e))
}

/// Sees to it that the server has a certificate for localhost of its own: the one in the data
/// directory, or a new one that is left there, for clients to be pointed to.
///
/// The key is written before the certificate. So a key alone is what a first start left that did
/// not get far: no client knows its certificate, and both are made anew. A certificate alone may
/// be trusted somewhere, and is not replaced behind the back of whoever trusts it.
fn make_own_if_missing(directory: &Path, certificate: &Path, key: &Path) -> Result<(), TlsError> {
    match certificate.try_exists().map_err(|e| file_error(certificate, e))? {
        true => Ok(()),
        false => make_own(directory, certificate, key),
    }
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
    use anabranch_env::ManualClock;
    use anabranch_testkit::log_lines::LogLines;
    use std::os::unix::fs::PermissionsExt;

    const HOUR_MS: u64 = 3_600_000;

    fn start(directory: &Path) -> Result<Option<Tls>, TlsError> {
        let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
        Tls::open(&TlsSettings::SelfSigned, directory, clock)
    }

    /// A certificate of its own in two files, and when they are looked at.
    struct Pair {
        directory: tempfile::TempDir,
        clock: Arc<ManualClock>,
    }

    impl Pair {
        fn new() -> (Self, Tls) {
            let directory = tempfile::tempdir().expect("a directory");
            let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
            let pair = Self { directory, clock };
            pair.make("cert", "key");
            let tls = pair.open();
            (pair, tls)
        }

        fn open(&self) -> Tls {
            let settings =
                TlsSettings::Files { certificate: self.path("cert"), key: self.path("key") };
            let tls = Tls::open(&settings, self.directory.path(), self.clock.clone());
            tls.expect("good").expect("TLS")
        }

        /// A pair that is good from 2022-11-01 until the beginning of a day.
        fn make_until(&self, certificate: &str, key: &str, year: i32, month: u8, day: u8) {
            let mut made = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
            made.not_before = rcgen::date_time_ymd(2022, 11, 1);
            made.not_after = rcgen::date_time_ymd(year, month, day);
            let pair = rcgen::KeyPair::generate().expect("a key");
            self.put(certificate, &made.self_signed(&pair).expect("signed").pem());
            self.put(key, &pair.serialize_pem());
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn make(&self, certificate: &str, key: &str) -> CertificateDer<'static> {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
            self.put(certificate, &made.cert.pem());
            self.put(key, &made.signing_key.serialize_pem());
            made.cert.der().clone()
        }

        fn put(&self, name: &str, text: &str) {
            replace_durably(&self.path(name), ".new", PRIVATE_FILE, text.as_bytes()).expect("put");
        }

        /// What is told of the certificate's end by so many looks, one an hour: the whole days that are
        /// left, or `None` after it.
        fn told(&self, tls: &Tls, hours: u64) -> Vec<Option<u64>> {
            let log = LogLines::begin();
            for _ in 0..hours {
                self.clock.advance_ms(HOUR_MS);
                tls.look();
            }
            let path = self.path("cert").display().to_string();
            let lines = log.with(&[&path, "renew its file"]);
            let days = |line: &String| match line.split_once(" days=") {
                Some((before, rest)) => {
                    assert!(before.contains("WARN") && before.contains("ends soon"), "{line}");
                    rest.split(' ').next().and_then(|days| days.parse().ok())
                }
                None => {
                    assert!(line.contains("ERROR") && line.contains("has ended"), "{line}");
                    None
                }
            };
            lines.iter().map(days).collect()
        }

        fn shown(&self, tls: &Tls) -> CertificateDer<'static> {
            self.clock.advance_ms(1000);
            let current = tls.certificates.current();
            current.end_entity_cert().expect("a certificate").clone().into_owned()
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_told_once_a_day_and_at_once_when_it_has_come() {
        let (pair, tls) = Pair::new();
        // The clock shows 22:13 on 14 November 2023.
        pair.make_until("cert", "key", 2023, 12, 15);
        assert_eq!(pair.told(&tls, 1), [], "30 days and 46 minutes are left");
        assert_eq!(pair.told(&tls, 1), [Some(29)]);
        assert_eq!(pair.told(&tls, 23), [], "within a day");
        assert_eq!(pair.told(&tls, 1), [Some(28)]);
        assert_eq!(pair.told(&tls, 26 * 24 + 12).len(), 26);
        // Another one, and it ends within a day of the last line.
        pair.make_until("cert", "key", 2023, 12, 14);
        assert_eq!(pair.told(&tls, 1), [Some(1)], "13:13 on 12 December");
        assert_eq!(pair.told(&tls, 24), [Some(0)]);
        assert_eq!(pair.told(&tls, 10), []);
        assert_eq!(pair.told(&tls, 1), [None], "at once");
        assert_eq!(pair.told(&tls, 23), []);
        assert_eq!(pair.told(&tls, 1), [None]);
        pair.make("cert", "key");
        assert_eq!(pair.told(&tls, 100), []);
    }

    #[test]
    fn the_end_of_a_certificate_is_told_at_the_start() {
        let (pair, _) = Pair::new();
        pair.make_until("cert", "key", 2023, 11, 17);
        let log = LogLines::begin();
        pair.open();
        let path = pair.path("cert").display().to_string();
        assert_eq!(log.with(&["WARN", "days=2", &path, "ends soon"]).len(), 1);
    }

    #[test]
    fn a_renewed_pair_is_taken_over_when_a_client_comes() {
        let (pair, tls) = Pair::new();
        let first = pair.shown(&tls);
        let second = pair.make("cert", "key");
        assert_ne!(first, second);
        assert_eq!(pair.shown(&tls), second);
        // Within the same second nobody looks, unless told to.
        let third = pair.make("cert", "key");
        let current = |tls: &Tls| tls.certificates.current().cert[0].clone();
        assert_eq!(current(&tls), second);
        tls.look();
        assert_eq!(current(&tls), third);
    }

    #[test]
    fn half_a_renewal_and_damage_leave_the_certificate_in_force() {
        let (pair, tls) = Pair::new();
        let first = pair.shown(&tls);
        let second = pair.make("new-cert", "new-key");
        let text = |name: &str| std::fs::read_to_string(pair.path(name)).expect("there");
        for damage in ["", "nothing", &text("new-cert")] {
            pair.put("cert", damage);
            assert_eq!(pair.shown(&tls), first, "{damage}");
        }
        pair.put("key", &text("new-key"));
        assert_eq!(pair.shown(&tls), second);
        std::fs::remove_file(pair.path("key")).expect("removed");
        assert_eq!(pair.shown(&tls), second);
    }

    #[test]
    fn a_key_that_is_open_to_others_is_refused_and_leaves_the_certificate_in_force() {
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        let (pair, tls) = Pair::new();
        let (first, key) = (pair.shown(&tls), pair.path("key"));
        let settings = TlsSettings::Files { certificate: pair.path("cert"), key: key.clone() };
        let open = || Tls::open(&settings, pair.directory.path(), pair.clock.clone());
        for mode in [0o604, 0o644, 0o601] {
            pair.make("cert", "key");
            set(&key, mode);
            assert_eq!(pair.shown(&tls), first, "{mode:o}");
            let error = open().expect_err("refused").to_string();
            assert!(error.contains(&format!("chmod 600 {}", key.display())), "{error}");
            assert!(error.contains(&format!("mode={mode:04o}")), "{error}");
        }
        let second = pair.make("cert", "key");
        for mode in [0o440, 0o660, 0o400] {
            set(&key, mode);
            assert_eq!(pair.shown(&tls), second, "{mode:o}");
            open().expect("a group of this process may read it");
        }
    }

    #[test]
    fn an_own_key_that_is_open_to_others_is_not_told_to_be_deleted() {
        let directory = tempfile::tempdir().expect("a directory");
        start(directory.path()).expect("made");
        let key = directory.path().join("tls-key.pem");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set");
        let error = start(directory.path()).expect_err("refused").to_string();
        assert!(error.contains("chmod 600") && !error.contains("delete"), "{error}");
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
            let error = start(directory.path()).expect_err("refused").to_string();
            assert!(error.contains("delete both files"), "{error}");
            assert!(error.contains("tls-cert.pem") && error.contains("tls-key.pem"), "{error}");
        }
    }
}
