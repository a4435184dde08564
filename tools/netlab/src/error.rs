//! What can go wrong with a network, in words that say where to look.

use std::path::PathBuf;
use std::time::Duration;

/// Why a network, a node or a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not where it is looked for.
    #[error("{name} is not built: looked for {looked}; run `make build`, or name it in {variable}")]
    MissingBinary {
        /// The program.
        name: &'static str,
        /// The paths tried.
        looked: String,
        /// The environment variable that overrides the search.
        variable: &'static str,
    },
    /// CometBFT is not installed.
    #[error(
        "CometBFT is missing: looked for {looked}, and on PATH. `make demo` and `make test` build it once Go is there; \
         install Go 1.22 or newer (Debian: apt-get install golang) and run them again"
    )]
    MissingComet {
        /// The path tried.
        looked: PathBuf,
    },
    /// The file system refused something.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried, as "cannot read".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// No run of free ports.
    #[error("no {0} neighbouring ports are free on 127.0.0.1 between 20000 and 32000")]
    NoPorts(u16),
    /// A program ended with another status than zero.
    #[error("`{command}` ended with {status}:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// The exit status in words.
        status: String,
        /// Standard error, then standard output.
        output: String,
    },
    /// A program ran past its limit and was stopped.
    #[error("`{command}` ran for more than {} s and was stopped", limit.as_secs())]
    CommandTimeout {
        /// The command line.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// A wait ended without what was waited for.
    #[error("waited {} s for {what}; {detail}\nthe end of {}:\n{tail}", limit.as_secs(), log.display())]
    Timeout {
        /// What was waited for.
        what: String,
        /// What was seen last.
        detail: String,
        /// The limit.
        limit: Duration,
        /// The node's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// A node ended by itself.
    #[error("{node} ended with {status} while it was needed\nthe end of {}:\n{tail}", log.display())]
    NodeDied {
        /// The node.
        node: String,
        /// Its exit status in words.
        status: String,
        /// Its log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// A node has no such process now.
    #[error("{node} has no running {what}")]
    NotRunning {
        /// The node.
        node: String,
        /// `assayd` or `cometbft`.
        what: &'static str,
    },
    /// The gateway cannot be asked, or refused.
    #[error("{0}")]
    Gateway(#[from] assay::error::Error),
    /// A program's answer is not what its documentation says.
    #[error("{what}: {answer}")]
    Answer {
        /// What is wrong with it.
        what: String,
        /// The answer.
        answer: String,
    },
    /// A claim that the demo makes does not hold.
    #[error("{0}")]
    Claim(String),
}

impl Error {
    /// The adapter for a failed call of the file system.
    pub fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { what, path, source }
    }
}
