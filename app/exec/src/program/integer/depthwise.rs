//! Depthwise convolution of bytes.

use super::Constant;
use super::product::Become;
use crate::constants::Constants;
use crate::view::View;
use assay_kernels::Isa;
use assay_kernels::int8::{Depthwise, Filters, Requantizer, depthwise};

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
    filters: Filters,
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
        let filters = Filters::default();
        Self { shape, weights, weights_signed, weights_zero, zero, bias, becomes, filters }
    }

    /// Bytes of the packed filters: words of pairs of taps, 16 channels together.
    pub(crate) fn packed(&self) -> u64 {
        let taps = (self.shape.kernel[0] * self.shape.kernel[1]).next_multiple_of(2);
        (self.shape.channels.next_multiple_of(16) * taps) as u64 * 2
    }

    pub(crate) fn prepare(&mut self, isa: Isa, constants: &Constants<'_>) {
        let (channels, taps) = (self.shape.channels, self.shape.kernel[0] * self.shape.kernel[1]);
        let bytes = self.weights.integers(self.weights_signed, constants);
        let zeros = self.weights_zero.integers(self.weights_signed, constants);
        let of = |list: &[i32], channel: usize| if list.len() == 1 { list[0] } else { list[channel] };
        let weight = |tap: usize, channel: usize| bytes[channel * taps + tap] - of(&zeros, channel);
        let zero = self.zero.integers(self.shape.signed, constants)[0];
        let bias = self.bias.map_or_else(|| vec![0], |bias| bias.i32s(constants));
        let start = |channel: usize| {
            let sum: i32 = (0..taps).map(|tap| weight(tap, channel)).sum();
            of(&bias, channel).wrapping_sub(sum.wrapping_mul(zero))
        };
        let Become::Bytes { multipliers, .. } = self.becomes else { return };
        let list = multipliers.scales(constants);
        let multipliers = if list.len() == 1 { vec![list[0]; channels] } else { list };
        let start = (0..channels).map(start).collect();
        // The difference of two bytes fits.
        let weight = |tap: usize, channel: usize| weight(tap, channel) as i16;
        self.filters = Filters::new(isa, &self.shape, weight, start, multipliers, zero as u8);
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let Become::Bytes { zero, signed, range, .. } = self.becomes else { return };
        let how = Requantizer { multipliers: &[], zero, range, signed };
        let isa = view.isa();
        let (x, y): (&[u8], &mut [u8]) = (view.operand(0), view.result());
        let input = self.shape.input[0] * self.shape.input[1] * self.shape.channels;
        let output = self.shape.output[0] * self.shape.output[1] * self.shape.channels;
        for (x, y) in x.chunks_exact(input).zip(y.chunks_exact_mut(output)) {
            depthwise(isa, &self.shape, &self.filters, &how, x, 0, y);
        }
    }
}
