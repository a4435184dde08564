//! Opcodes whose indices say where elements go, and GatherNd, which finds its slices the same way.

use crate::buffer::Element;
use crate::elementwise::Integer;
use crate::executable::Failed;
use crate::movement::{by_size, position};
use crate::view::View;
use assay_kernels::{Binary, binary_one};
use assay_plan::Scatter;
use assay_plan::shape::{count, strides};
use assay_plan::walk::{Walk, signed};
use assay_types::tensor::DType;

/// The second operand: indices of either size.
enum Indices<'a> {
    Wide(&'a [i64]),
    Narrow(&'a [i32]),
}

impl<'a> Indices<'a> {
    fn of(view: &View<'a>) -> Self {
        match view.operand_node(1).dtype {
            DType::I64 => Indices::Wide(view.operand(1)),
            _ => Indices::Narrow(view.operand(1)),
        }
    }

    /// Index i as a position along an axis of `dim`.
    fn position(&self, i: usize, dim: usize) -> Result<usize, Failed> {
        match self {
            Indices::Wide(list) => position(list[i], dim),
            Indices::Narrow(list) => position(i64::from(list[i]), dim),
        }
    }

    /// The element where the slice of a tuple starts.
    fn slice(&self, tuple: usize, dims: &[u32], steps: &[usize]) -> Result<usize, Failed> {
        let mut start = 0;
        for (i, (&dim, step)) in dims.iter().zip(steps).enumerate() {
            start += self.position(tuple * dims.len() + i, dim as usize)? * step;
        }
        Ok(start)
    }
}

/// Takes the place of each update in order: its first element, the first that it falls on, their number.
type Take<'a> = dyn FnMut(usize, usize, usize) + 'a;

pub(crate) fn elements(view: &mut View<'_>, axis: u8, reduction: Scatter) -> Result<(), Failed> {
    let (data, index) = (view.operand_node(0), view.operand_node(1));
    let mut steps = signed(strides(&data.dims));
    let along = std::mem::take(&mut steps[axis as usize]) as usize;
    let dim = data.dims[axis as usize] as usize;
    let walk = Walk::new(&index.dims, [&steps], [0]);
    let indices = Indices::of(view);
    scatter(view, reduction, &|take| {
        let (mut next, mut result) = (0, Ok(()));
        walk.each(|[start]| {
            for i in 0..walk.run {
                match indices.position(next, dim) {
                    Ok(position) => {
                        let beside = start.wrapping_add_signed(walk.steps[0] * i as isize);
                        take(next, beside + position * along, 1);
                    }
                    Err(failed) => result = Err(failed),
                }
                next += 1;
            }
        });
        result
    })
}

pub(crate) fn nd(view: &mut View<'_>, reduction: Scatter) -> Result<(), Failed> {
    let (data, index) = (view.operand_node(0), view.operand_node(1));
    let tuple = index.dims.last().map_or(0, |&dim| dim as usize);
    let steps = strides(&data.dims);
    let (tuples, slice) = (count(&index.dims) / tuple, count(&data.dims[tuple..]));
    let indices = Indices::of(view);
    scatter(view, reduction, &|take| {
        for at in 0..tuples {
            take(at * slice, indices.slice(at, &data.dims[..tuple], &steps)?, slice);
        }
        Ok(())
    })
}

/// Copies the first operand, then combines the third's elements with it where `places` says.
fn scatter(
    view: &mut View<'_>,
    reduction: Scatter,
    places: &dyn Fn(&mut Take<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    if reduction == Scatter::Put {
        return by_size!(view.node().dtype, T => combine::<T>(view, places, |_, new| new));
    }
    match view.node().dtype {
        DType::F32 => {
            let op = match reduction {
                Scatter::Add => Binary::Add,
                Scatter::Mul => Binary::Mul,
                Scatter::Max => Binary::Max,
                _ => Binary::Min,
            };
            combine(view, places, |old, new| binary_one(op, old, new))
        }
        DType::I64 => integers::<i64>(view, reduction, places),
        DType::I32 => integers::<i32>(view, reduction, places),
        DType::I8 => integers::<i8>(view, reduction, places),
        DType::U8 | DType::Bool => integers::<u8>(view, reduction, places),
    }
}

fn integers<T: Integer>(
    view: &mut View<'_>,
    reduction: Scatter,
    places: &dyn Fn(&mut Take<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    match reduction {
        Scatter::Add => combine(view, places, T::wrapping_add),
        Scatter::Mul => combine(view, places, T::wrapping_mul),
        Scatter::Max => combine(view, places, T::max),
        _ => combine(view, places, T::min),
    }
}

fn combine<T: Element>(
    view: &mut View<'_>,
    places: &dyn Fn(&mut Take<'_>) -> Result<(), Failed>,
    function: impl Fn(T, T) -> T,
) -> Result<(), Failed> {
    let (data, updates): (&[T], &[T]) = (view.operand(0), view.operand(2));
    let y: &mut [T] = view.result();
    y.copy_from_slice(data);
    places(&mut |from, to, len| {
        for (y, &update) in y[to..to + len].iter_mut().zip(&updates[from..from + len]) {
            *y = function(*y, update);
        }
    })
}

pub(crate) fn gather_nd(view: &mut View<'_>, batch: u8) -> Result<(), Failed> {
    by_size!(view.node().dtype, T => gather_nd_as::<T>(view, batch as usize))
}

fn gather_nd_as<T: Element>(view: &mut View<'_>, batch: usize) -> Result<(), Failed> {
    let (data, index) = (view.operand_node(0), view.operand_node(1));
    let tuple = index.dims.last().map_or(0, |&dim| dim as usize);
    let steps = strides(&data.dims);
    let fixed = batch..batch + tuple;
    let (block, slice) = (count(&data.dims[batch..]), count(&data.dims[fixed.end..]));
    let tuples = count(&index.dims[batch..]) / tuple;
    let indices = Indices::of(view);
    let (x, y): (&[T], &mut [T]) = (view.operand(0), view.result());
    for (at, y) in y.chunks_exact_mut(slice).enumerate() {
        let start = indices.slice(at, &data.dims[fixed.clone()], &steps[fixed.clone()])?;
        y.copy_from_slice(&x[at / tuples * block + start..][..slice]);
    }
    Ok(())
}
