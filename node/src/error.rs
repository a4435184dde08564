//! What goes wrong with a command, and the exit status that says so.
//!
//! Every error carries a sentence and what to do next. The number is 0: stable numbers belong to the chain's
//! refusals, and no command here sends a transaction.

use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault it is, which is also the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The world did not play along. Exit status 1.
    Failed,
    /// What the user gave is wrong. Exit status 2.
    Input,
    /// A fault of this program or of this machine. Exit status 70.
    Internal,
}

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    name: &'static str,
    message: String,
    hint: String,
}

impl Error {
    /// What the user gave is wrong.
    pub fn input(name: &'static str, message: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self { kind: Kind::Input, name, message: message.to_string(), hint: hint.into() }
    }

    /// Something outside this program failed.
    pub fn failed(name: &'static str, message: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, name, message: message.to_string(), hint: hint.into() }
    }

    /// This program or this machine is at fault.
    pub fn internal(name: &'static str, message: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self { kind: Kind::Internal, name, message: message.to_string(), hint: hint.into() }
    }

    /// A file cannot be read or written.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::input("file", format!("{}: {error}", path.display()), "check the path and its permissions")
    }

    /// The same error with another way out, if it is the one of this name.
    pub fn hint_for(self, name: &str, hint: &str) -> Self {
        if self.name == name { Self { hint: hint.into(), ..self } } else { self }
    }

    /// The exit status.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Input => 2,
            Kind::Internal => 70,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The object that `--json` prints.
    pub fn to_json(&self) -> Value {
        json!({"error": {"code": 0, "name": self.name, "message": self.message, "hint": self.hint}})
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_object_with_the_four_keys() {
        let json = Error::input("bad_config", "no", "do this").to_json();
        assert_eq!(
            json,
            json!({"error": {"code": 0, "name": "bad_config", "message": "no", "hint": "do this"}})
        );
    }

    #[test]
    fn exit_statuses_are_the_documented_ones() {
        let of = |error: Error| error.exit_code();
        assert_eq!(of(Error::failed("x", "", "")), 1);
        assert_eq!(of(Error::input("x", "", "")), 2);
        assert_eq!(of(Error::internal("x", "", "")), 70);
    }
}
