//! A disk in memory that forgets, tears, reorders, spoils and refuses as real ones do.
//!
//! Each file has its durable bytes and the writes since the last `sync_data`; each directory
//! has its durable names and those since the last `sync_dir`. [`FakeDisk::power_cut`] keeps the
//! durable state and of the rest what the [`PowerCut`] says; [`FakeDisk::restart`] keeps all of it
//! as it is, for the next process to find: readable, and still not durable. A [`Fault`] at the n-th
//! operation stands for a fail point there.

use crate::descriptors::out_of_descriptors;
use crate::disk::{Disk, DiskDirectory, DiskLock};
use crate::disk_file::{DiskFile, WriteError, write_all};
use crate::files::{FileIdentity, directory_of};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;

/// What goes wrong at a chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation and all later ones fail, as if the process had died before it.
    Dead,
    /// This operation fails with `StorageFull`; of a write, half is there.
    NoSpace,
    /// This operation fails with `StorageFull` and has done nothing.
    NoSpaceAtAll,
    /// This operation fails with `StorageFull`; of a write, all but one byte is there.
    NoSpaceAtTheEnd,
    /// This operation fails with an I/O error; of a write, a part may be there. Of what a sync
    /// should have made durable, each write may be so, or be gone, or stay readable and never
    /// become durable, though a later sync succeeds.
    Broken,
    /// As [`Fault::Broken`]; a sync leaves everything readable and makes nothing durable, neither
    /// then nor later. That is Linux: pages that could not be written are marked clean.
    BrokenQuietly,
    /// Nothing fails here, but from now on files cannot grow.
    Full,
    /// Nothing fails here, but from now on nothing can be opened: there is no file descriptor left.
    OutOfDescriptors,
    /// A write takes several calls, each of which reports that it took a part. Nothing fails.
    Short,
}

/// What a power cut leaves of writes and names that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerCut {
    /// Nothing.
    DropsUnsynced,
    /// Everything.
    KeepsAll,
    /// Any sectors of any writes.
    Tears,
    /// Any writes as a whole, later ones perhaps before earlier ones.
    Reorders,
    /// Any sectors of any writes, and garbage in some.
    Spoils,
}

impl PowerCut {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::DropsUnsynced, Self::KeepsAll, Self::Tears, Self::Reorders, Self::Spoils];
}

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Space that goes back when the copies of what was written are durable.
    replaced: u64,
}

type Names = BTreeMap<PathBuf, Arc<Mutex<Inode>>>;

#[derive(Debug, Default)]
struct State {
    names: Names,
    durable_names: Names,
    /// Directories that were made, and those of them whose name is durable.
    directories: BTreeSet<PathBuf>,
    durable_directories: BTreeSet<PathBuf>,
    operations: u64,
    faults: HashMap<u64, Fault>,
    reads: u64,
    read_faults: HashSet<u64>,
    dead: bool,
    writes_in_parts: bool,
    /// Whether what is written again takes space again until it is synced, and how much a full volume
    /// has left for that.
    copies_on_write: Option<u64>,
    locked: bool,
    out_of_descriptors: bool,
    /// What somebody has done behind everybody's back: how often another file or directory was put in
    /// the place of one, and `None` where it is gone.
    swaps: BTreeMap<PathBuf, Option<u64>>,
    /// How many files were given a number, also before the last end of a process.
    file_ids: u64,
    /// Bytes that files may still grow by.
    space: Option<u64>,
    /// What was done, if somebody wants to know.
    trace: Option<Vec<String>>,
    hook: Hook,
}

/// Called before each changing operation.
#[derive(Clone, Default)]
struct Hook(Option<Arc<dyn Fn() + Send + Sync>>);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hook").field(&self.0.is_some()).finish()
    }
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

    /// Lets `fault` happen at the changing operation that comes after `operations` others from
    /// now on, whatever other threads do meanwhile.
    pub fn fail_after(&self, operations: u64, fault: Fault) {
        let mut state = self.0.lock();
        let at = state.operations + operations;
        state.faults.insert(at, fault);
    }

    /// Lets none of the faults happen that were yet to come.
    pub fn forget_faults(&self) {
        self.0.lock().faults.clear();
    }

    /// Lets every write from now on take several calls, as with [`Fault::Short`].
    pub fn write_in_parts(&self) {
        self.0.lock().writes_in_parts = true;
    }

    /// Lets what is written again take space again, as on a volume that copies on write: the old copy
    /// goes when the new one is durable. [`Fault::Full`] then leaves space for so many bytes.
    pub fn copy_on_write(&self, left_when_full: u64) {
        self.0.lock().copies_on_write = Some(left_when_full);
    }

    /// Reading operations (opening, listing, lengths, reads) so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.lock().reads
    }

    /// Lets reading operation number `read`, counted from 0, fail with an I/O error.
    pub fn fail_read_at(&self, read: u64) {
        self.0.lock().read_faults.insert(read);
    }

    /// Limits the bytes that files can still grow by; `None` is no limit. What is removed gives
    /// its bytes back.
    pub fn set_space(&self, space: Option<u64>) {
        self.0.lock().space = space;
    }

    /// Bytes that files can still grow by; `None` is no limit.
    #[must_use]
    pub fn free_space(&self) -> Option<u64> {
        self.0.lock().space
    }

    /// Whether nothing can be opened for want of a file descriptor.
    pub fn set_out_of_descriptors(&self, is_out: bool) {
        self.0.lock().out_of_descriptors = is_out;
    }

    /// Whether nothing can be opened for want of a file descriptor.
    #[must_use]
    pub fn is_out_of_descriptors(&self) -> bool {
        self.0.lock().out_of_descriptors
    }

    /// Whether a [`Fault::Dead`] has happened.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.lock().dead
    }

    /// Begins to note the changing operations, and what is written.
    pub fn record(&self) {
        self.0.lock().trace = Some(Vec::new());
    }

    /// The changing operations since [`FakeDisk::record`] and since this was asked before: what
    /// was done to which file.
    #[must_use]
    pub fn take_recorded(&self) -> Vec<String> {
        self.0.lock().trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Calls `hook` before every changing operation, from the thread that does it. Not inherited
    /// by the disks that [`FakeDisk::power_cut`] and [`FakeDisk::restart`] return.
    pub fn on_operation(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.0.lock().hook = Hook(Some(Arc::new(hook)));
    }

    /// What the disk holds after a power cut of a kind that `seed` decides.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let kind = StdRng::seed_from_u64(seed).random_range(0..PowerCut::ALL.len());
        self.power_cut(PowerCut::ALL[kind], seed)
    }

    /// What the disk holds after a power cut: durable data, and of the rest what `cut` and `seed`
    /// decide. Faults are gone and operations are counted anew.
    #[must_use]
    pub fn power_cut(&self, cut: PowerCut, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let state = self.0.lock();
        let keeps = |rng: &mut StdRng| match cut {
            PowerCut::DropsUnsynced => false,
            PowerCut::KeepsAll => true,
            _ => rng.random(),
        };
        let mut lost = state.directories.clone();
        lost.retain(|path| !state.durable_directories.contains(path) && !keeps(&mut rng));
        let is_reachable = |path: &Path| !path.ancestors().any(|above| lost.contains(above));
        let mut names = Names::new();
        let all: BTreeSet<&PathBuf> =
            state.names.keys().chain(state.durable_names.keys()).collect();
        for path in all.into_iter().filter(|path| is_reachable(path)) {
            let (current, durable) = (state.names.get(path), state.durable_names.get(path));
            let same = match (current, durable) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            let kept = if same || keeps(&mut rng) { current } else { durable };
            if let Some(inode) = kept {
                let surviving = survive(&inode.lock(), cut, &mut rng);
                names.insert(path.clone(), Arc::new(Mutex::new(surviving)));
            }
        }
        let mut directories = state.directories.clone();
        directories.retain(|path| is_reachable(path));
        Self(Arc::new(Mutex::new(State {
            durable_names: names.clone(),
            names,
            durable_directories: directories.clone(),
            directories,
            space: state.space,
            writes_in_parts: state.writes_in_parts,
            copies_on_write: state.copies_on_write,
            file_ids: state.file_ids,
            ..State::default()
        })))
    }

    /// The disk as the next process finds it when this one is killed: everything is as it was,
    /// nothing more is durable. Faults are gone and operations are counted anew.
    #[must_use]
    pub fn restart(&self) -> Self {
        let state = self.0.lock();
        // A file may have one name or two, or only a durable one.
        let mut copies: HashMap<*const Mutex<Inode>, Arc<Mutex<Inode>>> = HashMap::new();
        let mut copy = |names: &Names| -> Names {
            let copied = names.iter().map(|(path, inode)| {
                let copy = copies.entry(Arc::as_ptr(inode));
                let copy = copy.or_insert_with(|| Arc::new(Mutex::new(inode.lock().clone())));
                (path.clone(), copy.clone())
            });
            copied.collect()
        };
        Self(Arc::new(Mutex::new(State {
            names: copy(&state.names),
            durable_names: copy(&state.durable_names),
            directories: state.directories.clone(),
            durable_directories: state.durable_directories.clone(),
            space: state.space,
            writes_in_parts: state.writes_in_parts,
            copies_on_write: state.copies_on_write,
            file_ids: state.file_ids,
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
        inode.unsynced.clear();
    }

    /// Puts another file or directory in the place of one, for whoever asks which it is.
    pub fn replace(&self, path: &Path) {
        let mut state = self.0.lock();
        let swaps = state.swaps.entry(path.to_owned()).or_insert(Some(0));
        *swaps = swaps.map(|count| count + 1);
    }

    /// Takes a file or directory away, for whoever asks which it is.
    pub fn take_away(&self, path: &Path) {
        self.0.lock().swaps.insert(path.to_owned(), None);
    }

    /// Paths of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().names.keys().cloned().collect()
    }

    /// Counts one changing operation and says what goes wrong with it, if it goes on at all.
    fn begin(&self, what: &str, path: &Path) -> io::Result<Option<Fault>> {
        let hook = self.0.lock().hook.clone();
        if let Some(hook) = hook.0 {
            hook();
        }
        let mut state = self.0.lock();
        let number = state.operations;
        state.operations += 1;
        if let Some(trace) = &mut state.trace {
            trace.push(format!("{what} {}", path.display()));
        }
        let fault = state.faults.get(&number).copied();
        state.dead |= fault == Some(Fault::Dead);
        match fault {
            Some(Fault::Full) => state.space = Some(state.copies_on_write.unwrap_or(0)),
            Some(Fault::OutOfDescriptors) => state.out_of_descriptors = true,
            _ => {}
        }
        let fault = fault.filter(|fault| !matches!(fault, Fault::Full | Fault::OutOfDescriptors));
        if state.writes_in_parts && fault.is_none() {
            return Ok(Some(Fault::Short));
        }
        if state.dead { Err(io::Error::other("the process is dead")) } else { Ok(fault) }
    }

    fn step(&self, what: &str, path: &Path) -> io::Result<()> {
        self.begin(what, path)?.map_or(Ok(()), Fault::error)
    }

    /// Takes a descriptor to open something with.
    fn take_descriptor(&self) -> io::Result<()> {
        match self.is_out_of_descriptors() {
            true => Err(out_of_descriptors()),
            false => Ok(()),
        }
    }

    fn sync_names(&self, path: &Path) -> io::Result<()> {
        self.step("sync directory", path)?;
        let mut state = self.0.lock();
        state.durable_names.retain(|name, _| name.parent() != Some(path));
        let here: Vec<_> = state
            .names
            .iter()
            .filter(|(name, _)| name.parent() == Some(path))
            .map(|(name, inode)| (name.clone(), inode.clone()))
            .collect();
        state.durable_names.extend(here);
        let inside = state.directories.iter().filter(|one| one.parent() == Some(path));
        let inside: Vec<PathBuf> = inside.cloned().collect();
        state.durable_directories.extend(inside);
        Ok(())
    }

    /// Counts one reading operation.
    fn begin_read(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        let number = state.reads;
        state.reads += 1;
        match state.read_faults.contains(&number) {
            true => Err(io::Error::other("injected into a read")),
            false => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<Arc<Mutex<Inode>>> {
        let state = self.0.lock();
        state.names.get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn copies_on_write(&self) -> bool {
        self.0.lock().copies_on_write.is_some()
    }

    fn return_space(&self, bytes: u64) {
        self.0.lock().space.iter_mut().for_each(|space| *space += bytes);
    }

    /// Takes up to `bytes` of the space that is left and says how many there were.
    fn take_space(&self, bytes: u64) -> u64 {
        let mut state = self.0.lock();
        let Some(space) = &mut state.space else { return bytes };
        let taken = bytes.min(*space);
        *space -= taken;
        taken
    }
}

impl State {
    fn give_back(&mut self, inode: Option<Arc<Mutex<Inode>>>) {
        if let (Some(space), Some(inode)) = (&mut self.space, inode) {
            *space = space.saturating_add(inode.lock().current.len() as u64);
        }
    }
}

impl Fault {
    /// What an operation that does not go on halfway returns.
    fn error(self) -> io::Result<()> {
        match self {
            Self::NoSpace | Self::NoSpaceAtAll | Self::NoSpaceAtTheEnd => {
                Err(ErrorKind::StorageFull.into())
            }
            Self::Dead | Self::Broken | Self::BrokenQuietly => Err(io::Error::other("injected")),
            Self::Short | Self::Full | Self::OutOfDescriptors => Ok(()),
        }
    }
}

fn survive(inode: &Inode, cut: PowerCut, rng: &mut StdRng) -> Inode {
    let mut bytes = inode.durable.clone();
    let mut writes: Vec<&(usize, Vec<u8>)> = inode.unsynced.iter().collect();
    // Some cuts that could take anything take almost nothing or almost everything.
    let chance = [0.1, 0.5, 0.5, 0.9][rng.random_range(0..4)];
    match cut {
        PowerCut::DropsUnsynced => writes.clear(),
        PowerCut::KeepsAll => {}
        PowerCut::Reorders => {
            writes.retain(|_| rng.random_bool(chance));
            writes.shuffle(rng);
        }
        PowerCut::Tears | PowerCut::Spoils => {
            for (offset, data) in std::mem::take(&mut writes) {
                for (i, sector) in data.chunks(SECTOR).enumerate() {
                    let mut sector = sector.to_vec();
                    if cut == PowerCut::Spoils && rng.random_bool(0.3) {
                        let from = rng.random_range(0..sector.len());
                        rng.fill(&mut sector[from..]);
                    }
                    if rng.random_bool(chance) {
                        put(&mut bytes, offset + i * SECTOR, &sector);
                    }
                }
            }
        }
    }
    for (offset, data) in writes {
        put(&mut bytes, *offset, data);
    }
    Inode { durable: bytes.clone(), current: bytes, ..Inode::default() }
}

/// The same for the same bytes, in every process.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

impl Disk for FakeDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.step("create directory", path)?;
        let all = path.ancestors().filter(|one| one.parent().is_some()).map(Path::to_owned);
        self.0.lock().directories.extend(all);
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.take_descriptor()?;
        self.step("create", path)?;
        let inode = Arc::new(Mutex::new(Inode::default()));
        let mut state = self.0.lock();
        let replaced = state.names.insert(path.to_owned(), inode.clone());
        state.give_back(replaced);
        Ok(Arc::new(FakeFile { disk: self.clone(), path: path.to_owned(), inode }))
    }

    fn open(&self, path: &Path, _writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.take_descriptor()?;
        self.begin_read()?;
        let inode = self.find(path)?;
        Ok(Arc::new(FakeFile { disk: self.clone(), path: path.to_owned(), inode }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.take_descriptor()?;
        self.begin_read()?;
        let state = self.0.lock();
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename to", to)?;
        let inode = self.find(from)?;
        let mut state = self.0.lock();
        state.names.remove(from);
        let replaced = state.names.insert(to.to_owned(), inode);
        state.give_back(replaced);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove", path)?;
        let mut state = self.0.lock();
        let removed = state.names.remove(path).ok_or(ErrorKind::NotFound)?;
        state.give_back(Some(removed));
        Ok(())
    }

    fn open_dir(&self, path: &Path) -> io::Result<Arc<dyn DiskDirectory>> {
        self.take_descriptor()?;
        self.begin_read()?;
        Ok(Arc::new(FakeDirectory { disk: self.clone(), path: path.to_owned() }))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.take_descriptor()?;
        self.sync_names(path)
    }

    fn new_file_id(&self) -> u64 {
        let mut state = self.0.lock();
        state.file_ids += 1;
        hash(&state.file_ids.to_le_bytes())
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        let state = self.0.lock();
        let swaps = path.ancestors().filter_map(|part| state.swaps.get(part));
        let swaps: Option<Vec<u64>> = swaps.copied().collect();
        let swaps = swaps.ok_or(ErrorKind::NotFound)?;
        let named = path.to_string_lossy();
        let parts = [named.as_bytes(), &swaps.iter().sum::<u64>().to_le_bytes()];
        Ok(FileIdentity::invented(hash(&parts.concat())))
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.take_descriptor()?;
        let (file, directory) = (self.identity(path)?, self.identity(directory_of(path))?);
        let mut state = self.0.lock();
        if state.locked {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(DiskLock::new(file, directory, FakeLock(self.clone())))
    }
}

#[derive(Debug)]
struct FakeDirectory {
    disk: FakeDisk,
    path: PathBuf,
}

impl DiskDirectory for FakeDirectory {
    fn sync(&self) -> io::Result<()> {
        self.disk.sync_names(&self.path)
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
    path: PathBuf,
    inode: Arc<Mutex<Inode>>,
}

impl FakeFile {
    /// Writes what there is space for, and no more than `most`.
    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64, most: usize) -> io::Result<usize> {
        let mut data = Vec::new();
        slices.iter().for_each(|slice| data.extend_from_slice(slice));
        data.truncate(most);
        let offset = offset as usize;
        let len = self.inode.lock().current.len();
        let growth = (offset + data.len()).saturating_sub(len);
        let wanted = if self.disk.copies_on_write() { data.len() } else { growth };
        let taken = self.disk.take_space(wanted as u64) as usize;
        data.truncate(data.len() - (wanted - taken));
        let growth = (offset + data.len()).saturating_sub(len);
        let replaced = taken.saturating_sub(growth) as u64;
        if data.is_empty() && most > 0 && slices.iter().any(|slice| !slice.is_empty()) {
            return Err(ErrorKind::StorageFull.into());
        }
        let written = data.len();
        if let Some(line) = self.disk.0.lock().trace.iter_mut().flatten().last() {
            line.push_str(&format!(" at={offset} bytes={written} hash={:x}", hash(&data)));
        }
        let mut inode = self.inode.lock();
        put(&mut inode.current, offset, &data);
        inode.unsynced.push((offset, data));
        inode.replaced += replaced;
        Ok(written)
    }
}

impl DiskFile for FakeFile {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), WriteError> {
        let nothing = |error| WriteError { taken: 0, error };
        let fault = self.disk.begin("write", &self.path).map_err(nothing)?;
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        match fault {
            None => write_all(slices, offset, |some, at| self.write_at(some, at, bytes)),
            Some(Fault::Short) => {
                let most = (bytes / 3).max(1);
                write_all(slices, offset, |some, at| self.write_at(some, at, most))
            }
            Some(fault) => {
                let most = match fault {
                    Fault::NoSpaceAtAll => 0,
                    Fault::NoSpaceAtTheEnd => bytes.saturating_sub(1),
                    _ => bytes / 2,
                };
                let taken = self.write_at(slices, offset, most).map_err(nothing)? as u64;
                fault.error().map_err(|error| WriteError { taken, error })
            }
        }
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.begin_read()?;
        let inode = self.inode.lock();
        let start = offset as usize;
        let data = inode.current.get(start..start + bytes.len());
        bytes.copy_from_slice(data.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let number = self.disk.operations();
        let fault = self.disk.begin("sync", &self.path)?;
        let mut inode = self.inode.lock();
        self.disk.return_space(std::mem::take(&mut inode.replaced));
        let Inode { durable, current, unsynced, .. } = &mut *inode;
        let mut rng = StdRng::seed_from_u64(number);
        for (offset, data) in std::mem::take(unsynced) {
            match fault {
                None | Some(Fault::Short) => put(durable, offset, &data),
                Some(Fault::BrokenQuietly) => {}
                Some(_) => match rng.random_range(0..3) {
                    0 => put(durable, offset, &data),
                    1 => revert(current, durable, offset, data.len()),
                    _ => {}
                },
            }
        }
        fault.map_or(Ok(()), Fault::error)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.disk.step("allocate", &self.path)?;
        let have = self.inode.lock().current.len() as u64;
        let wanted = len.saturating_sub(have);
        let taken = self.disk.take_space(wanted);
        if taken < wanted {
            self.disk.return_space(taken);
            return Err(ErrorKind::StorageFull.into());
        }
        let mut inode = self.inode.lock();
        let target = inode.current.len().max(len as usize);
        inode.current.resize(target, 0);
        let durable_target = inode.durable.len().max(len as usize);
        inode.durable.resize(durable_target, 0);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.begin_read()?;
        Ok(self.inode.lock().current.len() as u64)
    }
}

/// What was not written is read as it was before.
fn revert(current: &mut [u8], durable: &[u8], offset: usize, len: usize) {
    for (at, byte) in current.iter_mut().enumerate().skip(offset).take(len) {
        *byte = durable.get(at).copied().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests;
