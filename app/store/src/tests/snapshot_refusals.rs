//! What a stranger can do to a snapshot, and the word for it. Whatever he does, the state is exact or not there.

use super::snapshots::{SMALL, grown, make, restore_all};
use super::*;
use crate::snapshot::{
    Chunk, ChunkDigest, ChunkInfo, ChunkKind, FORMAT, MAX_CHUNK_BYTES, MAX_CHUNKS, MAX_MANIFEST_BYTES, Made,
    Manifest, Refused, Restore, SnapshotError,
};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A snapshot with a dozen chunks, made once.
fn honest() -> &'static (TempDir, Made) {
    static HONEST: OnceLock<(TempDir, Made)> = OnceLock::new();
    HONEST.get_or_init(|| {
        let (dir, store) = grown(6);
        let made = make(&dir.path().join("snapshots"), &store.view(), SMALL).unwrap();
        (dir, made)
    })
}

/// A snapshot in memory, to be falsified: its manifest is made to fit whatever its chunks are.
struct Forged {
    manifest: Manifest,
    chunks: Vec<Vec<u8>>,
}

impl Forged {
    fn new() -> Self {
        let made = &honest().1;
        let chunks = (0..made.manifest.count()).map(|index| made.chunk(index).unwrap()).collect();
        Self { manifest: made.manifest.clone(), chunks }
    }

    fn decoded(&self, index: usize) -> Chunk {
        Chunk::decode(index as u32, &self.manifest.chunks[index], &self.chunks[index]).unwrap()
    }

    /// Puts a chunk in the place of one, and says so in the manifest.
    fn put(&mut self, index: usize, chunk: &Chunk) {
        let bytes = chunk.encode();
        let (kind, items) = match chunk {
            Chunk::State { entries, .. } => (ChunkKind::State, entries.len()),
            Chunk::Blobs(blobs) => (ChunkKind::Blobs, blobs.len()),
        };
        let (digest, items) = (ChunkDigest::of(&bytes), items as u32);
        self.manifest.chunks[index] = ChunkInfo { kind, digest, bytes: bytes.len() as u32, items };
        self.chunks[index] = bytes;
    }

    fn entries(&mut self, index: usize, change: impl FnOnce(&mut Vec<Entry>)) {
        let Chunk::State { mut entries, proof } = self.decoded(index) else { panic!("not of the tree") };
        change(&mut entries);
        self.put(index, &Chunk::State { entries, proof });
    }

    fn blobs(&mut self, index: usize, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let Chunk::Blobs(mut blobs) = self.decoded(index) else { panic!("no model chunks") };
        change(&mut blobs);
        self.put(index, &Chunk::Blobs(blobs));
    }

    fn first_blobs(&self) -> usize {
        self.manifest.state_chunks() as usize
    }

    /// Restores it and gives the refusal with the chunk at which it came.
    fn refused(&self) -> (u32, Refused) {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("app.db");
        let root = honest().1.manifest.app_hash;
        let mut restore = Restore::open(&state, self.manifest.clone(), root).unwrap();
        for (index, chunk) in (0..).zip(&self.chunks) {
            match restore.apply(index, chunk) {
                Ok(_) => {}
                Err(SnapshotError::Refused(refused)) => return (index, refused),
                Err(other) => panic!("{other}"),
            }
        }
        match restore.finish() {
            Err(SnapshotError::Refused(refused)) => (self.chunks.len() as u32, refused),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was believed"),
        }
    }
}

#[test]
fn a_chunk_that_is_damaged_cut_or_of_another_place_is_named_and_the_right_one_is_taken_then() {
    let (dir, made) = honest();
    let state = dir.path().join("damaged.db");
    let mut restore = Restore::open(&state, made.manifest.clone(), made.manifest.app_hash).unwrap();
    for index in 0..made.manifest.count() {
        let (right, info) = (made.chunk(index).unwrap(), made.manifest.chunk(index).unwrap());
        let mut wrong = right.clone();
        wrong[right.len() / 2] ^= 0x10;
        let refused = |restore: &mut Restore, at: u32, bytes: &[u8]| match restore.apply(at, bytes) {
            Err(SnapshotError::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&mut restore, index, &wrong), Refused::ChunkHash { index });
        let (len, expected) = (right.len() - 1, info.bytes);
        assert_eq!(refused(&mut restore, index, &right[1..]), Refused::ChunkBytes { index, len, expected });
        assert_eq!(refused(&mut restore, index, &[]), Refused::ChunkBytes { index, len: 0, expected });
        let other = made.chunk((index + 1) % made.manifest.count()).unwrap();
        assert!(matches!(
            refused(&mut restore, index, &other),
            Refused::ChunkHash { .. } | Refused::ChunkBytes { .. }
        ));
        let (count, past) = (made.manifest.count(), made.manifest.count());
        assert_eq!(refused(&mut restore, past, &right), Refused::NoChunk { index: past, count });
        if index + 1 < count {
            let got = index + 1;
            let early = made.chunk(got).unwrap();
            assert_eq!(refused(&mut restore, got, &early), Refused::OutOfOrder { expected: index, got });
        }
        restore.apply(index, &right).unwrap();
        // The same once more is known; something else in its place is not.
        restore.apply(index, &right).unwrap();
        assert_eq!(refused(&mut restore, index, &wrong), Refused::ChunkHash { index });
    }
    assert_eq!(restore.finish().unwrap().install().unwrap().root, made.manifest.app_hash);
}

#[test]
fn the_first_chunk_that_the_root_does_not_have_is_found_when_it_comes() {
    let last = honest().1.manifest.state_chunks() as usize - 1;
    for at in [0, 1, last] {
        let mut lies: Vec<Forged> = Vec::new();
        let mut lie = |change: &dyn Fn(&mut Vec<Entry>)| {
            let mut forged = Forged::new();
            forged.entries(at, |entries| change(entries));
            lies.push(forged);
        };
        lie(&|entries| entries[0].1.push(1));
        lie(&|entries| entries[0].0.push(1));
        lie(&|entries| drop(entries.remove(0)));
        lie(&|entries| drop(entries.pop()));
        for forged in lies {
            let (index, refused) = forged.refused();
            let known = matches!(
                refused,
                Refused::Proof { .. } | Refused::NotAscending { .. } | Refused::Manifest(_)
            );
            assert!(known && index as usize == at, "{refused} at {index}");
        }
    }
}

#[test]
fn entries_that_are_doubled_shuffled_empty_or_too_large_are_named() {
    let mut doubled = Forged::new();
    doubled.entries(0, |entries| entries.push(entries.last().unwrap().clone()));
    let what = "entries";
    assert_eq!(doubled.refused(), (0, Refused::NotAscending { index: 0, what }));
    let mut shuffled = Forged::new();
    shuffled.entries(0, |entries| entries.reverse());
    assert_eq!(shuffled.refused(), (0, Refused::NotAscending { index: 0, what }));
    let mut again = Forged::new();
    let first = again.decoded(0);
    again.put(1, &first);
    assert_eq!(again.refused(), (1, Refused::NotAscending { index: 1, what }));
    let empty = |what, most| Refused::Entry { index: 0, what, len: 0, most };
    for (index, (what, most)) in [("a key", 1024), ("a value", 256 * 1024)].into_iter().enumerate() {
        let mut forged = Forged::new();
        forged.entries(0, |entries| if index == 0 { entries[0].0.clear() } else { entries[0].1.clear() });
        assert_eq!(forged.refused(), (0, empty(what, most)));
    }
    let mut large = Forged::new();
    large.entries(0, |entries| entries[0].1 = vec![1; 256 * 1024 + 1]);
    assert!(matches!(large.refused(), (0, Refused::Entry { what: "a value", len: 262_145, .. })));
}

#[test]
fn a_tree_that_ends_early_does_not_have_the_root() {
    let mut forged = Forged::new();
    let last = forged.manifest.state_chunks() as usize - 1;
    forged.manifest.chunks.remove(last);
    forged.chunks.remove(last);
    let (index, refused) = forged.refused();
    assert!(matches!(refused, Refused::Root { .. }) && index as usize == last - 1, "{refused} at {index}");
}

#[test]
fn model_chunks_that_are_unknown_doubled_missing_or_too_large_are_named() {
    let at = Forged::new().first_blobs();
    let index = at as u32;
    let mut unknown = Forged::new();
    unknown.blobs(at, |blobs| blobs[0].push(1));
    assert!(matches!(unknown.refused(), (found, Refused::UnknownBlob { .. }) if found == index));
    let mut doubled = Forged::new();
    doubled.blobs(at, |blobs| blobs.push(blobs.last().unwrap().clone()));
    let what = "model chunks";
    assert_eq!(doubled.refused(), (index, Refused::NotAscending { index, what }));
    let mut missing = Forged::new();
    missing.blobs(at, |blobs| drop(blobs.pop()));
    assert_eq!(missing.refused(), (missing.manifest.count(), Refused::BlobsMissing { missing: 1 }));
    let mut none = Forged::new();
    none.manifest.chunks.truncate(at);
    none.chunks.truncate(at);
    assert_eq!(none.refused(), (index, Refused::BlobsMissing { missing: 6 }));
    let mut large = Forged::new();
    large.blobs(at, |blobs| blobs[0] = vec![1; 512 * 1024 + 1]);
    assert!(matches!(large.refused(), (found, Refused::Entry { .. }) if found == index));
    let mut wrong_kind = Forged::new();
    wrong_kind.manifest.chunks[0].kind = ChunkKind::State;
    let state = wrong_kind.chunks[0].clone();
    wrong_kind.manifest.chunks[at] = ChunkInfo { kind: ChunkKind::Blobs, ..wrong_kind.manifest.chunks[0] };
    wrong_kind.chunks[at] = state;
    assert_eq!(wrong_kind.refused(), (index, Refused::Kind { index, expected: ChunkKind::Blobs }));
}

#[test]
fn an_end_before_the_last_chunk_and_a_wrong_root_are_refused() {
    let (dir, made) = honest();
    let other = AppHash([3; 32]);
    let state = dir.path().join("early.db");
    match Restore::open(&state, made.manifest.clone(), other) {
        Err(SnapshotError::Refused(refused)) => {
            assert_eq!(refused, Refused::AppHash { found: made.manifest.app_hash, trusted: other });
        }
        _ => panic!("another root was taken"),
    }
    let mut restore = Restore::open(&state, made.manifest.clone(), made.manifest.app_hash).unwrap();
    restore.apply(0, &made.chunk(0).unwrap()).unwrap();
    let count = made.manifest.count();
    match restore.finish() {
        Err(SnapshotError::Refused(refused)) => assert_eq!(refused, Refused::Unfinished { next: 1, count }),
        _ => panic!("it ended early"),
    }
    // Refused, and still good for the rest.
    restore_all(&state, made).unwrap().discard().unwrap();
    assert!(!PathBuf::from(format!("{}.restore", state.display())).exists());
}

#[test]
fn a_manifest_is_bounded_before_it_is_believed() {
    let good = &honest().1.manifest;
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        Manifest::decode(&manifest.encode()).unwrap_err()
    };
    assert_eq!(Manifest::decode(&good.encode()).as_ref(), Ok(good));
    assert_eq!(refused(&|m| m.format = 2), Refused::Format { found: 2, supported: FORMAT });
    for change in [
        (&|m: &mut Manifest| m.height = 0) as &dyn Fn(&mut Manifest),
        &|m| m.height = u64::MAX,
        &|m| m.chain_id = String::new(),
        &|m| m.chain_id = "c".repeat(51),
        &|m| m.chunks.clear(),
        &|m| m.chunks[0].kind = ChunkKind::Blobs,
        &|m| m.chunks.reverse(),
        &|m| m.chunks[1].items = 0,
        &|m| m.chunks[1].bytes = 0,
        &|m| m.chunks[1].bytes = MAX_CHUNK_BYTES as u32 + 1,
        &|m| m.chunks = vec![m.chunks[0]; MAX_CHUNKS + 1],
    ] {
        assert!(matches!(refused(change), Refused::Manifest(_)));
    }
    let long = vec![1; MAX_MANIFEST_BYTES + 1];
    assert!(matches!(Manifest::decode(&long), Err(Refused::ManifestBytes { .. })));
    // A count of four billion chunks in a hundred bytes allocates nothing.
    let mut bytes = Manifest { chunks: Vec::new(), ..good.clone() }.encode();
    let at = bytes.len() - 4;
    bytes[at..].fill(0xff);
    assert!(matches!(Manifest::decode(&bytes), Err(Refused::Manifest(_))));
    assert!(matches!(Manifest::decode(&[]), Err(Refused::Manifest(_))));
    let mut trailing = good.encode();
    trailing.push(0);
    assert!(matches!(Manifest::decode(&trailing), Err(Refused::Manifest(_))));
}

/// One thing that a stranger does to a chunk.
#[derive(Debug, Clone)]
enum Mutation {
    Flip { at: usize, bit: u8 },
    Cut { at: usize },
    Insert { at: usize, byte: u8 },
    Copy { from: usize, to: usize, len: usize },
    Huge { at: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>;
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        at().prop_map(|at| Mutation::Cut { at }),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert { at, byte }),
        (at(), at(), 1..200usize).prop_map(|(from, to, len)| Mutation::Copy { from, to, len }),
        at().prop_map(|at| Mutation::Huge { at }),
    ]
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match *self {
            Mutation::Flip { at, bit } => bytes[at % len] ^= 1 << bit,
            Mutation::Cut { at } => bytes.truncate(1 + at % len),
            Mutation::Insert { at, byte } => bytes.insert(at % len, byte),
            Mutation::Copy { from, to, len: count } => {
                let (from, to) = (from % len, to % len);
                let count = count.min(len - from.max(to));
                let part = bytes[from..from + count].to_vec();
                bytes[to..to + count].copy_from_slice(&part);
            }
            // A length of four billion somewhere.
            Mutation::Huge { at } => {
                let at = at % len;
                let end = (at + 4).min(len);
                bytes[at..end].fill(0xff);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_mutated_snapshot_whose_manifest_fits_it_is_refused_or_is_the_same_state(
        which in any::<usize>(), mutations in proptest::collection::vec(mutation(), 1..4),
    ) {
        let mut forged = Forged::new();
        let at = which % forged.chunks.len();
        let before = forged.chunks[at].clone();
        mutations.iter().for_each(|mutation| mutation.apply(&mut forged.chunks[at]));
        prop_assume!(forged.chunks[at] != before);
        // The liar makes the manifest fit, the number of items too if the bytes decode to any.
        let info = &mut forged.manifest.chunks[at];
        info.bytes = forged.chunks[at].len() as u32;
        info.digest = ChunkDigest::of(&forged.chunks[at]);
        if let Err(Refused::Items { found, .. }) = Chunk::decode(at as u32, info, &forged.chunks[at]) {
            info.items = found as u32;
        }
        let (index, refused) = forged.refused();
        prop_assert!(index as usize >= at, "{refused} at {index}, before the lie at {at}");
    }

    #[test]
    fn a_mutated_manifest_is_refused_or_another_snapshot(mutations in proptest::collection::vec(mutation(), 1..4)) {
        let good = &honest().1.manifest;
        let mut bytes = good.encode();
        mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(manifest.encode(), bytes);
            prop_assert_eq!(manifest == *good, manifest.id() == good.id());
        }
    }
}
