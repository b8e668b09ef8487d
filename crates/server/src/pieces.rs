//! Bytes on their way to a connection: it gets them piece by piece, and the memory that they count
//! for is given back when the last piece is gone.

use bytes::Bytes;

/// Bytes that the connection is given at once.
const PIECE_BYTES: usize = 256 << 10;

/// Takes as much off `left` as the connection is given at once.
pub(crate) fn next_piece(left: &mut Bytes) -> Option<Bytes> {
    let size = PIECE_BYTES.min(left.len());
    (size > 0).then(|| left.split_to(size))
}

/// Bytes that give their memory back when the last piece of them is gone.
pub(crate) struct Counted<S> {
    pub(crate) bytes: Bytes,
    pub(crate) _share: S,
}

impl<S> AsRef<[u8]> for Counted<S> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
