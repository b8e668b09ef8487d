//! A disk in memory that forgets, tears and refuses as real ones do.
//!
//! Each file has its durable bytes and the writes since the last `sync_data`; each directory
//! has its durable names and those since the last `sync_dir`. [`FakeDisk::crash`] keeps the
//! durable state and a random part of the rest: any subset of the unsynced writes, in 512-byte
//! sectors, each perhaps. A [`Fault`] at the n-th operation stands for a fail point there.

use crate::disk::{Disk, DiskFile};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;

/// What goes wrong at a chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation and all later ones fail, as if the process had died before it.
    Dead,
    /// This operation fails with `StorageFull`.
    NoSpace,
    /// This operation fails with an I/O error; of a write, a part may be there.
    Broken,
}

#[derive(Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    durable_names: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    operations: u64,
    faults: HashMap<u64, Fault>,
    dead: bool,
    locked: bool,
    /// Bytes that allocations may still take.
    space: Option<u64>,
}

/// A disk in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk(Arc<Mutex<State>>);

impl FakeDisk {
    /// Changing operations (writes, syncs, renames, …) so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Lets `fault` happen at changing operation number `operation`, counted from 0.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.0.lock().faults.insert(operation, fault);
    }

    /// Limits the bytes that can still be allocated; `None` is no limit.
    pub fn set_space(&self, space: Option<u64>) {
        self.0.lock().space = space;
    }

    /// Whether a [`Fault::Dead`] has happened.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.lock().dead
    }

    /// What the disk holds after a power cut: durable data, and of the rest what `seed` decides.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let state = self.0.lock();
        let mut names = BTreeMap::new();
        let all = state.names.keys().chain(state.durable_names.keys());
        let mut paths: Vec<&PathBuf> = all.collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let (current, durable) = (state.names.get(path), state.durable_names.get(path));
            let same = match (current, durable) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            let kept = if same || rng.random() { current } else { durable };
            if let Some(inode) = kept {
                let surviving = survive(&inode.lock(), &mut rng);
                names.insert(path.clone(), Arc::new(Mutex::new(surviving)));
            }
        }
        let durable_names = names.clone();
        Self(Arc::new(Mutex::new(State {
            names,
            durable_names,
            space: state.space,
            ..State::default()
        })))
    }

    /// Changes bytes of a file behind everybody's back.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn corrupt(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let state = self.0.lock();
        let mut inode = state.names[path].lock();
        change(&mut inode.current);
        inode.durable = inode.current.clone();
    }

    /// Paths of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().names.keys().cloned().collect()
    }

    /// Counts one changing operation and says what goes wrong with it.
    fn begin(&self) -> io::Result<bool> {
        let mut state = self.0.lock();
        let number = state.operations;
        state.operations += 1;
        let fault = state.faults.get(&number).copied();
        state.dead |= fault == Some(Fault::Dead);
        match fault {
            _ if state.dead => Err(io::Error::other("the process is dead")),
            Some(Fault::NoSpace) => Err(ErrorKind::StorageFull.into()),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    fn step(&self) -> io::Result<()> {
        if self.begin()? { Err(io::Error::other("injected")) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<Arc<Mutex<Inode>>> {
        let state = self.0.lock();
        state.names.get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn survive(inode: &Inode, rng: &mut StdRng) -> Inode {
    let mut bytes = inode.durable.clone();
    // Some crashes lose everything, some nothing, most a random choice of sectors.
    let keep_chance = [0.0, 0.5, 0.5, 1.0][rng.random_range(0..4)];
    for (offset, data) in &inode.unsynced {
        for (i, sector) in data.chunks(SECTOR).enumerate() {
            if rng.random_bool(keep_chance) {
                put(&mut bytes, offset + i * SECTOR, sector);
            }
        }
    }
    Inode { durable: bytes.clone(), current: bytes, unsynced: Vec::new() }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

impl Disk for FakeDisk {
    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        self.step()
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.step()?;
        let inode = Arc::new(Mutex::new(Inode::default()));
        self.0.lock().names.insert(path.to_owned(), inode.clone());
        Ok(Arc::new(FakeFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path, _writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FakeFile { disk: self.clone(), inode: self.find(path)? }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock();
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let inode = self.find(from)?;
        let mut state = self.0.lock();
        state.names.remove(from);
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let removed = self.0.lock().names.remove(path);
        removed.map(|_| ()).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let mut state = self.0.lock();
        state.durable_names.retain(|name, _| name.parent() != Some(path));
        let here: Vec<_> = state
            .names
            .iter()
            .filter(|(name, _)| name.parent() == Some(path))
            .map(|(name, inode)| (name.clone(), inode.clone()))
            .collect();
        state.durable_names.extend(here);
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.0.lock();
        if state.locked {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(Box::new(FakeLock(self.clone())))
    }
}

struct FakeLock(FakeDisk);

impl Drop for FakeLock {
    fn drop(&mut self) {
        self.0.0.lock().locked = false;
    }
}

#[derive(Debug)]
struct FakeFile {
    disk: FakeDisk,
    inode: Arc<Mutex<Inode>>,
}

impl DiskFile for FakeFile {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut data: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let broken = self.disk.begin()?;
        if broken {
            data.truncate(data.len() / 2);
        }
        let mut inode = self.inode.lock();
        put(&mut inode.current, offset as usize, &data);
        inode.unsynced.push((offset as usize, data));
        if broken { Err(io::Error::other("injected")) } else { Ok(()) }
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let inode = self.inode.lock();
        let start = offset as usize;
        let data = inode.current.get(start..start + bytes.len());
        bytes.copy_from_slice(data.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let broken = self.disk.begin()?;
        let mut inode = self.inode.lock();
        if broken {
            // As Linux does: what could not be written is forgotten, and a later sync succeeds.
            let lost = std::mem::take(&mut inode.unsynced);
            for (offset, data) in lost.into_iter().step_by(2) {
                let durable = inode.durable.clone();
                let end = (offset + data.len()).min(durable.len());
                if offset < end {
                    inode.current[offset..end].copy_from_slice(&durable[offset..end]);
                }
            }
            return Err(io::Error::other("injected"));
        }
        inode.durable = inode.current.clone();
        inode.unsynced.clear();
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.disk.step()?;
        let mut inode = self.inode.lock();
        let wanted = len.saturating_sub(inode.current.len() as u64);
        let mut state = self.disk.0.lock();
        if let Some(space) = &mut state.space {
            *space = space.checked_sub(wanted).ok_or(ErrorKind::StorageFull)?;
        }
        let target = inode.current.len().max(len as usize);
        inode.current.resize(target, 0);
        let durable_target = inode.durable.len().max(len as usize);
        inode.durable.resize(durable_target, 0);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.inode.lock().current.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &dyn DiskFile, data: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(&mut [IoSlice::new(data)], offset)
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
                other => panic!("unexpected {other:?}"),
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
}
