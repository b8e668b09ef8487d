//! The service's CBOR 1.1: RFC 8949 with byte strings for blobs, and timestamps as tag 1 over
//! **milliseconds** (the RFC's tag 1 counts seconds).

mod initial_byte;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::CborReader;
pub use writer::CborWriter;
