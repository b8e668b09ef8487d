//! What the first byte of an item says: its type, and how its length or value is given.

/// The tag of timestamps.
pub(super) const TAG_TIMESTAMP: u64 = 1;
/// The byte that ends what has no length of its own.
pub(super) const BREAK: u8 = 0xFF;

/// The upper three bits of an initial byte.
pub(super) mod major {
    pub(in crate::cbor) const UNSIGNED: u8 = 0;
    pub(in crate::cbor) const NEGATIVE: u8 = 1;
    pub(in crate::cbor) const BYTES: u8 = 2;
    pub(in crate::cbor) const TEXT: u8 = 3;
    pub(in crate::cbor) const LIST: u8 = 4;
    pub(in crate::cbor) const MAP: u8 = 5;
    pub(in crate::cbor) const TAG: u8 = 6;
    pub(in crate::cbor) const SIMPLE: u8 = 7;
}

/// The lower five bits of an initial byte, and of those with [`major::SIMPLE`].
pub(super) mod info {
    pub(in crate::cbor) const ONE_BYTE: u8 = 24;
    pub(in crate::cbor) const EIGHT_BYTES: u8 = 27;
    pub(in crate::cbor) const INDEFINITE: u8 = 31;
    pub(in crate::cbor) const FALSE: u8 = 20;
    pub(in crate::cbor) const TRUE: u8 = 21;
    pub(in crate::cbor) const NULL: u8 = 22;
    pub(in crate::cbor) const UNDEFINED: u8 = 23;
    pub(in crate::cbor) const HALF: u8 = 25;
    pub(in crate::cbor) const SINGLE: u8 = 26;
    pub(in crate::cbor) const DOUBLE: u8 = 27;
}
