//! Running a program to its end, with a limit.

use crate::error::Error;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a program that ended has left.
#[derive(Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// The exit code, or `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The error for a program that should have ended otherwise.
    pub fn failure(self) -> Error {
        let output = format!("{}{}", self.stderr, self.stdout);
        Error::Command { command: self.command, status: self.status.to_string(), output }
    }
}

/// Runs a program to its end, however it ends.
///
/// # Errors
/// [`Error::Io`] when it cannot be started, [`Error::CommandTimeout`] when it was stopped at the limit.
pub fn finish(command: &mut Command, limit: Duration) -> Result<Ran, Error> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let program = command.get_program().to_owned();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(Error::io("cannot start", &program))?;
    // Read while it runs: a full pipe would stop it.
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::io("cannot wait for", &program))? {
            break status;
        }
        if Instant::now() >= end {
            let killed = child.kill().and_then(|()| child.wait());
            killed.map_err(Error::io("cannot stop", &program))?;
            return Err(Error::CommandTimeout { command: line, limit });
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Ok(Ran { command: line, status, stdout: text(stdout), stderr: text(stderr) })
}

/// Runs a program that must succeed; its standard output.
///
/// # Errors
/// As [`finish`], and [`Error::Command`] when it ends with another status than zero.
pub fn run(command: &mut Command, limit: Duration) -> Result<String, Error> {
    let ran = finish(command, limit)?;
    if ran.status.success() { Ok(ran.stdout) } else { Err(ran.failure()) }
}

fn reader<R: Read + Send + 'static>(source: Option<R>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // A pipe that breaks ends the text; what came before it is still worth showing.
            let _ = source.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_status_come_back_apart() {
        let ran = finish(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(10)).unwrap();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!((ran.code(), ran.signal()), (Some(3), None));
        let error = run(&mut shell("echo why >&2; exit 1"), Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("why") && error.to_string().contains("exit status: 1"));
    }

    #[test]
    fn a_signal_is_told_from_a_status() {
        let ran = finish(&mut shell("kill -9 $$"), Duration::from_secs(10)).unwrap();
        assert_eq!((ran.code(), ran.signal()), (None, Some(9)));
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let started = Instant::now();
        let error = finish(Command::new("sleep").arg("60"), Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, Error::CommandTimeout { .. }));
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
