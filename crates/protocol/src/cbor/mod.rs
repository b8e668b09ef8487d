//! The service's CBOR 1.1: RFC 8949 with byte strings for blobs, and timestamps as tag 1 over
//! **milliseconds** (the RFC's tag 1 counts seconds).

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::CborReader;
pub use writer::CborWriter;

/// The tag of timestamps.
const TAG_TIMESTAMP: u64 = 1;
/// The byte that ends what has no length of its own.
const BREAK: u8 = 0xFF;

/// The upper three bits of an initial byte.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// The lower five bits of an initial byte, and of those with [`major::SIMPLE`].
mod info {
    pub(super) const ONE_BYTE: u8 = 24;
    pub(super) const EIGHT_BYTES: u8 = 27;
    pub(super) const INDEFINITE: u8 = 31;
    pub(super) const FALSE: u8 = 20;
    pub(super) const TRUE: u8 = 21;
    pub(super) const NULL: u8 = 22;
    pub(super) const UNDEFINED: u8 = 23;
    pub(super) const HALF: u8 = 25;
    pub(super) const SINGLE: u8 = 26;
    pub(super) const DOUBLE: u8 = 27;
}
