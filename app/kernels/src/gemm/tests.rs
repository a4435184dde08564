use super::*;
use crate::testing::{Source, Step, assert_same};

struct Case {
    rows: usize,
    columns: usize,
    depth: usize,
    x_row: usize,
    y_row: usize,
    blocks: bool,
    x: Vec<f32>,
    taps: Option<Vec<u32>>,
    w: Vec<f32>,
    bias: Option<Vec<f32>>,
    steps: Vec<Step>,
}

impl Case {
    fn random(source: &mut Source, rows: usize, columns: usize, depth: usize) -> Self {
        let blocks = source.below(3) == 0;
        let taps = (source.below(3) == 0)
            .then(|| (0..depth).map(|_| source.below(3 * depth) as u32).collect::<Vec<u32>>());
        let x_row = source.between(if taps.is_some() { 1 } else { depth }, depth + 20);
        let y_row = if blocks { 16 } else { columns + source.below(20) };
        let mut case = Self {
            rows,
            columns,
            depth,
            x_row,
            y_row,
            blocks,
            x: vec![],
            taps,
            w: source.list(depth * columns),
            bias: None,
            steps: vec![],
        };
        let x_len = (rows - 1) * x_row + 3 * depth;
        case.x = if source.below(4) == 0 { source.zeros(x_len) } else { source.list(x_len) };
        case.bias = match source.below(3) {
            0 => None,
            1 => Some(source.zeros(columns)),
            _ => Some(source.list(columns)),
        };
        case.steps = Step::list(source, columns, case.y_len());
        case
    }

    fn panel(&self) -> usize {
        if self.blocks { self.rows * 16 + 16 } else { 16 }
    }

    fn at(&self, row: usize, column: usize) -> usize {
        row * self.y_row + column / 16 * self.panel() + column % 16
    }

    fn y_len(&self) -> usize {
        let last = if self.blocks { (self.columns - 1) | 15 } else { self.columns - 1 };
        self.at(self.rows - 1, last) + 1
    }

    /// The law: a term at a time, in order.
    fn law(&self) -> Vec<f32> {
        let mut y = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let mut sum = 0.0f32;
                for k in 0..self.depth {
                    let term = self.taps.as_ref().map_or(k, |taps| taps[k] as usize);
                    sum = self.x[row * self.x_row + term].mul_add(self.w[k * self.columns + column], sum);
                }
                sum += self.bias.as_ref().map_or(0.0, |bias| bias[column] + 0.0);
                let at = self.at(row, column);
                y.push(self.steps.iter().fold(sum, |value, step| step.law(value, column, at)));
            }
        }
        y
    }

    fn run(&self, isa: Isa, strided: bool) -> Vec<f32> {
        let mut packed = vec![f32::NAN; packed_len(self.depth, self.columns)];
        pack(isa, self.depth, self.columns, &self.w, self.columns, 1, &mut packed);
        let posts: Vec<Post<'_>> = self.steps.iter().map(Step::post).collect();
        let place = if self.blocks {
            Place::Blocks { stride: self.panel() }
        } else {
            Place::Rows { stride: self.y_row }
        };
        let mut y = vec![7.0; self.y_len()];
        let w = if strided { Columns::Strided(&self.w, self.columns) } else { Columns::Packed(&packed) };
        let job = Gemm {
            rows: self.rows,
            columns: self.columns,
            depth: self.depth,
            x: &self.x,
            x_row: self.x_row,
            taps: self.taps.as_deref(),
            w,
            bias: self.bias.as_deref(),
            posts: &posts,
            place,
        };
        gemm(isa, &job, &mut y);
        if !self.blocks {
            let gaps = (0..self.y_len()).filter(|at| at % self.y_row >= self.columns);
            assert!(gaps.into_iter().all(|at| y[at] == 7.0), "a gap between rows was written");
        }
        let cells = (0..self.rows).flat_map(|row| (0..self.columns).map(move |column| (row, column)));
        cells.map(|(row, column)| y[self.at(row, column)]).collect()
    }

    fn check(&self) {
        let law = self.law();
        for isa in Isa::available() {
            let (rows, columns, depth) = (self.rows, self.columns, self.depth);
            let what = format!("{} {rows}x{columns}x{depth} blocks {}", isa.name(), self.blocks);
            assert_same(&what, &self.run(isa, false), &law);
            if columns.is_multiple_of(16) {
                assert_same(&what, &self.run(isa, true), &law);
            }
        }
    }
}

#[test]
fn products_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(1);
    for rows in 1..=31 {
        for columns in [1, 15, 16, 17, 33, 64, 80] {
            let depth = source.between(0, 40);
            Case::random(&mut source, rows, columns, depth).check();
        }
    }
}

#[test]
fn long_sums_in_blocks_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(2);
    for (rows, columns, depth) in [(1, 70, 3000), (7, 16, 1000), (13, 37, 1500), (20, 16, 513), (40, 32, 769)]
    {
        Case::random(&mut source, rows, columns, depth).check();
        Case::random(&mut source, rows, columns, depth).check();
    }
}

#[test]
fn many_rows_in_strips_have_the_bits_of_the_plain_loop() {
    let mut source = Source::new(3);
    Case::random(&mut source, 500, 20, 300).check();
    Case::random(&mut source, 130, 33, 2100).check();
}

#[test]
fn packing_fills_up_with_zeros_however_columns_lie() {
    let mut source = Source::new(4);
    for isa in Isa::available() {
        for (depth, columns) in [(1, 1), (5, 16), (17, 33), (64, 100), (40, 7)] {
            let by_term = source.list(depth * columns);
            let by_column: Vec<f32> =
                (0..columns * depth).map(|i| by_term[i % depth * columns + i / depth]).collect();
            let spaced: Vec<f32> = by_term.iter().flat_map(|&value| [value, 1.0, 2.0]).collect();
            let mut law = vec![0.0; packed_len(depth, columns)];
            for k in 0..depth {
                for c in 0..columns {
                    law[(c / 16 * depth + k) * 16 + c % 16] = by_term[k * columns + c];
                }
            }
            for (x, line, column) in
                [(&by_term, columns, 1), (&by_column, 1, depth), (&spaced, 3 * columns, 3)]
            {
                let mut packed = vec![f32::NAN; law.len()];
                pack(isa, depth, columns, x, line, column, &mut packed);
                assert_same(&format!("{} {depth}x{columns}", isa.name()), &packed, &law);
            }
        }
    }
}

#[test]
#[should_panic(expected = "rows reach outside")]
fn a_product_refuses_rows_outside_their_slice() {
    let job = Gemm {
        rows: 3,
        columns: 16,
        depth: 8,
        x: &[0.0; 23],
        x_row: 8,
        taps: None,
        w: Columns::Packed(&[0.0; 128]),
        bias: None,
        posts: &[],
        place: Place::Rows { stride: 16 },
    };
    gemm(Isa::Reference, &job, &mut [0.0; 48]);
}
