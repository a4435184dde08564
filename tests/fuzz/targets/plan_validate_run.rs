//! Any bytes: a plan that decodes and validates runs on zeros, with the same bits for every body of the kernels.
#![no_main]

use assay_exec::{Executable, Isa};
use assay_plan::Plan;
use assay_types::tensor::{NamedTensor, Tensor, byte_len};
use libfuzzer_sys::fuzz_target;

/// Dearer plans run as well, but a fuzzer wants many small ones.
const MOST_UNITS: u64 = 5_000_000;
const MOST_BYTES: u64 = 16 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(plan) = Plan::decode(bytes) else { return };
    assert_eq!(plan.encode(), bytes);
    let Ok(valid) = plan.validate() else { return };
    if valid.units() > MOST_UNITS || valid.peak_bytes() > MOST_BYTES {
        return;
    }
    let inputs: Vec<NamedTensor> = valid
        .inputs()
        .iter()
        .map(|port| {
            let bytes = byte_len(port.dtype, &port.dims).expect("a valid plan's input has a size");
            let tensor = Tensor::new(port.dtype, port.dims.clone(), vec![0; bytes]);
            NamedTensor { name: port.name.clone(), tensor: tensor.expect("zeros are well formed") }
        })
        .collect();
    let law = Executable::new(valid.clone(), Isa::Reference).run(&inputs);
    let native = Executable::new(valid, Isa::detect()).run(&inputs);
    assert_eq!(format!("{law:?}"), format!("{native:?}"));
    if let (Ok(law), Ok(native)) = (law, native) {
        assert_eq!(law, native);
    }
});
