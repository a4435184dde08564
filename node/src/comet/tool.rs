//! CometBFT's own commands on a home whose node is stopped.

use crate::home::Home;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Why one of CometBFT's commands did nothing.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// CometBFT has no settings and no blocks on this home.
    #[error("CometBFT has never run on this home: there is nothing to take back")]
    NeverRan,
    /// The program does not start.
    #[error("{program}: {error}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// It says no.
    #[error("`cometbft {command}` failed: {reason}")]
    Refused {
        /// The command.
        command: &'static str,
        /// Its last words.
        reason: String,
    },
}

/// Where CometBFT is after its state was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The height of its state.
    pub height: u64,
    /// The app hash after that height, as the header of the next one says, hexadecimal.
    pub app_hash: String,
}

/// Takes CometBFT's state back by one height. Its blocks stay. A state that is behind its last block already stays too.
///
/// # Errors
/// When it never ran here, still runs, or has no block to go back to.
pub fn rollback(binary: &Path, home: &Home) -> Result<RolledBack, ToolError> {
    if !home.comet_config().is_file() || !home.comet_blocks().is_dir() {
        return Err(ToolError::NeverRan);
    }
    let output = Command::new(binary)
        .args(["rollback", "--home"])
        .arg(home.root())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ToolError::Start { program: binary.display().to_string(), error })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rolled_back = said.lines().find_map(parse);
    match rolled_back.filter(|_| output.status.success()) {
        Some(rolled_back) => Ok(rolled_back),
        None => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = |text: &str| {
                text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
            };
            let reason = last(&errors).or_else(|| last(&said)).unwrap_or_else(|| output.status.to_string());
            Err(ToolError::Refused { command: "rollback", reason })
        }
    }
}

/// Reads `Rolled back state to height 7 and hash AB12...`.
fn parse(line: &str) -> Option<RolledBack> {
    let (_, rest) = line.strip_prefix("Rolled back ")?.split_once("height ")?;
    let (height, hash) = rest.split_once(" and hash ")?;
    Some(RolledBack { height: height.trim().parse().ok()?, app_hash: hash.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_answer_is_read_and_nothing_else() {
        let read = parse("Rolled back state to height 7 and hash AB12").unwrap();
        assert_eq!((read.height, read.app_hash.as_str()), (7, "AB12"));
        assert_eq!(parse("Rolled back both state and block to height 7 and hash AB12").unwrap().height, 7);
        for line in
            ["", "Rolled back", "Rolled back state to height x and hash AB", "I[2026] height 7 and hash AB"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_cometbfts_words() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        home.create().unwrap();
        let program = folder.path().join("cometbft");
        let script =
            "#!/bin/sh\necho 'I[1] opening'\necho 'ERROR: failed: block at height 0 not found' >&2\nexit 1\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(rollback(&program, &home), Err(ToolError::NeverRan)));
        std::fs::write(home.comet_config(), "").unwrap();
        std::fs::create_dir(home.comet_blocks()).unwrap();
        let error = rollback(&program, &home).unwrap_err().to_string();
        assert!(error.contains("block at height 0 not found"), "{error}");
    }
}
