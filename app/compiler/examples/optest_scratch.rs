//! Scratch.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
use assay_compiler::{Compiler, pack};
use assay_plan::{Executable, Isa};
use assay_types::hash::CompilerHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::{DType, InputShape, NamedTensor, Tensor};
use npyz::npz::NpzArchive;
use std::path::Path;

fn tensor(a: &mut NpzArchive<std::io::BufReader<std::fs::File>>, e: &str) -> Tensor {
    let x = a.by_name(e).unwrap().unwrap();
    let dims: Vec<u32> = x.shape().iter().map(|&d| d as u32).collect();
    let dt = x.dtype().descr();
    if dt.contains("f4") {
        Tensor::from_f32(dims, &x.into_vec::<f32>().unwrap()).unwrap()
    } else if dt.contains("i8") {
        Tensor::from_i64(dims, &x.into_vec::<i64>().unwrap()).unwrap()
    } else if dt.contains("i4") {
        let v = x.into_vec::<i32>().unwrap();
        Tensor::new(DType::I32, dims, v.iter().flat_map(|v| v.to_le_bytes()).collect()).unwrap()
    } else if dt.contains("b1") {
        let v = x.into_vec::<bool>().unwrap();
        Tensor::new(DType::Bool, dims, v.iter().map(|&b| b as u8).collect()).unwrap()
    } else if dt.contains("u1") {
        Tensor::new(DType::U8, dims, x.into_vec::<u8>().unwrap()).unwrap()
    } else if dt.contains("i1") {
        let v = x.into_vec::<i8>().unwrap();
        Tensor::new(DType::I8, dims, v.iter().map(|&b| b as u8).collect()).unwrap()
    } else { panic!("{dt}") }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let blob = match std::env::var("BLOB") { Ok(b) => std::fs::read(b).unwrap(), _ => pack::decompress(&std::fs::read(root.join("genesis/engines/1/compiler.wasm.zst")).unwrap()).unwrap() };
    let cache = std::env::temp_dir().join("assay-example-cache");
    let c = Compiler::load(&blob, CompilerHash::of(&blob), Some(&cache), &mut |l| eprintln!("{l}")).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(std::env::args().nth(1).unwrap()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|x| x == "onnx")).collect();
    files.sort();
    for f in files {
        let name = f.file_stem().unwrap().to_string_lossy().into_owned();
        let mut a = NpzArchive::open(f.with_extension("npz")).unwrap();
        let names: Vec<String> = a.array_names().map(str::to_owned).collect();
        let (mut ins, mut outs) = (vec![], vec![]);
        for e in names {
            let t = tensor(&mut a, &e);
            let (s, n) = e.split_once('/').unwrap();
            if s == "in" { ins.push(NamedTensor { name: n.into(), tensor: t }) } else { outs.push(NamedTensor { name: n.into(), tensor: t }) }
        }
        let shapes: Vec<_> = ins.iter().map(|i| InputShape { name: i.name.clone(), dims: i.tensor.dims().to_vec() }).collect();
        let r = c.compile(&std::fs::read(&f).unwrap(), &shapes, MAX_COMPILE_FUEL).unwrap();
        let p = match r.outcome { Ok(p) => p, Err(e) => { println!("REFUSED {name}: {}: {}", e.name(), e.to_string().chars().take(230).collect::<String>()); continue } };
        let order: Vec<_> = p.inputs().iter().map(|i| i.name.clone()).collect();
        let ins: Vec<_> = order.iter().map(|n| ins.iter().find(|i| i.name == *n).unwrap().clone()).collect();
        let ops: std::collections::BTreeSet<_> = p.plan().nodes.iter().map(|n| n.op.name()).collect();
        match Executable::new(p, Isa::detect()).run(&ins) {
            Err(e) => println!("RUNFAIL {name}: {e}"),
            Ok(got) => {
                let mut worst = 0f32;
                let mut bad = String::new();
                for o in &outs {
                    let Some(g) = got.iter().find(|g| g.name == o.name) else { bad += "missing output "; continue };
                    if g.tensor.dims() != o.tensor.dims() || g.tensor.dtype() != o.tensor.dtype() { bad += &format!("{:?} vs {:?} ", g.tensor, o.tensor); continue }
                    if let (Some(x), Some(y)) = (g.tensor.to_f32(), o.tensor.to_f32()) {
                        for (x, y) in x.iter().zip(&y) { if x.to_bits() != y.to_bits() && !(x.is_nan() && y.is_nan()) { worst = worst.max(((x - y) / (1.0 + y.abs())).abs()); if x.is_nan() != y.is_nan() { bad += "nan " } } }
                    } else if g.tensor.data() != o.tensor.data() { bad += &format!("data differ {:?} {:?}", &g.tensor.data()[..g.tensor.data().len().min(24)], &o.tensor.data()[..g.tensor.data().len().min(24)]); }
                }
                let ok = bad.is_empty() && worst < 1e-4;
                println!("{} {name}: worst {worst:.1e} {} {ops:?}", if ok { "ok" } else { "WRONG" }, bad.chars().take(200).collect::<String>());
            }
        }
    }
}
