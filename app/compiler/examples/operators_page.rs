//! Writes `docs/reference/operators.md`.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/operators.md");
    std::fs::write(path, assay_compiler::admission::operators_page())
}
