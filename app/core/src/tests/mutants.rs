//! Honest proposals, changed: none is voted for, and none makes a validator panic.

use super::chain::*;
use crate::Verdict;
use assay_types::claim::{Claim, JobOutcome};
use assay_types::hash::{AppHash, OutputHash};
use assay_types::receipt::Outcome;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::OnceLock;

/// A change of a block that is not empty.
#[derive(Debug, Clone)]
enum Mutation {
    /// A bit of the claim.
    ClaimBit(Index, u8),
    /// A bit of any transaction.
    Bit(Index, Index, u8),
    /// Bytes cut off the end of the claim, or put there.
    Cut(Index),
    Grow(Vec<u8>),
    Height(u64),
    Engine(u32),
    Units(u64),
    Root([u8; 32]),
    Outcome(Index, JobOutcome),
    DropOutcome(Index),
    AddOutcome(Index, JobOutcome),
    DropClaim,
    DuplicateClaim(Index),
    MoveClaim(Index),
    DropTx(Index),
    RepeatTx(Index),
    Garbage(Index, Vec<u8>),
    /// Well signed, with a nonce that is not the next one.
    Early(Index, u64),
    /// More inferences than a block may have, with a claim that is right.
    OverBudget,
}

fn any_outcome() -> impl Strategy<Value = JobOutcome> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(|hash| JobOutcome::Inference(Outcome::Output(OutputHash(hash)))),
        Just(JobOutcome::Inference(Outcome::Failed)),
        Just(JobOutcome::Compilation(None)),
    ]
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::*;
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(place, bit)| ClaimBit(place, bit)),
        4 => (at(), at(), 0..8u8).prop_map(|(tx, place, bit)| Bit(tx, place, bit)),
        1 => at().prop_map(Cut),
        1 => bytes().prop_map(Grow),
        1 => any::<u64>().prop_map(Height),
        1 => any::<u32>().prop_map(Engine),
        1 => any::<u64>().prop_map(Units),
        1 => any::<[u8; 32]>().prop_map(Root),
        2 => (at(), any_outcome()).prop_map(|(place, outcome)| Outcome(place, outcome)),
        1 => at().prop_map(DropOutcome),
        1 => (at(), any_outcome()).prop_map(|(place, outcome)| AddOutcome(place, outcome)),
        1 => Just(DropClaim),
        1 => at().prop_map(DuplicateClaim),
        1 => at().prop_map(MoveClaim),
        1 => at().prop_map(DropTx),
        1 => at().prop_map(RepeatTx),
        1 => (at(), bytes()).prop_map(|(place, bytes)| Garbage(place, bytes)),
        1 => (at(), 1..9u64).prop_map(|(place, by)| Early(place, by)),
        1 => Just(OverBudget),
    ]
}

/// The block with its claim changed.
fn lie(block: &[Vec<u8>], change: impl FnOnce(&mut Claim)) -> Vec<Vec<u8>> {
    let mut claim = Claim::decode(&block[0]).unwrap();
    change(&mut claim);
    [&[claim.encode()], &block[1..]].concat()
}

fn mutate(chain: &Chain, block: &[Vec<u8>], mutation: &Mutation) -> Vec<Vec<u8>> {
    let mut other = block.to_vec();
    let outcomes = Claim::decode(&block[0]).unwrap().outcomes.len();
    let after = |place: &Index| 1 + place.index(block.len());
    match mutation {
        Mutation::ClaimBit(place, bit) => other[0][place.index(block[0].len())] ^= 1 << bit,
        Mutation::Bit(tx, place, bit) => {
            let tx = &mut other[tx.index(block.len())];
            let at = place.index(tx.len());
            tx[at] ^= 1 << bit;
        }
        Mutation::Cut(place) => other[0].truncate(place.index(block[0].len())),
        Mutation::Grow(bytes) => other[0].extend(bytes),
        Mutation::Height(height) => return lie(block, |claim| claim.height = *height),
        Mutation::Engine(engine) => return lie(block, |claim| claim.engine = *engine),
        Mutation::Units(units) => return lie(block, |claim| claim.units = *units),
        Mutation::Root(root) => return lie(block, |claim| claim.state_root = AppHash(*root)),
        Mutation::Outcome(place, outcome) => {
            return lie(block, |claim| claim.outcomes[place.index(outcomes)] = *outcome);
        }
        Mutation::DropOutcome(place) => {
            return lie(block, |claim| {
                let _ = claim.outcomes.remove(place.index(outcomes));
            });
        }
        Mutation::AddOutcome(place, outcome) => {
            return lie(block, |claim| claim.outcomes.insert(place.index(outcomes + 1), *outcome));
        }
        Mutation::DropClaim => drop(other.remove(0)),
        Mutation::DuplicateClaim(place) => other.insert(after(place), block[0].clone()),
        Mutation::MoveClaim(place) => {
            let claim = other.remove(0);
            other.insert(place.index(block.len()), claim);
        }
        Mutation::DropTx(place) => drop(other.remove(1 + place.index(block.len() - 1))),
        Mutation::RepeatTx(place) => {
            let tx = other[1 + place.index(block.len() - 1)].clone();
            other.push(tx);
        }
        Mutation::Garbage(place, bytes) => other.insert(after(place), bytes.clone()),
        Mutation::Early(place, by) => {
            let carol = Who::carol();
            other.insert(after(place), carol.sign(*by, vec![pay(&carol, 1)]));
        }
        Mutation::OverBudget => {
            let bob = Who::bob();
            let nonce = chain.nonce(&bob);
            let txs: Vec<_> = (nonce..nonce + 4).map(|nonce| bob.sign(nonce, vec![infer_neg()])).collect();
            // Claimed as if the block had room for all of them.
            let mut claim = chain.claim(&txs[..3]);
            claim.outcomes.push(claim.outcomes[0]);
            return [&[claim.encode()], &txs[..]].concat();
        }
    }
    other
}

/// A proposer and its honest block, and a validator who has not seen it.
fn scene() -> &'static (Chain, Chain, Vec<Vec<u8>>) {
    static SCENE: OnceLock<(Chain, Chain, Vec<Vec<u8>>)> = OnceLock::new();
    SCENE.get_or_init(|| {
        let start = || {
            let mut state = genesis();
            state.params.max_block_inferences = 3;
            let chain = Chain::start(&state, None);
            chain.seal(NEG);
            chain
        };
        let (proposer, validator) = (start(), start());
        let (alice, bob) = (Who::alice(), Who::bob());
        let (of_alice, of_bob) = (proposer.nonce(&alice), proposer.nonce(&bob));
        let txs = vec![
            alice.sign(of_alice, vec![pay(&Who::carol(), 5_000_000)]),
            bob.sign(of_bob, vec![infer_neg(), infer(NEG, vec![floats("x", &[0.5; 4])])]),
            alice.sign(of_alice + 1, vec![publish(b"gather"), upload(b"gather", 0), seal(b"gather")]),
            bob.sign(of_bob + 1, vec![infer(NEG, vec![floats("x", &[0.25; 4])])]),
        ];
        let block = proposer.app.prepare_proposal(proposer.next(), txs, u64::MAX).unwrap();
        assert_eq!(block.len(), 5);
        (proposer, validator, block)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_proposal_is_refused(mutation in any_mutation()) {
        let (proposer, validator, block) = scene();
        let other = mutate(validator, block, &mutation);
        for node in [proposer, validator] {
            let verdict = node.app.process_proposal(node.next(), &other).unwrap();
            match verdict {
                Verdict::Accept => prop_assert_eq!(&other, block),
                Verdict::Reject(refusal) => {
                    prop_assert!(&other != block && !refusal.kind.is_empty(), "{}", refusal);
                }
            }
        }
    }
}

#[test]
fn the_unchanged_proposal_is_accepted_after_all_of_them() {
    let (_, validator, block) = scene();
    assert_eq!(validator.app.process_proposal(validator.next(), block).unwrap(), Verdict::Accept);
}
