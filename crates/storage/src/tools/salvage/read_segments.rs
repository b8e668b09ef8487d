//! Reading the segments of a damaged directory.

use super::finding::Lost;
use super::found::Salvage;
use super::scan::{Runs, list};
use super::segments::{
    Damaged, SegmentPart, chapter_in, likely_chapter, lost_in, read_damaged, read_intact,
};
use crate::error::OpenError;
use crate::format::run::MemRun;
use crate::format::segment::SegmentName;
use crate::format::segment_list;
use anabranch_env::Disk;
use anabranch_model::retention::RetentionClass;
use std::path::Path;

impl Salvage {
    pub(super) fn read_segments(
        &mut self,
        disk: &dyn Disk,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<(), OpenError> {
        let directory = self.layout.segment_dir();
        let first_journal = self.journals.keys().next().copied().unwrap_or(u64::MAX);
        let listed = self.read_list(disk);
        let mut names = list(disk, &directory)?;
        names.retain(|name| !name.ends_with(".tmp") && !name.starts_with('.'));
        // Those that are listed first: the others may take what they leave.
        let is_listed = |name: &str| SegmentName::parse(name).is_some_and(|n| listed.contains(&n));
        names.sort_by_key(|name| (!is_listed(name), name.clone()));
        for name in names {
            let path = directory.join(&name);
            progress(&path);
            let parsed = SegmentName::parse(&name);
            let Some((chapter, runs, is_intact)) = self.read_segment(disk, &path, parsed) else {
                continue;
            };
            if let Some(journal) = self.journals.get_mut(&chapter) {
                journal.fill(&runs);
            } else {
                for (shard, runs) in &runs {
                    runs.iter().for_each(|run| self.count(*shard, run));
                }
            }
            if chapter >= first_journal || runs.is_empty() {
                continue;
            }
            let Some(name) = self.name_for(&listed, parsed, chapter, &runs) else { continue };
            if parsed != Some(name) {
                self.add(&path, 0, 0, Lost::Nothing);
            }
            self.segments.push(SegmentPart { path, name, is_intact });
        }
        self.segments.sort_by_key(|segment| (segment.name.chapter, segment.name.class));
        self.check_list(&listed, first_journal);
        Ok(())
    }

    /// The segments that must be there, as far as that is known.
    fn read_list(&mut self, disk: &dyn Disk) -> Vec<SegmentName> {
        match segment_list::read(disk, &self.layout) {
            Ok(listed) => listed.unwrap_or_default(),
            Err(_) => {
                let list = self.layout.segment_list();
                self.add(&list, 0, 0, Lost::Nothing);
                Vec::new()
            }
        }
    }

    /// The chapter and the runs of a segment, and whether all of it holds.
    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        path: &Path,
        name: Option<SegmentName>,
    ) -> Option<(u64, Runs, bool)> {
        // The header has a checksum, the name has none.
        let chapter = chapter_in(disk, path).or(name.map(|name| name.chapter));
        if let Some(chapter) = chapter
            && let Some(runs) = read_intact(disk, path, chapter)
        {
            return Some((chapter, runs, true));
        }
        let chapter = chapter.or_else(|| likely_chapter(disk, path));
        let indices = name.map_or(0..0, |name| name.first_index..name.end_index);
        let Some(chapter) = chapter else {
            let bytes = disk.open(path, false).and_then(|file| file.len()).unwrap_or(0);
            let records_max = indices.end - indices.start;
            self.add(path, 0, bytes, Lost::Records { shard: None, indices, records_max });
            return None;
        };
        match read_damaged(disk, path, chapter) {
            Ok(damaged) => {
                let Damaged { runs, holes, end, directory } = damaged;
                if holes.is_empty() {
                    // Header, directory, sparse index or trailer: they are made anew.
                    self.add(path, end, 0, Lost::Nothing);
                }
                for hole in holes {
                    let (offset, bytes) = (hole.offset, hole.bytes);
                    let lost = lost_in(&hole, &runs, &directory, indices.clone());
                    self.add(path, offset, bytes, lost);
                }
                Some((chapter, runs, false))
            }
            Err(_) => {
                let records_max = indices.end - indices.start;
                self.add(path, 0, 0, Lost::Records { shard: None, indices, records_max });
                None
            }
        }
    }

    /// The name that a segment should have: its own if that holds, else the one that is listed and
    /// missing, else one that fits what is in it.
    fn name_for(
        &self,
        listed: &[SegmentName],
        own: Option<SegmentName>,
        chapter: u64,
        runs: &Runs,
    ) -> Option<SegmentName> {
        let all = || runs.values().flatten();
        let first_index = all().map(|run| run.first_index).min()?;
        let end_index = all().map(MemRun::end_index).max()?;
        let last_ms = all().map(|run| run.arrival_ms).max()?;
        let of_chapter = |name: &SegmentName| name.chapter == chapter;
        let taken: Vec<SegmentName> =
            self.segments.iter().map(|segment| segment.name).filter(of_chapter).collect();
        let is_free = |class| taken.iter().all(|name| name.class != class);
        let fits = |name: &SegmentName| {
            of_chapter(name)
                && is_free(name.class)
                && name.first_index <= first_index
                && name.end_index >= end_index
                && name.last_ms >= last_ms
        };
        let is_known = |name: &SegmentName| listed.contains(name) || !listed.iter().any(of_chapter);
        if let Some(own) = own.filter(|own| fits(own) && is_known(own)) {
            return Some(own);
        }
        let mut missing: Vec<SegmentName> = listed.iter().copied().filter(fits).collect();
        missing.sort_by_key(|name| (own.is_none_or(|own| own.class != name.class), name.last_ms));
        if let Some(name) = missing.first() {
            return Some(*name);
        }
        let classes = [RetentionClass::Year, RetentionClass::Week, RetentionClass::Day];
        let class = classes.into_iter().find(|class| is_free(*class))?;
        let beside = taken.first().or(listed.iter().find(|name| of_chapter(name)));
        let (first_index, end_index) = beside.map_or((first_index, end_index), |name| {
            (name.first_index.min(first_index), name.end_index.max(end_index))
        });
        Some(SegmentName { chapter, class, first_index, end_index, last_ms })
    }

    /// Segments that must be there and are not.
    fn check_list(&mut self, listed: &[SegmentName], first_journal: u64) {
        let is_there = |name: &SegmentName| {
            let key = (name.chapter, name.class);
            self.segments.iter().any(|part| (part.name.chapter, part.name.class) == key)
        };
        let is_missing = |name: &&SegmentName| name.chapter < first_journal && !is_there(name);
        let missing: Vec<SegmentName> = listed.iter().filter(is_missing).copied().collect();
        for name in missing {
            let path = self.layout.segment_dir().join(name.file_name());
            if self.findings.iter().any(|finding| finding.path == path) {
                continue;
            }
            let indices = name.first_index..name.end_index;
            let records_max = name.end_index - name.first_index;
            self.add(&path, 0, 0, Lost::Records { shard: None, indices, records_max });
        }
    }
}
