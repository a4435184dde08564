//! What is done to results after they are computed: a list of steps, in order, while they are in the cache.
//!
//! Every step is one opcode's rounding per element, so a list gives the bits of its opcodes run one by one.
//! Products, convolutions and row functions take a list; [`chain`] is a list alone.
#![allow(unsafe_code)]

use crate::Isa;
use crate::elementwise::{Binary, Unary, each_binary, each_unary};
use crate::isa::entry;
use crate::lanes::{Arithmetic, LANES, Lanes};
use crate::math;

/// The other operand of a [`Post::Binary`].
#[derive(Debug, Clone, Copy)]
pub enum Other<'a> {
    /// One element for all.
    All(f32),
    /// One element for each column; in blocked layouts a column is a channel.
    Columns(&'a [f32]),
    /// One element for each result, laid out as the results are.
    Same(&'a [f32]),
}

/// One step. `max(a, b)` and `min(a, b)` are not commutative, so the order of operands is part of a step.
#[derive(Debug, Clone, Copy)]
pub enum Post<'a> {
    /// `y = op(y)`.
    Unary(Unary),
    /// `y = op(y, other)`.
    Binary(Binary, Other<'a>),
    /// `y = op(other, y)`.
    Reversed(Binary, Other<'a>),
}

impl<'a> Post<'a> {
    /// The step for results from element `at` on: [`Other::Same`] begins there.
    pub fn cut(self, at: usize) -> Self {
        let cut = |other| if let Other::Same(list) = other { Other::Same(&list[at..]) } else { other };
        match self {
            Post::Unary(_) => self,
            Post::Binary(op, other) => Post::Binary(op, cut(other)),
            Post::Reversed(op, other) => Post::Reversed(op, cut(other)),
        }
    }

    fn other(&self) -> Option<Other<'a>> {
        match *self {
            Post::Unary(_) => None,
            Post::Binary(_, other) | Post::Reversed(_, other) => Some(other),
        }
    }
}

/// Rows of elements in a larger array.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// How many rows.
    pub rows: usize,
    /// Elements in a row.
    pub columns: usize,
    /// Elements from the start of one row to the next.
    pub stride: usize,
    /// The column, for [`Other::Columns`], of the first element of a row.
    pub first_column: usize,
}

impl Grid {
    /// The elements from the first to the last, gaps included.
    pub(crate) fn reach(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1).saturating_mul(self.stride).saturating_add(self.columns)
    }
}

/// Panics unless the other operands reach as far as results of this extent do.
pub(crate) fn check(posts: &[Post<'_>], columns: usize, reach: usize) {
    for post in posts {
        match post.other() {
            Some(Other::Columns(list)) => assert!(list.len() >= columns, "a step lacks columns"),
            Some(Other::Same(list)) => assert!(list.len() >= reach, "a step lacks elements"),
            _ => {}
        }
    }
}

/// `y = posts(x)` over a grid that both arrays share. With no steps it is a copy.
pub fn chain(isa: Isa, posts: &[Post<'_>], grid: &Grid, x: &[f32], y: &mut [f32]) {
    assert!(grid.reach() <= x.len() && grid.reach() <= y.len(), "a grid reaches outside");
    assert!(grid.rows <= 1 || grid.columns <= grid.stride, "rows overlap");
    check(posts, grid.first_column.saturating_add(grid.columns), grid.reach());
    // SAFETY: the checks above; x and y are distinct.
    unsafe { run(isa, posts, grid, 0, x.as_ptr(), y.as_mut_ptr()) }
}

/// `y = posts(y)` over a grid.
pub fn chain_in_place(isa: Isa, posts: &[Post<'_>], grid: &Grid, y: &mut [f32]) {
    assert!(grid.reach() <= y.len(), "a grid reaches outside");
    assert!(grid.rows <= 1 || grid.columns <= grid.stride, "rows overlap");
    check(posts, grid.first_column.saturating_add(grid.columns), grid.reach());
    let y = y.as_mut_ptr();
    // SAFETY: the checks above.
    unsafe { run(isa, posts, grid, 0, y, y) }
}

/// Elements that are taken through all steps before the next ones: they stay in the first cache.
const CHUNK: usize = 2048;

/// Takes a grid through the steps in pieces. `at` is the place of `y` among the elements of [`Other::Same`].
///
/// # Safety
/// The grid lies inside both arrays, which are one or do not overlap, and [`check`] holds.
pub(crate) unsafe fn run(isa: Isa, posts: &[Post<'_>], grid: &Grid, at: usize, x: *const f32, y: *mut f32) {
    let mut grid = *grid;
    let by_column = posts.iter().any(|post| matches!(post.other(), Some(Other::Columns(_))));
    if grid.stride == grid.columns && !by_column {
        // One long row.
        grid = Grid { rows: 1, columns: grid.rows * grid.columns, ..grid };
    }
    let high = (CHUNK / grid.columns.max(1)).max(1);
    let wide = if high == 1 { CHUNK } else { grid.columns };
    for row in (0..grid.rows).step_by(high) {
        for column in (0..grid.columns).step_by(wide.max(1)) {
            let piece = Grid {
                rows: high.min(grid.rows - row),
                columns: wide.min(grid.columns - column),
                first_column: grid.first_column + column,
                ..grid
            };
            let offset = row * grid.stride + column;
            // SAFETY: the piece lies inside the grid.
            unsafe { apply(isa, posts, &piece, at + offset, x.add(offset), y.add(offset)) }
        }
    }
}

/// Takes a small grid through the steps.
///
/// # Safety
/// As for [`run`].
pub(crate) unsafe fn apply(isa: Isa, posts: &[Post<'_>], grid: &Grid, at: usize, x: *const f32, y: *mut f32) {
    let mut x = x;
    if posts.is_empty() && !std::ptr::eq(x, y) {
        for row in 0..grid.rows {
            let offset = row * grid.stride;
            // SAFETY: the caller's.
            unsafe { std::ptr::copy_nonoverlapping(x.add(offset), y.add(offset), grid.columns) }
        }
    }
    for post in posts {
        // SAFETY: the caller's.
        unsafe { one(isa, post, grid, at, x, y) }
        x = y;
    }
}

entry! {
    /// One step over a grid.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn one(post: &Post<'_>, grid: &Grid, at: usize, x: *const f32, y: *mut f32) => one_body
}

#[inline(always)]
#[allow(clippy::too_many_lines)] // loops that must be expanded in place
unsafe fn one_body<V: Lanes>(post: &Post<'_>, grid: &Grid, at: usize, x: *const f32, y: *mut f32) {
    let mut grid = *grid;
    if grid.stride == grid.columns && !matches!(post.other(), Some(Other::Columns(_))) {
        grid = Grid { rows: 1, columns: grid.rows * grid.columns, ..grid };
    }
    macro_rules! each {
        (|$v:ident| $body:expr) => {
            for row in 0..grid.rows {
                let offset = row * grid.stride;
                let mut column = 0;
                // SAFETY: the caller's: the grid lies inside.
                unsafe {
                    while column + 2 * LANES <= grid.columns {
                        let (x, y) = (x.add(offset + column), y.add(offset + column));
                        let $v = [V::read(x), V::read(x.add(LANES))];
                        let [first, second] = $body;
                        first.write(y);
                        second.write(y.add(LANES));
                        column += 2 * LANES;
                    }
                    while column + LANES <= grid.columns {
                        let $v = V::read(x.add(offset + column));
                        $body.write(y.add(offset + column));
                        column += LANES;
                    }
                    if column < grid.columns {
                        let rest = grid.columns - column;
                        let $v = V::read_part(x.add(offset + column), rest, 1.0);
                        $body.write_part(y.add(offset + column), rest);
                    }
                }
            }
        };
    }
    // The other operand's first element, and its step from row to row; null when there is one for all.
    let (other, step, all) = match post.other() {
        None => (std::ptr::null(), 0, 0.0),
        Some(Other::All(value)) => (std::ptr::null(), 0, value),
        Some(Other::Columns(list)) => (list.as_ptr().wrapping_add(grid.first_column), 0, 0.0),
        Some(Other::Same(list)) => (list.as_ptr().wrapping_add(at), grid.stride, 0.0),
    };
    let all = V::splat(all);
    macro_rules! pairs {
        (|$u:ident, $v:ident| $body:expr) => {
            for row in 0..grid.rows {
                let (offset, side) = (row * grid.stride, row * step);
                let mut column = 0;
                // SAFETY: the caller's: the grid lies inside, and `check` holds for the other operand.
                unsafe {
                    while column + LANES <= grid.columns {
                        let $u = V::read(x.add(offset + column));
                        let $v = if other.is_null() { all } else { V::read(other.add(side + column)) };
                        $body.write(y.add(offset + column));
                        column += LANES;
                    }
                    if column < grid.columns {
                        let rest = grid.columns - column;
                        let $u = V::read_part(x.add(offset + column), rest, 1.0);
                        let $v = if other.is_null() {
                            all
                        } else {
                            V::read_part(other.add(side + column), rest, 1.0)
                        };
                        $body.write_part(y.add(offset + column), rest);
                    }
                }
            }
        };
    }
    macro_rules! reversed {
        (|$u:ident, $v:ident| $body:expr) => {
            pairs!(|$v, $u| $body)
        };
    }
    match *post {
        Post::Unary(op) => each_unary!(op, each),
        Post::Binary(op, _) => each_binary!(op, pairs),
        Post::Reversed(op, _) => each_binary!(op, reversed),
    }
}

/// The steps that a tile takes in registers: a sum with [`Other::Same`], then `max` and `min` with a bound,
/// each if it comes next. The rest is left for [`apply`].
#[derive(Clone, Copy)]
pub(crate) struct Early<'a> {
    pub(crate) residual: Option<&'a [f32]>,
    /// What is below `floor` becomes `low`.
    pub(crate) floor: f32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl<'a> Early<'a> {
    /// Nothing is below minus infinity, and `min(v, +inf)` is v for every v: bounds that are not there.
    pub(crate) const NONE: Self =
        Self { residual: None, floor: f32::NEG_INFINITY, low: f32::NEG_INFINITY, high: f32::INFINITY };

    /// Whether either bound is there.
    pub(crate) fn bounded(&self) -> bool {
        self.floor > f32::NEG_INFINITY || self.high < f32::INFINITY
    }

    pub(crate) fn split<'p>(posts: &'p [Post<'a>]) -> (Self, &'p [Post<'a>]) {
        let (mut early, mut rest) = (Self::NONE, posts);
        if let [
            Post::Binary(Binary::Add, Other::Same(list)) | Post::Reversed(Binary::Add, Other::Same(list)),
            tail @ ..,
        ] = rest
        {
            (early.residual, rest) = (Some(*list), tail);
        }
        if let [Post::Binary(Binary::Max, Other::All(low)), tail @ ..] = rest {
            (early.floor, early.low, rest) = (math::bound(*low), *low, tail);
        }
        if let [Post::Binary(Binary::Min, Other::All(high)), tail @ ..] = rest {
            (early.high, rest) = (*high, tail);
        }
        (early, rest)
    }
}
