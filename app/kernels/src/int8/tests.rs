//! Every body against plain loops over the definition.

use super::*;
use crate::Isa;

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A byte, often an extreme one.
    fn byte(&mut self) -> u8 {
        match self.next() % 4 {
            0 => [0, 255, 127, 128][self.below(4)],
            _ => self.next() as u8,
        }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// Any f32, often an ordinary one.
    fn float(&mut self) -> f32 {
        match self.next() % 4 {
            0 => f32::from_bits(self.next() as u32),
            1 => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-45, 0.5][self.below(6)],
            _ => (self.next() % 1000) as f32 * 1e-5,
        }
    }
}

/// All bodies, those too that a processor with VNNI does not choose.
fn bodies() -> Vec<Isa> {
    let mut isas = Isa::available();
    isas.extend(
        isas.iter().map(|isa| isa.without_vnni()).filter(|isa| !isas.contains(isa)).collect::<Vec<_>>(),
    );
    isas
}

/// The law of Requantize and Quantize, from the scaled number on.
fn byte_of(scaled: f32, zero: i32, signed: bool) -> u8 {
    let (least, most) = if signed { (-128, 127) } else { (0, 255) };
    let (low, high) = ((least - zero) as f32, (most - zero) as f32);
    let t = if scaled > low { scaled } else { low };
    let t = if t < high { t } else { high };
    (t.round_ties_even() as i32 + zero) as u8
}

fn zero_of(random: &mut Random, signed: bool) -> i32 {
    let byte = random.byte();
    if signed { i32::from(byte as i8) } else { i32::from(byte) }
}

fn filled<T: Copy + Default>(x: &[T]) -> Vec<[T; 16]> {
    let line = |x: &[T]| {
        let mut line = [T::default(); 16];
        line[..x.len()].copy_from_slice(x);
        line
    };
    x.chunks(16).map(line).collect()
}

#[test]
fn products_are_those_of_plain_loops() {
    let mut random = Random(0x1234_5678_9abc);
    for round in 0..200 {
        let (m, k, n) = (1 + random.below(15), 1 + random.below(70), 1 + random.below(40));
        let stride = k.next_multiple_of(4) + random.below(5);
        let x = random.bytes(m * stride);
        // Weights at the extremes saturate whatever can saturate.
        let w: Vec<i8> = match round % 4 {
            0 => vec![-128; k * n],
            1 => vec![127; k * n],
            _ => random.bytes(k * n).iter().map(|&byte| byte as i8).collect(),
        };
        let bias: Vec<i32> = (0..n).map(|_| random.next() as i32).collect();
        let factors: Vec<i32> = (0..n).map(|_| random.byte() as i8 as i32).collect();
        let rows = Rows::plain(&x, m, stride, k);
        let mut totals = vec![0; m];
        row_sums(&rows, &mut totals);
        let mut expected = vec![0i32; m * n];
        for (at, slot) in expected.iter_mut().enumerate() {
            let (row, column) = (at / n, at % n);
            let terms = (0..k).map(|t| i32::from(x[row * stride + t]) * i32::from(w[t * n + column]));
            let sum = terms.fold(bias[column], i32::wrapping_add);
            let total: i32 = x[row * stride..][..k].iter().map(|&x| i32::from(x)).sum();
            *slot = sum.wrapping_sub(total.wrapping_mul(factors[column]));
        }
        let multipliers: Vec<f32> = (0..n).map(|_| random.float()).collect();
        let offsets: Vec<f32> = (0..n).map(|_| random.float()).collect();
        let signed = round % 2 == 0;
        let zero = zero_of(&mut random, signed);
        let range = if signed { [-128, 127] } else { [0, 255] };
        let (bias, factors) = (filled(&bias), filled(&factors));
        let (lines, offset_lines) = (filled(&multipliers), filled(&offsets));
        for isa in bodies() {
            let packed = pack(isa, k, n, |term, column| w[term * n + column]);
            let product = |output: Output<'_>| {
                let rows_too = Some((&totals[..], &factors[..]));
                let mut done = Finish { bias: &bias, rows: rows_too, stride: n, output };
                gemm(isa, rows, packed.panels(), n, &mut done);
            };
            let mut sums = vec![0; m * n];
            product(Output::Sums(&mut sums));
            assert_eq!(sums, expected, "{} {m}x{k}x{n}", isa.name());
            let mut floats = vec![0.0; m * n];
            product(Output::Floats { multipliers: &lines, bias: Some(&offset_lines), y: &mut floats });
            let mut bytes = vec![0; m * n];
            let how = Requantizer { multipliers: &lines, zero, range, signed };
            product(Output::Bytes(how, &mut bytes));
            for (at, &sum) in expected.iter().enumerate() {
                let scaled = sum as f32 * multipliers[at % n];
                let float = scaled + offsets[at % n];
                assert!(floats[at].to_bits() == float.to_bits() || floats[at].is_nan() && float.is_nan());
                assert_eq!(bytes[at], byte_of(scaled, zero, signed), "{} {scaled} {zero}", isa.name());
            }
        }
    }
}

#[test]
fn sums_wrap() {
    let (k, n) = (1 << 17, 1);
    let x = vec![255u8; k];
    for isa in bodies() {
        let packed = pack(isa, k, n, |_, _| -128);
        let mut y = [0];
        let rows = Rows::plain(&x, 1, k, k);
        let mut done = Finish { bias: &[[-7; 16]], rows: None, stride: 1, output: Output::Sums(&mut y) };
        gemm(isa, rows, packed.panels(), n, &mut done);
        assert_eq!(y, [(-255i64 * 128 * (1 << 17) - 7) as i32], "{}", isa.name());
    }
}

#[test]
fn a_byte_is_rounded_and_held_to_its_range() {
    let mut random = Random(77);
    for round in 0..300 {
        let signed = round % 2 == 0;
        let to = Affine { scale: random.float(), zero: zero_of(&mut random, signed), signed };
        let mut x: Vec<f32> = (0..1 + random.below(50)).map(|_| random.float() * 100.0).collect();
        for x in x.iter_mut().step_by(3) {
            // Next to the middle between two integers, and on it.
            let middle = (random.below(600) as f32 - 299.5) * to.scale;
            *x = f32::from_bits(middle.to_bits().wrapping_add(random.below(5) as u32).wrapping_sub(2));
        }
        for isa in bodies() {
            let mut y = vec![0; x.len()];
            quantize(isa, to, &x, &mut y);
            let expected: Vec<u8> =
                x.iter().map(|x| byte_of(crate::quotient(*x, to.scale), to.zero, signed)).collect();
            assert_eq!(y, expected, "{} {to:?} {x:?}", isa.name());
        }
    }
}

#[test]
fn a_matrix_of_bytes_is_transposed() {
    let mut random = Random(81);
    for _ in 0..200 {
        let (rows, columns) = (1 + random.below(150), 1 + random.below(150));
        let x = random.bytes(rows * columns);
        let mut y = vec![0; x.len()];
        transpose_bytes(rows, columns, &x, &mut y);
        let right = (0..x.len()).all(|at| y[at % columns * rows + at / columns] == x[at]);
        assert!(right, "{rows}x{columns}");
    }
}

/// What a byte stands for.
fn read(from: Affine, byte: u8) -> f32 {
    let q = if from.signed { i32::from(byte as i8) } else { i32::from(byte) };
    (q - from.zero) as f32 * crate::scale(from.scale)
}

#[test]
fn bytes_are_combined_as_the_numbers_they_stand_for() {
    let mut random = Random(78);
    for round in 0..300 {
        let mut affine =
            |signed: bool| Affine { scale: random.float(), zero: zero_of(&mut random, signed), signed };
        let (a, b, to) = (affine(round % 2 == 0), affine(round % 3 == 0), affine(round % 5 == 0));
        let count = 1 + random.below(60);
        let (x, z) = (random.bytes(count), random.bytes(count));
        for (isa, op) in bodies()
            .into_iter()
            .flat_map(|isa| [ByteOp::Add, ByteOp::Mul, ByteOp::AddRelu].map(|op| (isa, op)))
        {
            let mut y = vec![0; count];
            combine_bytes(isa, op, (a, &x), (b, &z), to, &mut y);
            let mut floats = vec![0.0; count];
            dequantize(isa, a, &x, &mut floats);
            for i in 0..count {
                let (left, right) = (read(a, x[i]), read(b, z[i]));
                assert!(floats[i].to_bits() == left.to_bits() || left.is_nan());
                let value = match op {
                    ByteOp::Add => left + right,
                    ByteOp::Mul => crate::math::product(left, right),
                    ByteOp::AddRelu => crate::math::greater(left + right, 0.0),
                };
                assert_eq!(
                    y[i],
                    byte_of(crate::quotient(value, to.scale), to.zero, to.signed),
                    "{} {op:?}",
                    isa.name()
                );
            }
        }
    }
}

/// The sum of one result of a convolution of lifted bytes, from the definition.
fn convolved(shape: &Patches, x: &[u8], zero: i32, at: usize, weight: impl Fn(usize) -> i32) -> i32 {
    let (oy, ox) = (at / shape.output[1], at % shape.output[1]);
    let (mut sum, mut term) = (0i32, 0);
    for ky in 0..shape.kernel[0] {
        for kx in 0..shape.kernel[1] {
            let y = (oy * shape.stride[0] + ky * shape.dilation[0]).wrapping_sub(shape.pad[0]);
            let across = (ox * shape.stride[1] + kx * shape.dilation[1]).wrapping_sub(shape.pad[1]);
            for channel in 0..shape.taken[1] {
                if y < shape.input[0] && across < shape.input[1] {
                    let place = (y * shape.input[1] + across) * shape.channels + shape.taken[0] + channel;
                    sum = sum.wrapping_add((i32::from(x[place]) - zero).wrapping_mul(weight(term)));
                }
                term += 1;
            }
        }
    }
    sum
}

fn patches(random: &mut Random) -> Patches {
    let channels = 1 + random.below(20);
    let first = random.below(channels);
    let mut shape = Patches {
        input: [0; 2],
        channels,
        taken: if random.below(2) == 0 { [0, channels] } else { [first, 1 + random.below(channels - first)] },
        output: [0; 2],
        kernel: [1 + random.below(4), 1 + random.below(4)],
        stride: [1 + random.below(3), 1 + random.below(3)],
        dilation: [1 + random.below(2), 1 + random.below(2)],
        pad: [0; 2],
        outside: random.byte(),
    };
    for axis in 0..2 {
        let span = (shape.kernel[axis] - 1) * shape.dilation[axis] + 1;
        shape.pad[axis] = random.below(span);
        let after = random.below(span);
        shape.input[axis] = (span + random.below(9)).saturating_sub(shape.pad[axis] + after).max(1);
        let room = (shape.input[axis] + shape.pad[axis] + after).max(span) - span;
        shape.output[axis] = room / shape.stride[axis] + 1;
    }
    shape
}

#[test]
fn patches_times_weights_are_a_convolution() {
    let mut random = Random(79);
    for _ in 0..300 {
        let shape = patches(&mut random);
        let x = random.bytes(shape.input[0] * shape.input[1] * shape.channels);
        let (terms, n) = (shape.terms(), 1 + random.below(20));
        let w: Vec<i8> = random.bytes(terms * n).iter().map(|&byte| byte as i8).collect();
        let results = shape.output[0] * shape.output[1];
        let first = random.below(results);
        for isa in bodies() {
            let packed = pack(isa, terms, n, |term, column| w[term * n + column]);
            let mut gathered = vec![0; (results - first) * shape.row()];
            gather_patches(isa, &shape, &x, first, &mut gathered);
            let zero = i32::from(shape.outside);
            let start: Vec<[i32; 16]> =
                packed.sums.iter().map(|sums| sums.map(|sum| sum.wrapping_mul(-zero))).collect();
            let mut y = vec![0; (results - first) * n];
            let rows = Rows::plain(&gathered, results - first, shape.row(), terms);
            let output = Output::Sums(&mut y);
            gemm(isa, rows, packed.panels(), n, &mut Finish { bias: &start, rows: None, stride: n, output });
            for (at, &sum) in y.iter().enumerate() {
                let weight = |term: usize| i32::from(w[term * n + at % n]);
                assert_eq!(sum, convolved(&shape, &x, zero, first + at / n, weight), "{shape:?}");
            }
        }
    }
}

#[test]
fn depthwise_is_a_convolution_of_each_channel() {
    let mut random = Random(80);
    for round in 0..400 {
        let mut shape = patches(&mut random);
        shape.channels = 1 + random.below(150);
        if round % 2 == 0 {
            let side = 3 + 2 * random.below(2);
            let span = |dilation: usize| (side - 1) * dilation + 1;
            shape.kernel = [side, side];
            shape.pad = [random.below(span(shape.dilation[0])), random.below(span(shape.dilation[1]))];
            for axis in 0..2 {
                let room = shape.input[axis] + 2 * shape.pad[axis];
                shape.input[axis] += span(shape.dilation[axis]).saturating_sub(room);
                let room = shape.input[axis] + 2 * shape.pad[axis] - span(shape.dilation[axis]);
                shape.output[axis] = room / shape.stride[axis] + 1;
            }
        }
        let Patches { input, channels, output, kernel, stride, dilation, pad, .. } = shape;
        let signed = round % 3 == 0;
        let depth = Depthwise { input, channels, output, kernel, stride, dilation, pad, signed };
        let taps = kernel[0] * kernel[1];
        let x = random.bytes(input[0] * input[1] * channels);
        let w = random.bytes(taps * channels);
        // Weights beyond the i8 have a path of their own.
        let i8s = round % 4 < 2;
        let zero_w = i16::from(random.byte());
        let weight = |tap: usize, channel: usize| {
            let byte = w[tap * channels + channel];
            if i8s { i16::from(byte as i8) } else { i16::from(byte) - zero_w }
        };
        let zero = zero_of(&mut random, signed);
        let filter = |channel: usize| (0..taps).map(|tap| i32::from(weight(tap, channel))).sum::<i32>();
        let start: Vec<i32> = (0..channels).map(|channel| -zero * filter(channel)).collect();
        let multipliers: Vec<f32> = (0..channels).map(|_| random.float()).collect();
        let how = Requantizer { multipliers: &[], zero: 3, range: [0, 255], signed: false };
        // As seen by the plain loops: u8, one channel.
        let flip = if signed { 128 } else { 0 };
        let lifted: Vec<u8> = x.iter().map(|&byte| byte ^ flip).collect();
        let first = random.below(output[0]);
        for isa in bodies() {
            let mut y = vec![0; (output[0] - first) * output[1] * channels];
            let (starts, scales) = (start.clone(), multipliers.clone());
            let filters = Filters::new(isa, &depth, weight, starts, scales, zero as u8);
            depthwise(isa, &depth, &filters, &how, &x, first, &mut y);
            for (at, &byte) in y.iter().enumerate() {
                let (place, channel) = (first * output[1] + at / channels, at % channels);
                let one = Patches { taken: [channel, 1], ..shape };
                let zero = zero + i32::from(flip);
                let sum = convolved(&one, &lifted, zero, place, |tap| i32::from(weight(tap, channel)));
                let expected = byte_of(sum as f32 * multipliers[channel], 3, false);
                assert_eq!(byte, expected, "{} {depth:?} at {at}", isa.name());
            }
        }
    }
}

#[test]
fn lines_and_rows_give_the_plain_sums() {
    let mut random = Random(77);
    for isa in bodies() {
        for (rows, pairs, signed) in
            [(1, 0, false), (1, 1, true), (2, 7, false), (4, 3, true), (6, 130, false)]
        {
            let mut word = || random.below(511) as i16 - 255;
            let x: Vec<RowPairs> =
                (0..pairs).map(|_| std::array::from_fn(|_| std::array::from_fn(|_| word()))).collect();
            let w: Vec<[Line; 2]> =
                (0..pairs).map(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.byte()))).collect();
            let zeros: [i32; 16] = std::array::from_fn(|lane| lane as i32 * 17 - 128);
            let less: [i32; LINE_ROWS] = std::array::from_fn(|row| i32::MAX / (row as i32 + 1));
            let mut sums = vec![[9; 16]; rows];
            multiply_lines(isa, Lines { x: &x, w: &w, signed, zeros: &zeros, less: &less }, &mut sums);
            let wide = |byte: u8| if signed { i32::from(byte as i8) } else { i32::from(byte) };
            for (row, sums) in sums.iter().enumerate() {
                for (lane, &sum) in sums.iter().enumerate() {
                    let mut law = zeros[lane].wrapping_mul(less[row]);
                    for (x, w) in x.iter().zip(&w) {
                        for half in 0..2 {
                            law = law.wrapping_add(i32::from(x[row][half]) * wide(w[half][lane]));
                        }
                    }
                    assert_eq!(sum, law, "{} row {row} lane {lane}", isa.name());
                }
            }
        }
    }
}
