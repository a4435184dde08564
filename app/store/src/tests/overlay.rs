//! An overlay behaves like a map that was copied.

use super::*;
use crate::{Memo, Overlay, Read, ReadExt, View};
use assay_types::hash::ChunkHash;
use proptest::prelude::*;
use std::sync::LazyLock;

/// One committed state for all cases: opening a database is slow.
static BASE: LazyLock<(TempDir, View, Model)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let model: Model = (0..20).map(|i| (key(i * 2), vec![b'0' + i])).collect();
    store.genesis(all(&model)).unwrap();
    (dir, store.view(), model)
});

/// "a" and "ab" prefixes, so that one prefix contains the other.
fn key(i: u8) -> Vec<u8> {
    format!("{}/{i:02}", ["a", "ab", "b"][usize::from(i % 3)]).into_bytes()
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    /// Steps of a child, and whether it succeeds.
    Child(Vec<Step>, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        (0u8..45, any::<u8>()).prop_map(|(k, v)| Step::Put(k, v)),
        (0u8..45).prop_map(Step::Delete)
    ];
    let step = leaf.prop_recursive(3, 40, 6, |inner| {
        (prop::collection::vec(inner, 0..6), any::<bool>()).prop_map(|(steps, ok)| Step::Child(steps, ok))
    });
    prop::collection::vec(step, 0..24)
}

fn run(overlay: &mut Overlay<'_>, model: &mut Model, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(k, v) => {
                overlay.put(key(*k), vec![*v]);
                model.insert(key(*k), vec![*v]);
            }
            Step::Delete(k) => {
                overlay.delete(key(*k));
                model.remove(&key(*k));
            }
            Step::Child(steps, succeeds) => {
                let mut copy = model.clone();
                let mut child = Overlay::new(overlay);
                run(&mut child, &mut copy, steps);
                check(&child, &copy);
                let changes = child.into_changes();
                if *succeeds {
                    overlay.absorb(changes);
                    *model = copy;
                }
            }
        }
    }
}

fn scan(model: &Model, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<Entry> {
    let wanted = |k: &Vec<u8>| k.starts_with(prefix) && after.is_none_or(|after| k.as_slice() > after);
    model.iter().filter(|(k, _)| wanted(k)).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn check(state: &dyn Read, model: &Model) {
    for i in 0..45 {
        assert_eq!(state.get(&key(i)).unwrap().as_ref(), model.get(&key(i)));
    }
    for prefix in [b"".as_slice(), b"a", b"a/", b"ab/", b"b/", b"c", b"\xff"] {
        for after in [None, Some(b"".as_slice()), Some(b"a/06"), Some(b"ab/10"), Some(b"b/"), Some(b"zz")] {
            for limit in [0, 1, 3, 100] {
                let found = state.scan(prefix, after, limit).unwrap();
                assert_eq!(found, scan(model, prefix, after, limit), "{prefix:?} {after:?} {limit}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nested_overlays_read_like_a_copied_map(steps in steps()) {
        let (_, view, base) = &*BASE;
        let mut model = base.clone();
        let mut overlay = Overlay::new(view);
        run(&mut overlay, &mut model, &steps);
        check(&overlay, &model);
        let again = Overlay::with_changes(view, overlay.into_changes());
        check(&again, &model);
        check(view, base);
    }
}

#[test]
fn a_memo_answers_as_its_view_whatever_is_asked_how_often() {
    let (_, view, model) = &*BASE;
    let memo = Memo::new(view.clone());
    for _ in 0..2 {
        check(&memo, model);
    }
    // What does not fit any more is answered all the same.
    for number in 0..200_000u32 {
        assert_eq!(memo.get(format!("absent/{number}").as_bytes()).unwrap(), None);
    }
    assert!(memo.bytes() <= crate::memo::MOST_BYTES && memo.bytes() > crate::memo::MOST_BYTES / 2);
    check(&memo, model);
}

#[test]
fn a_dropped_overlay_takes_its_blobs_with_it() {
    let (_, view, _) = &*BASE;
    let mut block = Overlay::new(view);
    let kept = block.put_blob(b"kept".to_vec());
    let mut message = Overlay::new(&block);
    let dropped = message.put_blob(b"dropped".to_vec());
    assert_eq!(message.blob(&kept).unwrap(), Some(b"kept".to_vec()), "uploaded and used in one block");
    assert_eq!(message.blob(&dropped).unwrap(), Some(b"dropped".to_vec()));
    drop(message);
    assert_eq!(block.blob(&dropped).unwrap(), None);
    assert_eq!(kept, ChunkHash::of(b"kept"));
    assert_eq!(block.changes().blobs.len(), 1);
}

#[test]
fn a_record_written_is_the_record_read() {
    let (_, view, _) = &*BASE;
    let mut overlay = Overlay::new(view);
    overlay.write(b"record".to_vec(), &(7u32, String::from("seven")));
    assert_eq!(overlay.read::<(u32, String)>(b"record").unwrap(), Some((7, String::from("seven"))));
    assert!(overlay.read::<u8>(b"record").is_err());
}
