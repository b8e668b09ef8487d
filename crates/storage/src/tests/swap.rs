//! A data directory that is swapped under a running store: nothing is acknowledged any more, and nothing
//! is done by name.

use crate::tests::support::TestHost;
use crate::{AppendError, Appended, Gate, Runs, RunsBuilder, Store, StoreHealth, StoreOptions};
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_model::ShardKey;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

const ROOT: &str = "/srv/data";

type Swap = fn(&FakeDisk, &Path);

const SWAPS: [(&str, Swap); 4] = [
    ("/srv/data/LOCK", FakeDisk::take_away),
    ("/srv/data/LOCK", FakeDisk::replace),
    (ROOT, FakeDisk::take_away),
    (ROOT, FakeDisk::replace),
];

static OPEN: LazyLock<Gate> = LazyLock::new(Gate::default);

fn start(disk: &FakeDisk, host: &Arc<TestHost>) -> Store {
    let options = StoreOptions {
        journal_file_bytes: 8 << 10,
        tail_cache_bytes: 24 << 10,
        ..StoreOptions::new(PathBuf::from(ROOT))
    };
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let (opening, _) = Store::open(options, Arc::new(disk.clone()), clock).expect("opened");
    opening.start(host.clone()).expect("threads")
}

fn record(bytes: usize) -> Runs {
    let mut runs = RunsBuilder::default();
    runs.push(ShardKey(1), |run| run.push(Some("k"), &vec![1; bytes]));
    runs.finish()
}

async fn append(store: &Store, bytes: usize) -> Result<Appended, AppendError> {
    store.append(record(bytes), [&*OPEN]).await
}

#[tokio::test]
async fn a_swap_before_the_next_request_is_noticed_by_it() {
    for (path, swap) in SWAPS {
        let (disk, host) = (FakeDisk::default(), Arc::default());
        let store = start(&disk, &host);
        append(&store, 100).await.expect("stored");
        swap(&disk, Path::new(path));
        for _ in 0..2 {
            assert_eq!(append(&store, 100).await, Err(AppendError::Failed), "{path}");
            assert_eq!(store.health(), StoreHealth::Failed);
        }
        drop(store);
        // What is there is taken up by the next process, which finds everything in its place.
        append(&start(&disk.restart(), &host), 100).await.expect("stored");
    }
}

#[tokio::test]
async fn a_swap_at_any_operation_of_a_request_is_noticed_before_its_acknowledgement() {
    for (path, swap) in SWAPS {
        // The write and the sync of a request that fits, and all that it takes to begin a file.
        for (bytes, operations_min) in [(100, 2), (4_000, 6)] {
            let mut noticed = 0;
            for at in 0.. {
                let (disk, host) = (FakeDisk::default(), Arc::<TestHost>::default());
                // Maintenance stays out of it.
                host.is_busy.store(true, Ordering::Release);
                let store = start(&disk, &host);
                append(&store, 5_000).await.expect("stored");
                let (begun, hooked) = (AtomicU64::new(0), disk.clone());
                disk.on_operation(move || {
                    if begun.fetch_add(1, Ordering::Relaxed) == at {
                        swap(&hooked, Path::new(path));
                    }
                });
                let outcome = append(&store, bytes).await;
                host.is_busy.store(false, Ordering::Release);
                match outcome {
                    Err(error) => assert_eq!(error, AppendError::Failed, "{path} at {at}"),
                    Ok(_) => break,
                }
                noticed += 1;
            }
            assert!(noticed >= operations_min, "{path}: {noticed} operations of {bytes} bytes");
        }
    }
}

#[tokio::test]
async fn maintenance_touches_nothing_in_the_place_of_its_directory() {
    for (path, swap) in SWAPS {
        let (disk, host) = (FakeDisk::default(), Arc::<TestHost>::default());
        host.is_busy.store(true, Ordering::Release);
        let store = start(&disk, &host);
        // The second one has the first one's file retired; a third would wait for that.
        for _ in 0..2 {
            append(&store, 5_000).await.expect("stored");
        }
        while !host.is_asking.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        // Its segments are written; the snapshot is not, and the journal file is still there.
        swap(&disk, Path::new(path));
        disk.record();
        host.is_busy.store(false, Ordering::Release);
        store.maintain();
        assert_eq!(store.health(), StoreHealth::Failed, "{path}");
        store.shut_down();
        // The writer may leave a mark in the file that it has open.
        let touched = disk.take_recorded();
        assert!(touched.iter().all(|line| line.starts_with("write")), "{path}: {touched:?}");
    }
}
