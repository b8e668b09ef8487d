//! Many changes of the catalog at once, on a disk that loses power and fills up at any operation.
//!
//! The model is what callers were told. Whatever the disk did, and wherever between deciding,
//! journaling, applying and revealing it did so:
//! * what was answered with success is there after a restart, and was seen at once;
//! * what was answered with a refusal was true: what it was decided on is there after a restart;
//! * nothing was ever seen that a restart takes away.

#![expect(clippy::disallowed_methods, reason = "each caller is a task")]

use crate::world::{Setup, scope};
use anabranch_engine::error::{ChangeFailure, CreateStreamError, ResourceError};
use anabranch_engine::{
    AppendError, Engine, EngineSettings, NewStream, OneCell, ResourceName, StreamPageRequest,
    StreamRef,
};
use anabranch_env::{FakeDisk, Fault, PowerCut};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CASES: u64 = 60;
const CALLERS: usize = 16;
const NAMES: usize = 6;

fn name_of(number: usize) -> String {
    format!("s{number}")
}

async fn start(disk: &FakeDisk) -> Option<Arc<Engine>> {
    let settings = EngineSettings { limit_streams: false, ..Setup::default().settings };
    Setup { disk: disk.clone(), settings, ..Setup::default() }.start().await.ok()
}

/// What callers know: the streams that are there, and the tags of each.
#[derive(Debug, Default)]
struct Known {
    streams: BTreeSet<String>,
    tags: BTreeSet<(String, String)>,
}

impl Known {
    fn add(&mut self, more: Self) {
        self.streams.extend(more.streams);
        self.tags.extend(more.tags);
    }
}

/// What can be seen now.
fn seen(engine: &Arc<Engine>) -> Known {
    let mut known = Known::default();
    let page = OneCell::serve(engine.clone()).list_streams(&scope(), &StreamPageRequest::default());
    for stream in page.expect("a page").streams {
        let name = stream.reference.name.to_string();
        known.tags.extend(stream.tags.keys().map(|key| (name.clone(), key.clone())));
        known.streams.insert(name);
    }
    known
}

async fn create(engine: &Arc<Engine>, name: String) -> Result<(), CreateStreamError> {
    engine.control.create_stream(&scope(), NewStream::provisioned(name, 1)).await
}

/// What one caller was told, and what it saw in between.
async fn call(engine: Arc<Engine>, seed: u64, caller: usize) -> Known {
    let mut rng = StdRng::seed_from_u64(seed ^ (caller as u64) << 32);
    let mut known = Known::default();
    for round in 0..rng.random_range(1..8) {
        let name = name_of(rng.random_range(0..NAMES));
        if rng.random_bool(0.3) {
            match create(&engine, name.clone()).await {
                // Whoever was first: it is there.
                Ok(()) | Err(CreateStreamError::Exists(_)) => {
                    assert!(seen(&engine).streams.contains(&name), "seed {seed}: told, not seen");
                    known.streams.insert(name);
                }
                Err(CreateStreamError::Failure(ChangeFailure::Append(_))) => {}
                Err(error) => panic!("seed {seed}: {error}"),
            }
        } else {
            let key = format!("{caller}-{round}");
            let stream = StreamRef { scope: scope(), name: Arc::from(name.as_str()) };
            // Long enough to fill a journal file now and then.
            let tags = BTreeMap::from([(key.clone(), "v".repeat(rng.random_range(1..256)))]);
            match engine.control.tag_resource(ResourceName::Stream(stream), tags).await {
                Ok(()) => {
                    let tag = (name, key);
                    assert!(seen(&engine).tags.contains(&tag), "seed {seed}: told, not seen");
                    known.tags.insert(tag);
                }
                Err(
                    ResourceError::Resource(_)
                    | ResourceError::TagLimit(_)
                    | ResourceError::Failure(ChangeFailure::Append(_)),
                ) => {}
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        if rng.random_bool(0.2) {
            known.add(seen(&engine));
        }
    }
    known
}

async fn calls(engine: &Arc<Engine>, seed: u64) -> Known {
    let callers: Vec<_> =
        (0..CALLERS).map(|caller| tokio::spawn(call(engine.clone(), seed, caller))).collect();
    let mut known = Known::default();
    for caller in callers {
        known.add(caller.await.expect("no panic"));
    }
    known
}

fn check(known: &Known, now: &Known, seed: u64) {
    let lost: Vec<_> = known.streams.difference(&now.streams).collect();
    assert!(lost.is_empty(), "seed {seed}: lost streams {lost:?}");
    let lost: Vec<_> = known.tags.difference(&now.tags).collect();
    assert!(lost.is_empty(), "seed {seed}: lost tags {lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_overtakes_what_it_depends_on_whatever_the_disk_does() {
    let only: Option<u64> = std::env::var("ANABRANCH_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..CASES, |seed| seed..seed + 1) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut disk = FakeDisk::default();
        let mut known = Known::default();
        for _ in 0..3 {
            let engine = start(&disk).await.expect("the disk works");
            let faults = [Fault::Dead, Fault::NoSpace, Fault::Broken, Fault::BrokenQuietly];
            let fault = faults[rng.random_range(0..faults.len())];
            disk.fail_after(rng.random_range(1..40), fault);
            known.add(calls(&engine, rng.random()).await);
            known.add(seen(&engine));
            drop(engine);
            let cut = PowerCut::ALL[rng.random_range(0..PowerCut::ALL.len())];
            disk = disk.power_cut(cut, rng.random());
            let again = start(&disk).await.expect("what is left can be opened");
            check(&known, &seen(&again), seed);
            drop(again);
            disk = disk.restart();
        }
    }
}

/// Tags streams again and again, as many callers at once do, with much or little; says which tags were
/// refused.
async fn fill(engine: &Arc<Engine>, seed: u64) -> (Known, BTreeSet<(String, String)>) {
    let callers = (0..24_u64).map(|caller| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mut rng = StdRng::seed_from_u64(seed ^ caller << 32);
            let (mut stored, mut refused) = (BTreeSet::new(), BTreeSet::new());
            for round in 0..4 {
                let (name, key) =
                    (name_of(rng.random_range(0..NAMES)), format!("{seed}-{caller}-{round}"));
                let stream = StreamRef { scope: scope(), name: Arc::from(name.as_str()) };
                let bytes = if rng.random_bool(0.2) { 10 << 10 } else { rng.random_range(1..300) };
                let tags = BTreeMap::from([(key.clone(), "v".repeat(bytes))]);
                match engine.control.tag_resource(ResourceName::Stream(stream), tags).await {
                    Ok(()) => {
                        let tag = (name, key);
                        assert!(seen(&engine).tags.contains(&tag), "seed {seed}: told, not seen");
                        stored.insert(tag);
                    }
                    Err(ResourceError::Failure(ChangeFailure::Append(
                        AppendError::StorageFull,
                    ))) => drop(refused.insert((name, key))),
                    Err(ResourceError::TagLimit(_)) => {}
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
            (stored, refused)
        })
    });
    let (mut known, mut refused) = (Known::default(), BTreeSet::new());
    for caller in callers.collect::<Vec<_>>() {
        let (stored, not_stored) = caller.await.expect("no panic");
        known.tags.extend(stored);
        refused.extend(not_stored);
    }
    (known, refused)
}

/// When the volume is full, what is refused is nowhere, and neither is what was decided on it; what
/// comes later is decided on what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_a_full_volume_refuses_leave_nothing_behind() {
    let (mut stored, mut not_stored) = (0, 0);
    for seed in 0..CASES / 4 {
        let disk = FakeDisk::default();
        let engine = start(&disk).await.expect("started");
        for number in 0..NAMES {
            create(&engine, name_of(number)).await.expect("created");
        }
        let (mut known, mut refused) = (Known::default(), BTreeSet::new());
        for (round, has_room) in [false, true, false].into_iter().enumerate() {
            disk.set_space((!has_room).then_some(0));
            let (told, gone) = fill(&engine, 3 * seed + round as u64).await;
            (stored, not_stored) = (stored + told.tags.len(), not_stored + gone.len());
            known.add(told);
            refused.extend(gone);
            let now = seen(&engine);
            check(&known, &now, seed);
            assert!(now.tags.is_disjoint(&refused), "seed {seed}: what was refused can be seen");
            if has_room {
                untag_all(&engine).await;
                known.tags.clear();
            }
        }
        let before = seen(&engine);
        drop(engine);
        let after = seen(&start(&disk.restart()).await.expect("started again"));
        assert_eq!((before.streams, before.tags), (after.streams, after.tags), "seed {seed}");
    }
    assert!(stored > 500 && not_stored > 50, "{stored} stored, {not_stored} refused");
}

async fn untag_all(engine: &Arc<Engine>) {
    for name in seen(engine).streams {
        let keys = seen(engine).tags.into_iter().filter(|(stream, _)| *stream == name);
        let keys = keys.map(|(_, key)| key).collect();
        let stream = StreamRef { scope: scope(), name: name.as_str().into() };
        let untagged = engine.control.untag_resource(ResourceName::Stream(stream), keys);
        untagged.await.expect("there is room");
    }
}
