//! Small files of the machine that are read, replaced and locked as a whole: settings and secrets,
//! which other processes change as well.
//!
//! A file is replaced durably or not at all: its content is synced under a name of its own, which
//! then takes the old one's place, and the directory is synced.

use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Mode of a file that is its owner's business alone.
pub const PRIVATE_FILE: u32 = 0o600;

/// The path with something behind its last name.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    PathBuf::from(beside)
}

/// The directory that a path's last name is in.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a directory and its parents, if they are not there, for their owner alone.
///
/// # Errors
/// As the operating system has them.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the names in a directory durable.
///
/// # Errors
/// As the operating system has them. Not to be retried.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Replaces a file, or makes it, so that after a crash it is the old or the new one. Whoever calls
/// this is alone: what is under the temporary name, which is the path and `suffix`, was left over
/// from a crash.
///
/// # Errors
/// As the operating system has them.
pub fn replace_durably(path: &Path, suffix: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    // A leftover would keep its own mode.
    match std::fs::remove_file(beside(path, suffix)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => NewFile::create(path, suffix, mode)?.put_in_place(content),
    }
}

/// The next content of a file, under its temporary name until it takes the file's place. It is
/// removed when it does not come to that.
#[derive(Debug)]
pub struct NewFile {
    target: PathBuf,
    path: PathBuf,
    file: File,
    is_in_place: bool,
}

impl NewFile {
    /// Makes an empty one under the path of `target` and `suffix`.
    ///
    /// # Errors
    /// `AlreadyExists` when another process is replacing the file, or died while it did; and as the
    /// operating system has them.
    pub fn create(target: &Path, suffix: &str, mode: u32) -> io::Result<Self> {
        let path = beside(target, suffix);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        Ok(Self { target: target.to_owned(), path, file, is_in_place: false })
    }

    /// Gives it its content and the file's place, durably.
    ///
    /// # Errors
    /// As the operating system has them.
    pub fn put_in_place(mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.sync_all()?;
        std::fs::rename(&self.path, &self.target)?;
        self.is_in_place = true;
        sync_directory(directory_of(&self.target))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Once it is in place, the name may already belong to another process.
        if !self.is_in_place {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens a file to write at its end, and makes it with this mode if it is not there.
///
/// # Errors
/// As the operating system has them.
pub fn open_for_append(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(mode).open(path)
}

/// What tells a file or directory from all others that there are at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// Of what a path names now.
    ///
    /// # Errors
    /// `NotFound` and as the operating system has them.
    pub fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// One that is no file of the machine.
    pub(crate) fn invented(inode: u64) -> Self {
        Self { device: 0, inode }
    }
}

impl From<&Metadata> for FileIdentity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A lock between processes, until it is dropped: the `flock` of an empty file, which stays.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Waits until no other process has the lock.
    ///
    /// # Errors
    /// As the operating system has them.
    pub fn wait(path: &Path) -> io::Result<Self> {
        Self::take(path, FlockOperation::LockExclusive)
    }

    /// Takes the lock now.
    ///
    /// # Errors
    /// `WouldBlock` when it is taken; and as the operating system has them.
    pub fn try_take(path: &Path) -> io::Result<Self> {
        Self::take(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes the lock of a directory now, which cannot be removed while there is something in it.
    ///
    /// # Errors
    /// `WouldBlock` when it is taken; and as the operating system has them.
    pub fn try_take_directory(path: &Path) -> io::Result<Self> {
        let directory = File::open(path)?;
        flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { file: directory })
    }

    /// What is locked, whatever has its name by now.
    ///
    /// # Errors
    /// As the operating system has them.
    pub fn identity(&self) -> io::Result<FileIdentity> {
        self.file.metadata().map(|metadata| FileIdentity::from(&metadata))
    }

    fn take(path: &Path, operation: FlockOperation) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(PRIVATE_FILE);
        let file = options.open(path)?;
        flock(&file, operation)?;
        Ok(Self { file })
    }
}

/// Why a private file was not opened or read.
#[derive(Debug)]
pub enum PrivateFileError {
    /// Others than its owner have access.
    OpenToOthers {
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user, who can change it, and give others access.
    Foreign(ForeignOwner),
    /// What the operating system said, or that it is too large or no text.
    Io(io::Error),
}

impl From<io::Error> for PrivateFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A user who owns something, and is neither that of this process nor the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignOwner {
    /// That user's id.
    pub owner: u32,
    /// The id of the user of this process.
    pub own: u32,
}

impl ForeignOwner {
    /// What to do about it, for the text of an error.
    #[must_use]
    pub fn remedy(&self, path: &Path) -> String {
        let Self { owner, own } = self;
        format!("run this as the user {owner}, or `chown {own} {}`", path.display())
    }
}

/// Whether what is at a path belongs to a user who is neither that of this process nor the
/// administrator.
///
/// # Errors
/// As the operating system has them.
pub fn foreign_owner(path: &Path) -> io::Result<Option<ForeignOwner>> {
    std::fs::metadata(path).map(|metadata| foreign_to(metadata.uid(), own_user()))
}

fn foreign_to(owner: u32, own: u32) -> Option<ForeignOwner> {
    (owner != own && owner != ADMINISTRATOR).then_some(ForeignOwner { owner, own })
}

/// The user who may do everything anyway.
const ADMINISTRATOR: u32 = 0;

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Who has access to a file or directory, besides its owner and the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Owner,
    /// A group of this process: volumes of Kubernetes are mounted so, file by file.
    OwnGroup,
    /// Others.
    Others,
}

/// Who has the access of these bits (of `0o777`) to what is at a path.
///
/// # Errors
/// As the operating system has them.
pub fn access(path: &Path, bits: u32) -> io::Result<Access> {
    let metadata = std::fs::metadata(path)?;
    Ok(access_of(metadata.mode() & bits, metadata.gid(), &own_groups()))
}

fn access_of(granted: u32, group: u32, own_groups: &[u32]) -> Access {
    match (granted & 0o007, granted & 0o070) {
        (0, 0) => Access::Owner,
        (0, _) if own_groups.contains(&group) => Access::OwnGroup,
        _ => Access::Others,
    }
}

/// The groups of this process.
fn own_groups() -> Vec<u32> {
    let mut groups = rustix::process::getgroups().unwrap_or_default();
    groups.push(rustix::process::getegid());
    groups.into_iter().map(rustix::process::Gid::as_raw).collect()
}

/// Opens a file that belongs to the user of this process or to the administrator, and that nobody but
/// its owner and this process's groups may have access to. Says who has.
///
/// # Errors
/// When it belongs to somebody else, others have access, or it cannot be opened.
pub fn open_private(path: &Path) -> Result<(File, Access), PrivateFileError> {
    let file = File::open(path)?;
    // Asked of the open file, so that it cannot be exchanged between check and use.
    let metadata = file.metadata()?;
    if let Some(foreign) = foreign_to(metadata.uid(), own_user()) {
        return Err(PrivateFileError::Foreign(foreign));
    }
    let mode = metadata.mode() & 0o7777;
    match access_of(mode & 0o777, metadata.gid(), &own_groups()) {
        Access::Others => Err(PrivateFileError::OpenToOthers { mode }),
        access => Ok((file, access)),
    }
}

/// Reads the text of a private file ([`open_private`]) behind what is in `text`. Says who has access.
///
/// # Errors
/// When it is not private, is larger than `bytes_max`, or cannot be read.
pub fn read_private(
    path: &Path,
    bytes_max: u64,
    text: &mut String,
) -> Result<Access, PrivateFileError> {
    let (file, access) = open_private(path)?;
    let len = file.take(bytes_max + 1).read_to_string(text)?;
    if len as u64 > bytes_max {
        let message = format!("larger than {} MiB", bytes_max >> 20);
        return Err(io::Error::other(message).into());
    }
    Ok(access)
}

/// What changes when a file changes. The time of the last status change is part of it, because
/// `chmod` can turn a refused file into a good one and touches nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileVersion {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
    /// The file's version now.
    ///
    /// # Errors
    /// `NotFound` and as the operating system has them.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("read");
        entries.map(|e| e.expect("read").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_replaced_file_has_the_new_mode_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f.pem");
        fs::write(beside(&path, ".new"), "of a crash, readable by all").expect("written");
        for (mode, content) in [(0o600, "secret"), (0o400, "other"), (PRIVATE_FILE, "")] {
            replace_durably(&path, ".new", mode, content.as_bytes()).expect("replaced");
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, mode);
            assert_eq!(fs::read_to_string(&path).expect("read"), content);
            assert_eq!(names(directory.path()), ["f.pem"]);
        }
    }

    #[test]
    fn a_new_file_is_alone_and_goes_when_it_is_not_put_in_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let first = NewFile::create(&path, ".new", 0o600).expect("made");
        let second = NewFile::create(&path, ".new", 0o600).expect_err("there is one");
        assert_eq!(second.kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(directory.path()), ["f.new"]);
        drop(first);
        assert!(names(directory.path()).is_empty());
        // Nothing can take the place of a directory.
        fs::create_dir(&path).expect("made");
        let third = NewFile::create(&path, ".new", 0o600).expect("made");
        third.put_in_place(b"text").expect_err("a directory is in its place");
        assert_eq!(names(directory.path()), ["f"]);
    }

    #[test]
    fn a_lock_is_waited_for_or_would_block() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("LOCK");
        let first = FileLock::wait(&path).expect("free");
        let second = FileLock::try_take(&path).expect_err("taken");
        assert_eq!(second.kind(), ErrorKind::WouldBlock);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| FileLock::wait(&path).map(drop));
            drop(first);
            waiting.join().expect("no panic").expect("free again");
        });
        FileLock::try_take(&path).expect("free again");
        assert_eq!(fs::metadata(&path).expect("stays").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_private_file_is_read_only_if_it_is_private_and_not_too_large() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        replace_durably(&path, ".new", 0o600, b"0123").expect("made");
        let mut text = String::new();
        read_private(&path, 4, &mut text).expect("read");
        assert_eq!(text, "0123");
        let too_large = read_private(&path, 3, &mut text).expect_err("too large");
        assert!(matches!(too_large, PrivateFileError::Io(_)));
        for open in [0o644, 0o604, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).expect("set");
            let refused = read_private(&path, 4, &mut text).expect_err("open to others");
            assert!(matches!(refused, PrivateFileError::OpenToOthers { mode } if mode == open));
        }
    }

    #[test]
    fn the_directory_of_a_bare_name_is_the_current_one() {
        assert_eq!(directory_of(Path::new("f")), Path::new("."));
        assert_eq!(directory_of(Path::new("/d/f")), Path::new("/d"));
        assert_eq!(beside(Path::new("/d/f.toml"), ".new"), Path::new("/d/f.toml.new"));
    }

    #[test]
    fn others_are_those_who_are_not_of_a_group_of_this_process() {
        use super::{Access, access_of};
        for (mode, access) in [
            (0o600, Access::Owner),
            (0o400, Access::Owner),
            (0o640, Access::OwnGroup),
            (0o660, Access::OwnGroup),
            (0o604, Access::Others),
            (0o644, Access::Others),
            (0o601, Access::Others),
        ] {
            assert_eq!(access_of(mode, 7, &[3, 7]), access, "{mode:o}");
            let of_strangers = if mode & 0o077 == 0 { Access::Owner } else { Access::Others };
            assert_eq!(access_of(mode, 8, &[3, 7]), of_strangers, "{mode:o}");
        }
    }

    #[test]
    fn the_owner_is_this_user_or_the_administrator() {
        for (owner, own, is_foreign) in [
            (7, 7, false),
            (0, 7, false),
            (0, 0, false),
            (8, 7, true),
            (8, 0, true),
            (u32::MAX, 0, true),
        ] {
            let found = foreign_to(owner, own);
            assert_eq!(found, is_foreign.then_some(ForeignOwner { owner, own }), "{owner} {own}");
        }
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(foreign_owner(directory.path()).expect("there"), None);
    }

    #[test]
    fn a_private_file_of_another_user_is_not_opened() {
        if own_user() != ADMINISTRATOR {
            eprintln!("skipped: only root can give a file away");
            return;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        replace_durably(&path, ".new", 0o600, b"0123").expect("made");
        std::os::unix::fs::chown(&path, Some(65534), None).expect("given away");
        let refused = read_private(&path, 4, &mut String::new()).expect_err("of another user");
        let foreign = ForeignOwner { owner: 65534, own: 0 };
        assert!(matches!(refused, PrivateFileError::Foreign(found) if found == foreign));
        assert!(foreign.remedy(&path).contains(&format!("chown 0 {}", path.display())));
        std::os::unix::fs::chown(&path, Some(0), None).expect("taken back");
        read_private(&path, 4, &mut String::new()).expect("read");
    }
}
