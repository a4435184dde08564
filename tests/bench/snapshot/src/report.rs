//! The table and the file, in the form of all parts of the bench.

use crate::Result;
use serde::Serialize;
use std::path::Path;

/// A row. There is no peer: a bar, where there is one, is a number to reach.
#[derive(Debug, Clone, Serialize)]
struct Row {
    case: String,
    metric: String,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<String>,
    /// More is better for us: the bar over the number.
    ratio: Option<f64>,
    bar: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Summary {
    bars: usize,
    met: usize,
}

/// What was measured.
#[derive(Debug)]
pub struct Report {
    commit: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'static str,
    machine: String,
    commit: &'a str,
    rows: &'a [Row],
    summary: Summary,
}

impl Report {
    /// An empty one, of a commit.
    pub fn new(commit: String) -> Self {
        Self { commit, rows: Vec::new() }
    }

    /// A number to state.
    pub fn number(&mut self, case: &str, metric: &str, ours: f64) {
        eprintln!("bench: {case}: {metric}: {ours:.4}");
        self.push(case, metric, ours, None);
    }

    /// A number that must be at most another.
    pub fn at_most(&mut self, case: &str, metric: &str, ours: f64, most: f64) {
        eprintln!("bench: {case}: {metric}: {ours:.4}, at most {most}");
        self.push(case, &format!("{metric} (at most {most})"), ours, Some(most));
    }

    /// A number that must be at least another.
    pub fn at_least(&mut self, case: &str, metric: &str, ours: f64, least: f64) {
        eprintln!("bench: {case}: {metric}: {ours:.4}, at least {least}");
        self.push(case, &format!("{metric} (at least {least})"), ours, None);
        if let Some(row) = self.rows.last_mut() {
            (row.peer, row.peer_name) = (Some(least), Some("the number to reach".into()));
            (row.ratio, row.bar) = (Some(ours / least), Some(1.0));
        }
    }

    fn push(&mut self, case: &str, metric: &str, ours: f64, most: Option<f64>) {
        self.rows.push(Row {
            case: case.into(),
            metric: metric.into(),
            ours,
            peer: most,
            peer_name: most.map(|_| "the number to reach".into()),
            ratio: most.map(|most| most / ours.max(f64::MIN_POSITIVE)),
            bar: most.map(|_| 1.0),
        });
    }

    /// Writes `PATH.json` and `PATH.md`, and prints the latter.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut table = String::from("| case | metric | ours | bar met |\n|---|---|---|---|\n");
        let met = |row: &Row| row.ratio.zip(row.bar).map(|(ratio, bar)| ratio >= bar);
        for row in &self.rows {
            let word = met(row).map_or("", |met| if met { "yes" } else { "no" });
            table += &format!("| {} | {} | {:.3} | {word} |\n", row.case, row.metric, row.ours);
        }
        let bars: Vec<bool> = self.rows.iter().filter_map(met).collect();
        let summary = Summary { bars: bars.len(), met: bars.iter().filter(|met| **met).count() };
        let machine = machine();
        let file = File { name: "snapshot", machine, commit: &self.commit, rows: &self.rows, summary };
        std::fs::write(path.with_extension("md"), &table)?;
        std::fs::write(path.with_extension("json"), serde_json::to_vec_pretty(&file)?)?;
        print!("{table}");
        Ok(())
    }
}

/// The processor and how many of it there are.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", name.map_or("an unknown processor", |(_, name)| name.trim()))
}

/// The most memory that this process had at once, in KiB.
pub fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.ok_or("this system does not say how much memory a process has")?.parse()?)
}
