//! AWS JSON 1.1: RFC 8259, with blobs as base64 text and timestamps as seconds.

mod plain;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::JsonReader;
pub use writer::JsonWriter;
