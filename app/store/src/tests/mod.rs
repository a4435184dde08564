//! The store's promises, each against something simpler: a map, a tree of five lines, a process that is
//! killed.

mod basics;
mod crash;
mod damage;
mod deaths;
mod full;
mod life;
mod memory;
mod overlay;
mod proofs;
mod prune;
mod rollback;
mod roots;
mod snapshot_crash;
mod snapshot_refusals;
mod snapshots;

use crate::database::{self, Database};
use crate::layout::{self, CONTENT, META, NODES};
use crate::place::Place;
use crate::record::{BUCKET, Leaf, Record, subtree};
use crate::{Changes, Entry, Store, View};
use assay_types::hash::AppHash;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// What the store should hold.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn writes(entries: &[(&str, Option<&str>)]) -> Changes {
    let owned =
        |(key, value): &(&str, Option<&str>)| (key.as_bytes().to_vec(), value.map(|v| v.as_bytes().to_vec()));
    Changes { writes: entries.iter().map(owned).collect(), ..Changes::default() }
}

fn all(model: &Model) -> Changes {
    let writes = model.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    Changes { writes, ..Changes::default() }
}

fn apply(model: &mut Model, changes: &Changes) {
    for (key, value) in &changes.writes {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

/// A store with a small genesis.
fn started() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store
        .genesis(writes(&[("account/a", Some("1")), ("account/b", Some("2")), ("params", Some("p"))]))
        .unwrap();
    (dir, store)
}

/// Stages and commits, without index entries.
fn commit(store: &Store, version: u64, changes: Changes) -> AppHash {
    store.commit(store.stage(version, changes).unwrap(), Vec::new()).unwrap().root
}

/// Every byte in the database, by column family.
fn dump(database: &Database) -> Vec<(&'static str, Vec<Entry>)> {
    let content = |name| {
        let iterator = database.iterate(name, database::range(&[], None)).unwrap();
        (name, database::entries(iterator, usize::MAX).unwrap())
    };
    CONTENT.into_iter().chain([META]).map(content).collect()
}

/// Every record of the last version is what the leaves below it make it, whatever its history.
pub(crate) fn assert_canonical(store: &Store) {
    fn leaves(view: &View, at: &Place, all: &mut Vec<Leaf>) {
        let record = view.record_at(at).unwrap();
        let before = all.len();
        for way in 0..16 {
            let own = record.leaves_on(way);
            assert!(own.len() <= BUCKET && own.iter().all(|leaf| at.leads_to(&leaf.key)));
            all.extend_from_slice(own);
            own.iter()
                .for_each(|leaf| assert_eq!(layout::key_hash(&view.entry(leaf).unwrap().0).0, leaf.key));
            if let Some(child) = record.child(way) {
                let (below, at) = (all.len(), at.child(way, child.version));
                leaves(view, &at, all);
                assert!(own.is_empty() && child.leaves as usize == all.len() - below);
                assert!(child.leaves as usize > BUCKET);
                assert_eq!(child.hash, view.record_at(&at).unwrap().hash());
            }
        }
        assert_eq!(record.count() as usize, all.len() - before);
        assert_eq!(record.hash(), subtree(&all[before..], record.first_bit()));
        let bytes = view.value(NODES, &at.key()).unwrap().unwrap();
        assert_eq!(Record::decode(at.depth, &bytes).as_ref(), Some(&*record));
        assert_eq!(Place::of_key(&at.key()), Some(*at));
    }
    let (view, mut all) = (store.view(), Vec::new());
    leaves(&view, &Place::root(store.version().unwrap()), &mut all);
    assert!(all.windows(2).all(|pair| pair[0].key < pair[1].key));
}

/// The root by definition: a sparse binary tree over the keys' hashes, in which a subtree with one leaf is
/// that leaf.
fn root_by_definition(model: &Model) -> AppHash {
    fn sha(parts: &[&[u8]]) -> [u8; 32] {
        Sha256::digest(parts.concat()).into()
    }
    fn subtree(leaves: &[([u8; 32], [u8; 32])], bit: usize) -> [u8; 32] {
        match leaves {
            [] => *b"SPARSE_MERKLE_PLACEHOLDER_HASH__",
            [(key, value)] => sha(&[b"JMT::LeafNode", key, value]),
            _ => {
                let right = leaves.partition_point(|(key, _)| key[bit / 8] & (0x80 >> (bit % 8)) == 0);
                let (left, right) = leaves.split_at(right);
                sha(&[b"JMT::IntrnalNode", &subtree(left, bit + 1), &subtree(right, bit + 1)])
            }
        }
    }
    let mut leaves: Vec<_> = model.iter().map(|(key, value)| (sha(&[key]), sha(&[value]))).collect();
    leaves.sort_unstable();
    AppHash(subtree(&leaves, 0))
}
