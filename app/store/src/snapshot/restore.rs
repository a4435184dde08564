//! Making a state from a snapshot, chunk by chunk, in a folder of its own.
//!
//! The tree library restores from the left to the right and knows the root from the first chunk on. Its own memory is
//! thrown away after every chunk and found again in the database, as after a crash: a chunk that was refused leaves
//! nothing behind, and going on after a kill is what happens every time. What it holds back of a chunk (the leaves
//! whose place depends on what follows) is fed to it again with the next one.

use super::behind::Behind;
use super::chunk::Chunk;
use super::error::{Refused, SnapshotError};
use super::folder::BLOB_KEYS;
use super::frozen;
use super::manifest::{Manifest, SnapshotId};
use super::target::{Rightmost, Target};
use crate::database::{self, Database};
use crate::layout::{self, BLOBS, LATEST, META, META_BASE, META_RESTORE, META_TIP, VALUES};
use crate::store::Tip;
use crate::swap::{self, Places};
use crate::{Committed, Entry, StoreError, View, point};
use assay_types::hash::{AppHash, ChunkHash};
use assay_types::limits::{CHUNK_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::proof::SparseMerkleRangeProof;
use jmt::restore::{JellyfishMerkleRestore, StateSnapshotReceiver};
use jmt::{KeyHash, RootHash};
use rocksdb::WriteBatch;
use sha2::Sha256;
use std::path::Path;
use std::sync::Arc;

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in the state now.
    Now,
    /// It was there already, before a crash or a second try.
    Before,
}

/// How far a restore is; written with what it wrote.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
struct Progress {
    id: SnapshotId,
    next: u32,
    rightmost: Rightmost,
    entry: Option<[u8; 32]>,
    blob: Option<ChunkHash>,
    blobs: u64,
}

/// A state that is being restored.
pub struct Restore {
    places: Places,
    database: Arc<Database>,
    manifest: Manifest,
    /// As it will be when what is written is there.
    progress: Progress,
    behind: Behind,
}

impl Restore {
    /// Begins to restore beside a state's directory, or goes on with what a process that died has left of the same
    /// snapshot. `trusted` is the root that the snapshot must lead to.
    ///
    /// # Errors
    /// [`Refused::AppHash`] when the snapshot says another root, or when the store fails.
    pub fn open(state: &Path, manifest: Manifest, trusted: AppHash) -> Result<Self, SnapshotError> {
        if manifest.app_hash != trusted {
            return Err(Refused::AppHash { found: manifest.app_hash, trusted }.into());
        }
        let (places, id) = (Places::of(state), manifest.id());
        let fresh = Progress { id, next: 0, rightmost: None, entry: None, blob: None, blobs: 0 };
        if let Some((database, progress)) = Self::begun(&places, id)? {
            let behind = Behind::default();
            return Ok(Self { places, database: Arc::new(database), manifest, progress, behind });
        }
        swap::remove(&places.restore)?;
        let database = Arc::new(Database::open_to_fill(&places.restore)?);
        Ok(Self { places, database, manifest, progress: fresh, behind: Behind::default() })
    }

    /// What is there already of a snapshot.
    fn begun(places: &Places, id: SnapshotId) -> Result<Option<(Database, Progress)>, StoreError> {
        if !places.restore.exists() {
            return Ok(None);
        }
        let database = match Database::open_to_fill(&places.restore) {
            Ok(database) => database,
            Err(error @ StoreError::Locked { .. }) => return Err(error),
            // Half made or damaged: it is made again.
            Err(_) => return Ok(None),
        };
        let progress = database.get(META, META_RESTORE)?;
        let progress = progress.and_then(|bytes| Progress::try_from_slice(&bytes).ok());
        Ok(progress.filter(|progress| progress.id == id).map(|progress| (database, progress)))
    }

    /// Throws a restore away, and what is on the disk of it.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn discard(self) -> Result<(), StoreError> {
        let Self { places, database, behind, .. } = self;
        drop(behind);
        drop(database);
        swap::remove(&places.restore)
    }

    /// What is restored.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The chunk that comes next; as many as there are when all were applied.
    pub fn next(&self) -> u32 {
        self.progress.next
    }

    /// Applies a chunk that anybody may have sent.
    ///
    /// # Errors
    /// [`Refused`] when the chunk is wrong, and the restore is as before; or when the store fails, maybe over the chunk
    /// before this one, which may still be written when its call returns.
    pub fn apply(&mut self, index: u32, bytes: &[u8]) -> Result<Applied, SnapshotError> {
        let (info, expected) = (*self.manifest.chunk(index)?, self.progress.next);
        if index < expected {
            Chunk::identify(index, &info, bytes)?;
            return Ok(Applied::Before);
        }
        if index > expected {
            return Err(Refused::OutOfOrder { expected, got: index }.into());
        }
        let (batch, progress) = match Chunk::decode(index, &info, bytes)? {
            Chunk::State { entries, proof } => {
                // It goes on from what the one before has left.
                self.behind.wait()?;
                self.state(index, entries, proof)?
            }
            Chunk::Blobs(blobs) => self.blobs(index, &blobs)?,
        };
        point::reached("restore/checked");
        self.write(batch, progress)?;
        if self.progress.next == self.manifest.state_chunks() {
            self.behind.wait()?;
            self.check_root()?;
        }
        Ok(Applied::Now)
    }

    /// Whatever is not on the disk after a crash is a whole tail: of chunks that come again.
    fn write(&mut self, mut batch: WriteBatch, progress: Progress) -> Result<(), StoreError> {
        let record = borsh::to_vec(&progress).map_err(encoding)?;
        batch.put_cf(self.database.family(META)?, META_RESTORE, record);
        self.behind.fill(&self.database, batch)?;
        self.progress = progress;
        Ok(())
    }

    fn state(
        &self,
        index: u32,
        entries: Vec<Entry>,
        proof: SparseMerkleRangeProof<Sha256>,
    ) -> Result<(WriteBatch, Progress), SnapshotError> {
        let (database, height) = (&self.database, self.manifest.height);
        let (mut batch, mut progress) = (WriteBatch::default(), self.progress.clone());
        let mut leaves = self.held_back()?;
        leaves.reserve(entries.len());
        for (key, value) in entries {
            bounded(index, "a key", &key, MAX_KEY_BYTES)?;
            bounded(index, "a value", &value, MAX_VALUE_BYTES)?;
            let hash = layout::key_hash(&key);
            if progress.entry.is_some_and(|last| hash.0 <= last) {
                return Err(Refused::NotAscending { index, what: "entries" }.into());
            }
            progress.entry = Some(hash.0);
            let bytes = layout::value_bytes(Some((&key, &value)));
            batch.put_cf(database.family(VALUES)?, layout::value_key(&hash, height), bytes);
            batch.put_cf(database.family(LATEST)?, key, &value);
            leaves.push((hash, value));
        }
        let target = Arc::new(Target::new(Arc::clone(database), progress.rightmost.take()));
        let root = RootHash(self.manifest.app_hash.0);
        let mut tree = JellyfishMerkleRestore::<Sha256>::new(Arc::clone(&target), height, root)
            .map_err(StoreError::from_tree)?;
        // What it refuses is the chunk's fault: it reads nothing here.
        tree.add_chunk(leaves, proof)
            .map_err(|error| Refused::Proof { index, reason: error.root_cause().to_string() })?;
        if index.saturating_add(1) == self.manifest.state_chunks() {
            tree.finish().map_err(StoreError::from_tree)?;
        }
        let (nodes, rightmost) = target.collected();
        frozen::write(database, &nodes, &mut batch)?;
        progress.rightmost = rightmost;
        progress.next = index.saturating_add(1);
        Ok((batch, progress))
    }

    /// The entries to the right of the rightmost leaf that has its place: a few for every level of the tree.
    fn held_back(&self) -> Result<Vec<(KeyHash, Vec<u8>)>, StoreError> {
        let after = self.progress.rightmost.as_ref().map(|(_, leaf)| leaf.key_hash());
        let after = after.map(|hash| layout::value_key(&hash, u64::MAX));
        let options = database::range(&[], after.as_ref().map(|key| key.as_slice()));
        let entries = self.database.iterate(VALUES, options)?.map(|entry| {
            let (key, bytes) = entry?;
            match (key.first_chunk::<32>(), layout::value_of(&bytes)?) {
                (Some(hash), Some((_, value))) => Ok((KeyHash(*hash), value.to_vec())),
                _ => Err(StoreError::Corrupt("a restored value does not decode".into())),
            }
        });
        entries.collect()
    }

    fn blobs(&self, index: u32, blobs: &[Vec<u8>]) -> Result<(WriteBatch, Progress), SnapshotError> {
        let (mut batch, mut progress) = (WriteBatch::default(), self.progress.clone());
        for blob in blobs {
            bounded(index, "a model chunk", blob, CHUNK_BYTES)?;
            let hash = ChunkHash::of(blob);
            if progress.blob.is_some_and(|last| hash <= last) {
                return Err(Refused::NotAscending { index, what: "model chunks" }.into());
            }
            if self.database.get(LATEST, &path::blob(&hash))?.is_none() {
                return Err(Refused::UnknownBlob { index, hash: hash.to_string() }.into());
            }
            progress.blob = Some(hash);
            progress.blobs = progress.blobs.saturating_add(1);
            batch.put_cf(self.database.family(BLOBS)?, hash.as_bytes(), blob);
        }
        progress.next = index.saturating_add(1);
        Ok((batch, progress))
    }

    fn check_root(&self) -> Result<(), SnapshotError> {
        let trusted = self.manifest.app_hash;
        match View::new(Arc::clone(&self.database)).root(self.manifest.height)? {
            Some(found) if found == trusted => Ok(()),
            Some(found) => Err(Refused::Root { found, trusted }.into()),
            None => Err(StoreError::MissingRoot { version: self.manifest.height }.into()),
        }
    }

    /// Checks the whole, and makes a state of it that can take the place of another.
    ///
    /// # Errors
    /// [`Refused`] when chunks, entries or model chunks are missing, or when the store fails.
    pub fn finish(mut self) -> Result<Restored, SnapshotError> {
        self.behind.wait()?;
        let (next, count) = (self.progress.next, self.manifest.count());
        if next < count {
            return Err(Refused::Unfinished { next, count }.into());
        }
        self.check_root()?;
        // Every one that was applied is named by the state and none came twice: so only the numbers can differ.
        let mut named = 0u64;
        for entry in self.database.iterate(LATEST, database::range(BLOB_KEYS, None))? {
            entry.map_err(StoreError::from)?;
            named = named.saturating_add(1);
        }
        if named != self.progress.blobs {
            return Err(Refused::BlobsMissing { missing: named.saturating_sub(self.progress.blobs) }.into());
        }
        let committed = Committed { version: self.manifest.height, root: self.manifest.app_hash };
        let tip = Tip { version: committed.version, root: committed.root };
        let mut batch = WriteBatch::default();
        let meta = self.database.family(META)?;
        batch.put_cf(meta, META_TIP, tip.encode());
        batch.put_cf(meta, META_BASE, tip.version.to_be_bytes());
        batch.delete_cf(meta, META_RESTORE);
        point::reached("restore/whole");
        // All before the tip, which says that it is whole.
        self.database.flush()?;
        self.database.write(batch)?;
        let Self { places, database, .. } = self;
        drop(database);
        point::reached("restore/closed");
        places.complete()?;
        point::reached("restore/complete");
        Ok(Restored { places, committed })
    }
}

/// Removes what is left of a restore beside a state, if there is any.
///
/// # Errors
/// When the file system fails.
pub fn forget(state: &Path) -> Result<(), StoreError> {
    swap::remove(&Places::of(state).restore)
}

/// A restored state that waits to take its place. When the process dies before, it does so at the next opening.
#[derive(Debug)]
pub struct Restored {
    pub(crate) places: Places,
    pub(crate) committed: Committed,
}

impl Restored {
    /// What it holds.
    pub fn committed(&self) -> Committed {
        self.committed
    }

    /// Takes the place of the state beside which it was made, which nobody may have open.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn install(self) -> Result<Committed, StoreError> {
        self.places.settle()?;
        Ok(self.committed)
    }
}

fn encoding(error: std::io::Error) -> StoreError {
    StoreError::Tree(error.to_string())
}

fn bounded(index: u32, what: &'static str, bytes: &[u8], most: usize) -> Result<(), Refused> {
    if bytes.is_empty() || bytes.len() > most {
        return Err(Refused::Entry { index, what, len: bytes.len(), most });
    }
    Ok(())
}
