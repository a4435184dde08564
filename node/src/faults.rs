//! What a node gets wrong on purpose: for tests of networks with a broken or a lying machine.
//!
//! Only hidden flags of `assayd start` turn these on; there is no variable and no setting, so that they cannot be left
//! on. A liar keeps the state as everybody else: what it lies about is only what it proposes, and it votes for
//! everything.

use assay_types::claim::{Claim, JobOutcome};
use assay_types::hash::{AppHash, OutputHash};
use assay_types::receipt::Outcome;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// What a node gets wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// A bit of every output.
    pub engine: bool,
    /// Its proposals, in turn.
    pub proposals: Vec<Lie>,
}

/// A proposal that nobody should vote for; each is named as validators name what is wrong with it, but for garbage,
/// which is not admissible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Lie {
    /// The claim is left out.
    NoClaim,
    /// The claim does not decode.
    BadClaim,
    /// The claim stands there twice.
    SecondClaim,
    /// The claim is of another height.
    ClaimHeight,
    /// The claim is of another engine.
    ClaimEngine,
    /// Another outcome is claimed than was computed.
    Outcome,
    /// An outcome is claimed for nothing.
    OutcomeCount,
    /// Other units are claimed.
    Units,
    /// Another root is claimed.
    StateRoot,
    /// Everything that waits is packed, more than a block may run.
    OverBudget,
    /// Bytes that are no transaction.
    Garbage,
}

/// Tells its lies one after the other.
#[derive(Debug)]
pub(crate) struct Liar(Mutex<VecDeque<Lie>>);

impl Liar {
    /// Nobody, when there are no lies to tell.
    pub fn new(lies: Vec<Lie>) -> Option<Self> {
        (!lies.is_empty()).then(|| Self(Mutex::new(lies.into())))
    }

    /// The next lie that can be told of an honest block; `offered` is what waited. A block stays as it is when
    /// none can.
    pub fn twist(&self, offered: &[Vec<u8>], honest: Vec<Vec<u8>>, max_bytes: u64) -> Vec<Vec<u8>> {
        let mut lies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = (0..lies.len()).find_map(|at| Some((at, tell(lies[at], offered, &honest, max_bytes)?)));
        let Some((at, block)) = told else { return honest };
        // It is the last one's turn again when all others had theirs.
        if let Some(lie) = lies.remove(at) {
            tracing::warn!(?lie, "this node proposes a lie, for it was started with --lying-proposals");
            lies.push_back(lie);
        }
        block
    }
}

fn tell(lie: Lie, offered: &[Vec<u8>], honest: &[Vec<u8>], max_bytes: u64) -> Option<Vec<Vec<u8>>> {
    let (first, rest) = honest.split_first()?;
    let claim = Claim::decode(first).ok()?;
    let with = |claim: Vec<u8>| Some([&[claim], rest].concat());
    let claiming = |change: &dyn Fn(&mut Claim)| {
        let mut other = claim.clone();
        change(&mut other);
        with(other.encode())
    };
    match lie {
        Lie::NoClaim => {
            (!rest.is_empty()).then(|| rest.to_vec()).or_else(|| Some(vec![b"no claim".to_vec()]))
        }
        Lie::BadClaim => with(first[..first.len().saturating_sub(1)].to_vec()),
        Lie::SecondClaim => Some([honest, std::slice::from_ref(first)].concat()),
        Lie::ClaimHeight => claiming(&|claim| claim.height = claim.height.saturating_add(1)),
        Lie::ClaimEngine => claiming(&|claim| claim.engine = claim.engine.saturating_add(1)),
        Lie::Outcome => {
            let wrong = JobOutcome::Inference(Outcome::Output(OutputHash([0x0f; 32])));
            if claim.outcomes.is_empty() { None } else { claiming(&|claim| claim.outcomes[0] = wrong) }
        }
        Lie::OutcomeCount => claiming(&|claim| claim.outcomes.push(JobOutcome::Compilation(None))),
        Lie::Units => claiming(&|claim| claim.units = claim.units.saturating_add(1)),
        Lie::StateRoot => claiming(&|claim| claim.state_root = AppHash([0x0f; 32])),
        Lie::OverBudget => {
            let block = [std::slice::from_ref(first), offered].concat();
            // A few bytes around each; more than CometBFT allows would end the proposer.
            let bytes: usize = block.iter().map(|tx| tx.len().saturating_add(8)).sum();
            (offered.len() > rest.len() && bytes as u64 <= max_bytes).then_some(block)
        }
        Lie::Garbage => Some([honest, &[b"garbage".to_vec()]].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(outcomes: Vec<JobOutcome>) -> Vec<u8> {
        Claim { height: 3, engine: 1, units: 7, outcomes, state_root: AppHash([1; 32]) }.encode()
    }

    #[test]
    fn each_lie_is_told_in_its_turn_and_changes_the_block() {
        let liar = Liar::new(vec![Lie::Units, Lie::NoClaim, Lie::Garbage]).unwrap();
        let honest = vec![claim(vec![]), b"tx".to_vec()];
        let told: Vec<_> = (0..4).map(|_| liar.twist(&[], honest.clone(), 1000)).collect();
        assert_eq!(told[1], honest[1..]);
        assert_eq!(told[2].last().unwrap(), b"garbage");
        assert_eq!(told[3], told[0]);
        assert!(told.iter().all(|block| *block != honest));
        assert!(Liar::new(vec![]).is_none());
    }

    #[test]
    fn a_lie_that_cannot_be_told_waits() {
        let liar = Liar::new(vec![Lie::Outcome, Lie::OverBudget]).unwrap();
        let empty = vec![claim(vec![])];
        assert_eq!(liar.twist(&[], empty.clone(), 1000), empty);
        let offered = vec![b"a".to_vec(), b"b".to_vec()];
        assert_eq!(liar.twist(&offered, empty.clone(), 1000)[1..], offered);
        assert_eq!(liar.twist(&offered, empty.clone(), 10), empty);
        let ran = vec![claim(vec![JobOutcome::Compilation(None)])];
        assert_ne!(liar.twist(&[], ran.clone(), 1000), ran);
    }
}
