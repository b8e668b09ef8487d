//! Data keys: sealing and opening records.
//!
//! # Layout of a block
//!
//! | bytes | field |
//! |--:|---|
//! | 4 | number of the data key within the stream, little-endian |
//! | 16 | salt |
//! | 8 | counter, big-endian |
//! | k + n | partition key and data, encrypted |
//! | 16 | tag |
//!
//! AES-256-GCM under HKDF-SHA-256-Expand(data key, `anabranch record` and the salt). The nonce is
//! four zero bytes and the counter. Authenticated with it: the record's header (6 bytes: lengths
//! and flags) and the shard key (8 bytes, little-endian), so that a block cannot be moved to
//! another shard or stream, nor be cut differently into key and data. Its place within the shard
//! is not bound: it is not known yet when the record is sealed.
//!
//! # Why no nonce is used twice under one key
//!
//! Random nonces of 96 bits are safe for 2^32 records of a key, which a busy stream exceeds. A
//! counter kept on the disk repeats itself when an old copy of the directory is started again. So
//! every process draws a random salt of 128 bits for each data key that it seals with, which gives
//! it a key of its own, and counts under that one in memory. Two processes (a restart, a copy of
//! the directory) would have to draw the same salt; a [`Seat`] that reaches [`SEAT_BLOCKS_MAX`]
//! draws another. The counter rises by the AES blocks of each record, so that this bounds their
//! number too, well within what GCM's proof allows for one key.

use super::keyring::DataKeyBytes;
use anabranch_model::ShardKey;
use anabranch_storage::record::{HEADER_BYTES, RecordRef, SEAL_BYTES};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SALT_BYTES: usize = 16;
const COUNTER_BYTES: usize = 8;
const PREFIX_BYTES: usize = 4 + SALT_BYTES + COUNTER_BYTES;
const TAG_BYTES: usize = 16;
const _: () = assert!(PREFIX_BYTES + TAG_BYTES == SEAL_BYTES);

const PURPOSE: &[u8] = b"anabranch record";
/// AES blocks encrypted under one salt: 16 TiB.
const SEAT_BLOCKS_MAX: u64 = 1 << 40;

/// A block that is not what was sealed, or was sealed under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed record does not open")]
pub(crate) struct NotAuthentic;

/// A data key, ready for use.
pub(crate) struct DataKey {
    number: u32,
    root: Prk,
    seat: Mutex<Arc<Seat>>,
}

/// A salt with its key and how much of it is used up.
struct Seat {
    salt: [u8; SALT_BYTES],
    key: LessSafeKey,
    next: AtomicU64,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("number", &self.number).finish_non_exhaustive()
    }
}

impl DataKey {
    pub(crate) fn new(number: u32, bytes: &DataKeyBytes) -> Self {
        let root = Prk::new_less_safe(HKDF_SHA256, &bytes[..]);
        let seat = Mutex::new(Arc::new(Seat::draw(&root)));
        Self { number, root, seat }
    }

    /// What seals the records of one run. Takes a lock, once for the run.
    pub(crate) fn sealer(&self, shard: ShardKey) -> Sealer {
        let mut seat = self.seat.lock();
        if seat.next.load(Ordering::Relaxed) >= SEAT_BLOCKS_MAX {
            *seat = Arc::new(Seat::draw(&self.root));
        }
        Sealer { number: self.number, shard, seat: seat.clone() }
    }
}

impl Seat {
    fn draw(root: &Prk) -> Self {
        let mut salt = [0; SALT_BYTES];
        anabranch_env::fill_random(&mut salt);
        Self { salt, key: derive(root, &salt), next: AtomicU64::new(0) }
    }
}

fn derive(root: &Prk, salt: &[u8]) -> LessSafeKey {
    let info = [PURPOSE, salt];
    let derived = root.expand(&info, &AES_256_GCM).expect("a key is short enough for HKDF");
    LessSafeKey::new(UnboundKey::from(derived))
}

fn nonce(counter: [u8; COUNTER_BYTES]) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - COUNTER_BYTES..].copy_from_slice(&counter);
    Nonce::assume_unique_for_key(bytes)
}

fn bound_to(header: &[u8; HEADER_BYTES], shard: ShardKey) -> Aad<[u8; HEADER_BYTES + 8]> {
    let mut bytes = [0; HEADER_BYTES + 8];
    bytes[..HEADER_BYTES].copy_from_slice(header);
    bytes[HEADER_BYTES..].copy_from_slice(&shard.0.to_le_bytes());
    Aad::from(bytes)
}

/// Seals records of one shard.
pub(crate) struct Sealer {
    number: u32,
    shard: ShardKey,
    seat: Arc<Seat>,
}

impl Sealer {
    /// Appends the block of a record whose key and data `write` appends.
    pub(crate) fn seal(
        &self,
        header: &[u8; HEADER_BYTES],
        body: &mut Vec<u8>,
        plain_len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        // One block more than the data takes: that of the tag.
        let blocks = plain_len as u64 / 16 + 2;
        let counter = self.seat.next.fetch_add(blocks, Ordering::Relaxed).to_be_bytes();
        body.extend_from_slice(&self.number.to_le_bytes());
        body.extend_from_slice(&self.seat.salt);
        body.extend_from_slice(&counter);
        let start = body.len();
        write(body);
        let bound = bound_to(header, self.shard);
        let plain = &mut body[start..];
        let sealed = self.seat.key.seal_in_place_separate_tag(nonce(counter), bound, plain);
        let tag = sealed.expect("a record is far below GCM's limit");
        body.extend_from_slice(tag.as_ref());
    }
}

/// Number of the data key that a sealed record's block names.
pub(crate) fn key_number(record: &RecordRef<'_>) -> Result<u32, NotAuthentic> {
    let number = record.data.first_chunk::<4>().ok_or(NotAuthentic)?;
    Ok(u32::from_le_bytes(*number))
}

/// Opens records of one shard; remembers the key of the last salt, for most have the same.
#[derive(Default)]
pub(crate) struct Opener {
    last: Option<(u32, [u8; SALT_BYTES], LessSafeKey)>,
    plain: Vec<u8>,
}

impl Opener {
    /// Partition key and data of a sealed record, by the data key that it names.
    pub(crate) fn open(
        &mut self,
        data_key: &DataKey,
        shard: ShardKey,
        record: &RecordRef<'_>,
    ) -> Result<(Option<&str>, &[u8]), NotAuthentic> {
        let sealed = record.sealed.ok_or(NotAuthentic)?;
        let (prefix, rest) = record.data.split_at_checked(PREFIX_BYTES).ok_or(NotAuthentic)?;
        let salt: [u8; SALT_BYTES] = prefix[4..4 + SALT_BYTES].try_into().expect("16 bytes");
        let counter = prefix[4 + SALT_BYTES..].try_into().expect("8 bytes");
        let is_last = |(number, last, _): &(u32, [u8; SALT_BYTES], _)| {
            *number == data_key.number && *last == salt
        };
        if !self.last.as_ref().is_some_and(is_last) {
            self.last = Some((data_key.number, salt, derive(&data_key.root, &salt)));
        }
        let (_, _, key) = self.last.as_ref().expect("set above");
        self.plain.clear();
        self.plain.extend_from_slice(rest);
        let bound = bound_to(&sealed.header, shard);
        let opened = key.open_in_place(nonce(counter), bound, &mut self.plain);
        let plain = opened.map_err(|_| NotAuthentic)?;
        let key_len = sealed.key_len.unwrap_or_default();
        let (key, data) = plain.split_at_checked(key_len).ok_or(NotAuthentic)?;
        let key = std::str::from_utf8(key).map_err(|_| NotAuthentic)?;
        Ok((sealed.key_len.map(|_| key), data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_model::ShardId;
    use anabranch_storage::RunBuilder;
    use anabranch_storage::record::Records;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn shard(stream: u32, id: u32) -> ShardKey {
        ShardKey::new(stream, ShardId(id))
    }

    fn data_key(number: u32, byte: u8) -> DataKey {
        DataKey::new(number, &DataKeyBytes::new([byte; 32]))
    }

    type Plain = (Option<String>, Vec<u8>);

    fn seal(key: &DataKey, shard: ShardKey, records: &[Plain]) -> Vec<u8> {
        let sealer = key.sealer(shard);
        let mut builder = RunBuilder::default();
        for (partition_key, data) in records {
            let text = partition_key.as_deref().unwrap_or_default();
            let key_len = partition_key.as_ref().map(String::len);
            builder.push_sealed(key_len, data.len(), |header, body| {
                sealer.seal(header, body, text.len() + data.len(), |body| {
                    body.extend_from_slice(text.as_bytes());
                    body.extend_from_slice(data);
                });
            });
        }
        builder.finish().0.to_vec()
    }

    fn open(key: &DataKey, shard: ShardKey, body: &[u8]) -> Result<Vec<Plain>, NotAuthentic> {
        let mut opener = Opener::default();
        Records::new(body)
            .map(|record| {
                let (key, data) = opener.open(key, shard, &record)?;
                Ok((key.map(str::to_owned), data.to_vec()))
            })
            .collect()
    }

    fn any_records() -> impl Strategy<Value = Vec<Plain>> {
        let any_data = prop::collection::vec(any::<u8>(), 0..60);
        prop::collection::vec((prop::option::of("\\PC{0,12}"), any_data), 1..8)
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(records in any_records(), number: u32, stream: u32, id in 0u32..9) {
            let (key, shard) = (data_key(number, 7), shard(stream, id));
            let body = seal(&key, shard, &records);
            prop_assert_eq!(open(&key, shard, &body), Ok(records));
            let first = Records::new(&body).next().expect("a record");
            prop_assert_eq!(key_number(&first), Ok(number));
        }

        #[test]
        fn a_changed_bit_is_an_error_and_never_garbage(
            records in any_records(), at in any::<prop::sample::Index>(),
        ) {
            let (key, shard) = (data_key(3, 7), shard(1, 2));
            let mut body = seal(&key, shard, &records);
            let bit = at.index(body.len() * 8);
            body[bit / 8] ^= 1 << (bit % 8);
            // A changed length or flag may hide a record or end the walk, and a changed number names
            // another data key: what opens all the same is what was sealed, in its order.
            let mut opener = Opener::default();
            let mut opened = 0;
            let mut sealed = records.iter();
            for record in Records::new(&body).filter(|record| record.sealed.is_some()) {
                if key_number(&record) != Ok(3) {
                    continue;
                }
                if let Ok((key, data)) = opener.open(&key, shard, &record) {
                    let plain = (key.map(str::to_owned), data.to_vec());
                    prop_assert!(sealed.any(|record| *record == plain), "garbage: {plain:?}");
                    opened += 1;
                }
            }
            prop_assert!(opened < records.len());
        }

        #[test]
        fn arbitrary_blocks_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = open(&data_key(0, 1), shard(0, 0), &bytes);
        }
    }

    #[test]
    fn a_block_opens_only_where_it_was_sealed_and_with_its_key() {
        let (key, here) = (data_key(0, 7), shard(1, 2));
        let body = seal(&key, here, &[(Some("k".into()), b"data".to_vec())]);
        assert!(open(&key, here, &body).is_ok());
        assert_eq!(open(&key, shard(1, 3), &body), Err(NotAuthentic));
        assert_eq!(open(&key, shard(2, 2), &body), Err(NotAuthentic));
        assert_eq!(open(&data_key(0, 8), here, &body), Err(NotAuthentic));
        // The same key in another process draws another salt.
        assert!(open(&data_key(0, 7), here, &body).is_ok());
    }

    #[test]
    fn no_salt_and_counter_come_twice_and_nothing_shows() {
        let (key, here) = (data_key(0, 7), shard(1, 2));
        let record = (Some("visible-key".to_owned()), b"visible-data".to_vec());
        let mut seen = HashSet::new();
        for _ in 0..50 {
            // Over its limit, so that it draws another salt.
            key.seat.lock().next.fetch_max(SEAT_BLOCKS_MAX, Ordering::Relaxed);
            let body = seal(&key, here, &vec![record.clone(); 20]);
            assert!(!body.windows(7).any(|window| window == b"visible"));
            for sealed in Records::new(&body) {
                assert!(seen.insert(sealed.data[4..PREFIX_BYTES].to_vec()));
            }
        }
        let salts: HashSet<_> = seen.iter().map(|prefix| prefix[..SALT_BYTES].to_vec()).collect();
        assert_eq!((seen.len(), salts.len()), (1000, 50));
    }
}
