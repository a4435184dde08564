//! Whether this machine computes the bits that the chain agreed on.
//!
//! Every kernel body that this processor can run is run, by itself, in a small plan, and in a few dozen plans of the
//! corpus of one-operator models, on ordinary and special values (infinities, NaN, both zeros, subnormals), and the
//! digest of what comes out is compared with the one that is written here. A body that differs would make this node
//! vote against honest blocks, so the node refuses to start. It takes a fraction of a second.
//!
//! `vectors.bin` follows from the corpus: the compiler's corpus test writes it and holds it to be current.

mod cases;
mod golden;

use assay_exec::vector;
use assay_exec::{Executable, Isa, KernelCheck, kernel_selftest};
use assay_genesis::engines;
use assay_types::address::Address;
use assay_types::hash::{OutputHash, TxHash};
use assay_types::key::PublicKey;
use assay_types::tensor::output_hash;
use serde_json::{Value, json};

/// One kernel, run by one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The kernel, or the golden vector.
    pub name: String,
    /// The body's instruction set.
    pub body: &'static str,
    /// What is wrong; `None` when nothing is.
    pub failure: Option<String>,
}

/// What a self-test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every kernel under every body.
    pub kernels: Vec<Kernel>,
    /// Everything else that has a golden vector: what it is, and what is wrong.
    pub others: Vec<(&'static str, Option<String>)>,
    /// How many golden vectors there were.
    pub vectors: usize,
}

/// Golden vectors of the corpus that meet every opcode.
const VECTORS: &[u8] = include_bytes!("vectors.bin");

/// Runs everything.
pub fn run() -> Report {
    run_with(VECTORS)
}

/// Runs everything, with these vectors of the corpus.
pub(crate) fn run_with(vectors: &[u8]) -> Report {
    let judge = |check: KernelCheck| Kernel {
        name: check.kernel.into(),
        body: check.isa,
        failure: (!check.ok).then(|| "other bits than the reference's recorded ones".into()),
    };
    let mut kernels: Vec<Kernel> = kernel_selftest().into_iter().map(judge).collect();
    for case in cases::all() {
        for isa in Isa::available() {
            let failure = check(&case, isa).err();
            kernels.push(Kernel { name: case.name.into(), body: isa.name(), failure });
        }
    }
    let vectors = vector::decode(vectors).unwrap_or_default();
    for vector in &vectors {
        for isa in Isa::available() {
            let failure = vector.check(isa, 1).err();
            kernels.push(Kernel { name: vector.name.clone(), body: isa.name(), failure });
        }
    }
    let none = vectors.is_empty().then(|| "there is none".to_owned());
    let others = vec![
        ("encodings", encodings().err()),
        ("engines", manifests().err()),
        ("vectors of the corpus", none),
    ];
    Report { kernels, others, vectors: golden::count() + vectors.len() }
}

fn check(case: &cases::Case, isa: Isa) -> Result<(), String> {
    let got = digest(case, isa)?;
    match golden::of(case.name) {
        Some(expected) if got.to_string() == expected => Ok(()),
        Some(expected) => Err(format!("output {got} where {expected} is right")),
        None => Err(format!("output {got}, and no golden vector")),
    }
}

fn digest(case: &cases::Case, isa: Isa) -> Result<OutputHash, String> {
    let plan = (case.plan)().map_err(|error| error.to_string())?;
    let plan = plan.validate().map_err(|error| error.to_string())?;
    let inputs = cases::inputs(&plan).map_err(|error| error.to_string())?;
    let outputs = Executable::new(plan, isa).run(&inputs).map_err(|error| error.to_string())?;
    Ok(output_hash(&outputs))
}

/// Digests and addresses: what every transaction rests on.
fn encodings() -> Result<(), String> {
    let found = [
        TxHash::of(b"assay").to_string(),
        OutputHash::of(b"assay").to_string(),
        Address::of(&PublicKey::Ed25519([7; 32])).to_string(),
    ];
    if found != golden::ENCODINGS {
        return Err(format!("{found:?} where {:?} is right", golden::ENCODINGS));
    }
    Ok(())
}

fn manifests() -> Result<(), String> {
    for artifact in engines::artifacts() {
        artifact.manifest().map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Report {
    /// What is wrong, one sentence each.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        let kernels = self.kernels.iter().filter_map(|kernel| {
            let failure = kernel.failure.as_ref()?;
            Some(format!("{} ({}): {failure}", kernel.name, kernel.body))
        });
        let others =
            self.others.iter().filter_map(|(name, failure)| Some(format!("{name}: {}", failure.as_ref()?)));
        kernels.chain(others)
    }

    /// The object that `assayd selftest --json` prints.
    pub fn to_json(&self) -> Value {
        let kernel = |kernel: &Kernel| {
            let ok = kernel.failure.is_none();
            json!({"name": kernel.name, "body": kernel.body, "ok": ok})
        };
        json!({
            "ok": self.failures().next().is_none(),
            "kernels": self.kernels.iter().map(kernel).collect::<Vec<_>>(),
            "vectors": self.vectors,
            "bodies": Isa::available().iter().map(|isa| isa.name()).collect::<Vec<_>>(),
        })
    }

    /// The same for people.
    pub fn to_text(&self) -> String {
        let failures: Vec<String> = self.failures().collect();
        let bodies: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
        let mut text = format!(
            "{} kernels, bodies {}, {} golden vectors: {}\n",
            self.kernels.len(),
            bodies.join(" and "),
            self.vectors,
            if failures.is_empty() { "all right" } else { "WRONG" },
        );
        for failure in failures {
            text.push_str(&format!("  {failure}\n"));
        }
        text
    }
}

/// The node's vectors, the first with another digest.
#[cfg(test)]
pub(crate) fn with_a_wrong_answer() -> Vec<u8> {
    let mut vectors = vector::decode(VECTORS).unwrap_or_default();
    vectors[0].output.0[7] ^= 1;
    vector::encode(&vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_computes_the_golden_bits() {
        let failures: Vec<String> = run().failures().collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }

    #[test]
    fn every_golden_vector_has_its_case_and_every_case_its_vector() {
        let names: Vec<&str> = cases::all().iter().map(|case| case.name).collect();
        let vectors: Vec<&str> = golden::KERNELS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, vectors);
    }

    #[test]
    fn a_wrong_body_is_reported() {
        let report = Report {
            kernels: vec![Kernel { name: "exp".into(), body: "avx2", failure: Some("other bits".into()) }],
            others: Vec::new(),
            vectors: 1,
        };
        assert_eq!(report.failures().collect::<Vec<_>>(), ["exp (avx2): other bits"]);
        assert_eq!(report.to_json()["ok"], false);
        assert!(report.to_text().contains("WRONG"));
    }

    #[test]
    fn a_wrong_golden_vector_is_a_failure_that_names_it() {
        let report = run_with(&with_a_wrong_answer());
        let failures: Vec<String> = report.failures().collect();
        assert_eq!(failures.len(), Isa::available().len(), "{failures:?}");
        let name = &vector::decode(VECTORS).unwrap()[0].name;
        assert!(failures[0].starts_with(name.as_str()) && failures[0].contains("is right"), "{failures:?}");
    }

    #[test]
    fn no_vectors_are_a_failure() {
        assert!(run_with(&[]).failures().any(|failure| failure.contains("there is none")));
    }
}
