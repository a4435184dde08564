//! Any bytes on the ABCI socket: frames are read, or refused, and a request that decodes is written and read back.
//!
//! The module is compiled in by its path: the node's crate would bring RocksDB into a sanitised build.
#![no_main]

#[path = "../../../node/src/abci/frame.rs"]
mod frame;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = bytes;
    while let Ok(Some(message)) = frame::read_frame(&mut reader) {
        assert!(message.len() <= frame::MAX_FRAME_BYTES);
        let Ok(request) = frame::decode_request(message) else { continue };
        let (mut written, mut scratch) = (Vec::new(), Vec::new());
        frame::write_message(&mut written, &request, &mut scratch).expect("a vector takes every byte");
        let again = frame::read_frame(&mut &written[..]).expect("what was written is a frame");
        let again = frame::decode_request(again.expect("and not the end")).expect("and a request");
        assert_eq!(again, request);
    }
});
