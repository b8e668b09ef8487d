//! Servers under measurement: starting, asking, ending.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::bench::kind::Kind;
use crate::bench::machine::{self, Memory};
use crate::bench::programs::{Programs, command_line};
use crate::tools::capture;

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(120);
/// Pause between two attempts to be answered; start-up times are this exact.
const ATTEMPT_PAUSE: Duration = Duration::from_micros(200);

/// Key of the signed runs; it opens nothing else.
pub(crate) const ACCESS_KEY: &str = "AKIABENCHMARKONLY000";
pub(crate) const SECRET_KEY: &str = "a-secret-that-only-this-benchmark-knows0";

impl Kind {
    /// The command line; `flags` are added to ours only.
    pub(crate) fn command(
        self,
        programs: &Programs,
        directory: &Path,
        port: u16,
        flags: &[&str],
    ) -> Command {
        let address = format!("127.0.0.1:{port}");
        let port = port.to_string();
        let mut command = match self {
            Self::KinesisLocal | Self::Kinesalite => programs.node(self),
            _ => Command::new(programs.peer(self)),
        };
        match self {
            Self::Anabranch | Self::AnabranchSigned => {
                command.args(["serve", "--listen", &address, "--data-dir"]).arg(directory);
                command.args(["--durability", "sync", "--limits", "off"]);
                command.args(["--shard-limit", "200000"]).args(flags);
                if self == Self::AnabranchSigned {
                    command.arg("--credentials").arg(credentials_file(directory));
                }
            }
            Self::Ferrokinesis | Self::FerrokinesisDurable => {
                command.args(["--port", &port, "--enforce-limits", "false"]);
                command.args(["--shard-limit", "100000", "--create-stream-ms", "20"]);
                command.args(["--access-log", "false", "--log-level", "warn"]);
                command.args(["--max-request-body-mb", "16"]);
                if self == Self::FerrokinesisDurable {
                    command.arg("--state-dir").arg(directory);
                }
            }
            Self::KinesisLocal => {
                // It wants a second port, for TLS, which nobody uses here.
                let tls_port = free_port().unwrap_or_default().to_string();
                command.env("KINESIS_MOCK_PLAIN_PORT", port);
                command.env("KINESIS_MOCK_TLS_PORT", tls_port);
                command.env("SHARD_LIMIT", "100000").env("LOG_LEVEL", "ERROR");
                command.env("CREATE_STREAM_DURATION", "20ms");
            }
            Self::Kinesalite => {
                command.args(["--port", &port, "--createStreamMs", "20"]);
                command.args(["--shardLimit", "100000"]);
            }
            Self::Fakecloud => {
                command.args(["--addr", &address]);
            }
            Self::Redis => {
                command.args(["--port", &port, "--bind", "127.0.0.1", "--dir"]).arg(directory);
                command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
                command.args(["--auto-aof-rewrite-percentage", "0"]);
            }
            Self::JetStream | Self::Nginx => {
                let flag = if self == Self::Nginx { "-c" } else { "--config" };
                command.arg(flag).arg(configuration_file(directory));
            }
            Self::ReadBody => {
                command.arg(&address);
            }
            Self::ReadAndSync | Self::ReadAndKeep => {
                command.arg(&address).arg(directory);
                if self == Self::ReadAndKeep {
                    command.arg("keep");
                }
            }
            Self::Blast => {
                command.args(["blast", "--listen", &address]);
            }
        }
        command
    }

    /// What a server reads from a file.
    pub(crate) fn configuration(self, directory: &Path, port: u16) -> Option<String> {
        let directory = directory.display();
        match self {
            Self::JetStream => Some(format!(
                "listen: 127.0.0.1:{port}\n\
                 jetstream {{ store_dir: \"{directory}/js\", sync_interval: always, \
                 max_file_store: 64GB }}\n"
            )),
            // One process: the client has the other core, and one process can be killed.
            Self::Nginx => Some(format!(
                "daemon off;\nmaster_process off;\npid {directory}/pid;\n\
                 error_log {directory}/error.log;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  \
                 keepalive_requests 100000000;\n  client_body_temp_path {directory}/body;\n  \
                 proxy_temp_path {directory}/proxy;\n  fastcgi_temp_path {directory}/fastcgi;\n  \
                 uwsgi_temp_path {directory}/uwsgi;\n  scgi_temp_path {directory}/scgi;\n  \
                 server {{ listen 127.0.0.1:{port}; root {directory}/files; }}\n}}\n"
            )),
            _ => None,
        }
    }
}

fn configuration_file(directory: &Path) -> PathBuf {
    directory.join("server.conf")
}

fn credentials_file(directory: &Path) -> PathBuf {
    directory.with_extension("credentials")
}

/// A running server. It ends, hard, when this is dropped.
pub(crate) struct Server {
    kind: Kind,
    child: Child,
    pub(crate) port: u16,
    begun: Instant,
}

impl Server {
    /// Starts a server and does not wait for it.
    pub(crate) fn start(
        kind: Kind,
        programs: &Programs,
        directory: &Path,
        flags: &[&str],
    ) -> Result<Self> {
        let port = free_port()?;
        if kind == Kind::AnabranchSigned {
            add_credentials(programs, &credentials_file(directory))?;
        }
        if let Some(text) = kind.configuration(directory, port) {
            fs::write(configuration_file(directory), text)?;
        }
        let mut command = kind.command(programs, directory, port, flags);
        // Their logs would be in the way, and a pipe that nobody reads would stop them.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let line = command_line(&command);
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {line}"))?;
        Ok(Self { kind, child, port, begun })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        machine::memory(self.pid()).context("cannot read the server's memory from /proc")
    }

    /// Waits for the first request that succeeds (if the server wants a signature: that is
    /// answered); tells how long that took since the process was started.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Duration> {
        loop {
            if let Ok(mut connection) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                if !self.kind.is_kinesis() {
                    return Ok(self.begun.elapsed());
                }
                if let Ok((status, _)) = request(&mut connection, "ListStreams", "{}") {
                    let took = self.begun.elapsed();
                    let is_ready = status == 200 || status == 400;
                    ensure!(is_ready, "ListStreams was answered with {status}");
                    return Ok(took);
                }
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended by itself: {status}");
            }
            ensure!(self.begun.elapsed() < START_MAX, "the server does not answer");
            std::thread::sleep(ATTEMPT_PAUSE);
        }
    }

    pub(crate) fn connect(&self) -> Result<TcpStream> {
        Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?)
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A directory that is gone when this is dropped.
pub(crate) struct ScratchDirectory(PathBuf);

impl ScratchDirectory {
    pub(crate) fn new(parent: &Path) -> Result<Self> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = parent.join(format!("run-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        // Left-overs cost space and harm nothing.
        let _ = fs::remove_dir_all(&self.0);
        let _ = fs::remove_file(credentials_file(&self.0));
        // What the file system still has to write about it is not the next run's burden.
        let _ = Command::new("sync").status();
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn add_credentials(programs: &Programs, file: &Path) -> Result<()> {
    let mut command = Command::new(&programs.anabranch);
    command.args(["credentials", "add", "--user", "bench", "--file"]).arg(file);
    command.args(["--access-key-id", ACCESS_KEY, "--secret-access-key", SECRET_KEY]);
    capture(&mut command).map(drop)
}

/// A request as it goes over the wire. The signature is made up, for servers that do not look.
pub(crate) fn wire_request(operation: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content_type}\r\n\
         x-amz-target: Kinesis_20131202.{operation}\r\nx-amz-date: 20260101T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/kinesis/\
         aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={:064}\
         \r\ncontent-length: {}\r\n\r\n",
        0,
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(crate) const JSON: &str = "application/x-amz-json-1.1";

/// Sends a request and reads the reply: its status and body.
pub(crate) fn request(
    connection: &mut TcpStream,
    operation: &str,
    body: &str,
) -> Result<(u16, Vec<u8>)> {
    exchange(connection, &wire_request(operation, JSON, body.as_bytes()))
}

/// As [`request`], and anything but success is an error.
pub(crate) fn call(connection: &mut TcpStream, operation: &str, body: &str) -> Result<String> {
    let (status, reply) = request(connection, operation, body)?;
    let text = String::from_utf8_lossy(&reply).into_owned();
    ensure!(status == 200, "{operation}: {status} {text}");
    Ok(text)
}

/// Sends bytes and reads the reply to them: its status and body.
pub(crate) fn exchange(connection: &mut TcpStream, bytes: &[u8]) -> Result<(u16, Vec<u8>)> {
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    connection.write_all(bytes)?;
    let mut reply = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    let mut head = None;
    loop {
        let read = connection.read(&mut buffer)?;
        ensure!(read > 0, "the connection ended within a reply");
        reply.extend_from_slice(&buffer[..read]);
        if head.is_none() {
            head = head_of(&reply)?;
        }
        if let Some((status, length, start)) = head
            && reply.len() >= start + length
        {
            return Ok((status, reply.split_off(start)));
        }
    }
}

/// Makes a stream and waits until it is there.
pub(crate) fn create_stream(connection: &mut TcpStream, name: &str, shards: u32) -> Result<()> {
    let body = format!("{{\"StreamName\":\"{name}\",\"ShardCount\":{shards}}}");
    call(connection, "CreateStream", &body)?;
    let body = format!("{{\"StreamName\":\"{name}\"}}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !call(connection, "DescribeStreamSummary", &body)?.contains("\"ACTIVE\"") {
        ensure!(Instant::now() < deadline, "the stream does not become ACTIVE");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Status, length of the body and where it starts; `None` while the head is not whole.
fn head_of(reply: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = reply.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    match (status, length) {
        (Some(status), Some(length)) => Ok(Some((status, length, end + 4))),
        _ => bail!(std::io::Error::new(ErrorKind::InvalidData, "a reply without status or length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_a_reply() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(head_of(reply).expect("valid"), Some((200, 5, reply.len() - 5)));
        assert_eq!(head_of(&reply[..20]).expect("valid so far"), None);
        assert!(head_of(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
