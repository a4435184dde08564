//! Which consensus call may follow which.
//!
//! CometBFT makes its consensus calls on one connection: `InitChain` first and only on a new chain, then per
//! height any number of proposals, one `FinalizeBlock`, one `Commit`. Anything else means that this node's
//! idea of the chain and CometBFT's are different, and going on would write a wrong state; so it is an error
//! that stops the process. A connection that ends takes its place in the order with it: CometBFT replays from
//! the last commit.
//!
//! Calls outside consensus (`Info`, `CheckTx`, `Query`, ...) are legal at any time and are not seen here.

use tendermint_proto::v0_38::abci::request;

/// A call that has its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `InitChain`.
    InitChain,
    /// `PrepareProposal` or `ProcessProposal`, for a height.
    Proposal(i64),
    /// `FinalizeBlock`, for a height.
    Finalize(i64),
    /// `Commit`.
    Commit,
    /// `ExtendVote` or `VerifyVoteExtension`: vote extensions are off on this chain.
    VoteExtension,
}

impl Call {
    /// The call that a request is, or `None` when it is legal at any time.
    pub fn of(request: &request::Value) -> Option<Call> {
        Some(match request {
            request::Value::InitChain(_) => Call::InitChain,
            request::Value::PrepareProposal(request) => Call::Proposal(request.height),
            request::Value::ProcessProposal(request) => Call::Proposal(request.height),
            request::Value::FinalizeBlock(request) => Call::Finalize(request.height),
            request::Value::Commit(_) => Call::Commit,
            request::Value::ExtendVote(_) | request::Value::VerifyVoteExtension(_) => Call::VoteExtension,
            _ => return None,
        })
    }
}

/// A call that may not come now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CometBFT called {call:?} out of order: {expected}")]
pub struct Illegal {
    /// What came.
    pub call: Call,
    /// What could have come.
    pub expected: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing has been called on this connection.
    #[default]
    Fresh,
    /// Between two blocks; the next one has this height.
    Open(i64),
    /// A block is finalized and waits for its commit.
    Finalized(i64),
}

/// The order on one connection.
#[derive(Debug, Default)]
pub struct Order(State);

impl Order {
    /// Steps over a call.
    ///
    /// # Errors
    /// [`Illegal`] when it may not come now; the order is of no use after that.
    pub fn step(&mut self, call: Call) -> Result<(), Illegal> {
        self.0 = match (self.0, call) {
            (State::Fresh, Call::InitChain) => State::Open(1),
            (State::Fresh, Call::Proposal(height)) if height > 0 => State::Open(height),
            (State::Fresh, Call::Finalize(height)) if height > 0 => State::Finalized(height),
            (State::Open(next), Call::Proposal(height)) if height == next => State::Open(next),
            (State::Open(next), Call::Finalize(height)) if height == next => State::Finalized(next),
            (State::Finalized(height), Call::Commit) => State::Open(height.saturating_add(1)),
            (state, call) => return Err(Illegal { call, expected: state.expected() }),
        };
        Ok(())
    }
}

impl State {
    fn expected(self) -> String {
        match self {
            State::Fresh => "a new connection starts with InitChain, a proposal or FinalizeBlock".into(),
            State::Open(next) => format!("a proposal or FinalizeBlock of height {next} had to come"),
            State::Finalized(height) => format!("Commit of height {height} had to come"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Call::*;
    use super::*;
    use proptest::prelude::*;

    fn run(calls: &[Call]) -> Result<(), Illegal> {
        let mut order = Order::default();
        calls.iter().try_for_each(|call| order.step(*call))
    }

    #[test]
    fn a_chain_from_genesis_is_legal() {
        let calls =
            [InitChain, Proposal(1), Proposal(1), Finalize(1), Commit, Finalize(2), Commit, Proposal(3)];
        assert_eq!(run(&calls), Ok(()));
    }

    #[test]
    fn a_replay_on_a_new_connection_is_legal() {
        assert_eq!(run(&[Finalize(7), Commit, Proposal(8), Finalize(8), Commit]), Ok(()));
    }

    #[test]
    fn calls_out_of_order_are_named() {
        let wrong: [&[Call]; 9] = [
            &[Commit],
            &[InitChain, InitChain],
            &[InitChain, Finalize(2)],
            &[Finalize(1), Finalize(1)],
            &[Finalize(1), Proposal(2)],
            &[Finalize(1), Commit, Commit],
            &[Finalize(1), Commit, Finalize(3)],
            &[Proposal(4), InitChain],
            &[VoteExtension],
        ];
        for calls in wrong {
            let illegal = run(calls).unwrap_err();
            assert_eq!(Some(&illegal.call), calls.last(), "{calls:?}");
        }
    }

    #[test]
    fn heights_below_one_are_illegal() {
        assert!(run(&[Proposal(0)]).is_err() && run(&[Finalize(-1)]).is_err());
    }

    /// A connection's calls as the grammar has them: a genesis or a later start, then per height any number of
    /// proposals, a decision and its commit; it may end anywhere.
    fn any_calls() -> impl Strategy<Value = Vec<Call>> {
        let rounds = proptest::collection::vec(0..4usize, 1..6);
        (proptest::option::of(1..i64::MAX / 2), rounds, any::<prop::sample::Index>()).prop_map(
            |(start, rounds, end)| {
                let mut calls: Vec<Call> = if start.is_none() { vec![InitChain] } else { vec![] };
                for (height, proposals) in (start.unwrap_or(1)..).zip(rounds) {
                    calls.extend(std::iter::repeat_n(Proposal(height), proposals));
                    calls.extend([Finalize(height), Commit]);
                }
                calls.truncate(1 + end.index(calls.len()));
                calls
            },
        )
    }

    /// What may come after these legal calls, read off the grammar and not off the automaton.
    fn may_follow(calls: &[Call], next: Call) -> bool {
        let committed = calls.iter().filter(|call| **call == Commit).count() as i64;
        let first = calls.iter().find_map(|call| match call {
            InitChain => Some(1),
            Proposal(height) | Finalize(height) => Some(*height),
            Commit | VoteExtension => None,
        });
        let decided = matches!(calls.last(), Some(Finalize(_)));
        match (next, first) {
            (InitChain, first) => first.is_none(),
            (Proposal(height) | Finalize(height), None) => height > 0,
            (Proposal(height) | Finalize(height), Some(first)) => !decided && height == first + committed,
            (Commit, _) => decided,
            (VoteExtension, _) => false,
        }
    }

    proptest! {
        #[test]
        fn what_the_grammar_has_is_legal_and_anything_else_stops_at_once(calls in any_calls(), by in -2..3i64) {
            prop_assert_eq!(run(&calls), Ok(()));
            for end in 0..=calls.len() {
                let before = &calls[..end];
                let height = calls.iter().rev().find_map(|call| match call {
                    Proposal(height) | Finalize(height) => Some(*height + by),
                    _ => None,
                });
                let height = height.unwrap_or(by);
                for next in [InitChain, Proposal(height), Finalize(height), Commit, VoteExtension] {
                    let with = [before, &[next]].concat();
                    match run(&with) {
                        Ok(()) => prop_assert!(may_follow(before, next), "{:?}", with),
                        Err(illegal) => {
                            prop_assert!(!may_follow(before, next), "{:?}", with);
                            prop_assert_eq!(illegal.call, next);
                        }
                    }
                }
            }
        }
    }
}
