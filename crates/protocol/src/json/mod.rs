//! AWS JSON 1.1: RFC 8259, with blobs as base64 text and timestamps as seconds.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::JsonReader;
pub use writer::JsonWriter;

/// How many bytes at the start of `text` stand in a JSON string as they are.
fn plain_len(text: &[u8]) -> usize {
    const CHUNK: usize = 16;
    let is_special = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    let mut done = 0;
    for chunk in text.chunks_exact(CHUNK) {
        // No early exit inside a chunk: the compiler turns this into vector compares.
        if chunk.iter().fold(false, |found, &byte| found | is_special(byte)) {
            break;
        }
        done += CHUNK;
    }
    let rest = &text[done..];
    done + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}
