//! Whether a path still leads to the data directory that this process has locked.
//!
//! People remove lock files that they take for stale, and move or restore directories under a running
//! server. From then on another process may write to the directory, or this one would rename and
//! remove files in one that is not its own. So what `LOCK` is is compared before anything is
//! acknowledged and before anything is done by name: one call of the system, which opens nothing.

use crate::format::layout::Layout;
use anabranch_env::files::FileIdentity;
use anabranch_env::{Disk, DiskLock};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

/// What is compared.
#[derive(Debug)]
pub(crate) struct LockWatch {
    disk: Arc<dyn Disk>,
    layout: Layout,
    /// `LOCK`, which stays open, so that no other file can get its identity.
    file: FileIdentity,
    directory: FileIdentity,
}

/// What has happened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum LockLost {
    #[error(
        "LOCK was removed from the data directory, which this server uses path={}; see that no other \
         server uses it, and restart this one",
        .0.display()
    )]
    FileRemoved(PathBuf),
    #[error(
        "another file has taken the place of LOCK in the data directory path={}; if another server has \
         used it meanwhile, stop that one and look at the directory with `anabranch inspect`; then \
         restart this one",
        .0.display()
    )]
    FileReplaced(PathBuf),
    #[error(
        "the data directory is gone, moved or not mounted any more path={}; put it back where it was, \
         and restart the server",
        .0.display()
    )]
    DirectoryGone(PathBuf),
    #[error(
        "another directory has taken the place of the data directory path={}; put back the one that \
         the server is to use, and restart it",
        .0.display()
    )]
    DirectoryReplaced(PathBuf),
}

impl LockWatch {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout, lock: &DiskLock) -> Self {
        Self { disk, layout, file: lock.file, directory: lock.directory }
    }

    /// An error says what has happened and what to do. It is final.
    pub(crate) fn check(&self) -> io::Result<()> {
        let found = self.disk.identity(&self.layout.lock());
        match self.lost(found) {
            None => Ok(()),
            Some(lost) => Err(io::Error::other(lost)),
        }
    }

    fn lost(&self, found: io::Result<FileIdentity>) -> Option<LockLost> {
        let is_there = match found {
            Ok(identity) if identity == self.file => return None,
            // Nobody knows, and what is open is the right one.
            Err(error) if !is_gone(&error) => return None,
            other => other.is_ok(),
        };
        let root = self.layout.root.clone();
        Some(match self.disk.identity(&root) {
            Ok(directory) if directory != self.directory => LockLost::DirectoryReplaced(root),
            Err(error) if is_gone(&error) => LockLost::DirectoryGone(root),
            _ if is_there => LockLost::FileReplaced(root),
            _ => LockLost::FileRemoved(root),
        })
    }
}

/// Whether there is nothing at a path, for sure.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::StaleNetworkFileHandle
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::FakeDisk;
    use std::path::Path;

    fn watched() -> (FakeDisk, LockWatch, DiskLock) {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/srv/data")));
        let lock = disk.lock(&layout.lock()).expect("locked");
        let watch = LockWatch::new(Arc::new(disk.clone()), layout, &lock);
        (disk, watch, lock)
    }

    #[test]
    fn every_swap_is_told_from_every_other() {
        type Swap = fn(&FakeDisk, &Path);
        let root = PathBuf::from("/srv/data");
        let cases: [(&str, Swap, LockLost); 6] = [
            ("/srv/data/LOCK", FakeDisk::take_away, LockLost::FileRemoved(root.clone())),
            ("/srv/data/LOCK", FakeDisk::replace, LockLost::FileReplaced(root.clone())),
            ("/srv/data", FakeDisk::take_away, LockLost::DirectoryGone(root.clone())),
            ("/srv/data", FakeDisk::replace, LockLost::DirectoryReplaced(root.clone())),
            ("/srv", FakeDisk::take_away, LockLost::DirectoryGone(root.clone())),
            ("/srv", FakeDisk::replace, LockLost::DirectoryReplaced(root)),
        ];
        for (path, swap, expected) in cases {
            let (disk, watch, _lock) = watched();
            watch.check().expect("as it was");
            swap(&disk, Path::new("/srv/data/journal"));
            watch.check().expect("LOCK is as it was");
            swap(&disk, Path::new(path));
            let told = watch.check().expect_err("noticed").to_string();
            assert_eq!(told, expected.to_string());
            assert!(told.contains("path=/srv/data;") && told.contains("restart"), "{told}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_lost() {
        let (_disk, watch, _lock) = watched();
        for kind in [ErrorKind::PermissionDenied, ErrorKind::OutOfMemory, ErrorKind::Other] {
            assert_eq!(watch.lost(Err(kind.into())), None, "{kind}");
        }
        for kind in [ErrorKind::NotFound, ErrorKind::NotADirectory] {
            assert!(watch.lost(Err(kind.into())).is_some(), "{kind}");
        }
    }
}
