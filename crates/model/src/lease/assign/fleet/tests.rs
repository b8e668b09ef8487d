use super::*;
use proptest::prelude::*;

fn worker(n: usize) -> Worker {
    Worker { id: WorkerId(format!("w{n}")), cpu_percent: None, cpu_percent_max: None }
}

fn workers(count: usize) -> Vec<Worker> {
    (0..count).map(worker).collect()
}

fn busy(cpus: &[f64]) -> Vec<Worker> {
    let with_cpu = |(n, cpu): (usize, &f64)| Worker { cpu_percent: Some(*cpu), ..worker(n) };
    cpus.iter().enumerate().map(with_cpu).collect()
}

/// A lease of each (holder, KB a second).
fn loads(of: &[(Option<usize>, Option<f64>)]) -> Vec<Load> {
    let load = |(n, (holder, kbps)): (usize, &(Option<usize>, Option<f64>))| Load {
        key: LeaseKey(format!("{n:03}")),
        holder: holder.map(|holder| worker(holder).id),
        kbps: *kbps,
        may_move: true,
    };
    of.iter().enumerate().map(load).collect()
}

fn settings(by: SpreadBy) -> BalanceSettings {
    BalanceSettings { by, ..BalanceSettings::default() }
}

/// One round: what is free is given, then loads are balanced.
fn round(settings: BalanceSettings, workers: &[Worker], leases: &[Load]) -> (Vec<Move>, usize) {
    let mut fleet = Fleet::new(settings, workers, leases.to_vec());
    let left = fleet.give_free();
    fleet.balance();
    (fleet.into_moves(), left)
}

fn carry_out(leases: &mut [Load], moves: &[Move]) {
    for one in moves {
        let lease = leases.iter_mut().find(|lease| lease.key == one.key).expect("there");
        assert_eq!(lease.holder, one.from);
        lease.holder = Some(one.to.clone());
    }
}

fn counts(workers: &[Worker], leases: &[Load]) -> Vec<usize> {
    let held = |worker: &Worker| {
        leases.iter().filter(|lease| lease.holder.as_ref() == Some(&worker.id)).count()
    };
    workers.iter().map(held).collect()
}

fn kbps(workers: &[Worker], leases: &[Load]) -> Vec<f64> {
    let held = |worker: &Worker| {
        let theirs = leases.iter().filter(|lease| lease.holder.as_ref() == Some(&worker.id));
        theirs.filter_map(|lease| lease.kbps).sum()
    };
    workers.iter().map(held).collect()
}

#[test]
fn leases_of_an_application_that_begins_are_spread_by_number() {
    for by in [SpreadBy::Load, SpreadBy::Count] {
        for cpus in [None, Some([0.5, 3.0, 1.0])] {
            let workers = cpus.map_or_else(|| workers(3), |cpus| busy(&cpus));
            let mut leases = loads(&[(None, None); 10]);
            let (moves, left) = round(settings(by), &workers, &leases);
            carry_out(&mut leases, &moves);
            let mut counts = counts(&workers, &leases);
            counts.sort_unstable();
            assert_eq!((counts, left), (vec![3, 3, 4], 0));
        }
    }
}

#[test]
fn a_free_lease_goes_to_whoever_has_room() {
    let some = [(Some(0), Some(50.0)), (Some(1), Some(10.0)), (None, Some(10.0))];
    let (moves, _) = round(settings(SpreadBy::Load), &workers(2), &loads(&some));
    assert_eq!(moves[0].to, worker(1).id);
    // By CPU it is the other way round.
    let (moves, _) = round(settings(SpreadBy::Load), &busy(&[40.0, 60.0]), &loads(&some));
    assert_eq!(moves[0].to, worker(0).id);
    // One that cannot tell makes CPUs incomparable.
    let mut mixed = busy(&[40.0, 60.0]);
    mixed[1].cpu_percent = None;
    let (moves, _) = round(settings(SpreadBy::Load), &mixed, &loads(&some));
    assert_eq!(moves[0].to, worker(1).id);
}

#[test]
fn nobody_is_given_more_than_it_may_have() {
    let two = BalanceSettings { leases_max: 2, ..settings(SpreadBy::Count) };
    let (moves, left) = round(two, &workers(2), &loads(&[(None, None); 6]));
    assert_eq!((moves.len(), left), (4, 2));
    let slow = BalanceSettings { kbps_max: 20.0, ..settings(SpreadBy::Load) };
    let (moves, left) = round(slow, &workers(2), &loads(&[(None, Some(10.0)); 6]));
    assert_eq!((moves.len(), left), (4, 2));
    let (moves, left) = round(two, &[], &loads(&[(None, None)]));
    assert_eq!((moves.len(), left), (0, 1));
}

#[test]
fn a_part_of_the_excess_moves_at_a_time() {
    // 100 and 0 of 10 each: 60 % of 50 moves, then 60 % of what is left.
    let mut leases = loads(&[(Some(0), Some(10.0)); 10]);
    let mut steps = Vec::new();
    for _ in 0..4 {
        let (moves, _) = round(settings(SpreadBy::Load), &workers(2), &leases);
        carry_out(&mut leases, &moves);
        steps.push(moves.len());
    }
    assert_eq!(steps, [3, 1, 1, 0]);
}

#[test]
fn loads_within_the_threshold_stay() {
    let near = [(Some(0), Some(44.0)), (Some(0), Some(10.0)), (Some(1), Some(46.0))];
    assert_eq!(round(settings(SpreadBy::Load), &workers(2), &loads(&near)).0, []);
    let far = [(Some(0), Some(50.0)), (Some(0), Some(10.0)), (Some(1), Some(46.0))];
    assert_eq!(round(settings(SpreadBy::Load), &workers(2), &loads(&far)).0.len(), 1);
}

#[test]
fn what_cannot_become_more_equal_stays() {
    let one = [(Some(0), Some(100.0)), (Some(1), Some(1.0))];
    assert_eq!(round(settings(SpreadBy::Load), &workers(2), &loads(&one)).0, []);
    let mut fixed = loads(&[(Some(0), Some(10.0)); 4]);
    fixed.iter_mut().for_each(|lease| lease.may_move = false);
    for by in [SpreadBy::Load, SpreadBy::Count] {
        assert_eq!(round(settings(by), &workers(2), &fixed).0, []);
    }
    let timid = BalanceSettings { may_overshoot: false, ..settings(SpreadBy::Load) };
    let three = [(Some(0), Some(10.0)); 3];
    assert_eq!(round(timid, &workers(2), &loads(&three)).0, []);
    assert_eq!(round(settings(SpreadBy::Load), &workers(2), &loads(&three)).0.len(), 1);
}

#[test]
fn a_worker_above_its_range_gives_away() {
    let mut fleet = busy(&[85.0, 79.0]);
    let leases = loads(&[(Some(0), Some(1.0)), (Some(0), Some(100.0)), (Some(1), Some(100.0))]);
    assert_eq!(round(settings(SpreadBy::Load), &fleet, &leases).0, []);
    fleet[0].cpu_percent_max = Some(80.0);
    assert_eq!(round(settings(SpreadBy::Load), &fleet, &leases).0.len(), 1);
}

#[test]
fn workers_that_idle_are_not_told_apart_by_their_cpu() {
    let leases = loads(&[(Some(0), Some(1.0)), (Some(1), Some(1.0))]);
    assert_eq!(round(settings(SpreadBy::Load), &busy(&[4.0, 0.1]), &leases).0, []);
}

#[test]
fn leases_of_workers_that_are_not_known_stay() {
    let leases = loads(&[(Some(7), Some(10.0)); 3]);
    assert_eq!(round(settings(SpreadBy::Count), &workers(2), &leases).0, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Counts come to differ by one at most in one round, and then nothing moves.
    #[test]
    fn counts_become_equal_and_stay(
        holders in proptest::collection::vec(proptest::option::of(0usize..8), 0..60),
        count in 1usize..8,
    ) {
        let workers = workers(count);
        let of: Vec<_> = holders.iter().map(|h| (h.filter(|h| *h < count), None)).collect();
        let mut leases = loads(&of);
        let (moves, left) = round(settings(SpreadBy::Count), &workers, &leases);
        carry_out(&mut leases, &moves);
        let held = counts(&workers, &leases);
        prop_assert_eq!(left, 0);
        prop_assert!(held.iter().max().expect("one") - held.iter().min().expect("one") <= 1);
        prop_assert_eq!(round(settings(SpreadBy::Count), &workers, &leases).0, vec![]);
    }

    /// Loads of whatever size: each round makes them no less equal, a lease moves once in a
    /// round, and after some rounds nothing moves any more.
    #[test]
    fn loads_settle(
        of in proptest::collection::vec((proptest::option::of(0usize..5), 0u32..100), 0..40),
        count in 1usize..6,
    ) {
        let workers = workers(count);
        let of: Vec<_> = of.iter()
            .map(|(h, kbps)| (h.filter(|h| *h < count), Some(f64::from(*kbps)))).collect();
        let mut leases = loads(&of);
        let mut spread = f64::MAX;
        let mut last = 0;
        for turn in 0..60 {
            let (moves, left) = round(settings(SpreadBy::Load), &workers, &leases);
            prop_assert_eq!(left, 0);
            let mut keys: Vec<_> = moves.iter().map(|one| &one.key).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), moves.len(), "one lease to two");
            carry_out(&mut leases, &moves);
            let loads = kbps(&workers, &leases);
            let highest = loads.iter().copied().fold(0.0, f64::max);
            if turn > 0 {
                prop_assert!(highest <= spread + 20.0, "{} after {}", highest, spread);
            }
            spread = highest;
            last = moves.len();
        }
        prop_assert_eq!(last, 0);
        // As equal as leases of their size can be: the most loaded has no lease that would make
        // it more equal, or all are within the threshold.
        let loads = kbps(&workers, &leases);
        let mean = mean(&loads);
        let highest = loads.iter().copied().fold(0.0, f64::max);
        prop_assert!(highest <= mean * 1.1 + 100.0, "{loads:?}");
    }
}
