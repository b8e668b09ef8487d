//! A data directory that this process writes to, as its journal and its shelf share it.

use crate::cell::common::Common;
use crate::format::layout::Layout;
use crate::medium::disk::lock_watch::LockWatch;
use crate::medium::disk::spare::{self, Spares};
use crate::options::StoreOptions;
use anabranch_env::Disk;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A data directory that is open.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) options: StoreOptions,
    pub(crate) layout: Layout,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) common: Common,
    pub(crate) lock: LockWatch,
    pub(crate) spares: Arc<Spares>,
}

impl Directory {
    /// Makes sure that what is done by name is done in the directory that this process has locked, and
    /// that what is acknowledged is what the next process finds there. It fails for good.
    pub(crate) fn check_lock(&self) -> io::Result<()> {
        let checked = self.lock.check();
        if checked.is_err() {
            self.common.health.fail();
        }
        checked
    }

    /// Waits for the file of a chapter that is being retired, or one that is being made, unless
    /// there is a spare one: to make another takes longer, and takes the disk from them.
    pub(crate) fn wait_for_spare(&self) -> io::Result<()> {
        let Common { chapters, upkeep, .. } = &self.common;
        upkeep.wait_while(|signals| {
            let waits = signals.makes_progress()
                && (self.spares.is_making.load(Ordering::Relaxed) || chapters.is_any_due())
                && spare::count(&*self.disk, &self.layout, self.options.journal_file_bytes)? == 0;
            if waits {
                self.spares.was_lacking.store(true, Ordering::Relaxed);
            }
            Ok(waits)
        })
    }
}
