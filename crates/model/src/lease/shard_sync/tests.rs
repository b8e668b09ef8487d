use super::*;
use crate::hash_key::uniform_ranges;
use crate::lease::cleanup;
use proptest::prelude::*;

fn plan(initial: InitialPosition) -> Plan {
    Plan { stream: None, initial, has_entity: false }
}

fn shard(name: &str, parents: &[&str], range: HashKeyRange, is_open: bool) -> ListedShard {
    let parents = parents.iter().map(|parent| ShardName::from(*parent)).collect();
    ListedShard { name: name.into(), parents, range, is_open }
}

fn quarters() -> [HashKeyRange; 4] {
    uniform_ranges(4).try_into().expect("four")
}

fn join(low: HashKeyRange, high: HashKeyRange) -> HashKeyRange {
    HashKeyRange { start: low.start, end_inclusive: high.end_inclusive }
}

/// `a` was split into `b` and `c`, then `c` and `d` were merged to `e`; `d` was there from the
/// beginning, as `f` is.
fn family() -> Vec<ListedShard> {
    let [q0, q1, q2, q3] = quarters();
    vec![
        shard("a", &[], join(q0, q1), false),
        shard("d", &[], q2, false),
        shard("f", &[], q3, true),
        shard("b", &["a"], q0, true),
        shard("c", &["a"], q1, false),
        shard("e", &["c", "d"], join(q1, q2), true),
    ]
}

fn leases(at: &[(&str, Checkpoint)]) -> Vec<Lease> {
    let all = family();
    let lease = |(name, checkpoint): &(&str, Checkpoint)| {
        let shard = all.iter().find(|shard| shard.name.as_str() == *name).expect("in the family");
        plan(InitialPosition::Latest).lease(shard, checkpoint.clone())
    };
    at.iter().map(lease).collect()
}

fn missing(initial: InitialPosition, at: &[(&str, Checkpoint)]) -> Vec<String> {
    let made = missing_leases(&plan(initial), &family(), &leases(at));
    made.iter().map(|lease| format!("{} {}", lease.key, lease.checkpoint)).collect()
}

#[test]
fn an_application_begins_with_the_shards_of_its_position() {
    let frontier: Vec<ListedShard> = family()
        .into_iter()
        .filter(|shard| ["a", "d", "f"].contains(&shard.name.as_str()))
        .collect();
    let made = first_leases(&plan(InitialPosition::AtTimestamp), &frontier).expect("covered");
    assert_eq!(made.len(), 3);
    assert!(made.iter().all(|lease| lease.checkpoint == Checkpoint::AtTimestamp));
    let [_, _, q2, _] = quarters();
    let holed = [frontier[0].clone(), frontier[2].clone()];
    let refused = first_leases(&plan(InitialPosition::Latest), &holed);
    assert_eq!(refused, Err(Uncovered { hole: q2 }));
}

#[test]
fn many_streams_have_their_name_in_the_lease() {
    let stream = StreamKey { account: "1".into(), stream: "s".into(), created_secs: 5 };
    let plan = Plan { stream: Some(stream), initial: InitialPosition::Latest, has_entity: true };
    let made = first_leases(&plan, &[shard("x", &[], HashKeyRange::FULL, true)]).expect("covered");
    assert_eq!(made[0].key.as_str(), "1:s:5:x");
    assert_eq!((made[0].stream.as_deref(), made[0].shard_name().as_str()), (Some("1:s:5"), "x"));
    assert!(made[0].has_entity);
    // A shard of the same name of another stream is another shard.
    let others = leases(&[("f", Checkpoint::Latest)]);
    assert_eq!(missing_leases(&plan, &[family()[2].clone()], &others).len(), 1);
}

#[test]
fn what_came_of_a_lease_is_read_from_its_beginning() {
    use Checkpoint::{Latest, ShardEnd, TrimHorizon};
    for initial in
        [InitialPosition::Latest, InitialPosition::TrimHorizon, InitialPosition::AtTimestamp]
    {
        let all = [("a", Latest), ("d", Latest), ("f", Latest)];
        let children = ["b TRIM_HORIZON", "c TRIM_HORIZON", "e TRIM_HORIZON"];
        assert_eq!(missing(initial, &all), children);
        let some = [("a", ShardEnd), ("b", TrimHorizon), ("d", Latest), ("f", Latest)];
        assert_eq!(missing(initial, &some), ["c TRIM_HORIZON", "e TRIM_HORIZON"]);
        // What an open shard came from was read.
        assert_eq!(
            missing(initial, &[("b", Latest), ("e", TrimHorizon), ("f", Latest)]),
            Vec::<String>::new()
        );
    }
}

#[test]
fn where_nothing_began_the_initial_position_holds() {
    use Checkpoint::Latest;
    let only_f = [("f", Latest)];
    assert_eq!(missing(InitialPosition::Latest, &only_f), ["b LATEST", "e LATEST"]);
    let all = |at: &str| ["a", "b", "c", "d", "e"].map(|name| format!("{name} {at}"));
    assert_eq!(missing(InitialPosition::TrimHorizon, &only_f), all("TRIM_HORIZON"));
    assert_eq!(missing(InitialPosition::AtTimestamp, &only_f), all("AT_TIMESTAMP"));
    // A merged shard's other parent has not begun: it comes first, and is read from its position.
    let half = [("a", Latest), ("f", Latest)];
    assert_eq!(
        missing(InitialPosition::AtTimestamp, &half),
        ["b TRIM_HORIZON", "c TRIM_HORIZON", "d AT_TIMESTAMP", "e TRIM_HORIZON"]
    );
}

#[test]
fn a_list_from_before_a_split_makes_nothing_again() {
    // The parent's lease is gone already, and the list does not have its children yet.
    let [q0, q1, ..] = quarters();
    let old = [shard("a", &[], join(q0, q1), true)];
    let rows = leases(&[("b", Checkpoint::Latest), ("c", Checkpoint::Latest)]);
    for initial in [InitialPosition::Latest, InitialPosition::TrimHorizon] {
        assert_eq!(missing_leases(&plan(initial), &old, &rows), []);
    }
}

#[test]
fn children_are_made_at_the_end_of_their_parent() {
    let all = family();
    let plan = plan(InitialPosition::Latest);
    let rows = leases(&[("a", Checkpoint::Latest), ("d", Checkpoint::Latest)]);
    let made = child_leases(&plan, &rows[0], &all[3..5], &rows).expect("a's alone");
    assert_eq!(made.iter().map(|lease| lease.key.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert!(made.iter().all(|lease| lease.checkpoint == Checkpoint::TrimHorizon));
    assert_eq!(made[1].parents, ["a".into()].into());

    let merged = &all[5..];
    assert_eq!(
        child_leases(&plan, &rows[1], merged, &rows),
        Err(UnknownParent { child: "e".into(), parent: "c".into() })
    );
    let both = [rows, made].concat();
    assert_eq!(child_leases(&plan, &both[1], merged, &both).expect("both").len(), 1);
    let with_child = leases(&[("d", Checkpoint::Latest), ("e", Checkpoint::TrimHorizon)]);
    assert_eq!(child_leases(&plan, &with_child[0], merged, &with_child), Ok(vec![]));
}

#[test]
fn a_merged_shard_waits_for_both_parents() {
    use Checkpoint::{Latest, ShardEnd, TrimHorizon};
    for (c, d, may) in [
        (Some(Latest), Some(Latest), false),
        (Some(ShardEnd), Some(Latest), false),
        (Some(Latest), Some(ShardEnd), false),
        (Some(ShardEnd), Some(ShardEnd), true),
        (None, Some(ShardEnd), true),
        (None, Some(TrimHorizon), false),
        (None, None, true),
    ] {
        let at = [Some(("e", TrimHorizon)), c.map(|c| ("c", c)), d.map(|d| ("d", d))];
        let rows = leases(&at.into_iter().flatten().collect::<Vec<_>>());
        let find = |shard: &ShardName| rows.iter().find(|lease| lease.shard_name() == *shard);
        assert_eq!(may_be_read(&rows[0], find), may, "{rows:?}");
    }
}

/// The name of the `n`th shard. Later ones come first in the order of names, which means nothing.
fn nth(n: usize) -> ShardName {
    ShardName(format!("{:03}", 900 - n))
}

/// A stream of some reshards, each made by two numbers.
fn any_stream() -> impl Strategy<Value = Vec<ListedShard>> {
    proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..12).prop_map(
        |reshards| {
            let ranges = uniform_ranges(3);
            let mut shards: Vec<ListedShard> = Vec::new();
            for range in ranges {
                shards.push(shard(nth(shards.len()).as_str(), &[], range, true));
            }
            for (is_split, index) in reshards {
                let mut open: Vec<usize> =
                    (0..shards.len()).filter(|i| shards[*i].is_open).collect();
                open.sort_by_key(|i| shards[*i].range.start);
                let at = index.index(open.len());
                let parent = shards[open[at]].clone();
                if is_split {
                    shards[open[at]].is_open = false;
                    let HashKeyRange { start, end_inclusive } = parent.range;
                    let middle = start + (end_inclusive - start) / 2;
                    for range in [
                        HashKeyRange { start, end_inclusive: middle },
                        HashKeyRange { start: middle + 1, end_inclusive },
                    ] {
                        let parents = vec![parent.name.clone()];
                        let name = nth(shards.len());
                        shards.push(ListedShard { name, parents, range, is_open: true });
                    }
                } else if at + 1 < open.len() {
                    let upper = shards[open[at + 1]].clone();
                    shards[open[at]].is_open = false;
                    shards[open[at + 1]].is_open = false;
                    shards.push(ListedShard {
                        name: nth(shards.len()),
                        range: join(parent.range, upper.range),
                        parents: vec![parent.name, upper.name],
                        is_open: true,
                    });
                }
            }
            shards
        },
    )
}

fn any_initial() -> impl Strategy<Value = InitialPosition> {
    prop_oneof![
        Just(InitialPosition::Latest),
        Just(InitialPosition::TrimHorizon),
        Just(InitialPosition::AtTimestamp)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// However few leases there are, and wherever the making is cut off: all open shards get
    /// one, and none comes before those of its parents.
    #[test]
    fn sync_leaves_no_hole_and_no_child_before_its_parent(
        shards in any_stream(),
        initial in any_initial(),
        keep in proptest::collection::vec(any::<bool>(), 40),
        cut in any::<prop::sample::Index>(),
    ) {
        let plan = plan(initial);
        // Leases of any shards that an order of making allows: with each its descendants missing
        // or not, but no child of a kept one without its kept parent is asked for here.
        let kept: Vec<Lease> = shards.iter().zip(&keep).filter(|(_, keep)| **keep)
            .map(|(shard, _)| plan.lease(shard, Checkpoint::TrimHorizon)).collect();
        let made = missing_leases(&plan, &shards, &kept);
        let mut seen: BTreeSet<ShardName> = BTreeSet::new();
        let names: BTreeSet<ShardName> = made.iter().map(Lease::shard_name).collect();
        for lease in &made {
            for parent in lease.parents.iter().filter(|parent| names.contains(*parent)) {
                prop_assert!(seen.contains(parent), "{} before {}", lease.key, parent);
            }
            prop_assert!(seen.insert(lease.shard_name()), "{} twice", lease.key);
        }
        let all = [kept.clone(), made.clone()].concat();
        // A kept lease of a closed shard whose descendants are kept may stand for nothing; every
        // open shard has a lease, or something that came of it would have.
        for shard in shards.iter().filter(|shard| shard.is_open) {
            prop_assert!(all.iter().any(|lease| lease.shard_name() == shard.name));
        }
        prop_assert_eq!(hole::lowest(&all, &shards), None);
        prop_assert_eq!(missing_leases(&plan, &shards, &all), vec![]);
        // Cut off anywhere and done again, the same leases are there.
        let first = &made[..cut.index(made.len() + 1)];
        let half = [kept, first.to_vec()].concat();
        let mut again: BTreeSet<ShardName> =
            missing_leases(&plan, &shards, &half).iter().map(Lease::shard_name).collect();
        again.extend(first.iter().map(Lease::shard_name));
        prop_assert_eq!(again, names);
    }

    /// Reading a stream to its end leaves leases of open shards alone, whatever the order in
    /// which shards end and are cleaned away, and sync adds nothing on the way.
    #[test]
    fn reading_and_cleaning_opens_no_hole(
        shards in any_stream(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 120),
    ) {
        let plan = plan(InitialPosition::TrimHorizon);
        let frontier: Vec<ListedShard> =
            shards.iter().filter(|shard| shard.parents.is_empty()).cloned().collect();
        let mut rows = first_leases(&plan, &frontier).expect("covered");
        for choice in order {
            let find = |shard: &ShardName| rows.iter().find(|lease| lease.shard_name() == *shard);
            let readable: Vec<usize> = (0..rows.len())
                .filter(|i| !rows[*i].is_complete() && may_be_read(&rows[*i], find)).collect();
            let at = readable[choice.index(readable.len())];
            let name = rows[at].shard_name();
            let listed = shards.iter().find(|shard| shard.name == name).expect("listed");
            if listed.is_open {
                rows[at].checkpoint = Checkpoint::Latest;
            } else {
                let children: Vec<ListedShard> =
                    shards.iter().filter(|shard| shard.parents.contains(&name)).cloned().collect();
                match child_leases(&plan, &rows[at], &children, &rows) {
                    Ok(made) => rows.extend(made),
                    Err(_) => rows.extend(missing_leases(&plan, &shards, &rows)),
                }
                rows[at].checkpoint = Checkpoint::ShardEnd;
            }
            prop_assert_eq!(hole::lowest(&rows, &shards), None);
            let finished = cleanup::finished(&rows, &shards);
            rows.retain(|lease| !finished.contains(&lease.key));
            prop_assert_eq!(hole::lowest(&rows, &shards), None);
            let missing = missing_leases(&plan, &shards, &rows);
            prop_assert!(missing.iter().all(|lease| {
                let parents = &lease.parents;
                !parents.is_empty() && lease.checkpoint == Checkpoint::TrimHorizon
            }), "made again: {missing:?}");
        }
    }
}
