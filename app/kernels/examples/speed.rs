//! Prints how fast the kernels are at the shapes of known models, beside the peak of the processor's
//! multiply-adds: `cargo run --release --example speed [isa] [filter]`.
#![allow(unsafe_code)]
#![allow(clippy::disallowed_types)] // a measurement has a clock

use assay_kernels::{
    Binary, Columns, Conv, ConvInput, Depthwise, Fold, Gemm, Grid, Isa, Norm, Other, Place, Pool, Post,
    Unary, chain, chain_in_place, fold_blocks, fold_rows, from_blocks, gemm, max_pool_blocks, norm_rows,
    pack, packed_len, softmax, to_blocks, transpose,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The least time of one call, over at least a fifth of a second.
fn least(mut call: impl FnMut()) -> f64 {
    let (begin, mut best) = (Instant::now(), f64::MAX);
    while begin.elapsed() < Duration::from_millis(200) {
        let mut calls = 1;
        loop {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            let time = start.elapsed().as_secs_f64();
            if time > 2e-5 {
                best = best.min(time / f64::from(calls));
                break;
            }
            calls *= 2;
        }
    }
    best
}

/// 24 chains of multiply-adds, as many as hide the latency of any processor.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_adds(rounds: usize) -> f32 {
    use std::arch::x86_64::*;
    let (mut sums, x) = ([_mm256_set1_ps(black_box(1.0)); 12], _mm256_set1_ps(black_box(0.5)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, x, x);
        }
    }
    sums.iter().map(|&sum| _mm256_cvtss_f32(sum)).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn wide_multiply_adds(rounds: usize) -> f32 {
    use std::arch::x86_64::*;
    let (mut sums, x) = ([_mm512_set1_ps(black_box(1.0)); 12], _mm512_set1_ps(black_box(0.5)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, x, x);
        }
    }
    sums.iter().map(|&sum| _mm512_cvtss_f32(sum)).sum()
}

/// Multiply-adds a second with the widest vectors of a body; 0 where this is not measured.
fn peak(isa: Isa) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if matches!(isa, Isa::Avx512(_)) {
        // SAFETY: the processor was asked when the body was chosen.
        let time = least(|| unsafe {
            black_box(wide_multiply_adds(black_box(100_000)));
        });
        return 100_000.0 * 12.0 * 16.0 / time;
    }
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("fma") && std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was asked.
        let time = least(|| unsafe {
            black_box(multiply_adds(black_box(100_000)));
        });
        return 100_000.0 * 12.0 * 8.0 / time;
    }
    0.0
}

struct Bench {
    isa: Isa,
    filter: String,
    peak: f64,
}

/// A line of the cache: the executor's buffers begin at one, and so do these.
#[repr(align(64))]
#[allow(dead_code)] // read as a slice
#[derive(Clone, Copy)]
struct Line([f32; 16]);

/// Elements that begin at a line.
struct Buffer(Vec<Line>, usize);

impl std::ops::Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 f32 and nothing else.
        &unsafe { self.0.align_to::<f32>() }.1[..self.1]
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        &mut unsafe { self.0.align_to_mut::<f32>() }.1[..self.1]
    }
}

fn zeros(len: usize) -> Buffer {
    Buffer(vec![Line([0.0; 16]); len.div_ceil(16)], len)
}

fn values(len: usize) -> Buffer {
    let mut buffer = zeros(len);
    for (i, slot) in buffer.iter_mut().enumerate() {
        *slot = ((i * 7919) % 1000) as f32 * 1e-3 - 0.4;
    }
    buffer
}

impl Bench {
    fn products(&self, name: &str, multiply_adds: usize, call: impl FnMut()) {
        if !name.contains(&self.filter) {
            return;
        }
        let time = least(call);
        let rate = multiply_adds as f64 / time;
        println!(
            "{name:<44} {:9.1} us {:7.1} GF/s {:5.1} % of peak",
            time * 1e6,
            rate * 2e-9,
            rate / self.peak * 100.0
        );
    }

    fn moves(&self, name: &str, elements: usize, call: impl FnMut()) {
        if !name.contains(&self.filter) {
            return;
        }
        let time = least(call);
        println!("{name:<44} {:9.2} us {:7.2} elements/ns", time * 1e6, elements as f64 / time * 1e-9);
    }

    fn conv(&self, size: usize, channels: usize, outputs: usize, kernel: usize, stride: usize) {
        let out = (size - 1) / stride + 1;
        let pool = Pool {
            input: [size; 2],
            output: [out; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pad: [kernel / 2; 2],
        };
        let input = if channels < 16 { ConvInput::Planes } else { ConvInput::Blocks };
        let Some(conv) = Conv::new(pool, channels, outputs, 1, input) else { return };
        let x = values(conv.input_len());
        let mut packed = zeros(conv.packed_len());
        conv.pack(self.isa, &values(outputs * conv.depth()), &mut packed);
        let (mut y, mut scratch) = (zeros(conv.panels() * conv.block_len()), zeros(conv.scratch_len()));
        let relu = [Post::Binary(Binary::Max, Other::All(0.0))];
        let name = format!("conv {kernel}x{kernel}/{stride} {size}x{size} {channels} -> {outputs}");
        self.products(&name, out * out * outputs * conv.depth(), || {
            conv.run(self.isa, 0..conv.panels(), &x, &packed, None, &relu, &mut y, &mut scratch);
        });
        if kernel == 1 && stride == 1 && outputs > channels {
            let added = zeros(y.len());
            let posts = [Post::Binary(Binary::Add, Other::Same(&added)), relu[0]];
            self.products(&format!("{name} added"), out * out * outputs * conv.depth(), || {
                conv.run(self.isa, 0..conv.panels(), &x, &packed, None, &posts, &mut y, &mut scratch);
            });
        }
    }

    fn gemm(&self, rows: usize, depth: usize, columns: usize, posts: &[Post<'_>], what: &str) {
        let (x, w) = (values(rows * depth), values(depth * columns));
        let mut packed = zeros(packed_len(depth, columns));
        pack(self.isa, depth, columns, &w, columns, 1, &mut packed);
        let (bias, mut y) = (values(columns), zeros(rows * columns));
        let job = Gemm {
            rows,
            columns,
            depth,
            x: &x,
            x_row: depth,
            taps: None,
            w: Columns::Packed(&packed),
            bias: Some(&bias),
            posts,
            place: Place::Rows { stride: columns },
        };
        let name = format!("gemm {rows}x{depth}x{columns}{what}");
        self.products(&name, rows * depth * columns, || gemm(self.isa, &job, &mut y));
    }

    fn depthwise(&self, size: usize, channels: usize, kernel: usize, stride: usize) {
        let out = (size - 1) / stride + 1;
        let pool = Pool {
            input: [size; 2],
            output: [out; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pad: [kernel / 2; 2],
        };
        let Some(conv) = Depthwise::new(pool, channels) else { return };
        let (x, w) = (values(size * size * conv.blocks() * 16), values(channels * kernel * kernel));
        let mut packed = zeros(conv.packed_len());
        conv.pack(&w, &mut packed);
        let mut y = zeros(conv.blocks() * conv.block_len());
        let clip = [Post::Binary(Binary::Max, Other::All(0.0)), Post::Binary(Binary::Min, Other::All(6.0))];
        let name = format!("depthwise {kernel}x{kernel}/{stride} {size}x{size} {channels}");
        self.products(&name, out * out * channels * kernel * kernel, || {
            conv.run(self.isa, 0..conv.blocks(), &x, &packed, None, &clip, &mut y);
        });
        if kernel == 3 {
            self.moves(
                &format!("max pool 3x3/{stride} {size}x{size} {channels}"),
                out * out * channels,
                || {
                    max_pool_blocks(self.isa, &pool, &x, &mut y);
                },
            );
        }
    }

    fn products_of_models(&self) {
        for size in [6, 24, 96] {
            self.gemm(size, 128, 32, &[], " in L1");
        }
        self.conv(224, 3, 64, 7, 2);
        for (size, channels) in [(56, 64), (28, 128), (14, 256), (7, 512)] {
            self.conv(size, channels, channels, 3, 1);
            self.conv(size, channels, 4 * channels, 1, 1);
            self.conv(size, 4 * channels, channels, 1, 1);
            self.conv(size * 2, channels, channels, 3, 2);
            self.conv(size * 2, 2 * channels, 4 * channels, 1, 2);
        }
        for (size, channels) in [(8, 16), (16, 16), (32, 32), (8, 1)] {
            self.conv(size, channels, 32, 3, 1);
        }
        self.gemm(1, 2048, 1000, &[], "");
        for rows in [32, 128] {
            self.gemm(rows, 384, 384, &[], "");
            self.gemm(rows, 384, 1536, &[Post::Unary(Unary::Gelu)], " gelu");
            self.gemm(rows, 1536, 384, &[], "");
            self.gemm(rows, 32, rows, &[], " scores");
            self.gemm(rows, rows, 32, &[], " values");
        }
        for (rows, depth, columns) in [(1, 64, 32), (1, 64, 10), (32, 64, 32), (8, 64, 128), (1, 32, 128)] {
            self.gemm(rows, depth, columns, &[Post::Unary(Unary::Sigmoid)], " small");
        }
        for (size, channels, kernel, stride) in [
            (14, 16, 3, 1),
            (14, 16, 5, 1),
            (20, 16, 3, 1),
            (112, 32, 3, 1),
            (112, 96, 3, 2),
            (56, 144, 3, 1),
            (28, 192, 3, 1),
            (14, 576, 3, 1),
            (7, 960, 3, 1),
            (28, 72, 5, 2),
            (14, 120, 5, 1),
            (7, 576, 5, 1),
        ] {
            self.depthwise(size, channels, kernel, stride);
        }
        for (size, channels, outputs) in [(112, 32, 16), (56, 24, 144), (14, 96, 576), (7, 960, 160)] {
            self.conv(size, channels, outputs, 1, 1);
        }
    }

    fn rows_and_moves(&self) {
        let isa = self.isa;
        for n in [32, 128, 384] {
            let (x, g) = (values(128 * n), values(n));
            let mut y = zeros(x.len());
            let posts = [
                Post::Binary(Binary::Mul, Other::Columns(&g)),
                Post::Binary(Binary::Add, Other::Columns(&g)),
            ];
            let norm = Norm { n, centre: Some(1.0 / n as f32), eps: 1e-5, posts: &posts };
            self.moves(&format!("norm 128x{n}"), x.len(), || norm_rows(isa, &norm, &x, &mut y));
            let pre =
                [Post::Binary(Binary::Mul, Other::All(0.1)), Post::Binary(Binary::Add, Other::Columns(&g))];
            self.moves(&format!("softmax 128x{n}"), x.len(), || softmax(isa, &pre, n, &x, &mut y));
            self.moves(&format!("sum 128x{n}"), x.len(), || fold_rows(isa, Fold::Sum, n, &x, &mut y[..128]));
        }
        for (channels, size) in [(64, 3136), (512, 49), (1000, 1)] {
            let x = values(channels * size);
            let mut y = zeros(channels.next_multiple_of(16) * size);
            let mut z = zeros(y.len());
            self.moves(&format!("to blocks {channels}x{size}"), x.len(), || {
                to_blocks(isa, channels, size, &x, &mut y)
            });
            self.moves(&format!("from blocks {channels}x{size}"), x.len(), || {
                from_blocks(isa, channels, size, &y, &mut z);
            });
            let blocks = channels.div_ceil(16);
            self.moves(&format!("mean of blocks {channels}x{size}"), x.len(), || {
                fold_blocks(isa, Fold::Sum, size, &y, &mut z[..blocks * 16]);
            });
            self.moves(&format!("transpose {channels}x{size}"), x.len(), || {
                transpose(isa, channels, size, &x, size, &mut z, channels);
            });
        }
        for len in [1000, 100_000] {
            let (x, mut y) = (values(len), zeros(len));
            let grid = Grid { rows: 1, columns: len, stride: len, first_column: 0 };
            for op in [Unary::Exp, Unary::Gelu, Unary::Tanh, Unary::HardSwish, Unary::Ln] {
                self.moves(&format!("{op:?} {len}"), len, || {
                    chain(isa, &[Post::Unary(op)], &grid, &x, &mut y);
                });
            }
            self.moves(&format!("add {len}"), len, || {
                chain_in_place(isa, &[Post::Binary(Binary::Add, Other::Same(&x))], &grid, &mut y);
            });
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let isa = arguments.next().and_then(|name| Isa::by_name(&name)).unwrap_or_else(Isa::detect);
    let bench = Bench { isa, filter: arguments.next().unwrap_or_default(), peak: peak(isa) };
    println!("{}, peak of multiply-adds {:.1} GF/s", isa.name(), bench.peak * 2e-9);
    bench.products_of_models();
    bench.rows_and_moves();
}
