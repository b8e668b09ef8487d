//! Shards as the tests look at them.

use anabranch_engine::{Engine, Scope, ShardPageRequest, StreamRef};
use anabranch_model::Shard;
use anabranch_model::shard_filter::ShardFilter;

/// All shards of a stream that pass a filter.
pub(crate) fn list(engine: &Engine, scope: &Scope, name: &str, filter: ShardFilter) -> Vec<Shard> {
    let stream = engine.named(StreamRef { scope: scope.clone(), name: name.into() });
    let first = ShardPageRequest::First {
        stream: &stream,
        after: None,
        filter,
        limit: None,
        created_secs: None,
    };
    let page = engine.control.list_shards(scope, &first).expect("a page");
    assert!(page.next_token.is_none(), "few shards");
    page.shards.iter().map(|slot| slot.shard.clone()).collect()
}

/// Fails unless every hash key belongs to exactly one of the shards.
pub(crate) fn assert_covers_ring(shards: &[Shard]) {
    let mut ranges: Vec<_> = shards.iter().map(|shard| shard.range).collect();
    ranges.sort_by_key(|range| range.start);
    let ends = ranges.first().zip(ranges.last()).map(|(a, b)| (a.start, b.end_inclusive));
    assert_eq!(ends, Some((0, u128::MAX)), "{shards:?}");
    for pair in ranges.windows(2) {
        assert_eq!(pair[0].end_inclusive + 1, pair[1].start, "{shards:?}");
    }
}
