//! A validator whose files are damaged while it is down: the state's, which it refuses, and CometBFT's log.

use crate::failpoints::{is_whole, one_validator, run_on};
use crate::load::Load;
use crate::network::{PATIENCE, ok};
use crate::statesync::assayd;
use crate::support::{files, only_network};
use crate::witness::Witness;
use std::path::Path;

/// Flips a bit in every half kilobyte.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.iter_mut().step_by(512).for_each(|byte| *byte ^= 0x10);
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_lost_state_is_made_of_the_blocks_and_a_damaged_one_of_its_snapshot_with_the_same_roots() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let mut network = one_validator(folder.path(), &["snapshots.interval=5"]);
    let mut witness = Witness::of(network.node(0));
    let load = Load::start(network.node(0).gateway(), 1);
    run_on(&mut network, 12);
    ok(network.stop());
    let home = network.node(0).home().to_owned();
    let state = home.join("data/app.db");
    std::fs::remove_dir_all(&state).unwrap();
    // What was in the log only is in tables after the next start.
    for _ in 0..2 {
        run_on(&mut network, 2);
        witness.follow(network.node(0));
        ok(network.stop());
    }
    let node = network.node(0);
    for table in files(&state, "sst") {
        damage(&table);
    }
    ok(node.start());
    let status = ok(node.wait_end(PATIENCE));
    assert_eq!(status.code(), Some(1), "{status}");
    let said = std::fs::read_to_string(node.log()).unwrap();
    for part in ["the state on disk is damaged", "docs/runbooks/restore.md", "assayd snapshots restore"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let home = home.to_str().unwrap();
    let listed = assayd(&["snapshots", "list", "--home", home]);
    let height =
        listed["snapshots"].as_array().unwrap().iter().filter_map(|made| made["height"].as_u64()).max();
    std::fs::rename(&state, state.with_extension("damaged")).unwrap();
    let restored = assayd(&["snapshots", "restore", &height.unwrap().to_string(), "--home", home]);
    assert_eq!(restored["height"].as_u64(), height, "{restored}");
    is_whole(&mut network, &mut witness, load);
}

#[test]
fn cometbfts_log_cut_short_or_damaged_is_gone_on_from() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let mut network = one_validator(folder.path(), &[]);
    let mut witness = Witness::of(network.node(0));
    let load = Load::start(network.node(0).gateway(), 1);
    let log = network.node(0).home().join("data/cs.wal/wal");
    let cut = |bytes: u64| {
        let file = std::fs::File::options().write(true).open(&log).unwrap();
        file.set_len(file.metadata().unwrap().len().saturating_sub(bytes)).unwrap();
    };
    let damages: [&dyn Fn(); 6] =
        [&|| cut(1), &|| cut(700), &|| cut(9_000), &|| cut(u64::MAX), &|| damage(&log), &|| {
            std::fs::remove_file(&log).unwrap()
        }];
    for damage in damages {
        run_on(&mut network, 4);
        witness.follow(network.node(0));
        network.node(0).kill();
        damage();
    }
    is_whole(&mut network, &mut witness, load);
}
