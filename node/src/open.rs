//! Opening a home's state: whether this program is the one for it.
//!
//! The state names the version of the state machine and the engines that it needs, and the directory its format. A
//! program that has others refuses to start, before anything is written.

use crate::engine::Compilers;
use crate::error::{Error, Result};
use crate::node::Options;
use crate::priority::stand_back;
use assay_core::App;
use assay_store::{Store, Warmed};

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
    let store = Store::open(&path).map_err(|error| match error {
        assay_store::StoreError::Format { .. } => state_error(&error.into()),
        error => {
            let hint = "stop the other node on this home; check the disk's space and permissions";
            Error::failed("store", format!("{}: {error}", path.display()), hint)
        }
    })?;
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

/// Why a state is not opened. One of another version is whole: only the program has to change.
fn state_error(error: &assay_core::Fatal) -> Error {
    if error.is_other_version() {
        let hint =
            "`assayd version --long` says what this program is for; docs/compatibility.md lists the others";
        return Error::failed(
            "other_version",
            format!("this assayd is not the one for this state: {error}"),
            hint,
        );
    }
    Error::failed("state", error, "see docs/operators.md; the state is as the last commit left it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_another_version_is_refused_with_both_numbers_and_where_to_look() {
        let other = [
            assay_core::Fatal::OtherVersion { found: 7, supported: 1 },
            assay_core::Fatal::UnknownEngine(7),
            assay_core::Fatal::OtherEnginePart { number: 1, what: "price table", expected: 7, found: 1 },
        ];
        for error in other {
            let refused = state_error(&error);
            let text = refused.to_string();
            assert!(text.contains('7') && text.contains("this assayd is not the one"), "{text}");
            assert_eq!((refused.exit_code(), refused.hint().contains("docs/compatibility.md")), (1, true));
        }
        assert!(!state_error(&assay_core::Fatal::NoChain).to_string().contains("this assayd"));
    }
}
