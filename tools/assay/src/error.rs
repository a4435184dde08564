//! What goes wrong in the wallet, and the exit status that says so.
//!
//! Every error carries a sentence and what to do next. A refusal by the chain keeps its stable number and
//! name.

use assay_types::api::Problem;
use assay_types::error::Rejected;
use assay_types::hash::TxHash;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the user gave is wrong: a file, a flag, a model, a proof. Exit status 2.
    #[error("{message}")]
    Input {
        /// A stable word for it.
        name: &'static str,
        /// What is wrong.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// The world did not play along: the network, the disk, a time limit. Exit status 1.
    #[error("{message}")]
    Failed {
        /// A stable word for it.
        name: String,
        /// What happened.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// The chain, or a check that is the chain's, refused. Exit status 1.
    #[error("{message}")]
    Rejected {
        /// The stable number, never 0.
        code: u32,
        /// The stable name.
        name: String,
        /// The refusal in words.
        message: String,
        /// What to do next.
        hint: String,
        /// The transaction, when it is in a block (its fee is gone).
        tx_hash: Option<TxHash>,
    },
    /// A fault of this program or of this machine. Exit status 70.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The user's input is wrong.
    pub fn input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Input { name: "bad_input", message: message.into(), hint: hint.into() }
    }

    /// Something outside this program failed.
    pub fn failed(name: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Failed { name: name.into(), message: message.into(), hint: hint.into() }
    }

    /// A file could not be read or written.
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("cannot {what} {}: {error}", path.display());
        Error::Input { name: "file", message, hint: "check the path and its permissions".into() }
    }

    /// The exit status, as in the module docs of [`crate::cli`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Input { .. } => 2,
            Error::Failed { .. } | Error::Rejected { .. } => 1,
            Error::Internal(_) => 70,
        }
    }

    /// The stable number of a rejection, 0 for everything else.
    pub fn code(&self) -> u32 {
        match self {
            Error::Rejected { code, .. } => *code,
            _ => 0,
        }
    }

    /// The stable name.
    pub fn name(&self) -> &str {
        match self {
            Error::Input { name, .. } => name,
            Error::Failed { name, .. } | Error::Rejected { name, .. } => name,
            Error::Internal(_) => "internal",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        match self {
            Error::Input { hint, .. } | Error::Failed { hint, .. } | Error::Rejected { hint, .. } => hint,
            Error::Internal(_) => "report this with the command that caused it",
        }
    }

    /// The object that `--json` prints.
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "code": self.code(),
            "name": self.name(),
            "message": self.to_string(),
            "hint": self.hint(),
        });
        if let Error::Rejected { tx_hash: Some(hash), .. } = self {
            body["tx_hash"] = serde_json::json!(hash);
        }
        serde_json::json!({ "error": body })
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Error::Rejected {
            code: rejected.code(),
            name: rejected.name().into(),
            message: rejected.to_string(),
            hint: rejected.hint().into(),
            tx_hash: None,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let message = if problem.detail.is_empty() { problem.title } else { problem.detail };
        if problem.code == 0 {
            return Error::Failed { name: problem.name, message, hint: problem.hint };
        }
        Error::Rejected { code: problem.code, name: problem.name, message, hint: problem.hint, tx_hash: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_keeps_its_number_and_name_in_json() {
        let error = Error::from(Rejected::ModelRetired);
        assert_eq!(error.exit_code(), 1);
        let json = error.to_json();
        assert_eq!(json["error"]["code"], 36);
        assert_eq!(json["error"]["name"], "model_retired");
        assert!(!json["error"]["hint"].as_str().unwrap().is_empty());
    }

    #[test]
    fn exit_statuses_are_the_documented_ones() {
        assert_eq!(Error::input("x", "y").exit_code(), 2);
        assert_eq!(Error::failed("network", "x", "y").exit_code(), 1);
        assert_eq!(Error::Internal("x".into()).exit_code(), 70);
    }
}
