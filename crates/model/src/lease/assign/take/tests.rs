use super::*;
use crate::lease::checkpoint::Checkpoint;
use crate::lease::write::Write;
use proptest::prelude::*;

fn lease(n: usize, owner: Option<&str>) -> Lease {
    let owner = owner.map(WorkerId::from);
    Lease { owner, ..Lease::new(LeaseKey(format!("{n:03}")), Checkpoint::Latest) }
}

/// Leases by owner; `-` is nobody, and a capital letter has not moved for `unmoved_ms`.
fn world(owners: &str, unmoved_ms: u64) -> (Vec<Lease>, LeaseSightings, u64) {
    let now_ms = 1_000_000;
    let mut leases: Vec<Lease> = owners
        .chars()
        .enumerate()
        .map(|(n, owner)| lease(n, (owner != '-').then(|| owner.to_string()).as_deref()))
        .collect();
    let mut sightings = LeaseSightings::default();
    sightings.look(now_ms - unmoved_ms, &leases);
    for (lease, owner) in leases.iter_mut().zip(owners.chars()) {
        lease.counter += u64::from(owner.is_lowercase());
    }
    sightings.look(now_ms, &leases);
    (leases, sightings, now_ms)
}

fn take(owners: &str, unmoved_ms: u64, settings: &TakeSettings) -> (usize, usize, usize) {
    let (leases, sightings, now_ms) = world(owners, unmoved_ms);
    let taking = leases_to_take(&"a".into(), &leases, &sightings, now_ms, settings, 5);
    (taking.free.len(), taking.stolen.len(), taking.spillover)
}

#[test]
fn a_worker_takes_its_share_of_what_is_free() {
    let settings = TakeSettings::default();
    for (owners, free, stolen) in [
        ("", 0, 0),
        ("------", 6, 0),
        ("aa----", 4, 0),
        ("bb----", 3, 0),
        ("bbbb--", 2, 0),
        ("bc-----", 3, 0),
        // Expired leases are no sign of a worker.
        ("BBBB", 4, 0),
        ("bBBB", 2, 0),
        // It has its share.
        ("aab-", 0, 0),
        // Nothing is free: one is stolen from who has most.
        ("bbbb", 0, 1),
        ("bbb", 0, 1),
        ("bb", 0, 1),
        ("b", 0, 0),
        ("abb", 0, 0),
        ("bbcc", 0, 1),
        ("bbc", 0, 1),
        // All have their share, and this worker lacks two.
        ("bbbbccccaa", 0, 1),
        ("bbbbcccaaa", 0, 0),
    ] {
        assert_eq!(take(owners, 10_000, &settings), (free, stolen, 0), "{owners}");
    }
    // Not expired yet.
    assert_eq!(take("BBBB", 9_999, &settings), (0, 1, 0));
}

#[test]
fn settings_bound_what_is_taken() {
    let two = TakeSettings { leases_max: 2, ..TakeSettings::default() };
    assert_eq!(take("------", 10_000, &two), (2, 0, 4));
    assert_eq!(take("aabbbb", 10_000, &two), (0, 0, 1));
    let five = TakeSettings { steals_max: 5, ..TakeSettings::default() };
    assert_eq!(take("bbbbbbbb", 0, &five), (0, 4, 0));
    let none = TakeSettings { steals_max: 0, ..TakeSettings::default() };
    assert_eq!(take("bbbbbbbb", 0, &none), (0, 0, 0));
}

#[test]
fn what_has_long_been_free_is_taken_beyond_the_share() {
    let settings = TakeSettings::default();
    assert_eq!(take("aabBB-", 30_000, &settings), (1, 0, 0));
    assert_eq!(take("aabBB-", 30_001, &settings), (3, 0, 0));
    let four = TakeSettings { leases_max: 4, ..settings };
    assert_eq!(take("aabBB-", 30_001, &four), (2, 0, 0));
    let never = TakeSettings { takes_very_old: false, ..settings };
    assert_eq!(take("aabBB-", 30_001, &never), (1, 0, 0));
}

#[test]
fn what_was_read_to_its_end_is_left_alone() {
    let (mut leases, sightings, now_ms) = world("bbbb--", 0);
    leases[0].checkpoint = Checkpoint::ShardEnd;
    leases[5].checkpoint = Checkpoint::ShardEnd;
    let settings = TakeSettings::default();
    let taking = leases_to_take(&"a".into(), &leases, &sightings, now_ms, &settings, 5);
    assert_eq!(taking.free, [leases[4].key.clone()]);
}

#[test]
fn rounds_reach_for_other_leases() {
    let (leases, sightings, now_ms) = world("bb--------", 0);
    let settings = TakeSettings::default();
    let take =
        |random| leases_to_take(&"a".into(), &leases, &sightings, now_ms, &settings, random).free;
    assert_eq!(take(1), take(1));
    assert!((2..12).any(|random| take(random) != take(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the leases are at first, workers that take in turns come to shares that differ
    /// by one at most, and then stay.
    #[test]
    fn shares_become_equal_and_stay(
        owners in proptest::collection::vec(0usize..9, 1..40),
        workers in 1usize..8,
        seed in any::<u64>(),
    ) {
        let id = |n: usize| WorkerId(format!("w{n}"));
        let mut leases: Vec<Lease> = owners.iter().enumerate()
            .map(|(n, owner)| lease(n, (*owner < workers).then(|| id(*owner).0).as_deref()))
            .collect();
        let mut sightings = LeaseSightings::default();
        let settings = TakeSettings::default();
        let mut random = seed;
        let mut changes = Vec::new();
        for round in 0..70u64 {
            let mut changed = 0;
            for n in 0..workers {
                // Everybody lives: all counters move.
                leases.iter_mut().for_each(|lease| lease.counter += 1);
                sightings.look(round, &leases);
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let taking =
                    leases_to_take(&id(n), &leases, &sightings, round, &settings, random);
                for key in taking.free.iter().chain(&taking.stolen) {
                    let lease = leases.iter_mut().find(|lease| lease.key == *key).expect("there");
                    *lease = Write::take(lease, &id(n)).made_on(lease).expect("taken");
                    changed += 1;
                }
            }
            changes.push(changed);
        }
        prop_assert!(leases.iter().all(|lease| lease.owner.is_some()));
        let counts: Vec<usize> = (0..workers)
            .map(|n| leases.iter().filter(|lease| lease.owner == Some(id(n))).count()).collect();
        let (most, least) = (counts.iter().max().expect("one"), counts.iter().min().expect("one"));
        prop_assert!(most - least <= 1, "{counts:?}");
        prop_assert!(changes[50..].iter().all(|changed| *changed == 0), "{changes:?}");
    }
}
