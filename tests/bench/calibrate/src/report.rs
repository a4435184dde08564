//! The table, and the spread that the law is about.

use crate::measure::Measured;
use assay_exec::Isa;
use std::collections::BTreeMap;

/// The factor that the law allows between the dearest and the cheapest.
pub const ALLOWED: f64 = 4.0;

/// One case.
pub fn line(found: &Measured) -> String {
    let name = format!("{} {}", found.opcode, found.shapes);
    let (nanos, each) = match (found.nanos, found.nanos_per_unit()) {
        (Some(nanos), Some(each)) => (nanos.to_string(), format!("{each:.3} ns/unit")),
        _ => ("no".to_owned(), "nothing to do".to_owned()),
    };
    format!("{name:72} {nanos:>12} ns {:>12} units {each:>14}", found.units)
}

/// The least and the most nanoseconds per unit of each opcode.
fn ranges(found: &[Measured]) -> BTreeMap<&str, (f64, f64)> {
    let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for case in found {
        let Some(value) = case.nanos_per_unit() else { continue };
        let opcode = case.opcode.split('.').next().unwrap_or_default();
        let range = ranges.entry(opcode).or_insert((f64::INFINITY, 0.0));
        *range = (range.0.min(value), range.1.max(value));
    }
    ranges
}

/// The dearest case over the cheapest.
pub fn factor(found: &[Measured]) -> f64 {
    let ranges = ranges(found);
    let least = ranges.values().map(|range| range.0).fold(f64::INFINITY, f64::min);
    let most = ranges.values().map(|range| range.1).fold(0.0, f64::max);
    if most > 0.0 { most / least } else { 1.0 }
}

/// The range of each opcode, and of all of them.
pub fn summary(found: &[Measured], isa: Isa) -> String {
    let mut text = "| opcode | least ns/unit | most | factor |\n|---|---|---|---|\n".to_owned();
    for (opcode, (least, most)) in ranges(found) {
        text += &format!("| {opcode} | {least:.3} | {most:.3} | {:.1} |\n", most / least);
    }
    let mut timed: Vec<&Measured> = found.iter().filter(|case| case.nanos.is_some()).collect();
    timed.sort_by(|a, b| {
        a.nanos_per_unit().partial_cmp(&b.nanos_per_unit()).unwrap_or(std::cmp::Ordering::Equal)
    });
    let factor = factor(found);
    let verdict = if factor < ALLOWED { "within" } else { "over" };
    text += &format!("\n{} bodies, {} cases\n", isa.name(), found.len());
    for (word, cases) in
        [("cheapest", &timed[..timed.len().min(3)]), ("dearest", &timed[timed.len().max(3) - 3..])]
    {
        for case in cases {
            text += &format!("{word}: {}\n", line(case));
        }
    }
    let free = found.iter().filter(|case| case.nanos.is_none() && case.units > 0);
    for case in free {
        text += &format!("charged for nothing: {}\n", line(case));
    }
    text + &format!("factor {factor:.2}, {verdict} the allowed {ALLOWED}\n")
}
