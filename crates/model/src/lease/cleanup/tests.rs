use super::*;
use crate::lease::checkpoint::Checkpoint;
use Checkpoint::{AtTimestamp, Latest, ShardEnd, TrimHorizon};

const MIDDLE: u128 = 1 << 127;

fn lower() -> HashKeyRange {
    HashKeyRange { start: 0, end_inclusive: MIDDLE - 1 }
}

fn upper() -> HashKeyRange {
    HashKeyRange { start: MIDDLE, end_inclusive: u128::MAX }
}

fn lease(name: &str, parents: &[&str], range: HashKeyRange, checkpoint: Checkpoint) -> Lease {
    Lease {
        parents: parents.iter().map(|parent| ShardName::from(*parent)).collect(),
        range: Some(range),
        ..Lease::new(name.into(), checkpoint)
    }
}

fn shard(name: &str, parents: &[&str], range: HashKeyRange) -> ListedShard {
    let parents = parents.iter().map(|parent| ShardName::from(*parent)).collect();
    ListedShard { name: name.into(), parents, range, is_open: true }
}

fn split(a: Checkpoint, b: Checkpoint, c: Checkpoint) -> Vec<Lease> {
    vec![
        lease("a", &[], HashKeyRange::FULL, a),
        lease("b", &["a"], lower(), b),
        lease("c", &["a"], upper(), c),
    ]
}

#[test]
fn a_parent_goes_when_its_children_have_begun() {
    for (rows, goes) in [
        (split(ShardEnd, Latest, Latest), true),
        (split(ShardEnd, ShardEnd, Latest), true),
        (split(ShardEnd, TrimHorizon, Latest), false),
        (split(ShardEnd, Latest, AtTimestamp), false),
        (split(Latest, Latest, Latest), false),
        // One child has no lease.
        (split(ShardEnd, Latest, Latest)[..2].to_vec(), false),
        (split(ShardEnd, Latest, Latest)[..1].to_vec(), false),
    ] {
        let expected: Vec<LeaseKey> = if goes { vec!["a".into()] } else { vec![] };
        assert_eq!(finished(&rows, &[]), expected, "{rows:?}");
    }
}

#[test]
fn rows_without_ranges_say_what_came_of_them() {
    let bare = |mut lease: Lease| {
        lease.range = None;
        lease
    };
    let mut rows: Vec<Lease> = split(ShardEnd, Latest, Latest).into_iter().map(bare).collect();
    assert_eq!(finished(&rows, &[]), ["a".into()]);
    rows[0].children = ["b".into(), "c".into(), "d".into()].into();
    assert_eq!(finished(&rows, &[]), []);
    let childless = [bare(lease("a", &[], HashKeyRange::FULL, ShardEnd))];
    assert_eq!(finished(&childless, &[]), []);
}

#[test]
fn generations_go_one_after_the_other() {
    let mut rows = split(ShardEnd, ShardEnd, ShardEnd);
    rows.push(lease("d", &["b", "c"], HashKeyRange::FULL, Latest));
    assert_eq!(finished(&rows, &[]), ["a".into()]);
    rows.remove(0);
    assert_eq!(finished(&rows, &[]), ["b".into(), "c".into()]);
}

#[test]
fn one_parent_of_a_merged_shard_waits_for_the_other() {
    let merged = lease("c", &["a", "b"], HashKeyRange::FULL, TrimHorizon);
    let rows = [lease("a", &[], lower(), ShardEnd), lease("b", &[], upper(), Latest), merged];
    assert_eq!(finished(&rows, &[]), []);
}

#[test]
fn leases_of_vanished_shards_go_when_others_read_their_hash_keys() {
    let listed = [shard("b", &["a"], lower()), shard("c", &["a"], upper())];
    // It expired before it was read to its end.
    assert_eq!(vanished(&split(Latest, TrimHorizon, TrimHorizon), &listed), ["a".into()]);
    // Its children are to be made first.
    assert_eq!(vanished(&split(Latest, Latest, Latest)[..2], &listed), []);
    assert_eq!(vanished(&split(Latest, Latest, Latest)[..1], &listed), []);
    assert_eq!(vanished(&split(Latest, Latest, Latest), &[]), []);
    // A hole elsewhere: nothing is touched before it is closed.
    let mut holed = split(Latest, Latest, Latest);
    holed[2].checkpoint = ShardEnd;
    assert_eq!(vanished(&holed, &listed), []);
}
