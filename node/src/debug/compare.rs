//! Where two nodes differ.

use super::archive::Bundle;
use super::digest::{HeightDigest, KindDigest, StateDigest};
use assay_types::hash::AppHash;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a machine is, as far as it may matter for what it computes.
const PARTS: [&str; 8] = [
    "/chain_id",
    "/version/version",
    "/version/app_version",
    "/version/engines",
    "/version/target",
    "/kernels",
    "/selftest/ok",
    "/cpu/model",
];

/// Something that is one thing here and another there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair<T> {
    /// In the first bundle.
    pub first: T,
    /// In the second one.
    pub second: T,
}

/// The records of a kind that differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KindDifference {
    /// The first bytes of the hashes of their keys.
    pub buckets: BTreeSet<String>,
    /// Their keys, if the bundles name them.
    pub keys: BTreeSet<String>,
}

/// What two bundles say.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Compared {
    /// Whether nothing differs in the states, as far as both speak of the same heights; null if of none.
    pub same: Option<bool>,
    /// Heights that both describe.
    pub compared_heights: usize,
    /// The first of them that has two roots.
    pub first_height: Option<u64>,
    /// Whether the height before it is one of them and has one root: then the difference arose at that height.
    pub arose_there: bool,
    /// The roots of that height.
    pub app_hash: Option<Pair<AppHash>>,
    /// What that height wrote differently: digests by key; null for what was deleted, or not written.
    pub keys: BTreeMap<String, Pair<Option<String>>>,
    /// Where the whole states differ, if both are of one height.
    pub kinds: BTreeMap<String, KindDifference>,
    /// What differs in the machines, by its place in `machine.json`.
    pub machine: BTreeMap<String, Pair<Value>>,
}

/// Compares the bundles of two nodes.
pub fn compare(first: &Bundle, second: &Bundle) -> Compared {
    let mut found = Compared::default();
    for part in PARTS {
        let of = |bundle: &Bundle| bundle.machine.pointer(part).cloned().unwrap_or(Value::Null);
        let pair = Pair { first: of(first), second: of(second) };
        if pair.first != pair.second {
            found.machine.insert(part.trim_start_matches('/').replace('/', "."), pair);
        }
    }
    if let (Some(first), Some(second)) = (&first.state, &second.state) {
        heights(&mut found, first, second);
        if first.height == second.height {
            found.kinds = kinds(&first.kinds, &second.kinds);
        }
        let same = found.first_height.is_none() && found.kinds.is_empty();
        found.same = (found.compared_heights > 0).then_some(same);
    }
    found
}

fn heights(found: &mut Compared, first: &StateDigest, second: &StateDigest) {
    let theirs: BTreeMap<u64, &HeightDigest> = second.heights.iter().map(|at| (at.height, at)).collect();
    let mut pairs: Vec<_> =
        first.heights.iter().filter_map(|at| Some((at, *theirs.get(&at.height)?))).collect();
    pairs.sort_by_key(|(at, _)| at.height);
    found.compared_heights = pairs.len();
    let Some(index) = pairs.iter().position(|(first, second)| first.app_hash != second.app_hash) else {
        return;
    };
    let (first, second) = pairs[index];
    found.first_height = Some(first.height);
    found.app_hash = Some(Pair { first: first.app_hash, second: second.app_hash });
    found.arose_there =
        index.checked_sub(1).is_some_and(|before| pairs[before].0.height.saturating_add(1) == first.height);
    let (Some(ours), Some(theirs)) = (&first.written, &second.written) else { return };
    let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for key in keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key)) {
        let of = |side: &BTreeMap<String, Option<String>>| side.get(key).cloned().flatten();
        found.keys.insert(key.clone(), Pair { first: of(ours), second: of(theirs) });
    }
}

fn kinds(
    first: &BTreeMap<String, KindDigest>,
    second: &BTreeMap<String, KindDigest>,
) -> BTreeMap<String, KindDifference> {
    let mut found = BTreeMap::new();
    // A bundle that was made without reading the state says nothing.
    if first.is_empty() || second.is_empty() {
        return found;
    }
    let (none, names) = (KindDigest::default(), first.keys().chain(second.keys()).collect::<BTreeSet<_>>());
    for name in names {
        let (ours, theirs) = (first.get(name).unwrap_or(&none), second.get(name).unwrap_or(&none));
        let buckets = differing(&ours.buckets, &theirs.buckets);
        let named = |side: &KindDigest| side.keys.clone().or((side.entries == 0).then(BTreeMap::new));
        let keys = match (named(ours), named(theirs)) {
            (Some(ours), Some(theirs)) => differing(&ours, &theirs),
            _ => BTreeSet::new(),
        };
        if !buckets.is_empty() || !keys.is_empty() {
            found.insert(name.clone(), KindDifference { buckets, keys });
        }
    }
    found
}

fn differing(first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> BTreeSet<String> {
    let keys = first.keys().chain(second.keys());
    keys.filter(|key| first.get(*key) != second.get(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_store::{Changes, Store};
    use serde_json::json;

    fn state(values: &[&[(&str, Option<&str>)]], whole: bool) -> StateDigest {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for (version, writes) in (0u64..).zip(values) {
            let writes = writes
                .iter()
                .map(|(key, value)| (key.as_bytes().to_vec(), value.map(|value| value.as_bytes().to_vec())));
            let changes = Changes { writes: writes.collect(), ..Changes::default() };
            if version == 0 {
                store.genesis(changes).unwrap();
            } else {
                store.commit(store.stage(version, changes).unwrap(), Vec::new()).unwrap();
            }
        }
        StateDigest::of(&store, "c-1".into(), None, 20, whole, &mut |_| ()).unwrap()
    }

    fn bundle(cpu: &str, state: StateDigest) -> Bundle {
        Bundle { machine: json!({"chain_id": "c-1", "cpu": {"model": cpu}}), state: Some(state) }
    }

    const START: &[(&str, Option<&str>)] =
        &[("account/a", Some("1")), ("account/b", Some("2")), ("params", Some("p"))];

    #[test]
    fn the_first_height_and_the_keys_that_differ_are_found() {
        let good = state(
            &[START, &[("account/a", Some("2"))], &[("account/b", None), ("x/1", Some("1"))], &[]],
            true,
        );
        let bad = state(
            &[START, &[("account/a", Some("2"))], &[("account/b", Some("3")), ("x/1", Some("1"))], &[]],
            true,
        );
        let found = compare(&bundle("one", good.clone()), &bundle("two", bad));
        assert_eq!((found.same, found.first_height, found.arose_there), (Some(false), Some(2), true));
        assert_eq!(found.keys.keys().collect::<Vec<_>>(), ["account/b"]);
        assert!(found.keys["account/b"].first.is_none() && found.keys["account/b"].second.is_some());
        assert_eq!(found.kinds.keys().collect::<Vec<_>>(), ["account"]);
        assert_eq!(found.kinds["account"].keys.iter().collect::<Vec<_>>(), ["account/b"]);
        assert_eq!(found.kinds["account"].buckets.len(), 1);
        assert_eq!(found.machine.keys().collect::<Vec<_>>(), ["cpu.model"]);
        let found = compare(&bundle("one", good.clone()), &bundle("one", good));
        assert_eq!((found.same, found.compared_heights, found.machine.len()), (Some(true), 4, 0));
    }

    #[test]
    fn an_old_difference_is_found_in_the_whole_state_and_not_blamed_on_the_first_height() {
        let other: &[(&str, Option<&str>)] =
            &[("account/a", Some("1")), ("account/b", Some("9")), ("params", Some("p"))];
        let later: &[(&str, Option<&str>)] = &[("account/a", Some("2"))];
        let [mut good, mut bad] = [START, other].map(|start| state(&[start, later, later], true));
        for state in [&mut good, &mut bad] {
            state.heights.remove(0);
        }
        let found = compare(&bundle("one", good.clone()), &bundle("one", bad.clone()));
        assert_eq!((found.first_height, found.arose_there, found.keys.len()), (Some(1), false, 0));
        assert_eq!(found.kinds["account"].keys.iter().collect::<Vec<_>>(), ["account/b"]);
        // Without the digests of the whole state, the heights still tell.
        bad.kinds.clear();
        let found = compare(&bundle("one", good), &bundle("one", bad));
        assert_eq!((found.same, found.first_height, found.kinds.len()), (Some(false), Some(1), 0));
    }

    #[test]
    fn bundles_that_speak_of_no_common_height_are_not_called_the_same() {
        let [mut early, late] = [(); 2].map(|()| state(&[START, &[], &[]], false));
        early.heights.clear();
        let none = Bundle { state: None, ..bundle("one", early.clone()) };
        assert_eq!(compare(&bundle("one", early), &bundle("one", late.clone())).same, None);
        assert_eq!(compare(&none, &bundle("one", late)).same, None);
    }

    #[test]
    fn a_bundle_survives_its_file() {
        let state = state(&[START, &[("account/a", None)]], true);
        let text = serde_json::to_vec(&state).unwrap();
        assert_eq!(serde_json::from_slice::<StateDigest>(&text).unwrap(), state);
    }
}
