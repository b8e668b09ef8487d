use super::*;
use crate::lease::checkpoint::SequenceDigits;

fn lease() -> Lease {
    Lease {
        owner: Some("a".into()),
        counter: 4,
        owner_switches: 1,
        range: Some(HashKeyRange { start: 0, end_inclusive: 9 }),
        ..Lease::new("shardId-000000000000".into(), Checkpoint::TrimHorizon)
    }
}

fn text(text: &str) -> Attribute {
    Attribute::text(text)
}

fn put(value: Attribute) -> Action {
    Action::Put(value)
}

fn check(write: &Write, expected: &[(&'static str, Expected)], actions: &[(&'static str, Action)]) {
    let Change::Update(made) = &write.change else { panic!("no update: {write:?}") };
    let sorted = |pairs: &[(&'static str, Action)]| {
        let mut pairs = pairs.to_vec();
        pairs.sort_by_key(|(name, _)| *name);
        pairs
    };
    assert_eq!(sorted(made), sorted(actions));
    assert_eq!(write.expected, expected);
    assert_eq!((write.key_name, write.language), ("leaseKey", Language::Legacy));
}

#[test]
fn a_lease_is_made_when_there_is_none() {
    let write = Write::create(&lease());
    assert_eq!(write.expected, [("leaseKey", Expected::Absent)]);
    assert_eq!(write.apply(None), Ok(Some(lease().to_item())));
    assert_eq!(write.apply(Some(&lease().to_item())), Err(Refused { attribute: "leaseKey" }));
}

#[test]
fn a_renewal_moves_the_counter() {
    let four = Expected::Is(Attribute::count(4));
    check(
        &Write::renew(&lease(), None),
        &[("leaseCounter", four.clone()), ("checkpointOwner", Expected::Absent)],
        &[("leaseCounter", put(Attribute::count(5)))],
    );
    check(
        &Write::renew(&Lease { checkpoint_owner: Some("a".into()), ..lease() }, Some(1.0 / 3.0)),
        &[("leaseCounter", four), ("checkpointOwner", Expected::Is(text("a")))],
        &[
            ("leaseCounter", put(Attribute::count(5))),
            ("throughputKBps", put(Attribute::N("0.333333".into()))),
        ],
    );
}

#[test]
fn a_checkpoint_ends_what_was_prepared() {
    let at = Checkpoint::read(SequenceDigits::parse("77").expect("digits"), 3);
    let common = |sequence: &str, sub| {
        vec![
            ("checkpoint", put(text(sequence))),
            ("checkpointSubSequenceNumber", put(Attribute::count(sub))),
            ("leaseCounter", put(Attribute::count(5))),
            ("ownerSwitchesSinceCheckpoint", put(Attribute::count(0))),
            ("startingHashKey", put(text("0"))),
            ("endingHashKey", put(text("9"))),
        ]
    };
    let expected = [("leaseCounter", Expected::Is(Attribute::count(4)))];
    let gone = [
        ("pendingCheckpoint", Action::Delete),
        ("pendingCheckpointSubSequenceNumber", Action::Delete),
        ("pendingCheckpointState", Action::Delete),
    ];
    let actions = [common("77", 3), gone.to_vec()].concat();
    let write = Write::checkpoint(&lease(), &at).expect("further");
    check(&write, &expected, &actions);
    let further = write.made_on(&lease()).expect("made");
    assert_eq!(Write::checkpoint(&further, &Checkpoint::Latest), None);
    assert!(Write::checkpoint(&further, &at).is_some());

    let nobody = [("leaseOwner", Action::Delete), ("checkpointOwner", Action::Delete)];
    let actions = [common("LATEST", 0), gone.to_vec(), nobody.to_vec()].concat();
    check(&Write::reset(&lease(), &Checkpoint::Latest), &expected, &actions);

    let pending = Pending { at, state: Some(vec![9]) };
    let prepared = [
        ("pendingCheckpoint", put(text("77"))),
        ("pendingCheckpointSubSequenceNumber", put(Attribute::count(3))),
        ("pendingCheckpointState", put(Attribute::B(vec![9]))),
    ];
    let actions = [common("TRIM_HORIZON", 0), prepared.to_vec()].concat();
    check(&Write::prepare(&lease(), &pending), &expected, &actions);
}

#[test]
fn the_owner_changes_under_the_librarys_conditions() {
    let counter = ("leaseCounter", Expected::Is(Attribute::count(4)));
    let key = ("leaseKey", Expected::IsPresent(text("shardId-000000000000")));
    let owned = [
        ("leaseOwner", Expected::Is(text("a"))),
        ("checkpointOwner", Expected::Absent),
        key.clone(),
    ];
    let to_b = vec![("leaseOwner", put(text("b"))), ("checkpointOwner", Action::Delete)];
    let switch = vec![("ownerSwitchesSinceCheckpoint", Action::Add(1))];
    let b = WorkerId::from("b");

    let next = vec![("leaseCounter", put(Attribute::count(5)))];
    let taken = [to_b.clone(), next, switch.clone()].concat();
    check(&Write::take(&lease(), &b), &[counter], &taken);

    let add = vec![("leaseCounter", Action::Add(1))];
    let assigned = [to_b.clone(), add.clone(), switch].concat();
    check(&Write::assign(&lease(), &b), &owned, &assigned);

    let free = Lease { owner: None, ..lease() };
    let unowned = [("leaseOwner", Expected::Absent), ("checkpointOwner", Expected::Absent), key];
    check(&Write::assign(&free, &b), &unowned, &[to_b, add.clone()].concat());

    check(
        &Write::start_hand_over(&lease(), &b).expect("owned by another"),
        &owned,
        &[("leaseOwner", put(text("b"))), ("checkpointOwner", put(text("a")))],
    );
    assert_eq!(Write::start_hand_over(&free, &b), None);
    assert_eq!(Write::start_hand_over(&lease(), &"a".into()), None);

    let nobody = vec![("leaseOwner", Action::Delete), ("checkpointOwner", Action::Delete)];
    check(&Write::give_up(&lease()), &owned[..2], &[nobody, add.clone()].concat());
    let handing = Lease { owner: Some("b".into()), checkpoint_owner: Some("a".into()), ..lease() };
    assert_eq!(Write::start_hand_over(&handing, &"c".into()), None);
    check(
        &Write::give_up(&handing),
        &[("leaseOwner", Expected::Is(text("b"))), ("checkpointOwner", Expected::Is(text("a")))],
        &[vec![("checkpointOwner", Action::Delete)], add].concat(),
    );
}

#[test]
fn an_update_leaves_what_it_does_not_name() {
    let mut row = lease().to_item();
    row.insert("mine".into(), Attribute::Bool(true));
    let after = Write::take(&lease(), &"b".into()).apply(Some(&row)).expect("holds").expect("row");
    assert_eq!(after.get("mine"), Some(&Attribute::Bool(true)));
    assert_eq!(after.get("leaseCounter"), Some(&Attribute::count(5)));
    assert_eq!(after.get("ownerSwitchesSinceCheckpoint"), Some(&Attribute::count(2)));
    assert_eq!(
        Write::take(&lease(), &"c".into()).apply(Some(&after)),
        Err(Refused { attribute: "leaseCounter" })
    );
}

#[test]
fn a_row_that_is_gone_does_not_come_back() {
    let b = WorkerId::from("b");
    let free = Lease { owner: None, ..lease() };
    for write in [
        Write::renew(&lease(), None),
        Write::checkpoint(&lease(), &Checkpoint::ShardEnd).expect("further"),
        Write::reset(&lease(), &Checkpoint::Latest),
        Write::take(&free, &b),
        Write::assign(&free, &b),
        Write::start_hand_over(&lease(), &b).expect("owned by another"),
        Write::give_up(&lease()),
        Write::set_range(&lease().key, HashKeyRange::FULL),
    ] {
        assert!(write.apply(None).is_err(), "{write:?}");
    }
    assert_eq!(Write::delete(&lease().key).apply(Some(&lease().to_item())), Ok(None));
}
