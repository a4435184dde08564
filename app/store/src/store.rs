//! The store: genesis, stage, commit.

use crate::database::{self, Database};
use crate::layout::{self, CONTENT, INDEX, LATEST, META, META_TIP, NODES, STALE, STALE_ROW, Stale, VALUES};
use crate::snapshot::Restored;
use crate::swap::Places;
use crate::tree::EMPTY_ROOT;
use crate::update;
use crate::{Changes, Entry, Proven, Read, Staged, StoreError, View, point};
use assay_types::hash::{AppHash, ChunkHash};
use rocksdb::WriteBatch;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The replicated state of one node. Cloning gives another handle on the same.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    dir: PathBuf,
    /// Another one once a restored state is adopted.
    pub(crate) database: RwLock<Arc<Database>>,
    /// What is committed. Written under its lock together with the batch.
    pub(crate) tip: RwLock<Option<Tip>>,
}

/// A committed version and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) version: u64,
    pub(crate) root: AppHash,
}

/// What a commit wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The height.
    pub version: u64,
    /// The root after it; CometBFT's app hash.
    pub root: AppHash,
}

impl Store {
    /// Opens the state in a directory of its own, or makes an empty one.
    ///
    /// # Errors
    /// When another process has it open, when its format is another one, when it is damaged, when the disk
    /// fails.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        Places::of(dir).settle()?;
        let (database, tip) = Self::load(dir)?;
        let (dir, database, tip) = (dir.to_path_buf(), RwLock::new(database), RwLock::new(tip));
        Ok(Self { inner: Arc::new(Inner { dir, database, tip }) })
    }

    fn load(dir: &Path) -> Result<(Arc<Database>, Option<Tip>), StoreError> {
        let database = Arc::new(Database::open(dir)?);
        let tip = database.get(META, META_TIP)?.map(|bytes| Tip::decode(&bytes)).transpose()?;
        if let Some(tip) = tip {
            let view = View::new(Arc::clone(&database));
            Self::check_root(&view, &tip)?;
            // A state that has lost what is oldest is of no height at all.
            let oldest = view.kept()?.map_or(tip.version, |kept| *kept.start());
            view.root(oldest)?.ok_or(StoreError::MissingRoot { version: oldest })?;
        }
        Ok((database, tip))
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.inner.database.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The directory of the state.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Goes on with a restored state in place of its own, on every handle. Whoever reads the old one is waited for;
    /// nobody may keep a view of it. When this fails, the store is empty and of no use: stop the process.
    ///
    /// # Errors
    /// When it was restored beside another state, when somebody keeps a view, when the file system or the database
    /// fails.
    pub fn adopt(&self, restored: Restored) -> Result<Committed, StoreError> {
        let mut tip = self.inner.tip.write().unwrap_or_else(PoisonError::into_inner);
        let mut database = self.inner.database.write().unwrap_or_else(PoisonError::into_inner);
        if restored.places.state != self.inner.dir {
            return Err(StoreError::Corrupt("a state was restored for another place".to_owned()));
        }
        let old = std::mem::replace(&mut *database, Arc::new(Database::empty()?));
        *tip = None;
        database::close(old)?;
        let committed = restored.install()?;
        (*database, *tip) = Self::load(&self.inner.dir)?;
        match *tip {
            Some(found) if (found.version, found.root) == (committed.version, committed.root) => {
                Ok(committed)
            }
            _ => Err(StoreError::Corrupt("the restored state is another one than was made".to_owned())),
        }
    }

    /// The last committed height; `None` before genesis.
    pub fn version(&self) -> Option<u64> {
        self.tip().map(|tip| tip.version)
    }

    /// The root at the last committed height; the empty tree's before genesis.
    ///
    /// # Errors
    /// None so far: the root is kept in memory. It may come to be read from disk.
    pub fn root(&self) -> Result<AppHash, StoreError> {
        Ok(self.tip().map_or(EMPTY_ROOT, |tip| tip.root))
    }

    /// A snapshot of what is committed now.
    pub fn view(&self) -> View {
        View::new(self.database())
    }

    /// Writes version 0, in place of whatever an earlier genesis wrote: CometBFT repeats it until there is a
    /// block.
    ///
    /// # Errors
    /// When a block is committed already, when the changes break a bound, when the database fails.
    pub fn genesis(&self, changes: Changes) -> Result<AppHash, StoreError> {
        let mut tip = self.inner.tip.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Tip { version: version @ 1.., .. }) = *tip {
            return Err(StoreError::GenesisTooLate { version });
        }
        let staged = self.compute(&self.view(), 0, EMPTY_ROOT, changes)?;
        let mut batch = WriteBatch::default();
        let database = self.database();
        for name in CONTENT {
            let family = database.family(name)?;
            for entry in database.iterate(name, database::range(&[], None))? {
                batch.delete_cf(family, entry?.0);
            }
        }
        self.fill(&mut batch, &staged, &[])?;
        point::reached("genesis/filled");
        self.database().write(batch)?;
        point::reached("genesis/written");
        *tip = Some(Tip { version: 0, root: staged.root });
        Ok(staged.root)
    }

    /// Computes the root after `changes` and writes nothing.
    ///
    /// # Errors
    /// When `version` does not follow the last committed one, when that one's root is missing, when the
    /// changes break a bound, when the database fails.
    pub fn stage(&self, version: u64, changes: Changes) -> Result<Staged, StoreError> {
        let tip = self.tip().ok_or(StoreError::NoGenesis)?;
        follows(&tip, version)?;
        // On a missing parent the tree would start again from nothing, without an error.
        let view = self.view();
        Self::check_root(&view, &tip)?;
        self.compute(&view, version, tip.root, changes)
    }

    /// Writes a staged version, with the node's own index entries, in one atomic, synced batch.
    ///
    /// # Errors
    /// When another version was committed since it was staged, when the database fails.
    pub fn commit(&self, staged: Staged, index: Vec<Entry>) -> Result<Committed, StoreError> {
        let mut tip = self.inner.tip.write().unwrap_or_else(PoisonError::into_inner);
        let parent = tip.ok_or(StoreError::NoGenesis)?;
        follows(&parent, staged.version)?;
        if staged.parent != parent.root {
            return Err(StoreError::OtherParent { staged_on: staged.parent, parent: parent.root });
        }
        Self::check_root(&self.view(), &parent)?;
        let mut batch = WriteBatch::default();
        point::reached("commit/checked");
        self.fill(&mut batch, &staged, &index)?;
        point::reached("commit/filled");
        self.database().write(batch)?;
        point::reached("commit/written");
        self.remember(&staged);
        *tip = Some(Tip { version: staged.version, root: staged.root });
        Ok(Committed { version: staged.version, root: staged.root })
    }

    /// As [`View::prove`], of what is committed now.
    ///
    /// # Errors
    /// As there.
    pub fn prove(&self, key: &[u8], version: u64) -> Result<Proven, StoreError> {
        self.view().prove(key, version)
    }

    /// A committed model chunk, or `None` when it is not there.
    ///
    /// # Errors
    /// When its bytes on disk are not those of the hash, when the database fails.
    pub fn blob(&self, hash: &ChunkHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.view().blob(hash)
    }

    /// An entry of the node's own index.
    ///
    /// # Errors
    /// When the database fails.
    pub fn index_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database().get(INDEX, key)
    }

    /// The first `limit` index entries under `prefix` and above `after`, ascending.
    ///
    /// # Errors
    /// When the database fails.
    pub fn index_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let database = self.database();
        let iterator = database.iterate(INDEX, database::range(prefix, after))?;
        database::entries(iterator, limit)
    }

    /// Deletes entries of the node's own index, durably with the next commit at the latest; false if the database is
    /// too busy, and then nothing is deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub fn index_delete(&self, keys: &[Vec<u8>]) -> Result<bool, StoreError> {
        let database = self.database();
        let family = database.family(INDEX)?;
        let mut batch = WriteBatch::default();
        for key in keys {
            batch.delete_cf(family, key);
        }
        point::reached("index/filled");
        let written = database.write_behind(batch)?;
        point::reached("index/written");
        Ok(written)
    }

    pub(crate) fn tip(&self) -> Option<Tip> {
        *self.inner.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_root(view: &View, tip: &Tip) -> Result<(), StoreError> {
        match view.root(tip.version)? {
            Some(root) if root == tip.root => Ok(()),
            Some(root) => Err(StoreError::Corrupt(format!(
                "version {} was committed with the root {}, and its tree has {root}",
                tip.version, tip.root
            ))),
            None => Err(StoreError::MissingRoot { version: tip.version }),
        }
    }

    fn compute(
        &self,
        view: &View,
        version: u64,
        parent: AppHash,
        mut changes: Changes,
    ) -> Result<Staged, StoreError> {
        changes.check()?;
        changes.forget_absent(view)?;
        let update = update::update(view, version, &changes.writes)?;
        Ok(Staged { version, parent, root: update.root, update, changes })
    }

    /// Has the tree in memory follow a version that is on the disk.
    fn remember(&self, staged: &Staged) {
        let database = self.database();
        staged.update.vanished.iter().for_each(|place| database.nodes.forget(place));
        for (place, record) in &staged.update.records {
            database.nodes.put(*place, Arc::clone(record));
        }
    }

    /// Adds everything of a staged version to a batch.
    fn fill(&self, batch: &mut WriteBatch, staged: &Staged, index: &[Entry]) -> Result<(), StoreError> {
        let database = self.database();
        let (nodes, stale) = (database.family(NODES)?, database.family(STALE)?);
        for (place, record) in &staged.update.records {
            batch.put_cf(nodes, place.key(), record.encode());
        }
        let replaced = staged.update.replaced.iter().map(|place| Stale::Record(*place));
        let outdated = staged.update.outdated.iter().map(|(key, version)| Stale::Value(*key, *version));
        let entries: Vec<Stale> = replaced.chain(outdated).collect();
        for (number, entries) in entries.chunks(STALE_ROW).enumerate() {
            batch.put_cf(stale, Stale::row(staged.version, number), Stale::encode(entries));
        }
        let (values, latest) = (database.family(VALUES)?, database.family(LATEST)?);
        for ((key, value), hash) in staged.changes.writes.iter().zip(&staged.update.hashes) {
            let bytes = layout::value_bytes(value.as_ref().map(|value| (key.as_slice(), value.as_slice())));
            batch.put_cf(values, layout::value_key(hash, staged.version), bytes);
            match value {
                Some(value) => batch.put_cf(latest, key, value),
                None => batch.delete_cf(latest, key),
            }
        }
        for (hash, bytes) in &staged.changes.blobs {
            let family = database.family(layout::BLOBS)?;
            match bytes {
                Some(bytes) => batch.put_cf(family, hash.as_bytes(), bytes),
                None => batch.delete_cf(family, hash.as_bytes()),
            }
        }
        for (key, value) in index {
            batch.put_cf(database.family(INDEX)?, key, value);
        }
        let tip = Tip { version: staged.version, root: staged.root };
        batch.put_cf(database.family(META)?, META_TIP, tip.encode());
        Ok(())
    }
}

fn follows(tip: &Tip, version: u64) -> Result<(), StoreError> {
    let expected = tip.version.saturating_add(1);
    if version == expected { Ok(()) } else { Err(StoreError::VersionGap { expected, got: version }) }
}

impl Tip {
    pub(crate) fn encode(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&self.version.to_be_bytes());
        bytes[8..].copy_from_slice(&self.root.0);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::Corrupt("the record of the last commit does not decode".to_owned());
        let (version, root) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let root = <[u8; 32]>::try_from(root).map_err(|_| damaged())?;
        Ok(Self { version: u64::from_be_bytes(*version), root: AppHash(root) })
    }
}
