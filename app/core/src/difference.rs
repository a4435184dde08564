//! What is wrong with a block: the first difference between what its proposer claims and what this machine
//! finds.
//!
//! Before a vote it is a [`Refusal`]. In a decided block it is a [`Divergence`]: more than two thirds of the
//! voting power found what is claimed, so it is this machine that is wrong, and it must not write.

use crate::job::Job;
use crate::stage::Computed;
use assay_types::claim::{Claim, JobOutcome};
use std::fmt;

/// Why a proposal is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable name of the kind of fault, as a metric's label.
    pub kind: &'static str,
    /// This case in words.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// A job whose outcome is not the claimed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DifferentJob {
    /// Its place among the block's jobs.
    pub position: usize,
    /// The job as it ran here; `None` when there was none.
    pub job: Option<Job>,
    /// The claimed outcome; `None` when none is claimed.
    pub claimed: Option<JobOutcome>,
}

/// A decided block that does something else here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The block's height.
    pub height: u64,
    /// The first difference.
    pub refusal: Refusal,
    /// The first job that differs, if one does.
    pub job: Option<DifferentJob>,
    /// What the block claims; `None` when it has no claim that could be read.
    pub claimed: Option<Claim>,
    /// What this machine found; `None` when it did not come to it.
    pub computed: Option<Claim>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the decided block {} is not what this machine computes: {}", self.height, self.refusal)
    }
}

/// The first difference between a claim and what was computed, outcomes first: they are the cause, units and
/// root may be their consequence.
pub(crate) fn first(claimed: &Claim, computed: &Computed) -> Option<(Refusal, Option<DifferentJob>)> {
    let (own, jobs) = (computed.claim(), computed.jobs());
    let most = claimed.outcomes.len().max(jobs.len());
    for position in 0..most {
        let (claim, job) = (claimed.outcomes.get(position).copied(), jobs.get(position).copied());
        if claim != job.map(|job| job.outcome) {
            let different = DifferentJob { position, job, claimed: claim };
            return Some((different.refusal(), Some(different)));
        }
    }
    if claimed.units != own.units {
        let detail = format!("{} units are claimed, and it takes {}", claimed.units, own.units);
        return Some((Refusal::new("units", detail), None));
    }
    if claimed.state_root != own.state_root {
        let detail =
            format!("the root {} is claimed, and {} was computed", claimed.state_root, own.state_root);
        return Some((Refusal::new("state_root", detail), None));
    }
    None
}

impl DifferentJob {
    fn refusal(&self) -> Refusal {
        let Self { position, job, claimed } = self;
        match (job, claimed) {
            (Some(job), Some(claimed)) => Refusal::new(
                "outcome",
                format!(
                    "job {position} ({}:{}, model {}) gives {}, and {claimed} is claimed",
                    job.tx_hash, job.message, job.model, job.outcome
                ),
            ),
            (Some(job), None) => Refusal::new(
                "outcome_count",
                format!("job {position} ({}:{}) has no claimed outcome", job.tx_hash, job.message),
            ),
            (None, _) => Refusal::new(
                "outcome_count",
                format!("an outcome is claimed for job {position}, and there are only {position}"),
            ),
        }
    }
}
