//! What HTTP and the disk cost together: a server with the connection settings of ours that reads
//! the bodies of puts and writes them, as they are, with one `fdatasync` for all that wait.
//!
//! `read_and_sync ADDRESS:PORT DIRECTORY [keep]`. The disk's work is that of our journal: files
//! of the same size, filled with zeros beforehand and used again in turn, each begun with a header, a
//! sync, a new name and a sync of the directory; one vectored write and one sync for a batch.
//! Nothing is parsed, decoded, routed, numbered, checksummed or kept. A ceiling and not a
//! competitor.
//!
//! With `keep` what was written stays: when a file is full, another thread writes what is in it
//! into a new one, past the page cache, as our maintenance does. The writer is ahead of it by
//! [`BEHIND_MAX`] files at most.

use std::error::Error;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anabranch_env::{Disk, DiskFile, RealDisk};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// As the journal's.
const FILE_BYTES: u64 = 64 << 20;
const HEADER_BYTES: u64 = 64;
const BATCH_BYTES_MAX: u64 = 16 << 20;
/// More than one, so that the pages of the one in use are not still being written from before.
const FILES: u64 = 4;

/// Full files that wait to be kept, beside the one that is being written.
const BEHIND_MAX: usize = 4;

struct Waiting {
    body: Vec<Bytes>,
    bytes: u64,
    written: oneshot::Sender<()>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    filled: Condvar,
}

/// Writes what is put, and answers when it is on the disk.
struct Journal(Arc<Queue>);

impl ceilings::Sink for Journal {
    async fn take(&self, body: Vec<Bytes>) {
        let (written, done) = oneshot::channel();
        let bytes = body.iter().map(|piece| piece.len() as u64).sum();
        self.0.waiting.lock().push(Waiting { body, bytes, written });
        self.0.filled.notify_one();
        // The writer ends the process when it fails.
        let _ = done.await;
    }

    const KEEPS_BODIES: bool = true;
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: read_and_sync ADDRESS:PORT DIRECTORY [keep]";
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or(usage)?;
    let directory = PathBuf::from(arguments.next().ok_or(usage)?);
    let mut files = Files::create(&directory)?;
    match arguments.next().as_deref() {
        None => {}
        Some("keep") => files.keeper = Some(Keeper::start(directory)),
        Some(_) => return Err(usage.into()),
    }
    let queue = Arc::new(Queue::default());
    let for_writer = Arc::clone(&queue);
    std::thread::spawn(move || {
        if let Err(error) = write_all(&for_writer, &mut files) {
            give_up(&error);
        }
    });
    ceilings::run(&address, Journal(queue))
}

fn give_up(error: &io::Error) -> ! {
    eprintln!("cannot write: {error}");
    std::process::exit(1);
}

fn write_all(queue: &Queue, files: &mut Files) -> io::Result<()> {
    loop {
        let mut waiting = queue.waiting.lock();
        while waiting.is_empty() {
            queue.filled.wait(&mut waiting);
        }
        let all = std::mem::take(&mut *waiting);
        drop(waiting);
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        for one in all {
            if !batch.is_empty() && batch_bytes + one.bytes > BATCH_BYTES_MAX {
                commit(std::mem::take(&mut batch), batch_bytes, files)?;
                batch_bytes = 0;
            }
            batch_bytes += one.bytes;
            batch.push(one);
        }
        commit(batch, batch_bytes, files)?;
    }
}

fn commit(batch: Vec<Waiting>, bytes: u64, files: &mut Files) -> io::Result<()> {
    let pieces = batch.iter().flat_map(|one| &one.body);
    let mut slices: Vec<IoSlice<'_>> = pieces.map(|piece| IoSlice::new(piece)).collect();
    files.write(&mut slices, bytes)?;
    for one in batch {
        // The client may have gone.
        let _ = one.written.send(());
        if let Some(keeper) = &mut files.keeper {
            keeper.bodies.extend(one.body);
        }
    }
    Ok(())
}

/// Journal files that are used in turn.
struct Files {
    directory: PathBuf,
    ring: Vec<(PathBuf, Arc<dyn DiskFile>)>,
    turn: u64,
    offset: u64,
    keeper: Option<Keeper>,
}

impl Files {
    fn create(directory: &Path) -> io::Result<Self> {
        let mut ring = Vec::new();
        let zeros = vec![0; 1 << 20];
        for number in 0..FILES {
            let path = directory.join(format!("spare-{number}"));
            let file = RealDisk.create(&path)?;
            file.allocate(FILE_BYTES)?;
            for offset in (0..FILE_BYTES).step_by(zeros.len()) {
                file.write_all_at(&mut [IoSlice::new(&zeros)], offset)?;
            }
            file.sync_data()?;
            ring.push((path, file));
        }
        Ok(Self {
            directory: directory.to_owned(),
            ring,
            turn: 0,
            offset: FILE_BYTES,
            keeper: None,
        })
    }

    fn write(&mut self, slices: &mut [IoSlice<'_>], bytes: u64) -> io::Result<()> {
        if self.offset + bytes > FILE_BYTES {
            self.begin_next()?;
        }
        let (_, file) = &self.ring[self.current()];
        file.write_all_at(slices, self.offset)?;
        file.sync_data()?;
        self.offset += bytes;
        Ok(())
    }

    fn begin_next(&mut self) -> io::Result<()> {
        self.turn += 1;
        if let Some(keeper) = &mut self.keeper {
            keeper.hand_over();
        }
        let current = self.current();
        let (path, file) = &mut self.ring[current];
        file.write_all_at(&mut [IoSlice::new(&[1; HEADER_BYTES as usize])], 0)?;
        file.sync_data()?;
        let name = self.directory.join(format!("{}.journal", self.turn));
        RealDisk.rename(path, &name)?;
        RealDisk.sync_dir(&self.directory)?;
        *path = name;
        self.offset = HEADER_BYTES;
        Ok(())
    }

    fn current(&self) -> usize {
        usize::try_from(self.turn % FILES).unwrap_or_default()
    }
}

/// Writes once more what is to stay.
struct Keeper {
    /// What the current file has.
    bodies: Vec<Bytes>,
    full: SyncSender<Vec<Bytes>>,
}

impl Keeper {
    fn start(directory: PathBuf) -> Self {
        let (full, taken) = sync_channel(BEHIND_MAX - 1);
        std::thread::spawn(move || {
            if let Err(error) = keep_all(&directory, &taken) {
                give_up(&error);
            }
        });
        Self { bodies: Vec::new(), full }
    }

    fn hand_over(&mut self) {
        // The thread ends the process when it fails.
        let _ = self.full.send(std::mem::take(&mut self.bodies));
    }
}

fn keep_all(directory: &Path, taken: &Receiver<Vec<Bytes>>) -> io::Result<()> {
    for (number, bodies) in taken.iter().enumerate() {
        let bytes = bodies.iter().map(|body| body.len() as u64).sum();
        let path = directory.join(format!("{number}.kept"));
        let mut file = RealDisk.create_sequential(&path, bytes)?;
        for body in &bodies {
            file.append(&mut [IoSlice::new(body)])?;
        }
        file.finish()?;
        RealDisk.sync_dir(directory)?;
    }
    Ok(())
}
