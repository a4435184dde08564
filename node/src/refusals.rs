//! The last proposal that this node voted against: kept for `assayd status`, counted, and said in the log.

use crate::metrics;
use assay_core::Refusal;
use assay_types::api::RefusedProposal;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module. Cheap to clone; the clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<Option<RefusedProposal>>>);

impl Refusals {
    /// Notes a refusal; `proposer` is the proposer's address.
    pub fn note(&self, height: u64, proposer: &[u8], refusal: Refusal) {
        let Refusal { kind, detail } = refusal;
        metrics::proposal_refused(kind);
        let proposer = hex::encode_upper(proposer);
        tracing::warn!(height, proposer, kind, detail, "a proposal is refused");
        let refused = RefusedProposal { height, proposer, kind: kind.into(), detail };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
    }

    /// The last one since the node started.
    pub fn last(&self) -> Option<RefusedProposal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_refusal_is_kept_by_every_clone() {
        let (refusals, other) = (Refusals::default(), Refusals::default());
        let clone = refusals.clone();
        for (height, kind) in [(3, "no_claim"), (4, "outcome")] {
            refusals.note(height, &[0xab; 20], Refusal { kind, detail: "why".into() });
        }
        let last = clone.last().unwrap();
        assert_eq!((last.height, last.kind.as_str(), last.detail.as_str()), (4, "outcome", "why"));
        assert_eq!(last.proposer, "AB".repeat(20));
        assert_eq!(other.last(), None);
    }
}
