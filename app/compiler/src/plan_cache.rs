//! Plans on disk, by hash.
//!
//! The cache is never believed: what is read is checked against the hash that names it and validated again. A
//! plan that is missing or damaged is compiled again by whoever needs it.

use crate::error::HostError;
use crate::files;
use assay_plan::{Plan, ValidPlan};
use assay_types::hash::PlanHash;
use std::path::{Path, PathBuf};

/// A folder of plans.
#[derive(Debug, Clone)]
pub struct PlanCache {
    folder: PathBuf,
}

impl PlanCache {
    /// A cache in this folder, which is made when the first plan is put.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, hash: &PlanHash) -> PathBuf {
        self.folder_of(hash).join(format!("{hash}.plan"))
    }

    /// The folder of a plan and of what is made from it.
    pub fn folder_of(&self, hash: &PlanHash) -> PathBuf {
        // Two levels, so that no folder holds every plan of a chain.
        self.folder.join(&hash.to_string()[..2])
    }

    /// The plan with this hash, or `None` when the cache has none that is whole.
    pub fn get(&self, hash: &PlanHash) -> Option<ValidPlan> {
        let bytes = std::fs::read(self.path(hash)).ok()?;
        // The validator hashes what it has decoded: no other bytes have that hash.
        let plan = Plan::decode(&bytes).ok()?.validate().ok()?;
        (plan.hash() == *hash).then_some(plan)
    }

    /// Keeps a plan.
    ///
    /// # Errors
    /// [`HostError::Write`] when the disk does not take it.
    pub fn put(&self, plan: &ValidPlan) -> Result<(), HostError> {
        let path = self.path(&plan.hash());
        files::write(&path, &[&plan.bytes()]).map_err(|error| HostError::Write { path: shown(&path), error })
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_plan::{Opcode, PlanBuilder, UnaryOp};
    use assay_types::tensor::DType;

    fn plan() -> ValidPlan {
        let mut builder = PlanBuilder::new();
        let x = builder.input("x", DType::F32, &[4]);
        let y = builder.push(Opcode::Unary(UnaryOp::Neg), &[x], DType::F32, &[4]);
        builder.output("y", y);
        builder.finish().unwrap().validate().unwrap()
    }

    #[test]
    fn a_plan_is_found_again_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let cache = PlanCache::new(folder.path());
        let plan = plan();
        assert!(cache.get(&plan.hash()).is_none());
        cache.put(&plan).unwrap();
        assert_eq!(cache.get(&plan.hash()).unwrap().hash(), plan.hash());
    }

    #[test]
    fn a_plan_under_another_hash_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = PlanCache::new(folder.path());
        let plan = plan();
        let other = PlanHash::of(b"another plan");
        files::write(&cache.path(&other), &[&plan.bytes()]).unwrap();
        assert!(cache.get(&other).is_none());
    }
}
