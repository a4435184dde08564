//! Taking the last block back, on a node that is stopped.
//!
//! The state, and what the node's index has of the block, are as they were before it. The block itself is consensus's
//! to keep: it hands it in again, and it is executed anew.

use crate::app::Committed;
use crate::chain;
use crate::fatal::Fatal;
use crate::index;
use assay_store::Store;

/// What the state would be without its last block. Nothing is written.
///
/// # Errors
/// [`Fatal`] when the block cannot be taken back, the state is of another app version, or the store fails.
pub fn before_last(store: &Store) -> Result<Committed, Fatal> {
    let found = chain::chain(&store.view())?.app_version;
    if found != chain::APP_VERSION {
        return Err(Fatal::OtherVersion { found, supported: chain::APP_VERSION });
    }
    let before = store.before_last()?;
    Ok(Committed { height: before.version, app_hash: before.root })
}

/// Takes the last block back, and says what the last one is now.
///
/// # Errors
/// As [`before_last`]; nothing is written then.
pub fn roll_back(store: &Store) -> Result<Committed, Fatal> {
    let last = before_last(store)?.height.saturating_add(1);
    let before = store.rollback(&index::keys(store, last)?.unwrap_or_default())?;
    Ok(Committed { height: before.version, app_hash: before.root })
}
