//! Any bytes: the checks before the sandbox answer, the same twice, in time and memory that the file's size bounds.
#![no_main]

use assay_compiler::admission;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let first = format!("{:?}", admission::inspect(bytes, &[]));
    assert_eq!(first, format!("{:?}", admission::inspect(bytes, &[])));
});
