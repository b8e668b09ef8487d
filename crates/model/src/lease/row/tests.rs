use super::*;
use crate::lease::attribute::Problem;
use crate::lease::checkpoint::SequenceDigits;

fn item(pairs: &[(&str, Attribute)]) -> Item {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn shards(names: &[&str]) -> BTreeSet<ShardName> {
    names.iter().map(|name| ShardName::from(*name)).collect()
}

fn full() -> Lease {
    let at = |n: &str, sub| Checkpoint::read(SequenceDigits::parse(n).expect("digits"), sub);
    Lease {
        owner: Some("w1".into()),
        counter: 7,
        owner_switches: 2,
        checkpoint: at("49594189147623985939251953501666965394405037144469929986", 3),
        pending: Some(Pending { at: at("5", 1), state: Some(vec![1, 2]) }),
        parents: shards(&["shardId-000000000001", "shardId-000000000002"]),
        children: shards(&["shardId-000000000004"]),
        range: Some(HashKeyRange { start: 5, end_inclusive: u128::MAX }),
        stream: Some("1:s:2".into()),
        shard: Some("shardId-000000000003".into()),
        throughput_kbps: Some(0.000_747),
        checkpoint_owner: Some("w0".into()),
        has_entity: true,
        others: item(&[("mine", Attribute::Bool(true))]),
        ..Lease::new("1:s:2:shardId-000000000003".into(), Checkpoint::Latest)
    }
}

#[test]
fn every_attribute_comes_back() {
    assert_eq!(Lease::from_item(full().to_item()), Ok(full()));
    let bare = Lease::new("shardId-000000000000".into(), Checkpoint::TrimHorizon);
    assert_eq!(Lease::from_item(bare.to_item()), Ok(bare));
}

#[test]
fn a_new_row_is_the_librarys() {
    let lease = Lease {
        range: Some(HashKeyRange { start: 0, end_inclusive: 99 }),
        ..Lease::new("shardId-000000000000".into(), Checkpoint::TrimHorizon)
    };
    let expected = item(&[
        ("leaseKey", Attribute::text("shardId-000000000000")),
        ("checkpoint", Attribute::text("TRIM_HORIZON")),
        ("checkpointSubSequenceNumber", Attribute::count(0)),
        ("leaseCounter", Attribute::count(0)),
        ("ownerSwitchesSinceCheckpoint", Attribute::count(0)),
        ("startingHashKey", Attribute::text("0")),
        ("endingHashKey", Attribute::text("99")),
    ]);
    assert_eq!(lease.to_item(), expected);
}

#[test]
fn what_the_library_writes_is_understood() {
    let mut row = full().to_item();
    row.insert(name::THROUGHPUT.into(), Attribute::N("7.47E-4".into()));
    // The library's first write of a lease has a number for the prepared state.
    row.insert(name::PENDING_STATE.into(), Attribute::count(0));
    row.insert(name::OWNER.into(), Attribute::text(""));
    let lease = Lease::from_item(row).expect("a lease");
    assert_eq!(lease.throughput_kbps, Some(0.000_747));
    assert_eq!(lease.pending.expect("pending").state, None);
    assert_eq!(lease.owner, None);
}

#[test]
fn says_which_attribute_is_wrong() {
    let wrong = [
        (name::KEY, Attribute::count(1), Problem::Type),
        (name::CHECKPOINT, Attribute::text("TRIM"), Problem::Value),
        (name::CHECKPOINT, Attribute::text(""), Problem::Missing),
        (name::CHECKPOINT, Attribute::Null, Problem::Missing),
        (name::COUNTER, Attribute::N("-1".into()), Problem::Value),
        (name::COUNTER, Attribute::text("1"), Problem::Type),
        (name::PARENTS, Attribute::L(vec![]), Problem::Type),
        (name::HASH_END, Attribute::text("4"), Problem::Value),
        (name::HASH_START, Attribute::text("x"), Problem::Value),
        (name::THROUGHPUT, Attribute::N("NaN".into()), Problem::Value),
        (name::ENTITY, Attribute::text("LEADER"), Problem::Value),
    ];
    for (name, value, problem) in wrong {
        let mut row = full().to_item();
        row.insert(name.into(), value);
        assert_eq!(Lease::from_item(row), Err(BadItem { name, problem }), "{name}");
    }
}

#[test]
fn who_reads_during_a_hand_over_is_the_owner_before() {
    assert_eq!(full().reader(), Some(&"w0".into()));
    assert_eq!(Lease { checkpoint_owner: None, ..full() }.reader(), Some(&"w1".into()));
    assert_eq!(full().shard_name(), "shardId-000000000003".into());
}
