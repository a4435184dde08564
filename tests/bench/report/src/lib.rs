//! The table and the file of a part of the bench, in the form of all parts.

use serde::Serialize;
use std::io;
use std::path::Path;

/// A row. There is no peer: a bar, where there is one, is a number to reach.
#[derive(Debug, Clone, Serialize)]
struct Row {
    case: String,
    metric: String,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<String>,
    /// How far the bar is reached: more is better.
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
    name: &'static str,
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
    /// An empty one, of a part of the bench and a commit.
    pub fn new(name: &'static str, commit: String) -> Self {
        Self { name, commit, rows: Vec::new() }
    }

    /// A number to state.
    pub fn number(&mut self, case: &str, metric: &str, ours: f64) {
        eprintln!("bench: {case}: {metric}: {ours:.4}");
        self.push(case, metric, ours, None);
    }

    /// A number that must be at most another.
    pub fn at_most(&mut self, case: &str, metric: &str, ours: f64, most: f64) {
        eprintln!("bench: {case}: {metric}: {ours:.4}, at most {most}");
        let ratio = most / ours.max(f64::MIN_POSITIVE);
        self.push(case, &format!("{metric} (at most {most})"), ours, Some((most, ratio)));
    }

    /// A number that must be at least another.
    pub fn at_least(&mut self, case: &str, metric: &str, ours: f64, least: f64) {
        eprintln!("bench: {case}: {metric}: {ours:.4}, at least {least}");
        self.push(case, &format!("{metric} (at least {least})"), ours, Some((least, ours / least)));
    }

    /// A row; `reach` is the number to reach, and how far it is reached.
    fn push(&mut self, case: &str, metric: &str, ours: f64, reach: Option<(f64, f64)>) {
        self.rows.push(Row {
            case: case.into(),
            metric: metric.into(),
            ours,
            peer: reach.map(|(number, _)| number),
            peer_name: reach.map(|_| "the number to reach".into()),
            ratio: reach.map(|(_, ratio)| ratio),
            bar: reach.map(|_| 1.0),
        });
    }

    /// States the median and the largest of several, and gives the 99th of a hundred.
    pub fn spread(&mut self, case: &str, unit: &str, values: &mut [f64]) -> f64 {
        values.sort_by(f64::total_cmp);
        let at = |part: usize| values[(values.len() * part / 100).min(values.len() - 1)];
        let (half, p99, most) = (at(50), at(99), values[values.len() - 1]);
        self.number(case, &format!("median, {unit}"), half);
        self.number(case, &format!("99th of 100, {unit}"), p99);
        self.number(case, &format!("most, {unit}"), most);
        p99
    }

    /// Writes `NAME.json` and `NAME.md` into a folder, which is made if need be, and prints the latter.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(self.name);
        let mut table = String::from("| case | metric | ours | bar met |\n|---|---|---|---|\n");
        let met = |row: &Row| row.ratio.zip(row.bar).map(|(ratio, bar)| ratio >= bar);
        for row in &self.rows {
            let word = met(row).map_or("", |met| if met { "yes" } else { "no" });
            table += &format!("| {} | {} | {:.3} | {word} |\n", row.case, row.metric, row.ours);
        }
        let bars: Vec<bool> = self.rows.iter().filter_map(met).collect();
        let summary = Summary { bars: bars.len(), met: bars.iter().filter(|met| **met).count() };
        let machine = machine();
        let file = File { name: self.name, machine, commit: &self.commit, rows: &self.rows, summary };
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
///
/// # Errors
/// When the system does not say.
pub fn peak_memory() -> io::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    figure.ok_or_else(|| io::Error::other("this system does not say how much memory a process has"))
}
