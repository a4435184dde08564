//! The root is a function of the content.

use super::*;
use crate::tree::Tree;
use crate::{Read, layout};
use jmt::Sha256Jmt;
use proptest::prelude::*;

/// Few keys, so that blocks write the same ones again and delete what is there and what is not.
fn block() -> impl Strategy<Value = Changes> {
    let entry = (0u8..40, prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 1..12)));
    prop::collection::vec(entry, 0..12).prop_map(|entries| Changes {
        writes: entries.into_iter().map(|(key, value)| (format!("key/{key}").into_bytes(), value)).collect(),
        ..Changes::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_root_after_any_blocks_is_that_of_the_final_content(
        genesis in block(), blocks in prop::collection::vec(block(), 0..25),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let mut model = Model::new();
        apply(&mut model, &genesis);
        prop_assert_eq!(store.genesis(genesis).unwrap(), root_by_definition(&model));
        for (height, changes) in (1..).zip(blocks) {
            apply(&mut model, &changes);
            let root = commit(&store, height, changes);
            prop_assert_eq!(root, root_by_definition(&model));
            let content: Vec<_> = model.clone().into_iter().collect();
            prop_assert_eq!(store.view().scan(b"", None, usize::MAX).unwrap(), content);
        }
        let fresh = tempfile::tempdir().unwrap();
        let rebuilt = Store::open(fresh.path()).unwrap().genesis(all(&model)).unwrap();
        prop_assert_eq!(rebuilt, store.root().unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn setting_many_keys_at_once_gives_the_nodes_of_setting_them_one_by_one(
        blocks in prop::collection::vec((block(), 0..200u16), 1..12),
    ) {
        let (_dir, store) = started();
        for (height, (mut changes, more)) in (1..).zip(blocks) {
            let entry = |i: u16| (format!("key/{}", i * 7 % 61).into_bytes(), Some(vec![1, i as u8]));
            changes.writes.extend((0..more).map(entry));
            let view = store.view();
            let database = view.database();
            let tree = Tree(&database);
            let hashed = changes.writes.iter().map(|(key, value)| (layout::key_hash(key), value.clone()));
            let (root, update) = Sha256Jmt::new(&tree).put_value_set(hashed, height).unwrap();
            prop_assert_eq!(tree.put(height, &changes).unwrap(), (AppHash(root.0), update));
            commit(&store, height, changes);
        }
    }
}

#[test]
fn many_keys_written_in_many_blocks_have_the_root_of_one_genesis() {
    let (_dir, store) = started();
    let mut model: Model =
        [("account/a", "1"), ("account/b", "2"), ("params", "p")].map(|(k, v)| (k.into(), v.into())).into();
    for height in 1u64..=40 {
        let entry = |i: u64| {
            let key = format!("receipt/{}", (height * 7919 + i * 104_729) % 3000).into_bytes();
            (key, (!i.is_multiple_of(5)).then(|| format!("{height}-{i}").into_bytes()))
        };
        let changes = Changes { writes: (0..100).map(entry).collect(), ..Changes::default() };
        apply(&mut model, &changes);
        commit(&store, height, changes);
    }
    assert!(model.len() > 1000);
    assert_eq!(store.root().unwrap(), root_by_definition(&model));
}

#[test]
fn a_block_without_writes_keeps_the_root() {
    let (_dir, store) = started();
    let root = store.root().unwrap();
    assert_eq!(commit(&store, 1, Changes::default()), root);
    assert_eq!(commit(&store, 2, writes(&[("never/there", None)])), root);
    assert_eq!(commit(&store, 3, writes(&[("params", Some("p"))])), root);
}

#[test]
fn deleting_everything_gives_the_empty_root_and_a_tree_that_goes_on() {
    let (_dir, store) = started();
    let empty = commit(&store, 1, writes(&[("account/a", None), ("account/b", None), ("params", None)]));
    assert_eq!(empty, root_by_definition(&Model::new()));
    let root = commit(&store, 2, writes(&[("x", Some("1"))]));
    assert_eq!(root, root_by_definition(&[(b"x".to_vec(), b"1".to_vec())].into()));
}

#[test]
fn the_root_of_a_small_state_is_the_pinned_one() {
    let (_dir, store) = started();
    assert_eq!(
        store.root().unwrap().to_string(),
        "c5d6c4eeda88c248be27db4a7d056cb8b3fb05febeb05266439761391c8e6423"
    );
    let root =
        commit(&store, 1, writes(&[("account/a", None), ("receipt/0/0", Some("r")), ("params", Some("q"))]));
    assert_eq!(root.to_string(), "aa646bc856c838cbd32e16758422b82c29e2d1ab3ada212f8cade596ffb9403c");
}
