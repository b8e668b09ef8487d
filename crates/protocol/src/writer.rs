//! Push writers: what an encoder may say of a reply, whichever codec writes it.

use crate::value::Timestamp;

/// Appends one encoded value to a buffer.
///
/// The caller balances `begin_` and `end_` and writes exactly one value after each key; commas
/// and lengths are the writer's business.
pub trait Writer {
    /// Opens a map or structure.
    fn begin_map(&mut self);
    /// Closes a map or structure.
    fn end_map(&mut self);
    /// The name of a member: printable ASCII without quotes and backslashes.
    fn key(&mut self, name: &'static str);
    /// A key of a map with any text as keys.
    fn text_key(&mut self, key: &str);
    /// Opens a list.
    fn begin_list(&mut self);
    /// Closes a list.
    fn end_list(&mut self);
    /// A string.
    fn string(&mut self, text: &str);
    /// A string known to be printable ASCII without quotes and backslashes, e.g. digits.
    fn raw_ascii_string(&mut self, text: &[u8]);
    /// An integer of either kind.
    fn integer(&mut self, number: i64);
    /// A boolean.
    fn boolean(&mut self, truth: bool);
    /// A point in time.
    fn timestamp(&mut self, time: Timestamp);
    /// A blob.
    fn blob(&mut self, bytes: &[u8]);
    /// A value that a writer of the same kind has written before.
    fn raw_value(&mut self, encoded: &[u8]);
    /// A null. Absent members are left out instead.
    fn null(&mut self);
    /// Makes room for that many more bytes.
    fn reserve(&mut self, additional_bytes: usize);
    /// What has been written.
    fn finish(self) -> Vec<u8>;
}

/// Whether `text` may be written without looking for characters to escape.
pub(crate) fn needs_no_escape(text: &[u8]) -> bool {
    text.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}
