//! The store: constants as a program reads them, arranged for the kernels or as they are, made once.
//!
//! A constant that is only read packed is not in the store as it was in the plan, and a plan's own data is
//! let go of when the store is there.

use crate::buffer::{in_place, in_place_mut};
use crate::threads::all;
use assay_kernels::{Conv, Depthwise, Isa, PANEL, keep_factors, pack};
use assay_plan::contraction::Contraction;
use assay_plan::memory::ALIGN;

/// Where a constant is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pack {
    pub offset: u64,
    pub bytes: u64,
}

/// How a constant is arranged.
#[derive(Debug, Clone)]
pub(crate) enum How {
    /// Panels of columns, one set after the other: term k of column c of set s is element
    /// `starts[s] + k * line + c * column`.
    Columns {
        depth: usize,
        columns: usize,
        line: usize,
        column: usize,
        starts: Vec<usize>,
    },
    /// As [`How::Columns`] of one set, where terms or columns are not evenly spaced.
    Loops(Box<Contraction>),
    Conv(Box<Conv>),
    Depthwise(Depthwise),
    /// As it is; of any dtype.
    Bytes,
}

/// One constant to pack.
#[derive(Debug)]
pub(crate) struct PackJob {
    pub pack: Pack,
    /// Bytes from the start of the plan's data, and how many.
    pub constant: (u64, u64),
    pub how: How,
}

impl How {
    /// Bytes of the packed constant.
    pub(crate) fn bytes(&self) -> u64 {
        let elements = match self {
            How::Columns { depth, columns, starts, .. } => {
                assay_kernels::packed_len(*depth, *columns) * starts.len()
            }
            How::Loops(loops) => return loops.panel_bytes(),
            How::Conv(conv) => conv.packed_len(),
            How::Depthwise(depthwise) => depthwise.packed_len(),
            How::Bytes => 0,
        };
        elements as u64 * 4
    }

    /// What makes two packings of one constant the same.
    pub(crate) fn key(&self) -> Vec<usize> {
        match self {
            How::Columns { depth, columns, line, column, starts } => {
                [&[0, *depth, *columns, *line, *column], &starts[..]].concat()
            }
            How::Loops(loops) => {
                let pairs = assay_plan::contraction::pack_key(loops);
                [1].into_iter().chain(pairs.into_iter().flat_map(|(dim, stride)| [dim, stride])).collect()
            }
            How::Conv(conv) => vec![2, conv.depth(), conv.packed_len()],
            How::Depthwise(depthwise) => vec![3, depthwise.packed_len()],
            How::Bytes => vec![4],
        }
    }

    /// Arranges a constant; as factors of products its elements count from a least magnitude on.
    fn pack(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        match self {
            How::Columns { depth, columns, line, column, starts } => {
                let len = assay_kernels::packed_len(*depth, *columns);
                for (&start, y) in starts.iter().zip(y.chunks_exact_mut(len)) {
                    pack(isa, *depth, *columns, &x[start..], *line, *column, y);
                }
            }
            How::Loops(loops) => {
                let columns = loops.columns.iter().map(|axis| axis.dim).product();
                crate::einsum::pack(loops, columns, x, y.as_chunks_mut::<PANEL>().0);
            }
            How::Conv(conv) => conv.pack(isa, x, y),
            How::Depthwise(depthwise) => depthwise.pack(x, y),
            How::Bytes => {}
        }
        keep_factors(isa, y);
    }
}

/// Bytes of a constant as it is that are copied as one part of the work.
const PIECE: usize = 1 << 20;

/// Fills the store from a plan's data.
pub(crate) fn write_packs(isa: Isa, jobs: &[PackJob], data: &[u8], store: &mut [u8]) {
    let mut parts: Vec<(&How, &[u8], &mut [u8])> = Vec::with_capacity(jobs.len());
    // Packs lie in the store in the order of their jobs.
    let (mut rest, mut at) = (store, 0);
    for job in jobs {
        let (start, bytes) = (job.constant.0 as usize, job.constant.1 as usize);
        let x = &data[start..][..bytes];
        let (_, own) = std::mem::take(&mut rest).split_at_mut((job.pack.offset - at) as usize);
        let y;
        (y, rest) = own.split_at_mut(job.pack.bytes as usize);
        at = job.pack.offset + job.pack.bytes;
        match job.how {
            How::Bytes => {
                let pieces = x.chunks(PIECE).zip(y.chunks_mut(PIECE));
                parts.extend(pieces.map(|(x, y)| (&job.how, x, y)));
            }
            _ => parts.push((&job.how, x, y)),
        }
    }
    // The last is taken first.
    parts.sort_by_key(|(_, x, _)| x.len());
    all(parts, |(how, x, y)| match (how, in_place(x), in_place_mut(y)) {
        (How::Bytes, ..) => y.copy_from_slice(x),
        (how, Some(x), Some(y)) => how.pack(isa, x, y),
        _ => unreachable!("data and store are aligned for every element"),
    });
}

/// A digest of what the store holds where: stores of equal digests and plans are equal.
pub(crate) fn digest(jobs: &[PackJob]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut number = |number: u64| {
        hasher.update(&number.to_le_bytes());
    };
    for job in jobs {
        let key = job.how.key();
        let whole = [job.constant.0, job.constant.1, job.pack.offset, job.pack.bytes, key.len() as u64];
        whole.into_iter().for_each(&mut number);
        key.into_iter().for_each(|part| number(part as u64));
    }
    *hasher.finalize().as_bytes()
}

/// The packs of a program that is being built.
#[derive(Debug, Default)]
pub(crate) struct Packs {
    pub jobs: Vec<PackJob>,
    pub bytes: u64,
    known: std::collections::BTreeMap<((u64, u64), Vec<usize>), Pack>,
}

impl Packs {
    /// The pack of a constant, one for all that want the same.
    pub(crate) fn add(&mut self, constant: (u64, u64), how: How) -> Pack {
        let key = (constant, how.key());
        if let Some(&pack) = self.known.get(&key) {
            return pack;
        }
        let bytes = if let How::Bytes = how { constant.1 } else { how.bytes() };
        let pack = Pack { offset: self.bytes, bytes };
        self.bytes += pack.bytes.next_multiple_of(ALIGN);
        self.known.insert(key, pack);
        self.jobs.push(PackJob { pack, constant, how });
        pack
    }
}
