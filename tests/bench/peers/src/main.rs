//! The peers of the bench: `assay-bench-peers ort LIBRARY`, or `assay-bench-peers tract`. One thread each.

mod runtime;
#[cfg(feature = "tract")]
mod tract;

use assay_bench_worker::{Result, serve};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ort", library] => serve(&mut runtime::OnnxRuntime::new(library)?),
        #[cfg(feature = "tract")]
        ["tract"] => serve(&mut tract::Tract::default()),
        _ => Err("usage: assay-bench-peers ort LIBRARY | tract".into()),
    }
}
