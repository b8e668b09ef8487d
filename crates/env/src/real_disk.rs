//! The machine's file system.

use crate::allocate::allocate;
use crate::direct_file::DirectFile;
use crate::disk::{Disk, DiskDirectory, DiskLock};
use crate::disk_file::{DiskFile, WriteError, write_all};
use crate::files::{FileIdentity, FileLock, PRIVATE_FILE, create_private_directory, directory_of};
use crate::sequential::SequentialFile;
use rustix::buffer::spare_capacity;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// Slices in one `pwritev` call; the kernel's IOV_MAX.
const SLICES_MAX: usize = 1024;

/// The machine's file system.
#[derive(Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        create_private_directory(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(PRIVATE_FILE);
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn create_sequential(
        &self,
        path: &Path,
        bytes_min: u64,
    ) -> io::Result<Box<dyn SequentialFile>> {
        Ok(Box::new(DirectFile::create(path, PRIVATE_FILE, bytes_min)?))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(writable).open(path)?)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(directory)?;
        // A name that is not UTF-8 is none of ours, but whoever lists must see that it is there.
        entries.map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned())).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn open_dir(&self, path: &Path) -> io::Result<Arc<dyn DiskDirectory>> {
        Ok(Arc::new(RealDirectory(File::open(path)?)))
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        let file = FileLock::try_take(path)?;
        let file_id = file.identity()?;
        if FileIdentity::of(path)? != file_id {
            // Somebody else has made another one meanwhile.
            return Err(ErrorKind::WouldBlock.into());
        }
        let directory_id = FileIdentity::of(directory_of(path))?;
        let directory = match FileLock::try_take_directory(directory_of(path)) {
            // Not every file system locks directories; NFS does not.
            Err(error) if cannot_lock(&error) => None,
            other => Some(other?),
        };
        Ok(DiskLock::new(file_id, directory_id, (file, directory)))
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        FileIdentity::of(path)
    }

    fn ask_to_write_in_place(&self, directory: &Path) -> bool {
        let asked = File::open(directory).and_then(|directory| {
            let flags = ioctl_getflags(&directory)?;
            if !flags.contains(IFlags::NOCOW) {
                ioctl_setflags(&directory, flags | IFlags::NOCOW)?;
            }
            // Some take what they do not know, and forget it.
            Ok(ioctl_getflags(&directory)?.contains(IFlags::NOCOW))
        });
        asked.unwrap_or(false)
    }
}

/// Whether the file system has no locks for what was to be locked.
fn cannot_lock(error: &io::Error) -> bool {
    let unsupported = [Errno::BADF, Errno::INVAL, Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP];
    unsupported.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[derive(Debug)]
struct RealDirectory(File);

impl DiskDirectory for RealDirectory {
    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), WriteError> {
        write_all(slices, offset, |slices, offset| {
            let batch = &slices[..slices.len().min(SLICES_MAX)];
            Ok(rustix::io::pwritev(&self.0, batch, offset)?)
        })
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }

    fn read_vec_at(&self, len: usize, offset: u64) -> io::Result<Vec<u8>> {
        // Without zeroing memory that is about to be filled.
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            match rustix::io::pread(&self.0, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // A vector may have more room than it was asked for.
        bytes.truncate(len);
        Ok(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        allocate(&self.0, len)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_more_slices_than_one_call_takes() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = RealDisk.create(&directory.path().join("f")).expect("a file");
        let bytes: Vec<u8> = (0..5000u32).flat_map(u32::to_le_bytes).collect();
        let mut slices: Vec<IoSlice<'_>> = bytes.chunks(4).map(IoSlice::new).collect();
        file.write_all_at(&mut slices, 3).expect("written");
        let mut read = vec![0; bytes.len()];
        file.read_exact_at(&mut read, 3).expect("read");
        assert_eq!(read, bytes);
        assert_eq!(file.read_vec_at(bytes.len() - 1, 4).expect("read"), bytes[1..]);
        let beyond = file.read_vec_at(bytes.len(), 4).map_err(|error| error.kind());
        assert_eq!(beyond, Err(ErrorKind::UnexpectedEof));
    }

    #[test]
    fn a_second_lock_would_block() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("LOCK");
        let first = RealDisk.lock(&path).expect("locked");
        let second = RealDisk.lock(&path).err().map(|error| error.kind());
        assert_eq!(second, Some(ErrorKind::WouldBlock));
        drop(first);
        RealDisk.lock(&path).expect("free again");
    }

    #[test]
    fn a_lock_tells_what_it_is_on_from_what_took_the_place() {
        let home = tempfile::tempdir().expect("a directory");
        let (directory, elsewhere) = (home.path().join("data"), home.path().join("elsewhere"));
        let path = directory.join("LOCK");
        fs::create_dir(&directory).expect("made");
        let lock = RealDisk.lock(&path).expect("locked");
        let now = |path: &Path| RealDisk.identity(path).map_err(|error| error.kind());
        assert_eq!(now(&path), Ok(lock.file));
        assert_eq!(now(&directory), Ok(lock.directory));
        fs::rename(&directory, &elsewhere).expect("renamed");
        assert_eq!(now(&path), Err(ErrorKind::NotFound));
        assert_eq!(now(&elsewhere.join("LOCK")), Ok(lock.file));
        fs::create_dir(&directory).expect("made");
        fs::write(&path, "").expect("made");
        assert_ne!(now(&path), Ok(lock.file));
        assert_ne!(now(&directory), Ok(lock.directory));
    }

    #[test]
    fn a_lock_holds_though_its_file_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("LOCK");
        let first = RealDisk.lock(&path).expect("locked");
        fs::remove_file(&path).expect("removed");
        let second = RealDisk.lock(&path).err().map(|error| error.kind());
        assert_eq!(second, Some(ErrorKind::WouldBlock));
        drop(first);
        RealDisk.lock(&path).expect("free again");
    }
}
