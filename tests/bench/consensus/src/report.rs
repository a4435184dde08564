//! What was measured, and against which bar.

use crate::Result;
use serde::Serialize;
use std::path::Path;

/// A number to reach.
#[derive(Debug, Clone, Serialize)]
struct Bar {
    what: String,
    reached: f64,
    bar: f64,
    at_least: bool,
    met: bool,
}

/// Everything that was measured, in order.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    numbers: Vec<(String, f64)>,
    bars: Vec<Bar>,
}

impl Report {
    /// Notes a number.
    pub fn number(&mut self, what: &str, value: f64) {
        eprintln!("bench: {what}: {value:.4}");
        self.numbers.retain(|(known, _)| known != what);
        self.numbers.push((what.to_owned(), value));
    }

    /// Notes the median of several.
    pub fn median(&mut self, what: &str, values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let value = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
        self.number(what, value);
        value
    }

    /// A number that was noted.
    pub fn get(&self, what: &str) -> Result<f64> {
        let found = self.numbers.iter().find(|(known, _)| known == what);
        Ok(found.ok_or_else(|| format!("{what} was not measured"))?.1)
    }

    /// Notes a number that has a bar, the least or the most that it may be.
    pub fn bar(&mut self, what: &str, reached: f64, bar: f64, at_least: bool) {
        let met = if at_least { reached >= bar } else { reached <= bar };
        self.bars.push(Bar { what: what.to_owned(), reached, bar, at_least, met });
    }

    /// Writes `PATH.json` and `PATH.md`, and prints the latter.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut table = String::from("| what | reached | bar | |\n|---|---|---|---|\n");
        for Bar { what, reached, bar, at_least, met } in &self.bars {
            let (sign, met) = (if *at_least { ">=" } else { "<=" }, if *met { "met" } else { "missed" });
            table += &format!("| {what} | {reached:.3} | {sign} {bar} | {met} |\n");
        }
        table += "\n| measured | |\n|---|---|\n";
        for (what, value) in &self.numbers {
            table += &format!("| {what} | {value:.4} |\n");
        }
        std::fs::write(path.with_extension("md"), &table)?;
        std::fs::write(path.with_extension("json"), serde_json::to_vec_pretty(self)?)?;
        print!("{table}");
        Ok(())
    }
}
