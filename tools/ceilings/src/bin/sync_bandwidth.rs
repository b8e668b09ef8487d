//! What the disk can do at most for a journal: sequential writes of one size into a preallocated
//! file, each followed by `fdatasync`, through the same calls as the journal's.
//!
//! `sync_bandwidth DIRECTORY [SECONDS [BLOCK_BYTES ...]]` prints one JSON line per block size and
//! state of the file: freshly preallocated, where a sync also records that blocks are in use now,
//! and written over, as a recycled journal file is. Large blocks are also written over while another
//! thread writes as many bytes into new files, as maintenance writes segments: what a disk can do for
//! a log that keeps what it takes. Block sizes that are given are measured written over and alone.

use std::error::Error;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch_env::{Disk, DiskFile, RealDisk, WriteError};

const BLOCK_SIZES: [usize; 3] = [64 << 10, 1 << 20, 8 << 20];
const FILE_BYTES: u64 = 256 << 20;
/// For small blocks, which would not get through more in the time.
const SMALL_FILE_BYTES: u64 = 64 << 20;
const FILL_BYTES: usize = 1 << 20;
/// Of a new file, and by how much the new files may be behind, by default.
const SEGMENT_BYTES: u64 = 64 << 20;
const BACKLOG_BYTES: u64 = 512 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: sync_bandwidth DIRECTORY [SECONDS [BYTES]]")?;
    let seconds: f64 = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    let blocks = arguments.map(|text| text.parse()).collect::<Result<Vec<usize>, _>>()?;
    let path = Path::new(&directory).join("sync-bandwidth");
    let outcome = measure_all(&path, Duration::from_secs_f64(seconds), &blocks);
    // Also after an error: it is large.
    let removed = RealDisk.remove(&path);
    outcome?;
    Ok(removed?)
}

fn measure_all(path: &Path, span: Duration, blocks: &[usize]) -> Result<(), Box<dyn Error>> {
    let sizes = if blocks.is_empty() { &BLOCK_SIZES } else { blocks };
    for &block_bytes in sizes {
        // Not compressible, should the disk try.
        let mut block = vec![0; block_bytes];
        anabranch_env::fill_random(&mut block);
        let file_bytes = if block_bytes < FILL_BYTES { SMALL_FILE_BYTES } else { FILE_BYTES };
        let file = RealDisk.create(path)?;
        file.allocate(file_bytes)?;
        file.sync_data()?;
        if blocks.is_empty() {
            measure(&*file, file_bytes, &block, span, "fresh")?;
        }
        fill(&*file, file_bytes)?;
        measure(&*file, file_bytes, &block, span, "rewritten")?;
        if blocks.is_empty() && block_bytes >= FILL_BYTES {
            beside_new_files(path, |copied| {
                let file = Copied { file: &*file, copied };
                measure(&file, file_bytes, &block, span, "rewritten, beside new files")
            })?;
        }
    }
    Ok(())
}

/// What is written to the journal, and how much of it has been written once more.
#[derive(Debug, Default)]
struct Copies {
    journal_bytes: AtomicU64,
    segment_bytes: AtomicU64,
    is_over: AtomicBool,
}

/// Measures while another thread writes as much as the measured one into new files.
fn beside_new_files(
    path: &Path,
    measure: impl FnOnce(&Copies) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let copies = Copies::default();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let outcome = write_segments(&path.with_extension("segment"), &copies);
            // Nobody waits for what will not come.
            copies.segment_bytes.store(u64::MAX / 2, Ordering::Release);
            outcome
        });
        let outcome = measure(&copies);
        copies.is_over.store(true, Ordering::Release);
        writer.join().map_err(|_| "the thread that writes segments failed")??;
        outcome
    })
}

/// Writes what the journal got into one new file after another.
fn write_segments(path: &Path, copies: &Copies) -> io::Result<()> {
    let mut block = vec![0; FILL_BYTES];
    anabranch_env::fill_random(&mut block);
    while !copies.is_over.load(Ordering::Acquire) {
        let mut file = RealDisk.create_sequential(path, SEGMENT_BYTES)?;
        for _ in 0..SEGMENT_BYTES / FILL_BYTES as u64 {
            let written = copies.segment_bytes.load(Ordering::Acquire);
            while copies.journal_bytes.load(Ordering::Acquire) < written + FILL_BYTES as u64
                && !copies.is_over.load(Ordering::Acquire)
            {
                std::thread::yield_now();
            }
            file.append(&mut [IoSlice::new(&block)])?;
            copies.segment_bytes.store(written + FILL_BYTES as u64, Ordering::Release);
        }
        file.finish()?;
        RealDisk.remove(path)?;
    }
    Ok(())
}

/// A file whose content is copied by another thread, which may be behind by [`BACKLOG_BYTES`].
#[derive(Debug)]
struct Copied<'a> {
    file: &'a dyn DiskFile,
    copied: &'a Copies,
}

impl DiskFile for Copied<'_> {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), WriteError> {
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        let journal_bytes = self.copied.journal_bytes.fetch_add(bytes, Ordering::AcqRel) + bytes;
        while self.copied.segment_bytes.load(Ordering::Acquire) + BACKLOG_BYTES < journal_bytes {
            std::thread::yield_now();
        }
        self.file.write_all_at(slices, offset)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

/// Writes blocks for `span`, or until the file is full if it is fresh.
fn measure(
    file: &dyn DiskFile,
    file_bytes: u64,
    block: &[u8],
    span: Duration,
    state: &str,
) -> Result<(), Box<dyn Error>> {
    let mut offset = 0;
    let mut took = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < span {
        if offset + block.len() as u64 > file_bytes {
            if state == "fresh" {
                break;
            }
            offset = 0;
        }
        let written = Instant::now();
        file.write_all_at(&mut [IoSlice::new(block)], offset)?;
        file.sync_data()?;
        took.push(written.elapsed().as_secs_f64() * 1e3);
        offset += block.len() as u64;
    }
    let seconds = begun.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    println!(
        "{{\"block_bytes\":{},\"file\":\"{state}\",\"seconds\":{seconds:.3},\"syncs\":{},\
         \"syncs_per_s\":{:.1},\"mib_per_s\":{:.1},\"p50_ms\":{:.4},\"p99_ms\":{:.4},\
         \"slowest_ms\":{:.3}}}",
        block.len(),
        took.len(),
        took.len() as f64 / seconds,
        took.len() as f64 * block.len() as f64 / f64::from(1 << 20) / seconds,
        at(0.5),
        at(0.99),
        took.last().copied().unwrap_or(0.0)
    );
    Ok(())
}

fn fill(file: &dyn DiskFile, file_bytes: u64) -> Result<(), Box<dyn Error>> {
    let mut block = vec![0; FILL_BYTES];
    anabranch_env::fill_random(&mut block);
    for offset in (0..file_bytes).step_by(block.len()) {
        file.write_all_at(&mut [IoSlice::new(&block)], offset)?;
    }
    Ok(file.sync_data()?)
}
