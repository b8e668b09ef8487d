//! MD5 of several texts: for what must be the same for ever, and is no secret.

use md5::{Digest, Md5};

/// Digest of texts, each with its length before it.
pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut md5 = Md5::new();
    for text in texts {
        md5.update((text.len() as u64).to_be_bytes());
        md5.update(text);
    }
    md5.finalize().into()
}
