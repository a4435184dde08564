//! This engine's side of the bench: `assay-bench ISA CACHE` loads and runs plans on command.
//!
//! They are compiled in another process (`app/compiler/examples/sandbox.rs`), whose memory is not that of a run.

mod run;

use assay_bench_worker::{Result, serve};
use assay_exec::Isa;
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [isa, packed] => serve(&mut run::Runner::new(named(isa)?, Path::new(packed))),
        _ => Err("usage: assay-bench ISA CACHE".into()),
    }
}

/// The bodies to use: the best that this CPU has, or a set by its name.
fn named(word: &str) -> Result<Isa> {
    match Isa::available().into_iter().find(|isa| isa.name() == word) {
        _ if word == "best" => Ok(Isa::detect()),
        Some(isa) => Ok(isa),
        None => Err(format!("this CPU has no bodies called {word}").into()),
    }
}
