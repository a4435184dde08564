//! Speed of the int8 products on this machine, best of many: `int8_speed [isa | without-vnni]`.
#![allow(clippy::disallowed_types, clippy::expect_used)]

use assay_kernels::Isa;
use assay_kernels::int8::*;
use std::time::Instant;

fn best(mut run: impl FnMut()) -> f64 {
    let mut least = f64::MAX;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.2 {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed().as_secs_f64());
    }
    least
}

fn main() {
    let isa = match std::env::args().nth(1).as_deref() {
        None => Isa::detect(),
        Some("without-vnni") => Isa::detect().without_vnni(),
        Some(name) => Isa::by_name(name).expect("a body of this processor"),
    };
    for (m, k, n) in [
        (128usize, 384usize, 384usize),
        (128, 384, 1536),
        (128, 1536, 384),
        (32, 384, 1536),
        (3136, 64, 64),
        (784, 1152, 128),
        (196, 2304, 256),
        (196, 1024, 256),
        (49, 4608, 512),
        (12544, 16, 96),
        (3136, 24, 144),
        (784, 192, 32),
        (196, 96, 576),
        (49, 320, 1280),
        (1, 2048, 1000),
    ] {
        let x: Vec<u8> = (0..m * k).map(|i| (i * 7919 % 251) as u8).collect();
        let panels = panel_count(n);
        let mut seed = 1u32;
        let mut normal = || {
            // About normal, as trained weights are, and cut at the extremes.
            let mut sum = 0.0;
            for _ in 0..12 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                sum += f64::from(seed >> 8) / f64::from(1 << 24);
            }
            ((sum - 6.0) * 36.0).clamp(-127.0, 127.0) as i8
        };
        let w: Vec<i8> = (0..k * n).map(|_| normal()).collect();
        let packed = pack(isa, k, n, |t, c| w[t * n + c]);
        let extra = packed.extras.len() as f64 / packed.quads.len() as f64;
        let bias = vec![[3; 16]; panels];
        let multipliers = vec![[0.001f32; 16]; panels];
        let mut y = vec![0u8; m * n];
        let block = (256 * 1024 / k).clamp(14, 1008) / 14 * 14;
        let how = Requantizer { multipliers: &multipliers, zero: 3, range: [0, 255], signed: false };
        let took = best(|| {
            for first in (0..m).step_by(block) {
                let count = block.min(m - first);
                let rows = Rows::plain(&x[first * k..], count, k, k);
                let y = &mut y[first * n..][..count * n];
                let mut done = Finish { bias: &bias, rows: None, stride: n, output: Output::Bytes(how, y) };
                gemm(isa, rows, packed.panels(), n, &mut done);
            }
        });
        let rate = (m * k * n) as f64 / took / 1e9;
        println!("gemm {m}x{k}x{n}: {:.1} us, {rate:.1} GMAC/s, extra {extra:.3}", took * 1e6);
    }
    depthwise_speed(isa);
}

fn depthwise_speed(isa: Isa) {
    for (size, c, stride, kernel) in [
        (112usize, 32usize, 1usize, 3usize),
        (112, 96, 2, 3),
        (56, 144, 1, 3),
        (14, 384, 1, 3),
        (14, 576, 1, 5),
    ] {
        let out = size / stride;
        let shape = Depthwise {
            input: [size, size],
            channels: c,
            output: [out, out],
            kernel: [kernel, kernel],
            stride: [stride, stride],
            dilation: [1, 1],
            pad: [kernel / 2, kernel / 2],
            signed: false,
        };
        let x: Vec<u8> = (0..size * size * c).map(|i| (i * 7919 % 251) as u8).collect();
        let how = Requantizer { multipliers: &[], zero: 3, range: [0, 255], signed: false };
        let weight = |t: usize, c: usize| (t * 31 + c * 17) as i16 % 127;
        let filters = Filters::new(isa, &shape, weight, vec![5; c], vec![0.01; c], 9);
        let mut y = vec![0u8; out * out * c];
        let took = best(|| depthwise(isa, &shape, &filters, &how, &x, 0, &mut y));
        let rate = (out * out * c * kernel * kernel) as f64 / took / 1e9;
        println!("depthwise {size}x{size}x{c} k{kernel} s{stride}: {:.1} us, {rate:.1} GMAC/s", took * 1e6);
    }
}
