//! Records of the tree in memory.
//!
//! A record is written once and never changed, so what was read once stays true, for every view. Three things could
//! make it untrue, and none can: a genesis that is repeated writes version 0 anew, so nothing of version 0 is kept
//! here; a restored state comes with a database of its own, so with memory of its own; and a version that is taken back
//! may be written anew, so from then on nothing is kept ([`Nodes::stop`]): it is the work of a tool, and its last.
//!
//! What is kept is what the last version has, at most one record of each place: a commit puts what it wrote over what
//! that replaced. It is bounded by [`MOST_BYTES`]; beyond that a record goes that nobody asked for since the last time
//! it was its turn.

use crate::place::{Place, Spot};
use crate::record::Record;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of all records in memory, about: at ten million keys, the whole tree.
pub(crate) const MOST_BYTES: usize = 1280 * 1024 * 1024;
/// Parts, so that threads do not wait for each other.
const PARTS: usize = 128;
/// Bytes that the memory takes for each record besides the record.
const ENTRY_BYTES: usize = 80;

/// See the module.
pub(crate) struct Nodes {
    parts: Vec<Mutex<Part>>,
    most_bytes: usize,
    stopped: AtomicBool,
    missed: AtomicU64,
    crowded: AtomicU64,
}

#[derive(Default)]
struct Part {
    records: BTreeMap<Spot, Kept>,
    bytes: usize,
    /// Whose turn it was last.
    turn: Option<Spot>,
}

struct Kept {
    version: u64,
    record: Arc<Record>,
    /// Whether it was asked for since its turn.
    used: bool,
}

impl Nodes {
    /// Nothing yet, and never more bytes than these, about.
    pub(crate) fn new(most_bytes: usize) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        let (missed, crowded) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { parts, most_bytes: most_bytes / PARTS, stopped: AtomicBool::new(false), missed, crowded }
    }

    /// A record that is remembered.
    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Record>> {
        let mut part = self.part(place);
        let kept = part.records.get_mut(&place.spot()).filter(|kept| kept.version == place.version);
        let Some(kept) = kept else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        kept.used = true;
        Some(Arc::clone(&kept.record))
    }

    /// Remembers a committed record, unless one of a later version is there.
    pub(crate) fn put(&self, place: Place, record: Arc<Record>) {
        let mut part = self.part(&place);
        let later = part.records.get(&place.spot()).is_some_and(|kept| kept.version > place.version);
        if place.version == 0 || later || self.stopped.load(Ordering::SeqCst) {
            return;
        }
        part.bytes = part.bytes.saturating_add(taken(&record));
        let kept = Kept { version: place.version, record, used: false };
        if let Some(before) = part.records.insert(place.spot(), kept) {
            part.bytes = part.bytes.saturating_sub(taken(&before.record));
        }
        if part.bytes > self.most_bytes {
            self.crowded.fetch_add(1, Ordering::Relaxed);
        }
        while part.bytes > self.most_bytes && part.turn() {}
    }

    /// Forgets everything and remembers nothing any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for part in &self.parts {
            *part.lock().unwrap_or_else(PoisonError::into_inner) = Part::default();
        }
    }

    /// Forgets a record that the last version has none in place of.
    pub(crate) fn forget(&self, place: &Place) {
        self.part(place).forget(&place.spot());
    }

    /// Bytes that are taken, about.
    pub(crate) fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).bytes);
        parts.fold(0, usize::saturating_add)
    }

    /// How often there was no room and something had to go.
    pub(crate) fn crowded(&self) -> u64 {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Records that were asked for and are not here.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn part(&self, place: &Place) -> MutexGuard<'_, Part> {
        self.parts[place.spread() % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn forget(&mut self, spot: &Spot) {
        if let Some(kept) = self.records.remove(spot) {
            self.bytes = self.bytes.saturating_sub(taken(&kept.record));
        }
    }

    /// Gives the next one its turn; false when there is none.
    fn turn(&mut self) -> bool {
        let from = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.records.range_mut((from, Bound::Unbounded)).next();
        let Some((spot, kept)) = next else {
            // Around.
            return self.turn.take().is_some();
        };
        let (spot, used) = (*spot, std::mem::take(&mut kept.used));
        self.turn = Some(spot);
        if !used {
            self.forget(&spot);
        }
        true
    }
}

fn taken(record: &Record) -> usize {
    record.bytes().saturating_add(ENTRY_BYTES)
}
