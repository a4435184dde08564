//! The snapshots of a node: a folder with a folder for each height.
//!
//! `<height>/manifest` and `<height>/<index>.chunk`. What is being made has a name that begins with a dot.

use super::chunk::Chunk;
use super::error::{SnapshotError, at};
use super::manifest::{FORMAT, MAX_CHUNK_BYTES, MAX_CHUNKS, MAX_MANIFEST_BYTES, Manifest};
use crate::tree::Tree;
use crate::{Entry, Read, StoreError, View, careful, point};
use assay_types::hash::{AppHash, ChunkHash};
use assay_types::limits::CHUNK_BYTES;
use jmt::{KeyHash, Sha256Jmt};
use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

/// Bytes that a range proof takes at most: 256 siblings of two digests and a tag, and what stands around it.
const PROOF_BYTES: usize = 256 * 65 + 64;
/// Bytes that an entry or a model chunk takes besides its own.
const ITEM_BYTES: usize = 8;
/// The name of a manifest.
const MANIFEST: &str = "manifest";
/// What every key begins with under which the state names a model chunk.
pub(super) const BLOB_KEYS: &[u8] = b"blob/";
/// Names of model chunks that are read at once.
const PAGE: usize = 1024;

/// What a snapshot says of its chain, and how large its chunks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The chain's id.
    pub chain_id: String,
    /// The version of the state machine.
    pub app_version: u64,
    /// Bytes of a chunk; at most [`MAX_CHUNK_BYTES`], and large enough for the largest entry.
    pub chunk_bytes: usize,
}

/// How far the making of a snapshot is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Making {
    /// Entries of the tree that are in it.
    pub entries: u64,
    /// Entries of the tree.
    pub of: u64,
    /// Bytes of its chunks so far.
    pub bytes: u64,
}

/// A snapshot on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Where it is.
    pub path: PathBuf,
}

/// The folder of a node's snapshots, which need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn of(&self, height: u64) -> PathBuf {
        self.0.join(height.to_string())
    }

    /// Removes what a process that died has left half made.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn clean(&self) -> Result<(), SnapshotError> {
        for name in self.names()?.iter().filter(|name| name.starts_with('.')) {
            let path = self.0.join(name);
            std::fs::remove_dir_all(&path).map_err(at(&path))?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, SnapshotError> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&self.0)(error)),
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<std::io::Result<_>>().map_err(at(&self.0))
    }

    /// The heights that there are snapshots of, the latest first.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn heights(&self) -> Result<Vec<u64>, SnapshotError> {
        let mut heights: Vec<u64> = self.names()?.iter().filter_map(|name| name.parse().ok()).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        Ok(heights)
    }

    /// A snapshot.
    ///
    /// # Errors
    /// [`SnapshotError::NoHeight`], or when its manifest is damaged.
    pub fn get(&self, height: u64) -> Result<Made, SnapshotError> {
        let folder = self.of(height);
        let path = folder.join(MANIFEST);
        let bytes = match read(&path, MAX_MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SnapshotError::NoHeight(height));
            }
            Err(error) => return Err(at(&path)(error)),
        };
        Ok(Made { manifest: Manifest::decode(&bytes)?, path: folder })
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError::NoHeight`], or when the file system fails.
    pub fn remove(&self, height: u64) -> Result<(), SnapshotError> {
        let (path, gone) = (self.of(height), self.0.join(format!(".{height}.gone")));
        if !path.exists() {
            return Err(SnapshotError::NoHeight(height));
        }
        // Renamed first, so that nobody is offered half of it.
        std::fs::rename(&path, &gone).map_err(at(&path))?;
        point::reached("snapshot/removed");
        std::fs::remove_dir_all(&gone).map_err(at(&gone))
    }

    /// Removes all but the latest `keep`.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn retain(&self, keep: usize) -> Result<Vec<u64>, SnapshotError> {
        let old: Vec<u64> = self.heights()?.into_iter().skip(keep).collect();
        old.iter().try_for_each(|height| self.remove(*height))?;
        Ok(old)
    }

    /// Makes a snapshot of what a view sees. It takes the caller's time, and nobody else's: commits go on. `tell`
    /// hears after every chunk how far it is, and ends it by saying no.
    ///
    /// # Errors
    /// [`SnapshotError::Exists`], [`SnapshotError::Stopped`], or when the store or the file system fails.
    pub fn make(
        &self,
        view: &View,
        spec: &Spec,
        tell: &mut dyn FnMut(Making) -> bool,
    ) -> Result<Made, SnapshotError> {
        let (height, app_hash) = view.tip()?.ok_or(StoreError::NoGenesis)?;
        let path = self.of(height);
        if path.exists() {
            return Err(SnapshotError::Exists(height));
        }
        let unfinished = self.0.join(format!(".{height}.new"));
        let made = self.write(view, spec, &unfinished, (height, app_hash), tell).and_then(|manifest| {
            point::reached("snapshot/whole");
            std::fs::rename(&unfinished, &path).map_err(at(&path))?;
            point::reached("snapshot/renamed");
            sync(&self.0)?;
            Ok(Made { manifest, path })
        });
        if made.is_err() {
            // What is left behind is removed at the next start at the latest.
            let _ = std::fs::remove_dir_all(&unfinished);
        }
        made
    }

    fn write(
        &self,
        view: &View,
        spec: &Spec,
        into: &Path,
        (height, app_hash): (u64, AppHash),
        tell: &mut dyn FnMut(Making) -> bool,
    ) -> Result<Manifest, SnapshotError> {
        if into.exists() {
            std::fs::remove_dir_all(into).map_err(at(into))?;
        }
        std::fs::create_dir_all(into).map_err(at(into))?;
        let manifest = Manifest {
            format: FORMAT,
            height,
            app_hash,
            chain_id: spec.chain_id.clone(),
            app_version: spec.app_version,
            chunks: Vec::new(),
        };
        let making = Making { of: view.count(height)?, ..Making::default() };
        let mut writer =
            Writer { view, into, room: spec.chunk_bytes.min(MAX_CHUNK_BYTES), manifest, making, tell };
        writer.state()?;
        writer.blobs()?;
        let Writer { manifest, making, .. } = writer;
        if making.entries != making.of {
            let (found, of) = (making.entries, making.of);
            let why = format!("the tree of version {height} has {of} entries, and {found} were found");
            return Err(StoreError::Corrupt(why).into());
        }
        put(&into.join(MANIFEST), &manifest.encode())?;
        sync(into)?;
        Ok(manifest)
    }
}

impl Made {
    /// The file of a chunk.
    fn file(&self, index: u32) -> PathBuf {
        self.path.join(file_name(index))
    }

    /// The bytes of a chunk, which are checked: what is damaged is not given to anybody.
    ///
    /// # Errors
    /// When there is no such chunk, it is damaged, or the file system fails.
    pub fn chunk(&self, index: u32) -> Result<Vec<u8>, SnapshotError> {
        let info = self.manifest.chunk(index)?;
        let path = self.file(index);
        let bytes = read(&path, MAX_CHUNK_BYTES).map_err(at(&path))?;
        Chunk::identify(index, info, &bytes)?;
        Ok(bytes)
    }
}

/// A snapshot that is being written.
struct Writer<'a> {
    view: &'a View,
    into: &'a Path,
    room: usize,
    manifest: Manifest,
    making: Making,
    tell: &'a mut dyn FnMut(Making) -> bool,
}

impl Writer<'_> {
    fn state(&mut self) -> Result<(), SnapshotError> {
        let mut walk = self.view.walk(self.manifest.height)?;
        let (mut entries, mut bytes, mut last) = (Vec::new(), PROOF_BYTES, None);
        while let Some(found) = walk.next_entry()? {
            let takes = found.key.len() + found.value.len() + ITEM_BYTES;
            if let Some(last) = last.filter(|_| bytes + takes > self.room) {
                self.put_state(std::mem::take(&mut entries), last)?;
                bytes = PROOF_BYTES;
            }
            bytes += takes;
            last = Some(found.hash);
            entries.push((found.key, found.value));
        }
        match last {
            Some(last) => self.put_state(entries, last),
            None => Err(StoreError::EmptyTree { version: self.manifest.height }.into()),
        }
    }

    fn put_state(&mut self, entries: Vec<Entry>, last: KeyHash) -> Result<(), SnapshotError> {
        let tree = Tree(self.view);
        let height = self.manifest.height;
        let proof = careful::prove(&tree, |tree| Sha256Jmt::new(tree).get_range_proof(last, height))?;
        self.making.entries += entries.len() as u64;
        self.put(&Chunk::State { entries, proof })
    }

    fn blobs(&mut self) -> Result<(), SnapshotError> {
        let (mut blobs, mut bytes) = (Vec::new(), ITEM_BYTES);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.view.scan(BLOB_KEYS, after.as_deref(), PAGE)?;
            for (key, _) in &page {
                let blob = blob_of(self.view, key)?;
                if !blobs.is_empty() && bytes + blob.len() + ITEM_BYTES > self.room {
                    self.put(&Chunk::Blobs(std::mem::take(&mut blobs)))?;
                    bytes = ITEM_BYTES;
                }
                bytes += blob.len() + ITEM_BYTES;
                blobs.push(blob);
            }
            match page.last() {
                Some((key, _)) => after = Some(key.clone()),
                None if blobs.is_empty() => return Ok(()),
                None => return self.put(&Chunk::Blobs(blobs)),
            }
        }
    }

    /// Writes a chunk, and waits until it is on the disk: what waits there in a heap would hold up the next commit.
    fn put(&mut self, chunk: &Chunk) -> Result<(), SnapshotError> {
        let bytes = chunk.encode();
        let index = self.manifest.count();
        if self.manifest.chunks.len() >= MAX_CHUNKS || bytes.len() > MAX_CHUNK_BYTES {
            let why = format!("chunk {index} would have {} bytes, or be one too many", bytes.len());
            return Err(StoreError::Tree(why).into());
        }
        put(&self.into.join(file_name(index)), &bytes)?;
        self.manifest.chunks.push(chunk.info(&bytes));
        self.making.bytes += bytes.len() as u64;
        point::reached("snapshot/chunk");
        if (self.tell)(self.making) { Ok(()) } else { Err(SnapshotError::Stopped) }
    }
}

/// Which model chunk a key of the state names, if it names one.
pub(crate) fn chunk_of(key: &[u8]) -> Option<ChunkHash> {
    let hash = key.strip_prefix(BLOB_KEYS).and_then(|hash| std::str::from_utf8(hash).ok());
    hash.and_then(|hash| hash.parse().ok())
}

/// The model chunk that a key of the state names.
fn blob_of(view: &View, key: &[u8]) -> Result<Vec<u8>, StoreError> {
    let name = || String::from_utf8_lossy(key).into_owned();
    let hash =
        chunk_of(key).ok_or_else(|| StoreError::Corrupt(format!("the key {} names no chunk", name())))?;
    match view.blob(&hash)? {
        Some(blob) if blob.len() <= CHUNK_BYTES => Ok(blob),
        Some(blob) => Err(StoreError::BadEntry { what: "a model chunk", len: blob.len(), most: CHUNK_BYTES }),
        None => Err(StoreError::Corrupt(format!("the model chunk of {} is gone", name()))),
    }
}

fn file_name(index: u32) -> String {
    format!("{index:06}.chunk")
}

/// Reads a file of at most so many bytes.
pub(super) fn read(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    if len > most as u64 {
        return Err(std::io::Error::other(format!("{len} bytes, where {most} are allowed")));
    }
    let mut bytes = Vec::with_capacity(len as usize);
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(at(path))
}

/// Waits until the names in a folder are on the disk.
pub(super) fn sync(folder: &Path) -> Result<(), SnapshotError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
