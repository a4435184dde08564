//! Any bytes as a receipt file: every check answers, and without a trust anchor nothing is ever valid.
#![no_main]

use assay::local::Workbench;
use assay::verify::{Material, Trust, verify};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let workbench = Workbench::new(Path::new("fuzz-home")).quiet();
    let material = Material { model: None, workbench: &workbench };
    let report = verify(bytes, &Trust::Missing("no anchor".into()), &material);
    assert!(!report.valid);
    assert!(!report.checks.is_empty());
});
