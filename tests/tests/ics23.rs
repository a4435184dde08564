//! Proofs of a real state, judged by the ICS23 library that wallets and other chains use.

use crate::support::repository;
use assay_store::{Changes, Store};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Installs the library, of the version in `tests/ics23`, unless it is there; gives its folder.
fn library() -> PathBuf {
    let script = repository().join("tools/setup/install.sh");
    let output = Command::new(&script).arg("--ics23").stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} --ics23 failed", script.display());
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// The library's verdicts: nothing for what holds, its complaint for the rest.
fn judge(cases: &[Value]) -> Vec<Option<String>> {
    let mut child = Command::new("node")
        .arg(repository().join("tests/ics23/verify.cjs"))
        .arg(library())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(json!({ "cases": cases }).to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn case(root: &[u8], key: &[u8], value: Option<&[u8]>, proof: &[u8]) -> Value {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    json!({"root": hex(root), "key": hex(key), "value": value.map(hex), "proof": hex(proof)})
}

fn name(number: u64) -> Vec<u8> {
    format!("receipt/{number}").into_bytes()
}

/// A state of some heights, the oldest of them pruned.
fn state(folder: &std::path::Path) -> Store {
    let store = Store::open(folder).unwrap();
    let write = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    let writes = [write("params", "p"), write("supply", "1000")].into();
    store.genesis(Changes { writes, ..Changes::default() }).unwrap();
    for height in 1..=8u64 {
        let entry = |index: u64| {
            let value = format!("{height}-{index}").into_bytes();
            (name((height * 31 + index * 17) % 300), (!index.is_multiple_of(4)).then_some(value))
        };
        let changes = Changes { writes: (0..60).map(entry).collect(), ..Changes::default() };
        store.commit(store.stage(height, changes).unwrap(), Vec::new()).unwrap();
    }
    store.keep_from(5).unwrap();
    let mut pruner = store.pruner();
    while pruner.step(100).unwrap().more {}
    store
}

#[test]
fn the_ics23_library_of_other_chains_accepts_every_proof_and_no_changed_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = state(folder.path());
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let (mut present, mut absent) = (0, 0);
    let other = store.prove(b"params", 5).unwrap().root;
    for height in 5..=8 {
        for key in (0..300).step_by(7).map(name).chain([b"params".to_vec(), b"\0\xff".to_vec()]) {
            let proven = store.prove(&key, height).unwrap();
            let (root, value) = (&proven.root.0, proven.value.as_deref());
            *(if value.is_some() { &mut present } else { &mut absent }) += 1;
            good.push(case(root, &key, value, &proven.proof));
            // Another key, another value, another root, a flipped bit: one of them each time.
            bad.push(match good.len() % 4 {
                0 => case(root, b"somebody", value, &proven.proof),
                1 if value.is_some() => case(root, &key, Some(b"another value"), &proven.proof),
                2 if height > 5 => case(&other.0, &key, value, &proven.proof),
                _ => {
                    // Behind the key and the value, in the last step's hash.
                    let mut proof = proven.proof.clone();
                    *proof.last_mut().unwrap() ^= 1;
                    case(root, &key, value, &proof)
                }
            });
        }
    }
    assert!(present > 40 && absent > 40, "{present} present, {absent} absent");
    for (index, verdict) in judge(&good).into_iter().enumerate() {
        assert_eq!(verdict, None, "{}", good[index]);
    }
    for (index, verdict) in judge(&bad).into_iter().enumerate() {
        assert!(verdict.is_some(), "{}", bad[index]);
    }
}
