//! Compiles model files and writes their plans: `cargo run --release --example plan -- FOLDER
//! MODEL.onnx[,x=1x3x4..]...`
//!
//! A model's open dims are given after its name, `input=DIMxDIM`, separated by commas. What has a plan
//! already is left alone.

use assay_compiler::{Compiler, pack};
use assay_types::hash::CompilerHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use assay_types::tensor::InputShape;
use std::error::Error;
use std::fs;
use std::path::Path;

fn shape(text: &str) -> Result<InputShape, Box<dyn Error>> {
    let (name, dims) = text.split_once('=').ok_or("a shape is input=DIMxDIM")?;
    let dims = dims.split('x').map(str::parse).collect::<Result<_, _>>()?;
    Ok(InputShape { name: name.to_owned(), dims })
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("no folder")?;
    fs::create_dir_all(&folder)?;
    let blob = pack::decompress(&fs::read(root.join("genesis/engines/1/compiler.wasm.zst"))?)?;
    let cache = std::env::temp_dir().join("assay-example-cache");
    let compiler =
        Compiler::load(&blob, CompilerHash::of(&blob), Some(&cache), &mut |line| eprintln!("{line}"))?;
    for argument in arguments {
        let mut parts = argument.split(',');
        let path = Path::new(parts.next().unwrap_or_default());
        let shapes: Vec<InputShape> = parts.map(shape).collect::<Result<_, _>>()?;
        let name = path.file_stem().ok_or("no file name")?;
        let target = Path::new(&folder).join(name).with_extension("plan");
        if target.exists() {
            continue;
        }
        match compiler.compile(&fs::read(path)?, &shapes, MAX_COMPILE_FUEL)?.outcome {
            Ok(plan) => fs::write(&target, plan.bytes())?,
            Err(refusal) => eprintln!("{}: {refusal}", path.display()),
        }
    }
    Ok(())
}
