use super::*;
use crate::lease::attribute::Item;

const SETTINGS: LockSettings = LockSettings { lease_ms: 120_000, beat_ms: 30_000, look_ms: 5_000 };

/// A worker, its clock's lead over the true time, and its lock.
struct Worker {
    lock: Lock,
    lead_ms: u64,
    versions: u32,
}

impl Worker {
    fn new(name: &str, lead_ms: u64) -> Self {
        Self { lock: Lock::new(name.into(), Layout::Single, SETTINGS), lead_ms, versions: 0 }
    }

    fn step(&mut self, now_ms: u64) -> Step {
        self.versions += 1;
        let fresh = format!("{}-{}", self.lock.me, self.versions);
        self.lock.step(now_ms + self.lead_ms, &fresh)
    }

    /// Does what is to be done now, against `row`.
    fn run(&mut self, now_ms: u64, row: &mut Option<Item>) {
        for _ in 0..4 {
            match self.step(now_ms) {
                Step::Wait { until_ms } => return assert!(until_ms > now_ms + self.lead_ms),
                Step::Read => self.read(now_ms, row),
                Step::Try(attempt) => match attempt.write.apply(row.as_ref()) {
                    Ok(after) => {
                        *row = after;
                        self.lock.on_made(attempt);
                    }
                    Err(_) => self.lock.on_refused(),
                },
            }
        }
        panic!("no end of steps");
    }

    fn read(&mut self, now_ms: u64, row: &Option<Item>) {
        let row = row.clone().map(|row| LeaderRow::from_item(row, Layout::Single).expect("a row"));
        self.lock.on_row(now_ms + self.lead_ms, row);
    }

    fn leads(&self, now_ms: u64) -> bool {
        self.lock.leads(now_ms + self.lead_ms)
    }
}

#[test]
fn one_takes_what_is_free_and_keeps_it() {
    let (mut a, mut b, mut row) = (Worker::new("a", 7_000_000), Worker::new("b", 3), None);
    for now_ms in (0..1_000_000).step_by(1_000) {
        a.run(now_ms, &mut row);
        b.run(now_ms, &mut row);
        assert!(a.leads(now_ms) && !b.leads(now_ms), "{now_ms}");
    }
}

#[test]
fn another_takes_over_when_it_has_not_moved_for_its_time() {
    let (mut a, mut b, mut row) = (Worker::new("a", 0), Worker::new("b", 9_000_000), None);
    a.run(0, &mut row);
    let mut took_over_ms = None;
    for now_ms in (1_000..200_000).step_by(1_000) {
        // `a` is gone.
        b.run(now_ms, &mut row);
        if b.leads(now_ms) && took_over_ms.is_none() {
            took_over_ms = Some(now_ms);
            assert!(!a.leads(now_ms));
        }
    }
    assert_eq!(took_over_ms, Some(121_000));
    // It comes back, and is told.
    a.run(200_000, &mut row);
    assert!(!a.leads(200_000) && b.leads(200_000));
}

#[test]
fn what_was_given_back_is_taken_at_the_next_look() {
    let (mut a, mut b, mut row) = (Worker::new("a", 0), Worker::new("b", 0), None);
    a.run(0, &mut row);
    b.run(0, &mut row);
    let write = a.lock.stop().expect("it led");
    assert!(!a.leads(1));
    row = write.apply(row.as_ref()).expect("it is its own");
    assert_eq!(row, None);
    assert_eq!(a.lock.stop(), None);
    b.run(4_999, &mut row);
    assert!(!b.leads(4_999));
    b.run(5_000, &mut row);
    assert!(b.leads(5_000));

    // The same, by a client that leaves the row.
    let mut released = LeaderRow::from_item(row.expect("b's"), Layout::Single).expect("a row");
    released.is_released = true;
    let mut row = Some(released.to_item(Layout::Single));
    let mut c = Worker::new("c", 0);
    c.run(6_000, &mut row);
    assert!(c.leads(6_000));
    // Who gives back what is another's by now changes nothing.
    let late = b.lock.stop().expect("it thinks so");
    assert!(late.apply(row.as_ref()).is_err());
}

#[test]
fn an_answer_that_is_lost_is_found_in_the_row() {
    let (mut a, mut row) = (Worker::new("a", 0), None);
    a.read(0, &row);
    for (now_ms, next_ms) in [(10, 30_010), (30_010, 60_010)] {
        let Step::Try(attempt) = a.step(now_ms) else { panic!("it is free or due") };
        row = attempt.write.apply(row.as_ref()).expect("made");
        a.lock.on_unanswered(attempt);
        assert_eq!(a.step(now_ms + 5), Step::Read);
        a.read(now_ms + 5, &row);
        // It counts from when the write was sent.
        assert_eq!(a.step(now_ms + 6), Step::Wait { until_ms: next_ms });
        assert!(a.leads(now_ms + 119_999) && !a.leads(now_ms + 120_000));
    }
    // One that was not made: it is sent again.
    let Step::Try(lost) = a.step(60_010) else { panic!("it is due") };
    a.lock.on_unanswered(lost);
    a.read(60_020, &row);
    a.run(60_021, &mut row);
    assert!(a.leads(180_020));
}

#[test]
fn a_leader_that_cannot_write_leads_no_more() {
    let (mut a, mut row) = (Worker::new("a", 0), None);
    a.run(0, &mut row);
    assert!(a.leads(119_999));
    assert!(!a.leads(120_000));
    // Nobody took it meanwhile: it may go on.
    a.run(150_000, &mut row);
    assert!(a.leads(150_000));
}
