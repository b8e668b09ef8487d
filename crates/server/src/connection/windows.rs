//! How much a client may send ahead over HTTP/2.

/// Bytes on a stream, and on all of a connection together, before anybody on it is known.
pub(super) const FIRST_WINDOW: u32 = 64 << 10;
/// Bytes on all of a connection together once a caller on it is known.
pub(super) const CONNECTION_WINDOW: u32 = 4 << 20;
/// Bytes on a stream then.
pub(super) const STREAM_WINDOW: u32 = 512 << 10;
/// Bodies of one connection that may wait for memory at once: what has been sent of them fills the
/// connection's window, and one stream's is left for the others.
pub(super) const WAITING_BODIES: usize = (CONNECTION_WINDOW / STREAM_WINDOW) as usize - 1;
