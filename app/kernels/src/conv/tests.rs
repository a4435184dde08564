use super::*;
use crate::testing::{Source, Step, assert_same};

struct Case {
    window: Pool,
    channels: usize,
    outputs: usize,
    groups: usize,
    input: ConvInput,
    strip: usize,
    /// Plane after plane.
    x: Vec<f32>,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    steps: Vec<Step>,
}

pub(crate) fn random_window(source: &mut Source, padded: bool) -> Pool {
    let axis = |source: &mut Source| {
        let (kernel, stride, dilation) = (source.between(1, 4), source.between(1, 3), source.between(1, 2));
        let span = (kernel - 1) * dilation + 1;
        let (before, after) = if padded { (source.below(span), source.below(span)) } else { (0, 0) };
        let input = source.between(span.saturating_sub(before + after).max(1), span + 12);
        [input, (input + before + after - span) / stride + 1, kernel, stride, dilation, before]
    };
    let (rows, columns) = (axis(source), axis(source));
    let pair = |i: usize| [rows[i], columns[i]];
    Pool {
        input: pair(0),
        output: pair(1),
        kernel: pair(2),
        stride: pair(3),
        dilation: pair(4),
        pad: pair(5),
    }
}

impl Case {
    fn random(source: &mut Source, window: Pool, sizes: [usize; 3], input: ConvInput) -> Self {
        let [channels, outputs, groups] = sizes;
        let framed = Conv::new(window, channels, outputs, groups, input).unwrap().scratch_len() > 0;
        let weights = outputs * channels / groups * window.kernel[0] * window.kernel[1];
        let positions = window.output[0] * window.output[1];
        Self {
            window,
            channels,
            outputs,
            groups,
            input,
            strip: source.one_of(&[1, 400, frame::STRIP]),
            x: source.list(channels * window.input[0] * window.input[1]),
            weights: if framed { source.finite_list(weights) } else { source.list(weights) },
            bias: (source.below(2) == 0).then(|| source.list(outputs)),
            steps: Step::list(source, outputs, outputs.div_ceil(16) * 16 * positions),
        }
    }

    /// The law: taps outside the image are left out.
    fn law(&self) -> Vec<f32> {
        let Pool { input, output, kernel, stride, dilation, pad } = self.window;
        let (each, per_group) = (self.channels / self.groups, self.outputs / self.groups);
        let mut y = Vec::new();
        for o in 0..self.outputs {
            for position in 0..output[0] * output[1] {
                let (oy, ox) = (position / output[1], position % output[1]);
                let mut sum = 0.0f32;
                for tap in 0..each * kernel[0] * kernel[1] {
                    let (c, ky, kx) =
                        (tap / (kernel[0] * kernel[1]), tap / kernel[1] % kernel[0], tap % kernel[1]);
                    let row = (oy * stride[0] + ky * dilation[0]).wrapping_sub(pad[0]);
                    let column = (ox * stride[1] + kx * dilation[1]).wrapping_sub(pad[1]);
                    if row < input[0] && column < input[1] {
                        let x = self.x[((o / per_group * each + c) * input[0] + row) * input[1] + column];
                        sum = x.mul_add(self.weights[o * each * kernel[0] * kernel[1] + tap], sum);
                    }
                }
                sum += self.bias.as_ref().map_or(0.0, |bias| bias[o] + 0.0);
                let at = (o / 16 * output[0] * output[1] + position) * 16 + o % 16;
                y.push(self.steps.iter().fold(sum, |value, step| step.law(value, o, at)));
            }
        }
        y
    }

    fn conv(&self) -> Conv {
        let (window, input) = (self.window, self.input);
        Conv::in_strips(window, self.channels, self.outputs, self.groups, input, self.strip).unwrap()
    }

    fn run(&self, isa: Isa, parts: usize) -> Vec<f32> {
        let conv = self.conv();
        let plane = self.window.input[0] * self.window.input[1];
        let x = match self.input {
            ConvInput::Planes => self.x.clone(),
            ConvInput::Blocks => {
                let mut x = vec![f32::NAN; self.channels.div_ceil(16) * 16 * plane];
                for (i, &value) in self.x.iter().enumerate() {
                    let (channel, position) = (i / plane, i % plane);
                    x[(channel / 16 * plane + position) * 16 + channel % 16] = value;
                }
                x
            }
        };
        let mut packed = vec![f32::NAN; conv.packed_len()];
        conv.pack(isa, &self.weights, &mut packed);
        let mut scratch = vec![f32::NAN; conv.scratch_len()];
        let block = conv.block_len();
        let mut y = vec![f32::NAN; conv.panels() * block];
        let step = conv.panels().div_ceil(parts);
        for first in (0..conv.panels()).step_by(step) {
            let panels = first..(first + step).min(conv.panels());
            let posts: Vec<Post<'_>> = self.steps.iter().map(|step| step.post().cut(first * block)).collect();
            let y = &mut y[panels.start * block..panels.end * block];
            conv.run(isa, panels, &x, &packed, self.bias.as_deref(), &posts, y, &mut scratch);
        }
        let positions = block / 16;
        let at = |i: usize| (i / positions / 16 * positions + i % positions) * 16 + i / positions % 16;
        (0..self.outputs * positions).map(|i| y[at(i)]).collect()
    }

    fn check(&self) {
        let law = self.law();
        for isa in Isa::available() {
            let what =
                format!("{} {:?} {:?}", isa.name(), self.window, [self.channels, self.outputs, self.groups]);
            assert_same(&what, &self.run(isa, 1), &law);
            assert_same(&what, &self.run(isa, 3), &law);
        }
    }
}

/// Elements of some images' results, without the lanes beyond the last channel.
fn lanes(outputs: usize, block: usize, y: &[f32]) -> Vec<f32> {
    let panels = outputs.div_ceil(16);
    let inside = |i: &usize| i / block % panels * 16 + i % 16 < outputs;
    (0..y.len()).filter(inside).map(|i| y[i]).collect()
}

#[test]
fn images_together_have_the_bits_of_each_alone() {
    let mut source = Source::new(12);
    for round in 0..40 {
        let window = random_window(&mut source, round % 3 > 0);
        let groups = source.between(1, 2);
        let (channels, outputs) = (groups * source.between(1, 20), groups * 16 * source.between(1, 2));
        let outputs = if groups == 1 { outputs - source.below(16) } else { outputs };
        let input = source.one_of(&[ConvInput::Planes, ConvInput::Blocks]);
        let conv = Conv::new(window, channels, outputs, groups, input).unwrap();
        let images = source.between(2, 4);
        let (len, block) = (conv.panels() * conv.block_len(), conv.block_len());
        let x = source.list(images * conv.input_len());
        let weights = source.finite_list(outputs * conv.depth());
        let bias = source.list(outputs);
        let steps = Step::list(&mut source, outputs, images * len);
        let posts: Vec<Post<'_>> = steps.iter().map(Step::post).collect();
        for isa in Isa::available() {
            let mut packed = vec![f32::NAN; conv.packed_len()];
            conv.pack(isa, &weights, &mut packed);
            let run = |x: &[f32], posts: &[Post<'_>], y: &mut [f32]| {
                let mut scratch = vec![f32::NAN; conv.scratch_len()];
                conv.run(isa, 0..conv.panels(), x, &packed, Some(&bias), posts, y, &mut scratch);
            };
            let (mut together, mut alone) = (vec![f32::NAN; images * len], vec![f32::NAN; images * len]);
            run(&x, &posts, &mut together);
            for (image, y) in alone.chunks_exact_mut(len).enumerate() {
                let posts: Vec<Post<'_>> = posts.iter().map(|post| post.cut(image * len)).collect();
                run(&x[image * conv.input_len()..][..conv.input_len()], &posts, y);
            }
            let what = format!("{} {images} of {window:?} {input:?}", isa.name());
            assert_same(&what, &lanes(outputs, block, &together), &lanes(outputs, block, &alone));
        }
    }
}

#[test]
fn convolutions_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(10);
    let mut in_strips = 0;
    for round in 0..90 {
        let window = random_window(&mut source, round % 3 > 0);
        let (channels, outputs) = (source.between(1, 40), source.between(1, 50));
        let input = source.one_of(&[ConvInput::Planes, ConvInput::Blocks]);
        let case = Case::random(&mut source, window, [channels, outputs, 1], input);
        case.check();
        in_strips += usize::from(case.conv().frame.strip < window.output[0]);
    }
    assert!(in_strips > 2, "{in_strips} have more than one strip");
}

#[test]
fn strips_of_large_images_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(14);
    let window = Pool {
        input: [61, 60],
        output: [61, 60],
        kernel: [3; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [1; 2],
    };
    let picked = Pool { input: [121, 120], kernel: [1; 2], stride: [2; 2], pad: [0; 2], ..window };
    for window in [window, picked] {
        let mut case = Case::random(&mut source, window, [40, 16, 1], ConvInput::Blocks);
        case.strip = frame::STRIP;
        let conv = case.conv();
        assert!(conv.scratch_len() > 0 && conv.frame.strip < 61, "copied in more than one strip");
        case.check();
    }
}

#[test]
fn groups_that_fill_blocks_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(11);
    for round in 0..20 {
        let window = random_window(&mut source, round % 2 > 0);
        let groups = source.between(2, 4);
        let (channels, outputs) = (groups * source.between(1, 20), groups * 16 * source.between(1, 2));
        Case::random(&mut source, window, [channels, outputs, groups], ConvInput::Blocks).check();
    }
}

#[test]
fn deep_convolutions_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(12);
    let three = |size: usize, stride: usize| Pool {
        input: [size; 2],
        output: [(size - 1) / stride + 1; 2],
        kernel: [3; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [1; 2],
    };
    Case::random(&mut source, three(7, 1), [100, 32, 1], ConvInput::Blocks).check();
    Case::random(&mut source, three(14, 2), [64, 48, 1], ConvInput::Blocks).check();
    let one = Pool { kernel: [1; 2], pad: [0; 2], ..three(30, 1) };
    Case::random(&mut source, one, [320, 16, 1], ConvInput::Blocks).check();
}

#[test]
fn groups_that_part_blocks_are_refused() {
    let window = random_window(&mut Source::new(13), false);
    assert!(Conv::new(window, 32, 32, 4, ConvInput::Blocks).is_none());
    assert!(Conv::new(window, 32, 64, 4, ConvInput::Blocks).is_some());
    assert!(Conv::new(window, 30, 64, 4, ConvInput::Blocks).is_none());
}
