//! What can be read, against the model.

use super::{World, group_of, request};
use crate::ReadError;
use crate::format::record::Records;
use crate::tests::model::plain::Record;
use rand::Rng;
use std::collections::BTreeMap;

impl World {
    /// Compares everything that can be read with the model.
    pub(in crate::tests::model) fn check(&mut self) {
        if self.disk.is_out_of_descriptors() {
            // Segments cannot be opened.
            return;
        }
        for shard in 0..self.model.shards.len() as u64 {
            let found = self.read_all(shard, 0);
            self.compare(shard, &found, 0);
            let told_ms = self.host.state.lock().told_ms[group_of(shard)];
            if told_ms > 0 && !self.model.shards[shard as usize].is_dropped {
                let found = self.read_all(shard, told_ms);
                self.compare(shard, &found, told_ms);
            }
        }
    }

    fn compare(&self, shard: u64, found: &BTreeMap<u64, Record>, from_ms: u64) {
        let name = &self.name;
        let model = &self.model.shards[shard as usize];
        let told_ms = self.host.state.lock().told_ms[group_of(shard)];
        for (index, record) in found {
            let known = model.records.get(index);
            assert_eq!(known, Some(record), "{name}: shard {shard} index {index} is not known");
            assert!(record.arrival_ms >= from_ms, "{name}: older than asked for");
        }
        for (index, record) in &model.records {
            let may_be_gone = record.arrival_ms < told_ms || model.is_dropped || model.was_dropped;
            let is_found = may_be_gone || found.contains_key(index);
            assert!(is_found, "{name}: shard {shard} lost index {index}");
            assert!(*index >= model.start, "{name}: a child's record before its parent's end");
            assert!(model.end.is_none_or(|end| *index < end), "{name}: behind the shard's end");
        }
    }

    /// Reads a shard from the start in pages.
    pub(super) fn read_all(&mut self, shard: u64, from_ms: u64) -> BTreeMap<u64, Record> {
        let mut found = BTreeMap::new();
        let (mut from_index, mut last_ms, mut failures) = (0, 0, 0);
        loop {
            let driver = self.driver.as_ref().expect("open");
            let (records_max, bytes_max) =
                (self.pages.random_range(1..80), self.pages.random_range(1..20_000));
            let mut request = request(shard, from_index, records_max, bytes_max);
            request.from_ms = from_ms;
            if from_ms > 0 {
                request.end_index = self.model.shards[shard as usize].end;
            }
            let reply = match driver.store.read(&request) {
                Ok(reply) => reply,
                Err(error) => {
                    failures += 1;
                    let is_planned = self.plan.read_fault.is_some() && failures == 1;
                    let is_io = matches!(error, ReadError::Io { .. });
                    assert!(is_planned && is_io, "{}: {error}", self.name);
                    continue;
                }
            };
            let durable = driver.store.durable_index();
            for run in &reply.runs {
                assert!(run.arrival_ms >= last_ms, "{}: arrival times fall", self.name);
                last_ms = run.arrival_ms;
                let end = run.first_index + u64::from(run.count);
                assert!(end <= durable, "{}: {end} is read before it is durable", self.name);
                for (index, record) in (run.first_index..).zip(Records::new(&run.body)) {
                    assert!(index >= from_index, "{}: before the asked index", self.name);
                    let key = record.partition_key.map(str::to_owned);
                    let data = record.data.to_vec();
                    let record = Record { arrival_ms: run.arrival_ms, key, data };
                    assert!(found.insert(index, record).is_none(), "{}: twice", self.name);
                }
            }
            assert!(reply.next_index > from_index || reply.at_tip, "{}: no progress", self.name);
            from_index = reply.next_index;
            if reply.at_tip {
                return found;
            }
        }
    }
}
