//! Integer products by themselves, of every shape that a way of computing them is for, against the naive bodies.

use super::random::Rng;
use super::{naive, run};
use crate::{Executable, Isa};
use assay_plan::*;
use assay_types::tensor::{DType, NamedTensor, Tensor};
use proptest::prelude::*;

/// Multiply-adds of a case, at most: naive bodies take long.
const MOST: u64 = 40_000;

struct Maker {
    rng: Rng,
    builder: PlanBuilder,
    inputs: Vec<NamedTensor>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), builder: PlanBuilder::new(), inputs: vec![] }
    }

    fn byte(&mut self) -> DType {
        self.rng.pick(&[DType::U8, DType::I8])
    }

    fn bytes(&mut self, dims: &[u32]) -> Vec<u8> {
        let count: u32 = dims.iter().product();
        let extreme = self.rng.chance(20);
        (0..count)
            .map(|_| if extreme { self.rng.pick(&[0, 127, 128, 255]) } else { self.rng.next() as u8 })
            .collect()
    }

    fn constant(&mut self, dtype: DType, dims: &[u32]) -> ValueId {
        let bytes = self.bytes(dims);
        self.builder.constant(dtype, dims, &bytes)
    }

    /// An input, or a constant.
    fn operand(&mut self, dtype: DType, dims: &[u32]) -> ValueId {
        if self.rng.chance(30) {
            return self.constant(dtype, dims);
        }
        let name = format!("x{}", self.inputs.len());
        let tensor = Tensor::new(dtype, dims.to_vec(), self.bytes(dims)).unwrap();
        let id = self.builder.input(&name, dtype, dims);
        self.inputs.push(NamedTensor { name, tensor });
        id
    }

    fn convolution(&mut self) -> Option<ValueId> {
        let mut pick = |list: &[u32]| self.rng.pick(list);
        let groups = pick(&[1, 1, 1, 2, 3, 5]);
        let (inner, each) = (pick(&[1, 1, 2, 3, 8, 70]), pick(&[1, 2, 4, 7, 8, 13, 33]));
        let side = |pick: &mut dyn FnMut(&[u32]) -> u32| pick(&[1, 1, 2, 3, 4, 5, 7, 12, 18, 40]);
        let input = [side(&mut pick), side(&mut pick)];
        let kernel = [pick(&[1, 1, 2, 3, 5]), pick(&[1, 1, 2, 3, 4, 9])];
        let stride = if pick(&[0, 1]) == 0 { [1; 2] } else { [pick(&[1, 2, 3]), pick(&[1, 2, 3, 5])] };
        let dilation = [pick(&[1, 1, 1, 2, 3, 4000]), pick(&[1, 1, 1, 2, 7])];
        let span = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis]);
        let mut pads = || [0, 1].map(|axis: usize| pick(&[0, 0, 1, 2, 3999]).min(span[axis]));
        let (pad_before, pad_after) = (pads(), pads());
        let window = Window { kernel, stride, dilation, pad_before, pad_after };
        let mut output = [0u32; 2];
        for axis in 0..2 {
            let padded = input[axis] + pad_before[axis] + pad_after[axis];
            output[axis] = padded.checked_sub(span[axis] + 1)? / stride[axis] + 1;
        }
        let batch = pick(&[1, 1, 2]);
        let work = [batch, groups, inner, each, kernel[0], kernel[1], output[0], output[1]];
        if work.iter().map(|&size| u64::from(size)).product::<u64>() > MOST {
            return None;
        }
        let (first, second) = (self.byte(), self.byte());
        let x = self.operand(first, &[batch, groups * inner, input[0], input[1]]);
        let results = groups * each;
        let w = self.constant(second, &[results, inner, kernel[0], kernel[1]]);
        let zeros = self.rng.pick(&[1, results]);
        let (zx, zw) = (self.constant(first, &[1]), self.constant(second, &[zeros]));
        let bias: Vec<i32> = (0..results).map(|_| self.rng.next() as i32).collect();
        let bias = self.builder.constant_i32(&[results], &bias);
        let dims = [batch, results, output[0], output[1]];
        Some(self.builder.push(
            Opcode::Conv2dInt { window, groups },
            &[x, w, zx, zw, bias],
            DType::I32,
            &dims,
        ))
    }

    /// Labels of both, of the first or the second alone, in the result or not, in any order.
    fn einsum(&mut self) -> Option<ValueId> {
        let mut sizes = [1u32; 8];
        let mut lists: [Vec<u8>; 3] = Default::default();
        let kinds: [[bool; 3]; 6] = [
            [true, true, false],
            [true, false, true],
            [false, true, true],
            [true, true, true],
            [true, false, false],
            [true, true, false],
        ];
        let mut work = 1u64;
        for label in 0..3 + self.rng.below(3) as u8 {
            let kind = if label < 3 { kinds[label as usize] } else { self.rng.pick(&kinds) };
            sizes[label as usize] = self.rng.pick(&[1, 2, 3, 5, 8, 9, 16, 31, 70, 300]);
            work *= u64::from(sizes[label as usize]);
            for (list, there) in lists.iter_mut().zip(kind) {
                if there {
                    let at = self.rng.below(list.len() + 1);
                    list.insert(at, label);
                }
            }
        }
        if work > MOST {
            return None;
        }
        let dims = |labels: &[u8]| labels.iter().map(|&label| sizes[label as usize]).collect::<Vec<u32>>();
        let (first, second) = (self.byte(), self.byte());
        let [a, b, out] = lists;
        let zero = |this: &mut Self, dtype: DType, labels: &[u8]| {
            let wide = this.rng.chance(40);
            let own = |&label: &u8| if wide && out.contains(&label) { sizes[label as usize] } else { 1 };
            let dims: Vec<u32> = labels.iter().map(own).collect();
            this.constant(dtype, &dims)
        };
        let (za, zb) = (zero(self, first, &a), zero(self, second, &b));
        let (x, w) = (self.operand(first, &dims(&a)), self.operand(second, &dims(&b)));
        let result = dims(&out);
        Some(self.builder.push(Opcode::EinsumInt { a, b, out }, &[x, w, za, zb], DType::I32, &result))
    }
}

/// A plan of one product; `None` for a shape that is too large.
fn plan(seed: u64) -> Option<(Plan, Vec<NamedTensor>)> {
    let mut maker = Maker::new(seed);
    let value = if maker.rng.chance(60) { maker.convolution() } else { maker.einsum() }?;
    maker.builder.output("y", value);
    if maker.inputs.is_empty() {
        maker.operand(DType::U8, &[1]);
        if maker.inputs.is_empty() {
            return None;
        }
    }
    Some((maker.builder.finish().ok()?, maker.inputs))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integer_products_of_all_shapes_give_the_laws_sums(seed in any::<u64>()) {
        let found = (0..64).find_map(|turn| plan(seed.wrapping_add(turn)));
        let (plan, inputs) = found.expect("some shape is small enough");
        let expected = naive::run(&plan, &inputs);
        for isa in Isa::available() {
            let plain = Executable::plain(plan.clone().validate().unwrap(), isa);
            let outputs = plain.run(&inputs).unwrap();
            let plain: Vec<Vec<u8>> =
                outputs.into_iter().map(|output| output.tensor.data().to_vec()).collect();
            prop_assert!(Some(&plain) == expected.as_ref(), "{}: {:#?}", isa.name(), plan.nodes);
            prop_assert!(run(&plan, isa, &inputs) == expected, "{}: {:#?}", isa.name(), plan.nodes);
        }
    }
}
