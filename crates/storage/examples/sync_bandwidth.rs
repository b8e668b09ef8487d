//! What the disk can do at most for a journal: sequential writes of one size into a preallocated
//! file, each followed by `fdatasync`, through the same calls as the journal's.
//!
//! `sync_bandwidth DIRECTORY [SECONDS]` prints one JSON line per block size. The file is measured
//! twice: freshly preallocated, where a sync also records that blocks are in use now, and written
//! over, as a recycled journal file is.

use std::error::Error;
use std::io::IoSlice;
use std::path::Path;
use std::time::{Duration, Instant};

use anabranch_env::{Disk, DiskFile, RealDisk};

const BLOCK_SIZES: [usize; 3] = [64 << 10, 1 << 20, 8 << 20];
const FILE_BYTES: u64 = 256 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: sync_bandwidth DIRECTORY [SECONDS]")?;
    let seconds: f64 = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    let path = Path::new(&directory).join("sync-bandwidth");
    let outcome = measure_all(&path, Duration::from_secs_f64(seconds));
    // Also after an error: it is large.
    let removed = RealDisk.remove(&path);
    outcome?;
    Ok(removed?)
}

fn measure_all(path: &Path, span: Duration) -> Result<(), Box<dyn Error>> {
    for block_bytes in BLOCK_SIZES {
        // Not compressible, should the disk try.
        let mut block = vec![0; block_bytes];
        anabranch_env::fill_random(&mut block);
        let file = RealDisk.create(path)?;
        file.allocate(FILE_BYTES)?;
        file.sync_data()?;
        measure(&*file, &block, span, "fresh")?;
        fill(&*file, &block)?;
        measure(&*file, &block, span, "rewritten")?;
    }
    Ok(())
}

/// Writes blocks for `span`, or until the file is full if it is fresh.
fn measure(
    file: &dyn DiskFile,
    block: &[u8],
    span: Duration,
    state: &str,
) -> Result<(), Box<dyn Error>> {
    let (mut offset, mut syncs) = (0, 0u64);
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    while begun.elapsed() < span {
        if offset + block.len() as u64 > FILE_BYTES {
            if state == "fresh" {
                break;
            }
            offset = 0;
        }
        let written = Instant::now();
        file.write_all_at(&mut [IoSlice::new(block)], offset)?;
        file.sync_data()?;
        slowest = slowest.max(written.elapsed());
        offset += block.len() as u64;
        syncs += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{{\"block_bytes\":{},\"file\":\"{state}\",\"seconds\":{seconds:.3},\"syncs\":{syncs},\
         \"syncs_per_s\":{:.1},\"mib_per_s\":{:.1},\"slowest_ms\":{:.3}}}",
        block.len(),
        syncs as f64 / seconds,
        syncs as f64 * block.len() as f64 / f64::from(1 << 20) / seconds,
        slowest.as_secs_f64() * 1e3
    );
    Ok(())
}

fn fill(file: &dyn DiskFile, block: &[u8]) -> Result<(), Box<dyn Error>> {
    for offset in (0..FILE_BYTES).step_by(block.len()) {
        file.write_all_at(&mut [IoSlice::new(block)], offset)?;
    }
    Ok(file.sync_data()?)
}
