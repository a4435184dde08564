//! Files made to hurt: each gets an answer, the same one every time, and never ends the program by a signal.
//!
//! The answers are pinned in `tests/data/hostile.tsv`: file, exit status, and the reason in words. Set
//! `ASSAY_UPDATE_GOLDEN=1` to write the table anew, and read the difference before committing it.

use crate::support::{data, files, name, wallet};
use assay_netlab::Wallet;
use assay_types::tensor::{DType, NamedTensor, Port, Tensor, byte_len};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;

/// The exit status and the one object that a command prints; a signal, or a status that is not expected, fails.
fn answer(wallet: &Wallet, arguments: &[&OsStr], expected: &[i32]) -> (i32, Value) {
    let ran = wallet.finish(arguments).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ran.signal(), None, "{}: {}", ran.command, ran.stderr);
    let code = ran.code().unwrap_or_default();
    assert!(expected.contains(&code), "{}: {}\n{}{}", ran.command, ran.status, ran.stdout, ran.stderr);
    (code, assay_netlab::wallet::object(&ran).unwrap_or_else(|error| panic!("{error}")))
}

/// Why a file is inadmissible, on one line of at most 120 characters.
fn reason(answer: &Value) -> String {
    let words = answer["reason"].as_str().or_else(|| answer["error"]["message"].as_str());
    let words = words.expect("an inadmissible file has a reason").split_whitespace();
    words.collect::<Vec<_>>().join(" ").chars().take(120).collect()
}

/// What the compiler says of a file that it refuses changes with its source; that it refuses does not.
fn without_the_blobs_words(row: &str) -> &str {
    row.split("does not compile:").next().unwrap_or(row)
}

/// Zeros for every input that a report names.
fn write_zeros(report: &Value, path: &Path) {
    let ports: Vec<Port> = serde_json::from_value(report["inputs"].clone()).unwrap();
    let zeros = |dtype: DType, dims: &[u32]| {
        let bytes = byte_len(dtype, dims).expect("an admissible model's input has a size");
        Tensor::new(dtype, dims.to_vec(), vec![0; bytes]).unwrap()
    };
    let tensors: Vec<NamedTensor> = ports
        .into_iter()
        .map(|port| NamedTensor { tensor: zeros(port.dtype, &port.dims), name: port.name })
        .collect();
    assay::npz::write(path, &tensors).unwrap();
}

/// What an admissible file does with zeros: the same twice, an output or a failed run.
fn run_on_zeros(wallet: &Wallet, file: &Path, report: &Value) -> &'static str {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("zeros.npz");
    write_zeros(report, &inputs);
    let words = [
        OsStr::new("model"),
        OsStr::new("run"),
        file.as_os_str(),
        OsStr::new("--inputs"),
        inputs.as_os_str(),
    ];
    let (code, first) = answer(wallet, &words, &[0, 1]);
    let (again, second) = answer(wallet, &words, &[0, 1]);
    assert_eq!((code, &first["output_hash"]), (again, &second["output_hash"]), "{}", name(file));
    assert_eq!(first["output_hash"].is_null(), code == 1, "{}: {first}", name(file));
    if code == 0 { "admissible; runs on zeros" } else { "admissible; the run fails on zeros" }
}

#[test]
fn every_hostile_file_gets_the_same_typed_answer_twice_and_no_signal() {
    let wallet = wallet();
    let mut table = String::from("file\tstatus\tanswer\n");
    for file in files(&data("hostile"), "onnx") {
        let words = [OsStr::new("model"), OsStr::new("inspect"), file.as_os_str()];
        let (code, report) = answer(&wallet, &words, &[0, 2]);
        assert_eq!((code, report.clone()), answer(&wallet, &words, &[0, 2]), "{}", name(&file));
        assert_eq!(code == 0, report["admissible"] == true, "{}: {report}", name(&file));
        let said = if code == 0 { run_on_zeros(&wallet, &file, &report).into() } else { reason(&report) };
        table.push_str(&format!("{}\t{code}\t{said}\n", name(&file)));
    }
    let golden = data("hostile.tsv");
    if std::env::var_os("ASSAY_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &table).unwrap();
    }
    let pinned = std::fs::read_to_string(&golden).expect("tests/data/hostile.tsv is there");
    for (got, pinned) in table.lines().zip(pinned.lines()) {
        assert_eq!(without_the_blobs_words(got), without_the_blobs_words(pinned));
    }
    assert_eq!(table.lines().count(), pinned.lines().count());
}
