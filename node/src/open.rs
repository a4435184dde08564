//! Opening a home's state: whether this program is the one for it.
//!
//! The state names the version of the state machine and the engines that it needs, and the directory its format. A
//! program that has others refuses to start, before anything is written.

use crate::engine::Compilers;
use crate::error::{Error, Result};
use crate::node::Options;
use crate::priority::stand_back;
use assay_core::{App, Fatal};
use assay_store::{Store, StoreError, Warmed};

/// Opens a home's state with this program's engines.
///
/// # Errors
/// When the state is of another version, is open elsewhere, or is damaged.
pub(crate) fn state(options: &Options, compilers: Compilers) -> Result<App> {
    let engine = compilers.engine(options.home.root().join("data/plans"));
    let engine = if options.faults.engine {
        tracing::warn!("this node gets a bit of every output wrong, for it was started with --faulty-engine");
        engine.with_a_fault()
    } else {
        engine
    };
    let path = options.home.store();
    let store = Store::open(&path).map_err(|error| state_error(&error.into()))?;
    warm(store.clone());
    App::open(store, engine).map_err(|error| state_error(&error))
}

/// Reads the state's tree into memory on a thread of its own. Until it is there, blocks and proofs wait for the disk.
fn warm(store: Store) {
    let read = move || {
        stand_back();
        match store.warm() {
            Ok(Warmed { records, whole }) => tracing::debug!(records, whole, "the tree is in memory"),
            Err(error) => tracing::warn!(%error, "the tree cannot be read into memory"),
        }
    };
    if let Err(error) = std::thread::Builder::new().name("warm".into()).spawn(read) {
        tracing::warn!(%error, "the tree is not read into memory");
    }
}

/// Where the programs are listed that a state may be for.
const OTHER_PROGRAM: &str =
    "`assayd version --long` says what this program is for; docs/compatibility.md lists the others";

/// Why the state's database is not opened, read or written, and what to do.
pub(crate) fn store_error(error: &StoreError) -> Error {
    let (name, hint) = match error {
        StoreError::Locked { .. } => ("running", "stop the node on this home first, then try again"),
        StoreError::NoGenesis => ("no_state", "start the node first: there is no state yet"),
        StoreError::Format { .. } => ("other_version", OTHER_PROGRAM),
        StoreError::NoWayBack { .. } => ("no_way_back", "see docs/runbooks/restore.md; nothing was changed"),
        StoreError::UnknownVersion { .. } => {
            ("not_kept", "name a height that is kept; an archive node has all")
        }
        StoreError::Full(_) => {
            ("disk_full", "make room on the disk and start again: the state is as the last commit left it")
        }
        error if error.is_damage() => (
            "damaged_state",
            "move data/app.db away, then `assayd snapshots list` and `assayd snapshots restore`; \
             docs/runbooks/restore.md has all the ways",
        ),
        _ => ("store", "check the disk's space and permissions; see docs/runbooks/restore.md"),
    };
    Error::failed(name, error, hint)
}

/// As [`store_error`], for what the state machine says. A state of another version is whole: only the program has to
/// change.
pub(crate) fn state_error(error: &Fatal) -> Error {
    match error {
        error if error.is_other_version() => Error::failed(
            "other_version",
            format!("this assayd is not the one for this state: {error}"),
            OTHER_PROGRAM,
        ),
        Fatal::Store(error) => store_error(error),
        Fatal::NoChain => store_error(&StoreError::NoGenesis),
        error => Error::failed("state", error, "see docs/runbooks/mismatch.md and docs/operators.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_another_version_is_refused_with_both_numbers_and_where_to_look() {
        let other = [
            Fatal::OtherVersion { found: 7, supported: 1 },
            Fatal::UnknownEngine(7),
            Fatal::OtherEnginePart { number: 1, what: "price table", expected: 7, found: 1 },
        ];
        for error in other {
            let refused = state_error(&error);
            let text = refused.to_string();
            assert!(text.contains('7') && text.contains("this assayd is not the one"), "{text}");
            assert_eq!((refused.exit_code(), refused.hint().contains("docs/compatibility.md")), (1, true));
        }
        assert!(!state_error(&Fatal::NoChain).to_string().contains("this assayd"));
    }

    #[test]
    fn what_is_damaged_and_what_has_no_room_are_two_things_with_two_ways_out() {
        let of = |error: StoreError| {
            let refused = state_error(&error.into());
            let name = refused.to_json()["error"]["name"].as_str().unwrap().to_owned();
            (name, refused.exit_code(), refused.hint().to_owned())
        };
        let (name, code, way) = of(StoreError::Corrupt("a block".into()));
        assert_eq!((name.as_str(), code, way.contains("snapshots restore")), ("damaged_state", 1, true));
        assert_eq!(of(StoreError::MissingRoot { version: 3 }).0, "damaged_state");
        let (name, code, way) = of(StoreError::Full("No space left on device".into()));
        assert_eq!((name.as_str(), code, way.contains("make room")), ("disk_full", 1, true));
        let (name, _, way) = of(StoreError::Locked { dir: "app.db".into() });
        assert_eq!((name.as_str(), way.contains("stop the node")), ("running", true));
    }
}
