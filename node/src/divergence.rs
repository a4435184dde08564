//! The report that a node leaves when a decided block is not what it computes.
//!
//! More than two thirds of the voting power found what the block claims, so this machine is wrong: its
//! processor, its memory, or this build. The report is what others need to find out which; nothing else is
//! written, and the process stops.

use crate::home;
use assay_core::{APP_VERSION, DifferentJob, Divergence};
use assay_exec::Isa;
use assay_types::claim::Claim;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What to do after it.
const NEXT_STEP: &str = "the state is as the last commit left it; do not validate on this machine before \
    `assayd selftest` passes and the cause is known; then start again, and the block is replayed";

/// Bytes of the kernel's description of the processors that are read: the first one's are enough.
const CPU_BYTES: u64 = 16 * 1024;

/// Writes the report into a folder, and gives the sentence that the process stops with.
pub fn report(folder: &Path, kernels: &str, divergence: &Divergence) -> String {
    let path = path(folder, divergence.height);
    let text = format!("{:#}\n", to_json(kernels, divergence));
    match home::replace(&path, &text) {
        Ok(()) => format!("{divergence}; the report is {}; {NEXT_STEP}", path.display()),
        // Then the log has to do.
        Err(error) => {
            tracing::error!(%error, report = text, "the divergence report cannot be written");
            format!("{divergence}; the report is in the log; {NEXT_STEP}")
        }
    }
}

/// Where the report of a height is.
pub fn path(folder: &Path, height: u64) -> PathBuf {
    folder.join(format!("divergence-{height}.json"))
}

/// The reports in a folder, by height.
pub fn reports(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let height = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("divergence-")?.strip_suffix(".json")?.parse::<u64>().ok()
    };
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some((height(&entry.path())?, entry.path()))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, path)| path).collect()
}

fn to_json(kernels: &str, divergence: &Divergence) -> Value {
    let Divergence { height, refusal, job, claimed, computed } = divergence;
    let pair = |part: &dyn Fn(&Claim) -> Value| json!({"claimed": claimed.as_ref().map(part), "computed": computed.as_ref().map(part)});
    let available: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
    json!({
        "format": "assay-divergence-1",
        "height": height,
        "kind": refusal.kind,
        "detail": refusal.detail,
        "job": job.as_ref().map(job_json),
        "state_root": pair(&|claim| json!(claim.state_root)),
        "units": pair(&|claim| json!(claim.units)),
        "jobs": pair(&|claim| json!(claim.outcomes.len())),
        "version": env!("CARGO_PKG_VERSION"),
        "app_version": APP_VERSION,
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "isa": {"used": kernels, "available": available},
        "cpu": cpu(),
    })
}

fn job_json(different: &DifferentJob) -> Value {
    let DifferentJob { position, job, claimed } = different;
    json!({
        "position": position,
        "tx_hash": job.map(|job| job.tx_hash),
        "message": job.map(|job| job.message),
        "model": job.map(|job| job.model),
        "plan": job.and_then(|job| job.plan),
        "engine": job.map(|job| job.engine),
        "claimed": claimed,
        "computed": job.map(|job| job.outcome),
    })
}

/// What the operating system says of the first processor; null where it says nothing.
pub(crate) fn cpu() -> Value {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open("/proc/cpuinfo").and_then(|file| file.take(CPU_BYTES).read_to_end(&mut bytes));
    if read.is_err() {
        return Value::Null;
    }
    let text = String::from_utf8_lossy(&bytes);
    let value = |names: &[&str]| {
        let mut fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| names.contains(&name.trim())).map(|(_, value)| value.trim().to_owned())
    };
    json!({
        "model": value(&["model name", "CPU part"]),
        "microcode": value(&["microcode"]),
        "features": value(&["flags", "Features"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_core::{Job, Refusal};
    use assay_types::claim::JobOutcome;
    use assay_types::hash::{AppHash, ModelId, OutputHash, PlanHash, TxHash};
    use assay_types::receipt::Outcome;

    fn divergence() -> Divergence {
        let output = |byte| JobOutcome::Inference(Outcome::Output(OutputHash([byte; 32])));
        let claim = |byte| Claim {
            height: 9,
            engine: 1,
            units: 5,
            outcomes: vec![output(byte)],
            state_root: AppHash([byte; 32]),
        };
        let job = Job {
            tx_hash: TxHash([1; 32]),
            message: 2,
            model: ModelId([3; 32]),
            engine: 1,
            plan: Some(PlanHash([4; 32])),
            outcome: output(8),
        };
        Divergence {
            height: 9,
            refusal: Refusal { kind: "outcome", detail: "job 0 differs".into() },
            job: Some(DifferentJob { position: 0, job: Some(job), claimed: Some(output(7)) }),
            claimed: Some(claim(7)),
            computed: Some(claim(8)),
        }
    }

    #[test]
    fn the_report_names_the_job_both_outcomes_and_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let sentence = report(folder.path(), "avx2", &divergence());
        let path = path(folder.path(), 9);
        assert!(
            sentence.contains(&path.display().to_string()) && sentence.contains("selftest"),
            "{sentence}"
        );
        let report: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(report["height"], 9);
        assert_eq!(report["kind"], "outcome");
        assert_eq!(report["job"]["model"], "03".repeat(32));
        assert_eq!(report["job"]["plan"], "04".repeat(32));
        assert_eq!(report["job"]["claimed"]["inference"]["output"], "07".repeat(32));
        assert_eq!(report["job"]["computed"]["inference"]["output"], "08".repeat(32));
        assert_eq!(report["state_root"]["claimed"], "07".repeat(32));
        assert_eq!(report["state_root"]["computed"], "08".repeat(32));
        assert_eq!(report["isa"]["used"], "avx2");
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_report_that_cannot_be_written_does_not_hide_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let sentence = report(&folder.path().join("missing"), "avx2", &divergence());
        assert!(sentence.contains("the decided block 9") && sentence.contains("in the log"), "{sentence}");
    }
}
