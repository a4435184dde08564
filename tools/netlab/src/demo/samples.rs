//! The demo's model and scans, inside the program, so that it runs from anywhere.
//!
//! `tools/models/train_digits.py` makes them. A scan's index is the digit that a person wrote; none was trained on.

/// The network that reads digits: `image` f32 [1, 1, 8, 8] to `probabilities` f32 [1, 10].
pub const MODEL: &[u8] = include_bytes!("../../../models/digits.onnx");

/// A held-out scan of each digit, as an npz archive with the array `image`.
pub const SCANS: [&[u8]; 10] = [
    include_bytes!("../../../models/digits/0.npz"),
    include_bytes!("../../../models/digits/1.npz"),
    include_bytes!("../../../models/digits/2.npz"),
    include_bytes!("../../../models/digits/3.npz"),
    include_bytes!("../../../models/digits/4.npz"),
    include_bytes!("../../../models/digits/5.npz"),
    include_bytes!("../../../models/digits/6.npz"),
    include_bytes!("../../../models/digits/7.npz"),
    include_bytes!("../../../models/digits/8.npz"),
    include_bytes!("../../../models/digits/9.npz"),
];
