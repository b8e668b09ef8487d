//! Spare journal files: reserved and written before, so that one is there when it is needed.
//!
//! `journal/next.spare` becomes the next journal file. Beside it `journal/<number>.spare` are
//! retired files, and number 0 is one that was made ahead of need. What a spare file holds is of
//! no meaning: its old frames have another identity than the next use will have.
//!
//! To make a file costs as much as to write its content. So writers wait for one that maintenance
//! is about to bring back (`Directory::wait_for_spare`), and if they had to, maintenance makes another
//! when it has nothing else to do, until writers are as far ahead of it as they may be.

use crate::format::layout::{Layout, number_in};
use anabranch_env::{Disk, DiskFile, is_out_of_descriptors};
use parking_lot::Mutex;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes of zeros written at once.
const FILL_BYTES: usize = 1 << 20;

/// What those who use spare files and those who make them tell each other.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    /// Held while the next journal file is prepared or used, or a retired one kept.
    pub(crate) sole: Mutex<()>,
    /// The writer had to wait for a spare journal file since maintenance last made one.
    pub(crate) was_lacking: AtomicBool,
    /// One is being made.
    pub(crate) is_making: AtomicBool,
}

/// Makes sure that a file of `bytes` with its space is there for the next journal file.
///
/// # Errors
/// `StorageFull` when the volume has no room: nothing is lost then, and it can be tried again.
pub(crate) fn prepare(
    disk: &dyn Disk,
    layout: &Layout,
    bytes: u64,
) -> io::Result<Arc<dyn DiskFile>> {
    let path = layout.spare();
    if let Some(file) = open_long_enough(disk, &path, bytes)? {
        return Ok(file);
    }
    if let Some(number) = kept(disk, layout)?.first() {
        // Durable with the name of the journal file that it becomes.
        disk.rename(&layout.kept_spare(*number), &path)?;
        if let Some(file) = open_long_enough(disk, &path, bytes)? {
            return Ok(file);
        }
    }
    let unfinished = layout.unfinished_next();
    let file = make(disk, &unfinished, bytes)?;
    disk.rename(&unfinished, &path)?;
    Ok(file)
}

/// `None`: there is none that could be used.
fn open_long_enough(
    disk: &dyn Disk,
    path: &Path,
    bytes: u64,
) -> io::Result<Option<Arc<dyn DiskFile>>> {
    match disk.open(path, true) {
        Ok(file) => Ok(file.len().is_ok_and(|len| len >= bytes).then_some(file)),
        // It may well be there.
        Err(error) if is_out_of_descriptors(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Spare files of at least `bytes` that are there.
///
/// # Errors
/// As the operating system has them.
pub(crate) fn count(disk: &dyn Disk, layout: &Layout, bytes: u64) -> io::Result<usize> {
    let kept = kept(disk, layout)?.into_iter().map(|number| layout.kept_spare(number));
    let mut spares = kept.chain([layout.spare()]);
    spares.try_fold(0, |count, path| {
        let is_one = open_long_enough(disk, &path, bytes)?.is_some();
        Ok(count + usize::from(is_one))
    })
}

/// Makes one more, unless the last one that was made is still unused. Others may be used meanwhile.
///
/// # Errors
/// As the operating system has them.
pub(crate) fn add(disk: &dyn Disk, layout: &Layout, bytes: u64) -> io::Result<()> {
    let path = layout.kept_spare(0);
    if open_long_enough(disk, &path, bytes)?.is_some() {
        return Ok(());
    }
    let unfinished = layout.unfinished_spare();
    make(disk, &unfinished, bytes)?;
    disk.rename(&unfinished, &path)
}

/// Removes what a process did not live to finish.
///
/// # Errors
/// As the operating system has them.
pub(crate) fn remove_unfinished(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    for path in [layout.unfinished_next(), layout.unfinished_spare()] {
        match disk.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn make(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(path)?;
    if let Err(error) = file.allocate(bytes).and_then(|()| fill(&*file, bytes)) {
        // A file without its space must not be mistaken for a spare.
        disk.remove(path)?;
        return Err(error);
    }
    Ok(file)
}

/// Keeps the retired journal file `number` as a spare one of at least `bytes`, unless it is
/// smaller or there are `kept_max` beside the next one; then it is removed. A file that is gone
/// already is no error. The directory is not synced.
///
/// # Errors
/// As the operating system has them.
pub(crate) fn keep(
    disk: &dyn Disk,
    layout: &Layout,
    number: u64,
    bytes: u64,
    kept_max: usize,
) -> io::Result<()> {
    let retired = layout.journal(number);
    let kept_as = if len(disk, &retired)?.is_some_and(|len| len < bytes) {
        None
    } else if len(disk, &layout.spare())?.is_none() {
        Some(layout.spare())
    } else {
        (kept(disk, layout)?.len() < kept_max).then(|| layout.kept_spare(number))
    };
    let outcome = match kept_as {
        Some(path) => disk.rename(&retired, &path),
        None => disk.remove(&retired),
    };
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Length of a file. `None`: it is not there, or of no use.
fn len(disk: &dyn Disk, path: &Path) -> io::Result<Option<u64>> {
    match disk.open(path, false).and_then(|file| file.len()) {
        Err(error) if is_out_of_descriptors(&error) => Err(error),
        len => Ok(len.ok()),
    }
}

/// Numbers of the files that are kept beside the next one.
fn kept(disk: &dyn Disk, layout: &Layout) -> io::Result<Vec<u64>> {
    let names = disk.list(&layout.journal_dir())?;
    Ok(names.iter().filter_map(|name| number_in(name, "spare")).collect())
}

/// Writes zeros, so that later syncs find the space written.
fn fill(file: &dyn DiskFile, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; FILL_BYTES.min(usize::try_from(bytes).unwrap_or(FILL_BYTES))];
    let mut offset = 0;
    while offset < bytes {
        let len = zeros.len().min(usize::try_from(bytes - offset).unwrap_or(usize::MAX));
        file.write_all_at(&mut [IoSlice::new(&zeros[..len])], offset)?;
        offset += len as u64;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::{FakeDisk, Fault};

    const BYTES: u64 = 4096;

    fn make_journal(disk: &FakeDisk, layout: &Layout, number: u64, bytes: u64) {
        let file = disk.create(&layout.journal(number)).expect("created");
        file.allocate(bytes).expect("allocated");
    }

    fn names(disk: &FakeDisk, layout: &Layout) -> Vec<String> {
        let mut names = disk.list(&layout.journal_dir()).expect("listed");
        names.sort();
        names
    }

    #[test]
    fn retired_files_come_back_before_a_new_one_is_made() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/d")));
        for number in 1..=5 {
            make_journal(&disk, &layout, number, if number == 2 { BYTES - 1 } else { BYTES });
            keep(&disk, &layout, number, BYTES, 2).expect("kept or removed");
        }
        let (third, fourth) = ("0000000000000003.spare", "0000000000000004.spare");
        assert_eq!(names(&disk, &layout), [third, fourth, "next.spare"]);
        for left in [vec![third, fourth], vec![fourth], vec![], vec![]] {
            assert!(prepare(&disk, &layout, BYTES).expect("prepared").len().expect("len") >= BYTES);
            disk.rename(&layout.spare(), &layout.journal(9)).expect("used");
            disk.remove(&layout.journal(9)).expect("removed");
            assert_eq!(names(&disk, &layout).len(), left.len());
        }
    }

    #[test]
    fn one_is_made_ahead_and_no_other_before_it_is_used() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/d")));
        let made = "0000000000000000.spare";
        for _ in 0..2 {
            add(&disk, &layout, BYTES).expect("added");
            assert_eq!(names(&disk, &layout), [made]);
        }
        prepare(&disk, &layout, BYTES).expect("the one that is there");
        assert_eq!(names(&disk, &layout), ["next.spare"]);
        add(&disk, &layout, BYTES).expect("added");
        assert_eq!(count(&disk, &layout, BYTES).expect("counted"), 2);
    }

    #[test]
    fn a_file_that_was_not_finished_is_no_spare_one() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/d")));
        // The space is there, but not written.
        disk.fail_after(2, Fault::Dead);
        add(&disk, &layout, BYTES).expect_err("dead");
        let disk = disk.restart();
        assert_eq!(names(&disk, &layout), ["spare.tmp"]);
        assert_eq!(count(&disk, &layout, BYTES).expect("counted"), 0);
        for _ in 0..2 {
            remove_unfinished(&disk, &layout).expect("removed or not there");
            assert_eq!(names(&disk, &layout), [""; 0]);
        }
    }

    #[test]
    fn a_spare_that_is_too_small_is_made_again() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/d")));
        prepare(&disk, &layout, BYTES).expect("prepared");
        assert_eq!(prepare(&disk, &layout, 2 * BYTES).expect("prepared").len().expect("len"), 8192);
        assert_eq!(prepare(&disk, &layout, BYTES).expect("prepared").len().expect("len"), 8192);
    }

    #[test]
    fn keeping_what_is_gone_is_no_error() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/d")));
        keep(&disk, &layout, 7, BYTES, 2).expect("nothing to do");
    }
}
