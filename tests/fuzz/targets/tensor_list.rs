//! Any bytes: a list of tensors that decodes encodes to the same bytes, and each tensor is well formed.
#![no_main]

use assay_types::codec;
use assay_types::limits::MAX_OUTPUT_BYTES;
use assay_types::tensor::{Tensor, check_list, decode_list};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(list) = decode_list(bytes, MAX_OUTPUT_BYTES) {
        assert_eq!(codec::encode(&list), bytes);
        // Whether the names make a list of inputs is another question; it must only be answered.
        let _ = check_list(&list);
        for named in &list {
            let tensor = &named.tensor;
            let again = Tensor::new(tensor.dtype(), tensor.dims().to_vec(), tensor.data().to_vec());
            assert_eq!(again.as_ref(), Ok(tensor));
        }
    }
});
