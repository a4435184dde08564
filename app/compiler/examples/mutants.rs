//! Random mutants of the corpus and of the real models through admission and the sandbox, for as long as asked.
//!
//!     cargo run --release -p assay-compiler --example mutants -- COUNT [FIRST SEED]
//!
//! Every mutant follows from its seed. It must get an answer: a plan, or a reason. One in a hundred is asked for twice.
//! At the end stands how many got which answer, the slowest, and the most fuel; a machine's failure ends the program.
// A report may say how long something took.
#![allow(clippy::disallowed_types)]

use assay_compiler::{Compilation, Compiler, HostError, pack};
use assay_types::hash::CompilerHash;
use assay_types::tensor::{InputShape, NamedTensor};
use borsh::BorshDeserialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// Enough for the originals, little enough for thousands of runs.
const FUEL: u64 = 200_000_000;

/// A case of `tests/data/corpus.zst`, as its test reads it.
#[derive(BorshDeserialize)]
struct Case {
    _name: String,
    _operator: String,
    _domain: String,
    _rule: u8,
    onnx: Vec<u8>,
    inputs: Vec<NamedTensor>,
    _outputs: Vec<NamedTensor>,
}

/// A file and the dims of its inputs.
struct Original {
    onnx: Vec<u8>,
    shapes: Vec<InputShape>,
}

fn originals(root: &Path) -> Result<Vec<Original>, Box<dyn Error>> {
    let packed = std::fs::read(root.join("tests/data/corpus.zst"))?;
    let cases: Vec<Case> = borsh::from_slice(&zstd::decode_all(&packed[..])?)?;
    let shape =
        |input: &NamedTensor| InputShape { name: input.name.clone(), dims: input.tensor.dims().to_vec() };
    let of_case = |case: Case| Original { shapes: case.inputs.iter().map(shape).collect(), onnx: case.onnx };
    let mut list: Vec<Original> = cases.into_iter().map(of_case).collect();
    // Open dims of the scikit-learn models; the others have none, and refuse a shape for `X`.
    let open = InputShape { name: "X".into(), dims: vec![4, 4] };
    for name in [
        "cnn_digits",
        "mlp_digits",
        "lstm_digits",
        "lr_iris",
        "gb_iris",
        "cnn_digits_qop",
        "mlp_digits_qdq_u8s8",
    ] {
        let onnx = std::fs::read(root.join("tests/data/models").join(format!("{name}.onnx")))?;
        let shapes = if name.ends_with("iris") { vec![open.clone()] } else { vec![] };
        // Real models are large and few: each stands for twenty small ones.
        list.extend((0..20).map(|_| Original { onnx: onnx.clone(), shapes: shapes.clone() }));
    }
    Ok(list)
}

/// A generator of which nothing is asked but to be the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 24) as usize % bound.max(1)
    }
}

/// One change of a file: bytes set, removed, repeated, taken from another file, or the rest cut off.
fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    // Near the front lies the graph; most of a large file is weights.
    let at =
        if random.below(2) == 0 { random.below(bytes.len().min(600)) } else { random.below(bytes.len()) };
    let len = (1 + random.below(9)).min(bytes.len() - at);
    match random.below(12) {
        0 => drop(bytes.drain(at..at + len)),
        1 => drop(bytes.splice(at..at, bytes[at..at + len].to_vec())),
        2 => {
            let from = random.below(other.len());
            let piece = other[from..(from + 40).min(other.len())].to_vec();
            bytes.splice(at..at + len, piece);
        }
        3 => bytes.truncate(at + 1),
        4 => bytes[at] ^= 1 << random.below(8),
        5 => bytes[at] = 0xff,
        6 => bytes[at] = 0,
        7 => bytes[at] = bytes[at].wrapping_add(1),
        _ => bytes[at] = random.below(256) as u8,
    }
}

fn mutant(originals: &[Original], seed: u64) -> (Vec<u8>, &[InputShape]) {
    let mut random = Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let original = &originals[random.below(originals.len())];
    let other = &originals[random.below(originals.len())];
    let mut bytes = original.onnx.clone();
    for _ in 0..1 + random.below(4) {
        if !bytes.is_empty() {
            damage(&mut bytes, &other.onnx, &mut random);
        }
    }
    (bytes, &original.shapes)
}

fn answer(compilation: &Compilation) -> String {
    match &compilation.outcome {
        Ok(_) => "plan".into(),
        Err(refusal) => refusal.name().into(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let count = arguments.next().ok_or("usage: mutants COUNT [FIRST SEED]")??;
    let first = arguments.next().transpose()?.unwrap_or(0);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let blob = pack::decompress(&std::fs::read(root.join("genesis/engines/1/compiler.wasm.zst"))?)?;
    let cache = std::env::temp_dir().join("assay-mutants");
    let compiler =
        Compiler::load(&blob, CompilerHash::of(&blob), Some(&cache), &mut |line| eprintln!("{line}"))?;
    let originals = originals(&root)?;
    let mut answers = BTreeMap::new();
    let (mut slowest, mut most_fuel) = ((Duration::ZERO, 0), 0);
    let start = Instant::now();
    for seed in first..first + count {
        let (onnx, shapes) = mutant(&originals, seed);
        let run = || -> Result<Compilation, HostError> { compiler.compile(&onnx, shapes, FUEL) };
        let from = Instant::now();
        let compilation = run().map_err(|error| format!("seed {seed}: {error}"))?;
        slowest = slowest.max((from.elapsed(), seed));
        most_fuel = most_fuel.max(compilation.fuel);
        if seed % 100 == 0 {
            let again = run()?;
            let same = (answer(&again), again.fuel) == (answer(&compilation), compilation.fuel);
            assert!(same, "seed {seed} gets two answers");
        }
        *answers.entry(answer(&compilation)).or_insert(0u64) += 1;
    }
    println!("{count} mutants of {} files in {:.0} s", originals.len(), start.elapsed().as_secs_f64());
    answers.iter().for_each(|(answer, count)| println!("  {count:>7} {answer}"));
    println!("slowest {:?} (seed {}), most fuel {most_fuel}", slowest.0, slowest.1);
    Ok(())
}
