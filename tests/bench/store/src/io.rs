//! What the process reads from the disk and writes to it, and what the disk takes for it without any database.

use crate::Result;
use crate::keys::Numbers;
use assay_bench_report::Report;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Linux: reads go past the page cache.
const O_DIRECT: i32 = 0x4000;
const BLOCK: usize = 4096;
/// Bytes of an append, about those of the log of a commit.
const APPEND: usize = 2 << 20;
const READS: usize = 2_000;
const APPENDS: usize = 100;

/// Bytes that this process has had read from the disk and written to it so far.
#[derive(Debug, Clone, Copy)]
pub struct Io {
    read: f64,
    written: f64,
}

impl Io {
    /// So far.
    pub fn now() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/self/io")?;
        let figure = |name: &str| -> Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            Ok(line.ok_or("this system does not say what a process reads")?.trim().parse()?)
        };
        Ok(Self { read: figure("read_bytes:")?, written: figure("write_bytes:")? })
    }

    /// States what came since then, for each of `count`.
    pub fn since(self, case: &str, each: &str, count: u64, report: &mut Report) -> Result<()> {
        let now = Self::now()?;
        let kib = |bytes: f64| bytes / 1024.0 / count as f64;
        report.number(case, &format!("read from the disk per {each}, KiB"), kib(now.read - self.read));
        report.number(case, &format!("written to the disk per {each}, KiB"), kib(now.written - self.written));
        Ok(())
    }
}

/// Measures the disk alone, on the files of the state.
pub fn disk(state: &Path, report: &mut Report) -> Result<()> {
    let mut took = Vec::new();
    let path = state.with_extension("append");
    let mut file = File::create(&path)?;
    let bytes = vec![0x5a; APPEND];
    for _ in 0..APPENDS {
        let start = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    drop(file);
    std::fs::remove_file(&path)?;
    report.spread("the disk alone", "append of 2 MiB, synced, ms", &mut took);
    let files = tables(state)?;
    let mut room = vec![0u8; 2 * BLOCK];
    let start = room.as_ptr() as usize;
    let aligned = start.next_multiple_of(BLOCK) - start;
    let (mut numbers, mut took) = (Numbers(3), Vec::new());
    for _ in 0..READS {
        let (file, blocks) = &files[numbers.below(files.len() as u64) as usize];
        let at = numbers.below(*blocks) * BLOCK as u64;
        let start = Instant::now();
        file.read_exact_at(&mut room[aligned..aligned + BLOCK], at)?;
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    report.spread("the disk alone", "read of 4 KiB anywhere, ms", &mut took);
    Ok(())
}

/// The large files of a state, with their blocks.
fn tables(state: &Path) -> Result<Vec<(File, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(state)? {
        let path: PathBuf = entry?.path();
        let blocks = path.metadata()?.len() / BLOCK as u64;
        if path.extension().is_some_and(|extension| extension == "sst") && blocks > 1_000 {
            files.push((OpenOptions::new().read(true).custom_flags(O_DIRECT).open(path)?, blocks));
        }
    }
    if files.is_empty() { Err("the state has no files to read".into()) } else { Ok(files) }
}
