//! A validator under load whose processes are killed at any moment: `assayd`, its CometBFT, or both.
//!
//! The moments are drawn from a seed that is printed: some while the node starts and replays, most while it makes
//! blocks. It forgets old heights and makes snapshots all the while. `make soak` kills two hundred times;
//! `ASSAY_SOAK_KILLS` and `ASSAY_SOAK_SEED` say how often, and which moments.

use crate::failpoints::{is_whole, one_validator};
use crate::load::Load;
use crate::network::{PATIENCE, ok};
use crate::support::only_network;
use crate::witness::Witness;
use assay_netlab::Node;
use std::time::{Duration, SystemTime};

/// Kills when nobody says how many.
const KILLS: u64 = 12;
/// The longest time from a start, or from the first answer, to the kill.
const MOST_MILLIS: u64 = 1500;

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.below(MOST_MILLIS))
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Kills one of the processes, or both, and waits until both are gone.
fn hurt(node: &mut Node, which: u64) {
    ok(node.check_alive());
    match (which, node.comet()) {
        (0, Ok(_)) => ok(node.kill_assayd(PATIENCE)),
        (1, Ok(_)) => {
            let status = ok(node.kill_comet(PATIENCE));
            assert!(!status.success(), "assayd ended with {status} after its CometBFT was killed");
        }
        // There is no CometBFT yet: the two are one.
        _ => node.kill(),
    }
}

#[test]
fn a_validator_killed_at_any_moment_goes_on_with_every_transaction_that_it_reported() {
    let _only = only_network();
    let kills = variable("ASSAY_SOAK_KILLS").unwrap_or(KILLS);
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let seed = variable("ASSAY_SOAK_SEED").unwrap_or_else(now);
    println!("{kills} kills; ASSAY_SOAK_SEED={seed} chooses the same moments again");
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut network = one_validator(folder.path(), &["state.retain_heights=80", "snapshots.interval=7"]);
    let mut witness = Witness::of(network.node(0));
    let load = Load::start(network.node(0).gateway(), 1);
    for kill in 1..=kills {
        let node = network.node(0);
        ok(node.start());
        if dice.below(4) > 0 {
            ok(node.wait_ready(PATIENCE));
            witness.follow(node);
        }
        std::thread::sleep(dice.moment());
        hurt(node, dice.below(3));
        if kill.is_multiple_of(20) {
            println!("{kill} kills, height {}", witness.height());
        }
    }
    is_whole(&mut network, &mut witness, load);
}
