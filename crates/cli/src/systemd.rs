//! What systemd is told: that the server is ready, that it stops, and that it is alive.
//!
//! The protocol is a datagram with a line for each fact, to the socket that `NOTIFY_SOCKET` names
//! (sd_notify(3)). Whoever starts the server otherwise sets no such variable, and nothing is sent.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager that has started this process.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: UnixDatagram,
    /// A sign of life is wanted at least this often.
    watchdog: Option<Duration>,
}

/// What to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Requests are answered.
    Ready,
    /// No new connections are taken; requests under way finish.
    Stopping,
    /// The server is alive.
    Alive,
}

impl Notice {
    fn line(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Stopping => b"STOPPING=1",
            Self::Alive => b"WATCHDOG=1",
        }
    }
}

impl ServiceManager {
    /// The manager that the environment names; `None`: nobody wants to be told.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub(crate) fn from_environment() -> io::Result<Option<Self>> {
        let variable = |name: &str| std::env::var_os(name);
        Self::of(variable, std::process::id())
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> io::Result<Option<Self>> {
        let Some(path) = variable("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let number = |name| variable(name)?.to_str()?.parse().ok();
        // The variables are inherited: they may be for the parent of this process.
        let is_ours = number("WATCHDOG_PID").is_none_or(|wanted: u64| wanted == u64::from(pid));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(&path)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A manager that does not read must not hold the server up.
        socket.set_nonblocking(true)?;
        Ok(Some(Self { socket, watchdog: watchdog.map(Duration::from_micros) }))
    }

    /// Tells the manager. What it does not take is its loss.
    pub(crate) fn tell(&self, notice: Notice) {
        if let Err(error) = self.socket.send(notice.line()) {
            tracing::debug!(%error, ?notice, "the service manager does not listen");
        }
    }

    /// Gives signs of life for as long as `is_alive` says so, if they are wanted.
    pub(crate) async fn keep_alive(&self, is_alive: impl Fn() -> bool) {
        let Some(every) = self.alive_every() else { return };
        while is_alive() {
            self.tell(Notice::Alive);
            tokio::time::sleep(every).await;
        }
        tracing::warn!("the service manager gets no more signs of life, so that it restarts us");
    }

    /// How often to say [`Notice::Alive`]: twice as often as is wanted.
    fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|wanted| wanted / 2)
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;

    fn manager_of(variables: &[(&str, &str)]) -> Option<ServiceManager> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        };
        ServiceManager::of(variable, 7).expect("a socket")
    }

    fn received(socket: &UnixDatagram) -> Vec<u8> {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).expect("a datagram");
        bytes[..length].to_vec()
    }

    #[test]
    fn nobody_is_told_without_a_socket() {
        assert!(manager_of(&[]).is_none());
        assert!(manager_of(&[("NOTIFY_SOCKET", ""), ("WATCHDOG_USEC", "1000")]).is_none());
    }

    #[test]
    fn sockets_are_files_or_abstract_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify");
        let at_path = UnixDatagram::bind(&path).expect("bound");
        let manager = manager_of(&[("NOTIFY_SOCKET", path.to_str().expect("text"))]);
        let manager = manager.expect("a manager");
        for (notice, line) in [
            (Notice::Ready, "READY=1"),
            (Notice::Alive, "WATCHDOG=1"),
            (Notice::Stopping, "STOPPING=1"),
        ] {
            manager.tell(notice);
            assert_eq!(received(&at_path), line.as_bytes());
        }
        drop(at_path);
        manager.tell(Notice::Ready);

        let name = format!("anabranch-test-{}", path.display());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let abstract_ = UnixDatagram::bind_addr(&address).expect("bound");
        let manager = manager_of(&[("NOTIFY_SOCKET", &format!("@{name}"))]).expect("a manager");
        manager.tell(Notice::Ready);
        assert_eq!(received(&abstract_), b"READY=1");
    }

    #[test]
    fn signs_of_life_come_twice_as_often_as_wanted_and_only_for_this_process() {
        let name = format!("anabranch-watchdog-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let _manager = UnixDatagram::bind_addr(&address).expect("bound");
        let socket = format!("@{name}");
        let every = |variables: &[(&str, &str)]| {
            let all = [&[("NOTIFY_SOCKET", &*socket)], variables].concat();
            manager_of(&all).expect("a manager").alive_every()
        };
        assert_eq!(every(&[]), None);
        assert_eq!(every(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(every(&[("WATCHDOG_USEC", "soon")]), None);
        let second = Some(Duration::from_millis(500));
        assert_eq!(every(&[("WATCHDOG_USEC", "1000000")]), second);
        assert_eq!(every(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "7")]), second);
        assert_eq!(every(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "8")]), None);
    }
}
