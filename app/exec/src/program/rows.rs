//! Steps on rows and on elements: normalisation, softmax, chains of elementwise nodes.

use super::posts::{PostSpec, Posts};
use super::table::BLOCK;
use crate::view::View;
use assay_kernels::{Grid, Norm, chain, norm_rows};

/// A normalisation of the rows of operand 0, and what follows it.
#[derive(Debug)]
pub(crate) struct NormRows {
    pub n: usize,
    /// What the sum of a row is multiplied by before it is taken off.
    pub centre: Option<f32>,
    pub eps: f32,
    pub posts: Vec<PostSpec>,
}

impl NormRows {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let posts = Posts::bind(&self.posts, view.run());
        let norm = Norm { n: self.n, centre: self.centre, eps: self.eps, posts: &posts };
        let y: &mut [f32] = view.result();
        norm_rows(view.isa(), &norm, view.operand(0), y);
    }
}

/// The softmax of the rows of operand 0.
pub(crate) fn softmax(view: &mut View<'_>, n: usize) {
    let y: &mut [f32] = view.result();
    assay_kernels::softmax(view.isa(), &[], n, view.operand(0), y);
}

/// Elementwise nodes, one after the other, on operand 0.
#[derive(Debug)]
pub(crate) struct Chain {
    pub posts: Vec<PostSpec>,
    pub grid: Shape,
}

/// How the elements of a chain lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Rows {
        columns: usize,
    },
    /// Blocks; `channels` is not 0 when a node has an element for each channel.
    Blocks {
        channels: usize,
        size: usize,
    },
}

impl Chain {
    pub(crate) fn run(&self, view: &mut View<'_>) {
        let isa = view.isa();
        let posts = Posts::bind(&self.posts, view.run());
        let x: &[f32] = view.operand(0);
        let y: &mut [f32] = view.result();
        match self.grid {
            Shape::Rows { columns } => {
                let grid = Grid { rows: y.len() / columns, columns, stride: columns, first_column: 0 };
                chain(isa, &posts, &grid, x, y);
            }
            Shape::Blocks { channels: 0, .. } => {
                let grid = Grid { rows: 1, columns: y.len(), stride: y.len(), first_column: 0 };
                chain(isa, &posts, &grid, x, y);
            }
            Shape::Blocks { channels, size } => {
                let blocks = channels.div_ceil(BLOCK);
                for (at, y) in y.chunks_exact_mut(BLOCK * size).enumerate() {
                    let first_column = at % blocks * BLOCK;
                    let columns = BLOCK.min(channels - first_column);
                    let grid = Grid { rows: size, columns, stride: BLOCK, first_column };
                    let at = at * BLOCK * size;
                    chain(isa, &posts.cut(at), &grid, &x[at..], y);
                }
            }
        }
    }
}
