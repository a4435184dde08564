//! The proposals that this node voted against: counted by kind, the last one kept for `assayd status`, each said in
//! the log.

use crate::metrics;
use assay_core::Refusal;
use assay_types::api::RefusedProposal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module. Cheap to clone; the clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: Option<RefusedProposal>,
    /// The kinds are few: they are names in the program.
    counts: BTreeMap<String, u64>,
}

impl Refusals {
    /// Notes a refusal; `proposer` is the proposer's address.
    pub fn note(&self, height: u64, proposer: &[u8], refusal: Refusal) {
        let Refusal { kind, detail } = refusal;
        metrics::proposal_refused(kind);
        let proposer = hex::encode_upper(proposer);
        tracing::warn!(height, proposer, kind, detail, "a proposal is refused");
        let refused = RefusedProposal { height, proposer, kind: kind.into(), detail };
        let mut known = self.known();
        let count = known.counts.entry(kind.into()).or_default();
        *count = count.saturating_add(1);
        known.last = Some(refused);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many by kind, since the node started.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.known().counts.clone()
    }

    /// The last one since the node started.
    pub fn last(&self) -> Option<RefusedProposal> {
        self.known().last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_refusal_and_the_counts_are_kept_by_every_clone() {
        let (refusals, other) = (Refusals::default(), Refusals::default());
        let clone = refusals.clone();
        for (height, kind) in [(3, "no_claim"), (3, "outcome"), (4, "outcome")] {
            refusals.note(height, &[0xab; 20], Refusal { kind, detail: "why".into() });
        }
        let last = clone.last().unwrap();
        assert_eq!((last.height, last.kind.as_str(), last.detail.as_str()), (4, "outcome", "why"));
        assert_eq!(last.proposer, "AB".repeat(20));
        let counts = [("no_claim".to_owned(), 1), ("outcome".to_owned(), 2)];
        assert_eq!(clone.counts(), BTreeMap::from(counts));
        assert_eq!((other.last(), other.counts().len()), (None, 0));
    }
}
