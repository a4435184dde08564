//! Compiles and runs every case of a folder of ONNX operator cases and compares with what each expects.
//!
//! `cargo run --release -p assay-compiler --example onnx_cases -- FOLDER [--all] [--only TEXT]`
//!
//! A case is a folder with `model.onnx` and `test_data_set_0`, as ONNX's own operator cases are written by
//! `cases.py`, beside this program. One line is printed for each case that does not pass (with `--all`, for each),
//! then the reasons by number. The status is 1 if any result differs from what the case expects.

mod case;

use assay_compiler::{Compiler, pack};
use assay_types::hash::CompilerHash;
use assay_types::limits::MAX_COMPILE_FUEL;
use case::Verdict;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let (folder, all, only) = arguments()?;
    let compiler = compiler()?;
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    folders.retain(|folder| name(folder).contains(&only) && folder.join("model.onnx").is_file());
    folders.sort();
    let mut verdicts = Vec::new();
    for folder in &folders {
        let verdict = verdict(&compiler, folder)?;
        if all || verdict != Verdict::Pass {
            println!("{}: {verdict:?}", name(folder));
        }
        verdicts.push(verdict);
    }
    report(&verdicts)
}

/// The folder, whether every case is printed, and what a case's name has to hold.
fn arguments() -> Result<(PathBuf, bool, String), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: onnx_cases FOLDER [--all] [--only TEXT]")?);
    let (mut all, mut only) = (false, String::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--all" => all = true,
            "--only" => only = arguments.next().ok_or("--only takes a text")?,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok((folder, all, only))
}

fn report(verdicts: &[Verdict]) -> Result<(), Box<dyn Error>> {
    let (mut passed, mut differ) = (0, 0);
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    for verdict in verdicts {
        match verdict {
            Verdict::Pass => passed += 1,
            Verdict::Refused(reason) => *reasons.entry(reason).or_default() += 1,
            Verdict::Differs(_) => differ += 1,
        }
    }
    let mut reasons: Vec<(u32, &str)> = reasons.into_iter().map(|(reason, count)| (count, reason)).collect();
    reasons.sort_by(|a, b| b.cmp(a));
    let refused: u32 = reasons.iter().map(|(count, _)| count).sum();
    println!("\n{} cases: {passed} pass, {refused} refused, {differ} differ", verdicts.len());
    for (count, reason) in reasons {
        println!("{count:5}  {reason}");
    }
    if differ > 0 { Err("a result differs from what its case expects".into()) } else { Ok(()) }
}

fn compiler() -> Result<Compiler, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let blob = pack::decompress(&fs::read(root.join("genesis/engines/1/compiler.wasm.zst"))?)?;
    let cache = std::env::temp_dir().join("assay-example-cache");
    Ok(Compiler::load(&blob, CompilerHash::of(&blob), Some(&cache), &mut |line| eprintln!("{line}"))?)
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn verdict(compiler: &Compiler, folder: &Path) -> Result<Verdict, Box<dyn Error>> {
    let bytes = fs::read(folder.join("model.onnx"))?;
    Ok(match compiler.compile(&bytes, &[], MAX_COMPILE_FUEL)?.outcome {
        Ok(plan) => case::run(plan, folder),
        Err(refusal) => {
            let line = refusal.to_string();
            Verdict::Refused(line.lines().next().unwrap_or_default().chars().take(160).collect())
        }
    })
}
