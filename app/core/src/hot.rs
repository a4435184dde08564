//! The hot set: which models everybody keeps in memory, the one used last first.
//!
//! It is in state, so all validators agree on who pays for loading. What a block's transactions pay follows from
//! the set *before* the block: every transaction that runs a model outside of it pays the loading once, so no
//! price depends on what else is in the block. After the block, the models that it ran come first, in the order
//! of their last runs, and the ones used least recently go until the rest fits its bytes and its number.
//!
//! What it does not do: load anything. The engine keeps what stands here; see [`Engine`](crate::Engine).

use crate::fatal::Fatal;
use crate::job::Job;
use crate::model;
use assay_store::{Overlay, Read, ReadExt};
use assay_types::claim::JobOutcome;
use assay_types::hash::{ModelId, PlanHash};
use assay_types::limits::MAX_VALUE_BYTES;
use assay_types::path;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeSet;

/// Models of the hot set at most; their bytes are a parameter of the chain.
pub(crate) const MAX_HOT_MODELS: usize = 256;

// The record fits a value of the tree.
const _: () = assert!(4 + MAX_HOT_MODELS * (32 + 32 + 8) < MAX_VALUE_BYTES);

/// A model of the hot set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct HotModel {
    pub model: ModelId,
    pub plan: PlanHash,
    /// Bytes of the plan.
    pub bytes: u64,
}

/// The record at `hot-set`.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct HotSet {
    models: Vec<HotModel>,
}

impl HotSet {
    /// The set after what a state holds.
    pub fn of(state: &dyn Read) -> Result<Self, Fatal> {
        state.read(path::HOT_SET)?.ok_or(Fatal::NoChain)
    }

    pub fn contains(&self, id: &ModelId) -> bool {
        self.models.iter().any(|hot| hot.model == *id)
    }

    /// The plans of its models.
    pub fn plans(&self) -> impl Iterator<Item = PlanHash> + '_ {
        self.models.iter().map(|hot| hot.plan)
    }

    /// Its models.
    pub fn models(&self) -> impl Iterator<Item = ModelId> + '_ {
        self.models.iter().map(|hot| hot.model)
    }

    /// The set with these models in front, the first one used last, within a number of bytes.
    fn with(&self, recent: Vec<HotModel>, most_bytes: u64) -> Self {
        let used: BTreeSet<ModelId> = recent.iter().map(|hot| hot.model).collect();
        let rest = self.models.iter().filter(|hot| !used.contains(&hot.model)).copied();
        let mut bytes = 0u64;
        let fitting =
            recent.into_iter().filter(|hot| hot.bytes <= most_bytes).chain(rest).take_while(|hot| {
                bytes = bytes.saturating_add(hot.bytes);
                bytes <= most_bytes
            });
        Self { models: fitting.take(MAX_HOT_MODELS).collect() }
    }
}

/// Takes a model out that cannot be run any more.
pub(crate) fn forget(state: &mut Overlay<'_>, id: &ModelId) -> Result<(), Fatal> {
    let mut hot = HotSet::of(state)?;
    if hot.contains(id) {
        hot.models.retain(|hot| hot.model != *id);
        state.write(path::HOT_SET.to_vec(), &hot);
    }
    Ok(())
}

/// Moves the models that a block ran to the front.
pub(crate) fn update(state: &mut Overlay<'_>, jobs: &[Job], most_bytes: u64) -> Result<(), Fatal> {
    let (mut seen, mut recent) = (BTreeSet::new(), Vec::new());
    for job in jobs.iter().rev() {
        if !matches!(job.outcome, JobOutcome::Inference(_)) || !seen.insert(job.model) {
            continue;
        }
        // One that was retired after it ran is not kept.
        let record = model::find(state, &job.model)?;
        if let Some(Ok(compiled)) = record.as_ref().map(|record| record.runnable()) {
            recent.push(HotModel { model: job.model, plan: compiled.plan, bytes: compiled.plan_bytes });
        }
    }
    let hot = HotSet::of(state)?;
    let next = hot.with(recent, most_bytes);
    if next != hot {
        state.write(path::HOT_SET.to_vec(), &next);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hot(tag: u8, bytes: u64) -> HotModel {
        HotModel { model: ModelId([tag; 32]), plan: PlanHash([tag; 32]), bytes }
    }

    fn tags(set: &HotSet) -> Vec<u8> {
        set.models().map(|model| model.0[0]).collect()
    }

    #[test]
    fn what_was_used_last_comes_first_and_what_was_used_least_recently_goes() {
        let set = HotSet::default().with(vec![hot(1, 10), hot(2, 10)], 30);
        assert_eq!(tags(&set), [1, 2]);
        let set = set.with(vec![hot(3, 10)], 30);
        assert_eq!(tags(&set), [3, 1, 2]);
        let set = set.with(vec![hot(2, 10)], 30);
        assert_eq!(tags(&set), [2, 3, 1]);
        let set = set.with(vec![hot(4, 5)], 30);
        assert_eq!(tags(&set), [4, 2, 3]);
    }

    #[test]
    fn a_model_larger_than_the_set_is_never_in_it_and_drives_nobody_out() {
        let set = HotSet::default().with(vec![hot(1, 10)], 30);
        assert_eq!(tags(&set.with(vec![hot(2, 31)], 30)), [1]);
        assert_eq!(tags(&set.with(vec![hot(2, u64::MAX), hot(3, 30)], 30)), [3]);
        assert_eq!(tags(&set.with(vec![hot(2, 1)], 0)), Vec::<u8>::new());
    }

    #[test]
    fn the_number_of_models_is_bounded_whatever_their_bytes() {
        let many: Vec<_> = (0..=255u8).map(|tag| hot(tag, 0)).collect();
        let mut other = hot(0, 0);
        other.model.0[1] = 1;
        let set = HotSet::default().with(many, 0);
        assert_eq!(set.models.len(), MAX_HOT_MODELS);
        let next = set.with(vec![other], 0);
        assert_eq!((next.models.len(), next.models[0].model), (MAX_HOT_MODELS, other.model));
        assert!(!next.contains(&ModelId([255; 32])));
    }

    proptest! {
        #[test]
        fn the_set_is_bounded_and_has_no_model_twice(
            uses in proptest::collection::vec((0..12u8, 0..40u64), 0..60), most in 0..100u64,
        ) {
            let mut set = HotSet::default();
            for (tag, bytes) in uses {
                set = set.with(vec![hot(tag, bytes)], most);
                prop_assert!(set.models.iter().map(|hot| hot.bytes).sum::<u64>() <= most);
                prop_assert_eq!(set.models().collect::<BTreeSet<_>>().len(), set.models.len());
                prop_assert_eq!(set.contains(&ModelId([tag; 32])), bytes <= most);
            }
        }
    }
}
