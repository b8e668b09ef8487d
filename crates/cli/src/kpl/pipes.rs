//! The two named pipes.
//!
//! The Java half opens the pipe that it reads before the one that it writes, and a pipe opens when both
//! ends are there. So the one that is written here comes first.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::timeout;

/// How long the Java half may take to open its ends. It may have died meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens both. A thread may be left behind that still opens one.
pub(super) async fn open(from_java: &Path, to_java: &Path) -> anyhow::Result<(Receiver, Sender)> {
    let (read, written) = (from_java.to_owned(), to_java.to_owned());
    let opening = tokio::task::spawn_blocking(move || open_blocking(&read, &written));
    let opened = timeout(PATIENCE, opening).await.context("nobody opens the pipes")?;
    let (read, written) = opened.context("the pipes cannot be opened")??;
    let receiver = Receiver::from_file(read)
        .with_context(|| format!("not a pipe path={}", from_java.display()))?;
    let sender = Sender::from_file(written)
        .with_context(|| format!("not a pipe path={}", to_java.display()))?;
    Ok((receiver, sender))
}

fn open_blocking(read: &PathBuf, written: &PathBuf) -> anyhow::Result<(File, File)> {
    let failed = |path: &Path| format!("the pipe cannot be opened path={}", path.display());
    let open = |path: &Path, result: io::Result<File>| result.with_context(|| failed(path));
    let written = open(written, OpenOptions::new().write(true).open(written))?;
    let read = open(read, File::open(read))?;
    Ok((read, written))
}
