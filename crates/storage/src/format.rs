//! Names and constants of the data directory; docs/formats/ describes the files byte by byte.

use std::path::{Path, PathBuf};

/// First bytes of a journal file.
pub(crate) const JOURNAL_MAGIC: [u8; 4] = *b"ABJ1";
/// First bytes of a segment.
pub(crate) const SEGMENT_MAGIC: [u8; 4] = *b"ABS1";
/// First bytes of a segment's trailer.
pub(crate) const SEGMENT_TRAILER_MAGIC: [u8; 4] = *b"ABT1";
/// First bytes of a catalog snapshot.
pub(crate) const SNAPSHOT_MAGIC: [u8; 4] = *b"ABC1";
/// First bytes of the list of segments.
pub(crate) const SEGMENT_LIST_MAGIC: [u8; 4] = *b"ABL1";
/// First bytes of the copy of a journal file's end.
pub(crate) const TAIL_COPY_MAGIC: [u8; 4] = *b"ABK1";
/// First bytes of a frame.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"ABF1";
/// Content of the file that marks a data directory.
pub(crate) const FORMAT_TEXT: &str = "anabranch data directory, format 1\n";

/// Size of every file header.
pub(crate) const FILE_HEADER_BYTES: u64 = 64;

/// The paths of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn journal(&self, number: u64) -> PathBuf {
        self.journal_dir().join(format!("{number:016}.journal"))
    }

    pub(crate) fn spare(&self) -> PathBuf {
        self.journal_dir().join("next.spare")
    }

    pub(crate) fn kept_spare(&self, number: u64) -> PathBuf {
        self.journal_dir().join(format!("{number:016}.spare"))
    }

    pub(crate) fn unfinished_next(&self) -> PathBuf {
        self.journal_dir().join("next.tmp")
    }

    pub(crate) fn unfinished_spare(&self) -> PathBuf {
        self.journal_dir().join("spare.tmp")
    }

    pub(crate) fn tail_copy(&self) -> PathBuf {
        self.journal_dir().join("tail.copy")
    }

    pub(crate) fn segment_dir(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub(crate) fn segment_list(&self) -> PathBuf {
        self.root.join("SEGMENTS")
    }

    pub(crate) fn catalog_dir(&self) -> PathBuf {
        self.root.join("catalog")
    }

    pub(crate) fn snapshot(&self, command: u64) -> PathBuf {
        self.catalog_dir().join(crate::snapshot::name(command))
    }
}

/// The number in a name such as `0000000000000012.journal`.
pub(crate) fn number_in(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let is_number = digits.len() >= 16 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
