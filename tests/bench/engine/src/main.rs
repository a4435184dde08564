//! This engine's side of the bench: `serve ISA CACHE` runs plans, `compile CACHE` makes them.
//!
//! The two are separate processes, so that the compiler's memory is not counted as that of a run.

mod compile;
mod run;

use assay_bench_worker::{Result, serve};
use assay_exec::Isa;
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", isa, _packed] => serve(&mut run::Runner::new(named(isa)?)),
        ["compile", cache] => serve(&mut compile::Sandbox::new(Path::new(cache))?),
        _ => Err("usage: assay-bench serve ISA CACHE | compile CACHE".into()),
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
