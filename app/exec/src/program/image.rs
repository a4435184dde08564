//! Steps on images in blocks of 16 channels: convolutions, pools, folds, concatenation, and the way there and
//! back.

use super::pack::Pack;
use super::posts::{PostSpec, Posts};
use super::table::{BLOCK, Ref};
use crate::threads::{each, parts, ranges};
use crate::view::View;
use assay_kernels::{Conv, Depthwise, Fold, Isa, Pool, PoolDivisor};
use assay_kernels::{fold_blocks, from_blocks, max_pool_blocks, sum_pool_blocks, to_blocks};

/// Which convolution.
#[derive(Debug)]
pub(crate) enum Kind {
    Full(Conv),
    Depthwise(Depthwise),
}

/// A convolution and what follows it. Operand 0 is the image.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub kind: Kind,
    pub weights: Pack,
    pub bias: Option<Ref>,
    pub posts: Vec<PostSpec>,
    pub images: usize,
}

impl Convolution {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let (isa, run) = (view.isa(), view.run());
        let x = view.factors(0);
        let y: &mut [f32] = view.result();
        let weights = view.packed(self.weights);
        let bias: Option<&[f32]> = self.bias.map(|bias| run.read(bias));
        let posts = Posts::bind(&self.posts, run);
        let (input, output) = (x.len() / self.images, y.len() / self.images);
        let scratch: &mut [f32] = match &self.kind {
            Kind::Full(conv) => view.scratch(conv.scratch_len()),
            Kind::Depthwise(_) => &mut [],
        };
        if let Kind::Full(conv) = &self.kind {
            let parts = parts(view.threads(), conv.panels(), output / BLOCK * conv.depth() * BLOCK);
            if parts > 1 {
                let whole = Whole { isa, conv, weights, bias, posts: &posts, parts };
                for image in 0..self.images {
                    whole.run(
                        &x[image * input..][..input],
                        image * output,
                        &mut y[image * output..][..output],
                    );
                }
                return;
            }
        }
        match &self.kind {
            Kind::Full(conv) => conv.run(isa, 0..conv.panels(), &x, weights, bias, &posts, y, scratch),
            Kind::Depthwise(conv) => conv.run(isa, 0..conv.blocks(), &x, weights, bias, &posts, y),
        }
    }
}

/// A convolution on several threads.
struct Whole<'a> {
    isa: Isa,
    conv: &'a Conv,
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    posts: &'a Posts<'a>,
    parts: usize,
}

impl Whole<'_> {
    /// One image, whose results begin at `at` of all.
    fn run(&self, x: &[f32], at: usize, mut y: &mut [f32]) {
        let (block, mut list) = (self.conv.block_len(), Vec::with_capacity(self.parts));
        for range in ranges(self.conv.panels(), self.parts) {
            let (part, rest) = y.split_at_mut(range.len() * block);
            y = rest;
            list.push((range, part));
        }
        each(list, |(range, y)| {
            let posts = self.posts.cut(at + range.start * block);
            let mut scratch = vec![0.0; self.conv.scratch_len()];
            self.conv.run(self.isa, range, x, self.weights, self.bias, &posts, y, &mut scratch);
        });
    }
}

/// A pool over blocks.
#[derive(Debug)]
pub(crate) struct BlockPool {
    pub pool: Pool,
    /// For a sum, what it is divided by; `None` for the greatest.
    pub divisor: Option<PoolDivisor>,
}

impl BlockPool {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let x: &[f32] = view.operand(0);
        let y: &mut [f32] = view.result();
        match self.divisor {
            Some(divisor) => sum_pool_blocks(view.isa(), &self.pool, divisor, x, y),
            None => max_pool_blocks(view.isa(), &self.pool, x, y),
        }
    }
}

/// A reduction over all positions of each channel.
#[derive(Debug)]
pub(crate) struct BlockFold {
    pub fold: Fold,
    pub size: usize,
}

impl BlockFold {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let x: &[f32] = view.operand(0);
        let y: &mut [f32] = view.result();
        fold_blocks(view.isa(), self.fold, self.size, x, y);
    }
}

/// Blocks of one image, operand after operand.
pub(crate) fn concat(view: &mut View<'_>, operands: usize) {
    let mut y: &mut [f32] = view.result();
    for operand in 0..operands {
        let x: &[f32] = view.operand(operand);
        let (to, rest) = y.split_at_mut(x.len());
        to.copy_from_slice(x);
        y = rest;
    }
}

/// A value brought into its other form.
#[derive(Debug)]
pub(crate) struct Convert {
    pub to_blocks: bool,
    pub channels: usize,
    pub size: usize,
}

impl Convert {
    pub(crate) fn name(&self) -> &'static str {
        if self.to_blocks { "(to blocks)" } else { "(to rows)" }
    }

    pub(crate) fn run(&self, view: &mut View<'_>) {
        let isa = view.isa();
        let x: &[f32] = view.operand(0);
        let y: &mut [f32] = view.result();
        let planes = self.channels * self.size;
        let blocks = self.channels.div_ceil(BLOCK) * BLOCK * self.size;
        if self.to_blocks {
            for (x, y) in x.chunks_exact(planes).zip(y.chunks_exact_mut(blocks)) {
                to_blocks(isa, self.channels, self.size, x, y);
            }
        } else {
            for (x, y) in x.chunks_exact(blocks).zip(y.chunks_exact_mut(planes)) {
                from_blocks(isa, self.channels, self.size, x, y);
            }
        }
    }
}
