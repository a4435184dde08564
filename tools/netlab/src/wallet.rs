//! The wallet, driven as a user drives it: the `assay` program with `--json`.

use crate::command::{self, Ran};
use crate::error::Error;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The longest that one command may take; the first compilation of the engine's blob is in it.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(300);

/// A wallet with a keyring of its own.
#[derive(Debug, Clone)]
pub struct Wallet {
    binary: PathBuf,
    home: PathBuf,
    node: Option<String>,
    from: Option<String>,
}

impl Wallet {
    /// A wallet whose keys are in a folder.
    pub fn new(binary: impl Into<PathBuf>, home: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), home: home.into(), node: None, from: None }
    }

    /// The same wallet, talking to another node.
    pub fn at(&self, url: &str) -> Self {
        Self { node: Some(url.into()), ..self.clone() }
    }

    /// The same wallet, signing with another key.
    pub fn signing_as(&self, key: &str) -> Self {
        Self { from: Some(key.into()), ..self.clone() }
    }

    /// The folder of its keys.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Runs a command, however it ends.
    ///
    /// # Errors
    /// As [`command::finish`].
    pub fn finish<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Ran, Error> {
        let mut command = Command::new(&self.binary);
        command.arg("--json").arg("--yes").arg("--home").arg(&self.home).args(["--keyring", "test"]);
        if let Some(node) = &self.node {
            command.args(["--node", node]);
        }
        if let Some(from) = &self.from {
            command.args(["--from", from]);
        }
        command::finish(command.args(arguments), COMMAND_LIMIT)
    }

    /// Runs a command that must succeed; its one JSON object.
    ///
    /// # Errors
    /// As [`command::run`], and [`Error::Answer`] when standard output is not one JSON object.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Value, Error> {
        let ran = self.finish(arguments)?;
        if ran.status.success() { object(&ran) } else { Err(ran.failure()) }
    }

    /// Runs a command that must fail; the number and name of its error, and the exit code.
    ///
    /// # Errors
    /// As [`command::finish`], and [`Error::Answer`] when it succeeds or its answer is no error object.
    pub fn refused<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<(u64, String, Option<i32>), Error> {
        let ran = self.finish(arguments)?;
        let answer = object(&ran)?;
        let (code, name) = (answer["error"]["code"].as_u64(), answer["error"]["name"].as_str());
        match (code, name) {
            (Some(code), Some(name)) if !ran.status.success() => Ok((code, name.into(), ran.code())),
            _ => {
                let what = format!("`{}` should have failed with an error object", ran.command);
                Err(Error::Answer { what, answer: answer.to_string() })
            }
        }
    }
}

/// The one JSON object that a program with `--json` prints.
///
/// # Errors
/// [`Error::Answer`] when standard output is anything else.
pub fn object(ran: &Ran) -> Result<Value, Error> {
    match serde_json::from_str::<Value>(&ran.stdout) {
        Ok(value) if value.is_object() => Ok(value),
        _ => {
            let what = format!("`{}` did not print one JSON object", ran.command);
            Err(Error::Answer { what, answer: format!("{}{}", ran.stdout, ran.stderr) })
        }
    }
}

/// A text of an answer.
///
/// # Errors
/// [`Error::Answer`] when it is not there.
pub fn text<'a>(answer: &'a Value, key: &str) -> Result<&'a str, Error> {
    answer[key].as_str().ok_or_else(|| Error::Answer {
        what: format!("the answer has no text {key:?}"),
        answer: answer.to_string(),
    })
}
