//! The pipeline against a service that splits, merges, throttles, refuses, and loses requests and answers.

use super::request::RequestId;
use super::*;
use anabranch_model::hash_key::{self, HashKeyRange};
use anabranch_protocol::aggregation::Aggregate;
use bytes::Bytes;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

const MILLI: Micros = 1_000;
const SECOND: Micros = 1_000 * MILLI;
/// Data of records that the service refuses.
const POISON: &[u8] = b"poison";

fn rules() -> Rules {
    Rules {
        aggregate: true,
        aggregate_records_max: usize::MAX,
        aggregate_bytes_max: 51_200,
        request_records_max: 500,
        request_bytes_max: 5 << 20,
        linger: 100 * MILLI,
        ttl: Some(30 * SECOND),
        rate_percent: None,
        fail_if_throttled: false,
        requests_max: 24,
        is_counted: true,
        seed: 1,
    }
}

fn given(token: usize, key: &str, data: &[u8], is_ordered: bool) -> Given<usize> {
    let key_hash = hash_key::of_partition_key(key);
    let piece = Piece::new(key.into(), key_hash, None, Bytes::copy_from_slice(data));
    Given { token, piece, is_ordered, may_be_stored: false }
}

/// What became of a user record.
#[derive(Debug)]
struct Told {
    /// Where it is stored, and its place in it.
    result: Result<(Arc<Landing>, usize), Why>,
    past: Past,
}

/// What has become of user records, one by one.
fn told(pipeline: &mut Pipeline<usize>) -> Vec<(usize, Told)> {
    let mut all = Vec::new();
    for outcome in pipeline.settled() {
        let (users, at) = match outcome {
            Outcome::Stored { at, users } => (users, Ok(at)),
            Outcome::Failed { why, user } => (vec![user], Err(why)),
        };
        for (place, user) in users.into_iter().enumerate() {
            let result = at.clone().map(|at| (at, place));
            let past = user.past.map(|past| *past).unwrap_or_default();
            all.push((user.token, Told { result, past }));
        }
    }
    all
}

impl Pipeline<usize> {
    fn put_now(&mut self, given: Given<usize>, now: Micros) {
        self.put(given, now, now);
    }
}

/// A user record as the service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UserStored {
    key: String,
    explicit_hash_key: Option<u128>,
    data: Vec<u8>,
}

#[derive(Debug)]
struct Stored {
    shard: Arc<str>,
    users: Vec<UserStored>,
    is_aggregate: bool,
    /// All its user records belong to the shard.
    is_right: bool,
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    split: f64,
    throttle: f64,
    fail: f64,
    refuse: f64,
    lose_request: f64,
    lose_answer: f64,
    lose_map: f64,
}

enum Event {
    Answer(RequestId, Answer),
    Shards(Option<Vec<OpenShard>>),
}

/// The service, and a producer that is under way.
struct World {
    rng: StdRng,
    now: Micros,
    trouble: Trouble,
    open: Vec<OpenShard>,
    shard_count: usize,
    log: Vec<Stored>,
    events: BinaryHeap<Reverse<(Micros, u64)>>,
    told: HashMap<u64, Event>,
    event_count: u64,
    pipeline: Pipeline<usize>,
    put: Vec<(UserStored, bool)>,
    outcomes: HashMap<usize, Told>,
    rules: Rules,
    /// Most user records of a key in different stored records at once, checked at each request.
    under_way: HashMap<RequestId, Vec<OutgoingRecord>>,
}

impl World {
    fn new(seed: u64, trouble: Trouble, rules: Rules) -> Self {
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            now: 1,
            trouble,
            open: Vec::new(),
            shard_count: 0,
            log: Vec::new(),
            events: BinaryHeap::new(),
            told: HashMap::new(),
            event_count: 0,
            pipeline: Pipeline::new(rules.clone()),
            put: Vec::new(),
            outcomes: HashMap::new(),
            rules,
            under_way: HashMap::new(),
        };
        for range in hash_key::uniform_ranges(3) {
            let shard = world.new_shard(range);
            world.open.push(shard);
        }
        world
    }

    fn new_shard(&mut self, range: HashKeyRange) -> OpenShard {
        let id = format!("shardId-{:012}", self.shard_count).into();
        self.shard_count += 1;
        OpenShard { id, range }
    }

    fn chance(&mut self, part: f64) -> bool {
        self.rng.random_bool(part)
    }

    fn put(&mut self, data: Vec<u8>) {
        let key = format!("key-{}", self.rng.random_range(0..20));
        // Few distinct ones, from end to end.
        let explicit_hash_key =
            self.chance(0.2).then(|| u128::MAX / 7 * self.rng.random_range(0..7));
        let is_ordered = key.ends_with(['1', '2', '3', '5']);
        let token = self.put.len();
        let key_hash = hash_key::of_partition_key(&key);
        let data_bytes = Bytes::from(data.clone());
        let piece = Piece::new(key.as_str().into(), key_hash, explicit_hash_key, data_bytes);
        self.put.push((UserStored { key, explicit_hash_key, data }, is_ordered));
        self.pipeline.put_now(Given { token, piece, is_ordered, may_be_stored: false }, self.now);
    }

    fn tell(&mut self, after: Micros, event: Event) {
        self.event_count += 1;
        self.events.push(Reverse((self.now + after, self.event_count)));
        self.told.insert(self.event_count, event);
    }

    fn reshard(&mut self) {
        let at = self.rng.random_range(0..self.open.len());
        if self.chance(0.6) || self.open.len() < 2 {
            let range = self.open[at].range;
            if range.end_inclusive - range.start < 2 {
                return;
            }
            let middle = range.start + (range.end_inclusive - range.start) / 2;
            let left = self.new_shard(HashKeyRange { start: range.start, end_inclusive: middle });
            let right = self
                .new_shard(HashKeyRange { start: middle + 1, end_inclusive: range.end_inclusive });
            self.open.splice(at..=at, [left, right]);
        } else {
            let at = at.min(self.open.len() - 2);
            let range = HashKeyRange {
                start: self.open[at].range.start,
                end_inclusive: self.open[at + 1].range.end_inclusive,
            };
            let merged = self.new_shard(range);
            self.open.splice(at..=at + 1, [merged]);
        }
    }

    /// What the service makes of a record.
    fn store(&mut self, record: &OutgoingRecord) -> RecordAnswer {
        if self.chance(self.trouble.throttle) {
            let reason = Reason { code: "throttled".into(), message: "slow down".into() };
            return RecordAnswer::Failed { reason, is_throttled: true };
        }
        if self.chance(self.trouble.fail) {
            // It may have been stored before.
            if self.chance(0.5) {
                self.store_well(record);
            }
            let reason = Reason { code: "InternalFailure".into(), message: "a disk".into() };
            return RecordAnswer::Failed { reason, is_throttled: false };
        }
        self.store_well(record)
    }

    fn store_well(&mut self, record: &OutgoingRecord) -> RecordAnswer {
        let placed_by = record
            .explicit_hash_key
            .unwrap_or_else(|| hash_key::of_partition_key(&record.partition_key));
        let shard =
            self.open.iter().find(|shard| shard.range.contains(placed_by)).expect("covered");
        let aggregate = Aggregate::parse(&record.data);
        let users: Vec<UserStored> = match &aggregate {
            None => vec![UserStored {
                key: record.partition_key.to_string(),
                explicit_hash_key: record.explicit_hash_key,
                data: record.data.to_vec(),
            }],
            Some(aggregate) => aggregate
                .records()
                .map(|user| UserStored {
                    key: user.partition_key.to_owned(),
                    explicit_hash_key: user.explicit_hash_key.and_then(hash_key::parse),
                    data: user.data.to_vec(),
                })
                .collect(),
        };
        let belongs = |user: &UserStored| {
            let own = hash_key::of_partition_key(&user.key);
            shard.range.contains(user.explicit_hash_key.unwrap_or(own))
        };
        let stored = Stored {
            shard: shard.id.clone(),
            is_right: users.iter().all(belongs),
            users,
            is_aggregate: aggregate.is_some(),
        };
        let answer = RecordAnswer::Stored {
            shard: shard.id.clone(),
            sequence_number: self.log.len().to_string().into(),
        };
        self.log.push(stored);
        answer
    }

    fn send(&mut self, outgoing: Outgoing) {
        self.check_request(&outgoing);
        let Outgoing { id, records } = outgoing;
        let reason = |code: &str| Reason { code: code.into(), message: "trouble".into() };
        let failed = |code, fault| Answer::Failed(Failure { reason: reason(code), fault });
        self.under_way.insert(id, records.clone());
        let is_poisoned = records.iter().any(|record| match Aggregate::parse(&record.data) {
            Some(aggregate) => aggregate.records().any(|user| user.data == POISON),
            None => *record.data == *POISON,
        });
        let answer = if self.chance(self.trouble.refuse) {
            failed("InternalFailure", Fault::NothingStored)
        } else if self.chance(self.trouble.lose_request) {
            failed("RequestTimeout", Fault::Unknown)
        } else if is_poisoned {
            failed("ValidationException", Fault::Invalid)
        } else {
            let answers = records.iter().map(|record| self.store(record)).collect();
            match self.chance(self.trouble.lose_answer) {
                true => failed("RequestTimeout", Fault::Unknown),
                false => Answer::Records(answers),
            }
        };
        let after = self.rng.random_range(1..60) * MILLI;
        self.tell(after, Event::Answer(id, answer));
    }

    fn check_request(&self, outgoing: &Outgoing) {
        let bytes = |record: &OutgoingRecord| record.partition_key.len() + record.data.len();
        let sum: usize = outgoing.records.iter().map(bytes).sum();
        assert!(outgoing.records.len() <= self.rules.request_records_max);
        assert!(sum <= self.rules.request_bytes_max || outgoing.records.len() == 1);
        assert!(self.under_way.len() < self.rules.requests_max);
        for record in &outgoing.records {
            let is_small = record.data.len() <= self.rules.aggregate_bytes_max;
            assert!(is_small || Aggregate::parse(&record.data).is_none());
        }
    }

    /// Everything that is to be done at this time, and then the time of what comes next.
    fn turn(&mut self) -> Option<Micros> {
        let wake = loop {
            match self.pipeline.step(self.now) {
                Step::Send(outgoing) => self.send(outgoing),
                Step::ListShards => {
                    let is_lost = self.chance(self.trouble.lose_map);
                    let shards = (!is_lost).then(|| self.open.clone());
                    let after = self.rng.random_range(1..60) * MILLI;
                    self.tell(after, Event::Shards(shards));
                }
                Step::Wait(at) => break at,
            }
        };
        for (token, outcome) in told(&mut self.pipeline) {
            assert!(self.outcomes.insert(token, outcome).is_none(), "two outcomes of {token}");
        }
        let told = self.events.peek().map(|Reverse((at, _))| *at);
        assert!(wake.is_none_or(|at| at > self.now), "it would spin");
        wake.into_iter().chain(told).min()
    }

    fn listen(&mut self) {
        while let Some(Reverse((at, number))) = self.events.peek().copied()
            && at <= self.now
        {
            self.events.pop();
            match self.told.remove(&number).expect("told once") {
                Event::Answer(id, answer) => {
                    self.under_way.remove(&id);
                    self.pipeline.on_answer(id, answer, self.now);
                }
                Event::Shards(Some(shards)) => self.pipeline.on_shards(shards, self.now),
                Event::Shards(None) => self.pipeline.on_shards_failed(self.now),
            }
            // What it says is looked at before the next.
            self.turn();
        }
    }

    fn run_until(&mut self, until: Micros) {
        while let Some(at) = self.turn()
            && at <= until
        {
            self.now = at;
            self.listen();
        }
        self.now = self.now.max(until);
    }

    fn run_dry(&mut self) {
        while let Some(at) = self.turn().filter(|_| self.pipeline.pending() > 0) {
            assert!(at < 3_600 * SECOND, "it never ends");
            self.now = at;
            self.listen();
        }
        assert_eq!(self.pipeline.pending(), 0, "it hangs: {:#?}", self.pipeline);
        self.turn();
    }

    fn check(&self) {
        assert_eq!(self.outcomes.len(), self.put.len(), "an outcome of each");
        let mut copies: HashMap<&[u8], usize> = HashMap::new();
        for stored in &self.log {
            for user in &stored.users {
                *copies.entry(&user.data).or_default() += 1;
            }
        }
        let mut possible_duplicates = 0;
        for (token, (user, _)) in self.put.iter().enumerate() {
            let copies = copies.get(&user.data[..]).copied().unwrap_or_default();
            let Told { result, past } = &self.outcomes[&token];
            let Past { may_be_stored, failed, .. } = past;
            match result {
                Ok((at, sub)) => {
                    let place: usize = at.sequence_number.parse().expect("a place");
                    let stored = &self.log[place];
                    assert_eq!((&stored.users[*sub], &stored.shard), (user, &at.shard));
                    assert_eq!(stored.is_aggregate, at.is_aggregate);
                    assert!(stored.is_right, "consumers drop it");
                    assert!(copies == 1 || *may_be_stored, "{token} is there {copies} times");
                    assert!(!may_be_stored || failed.count > 0);
                    possible_duplicates += u64::from(*may_be_stored);
                }
                Err(_) => {
                    assert!(copies == 0 || *may_be_stored, "{token} is there {copies} times");
                    assert!(!failed.kept.is_empty());
                }
            }
        }
        let counts = self.pipeline.counts;
        assert_eq!(counts.possible_duplicates, possible_duplicates);
        assert_eq!(counts.stored + counts.failed, self.put.len() as u64);
        self.check_order();
    }

    /// The first copies of an ordered key's records that were stored are in the order of the puts.
    /// The facts say the same as the outcomes.
    fn check_facts(&self, facts: &[Fact]) {
        let (mut received, mut requests, mut refused, mut sent) = (0, 0, 0, 0);
        let (mut stored, mut failed, mut expired, mut retries, mut bytes) = (0, 0, 0, 0.0, 0.0);
        let mut taken = 0;
        for fact in facts {
            match fact {
                Fact::Received(count) => received += count,
                Fact::Request { kinesis_records, .. } => {
                    requests += 1;
                    sent += *kinesis_records as u64;
                }
                Fact::Stored { data, buffering, retries: of_each, .. } => {
                    assert_eq!((data.count, buffering.count), (of_each.count, of_each.count));
                    taken += 1;
                    stored += data.count;
                    bytes += data.sum;
                    retries += of_each.sum;
                }
                // A shard that does not hold an aggregate has taken it all the same.
                Fact::Refused { count, .. } => refused += count,
                Fact::Failed { count, expired: of_them, .. } => {
                    failed += count;
                    expired += of_them;
                }
            }
        }
        let is_stored = |told: &&Told| told.result.is_ok();
        let (mut attempts, mut sizes, mut too_old) = (0.0, 0, 0);
        for (token, outcome) in &self.outcomes {
            match outcome.result {
                Ok(_) => {
                    attempts += f64::from(outcome.past.failed.count);
                    sizes += self.put[*token].0.data.len();
                }
                Err(why) => too_old += u64::from(why == Why::Expired),
            }
        }
        assert_eq!(received, self.put.len() as u64);
        assert_eq!(stored, self.outcomes.values().filter(is_stored).count() as u64);
        assert_eq!((stored + failed, expired), (received, too_old));
        assert_eq!((bytes, retries), (sizes as f64, attempts));
        assert_eq!(requests, self.pipeline.request_count);
        assert_eq!(sent, taken + refused, "each has one answer");
    }

    fn check_order(&self) {
        let tokens: HashMap<&[u8], usize> =
            self.put.iter().enumerate().map(|(token, (user, _))| (&user.data[..], token)).collect();
        // By where they are placed: so are they in order.
        let mut newest: HashMap<u128, usize> = HashMap::new();
        let mut seen = vec![false; self.put.len()];
        for user in self.log.iter().flat_map(|stored| &stored.users) {
            let token = tokens[&user.data[..]];
            if std::mem::replace(&mut seen[token], true) || !self.put[token].1 {
                continue;
            }
            let own = hash_key::of_partition_key(&user.key);
            let place = user.explicit_hash_key.unwrap_or(own);
            let newest = newest.entry(place).or_default();
            assert!(*newest <= token, "{} of {token} came after {newest}", user.key);
            *newest = token;
        }
    }
}

fn run(seed: u64, trouble: Trouble, rules: Rules, poison: bool) -> World {
    let mut world = World::new(seed, trouble, rules);
    for round in 0..30 {
        for _ in 0..world.rng.random_range(0..40) {
            let number = world.put.len();
            let bytes = match world.rng.random_range(0..20) {
                0 => world.rng.random_range(0..60_000),
                _ => world.rng.random_range(0..200),
            };
            let mut data = format!("{number}:").into_bytes();
            data.resize(data.len() + bytes, b'.');
            world.put(data);
        }
        if poison && round == 7 {
            world.put(POISON.to_vec());
        }
        if world.chance(trouble.split) {
            world.reshard();
        }
        if world.chance(0.1) {
            world.pipeline.flush(world.now);
        }
        let until = world.now + world.rng.random_range(0..150) * MILLI;
        world.run_until(until);
    }
    world.run_dry();
    world.check();
    let facts = world.pipeline.facts();
    world.check_facts(&facts);
    world
}

prop_compose! {
    fn trouble()(
        split in 0.0..0.5, throttle in 0.0..0.4, fail in 0.0..0.1, refuse in 0.0..0.3, lose_request in 0.0..0.2,
        lose_answer in 0.0..0.2, lose_map in 0.0..0.5, calm in any::<bool>(),
    ) -> Trouble {
        let part = if calm { 0.0 } else { 1.0 };
        Trouble {
            split,
            throttle: throttle * part,
            fail: fail * part,
            refuse: refuse * part,
            lose_request: lose_request * part,
            lose_answer: lose_answer * part,
            lose_map: lose_map * part,
        }
    }
}

proptest! {
    // A case is some hundred records.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_each_record_has_its_outcome(
        seed in any::<u64>(),
        trouble in trouble(),
        aggregate in prop::bool::weighted(0.8),
        poison in any::<bool>(),
        ttl in prop::option::of(1..40u64),
        rate_percent in prop::option::of(50..300u32),
        fail_if_throttled in prop::bool::weighted(0.1),
        requests_max in 1..8usize,
        aggregate_records_max in prop::sample::select(vec![1, 2, 10, usize::MAX]),
        request_records_max in 1..60usize,
    ) {
        let rules = Rules {
            aggregate,
            aggregate_records_max,
            request_records_max,
            request_bytes_max: 100_000,
            ttl: ttl.map(|seconds| seconds * SECOND),
            rate_percent,
            fail_if_throttled,
            requests_max,
            seed,
            ..rules()
        };
        run(seed, trouble, rules, poison);
    }
}

/// The next request, and the time at which it is sent.
fn next_request(pipeline: &mut Pipeline<usize>, now: &mut Micros) -> Outgoing {
    loop {
        match pipeline.step(*now) {
            Step::Send(outgoing) => return outgoing,
            Step::Wait(Some(at)) => *now = at,
            step @ (Step::ListShards | Step::Wait(None)) => panic!("no request but {step:?}"),
        }
    }
}

fn shard(id: &str, range: HashKeyRange) -> OpenShard {
    OpenShard { id: id.into(), range }
}

fn stored_by(shard: &str, outgoing: &Outgoing) -> Answer {
    let stored = |_: &OutgoingRecord| RecordAnswer::Stored {
        shard: shard.into(),
        sequence_number: "1".into(),
    };
    Answer::Records(outgoing.records.iter().map(stored).collect())
}

/// A pipeline that has been told of one shard, `a`, with two records in it.
fn with_two_records() -> Pipeline<usize> {
    let mut pipeline = Pipeline::new(rules());
    pipeline.put_now(given(0, "k0", b"zero", false), 0);
    assert!(matches!(pipeline.step(0), Step::ListShards));
    pipeline.on_shards(vec![shard("a", HashKeyRange::FULL)], 1);
    pipeline.put_now(given(1, "k1", b"one", false), 2);
    pipeline
}

#[test]
fn records_go_by_themselves_until_the_shards_are_known() {
    let mut pipeline = Pipeline::new(rules());
    let mut now = 0;
    for token in 0..3 {
        pipeline.put_now(given(token, "k", b"data", false), now);
    }
    assert!(matches!(pipeline.step(now), Step::ListShards));
    let outgoing = next_request(&mut pipeline, &mut now);
    assert_eq!((outgoing.records.len(), now), (3, 100 * MILLI), "nobody waits for the map");
    pipeline.on_answer(outgoing.id, stored_by("a", &outgoing), now);

    let mut now = 0;
    let mut pipeline = with_two_records();
    let outgoing = next_request(&mut pipeline, &mut now);
    assert_eq!((outgoing.records.len(), now), (1, 100 * MILLI));
    let aggregate = Aggregate::parse(&outgoing.records[0].data).expect("an aggregate");
    assert_eq!(aggregate.len(), 2);
    assert_eq!(&*outgoing.records[0].partition_key, "a");
    let placed_by = hash_key::of_partition_key("k0");
    assert_eq!(outgoing.records[0].explicit_hash_key, Some(placed_by));
}

#[test]
fn an_aggregate_that_a_shard_took_without_holding_it_is_sent_again_by_the_newest_map() {
    for ranges in [
        // The children are known after the answer.
        vec![
            shard("b", HashKeyRange { start: 0, end_inclusive: 9 }),
            shard("c", HashKeyRange { start: 10, end_inclusive: u128::MAX }),
        ],
        // They were merged again before anybody looked: `b` is never heard of.
        vec![shard("d", HashKeyRange::FULL)],
    ] {
        let mut pipeline = with_two_records();
        let mut now = 0;
        let outgoing = next_request(&mut pipeline, &mut now);
        pipeline.on_answer(outgoing.id, stored_by("b", &outgoing), now + 1);
        assert!(pipeline.settled().is_empty(), "it is not known whether b holds both");
        assert!(matches!(pipeline.step(now + 1), Step::ListShards));
        pipeline.on_shards(ranges.clone(), now + 2);
        now += 2;
        let outgoing = next_request(&mut pipeline, &mut now);
        let aggregate = Aggregate::parse(&outgoing.records[0].data).expect("an aggregate");
        assert_eq!((outgoing.records.len(), aggregate.len()), (1, 2));
        let holder = if ranges.len() == 1 { "d" } else { "c" };
        pipeline.on_answer(outgoing.id, stored_by(holder, &outgoing), now);
        for (_, Told { result, past }) in told(&mut pipeline) {
            assert!(result.is_ok() && past.may_be_stored);
            assert_eq!(&*past.failed.kept[0].error.code, "Wrong Shard");
        }
        assert_eq!((pipeline.counts.possible_duplicates, pipeline.pending()), (2, 0));
    }
}

#[test]
fn records_whose_aggregates_always_come_to_a_wrong_shard_go_by_themselves() {
    let mut pipeline = with_two_records();
    let mut now = 0;
    let shards = |wrong: &str| {
        let rest = HashKeyRange { start: 10, end_inclusive: u128::MAX };
        vec![shard(wrong, HashKeyRange { start: 0, end_inclusive: 9 }), shard("right", rest)]
    };
    for wrong in ["b", "c", "d"] {
        let outgoing = next_request(&mut pipeline, &mut now);
        assert_eq!(outgoing.records.len(), 1, "they are in an aggregate before {wrong}");
        pipeline.on_answer(outgoing.id, stored_by(wrong, &outgoing), now);
        assert!(matches!(pipeline.step(now), Step::ListShards));
        pipeline.on_shards(shards(wrong), now);
    }
    let outgoing = next_request(&mut pipeline, &mut now);
    assert_eq!(outgoing.records.len(), 2);
    assert!(outgoing.records.iter().all(|record| Aggregate::parse(&record.data).is_none()));
    pipeline.on_answer(outgoing.id, stored_by("d", &outgoing), now);
    assert_eq!((pipeline.counts.stored, pipeline.counts.possible_duplicates), (2, 2));
}

#[test]
fn an_aggregate_in_a_child_that_holds_all_of_it_is_stored() {
    let mut pipeline = with_two_records();
    let mut now = 0;
    let outgoing = next_request(&mut pipeline, &mut now);
    pipeline.on_answer(outgoing.id, stored_by("b", &outgoing), now);
    assert!(matches!(pipeline.step(now), Step::ListShards));
    pipeline.on_shards(vec![shard("b", HashKeyRange::FULL)], now);
    assert_eq!((pipeline.counts.stored, pipeline.counts.possible_duplicates), (2, 0));
}

#[test]
fn one_bad_record_does_not_take_the_others_with_it() {
    let mut pipeline = Pipeline::new(Rules { aggregate: false, ..rules() });
    let mut now = 0;
    for token in 0..5 {
        pipeline.put_now(given(token, "k", b"data", false), now);
    }
    pipeline.step(now);
    let outgoing = next_request(&mut pipeline, &mut now);
    let reason = Reason { code: "ValidationException".into(), message: "no".into() };
    let invalid = Answer::Failed(Failure { reason, fault: Fault::Invalid });
    pipeline.on_answer(outgoing.id, invalid.clone(), now);
    for number in 0..5 {
        let outgoing = next_request(&mut pipeline, &mut now);
        assert_eq!(outgoing.records.len(), 1);
        let answer = if number == 2 { invalid.clone() } else { stored_by("a", &outgoing) };
        pipeline.on_answer(outgoing.id, answer, now);
    }
    let settled = told(&mut pipeline);
    assert_eq!((pipeline.counts.stored, pipeline.counts.failed), (4, 1));
    let failed = settled.iter().find(|(_, told)| told.result.is_err());
    let Some((2, Told { result: Err(Why::Invalid), .. })) = failed else { panic!("{settled:?}") };
}

#[test]
fn an_aggregate_of_an_unknown_shard_has_an_outcome_though_the_shards_cannot_be_listed() {
    let mut pipeline = with_two_records();
    let mut now = 0;
    let outgoing = next_request(&mut pipeline, &mut now);
    pipeline.on_answer(outgoing.id, stored_by("b", &outgoing), now);
    assert!(matches!(pipeline.step(now), Step::ListShards));
    pipeline.on_shards_failed(now);
    let outgoing = next_request(&mut pipeline, &mut now);
    assert_eq!(outgoing.records.len(), 2, "one by one");
    pipeline.on_answer(outgoing.id, stored_by("b", &outgoing), now);
    assert_eq!((pipeline.counts.possible_duplicates, pipeline.pending()), (2, 0));
}

#[test]
fn requests_that_fail_together_count_once() {
    let mut pipeline = Pipeline::new(Rules { request_records_max: 1, ..rules() });
    let mut now = 0;
    (0..20).for_each(|token| pipeline.put_now(given(token, "k", b"data", false), 0));
    pipeline.step(now);
    let sent: Vec<_> = (0..20).map(|_| next_request(&mut pipeline, &mut now)).collect();
    let reason = Reason { code: "Unreachable".into(), message: "no".into() };
    for outgoing in &sent {
        let failed = Failure { reason: reason.clone(), fault: Fault::NothingStored };
        pipeline.on_answer(outgoing.id, Answer::Failed(failed), now);
    }
    let failed_at = now;
    next_request(&mut pipeline, &mut now);
    assert!(now - failed_at <= 100 * MILLI, "{} µs", now - failed_at);
    assert!(matches!(pipeline.step(now), Step::Wait(_)), "one tries at first");
}

#[test]
fn lanes_that_are_held_by_their_pace_meet_in_one_request() {
    let rules = Rules { aggregate: false, rate_percent: Some(100), ..rules() };
    let mut pipeline = Pipeline::new(rules);
    let mut now = 0;
    pipeline.put_now(given(0, "k", b"data", false), 0);
    pipeline.step(now);
    let ranges = hash_key::uniform_ranges(8).into_iter().enumerate();
    let shards = ranges.map(|(number, range)| shard(&format!("s{number}"), range)).collect();
    pipeline.on_shards(shards, 0);
    // Far more than the shards take.
    (1..40_000).for_each(|token| {
        pipeline.put_now(given(token, &format!("key-{token}"), b"data", false), 0);
    });
    let mut sizes = Vec::new();
    while now < 3 * SECOND {
        let outgoing = next_request(&mut pipeline, &mut now);
        sizes.push(outgoing.records.len());
        let answer = |record: &OutgoingRecord| {
            let at = hash_key::of_partition_key(&record.partition_key);
            let number = hash_key::uniform_ranges(8).iter().position(|range| range.contains(at));
            let shard = format!("s{}", number.expect("covered")).into();
            RecordAnswer::Stored { shard, sequence_number: "1".into() }
        };
        let answers = outgoing.records.iter().map(answer).collect();
        pipeline.on_answer(outgoing.id, Answer::Records(answers), now);
    }
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!(mean > 150, "{mean} records a request");
}

/// What waits for a key is not looked through again and again.
#[test]
fn a_long_queue_of_one_key_costs_what_it_has() {
    let rules = Rules { aggregate: false, ttl: None, ..rules() };
    let mut pipeline = Pipeline::new(rules);
    let mut now = 0;
    let count = 20_000;
    for token in 0..count {
        pipeline.put_now(given(token, "k", b"data", true), 0);
    }
    pipeline.step(now);
    pipeline.on_shards(vec![shard("a", HashKeyRange::FULL)], 0);
    pipeline.flush(now);
    for token in 0..count {
        let outgoing = next_request(&mut pipeline, &mut now);
        assert_eq!(outgoing.records.len(), 1, "one at a time");
        pipeline.on_answer(outgoing.id, stored_by("a", &outgoing), now);
        let settled = told(&mut pipeline);
        assert_eq!((settled.len(), settled[0].0), (1, token));
    }
}
