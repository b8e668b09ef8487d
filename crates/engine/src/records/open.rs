//! Opening what was read.

use super::data::Data;
use crate::error::{RecordNotAuthentic, ShardReadError};
use crate::keys::data_key::{DataKey, NotAuthentic, Opener, key_number};
use crate::keys::keyring::KeyUse;
use crate::live::meter::ReadCount;
use crate::live::slot::ShardSlot;
use crate::live::stream::Stream;
use crate::state::encryption::WrappedKey;
use anabranch_storage::record::{HEADER_BYTES, Records};
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
        // None is sealed: all but the headers counts.
        let headers = u64::from(self.count) * HEADER_BYTES as u64;
        let bytes = (self.body.len() as u64).saturating_sub(headers);
        ReadCount { records: u64::from(self.count), bytes }
    }
}

impl Data {
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
    ) -> Result<Vec<OpenRun>, ShardReadError> {
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
            let damaged = |_: NotAuthentic| RecordNotAuthentic {
                stream: stream.reference.clone(),
                shard: slot.shard.id,
                index: first_index,
            };
            let number = key_number(&first).map_err(damaged)?;
            let data_key = match data_keys.get(&number) {
                Some(data_key) => data_key.clone(),
                None => {
                    let wrapped = self.wrapped_key(stream, number);
                    let wrapped = wrapped.ok_or(NotAuthentic).map_err(damaged)?;
                    let data_key =
                        self.keys.data_key(stream, &wrapped, principal, KeyUse::Decrypt)?;
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

    /// The stream's data key of this number. `stream` is as it was before the records were read:
    /// they may be under a key that came into use since.
    fn wrapped_key(&self, stream: &Stream, number: u32) -> Option<Arc<WrappedKey>> {
        let known = stream.encryption.data_key(number).cloned();
        known.or_else(|| {
            let view = self.ledger.view();
            view.streams().of_number(stream.number)?.encryption.data_key(number).cloned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::keyring::{DataKeyBytes, KeyProblem, Keyring};
    use crate::records::iterator::StartingPosition;
    use crate::records::put::PutEntry;
    use crate::records::shard_read::Wanted;
    use crate::state::scope::Scope;
    use crate::streams::{KeyRequest, NewStream};
    use crate::testing::start;

    /// One key, which wraps by doing nothing.
    #[derive(Debug)]
    struct OneKey;

    impl Keyring for OneKey {
        fn resolve(&self, _: &Scope, name: &str) -> Result<Arc<str>, KeyProblem> {
            Ok(Arc::from(name))
        }

        fn permit(&self, _: &str, _: &str) -> Result<(), KeyProblem> {
            Ok(())
        }

        fn wrap(&self, _: &str, _: &[u8], key: &DataKeyBytes) -> Result<Vec<u8>, KeyProblem> {
            Ok(key.to_vec())
        }

        fn unwrap(&self, _: &str, _: &[u8], key: &[u8]) -> Result<DataKeyBytes, KeyProblem> {
            Ok(DataKeyBytes::new(key.try_into().map_err(|_| KeyProblem::WrongMaterial)?))
        }

        fn generation(&self) -> u64 {
            0
        }
    }

    #[tokio::test]
    async fn a_read_that_began_before_encryption_opens_what_was_put_after_it() {
        let (engine, scope) = start(OneKey, NewStream::provisioned("s", 1)).await;
        let before = engine.stream(&scope, "s").expect("there");
        let principal: Arc<str> = Arc::from("arn:aws:iam::123456789012:user/alice");
        let request = KeyRequest {
            caller: scope.clone(),
            principal: principal.clone(),
            key_id: "key".into(),
        };
        engine.control.start_encryption(&scope, "s", request).await.expect("started");
        let entry = PutEntry {
            partition_key: Some("k".into()),
            explicit_hash_key: None,
            data: b"data".as_slice(),
        };
        let named = engine.named(before.reference.clone());
        let prepared = engine.data.prepare_put_record(&named, &principal, &entry, None);
        engine.data.commit_put(prepared.expect("prepared")).await.expect("put");

        let slot = &before.shards[0];
        let position = engine.data.resolve(&before, slot, &StartingPosition::TrimHorizon);
        let wanted = Wanted { principal: &principal, records_max: 10, bytes_max: 1 << 20 };
        let read = engine.data.read_at(&before, slot, &position.expect("resolved"), wanted).await;
        let runs = read.expect("read").runs;
        let record = Records::new(&runs[0].body).next().expect("a record");
        assert_eq!((record.data, runs[0].is_encrypted), (b"data".as_slice(), true));
    }
}
