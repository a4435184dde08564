//! Depthwise convolution of bytes.

use super::Constant;
use super::product::Become;
use crate::view::View;
use assay_kernels::int8::{Depthwise, Filters, Requantizer, depthwise, pack_depthwise};

/// A convolution of each channel by a filter of its own.
#[derive(Debug)]
pub(crate) struct DepthwiseStep {
    pub shape: Depthwise,
    pub weights: Constant,
    pub weights_signed: bool,
    pub weights_zero: Constant,
    pub zero: Constant,
    pub bias: Option<Constant>,
    pub becomes: Become,
    packed: Vec<[[i16; 2]; 16]>,
    start: Vec<i32>,
    outside: Vec<u8>,
    multipliers: Vec<f32>,
}

impl DepthwiseStep {
    /// `weights` are the bytes, whether they are i8, and their zero points.
    pub(crate) fn new(
        shape: Depthwise,
        (weights, weights_signed, weights_zero): (Constant, bool, Constant),
        zero: Constant,
        bias: Option<Constant>,
        becomes: Become,
    ) -> Self {
        let (packed, start, outside, multipliers) = (vec![], vec![], vec![], vec![]);
        Self {
            shape,
            weights,
            weights_signed,
            weights_zero,
            zero,
            bias,
            becomes,
            packed,
            start,
            outside,
            multipliers,
        }
    }

    pub(crate) fn prepare(&mut self, data: &[u8]) {
        let (channels, taps) = (self.shape.channels, self.shape.kernel[0] * self.shape.kernel[1]);
        let bytes = self.weights.integers(self.weights_signed, data);
        let zeros = self.weights_zero.integers(self.weights_signed, data);
        let of = |list: &[i32], channel: usize| if list.len() == 1 { list[0] } else { list[channel] };
        let weight = |tap: usize, channel: usize| bytes[channel * taps + tap] - of(&zeros, channel);
        self.packed = vec![Default::default(); self.shape.packed()];
        // The difference of two bytes fits.
        pack_depthwise(&self.shape, |tap, channel| weight(tap, channel) as i16, &mut self.packed);
        let zero = self.zero.integers(self.shape.signed, data)[0];
        let bias = self.bias.map_or_else(|| vec![0], |bias| bias.i32s(data));
        let start = |channel: usize| {
            let sum: i32 = (0..taps).map(|tap| weight(tap, channel)).sum();
            of(&bias, channel).wrapping_sub(sum.wrapping_mul(zero))
        };
        self.start = (0..channels).map(start).collect();
        self.outside = vec![zero as u8; channels];
        if let Become::Bytes { multipliers, .. } = self.becomes {
            let list = multipliers.f32s(data);
            self.multipliers = if list.len() == 1 { vec![list[0]; channels] } else { list };
        }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let Become::Bytes { zero, signed, range, .. } = self.becomes else { return };
        let filters = Filters {
            packed: &self.packed,
            start: &self.start,
            outside: &self.outside,
            multipliers: &self.multipliers,
            how: Requantizer { multipliers: &[], zero, range, signed },
        };
        let isa = view.isa();
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        let input = self.shape.input[0] * self.shape.input[1] * self.shape.channels;
        let output = self.shape.output[0] * self.shape.output[1] * self.shape.channels;
        for (x, y) in x.chunks_exact(input).zip(y.chunks_exact_mut(output)) {
            depthwise(isa, &self.shape, &filters, x, 0, y);
        }
    }
}
