//! A block's writes with the root they lead to, before they are committed.

use crate::Changes;
use crate::update::Update;
use assay_types::hash::AppHash;

/// Changes whose root is known, and which only [`Store::commit`](crate::Store::commit) can write. Dropping it
/// leaves no trace.
#[derive(Debug, Clone)]
pub struct Staged {
    pub(crate) version: u64,
    pub(crate) parent: AppHash,
    pub(crate) root: AppHash,
    pub(crate) update: Update,
    pub(crate) changes: Changes,
}

impl Staged {
    /// The height these changes are for.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The root of the state once they are committed.
    pub fn root(&self) -> AppHash {
        self.root
    }

    /// The root that they were computed on.
    pub fn parent(&self) -> AppHash {
        self.parent
    }
}
