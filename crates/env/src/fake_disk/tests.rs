//! What the fake disk does to whom it serves.

use super::*;
use crate::descriptors::is_out_of_descriptors;

fn write(file: &dyn DiskFile, data: &[u8], offset: u64) -> io::Result<()> {
    Ok(file.write_all_at(&mut [IoSlice::new(data)], offset)?)
}

#[test]
fn a_crash_keeps_what_was_synced_and_some_of_the_rest() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..50 {
        let disk = FakeDisk::default();
        let path = Path::new("/d/f");
        let file = disk.create(path).expect("created");
        write(&*file, b"durable", 0).expect("written");
        file.sync_data().expect("synced");
        disk.sync_dir(Path::new("/d")).expect("synced");
        write(&*file, b"maybe", 7).expect("written");
        let after = disk.crash(seed);
        let file = after.open(path, false).expect("there");
        let mut bytes = vec![0; file.len().expect("len") as usize];
        file.read_exact_at(&mut bytes, 0).expect("read");
        match bytes.as_slice() {
            b"durable" => lost += 1,
            b"durablemaybe" => kept += 1,
            other => assert!(other.starts_with(b"durable"), "{other:?}"),
        }
    }
    assert!(kept > 0 && lost > 0);
}

#[test]
fn faults_happen_where_they_were_put() {
    let disk = FakeDisk::default();
    disk.fail_at(1, Fault::Broken);
    disk.fail_at(3, Fault::Dead);
    let file = disk.create(Path::new("/f")).expect("operation 0");
    assert!(write(&*file, b"1234", 0).is_err());
    assert_eq!(file.len().expect("len"), 2);
    write(&*file, b"1234", 0).expect("operation 2");
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_err(), "dead stays dead");
}

/// A file with `b"durable"` under a durable name, and a write of 2,000 bytes behind it.
fn unsynced() -> (FakeDisk, Arc<dyn DiskFile>) {
    let disk = FakeDisk::default();
    let file = disk.create(Path::new("/d/f")).expect("created");
    write(&*file, b"durable", 0).expect("written");
    file.sync_data().expect("synced");
    disk.sync_dir(Path::new("/d")).expect("synced");
    write(&*file, &[7; 2_000], 7).expect("written");
    (disk, file)
}

fn content(disk: &FakeDisk) -> Vec<u8> {
    let file = disk.open(Path::new("/d/f"), false).expect("there");
    let mut bytes = vec![0; file.len().expect("len") as usize];
    file.read_exact_at(&mut bytes, 0).expect("read");
    bytes
}

#[test]
fn every_kind_of_power_cut_does_what_it_says() {
    let (disk, _file) = unsynced();
    let (mut torn, mut spoiled) = (0, 0);
    for seed in 0..50 {
        let after = |cut| content(&disk.power_cut(cut, seed));
        assert_eq!(after(PowerCut::DropsUnsynced), b"durable");
        assert_eq!(after(PowerCut::KeepsAll).len(), 2_007);
        assert!([7, 2_007].contains(&after(PowerCut::Reorders).len()));
        torn += u32::from(after(PowerCut::Tears)[7..].contains(&0));
        let is_garbage = |byte: &u8| ![0, 7].contains(byte);
        spoiled += u32::from(after(PowerCut::Spoils)[7..].iter().any(is_garbage));
    }
    assert!(torn > 5 && spoiled > 5, "torn={torn} spoiled={spoiled}");
}

#[test]
fn a_restart_keeps_what_is_not_durable_and_a_power_cut_still_takes_it() {
    let (disk, file) = unsynced();
    let next = disk.restart();
    assert_eq!(content(&next).len(), 2_007);
    file.sync_data().expect("of the process before");
    assert_eq!(content(&next.power_cut(PowerCut::DropsUnsynced, 0)), b"durable");
}

#[test]
fn what_a_failed_sync_lost_stays_readable_and_never_becomes_durable() {
    let (disk, file) = unsynced();
    disk.fail_at(disk.operations(), Fault::BrokenQuietly);
    assert!(file.sync_data().is_err());
    assert_eq!(content(&disk).len(), 2_007);
    file.sync_data().expect("there is nothing to write");
    assert_eq!(content(&disk.power_cut(PowerCut::KeepsAll, 0)), b"durable");
    write(&*file, &[7; 2_000], 7).expect("written");
    file.sync_data().expect("synced");
    assert_eq!(content(&disk.power_cut(PowerCut::DropsUnsynced, 0)).len(), 2_007);
}

#[test]
fn a_directory_that_was_not_synced_goes_with_all_that_is_in_it() {
    let disk = FakeDisk::default();
    disk.create_dir_all(Path::new("/a/d")).expect("made");
    let file = disk.create(Path::new("/a/d/f")).expect("created");
    file.sync_data().expect("synced");
    for directory in ["/a/d", "/a"] {
        disk.sync_dir(Path::new(directory)).expect("synced");
        assert_eq!(disk.power_cut(PowerCut::DropsUnsynced, 0).paths().len(), 0);
    }
    disk.sync_dir(Path::new("/")).expect("synced");
    assert_eq!(disk.power_cut(PowerCut::DropsUnsynced, 0).paths().len(), 1);
}

#[test]
fn a_full_volume_takes_a_part_of_a_write_and_has_room_after_a_removal() {
    let disk = FakeDisk::default();
    disk.set_space(Some(10));
    let file = disk.create(Path::new("/d/f")).expect("created");
    let kind = |outcome: io::Result<()>| outcome.expect_err("refused").kind();
    assert_eq!(kind(write(&*file, b"123456789abc", 0)), ErrorKind::StorageFull);
    assert_eq!(file.len().expect("len"), 10);
    write(&*file, b"inside", 0).expect("takes no space");
    assert_eq!(kind(file.allocate(11)), ErrorKind::StorageFull);
    disk.remove(Path::new("/d/f")).expect("removed");
    let file = disk.create(Path::new("/d/g")).expect("created");
    file.allocate(10).expect("room again");
}

#[test]
fn without_descriptors_nothing_is_opened_and_what_is_open_works() {
    let (disk, file) = unsynced();
    let directory = disk.open_dir(Path::new("/d")).expect("opened");
    disk.fail_after(0, Fault::OutOfDescriptors);
    write(&*file, b"more", 0).expect("written");
    file.sync_data().expect("synced");
    disk.rename(Path::new("/d/f"), Path::new("/d/g")).expect("renamed");
    directory.sync().expect("synced");
    let is_out = |error: Option<io::Error>| error.is_some_and(|e| is_out_of_descriptors(&e));
    let (root, path) = (Path::new("/d"), Path::new("/d/g"));
    assert!(is_out(disk.create(path).err()) && is_out(disk.open(path, false).err()));
    assert!(is_out(disk.list(root).err()) && is_out(disk.sync_dir(root).err()));
    assert!(is_out(disk.open_dir(root).err()) && is_out(disk.lock(path).err()));
    disk.set_out_of_descriptors(false);
    disk.open(path, false).expect("opened");
}

#[test]
fn a_volume_that_copies_on_write_needs_space_for_what_is_written_again() {
    let (disk, file) = unsynced();
    disk.copy_on_write(5);
    disk.fail_after(0, Fault::Full);
    let taken = |data: &[u8], offset| {
        let outcome = file.write_all_at(&mut [IoSlice::new(data)], offset);
        outcome.map_or_else(|failed| failed.taken, |()| data.len() as u64)
    };
    assert_eq!(taken(b"123456789", 0), 5);
    assert_eq!(&content(&disk)[..7], b"12345le");
    assert_eq!(taken(b"abcde", 0), 0, "the old copies are still there");
    file.sync_data().expect("synced");
    assert_eq!(taken(b"xyz", 2_007), 3, "the file grows");
    assert_eq!(taken(b"123456789", 0), 2);
    disk.set_space(None);
    assert_eq!(taken(b"123456789", 0), 9);
}

#[test]
fn a_write_without_space_tells_how_much_of_it_is_there() {
    for (fault, expected) in
        [(Fault::NoSpaceAtAll, 0), (Fault::NoSpace, 3), (Fault::NoSpaceAtTheEnd, 5)]
    {
        let (disk, file) = unsynced();
        disk.fail_after(0, fault);
        let failed = file.write_all_at(&mut [IoSlice::new(b"123456")], 0).expect_err("full");
        assert_eq!((failed.taken, failed.error.kind()), (expected as u64, ErrorKind::StorageFull));
        let (taken, rest) = (&b"123456"[..expected], &b"durable"[expected..]);
        assert_eq!(&content(&disk)[..7], [taken, rest].concat());
    }
}

#[test]
fn reads_fail_where_they_should_and_short_writes_are_finished() {
    let (disk, file) = unsynced();
    disk.fail_read_at(disk.reads());
    assert!(file.read_exact_at(&mut [0; 3], 0).is_err());
    disk.fail_at(disk.operations(), Fault::Short);
    write(&*file, &(0..=255).collect::<Vec<u8>>(), 0).expect("in several calls");
    assert_eq!(content(&disk)[..256], (0..=255).collect::<Vec<u8>>());
}
