//! The words between the bench's driver and the engines that it measures.
//!
//! Every engine, ours and the peers, is a process that reads commands, one a line, and answers each with one
//! line: `ok NAME=VALUE ...` or `error WORDS`. It takes its own time, inside the process, so that neither the
//! driver's language nor a pipe is in the numbers; and its memory is its own.
//!
//! | command | answer |
//! |---|---|
//! | `load FILE` | `nanos`, the time until the model is ready |
//! | `input INDEX DTYPE DIMS FILE` | |
//! | `run COUNT` | `nanos`, a list: one time for each run |
//! | `outputs FOLDER` | writes each output's bytes as `INDEX.bin` |
//! | `memory` | `rss` and `peak`, bytes of this process now and at most |
//! | `settle` | forgets the peak so far: from here on it is that of runs, not of loading |
//!
//! An engine may know more commands.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

/// What went wrong, for a person.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An input's bytes and what they are.
#[derive(Debug, Clone)]
pub struct Input {
    /// numpy's word: `float32`, `int64`, ...
    pub dtype: String,
    /// The dims.
    pub dims: Vec<usize>,
    /// Little-endian elements.
    pub data: Vec<u8>,
}

/// An engine under measurement.
pub trait Engine {
    /// Makes a model ready, from a file of the engine's own kind.
    ///
    /// # Errors
    /// When it cannot.
    fn load(&mut self, file: &Path) -> Result<()>;

    /// Takes the inputs of all runs to come, in the model's order.
    ///
    /// # Errors
    /// When the model takes other ones.
    fn inputs(&mut self, inputs: &[Input]) -> Result<()>;

    /// Runs once; the outputs stay inside.
    ///
    /// # Errors
    /// When the run fails.
    fn run(&mut self) -> Result<()>;

    /// The bytes of the last run's outputs.
    ///
    /// # Errors
    /// When there was no run.
    fn outputs(&mut self) -> Result<Vec<Vec<u8>>>;

    /// A command of this engine alone; `None` when it has no such.
    ///
    /// # Errors
    /// When it fails.
    fn other(&mut self, command: &str, arguments: &[&str]) -> Result<Option<String>> {
        let _ = (command, arguments);
        Ok(None)
    }
}

/// Serves commands from standard input until it ends.
///
/// # Errors
/// When standard input or output fails.
pub fn serve(engine: &mut dyn Engine) -> Result<()> {
    let mut inputs = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match answer(engine, &mut inputs, &words) {
            Ok(text) => format!("ok {text}"),
            Err(error) => format!("error {}", error.to_string().replace('\n', " ")),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(engine: &mut dyn Engine, inputs: &mut Vec<Input>, words: &[&str]) -> Result<String> {
    match words {
        ["load", file] => {
            let start = Instant::now();
            engine.load(Path::new(file))?;
            inputs.clear();
            Ok(format!("nanos={}", start.elapsed().as_nanos()))
        }
        ["input", index, dtype, dims, file] => {
            if inputs.len() != index.parse()? {
                return Err("inputs come in order".into());
            }
            let dims = dims.split('x').map(str::parse).collect::<std::result::Result<Vec<usize>, _>>()?;
            inputs.push(Input { dtype: (*dtype).into(), dims, data: std::fs::read(file)? });
            Ok(String::new())
        }
        ["run", count] => {
            if !inputs.is_empty() {
                engine.inputs(&std::mem::take(inputs))?;
            }
            let times = timed(engine, count.parse()?)?;
            Ok(format!("nanos={}", times.iter().map(u64::to_string).collect::<Vec<_>>().join(",")))
        }
        ["outputs", folder] => {
            for (index, bytes) in engine.outputs()?.iter().enumerate() {
                std::fs::write(Path::new(folder).join(format!("{index}.bin")), bytes)?;
            }
            Ok(String::new())
        }
        ["memory"] => memory(),
        ["settle"] => {
            // Linux's word for it; elsewhere the peak keeps loading in it.
            let _ = std::fs::write("/proc/self/clear_refs", "5");
            Ok(String::new())
        }
        [command, arguments @ ..] => {
            engine.other(command, arguments)?.ok_or_else(|| format!("no command {command}").into())
        }
        [] => Err("no command".into()),
    }
}

fn timed(engine: &mut dyn Engine, count: usize) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        engine.run()?;
        times.push(u64::try_from(start.elapsed().as_nanos())?);
    }
    Ok(times)
}

/// What the kernel says of this process, where it says anything.
fn memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Ok(format!("rss={} peak={}", bytes("VmRSS:").unwrap_or(0), bytes("VmHWM:").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles its only input's bytes.
    #[derive(Default)]
    struct Doubler(Vec<u8>);

    impl Engine for Doubler {
        fn load(&mut self, _: &Path) -> Result<()> {
            Ok(())
        }

        fn inputs(&mut self, inputs: &[Input]) -> Result<()> {
            self.0 = inputs[0].data.clone();
            Ok(())
        }

        fn run(&mut self) -> Result<()> {
            self.0.iter_mut().for_each(|byte| *byte *= 2);
            Ok(())
        }

        fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
            Ok(vec![self.0.clone()])
        }
    }

    #[test]
    fn a_conversation_loads_runs_and_writes_outputs() {
        let folder = std::env::temp_dir().join(format!("assay-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("input");
        std::fs::write(&file, [1, 2]).unwrap();
        let (mut engine, mut inputs) = (Doubler::default(), Vec::new());
        let mut say = |words: &[&str]| answer(&mut engine, &mut inputs, words);
        assert!(say(&["load", "model"]).unwrap().starts_with("nanos="));
        say(&["input", "0", "uint8", "2", file.to_str().unwrap()]).unwrap();
        assert_eq!(say(&["run", "2"]).unwrap().split(',').count(), 2);
        say(&["outputs", folder.to_str().unwrap()]).unwrap();
        assert_eq!(std::fs::read(folder.join("0.bin")).unwrap(), [4, 8]);
        assert!(say(&["memory"]).unwrap().contains("peak="));
        assert!(say(&["fly"]).unwrap_err().to_string().contains("no command fly"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
