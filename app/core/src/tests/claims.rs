//! Claims: what an honest one says, and that no other is voted for or written.

use super::chain::*;
use super::toy::Toy;
use crate::{Divergence, Fatal, Refusal, Verdict};
use assay_genesis::state::MIN_BLOCK_UNITS;
use assay_types::claim::{Claim, JobOutcome};
use assay_types::hash::{AppHash, OutputHash, PlanHash};
use assay_types::message::{Infer, Message};
use assay_types::receipt::Outcome;
use assay_types::tensor::output_hash;

/// A node with a sealed model; two of them are at the same height.
fn node() -> Chain {
    let chain = Chain::new();
    chain.seal(NEG);
    chain
}

/// A transfer, an inference, one whose transaction fails after it ran, and a compilation.
fn work(chain: &Chain) -> Vec<Vec<u8>> {
    let (alice, bob) = (Who::alice(), Who::bob());
    let (of_alice, of_bob) = (chain.nonce(&alice), chain.nonce(&bob));
    let expect_output_hash = Some(OutputHash([9; 32]));
    let inputs = vec![floats("x", &[5.0, 6.0, 7.0, 8.0])];
    let missed = Message::Infer(Infer { model: id(NEG), inputs, expect_output_hash });
    vec![
        alice.sign(of_alice, vec![pay(&bob, 5)]),
        bob.sign(of_bob, vec![infer_neg()]),
        bob.sign(of_bob + 1, vec![pay(&alice, 1), missed]),
        alice.sign(of_alice + 1, vec![publish(b"gather"), upload(b"gather", 0), seal(b"gather")]),
        alice.sign(of_alice + 2, vec![publish(b"junk"), upload(b"junk", 0), seal(b"junk")]),
    ]
}

/// An honest block of that work, and the claim in it.
fn honest(chain: &Chain) -> (Claim, Vec<Vec<u8>>) {
    let packed = chain.app.prepare_proposal(chain.next(), work(chain), u64::MAX).unwrap();
    assert_eq!(packed.len(), 6);
    (Claim::decode(&packed[0]).unwrap(), packed)
}

fn judged(chain: &Chain, block: &[Vec<u8>]) -> Result<(), Refusal> {
    match chain.app.process_proposal(chain.next(), block).unwrap() {
        Verdict::Accept => Ok(()),
        Verdict::Reject(refusal) => Err(refusal),
    }
}

/// The block with another claim.
fn with(claim: &Claim, block: &[Vec<u8>]) -> Vec<Vec<u8>> {
    [&[claim.encode()], &block[1..]].concat()
}

#[test]
fn a_claim_says_what_ran_in_order_and_where_it_leads() {
    let chain = node();
    let (claim, block) = honest(&chain);
    let output = |values: &[f32]| JobOutcome::Inference(Outcome::Output(output_hash(&[floats("y", values)])));
    assert_eq!(claim.outcomes.len(), 4);
    assert_eq!(claim.outcomes[..2], [output(&[-1.0, -2.0, -3.0, -4.0]), output(&[-5.0, -6.0, -7.0, -8.0])]);
    assert!(matches!(claim.outcomes[2], JobOutcome::Compilation(Some(_))));
    assert_eq!(claim.outcomes[3], JobOutcome::Compilation(None));
    assert_eq!((claim.height, claim.engine), (chain.next(), 1));
    let result = chain.decide(&block).unwrap();
    assert_eq!(claim.state_root, result.app_hash);
    assert_eq!(claim.units, result.tx_results.iter().map(|result| result.units).sum::<u64>());
    let codes: Vec<u32> = result.tx_results.iter().map(|result| result.code).collect();
    assert_eq!(codes, [0, 0, 0, 56, 0, 42]);
}

/// Lies about a claim, and the kind of the refusal.
type Lie = (&'static str, fn(&mut Claim));

#[test]
fn every_lie_is_refused_and_named() {
    let (proposer, validator) = (node(), node());
    let (claim, block) = honest(&proposer);
    let lies: [Lie; 9] = [
        ("claim_height", |claim| claim.height += 1),
        ("claim_engine", |claim| claim.engine = 2),
        ("units", |claim| claim.units += 1),
        ("units", |claim| claim.units = 0),
        ("outcome", |claim| claim.outcomes[1] = JobOutcome::Inference(Outcome::Failed)),
        ("outcome", |claim| claim.outcomes[3] = JobOutcome::Compilation(Some(PlanHash([0; 32])))),
        ("outcome_count", |claim| claim.outcomes.truncate(3)),
        ("outcome_count", |claim| claim.outcomes.push(JobOutcome::Compilation(None))),
        ("state_root", |claim| claim.state_root = AppHash([0; 32])),
    ];
    for (kind, lie) in lies {
        let mut other = claim.clone();
        lie(&mut other);
        for node in [&proposer, &validator] {
            assert_eq!(judged(node, &with(&other, &block)).unwrap_err().kind, kind, "{other:?}");
        }
    }
    let mut other = claim;
    other.outcomes[1] = JobOutcome::Inference(Outcome::Failed);
    let refusal = judged(&validator, &with(&other, &block)).unwrap_err();
    let named = assay_types::hash::TxHash::of(&block[3]).to_string();
    assert!(refusal.detail.contains("job 1") && refusal.detail.contains(&named), "{refusal}");
    assert_eq!(judged(&validator, &block), Ok(()));
}

#[test]
fn a_block_has_exactly_one_claim_and_it_comes_first() {
    let chain = node();
    let (claim, block) = honest(&chain);
    let kind = |block: &[Vec<u8>]| judged(&chain, block).unwrap_err().kind;
    assert_eq!(kind(&block[1..]), "no_claim");
    assert_eq!(kind(&[&block[..1], &block[..]].concat()), "second_claim");
    assert_eq!(kind(&[&block[1..], &block[..1]].concat()), "no_claim");
    let trailing = [claim.encode(), vec![0]].concat();
    assert_eq!(kind(&[&[trailing], &block[1..]].concat()), "bad_claim");
    assert_eq!(kind(&[b"claim v1".to_vec()]), "bad_claim");
    // A count that no memory could hold.
    let mut huge = claim.encode();
    huge[28..32].copy_from_slice(&[0xff; 4]);
    assert_eq!(kind(&[huge]), "bad_claim");
}

#[test]
fn a_block_of_nothing_needs_no_claim_and_does_nothing() {
    let chain = node();
    let root = chain.app.info().unwrap().app_hash;
    assert_eq!(judged(&chain, &[]), Ok(()));
    let result = chain.decide(&[]).unwrap();
    assert!(result.tx_results.is_empty());
    chain.app.commit().unwrap();
    assert_eq!(chain.app.info().unwrap().app_hash, root);
}

#[test]
fn a_claim_is_taken_from_nobody_but_a_proposer() {
    let chain = node();
    let claim = chain.claim(&[]).encode();
    for bytes in [claim.clone(), b"claim v1".to_vec()] {
        assert_eq!(chain.app.check_tx(&bytes).unwrap().unwrap_err().code(), 14);
        let packed = chain.app.prepare_proposal(chain.next(), vec![bytes], u64::MAX).unwrap();
        assert_eq!(packed, std::slice::from_ref(&claim));
    }
}

#[test]
fn the_claims_bytes_are_counted_with_its_outcomes() {
    let chain = node();
    let (_, block) = honest(&chain);
    let field = |len: usize| (len + if len < 128 { 2 } else { 3 }) as u64;
    // The first two transactions: one outcome.
    let two = field(block[1].len()) + field(block[2].len());
    let exact = two + field(Claim::most_bytes(1));
    for (most, count) in [(exact - 1, 2), (exact, 3)] {
        let txs = work(&chain)[..2].to_vec();
        let packed = chain.app.prepare_proposal(chain.next(), txs, most).unwrap();
        assert_eq!(packed.len(), count);
        let bytes: u64 = packed.iter().map(|tx| field(tx.len())).sum();
        assert!(bytes <= most && judged(&chain, &packed).is_ok());
    }
}

fn divergence(chain: &Chain, block: &[Vec<u8>]) -> Divergence {
    let (before, info) = (chain.dump(), chain.app.info().unwrap());
    let Err(Fatal::Divergence(found)) = chain.decide(block) else { panic!("no divergence") };
    // Nothing can be written after it.
    assert!(matches!(chain.app.commit(), Err(Fatal::NothingToCommit)));
    assert_eq!((chain.dump(), chain.app.info().unwrap()), (before, info));
    *found
}

#[test]
fn a_decided_block_that_is_not_what_this_machine_computes_stops_it() {
    let chain = node();
    let (claim, block) = honest(&chain);
    let mut other = claim.clone();
    other.outcomes[1] = JobOutcome::Inference(Outcome::Failed);
    let found = divergence(&chain, &with(&other, &block));
    assert_eq!((found.height, found.refusal.kind), (chain.next(), "outcome"));
    assert_eq!((found.claimed.as_ref(), found.computed.as_ref()), (Some(&other), Some(&claim)));
    let different = found.job.unwrap();
    assert_eq!((different.position, different.claimed), (1, Some(other.outcomes[1])));
    let job = different.job.unwrap();
    assert_eq!((job.message, job.model, job.engine), (1, id(NEG), 1));
    assert_eq!((job.outcome, job.tx_hash), (claim.outcomes[1], assay_types::hash::TxHash::of(&block[3])));
    let mut other = claim;
    other.state_root = AppHash([1; 32]);
    let found = divergence(&chain, &with(&other, &block));
    assert_eq!((found.refusal.kind, found.job), ("state_root", None));
    // The same process could go on: it holds nothing of the other block.
    assert_eq!(chain.decide(&block).unwrap().app_hash, found.computed.unwrap().state_root);
}

#[test]
fn a_decided_block_without_a_sound_claim_stops_the_machine() {
    let chain = node();
    let (claim, block) = honest(&chain);
    assert_eq!(divergence(&chain, &block[1..]).refusal.kind, "no_claim");
    assert_eq!(divergence(&chain, &[b"claim v1".to_vec()]).refusal.kind, "bad_claim");
    let late = Claim { height: claim.height - 1, ..claim };
    assert_eq!(divergence(&chain, &with(&late, &block)).refusal.kind, "claim_height");
}

#[test]
fn a_machine_with_a_wrong_bit_is_refused_refuses_and_stops() {
    let (sound, faulty) = (node(), node());
    let Chain { dir, app } = faulty;
    drop(app);
    let faulty = Chain { app: open_with(&dir, Toy::new(None), |engine| engine.with_a_fault()), dir };
    let (_, wrong) = honest(&faulty);
    let refusal = judged(&sound, &wrong).unwrap_err();
    assert_eq!(refusal.kind, "outcome");
    assert!(refusal.detail.contains(&id(NEG).to_string()), "{refusal}");
    let (claim, block) = honest(&sound);
    assert_eq!(judged(&faulty, &block).unwrap_err().kind, "outcome");
    let found = divergence(&faulty, &block);
    let job = found.job.unwrap();
    assert_eq!((job.position, job.claimed), (0, Some(claim.outcomes[0])));
    assert_ne!(job.job.unwrap().outcome, claim.outcomes[0]);
    // Mended, it takes the block and is where the others are.
    let mended = faulty.restart();
    assert_eq!(mended.decide(&block).unwrap(), sound.decide(&block).unwrap());
}

#[test]
fn a_block_over_a_budget_is_refused_as_such() {
    let mut state = genesis();
    state.params.max_block_units = MIN_BLOCK_UNITS;
    let chain = Chain::start(&state, None);
    let txs: Vec<_> = (0..6).map(|nonce| Who::alice().sign(nonce, vec![pay(&Who::bob(), 1)])).collect();
    assert_eq!(judged(&chain, &chain.claimed(&txs)).unwrap_err().kind, "over_budget");
}
