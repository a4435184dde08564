//! Loading the blob: its hash is checked, its machine code kept, and what is kept is not believed blindly.

use crate::{blob, compiler};
use assay_compiler::{Compiler, HostError};
use assay_types::hash::CompilerHash;
use std::path::Path;

/// A small module in the blob's place: what is tested here does not depend on what it does.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn load(folder: &Path) -> (Result<Compiler, HostError>, usize) {
    let mut lines = 0;
    let result =
        Compiler::load(EMPTY_MODULE, CompilerHash::of(EMPTY_MODULE), Some(folder), &mut |_| lines += 1);
    (result, lines)
}

#[test]
fn a_blob_with_another_hash_is_not_loaded() {
    let other = CompilerHash::of(b"another blob");
    let error = Compiler::load(blob(), other, None, &mut |_| {}).unwrap_err();
    assert!(matches!(error, HostError::WrongBlob { expected, .. } if expected == other));
    assert_eq!(compiler().hash(), CompilerHash::of(blob()));
}

#[test]
fn machine_code_is_compiled_once_and_again_when_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (first, lines) = load(folder.path());
    first.unwrap();
    assert_eq!(lines, 1);
    assert_eq!(load(folder.path()).1, 0);
    let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    let (again, lines) = load(folder.path());
    again.unwrap();
    assert_eq!(lines, 1);
}

#[test]
fn a_prepared_engine_is_found_by_its_hash_alone() {
    let folder = tempfile::tempdir().unwrap();
    let hash = CompilerHash::of(EMPTY_MODULE);
    assert!(Compiler::cached(hash, folder.path()).is_none());
    load(folder.path()).0.unwrap();
    assert_eq!(Compiler::cached(hash, folder.path()).unwrap().hash(), hash);
    assert!(Compiler::cached(CompilerHash::of(b"another blob"), folder.path()).is_none());
}

#[test]
fn several_loads_at_once_share_one_cache() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| load(folder.path()).0.map(drop))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_module_that_breaks_the_protocol_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = std::fs::read(crate::root().join("tests/data/models/mlp_digits.onnx")).unwrap();
    let compilation = load(folder.path()).0.unwrap().compile(&onnx, &[], 1_000_000).unwrap();
    assert_eq!(compilation.outcome.unwrap_err().name(), "does_not_compile");
}

/// A module whose start asks for 2 GiB more memory and traps when it gets none.
const GREEDY: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
    \x07\x1e\x02\x11__wasm_call_ctors\0\0\x06memory\x02\0\
    \x0a\x11\x01\x0f\0\x41\x80\x80\x02\x40\0\x41\x7f\x46\x04\x40\0\x0b\x0b";

#[test]
fn memory_over_the_cap_is_a_refusal_and_not_the_machines_failure() {
    let onnx = std::fs::read(crate::root().join("tests/data/models/mlp_digits.onnx")).unwrap();
    let greedy = Compiler::load(GREEDY, CompilerHash::of(GREEDY), None, &mut |_| {}).unwrap();
    let refusal = greedy.compile(&onnx, &[], 1_000_000).unwrap().outcome.unwrap_err();
    assert!(refusal.to_string().contains("the compiler stopped"), "{refusal}");
}
