//! Opening what was read.

use super::data_key::{DataKey, NotAuthentic, Opener, key_number};
use super::keyring::KeyUse;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::meter::ReadCount;
use crate::stream::{ShardSlot, Stream};
use anabranch_storage::record::Records;
use anabranch_storage::{RunBuilder, RunSlice};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// Consecutive records as a client may see them: none of them is sealed.
#[derive(Clone, Debug)]
pub struct OpenRun {
    /// Index of the first one.
    pub first_index: u64,
    /// Arrival time of all, epoch milliseconds.
    pub arrival_ms: u64,
    /// How many.
    pub count: u32,
    /// The records (see [`Records`]).
    pub body: Bytes,
    /// Whether they are stored encrypted.
    pub is_encrypted: bool,
}

impl OpenRun {
    /// What counts for limits and metrics.
    #[must_use]
    pub fn read_count(&self) -> ReadCount {
        let bytes = Records::new(&self.body).map(|record| record.counted_bytes() as u64).sum();
        ReadCount { records: u64::from(self.count), bytes }
    }
}

impl Engine {
    /// Opens what was read of a shard for `principal`. All or nothing: with a key that cannot be
    /// used, what is not encrypted is not given out either.
    ///
    /// # Errors
    /// When a key cannot be used, or a record is not what was stored.
    pub(crate) fn open_runs(
        &self,
        stream: &Stream,
        slot: &ShardSlot,
        principal: &str,
        runs: Vec<RunSlice>,
    ) -> Result<Vec<OpenRun>, EngineError> {
        let mut data_keys: HashMap<u32, Arc<DataKey>> = HashMap::new();
        let mut opener = Opener::default();
        let mut opened = Vec::with_capacity(runs.len());
        for run in runs {
            let RunSlice { first_index, arrival_ms, count, body } = run;
            let first = Records::new(&body).next();
            // One request's records of one shard: all of them are sealed, or none is.
            let Some(first) = first.filter(|record| record.sealed.is_some()) else {
                let run = OpenRun { first_index, arrival_ms, count, body, is_encrypted: false };
                opened.push(run);
                continue;
            };
            let damaged = |_: NotAuthentic| EngineError::RecordNotAuthentic {
                stream: stream.reference.clone(),
                shard: slot.shard.id,
                index: first_index,
            };
            let number = key_number(&first).map_err(damaged)?;
            let data_key = match data_keys.get(&number) {
                Some(data_key) => data_key.clone(),
                None => {
                    let wrapped = stream.encryption.data_key(number);
                    let wrapped = wrapped.ok_or(NotAuthentic).map_err(damaged)?;
                    let data_key = self.data_key(stream, wrapped, principal, KeyUse::Decrypt)?;
                    data_keys.insert(number, data_key.clone());
                    data_key
                }
            };
            let mut builder = RunBuilder::with_capacity(body.len());
            for record in Records::new(&body) {
                let plain = opener.open(&data_key, slot.key, &record);
                let (partition_key, data) = plain.map_err(damaged)?;
                builder.push(partition_key, data);
            }
            let (body, _) = builder.finish();
            opened.push(OpenRun { first_index, arrival_ms, count, body, is_encrypted: true });
        }
        Ok(opened)
    }
}
