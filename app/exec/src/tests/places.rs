//! The naive interpreter's opcodes that order elements or put them where indices say.

use super::naive::Value::{self, F, I};
use super::naive::{coordinates, greater, groups, indices, min, narrow, product, size};
use assay_plan::{Node, Opcode, Scatter};
use assay_types::tensor::DType;

type Operands<'a> = [(&'a Value, &'a Node)];

pub(super) fn value(node: &Node, x: &Operands<'_>) -> Option<Value> {
    Some(match &node.op {
        Opcode::CumSum { axis, exclusive, reverse } => cum_sum(node, x, *axis, *exclusive, *reverse),
        Opcode::TopK { axis, k, largest } => top_k(node, x, *axis, *k as usize, *largest),
        Opcode::ScatterElements { axis, reduction } => {
            let (data, index) = (&x[0].1.dims, &x[1].1.dims);
            let along = indices(x[1].0.i(), data[*axis as usize])?;
            let places = (0..size(index)).map(|k| {
                let mut at = coordinates(index, k);
                at[*axis as usize] = along[k];
                flat(data, &at)
            });
            scattered(node.dtype, *reduction, x, places.collect())
        }
        Opcode::ScatterNd { reduction } => {
            let (data, index) = (&x[0].1.dims, &x[1].1.dims);
            let slices = slices(data, index, x[1].0.i(), 0)?;
            scattered(node.dtype, *reduction, x, slices.concat())
        }
        Opcode::GatherNd { batch } => {
            let slices = slices(&x[0].1.dims, &x[1].1.dims, x[1].0.i(), *batch as usize)?;
            x[0].0.pick(&slices.concat())
        }
        _ => unreachable!(),
    })
}

fn flat(dims: &[u32], at: &[usize]) -> usize {
    dims.iter().zip(at).fold(0, |sum, (&d, &c)| sum * d as usize + c)
}

/// For each tuple of indices, the positions of its slice.
fn slices(data: &[u32], index: &[u32], list: &[i64], batch: usize) -> Option<Vec<Vec<usize>>> {
    let tuple = *index.last().unwrap() as usize;
    let tuples = &index[..index.len() - 1];
    let slice = &data[batch + tuple..];
    (0..size(tuples))
        .map(|k| {
            let mut at = coordinates(tuples, k)[..batch].to_vec();
            for i in 0..tuple {
                at.extend(indices(&list[k * tuple + i..][..1], data[batch + i])?);
            }
            let inside = |j| flat(data, &[at.clone(), coordinates(slice, j)].concat());
            Some((0..size(slice)).map(inside).collect())
        })
        .collect()
}

fn scattered(dtype: DType, reduction: Scatter, x: &Operands<'_>, places: Vec<usize>) -> Value {
    match (x[0].0, x[2].0) {
        (F(data), F(updates)) => {
            let mut y = data.clone();
            for (&place, &new) in places.iter().zip(updates) {
                let old = y[place];
                y[place] = match reduction {
                    Scatter::Put => new,
                    Scatter::Add => old + new,
                    Scatter::Mul => product(old, new),
                    Scatter::Max => greater(old, new),
                    Scatter::Min => min(old, new),
                };
            }
            F(y)
        }
        (I(data), I(updates)) => {
            let mut y = data.clone();
            for (&place, &new) in places.iter().zip(updates) {
                let old = y[place];
                y[place] = match reduction {
                    Scatter::Put => new,
                    Scatter::Add => narrow(dtype, old.wrapping_add(new)),
                    Scatter::Mul => narrow(dtype, old.wrapping_mul(new)),
                    Scatter::Max => old.max(new),
                    Scatter::Min => old.min(new),
                };
            }
            I(y)
        }
        _ => unreachable!(),
    }
}

fn cum_sum(node: &Node, x: &Operands<'_>, axis: u8, exclusive: bool, reverse: bool) -> Value {
    let mut groups = groups(&node.dims, &[axis]);
    if reverse {
        groups.iter_mut().for_each(|group| group.reverse());
    }
    fn sums<T: Copy>(
        groups: &[Vec<usize>],
        exclusive: bool,
        zero: T,
        x: &[T],
        add: impl Fn(T, T) -> T,
    ) -> Vec<T> {
        let mut y = vec![zero; x.len()];
        for group in groups {
            let mut sum = zero;
            for &place in group {
                let before = sum;
                sum = add(sum, x[place]);
                y[place] = if exclusive { before } else { sum };
            }
        }
        y
    }
    match x[0].0 {
        F(x) => F(sums(&groups, exclusive, 0.0, x, |a, b| a + b)),
        I(x) => I(sums(&groups, exclusive, 0, x, |a, b| narrow(node.dtype, a.wrapping_add(b)))),
    }
}

/// The best of those that are left, k times.
fn top_k(node: &Node, x: &Operands<'_>, axis: u8, k: usize, largest: bool) -> Value {
    let below = |a: usize, b: usize| match x[0].0 {
        F(x) => x[a] < x[b] || (x[b].is_nan() && !x[a].is_nan()),
        I(x) => x[a] < x[b],
    };
    let mut y = vec![0; size(&node.dims)];
    for (row, group) in groups(&x[0].1.dims, &[axis]).iter().enumerate() {
        let mut left: Vec<usize> = (0..group.len()).collect();
        let mut kept = node.dims.clone();
        kept[axis as usize] = 1;
        for rank in 0..k {
            let mut best = 0;
            for at in 1..left.len() {
                let (new, old) = (group[left[at]], group[left[best]]);
                if if largest { below(old, new) } else { below(new, old) } {
                    best = at;
                }
            }
            let mut at = coordinates(&kept, row);
            at[axis as usize] = rank;
            y[flat(&node.dims, &at)] = left.remove(best) as i64;
        }
    }
    I(y)
}
