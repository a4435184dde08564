//! A tree of two leaves, put together by hand from the definition, and what hostile bytes do. That the proofs
//! of the real tree verify is tested where the tree is, in `assay-store`.

use super::*;
use proptest::prelude::*;

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn leaf(key: &[u8], value: &[u8]) -> [u8; 32] {
    sha(&[LEAF_PREFIX, &sha(&[key]), &sha(&[value])])
}

/// "b" hashes to 3e..., "a" to ca...: the first bit parts them, "b" being the left one.
fn two_leaves() -> (AppHash, ExistenceProof, ExistenceProof) {
    let (left, right) = (leaf(b"b", b"two"), leaf(b"a", b"one"));
    let root = AppHash(sha(&[INNER_PREFIX, &left, &right]));
    let op = |prefix: Vec<u8>, suffix: Vec<u8>| InnerOp { hash: HashOp::Sha256.into(), prefix, suffix };
    let exist = |key: &[u8], value: &[u8], path| ExistenceProof {
        key: key.to_vec(),
        value: value.to_vec(),
        leaf: Some(leaf_op()),
        path,
    };
    let b = exist(b"b", b"two", vec![op(INNER_PREFIX.to_vec(), right.to_vec())]);
    let a = exist(b"a", b"one", vec![op([INNER_PREFIX, &left].concat(), Vec::new())]);
    (root, b, a)
}

fn bytes(proof: Proof) -> Vec<u8> {
    CommitmentProof { proof: Some(proof) }.encode_to_vec()
}

#[test]
fn existence_in_a_tree_of_two_leaves_verifies() {
    let (root, b, a) = two_leaves();
    assert_eq!(verify_existence(&root, b"b", b"two", &bytes(Proof::Exist(b.clone()))), Ok(()));
    assert_eq!(verify_existence(&root, b"a", b"one", &bytes(Proof::Exist(a))), Ok(()));
    let proof = bytes(Proof::Exist(b));
    assert_eq!(
        verify_existence(&root, b"b", b"three", &proof),
        Err(ProofError::Refused("it is about another value"))
    );
    assert_eq!(
        verify_existence(&root, b"a", b"two", &proof),
        Err(ProofError::Refused("it is about another key"))
    );
    assert_eq!(
        verify_existence(&AppHash([7; 32]), b"b", b"two", &proof),
        Err(ProofError::Refused("it leads to another root"))
    );
}

#[test]
fn absence_in_a_tree_of_two_leaves_verifies() {
    let (root, b, a) = two_leaves();
    // "g" hashes to cd..., above both; "d" to 18..., below both; "e" to 3f..., between them.
    let cases: [(&[u8], Option<&ExistenceProof>, Option<&ExistenceProof>); 3] =
        [(b"g", Some(&a), None), (b"d", None, Some(&b)), (b"e", Some(&b), Some(&a))];
    for (key, left, right) in cases {
        let absence = NonExistenceProof { key: key.to_vec(), left: left.cloned(), right: right.cloned() };
        assert_eq!(verify_absence(&root, key, &bytes(Proof::Nonexist(absence.clone()))), Ok(()));
        assert!(verify_absence(&AppHash([7; 32]), key, &bytes(Proof::Nonexist(absence.clone()))).is_err());
        let present = NonExistenceProof { key: b"a".to_vec(), ..absence };
        assert!(verify_absence(&root, b"a", &bytes(Proof::Nonexist(present))).is_err());
    }
}

#[test]
fn one_neighbour_is_not_enough_where_there_are_two() {
    let (root, b, a) = two_leaves();
    for (left, right) in [(Some(b), None), (None, Some(a)), (None, None)] {
        let absence = NonExistenceProof { key: b"e".to_vec(), left, right };
        assert!(verify_absence(&root, b"e", &bytes(Proof::Nonexist(absence))).is_err());
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let (root, b, a) = two_leaves();
    let existence = bytes(Proof::Exist(b.clone()));
    let absence =
        bytes(Proof::Nonexist(NonExistenceProof { key: b"e".to_vec(), left: Some(b), right: Some(a) }));
    for bit in 0..existence.len() * 8 {
        let mut flipped = existence.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_existence(&root, b"b", b"two", &flipped).is_err(), "bit {bit}");
    }
    for bit in 0..absence.len() * 8 {
        let mut flipped = absence.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_absence(&root, b"e", &flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn neighbours_whose_paths_do_not_part_are_refused_and_do_not_panic() {
    let (root, b, a) = two_leaves();
    let bare = |proof: &ExistenceProof| ExistenceProof { path: Vec::new(), ..proof.clone() };
    let cases = [(bare(&b), bare(&a)), (bare(&b), a.clone()), (b.clone(), b)];
    for (left, right) in cases {
        let absence = NonExistenceProof { key: b"e".to_vec(), left: Some(left), right: Some(right) };
        assert_eq!(
            verify_absence(&root, b"e", &bytes(Proof::Nonexist(absence))),
            Err(ProofError::ForeignShape("neighbours whose paths do not part"))
        );
    }
}

#[test]
fn forms_of_other_trees_are_refused() {
    let (root, b, a) = two_leaves();
    let mut longer = b.clone();
    longer.leaf.as_mut().unwrap().prefix.push(0);
    let mut hashed = b.clone();
    hashed.path[0].hash = HashOp::Sha512.into();
    let mut misled = b.clone();
    misled.path = a.path.clone();
    let mut deep = b.clone();
    deep.path = vec![b.path[0].clone(); 257];
    for foreign in [longer, hashed, misled, deep, ExistenceProof { leaf: None, ..b.clone() }] {
        let refusal = verify_existence(&root, b"b", b"two", &bytes(Proof::Exist(foreign)));
        assert!(matches!(refusal, Err(ProofError::ForeignShape(_))), "{refusal:?}");
    }
}

#[test]
fn proofs_of_the_wrong_kind_length_or_encoding_are_refused() {
    let (root, b, _) = two_leaves();
    let existence = bytes(Proof::Exist(b));
    assert!(matches!(verify_absence(&root, b"b", &existence), Err(ProofError::WrongKind { .. })));
    assert!(matches!(verify_existence(&root, b"b", b"two", b""), Err(ProofError::WrongKind { .. })));
    let long = vec![0; MAX_PROOF_BYTES + 1];
    assert_eq!(verify_existence(&root, b"b", b"two", &long), Err(ProofError::TooLong { len: long.len() }));
    // An unknown field (number 9, empty): other decoders would skip it.
    let padded = [existence.as_slice(), &[0x4a, 0x00]].concat();
    assert_eq!(verify_existence(&root, b"b", b"two", &padded), Err(ProofError::NotCanonical));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_never_verify(
        bytes in prop::collection::vec(any::<u8>(), 0..400), key in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (root, _, _) = two_leaves();
        prop_assert!(verify_existence(&root, &key, b"value", &bytes).is_err());
        prop_assert!(verify_absence(&root, &key, &bytes).is_err());
    }

    #[test]
    fn mutated_proofs_never_panic_and_never_verify(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let (root, b, a) = two_leaves();
        let absence = NonExistenceProof { key: b"e".to_vec(), left: Some(b), right: Some(a) };
        let good = bytes(Proof::Nonexist(absence));
        let mut bad = good.clone();
        bad[at.index(good.len())] = byte;
        prop_assert_eq!(verify_absence(&root, b"e", &bad).is_ok(), bad == good);
        bad.truncate(cut.index(good.len()));
        prop_assert!(verify_absence(&root, b"e", &bad).is_err());
    }
}
