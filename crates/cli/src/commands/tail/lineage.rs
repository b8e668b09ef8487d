//! Which shards may be read when: parents before children, each once. Pure.

use std::collections::{HashMap, HashSet};

use aws_sdk_kinesis::types::ChildShard;

/// The shards of a list that no other shard of the list precedes. A parent that is not listed
/// has expired, or ended before the point that the list is about.
pub(crate) fn roots(shards: &[(String, Vec<String>)]) -> Vec<String> {
    let listed: HashSet<&str> = shards.iter().map(|(shard, _)| shard.as_str()).collect();
    shards
        .iter()
        .filter(|(_, parents)| !parents.iter().any(|parent| listed.contains(parent.as_str())))
        .map(|(shard, _)| shard.clone())
        .collect()
}

/// What has been started and what has ended.
///
/// Invariant: a shard is started at most once, and not before every parent that was started
/// or that waits to be started has ended.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    started: HashSet<String>,
    ended: HashSet<String>,
    /// Parents of every shard that is known and was not started yet.
    waiting: HashMap<String, Vec<String>>,
}

impl Lineage {
    /// `first` are started by the caller; `known` lists shards with their parents, as far as
    /// they are known.
    pub(crate) fn new(first: &[String], known: &[(String, Vec<String>)]) -> Self {
        let started: HashSet<String> = first.iter().cloned().collect();
        let waiting = known.iter().filter(|(shard, _)| !started.contains(shard)).cloned().collect();
        Lineage { started, ended: HashSet::new(), waiting }
    }

    /// Notes that a shard has been read to its end and returns the shards to start now.
    pub(crate) fn ended(&mut self, shard: &str, children: &[ChildShard]) -> Vec<String> {
        self.ended.insert(shard.to_owned());
        for child in children {
            if !self.started.contains(child.shard_id()) {
                let parents = child.parent_shards().to_vec();
                self.waiting.insert(child.shard_id().to_owned(), parents);
            }
        }
        let mut ready: Vec<String> = self
            .waiting
            .iter()
            .filter(|(_, parents)| parents.iter().any(|parent| parent == shard))
            .filter(|(_, parents)| parents.iter().all(|parent| self.is_past(parent)))
            .map(|(child, _)| child.clone())
            .collect();
        ready.sort();
        for child in &ready {
            self.waiting.remove(child);
            self.started.insert(child.clone());
        }
        ready
    }

    /// Whether nothing of a parent is still to be read: it has ended, or it is not read at all.
    fn is_past(&self, parent: &str) -> bool {
        self.ended.contains(parent)
            || (!self.started.contains(parent) && !self.waiting.contains_key(parent))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn known(shards: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        shards
            .iter()
            .map(|(shard, parents)| {
                ((*shard).to_owned(), parents.iter().map(|p| (*p).to_owned()).collect())
            })
            .collect()
    }

    fn child(shard: &str, parents: &[&str]) -> ChildShard {
        ChildShard::builder()
            .shard_id(shard)
            .set_parent_shards(Some(parents.iter().map(|p| (*p).to_owned()).collect()))
            .build()
            .unwrap()
    }

    #[test]
    fn starts_with_shards_whose_parents_are_gone() {
        let shards = known(&[("2", &["1"]), ("3", &["2"]), ("4", &["2"]), ("5", &["3", "4"])]);
        assert_eq!(roots(&shards), ["2"]);
    }

    #[test]
    fn a_split_starts_both_children_once() {
        let mut lineage = Lineage::new(&["0".to_owned()], &[]);
        let children = [child("1", &["0"]), child("2", &["0"])];
        assert_eq!(lineage.ended("0", &children), ["1", "2"]);
        assert!(lineage.ended("0", &children).is_empty());
    }

    #[test]
    fn a_merge_waits_for_both_parents() {
        let mut lineage = Lineage::new(&["0".to_owned(), "1".to_owned()], &[]);
        let merged = [child("2", &["0", "1"])];
        assert!(lineage.ended("1", &merged).is_empty());
        assert_eq!(lineage.ended("0", &merged), ["2"]);
    }

    #[test]
    fn a_merge_with_a_shard_that_is_not_read_waits_for_one() {
        let mut lineage = Lineage::new(&["0".to_owned()], &[]);
        assert_eq!(lineage.ended("0", &[child("2", &["0", "1"])]), ["2"]);
    }

    #[test]
    fn the_list_serves_servers_that_do_not_tell_children() {
        let shards = known(&[("0", &[]), ("1", &["0"]), ("2", &["0"]), ("3", &["1", "2"])]);
        let mut lineage = Lineage::new(&roots(&shards), &shards);
        assert_eq!(lineage.ended("0", &[]), ["1", "2"]);
        assert!(lineage.ended("1", &[]).is_empty());
        assert_eq!(lineage.ended("2", &[]), ["3"]);
    }

    #[test]
    fn a_merge_waits_for_a_parent_that_was_not_started_yet() {
        let shards = known(&[("0", &[]), ("1", &[]), ("2", &["0"]), ("3", &["1", "2"])]);
        let mut lineage = Lineage::new(&roots(&shards), &shards);
        assert!(lineage.ended("1", &[]).is_empty());
        assert_eq!(lineage.ended("0", &[]), ["2"]);
        assert_eq!(lineage.ended("2", &[]), ["3"]);
    }
}
