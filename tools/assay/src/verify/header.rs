//! The signed header: that it hangs together, and that more than two thirds of the validators signed it.
//!
//! The light client's own predicates decide, with one rule more: every signature for the block must be good,
//! not only enough of them, so that no changed bit of one goes unnoticed.

use super::parts::Parts;
use super::{Finding, ensure};
use tendermint::trust_threshold::{TrustThreshold as _, TrustThresholdFraction};
use tendermint_light_client_verifier::operations::{
    ProdCommitValidator, ProdVotingPowerCalculator, VotingPowerCalculator,
};
use tendermint_light_client_verifier::predicates::{ProdPredicates, VerificationPredicates};

pub fn check(parts: &Parts) -> Finding {
    let signed = &parts.header;
    let header = &signed.header;
    let chain = header.chain_id.as_str();
    ensure(chain == parts.bundle.chain_id, || {
        format!("the header is of chain {chain}, the bundle says {:?}", parts.bundle.chain_id)
    })?;
    let say = |error: tendermint_light_client_verifier::errors::VerificationError| error.0.to_string();
    let predicates = ProdPredicates;
    predicates.validator_sets_match(&parts.validators, header.validators_hash).map_err(say)?;
    predicates.header_matches_commit(header, signed.commit.block_id.hash).map_err(say)?;
    predicates.valid_commit(signed, &parts.validators, &ProdCommitValidator).map_err(say)?;
    // A threshold that cannot be met makes the calculator look at every signature.
    let all = TrustThresholdFraction::new(1, 1).map_err(|error| error.to_string())?;
    let tally =
        ProdVotingPowerCalculator::default().voting_power_in(signed, &parts.validators, all).map_err(say)?;
    ensure(TrustThresholdFraction::TWO_THIRDS.is_enough_power(tally.tallied, tally.total), || {
        format!(
            "signed by {} of {} voting power, which is not more than two thirds",
            tally.tallied, tally.total
        )
    })?;
    Ok(format!(
        "height {} of {chain}, signed by {} of {} voting power",
        header.height.value(),
        tally.tallied,
        tally.total
    ))
}
