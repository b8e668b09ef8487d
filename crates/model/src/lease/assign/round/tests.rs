use super::*;
use crate::lease::assign::fleet::SpreadBy;
use crate::lease::checkpoint::Checkpoint;

/// Leases, and workers that report and renew as long as they live.
struct World {
    assigner: Assigner,
    settings: RoundSettings,
    leases: Vec<Lease>,
    now_ms: u64,
    marks: BTreeMap<String, u64>,
}

impl World {
    fn new(leases: usize) -> Self {
        let lease = |n| Lease::new(LeaseKey(format!("{n}")), Checkpoint::Latest);
        let balance = BalanceSettings { by: SpreadBy::Count, ..BalanceSettings::default() };
        Self {
            assigner: Assigner::default(),
            settings: RoundSettings { balance, balance_every: 1, ..RoundSettings::default() },
            leases: (0..leases).map(lease).collect(),
            now_ms: 0,
            marks: BTreeMap::new(),
        }
    }

    /// `later_ms` pass in which only `alive` renew and report; then a round.
    fn round(&mut self, later_ms: u64, alive: &[&str], all: &[&str]) -> Round {
        self.now_ms += later_ms;
        for lease in &mut self.leases {
            let is_read = lease.reader().is_some_and(|id| alive.contains(&id.as_str()));
            lease.counter += u64::from(is_read);
        }
        for id in alive {
            // Clocks of workers begin anywhere, but within some hours of each other.
            let ahead_secs = u64::from(id.as_bytes()[0]);
            self.marks.insert((*id).to_owned(), self.now_ms / 1_000 + ahead_secs);
        }
        let report = |id: &&str| Report {
            worker: Worker { id: (*id).into(), cpu_percent: None, cpu_percent_max: None },
            updated_secs: self.marks[*id],
        };
        let reports: Vec<Report> = all.iter().map(report).collect();
        let round = self.assigner.round(self.now_ms, &self.settings, &self.leases, &reports);
        for write in &round.writes {
            let lease = self.leases.iter_mut().find(|lease| lease.key.0 == write.key);
            let lease = lease.expect("there");
            *lease = write.made_on(lease).expect("nobody else writes");
        }
        round
    }

    fn owned(&self, id: &str) -> usize {
        self.leases.iter().filter(|lease| lease.owner == Some(id.into())).count()
    }

    fn let_go(&mut self, id: &str) {
        for lease in &mut self.leases {
            if lease.checkpoint_owner == Some(id.into()) {
                *lease = Write::give_up(lease).made_on(lease).expect("its own");
            }
        }
    }
}

#[test]
fn leases_of_nobody_are_given_at_once() {
    let mut world = World::new(5);
    let round = world.round(0, &["a", "b"], &["a", "b"]);
    assert_eq!((round.writes.len(), round.workers, round.spillover), (5, 2, 0));
    assert_eq!(world.owned("a") + world.owned("b"), 5);
    assert!(world.owned("a").abs_diff(world.owned("b")) == 1);
    assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes, []);
}

#[test]
fn what_a_dead_worker_had_is_given_to_the_living() {
    let mut world = World::new(4);
    world.round(0, &["a", "b"], &["a", "b"]);
    world.round(1_000, &["a", "b"], &["a", "b"]);
    assert_eq!(world.round(9_999, &["a"], &["a", "b"]).writes, []);
    // `b` has not renewed for its time, though its report is young enough to get leases.
    world.round(1, &["a"], &["a", "b"]);
    assert_eq!((world.owned("a"), world.owned("b")), (4, 0));
    // It gets none before it reports again.
    assert_eq!(world.round(1_000, &["a"], &["a", "b"]).writes, []);
    assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes.len(), 2);
    assert_eq!(world.owned("b"), 2);
}

#[test]
fn a_new_leader_gives_nothing_to_workers_of_former_times() {
    let mut world = World::new(4);
    for (id, secs) in [("old", 0), ("late", 100)] {
        world.marks.insert(id.to_owned(), secs);
    }
    // `late` lives and its clock is behind, as far as that of one that died.
    let round = world.round(300_000, &["a"], &["a", "old", "late"]);
    assert_eq!((round.workers, world.owned("a")), (1, 4));
    let round = world.round(1_000, &["a", "late"], &["a", "old", "late"]);
    assert_eq!((round.workers, world.owned("late")), (2, 2));
    // Who reads lives, whatever its clock says.
    world.let_go("a");
    world.assigner = Assigner::default();
    world.marks.insert("late".to_owned(), 0);
    assert_eq!(world.round(1_000, &["a"], &["a", "old", "late"]).workers, 2);
}

#[test]
fn a_worker_that_is_alone_is_taken_at_its_word() {
    let mut world = World::new(2);
    world.round(0, &["a"], &["a"]);
    world.round(10_000, &[], &["a"]);
    assert_eq!(world.owned("a"), 2);
    world.round(50_000, &[], &["a"]);
    assert_eq!(world.round(10_000, &[], &["a"]).spillover, 2);
}

#[test]
fn what_is_read_is_handed_over() {
    let mut world = World::new(4);
    world.round(0, &["a"], &["a"]);
    let round = world.round(1_000, &["a", "b"], &["a", "b"]);
    assert_eq!((round.writes.len(), world.owned("b")), (2, 2));
    let leaving = |world: &World| {
        world.leases.iter().filter(|lease| lease.checkpoint_owner == Some("a".into())).count()
    };
    assert_eq!(leaving(&world), 2);
    // It is under way: nothing else moves, whoever comes.
    assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes, []);
    world.let_go("a");
    assert_eq!((leaving(&world), world.owned("b")), (0, 2));
    assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes, []);
}

#[test]
fn a_hand_over_that_takes_too_long_is_ended() {
    let mut world = World::new(2);
    world.round(0, &["a"], &["a"]);
    assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes.len(), 1);
    for _ in 0..30 {
        assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes, []);
    }
    assert_eq!(world.round(1_000, &["a", "b"], &["a", "b"]).writes.len(), 1);
    assert_eq!(world.owned("b"), 1);
    assert!(world.leases.iter().all(|lease| lease.checkpoint_owner.is_none()));
}

#[test]
fn a_hand_over_of_the_dead_is_ended_when_it_is_seen() {
    let mut world = World::new(2);
    world.round(0, &["a"], &["a"]);
    world.round(1_000, &["a", "b"], &["a", "b"]);
    world.round(1_000, &["b"], &["a", "b"]);
    world.round(10_000, &["b"], &["a", "b"]);
    assert_eq!(world.owned("b"), 2);
    assert!(world.leases.iter().all(|lease| lease.checkpoint_owner.is_none()));
}

#[test]
fn what_was_read_to_its_end_is_left_alone() {
    let mut world = World::new(3);
    world.leases[1].checkpoint = Checkpoint::ShardEnd;
    let round = world.round(0, &["a"], &["a"]);
    assert_eq!((round.writes.len(), round.spillover), (2, 0));
    assert_eq!(world.leases[1].owner, None);
}

#[test]
fn a_hand_over_to_the_dead_ends_with_anybody() {
    let mut world = World::new(2);
    world.round(0, &["a"], &["a"]);
    world.round(1_000, &["a", "b"], &["a", "b"]);
    assert_eq!(world.owned("b"), 1);
    // `b` dies, and what `a` does with the lease does not return.
    world.settings.report_ms = 20_000;
    for _ in 0..30 {
        assert_eq!(world.round(1_000, &["a"], &["a", "b"]).writes, []);
    }
    world.round(1_000, &["a"], &["a", "b"]);
    assert_eq!(world.owned("a"), 2);
    assert!(world.leases.iter().all(|lease| lease.checkpoint_owner.is_none()));
}

#[test]
fn leases_move_at_once_if_hand_overs_are_not_wanted() {
    let mut world = World::new(2);
    world.settings.hand_over_ms = None;
    world.round(0, &["a"], &["a"]);
    world.round(1_000, &["a", "b"], &["a", "b"]);
    assert_eq!((world.owned("a"), world.owned("b")), (1, 1));
    assert!(world.leases.iter().all(|lease| lease.checkpoint_owner.is_none()));
}
