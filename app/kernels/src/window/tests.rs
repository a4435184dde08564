use super::*;
use crate::conv::tests::random_window;
use crate::testing::{Source, Step, assert_same};

/// Planes as blocks, the spare lanes full of NaN.
fn blocks(channels: usize, size: usize, planes: &[f32]) -> Vec<f32> {
    let mut blocks = vec![f32::NAN; channels.div_ceil(16) * 16 * size];
    for (i, &value) in planes.iter().enumerate() {
        blocks[(i / size / 16 * size + i % size) * 16 + i / size % 16] = value;
    }
    blocks
}

fn planes(channels: usize, size: usize, blocks: &[f32]) -> Vec<f32> {
    (0..channels * size).map(|i| blocks[(i / size / 16 * size + i % size) * 16 + i / size % 16]).collect()
}

/// The taps inside, with the numbers of their places, rows first.
pub(crate) fn taps(pool: &Pool, position: usize) -> Vec<(usize, usize)> {
    let (oy, ox) = (position / pool.output[1], position % pool.output[1]);
    let mut taps = Vec::new();
    for ky in 0..pool.kernel[0] {
        for kx in 0..pool.kernel[1] {
            let row = (oy * pool.stride[0] + ky * pool.dilation[0]).wrapping_sub(pool.pad[0]);
            let column = (ox * pool.stride[1] + kx * pool.dilation[1]).wrapping_sub(pool.pad[1]);
            if row < pool.input[0] && column < pool.input[1] {
                taps.push((ky * pool.kernel[1] + kx, row * pool.input[1] + column));
            }
        }
    }
    taps
}

#[test]
fn depthwise_convolutions_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(30);
    for round in 0..80 {
        let mut pool = random_window(&mut source, round % 4 > 0);
        if round % 5 == 0 {
            // Too large for a frame.
            pool.input = pool.input.map(|size| size + 20);
            for axis in 0..2 {
                pool.output[axis] += 20 / pool.stride[axis];
            }
        }
        let channels = source.between(1, 40);
        let (size, output, count) = (pool.input_len(), pool.output_len(), pool.kernel[0] * pool.kernel[1]);
        let x = source.list(channels * size);
        // With padding, weights are finite.
        let weights = source.finite_list(channels * count);
        let bias = (round % 2 == 0).then(|| source.list(channels));
        let steps = Step::list(&mut source, channels, channels.div_ceil(16) * 16 * output);
        let mut law = Vec::new();
        for channel in 0..channels {
            for position in 0..output {
                let mut sum = 0.0f32;
                for (tap, place) in taps(&pool, position) {
                    sum = x[channel * size + place].mul_add(weights[channel * count + tap], sum);
                }
                sum += bias.as_ref().map_or(0.0, |bias| bias[channel] + 0.0);
                let at = (channel / 16 * output + position) * 16 + channel % 16;
                law.push(steps.iter().fold(sum, |value, step| step.law(value, channel, at)));
            }
        }
        let depthwise = Depthwise::new(pool, channels).unwrap();
        let mut packed = vec![f32::NAN; depthwise.packed_len()];
        depthwise.pack(&weights, &mut packed);
        let x = blocks(channels, size, &x);
        for isa in Isa::available() {
            for step in [1, depthwise.blocks()] {
                let mut y = vec![f32::NAN; depthwise.blocks() * 16 * output];
                for first in (0..depthwise.blocks()).step_by(step) {
                    let range = first..(first + step).min(depthwise.blocks());
                    let posts: Vec<Post<'_>> =
                        steps.iter().map(|step| step.post().cut(first * 16 * output)).collect();
                    let y = &mut y[range.start * 16 * output..range.end * 16 * output];
                    depthwise.run(isa, range, &x, &packed, bias.as_deref(), &posts, y);
                }
                assert_same(&format!("{} {pool:?}", isa.name()), &planes(channels, output, &y), &law);
            }
        }
    }
}

#[test]
fn depthwise_images_together_have_the_bits_of_each_alone() {
    let mut source = Source::new(33);
    for round in 0..40 {
        let pool = random_window(&mut source, round % 3 > 0);
        let channels = 16 * source.between(1, 3);
        let depthwise = Depthwise::new(pool, channels).unwrap();
        let (images, input) = (source.between(2, 4), channels * pool.input_len());
        let (weights, bias) = (source.finite_list(depthwise.packed_len()), source.list(channels));
        let mut packed = vec![f32::NAN; depthwise.packed_len()];
        depthwise.pack(&weights, &mut packed);
        for isa in Isa::available() {
            // Results of all blocks, and of the last alone.
            for blocks in [0..depthwise.blocks(), depthwise.blocks() - 1..depthwise.blocks()] {
                let len = blocks.len() * depthwise.block_len();
                let x = source.list(images * input);
                let steps = Step::list(&mut source, channels, images * len);
                let posts: Vec<Post<'_>> = steps.iter().map(Step::post).collect();
                let (mut together, mut alone) = (vec![f32::NAN; images * len], vec![f32::NAN; images * len]);
                depthwise.run(isa, blocks.clone(), &x, &packed, Some(&bias), &posts, &mut together);
                for (image, y) in alone.chunks_exact_mut(len).enumerate() {
                    let posts: Vec<Post<'_>> = posts.iter().map(|post| post.cut(image * len)).collect();
                    let x = &x[image * input..][..input];
                    depthwise.run(isa, blocks.clone(), x, &packed, Some(&bias), &posts, y);
                }
                assert_same(&format!("{} {images} of {pool:?}", isa.name()), &together, &alone);
            }
        }
    }
}

#[test]
fn pools_of_blocks_and_planes_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(31);
    for round in 0..80 {
        let mut pool = random_window(&mut source, round % 4 > 0);
        if round % 5 == 0 {
            // Long rows, for whole vectors of a plane.
            pool.input[1] += 60;
            pool.output[1] += 60 / pool.stride[1];
        }
        let channels = source.between(1, 20);
        let (size, output) = (pool.input_len(), pool.output_len());
        let x = source.list(channels * size);
        let divisor = source.one_of(&[PoolDivisor::One, PoolDivisor::Kernel, PoolDivisor::Inside]);
        let (mut greatest, mut sums) = (Vec::new(), Vec::new());
        for i in 0..channels * output {
            let taps = taps(&pool, i % output);
            let values = taps.iter().map(|&(_, place)| x[i / output * size + place]);
            greatest.push(
                values
                    .clone()
                    .fold(crate::lanes::opaque(f32::NEG_INFINITY), |a, b| if b > a { b } else { a }),
            );
            let sum = values.fold(0.0f32, |a, b| a + b);
            sums.push(match divisor {
                PoolDivisor::One => sum,
                PoolDivisor::Kernel => {
                    crate::math::from(sum, (-63f32).exp2()) / (pool.kernel[0] * pool.kernel[1]) as f32
                }
                PoolDivisor::Inside => crate::math::from(sum, (-63f32).exp2()) / taps.len() as f32,
            });
        }
        for isa in Isa::available() {
            let what = format!("{} {divisor:?} {pool:?}", isa.name());
            let blocked = blocks(channels, size, &x);
            let mut y = vec![f32::NAN; channels.div_ceil(16) * 16 * output];
            max_pool_blocks(isa, &pool, &blocked, &mut y);
            assert_same(&format!("max of blocks {what}"), &planes(channels, output, &y), &greatest);
            sum_pool_blocks(isa, &pool, divisor, &blocked, &mut y);
            assert_same(&format!("sum of blocks {what}"), &planes(channels, output, &y), &sums);
            let mut y = vec![f32::NAN; channels * output];
            crate::max_pool(isa, &pool, &x, &mut y);
            assert_same(&format!("max of planes {what}"), &y, &greatest);
            crate::sum_pool(isa, &pool, divisor, &x, &mut y);
            assert_same(&format!("sum of planes {what}"), &y, &sums);
        }
    }
}
