//! The table, and the spread that the law is about.

use crate::measure::Measured;
use assay_exec::Isa;
use std::collections::BTreeMap;

/// The factor that the law allows between the dearest and the cheapest.
const ALLOWED: f64 = 4.0;

/// One case.
pub fn line(found: &Measured) -> String {
    let name = format!("{} {}", found.opcode, found.shapes);
    format!(
        "{name:64} {:>12} ns {:>12} units {:>8.3} ns/unit",
        found.nanos,
        found.units,
        found.nanos_per_unit()
    )
}

/// The range of each opcode, and of all of them.
pub fn summary(found: &[Measured], isa: Isa) -> String {
    let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for case in found {
        let range = ranges.entry(&case.opcode).or_insert((f64::INFINITY, 0.0));
        let value = case.nanos_per_unit();
        *range = (range.0.min(value), range.1.max(value));
    }
    let mut text = "| opcode | least ns/unit | most | factor |\n|---|---|---|---|\n".to_owned();
    for (opcode, (least, most)) in &ranges {
        text += &format!("| {opcode} | {least:.3} | {most:.3} | {:.1} |\n", most / least);
    }
    let dearest = found.iter().max_by(|a, b| a.nanos_per_unit().total_cmp(&b.nanos_per_unit()));
    let cheapest = found.iter().min_by(|a, b| a.nanos_per_unit().total_cmp(&b.nanos_per_unit()));
    if let (Some(dearest), Some(cheapest)) = (dearest, cheapest) {
        let factor = dearest.nanos_per_unit() / cheapest.nanos_per_unit();
        let verdict = if factor < ALLOWED { "within" } else { "over" };
        text += &format!(
            "\n{} bodies, {} cases\ndearest:  {}\ncheapest: {}\nfactor {factor:.2}, {verdict} the allowed {ALLOWED}\n",
            isa.name(),
            found.len(),
            line(dearest),
            line(cheapest)
        );
    }
    text
}
