//! Opcodes that move elements. They see sizes only, not what the bytes mean.

use crate::buffer::Element;
use crate::executable::Failed;
use crate::view::View;
use assay_plan::PadMode;
use assay_plan::shape::{around, count, strides};
use assay_plan::walk::{Walk, signed};
use assay_types::tensor::DType;

/// Runs an expression with `$t` the unsigned type as large as a dtype's elements.
macro_rules! by_size {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype.size() {
            1 => {
                type $t = u8;
                $body
            }
            4 => {
                type $t = u32;
                $body
            }
            _ => {
                type $t = u64;
                $body
            }
        }
    };
}
pub(crate) use by_size;

pub(crate) fn run_copy(walk: &Walk<1>, view: &mut View<'_>) {
    by_size!(view.node().dtype, T => walk.copy::<T>(view.operand(0), view.result()));
}

pub(crate) fn concat(view: &mut View<'_>, axis: u8) {
    by_size!(view.node().dtype, T => concat_as::<T>(view, axis));
}

fn concat_as<T: Element>(view: &mut View<'_>, axis: u8) {
    let node = view.node();
    let (outer, dim, inner) = around(&node.dims, axis);
    let y: &mut [T] = view.result();
    let mut start = 0;
    for operand in 0..node.inputs.len() {
        let x: &[T] = view.operand(operand);
        let run = x.len() / outer;
        for (from, to) in x.chunks_exact(run).zip(y.chunks_exact_mut(dim * inner)) {
            to[start..start + run].copy_from_slice(from);
        }
        start += run;
    }
}

/// An index as a position, a negative one counted from the end.
pub(crate) fn position(index: i64, dim: usize) -> Result<usize, Failed> {
    let index = if index < 0 { index.checked_add(dim as i64) } else { Some(index) };
    index.and_then(|index| usize::try_from(index).ok()).filter(|&index| index < dim).ok_or(Failed)
}

/// The second operand's indices as positions along an axis of `dim`, through a reader of element i.
fn with_indices<R>(
    view: &View<'_>,
    dim: usize,
    visit: impl FnOnce(&dyn Fn(usize) -> Result<usize, Failed>) -> R,
) -> R {
    if view.operand_node(1).dtype == DType::I64 {
        let index: &[i64] = view.operand(1);
        visit(&|i| position(index[i], dim))
    } else {
        let index: &[i32] = view.operand(1);
        visit(&|i| position(i64::from(index[i]), dim))
    }
}

pub(crate) fn gather(view: &mut View<'_>, axis: u8) -> Result<(), Failed> {
    by_size!(view.node().dtype, T => gather_as::<T>(view, axis))
}

fn gather_as<T: Element>(view: &mut View<'_>, axis: u8) -> Result<(), Failed> {
    let (_, dim, inner) = around(&view.operand_node(0).dims, axis);
    let indices = count(&view.operand_node(1).dims);
    let x: &[T] = view.operand(0);
    let y: &mut [T] = view.result();
    with_indices(view, dim, |index| {
        for (block, y) in x.chunks_exact(dim * inner).zip(y.chunks_exact_mut(indices * inner)) {
            for (i, y) in y.chunks_exact_mut(inner).enumerate() {
                y.copy_from_slice(&block[index(i)? * inner..][..inner]);
            }
        }
        Ok(())
    })
}

pub(crate) fn gather_elements(view: &mut View<'_>, axis: u8) -> Result<(), Failed> {
    by_size!(view.node().dtype, T => gather_elements_as::<T>(view, axis))
}

fn gather_elements_as<T: Element>(view: &mut View<'_>, axis: u8) -> Result<(), Failed> {
    let (node, source) = (view.node(), view.operand_node(0));
    let mut steps = signed(strides(&source.dims));
    let along = std::mem::take(&mut steps[axis as usize]) as usize;
    let walk = Walk::new(&node.dims, [&steps], [0]);
    let x: &[T] = view.operand(0);
    let y: &mut [T] = view.result();
    with_indices(view, source.dims[axis as usize] as usize, |index| {
        let (mut next, mut result) = (0, Ok(()));
        walk.each(|[start]| {
            for i in 0..walk.run {
                match index(next) {
                    Ok(position) => {
                        let beside = start.wrapping_add_signed(walk.steps[0] * i as isize);
                        y[next] = x[beside + position * along];
                    }
                    Err(failed) => result = Err(failed),
                }
                next += 1;
            }
        });
        result
    })
}

/// The operand's position for a position of the padded axis; `None` outside, in constant mode.
fn source(position: usize, before: u32, dim: usize, mode: PadMode) -> Option<usize> {
    let (from, last) = (position as i64 - i64::from(before), dim as i64 - 1);
    let from = match mode {
        PadMode::Constant => from,
        PadMode::Edge => from.clamp(0, last),
        PadMode::Reflect if from < 0 => -from,
        PadMode::Reflect if from > last => 2 * last - from,
        PadMode::Reflect => from,
    };
    usize::try_from(from).ok().filter(|&from| from < dim)
}

pub(crate) fn pad(view: &mut View<'_>, before: &[u32], mode: PadMode) {
    by_size!(view.node().dtype, T => pad_as::<T>(view, before, mode));
}

fn pad_as<T: Element>(view: &mut View<'_>, before: &[u32], mode: PadMode) {
    let (node, operand) = (view.node(), view.operand_node(0));
    let x: &[T] = view.operand(0);
    let fill: Option<&[T]> = (mode == PadMode::Constant).then(|| view.operand(1));
    let y: &mut [T] = view.result();
    let steps = strides(&operand.dims);
    let rank = node.dims.len();
    let Some(inner) = rank.checked_sub(1) else {
        y.copy_from_slice(x);
        return;
    };
    for (row, y) in y.chunks_exact_mut(node.dims[inner] as usize).enumerate() {
        let (mut rest, mut start) = (row, Some(0));
        for axis in (0..inner).rev() {
            let dim = node.dims[axis] as usize;
            let from = source(rest % dim, before[axis], operand.dims[axis] as usize, mode);
            start = start.zip(from).map(|(start, from)| start + from * steps[axis]);
            rest /= dim;
        }
        for (position, y) in y.iter_mut().enumerate() {
            let from = source(position, before[inner], operand.dims[inner] as usize, mode);
            *y = match (start.zip(from), fill) {
                (Some((start, from)), _) => x[start + from],
                (None, Some(fill)) => fill[0],
                (None, None) => unreachable!("edges and reflections have a source"),
            };
        }
    }
}
