use super::*;
use anabranch_protocol::aggregation::AggregateBuilder;
use shards::Shard;

const HALF: u128 = 1 << 127;

fn workload() -> Workload {
    Workload { seed: 1, tasks: 2, records_per_task: 400, keys_per_task: 8, record_bytes: Some(40) }
}

fn shard(number: u32) -> Listed {
    let (start, end_inclusive) = match number {
        0 => (0, HALF - 1),
        1 => (HALF, u128::MAX),
        _ => (0, u128::MAX),
    };
    Listed { shard: Shard(number), parents: vec![], start, end_inclusive, is_closed: false }
}

/// Shard, sequence number, sub-sequence number, and whether it may be twice.
type Answered = (u32, u32, Option<u32>, bool);

/// What was put, said and stored, before somebody spoils it.
struct Story {
    workload: Workload,
    /// Shard, sequence number, records.
    stored: Vec<(u32, u32, Vec<u64>)>,
    told: [Vec<Option<Answered>>; 2],
}

/// Records of the ordered key with most of them, all in one task, that stand in shard 2.
fn ordered(workload: &Workload) -> Vec<u64> {
    let of = |number: u32| -> Vec<u64> {
        (0..400).filter(|record| workload.key_of(*record).number == number).collect()
    };
    let key = (0..8).filter(|number| number % 4 == 0).max_by_key(|number| of(*number).len());
    of(key.expect("a key"))
}

impl Story {
    /// All records of the first task, ten in an aggregate, and one of the other by itself.
    fn whole() -> Self {
        let workload = workload();
        let numbers: Vec<u64> = (0..400).collect();
        let mut stored: Vec<(u32, u32, Vec<u64>)> = numbers
            .chunks(10)
            .zip(1..)
            .map(|(records, sequence)| (2, sequence, records.to_vec()))
            .collect();
        stored.push((2, 100, vec![400]));
        let first = (0..400u32).map(|one| Some((2, one / 10 + 1, Some(one % 10), false))).collect();
        Self { workload, stored, told: [first, vec![Some((2, 100, None, false))]] }
    }

    fn judge(&self) -> (Figures, Vec<Problem>) {
        let told = self.told.iter().map(|said| {
            let mut told = Told::of(said.len());
            for one in said {
                match one {
                    Some((shard, sequence, sub, may_be_twice)) => {
                        let shard = Shard(*shard).to_string();
                        told.stored(&shard, &sequence.to_string(), *sub, *may_be_twice);
                    }
                    None => told.failed(false),
                }
            }
            told
        });
        let mut truth = Truth::new(self.workload.clone(), told.collect());
        for (number, sequence, records) in &self.stored {
            let (key, data) = self.bytes(records);
            truth.read(&shard(*number), &sequence.to_string(), &key, &data);
        }
        truth.finish()
    }

    fn bytes(&self, records: &[u64]) -> (String, Vec<u8>) {
        let key = self.workload.key_of(records[0]).text();
        if let [record] = records {
            return (key, self.workload.data(*record));
        }
        let mut aggregate = AggregateBuilder::default();
        for record in records {
            let key = self.workload.key_of(*record);
            let (text, data) = (key.text(), self.workload.data(*record));
            let hash = anabranch_model::hash_key::of_partition_key(&text);
            aggregate.push(&text, hash, key.explicit_hash_key, &data);
        }
        (key, aggregate.finish())
    }

    fn problems(&self) -> Vec<Problem> {
        self.judge().1
    }
}

#[test]
fn what_is_as_it_was_said_has_no_problem() {
    let (figures, problems) = Story::whole().judge();
    assert_eq!(problems, []);
    let expected = Figures { acknowledged: 401, stored_records: 41, aggregates: 40, ..figures };
    assert_eq!(figures, expected);
    assert_eq!((figures.stored_twice, figures.failed, figures.dropped), (0, 0, 0));
}

#[test]
fn what_is_missing_is_lost() {
    let mut story = Story::whole();
    story.stored.pop();
    assert_eq!(story.problems(), [Problem::Lost { record: 400 }]);
    // A stream with nothing in it.
    story.stored.clear();
    assert_eq!(story.judge().0.problems, 401);
}

#[test]
fn another_place_is_not_the_one_that_was_said() {
    for change in [(1, 100, None), (2, 101, None), (2, 100, Some(0))] {
        let mut story = Story::whole();
        story.told[1][0] = Some((change.0, change.1, change.2, false));
        assert_eq!(story.problems(), [Problem::Misplaced { record: 400 }], "{change:?}");
    }
    let mut story = Story::whole();
    // Two user records of an aggregate, exchanged, neither of an ordered key.
    let is_free = |record: &u64| !story.workload.key_of(*record).is_ordered;
    let free: Vec<usize> = (0..10).filter(|at| is_free(&story.stored[0].2[*at])).collect();
    story.stored[0].2.swap(free[0], free[1]);
    let misplaced = free[..2].iter().map(|at| Problem::Misplaced { record: *at as u64 });
    assert_eq!(story.problems(), misplaced.collect::<Vec<_>>());
}

#[test]
fn twice_must_have_been_said() {
    let mut story = Story::whole();
    story.stored.push((2, 101, vec![400]));
    assert_eq!(story.problems(), [Problem::Twice { record: 400 }]);
    story.told[1][0] = Some((2, 100, None, true));
    let (figures, problems) = story.judge();
    assert_eq!(problems, []);
    assert_eq!((figures.stored_twice, figures.possible_duplicates), (1, 1));
}

#[test]
fn what_was_denied_must_not_be_there() {
    let mut story = Story::whole();
    story.told[1][0] = None;
    assert_eq!(story.problems(), [Problem::Denied { record: 400 }]);
    story.stored.pop();
    assert_eq!(story.problems(), []);
}

#[test]
fn ordered_keys_are_in_order_where_they_come_first() {
    let mut story = Story::whole();
    let key = ordered(&story.workload);
    let last = key[key.len() - 1];
    // The last record of the key comes first, and once more where it was acknowledged.
    story.stored.insert(0, (2, 0, vec![last]));
    story.told[0][last as usize].as_mut().expect("stored").3 = true;
    let problems = story.judge();
    let disordered =
        |problem: &Problem| matches!(problem, Problem::Disordered { after, .. } if *after == last);
    assert_eq!(problems.0.problems, key.len() as u64 - 1);
    assert!(problems.1.iter().all(disordered), "{problems:?}");
    // Later it does not matter.
    let first = story.stored.remove(0);
    story.stored.push(first);
    assert_eq!(story.problems(), []);
}

#[test]
fn an_aggregate_in_a_shard_that_does_not_hold_it_is_not_there() {
    let mut story = Story::whole();
    story.stored[3].0 = 0;
    for told in &mut story.told[0][30..40] {
        told.as_mut().expect("stored").0 = 0;
    }
    let (figures, problems) = story.judge();
    assert_eq!(figures.dropped, 1);
    let dropped: Vec<Problem> = (30..40).map(|record| Problem::Dropped { record }).collect();
    assert_eq!(problems, dropped);
}

#[test]
fn what_nobody_put_is_seen() {
    let mut story = Story::whole();
    story.stored.push((2, 101, vec![700]));
    assert_eq!(story.problems(), [Problem::NotPut { record: 700 }]);
    let truth = |data: &[u8]| {
        let mut truth = Truth::new(workload(), vec![]);
        truth.read(&shard(2), "1", "key-1", data);
        truth.finish().1
    };
    let at = "shardId-000000000002 at 1".to_owned();
    assert_eq!(truth(b"some data"), [Problem::Unknown { at, damage: Damage::Number }]);
}
