//! Names in a data directory; docs/formats/ describes the files byte by byte.

use std::path::{Path, PathBuf};

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

    pub(crate) fn deletion_time(&self) -> PathBuf {
        self.root.join("DELETION")
    }

    pub(crate) fn catalog_dir(&self) -> PathBuf {
        self.root.join("catalog")
    }

    pub(crate) fn snapshot(&self, command: u64) -> PathBuf {
        self.catalog_dir().join(snapshot_name(command))
    }
}

/// The name of the file of a snapshot.
pub(crate) fn snapshot_name(command: u64) -> String {
    format!("{command:020}.snapshot")
}

/// The number in a name such as `0000000000000012.journal`.
pub(crate) fn number_in(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let is_number = digits.len() >= 16 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}
