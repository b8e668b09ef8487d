//! What one layer of the server costs alone: programs in `src/bin/`.
//!
//! Here is what those share that put records: callers that each put one, wait until it is synced,
//! and put the next one.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch_testkit::process;

// The server's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const WARM_UP: Duration = Duration::from_secs(1);

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// Where the data goes.
    pub directory: PathBuf,
    /// Measured seconds.
    pub seconds: f64,
    /// How many put at once.
    pub callers: u64,
    /// Data of a record.
    pub record_bytes: usize,
}

impl Arguments {
    /// Reads the command line of the program of this name.
    pub fn read(program: &str) -> Result<Self, Box<dyn Error>> {
        let mut arguments = std::env::args().skip(1);
        let usage = format!("usage: {program} DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]");
        Ok(Self {
            directory: PathBuf::from(arguments.next().ok_or(usage)?),
            seconds: arguments.next().map_or(Ok(5.0), |text| text.parse())?,
            callers: arguments.next().map_or(Ok(512), |text| text.parse())?,
            record_bytes: arguments.next().map_or(Ok(1000), |text| text.parse())?,
        })
    }
}

/// Somebody who puts records.
pub trait Caller: Send + 'static {
    /// Puts a record and returns when it is synced.
    fn put(&mut self) -> impl Future<Output = ()> + Send;
}

/// Lets callers put records for the measured time; one JSON line says how many they put.
pub async fn measure(
    layer: &str,
    arguments: &Arguments,
    callers: Vec<impl Caller>,
) -> Result<String, Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for mut caller in callers {
        let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                caller.put().await;
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let cpu_seconds = || process::cpu_seconds("self").unwrap_or_default();
    tokio::time::sleep(WARM_UP).await;
    let (records_before, cpu_before) = (acknowledged.load(Ordering::Relaxed), cpu_seconds());
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
    let records = acknowledged.load(Ordering::Relaxed) - records_before;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?;
    }
    Ok(format!(
        "{{\"layer\":\"{layer}\",\"callers\":{},\"record_bytes\":{},\
         \"seconds\":{seconds:.3},\"records\":{records},\"records_per_s\":{:.1},\
         \"cpu_seconds\":{cpu:.2},\"cpu_us_per_record\":{:.3}}}",
        arguments.callers,
        arguments.record_bytes,
        records as f64 / seconds,
        cpu * 1e6 / records as f64
    ))
}
