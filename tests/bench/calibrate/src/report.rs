//! The table, and the spread that the law is about.

use crate::measure::Measured;
use assay_exec::Isa;
use std::collections::BTreeMap;

/// The factor that the law allows between the dearest and the cheapest.
pub const ALLOWED: f64 = 4.0;
/// Cases shown of the cheapest and of the dearest.
const SHOWN: usize = 3;

/// One case.
pub fn line(found: &Measured) -> String {
    let name = format!("{} {}", found.opcode, found.shapes);
    let (nanos, each) = match (found.nanos, found.nanos_per_unit()) {
        (Some(nanos), Some(each)) => (nanos.to_string(), format!("{each:.3} ns/unit")),
        _ => ("no".to_owned(), "nothing to do".to_owned()),
    };
    format!("{name:72} {nanos:>12} ns {:>12} units {each:>14}", found.units)
}

/// Whether a case's numbers are unkind: subnormal, or so large and small that results are. Some processors need many
/// times as long for these, which no price by shapes can see.
fn is_unkind(case: &Measured) -> bool {
    case.shapes.ends_with("unkind")
}

/// The least and the most nanoseconds per unit of each opcode, of kind numbers or of unkind ones.
fn ranges(found: &[Measured], unkind: bool) -> BTreeMap<&str, (f64, f64)> {
    let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for case in found.iter().filter(|case| is_unkind(case) == unkind) {
        let Some(value) = case.nanos_per_unit() else { continue };
        let opcode = case.opcode.split('.').next().unwrap_or_default();
        let range = ranges.entry(opcode).or_insert((f64::INFINITY, 0.0));
        *range = (range.0.min(value), range.1.max(value));
    }
    ranges
}

/// The dearest case over the cheapest, of kind numbers.
pub fn factor(found: &[Measured]) -> f64 {
    let ranges = ranges(found, false);
    let least = ranges.values().map(|range| range.0).fold(f64::INFINITY, f64::min);
    let most = ranges.values().map(|range| range.1).fold(0.0, f64::max);
    if most > 0.0 { most / least } else { 1.0 }
}

/// The range of each opcode, and of all of them.
pub fn summary(found: &[Measured], isa: Isa) -> String {
    let mut text = "| opcode | least ns/unit | most | factor |\n|---|---|---|---|\n".to_owned();
    for (unkind, mark) in [(false, ""), (true, ", unkind numbers")] {
        for (opcode, (least, most)) in ranges(found, unkind) {
            text += &format!("| {opcode}{mark} | {least:.3} | {most:.3} | {:.1} |\n", most / least);
        }
    }
    let mut timed: Vec<&Measured> =
        found.iter().filter(|case| case.nanos.is_some() && !is_unkind(case)).collect();
    let each = |case: &Measured| case.nanos_per_unit().unwrap_or_default();
    timed.sort_by(|a, b| each(a).total_cmp(&each(b)));
    text += &format!("\n{} bodies, {} cases\n", isa.name(), found.len());
    let (least, most) = (&timed[..timed.len().min(SHOWN)], &timed[timed.len().saturating_sub(SHOWN)..]);
    for (word, cases) in [("cheapest", least), ("dearest", most)] {
        for case in cases {
            text += &format!("{word}: {}\n", line(case));
        }
    }
    for case in found.iter().filter(|case| case.nanos.is_none() && case.units > 0) {
        text += &format!("charged for nothing: {}\n", line(case));
    }
    let factor = factor(found);
    let verdict = if factor < ALLOWED { "within" } else { "over" };
    text + &format!("factor {factor:.2}, {verdict} the allowed {ALLOWED}\n")
}
