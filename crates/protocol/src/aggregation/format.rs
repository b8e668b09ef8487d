//! The parts of the format.

use md5::{Digest, Md5};

pub(super) const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
/// Bytes of a checksum, the MD5 of the protobuf.
pub const CHECKSUM_BYTES: usize = 16;
/// Bytes of an aggregate beside its protobuf.
pub const FRAME_BYTES: usize = MAGIC.len() + CHECKSUM_BYTES;

pub(super) const PARTITION_KEY_TABLE: u32 = 1;
pub(super) const EXPLICIT_HASH_KEY_TABLE: u32 = 2;
pub(super) const RECORDS: u32 = 3;

pub(super) const PARTITION_KEY_INDEX: u32 = 1;
pub(super) const EXPLICIT_HASH_KEY_INDEX: u32 = 2;
pub(super) const DATA: u32 = 3;

pub(super) fn checksum(message: &[u8]) -> [u8; CHECKSUM_BYTES] {
    Md5::digest(message).into()
}
