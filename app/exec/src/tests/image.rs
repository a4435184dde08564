//! The image of a program: enough to run the plan, and made again when it is not whole or another's.

use super::random::{self, Rng};
use super::{integer, patterns};
use crate::constants::Constants;
use crate::image::{self, Place};
use crate::outline::Outline;
use crate::program::Program;
use crate::store::Store;
use crate::{Executable, Isa, RunError};
use assay_plan::*;
use assay_types::hash::PlanHash;
use assay_types::tensor::{DType, NamedTensor};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A plan with packed and other constants of more than one digested piece, and one that its program depends on.
fn plan() -> (ValidPlan, Vec<NamedTensor>) {
    let mut rng = Rng::new(4);
    let mut b = PlanBuilder::new();
    let x = b.input("x", DType::F32, &[2, 600]);
    let bytes = rng.bytes(DType::F32, &[600, 700]);
    let w = b.constant(DType::F32, &[600, 700], &bytes);
    let op = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let y = b.push(op, &[x, w], DType::F32, &[2, 700]);
    let least = b.constant_f32(&[1, 1], &[0.5]);
    let y = b.push(Opcode::Binary(BinaryOp::Max), &[y, least], DType::F32, &[2, 700]);
    let bytes = rng.bytes(DType::F32, &[2, 700]);
    let c = b.constant(DType::F32, &[2, 700], &bytes);
    let y = b.push(Opcode::Binary(BinaryOp::Div), &[c, y], DType::F32, &[2, 700]);
    b.output("y", y);
    let plan = b.finish().unwrap();
    let inputs = random::inputs(&plan, &mut rng);
    (plan.validate().unwrap(), inputs)
}

fn path_of(folder: &Path, hash: &PlanHash, isa: Isa) -> PathBuf {
    folder.join(format!("{hash}.{}.packed", isa.name()))
}

/// An image on disk, and how its parts lie: the bytes of the store, of what was looked at, of the contents.
struct Kept {
    folder: tempfile::TempDir,
    plan: ValidPlan,
    inputs: Vec<NamedTensor>,
    expected: Vec<NamedTensor>,
    path: PathBuf,
    good: Vec<u8>,
    parts: [usize; 3],
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (plan, inputs) = plan();
        let expected = Executable::load(plan.clone(), Isa::detect(), folder.path()).run(&inputs).unwrap();
        let path = path_of(folder.path(), &plan.hash(), Isa::detect());
        let good = fs::read(&path).unwrap();
        let parts = [96, 104, 112]
            .map(|at| usize::try_from(u64::from_le_bytes(*good[at..].first_chunk().unwrap())).unwrap());
        assert!(parts[0] > 3 << 19 && parts[1] == 64, "{parts:?}");
        assert_eq!(good.len(), 4096 + parts.iter().sum::<usize>() + 32);
        Self { folder, plan, inputs, expected, path, good, parts }
    }

    fn open(&self) -> Option<Executable> {
        Executable::open(&self.plan.hash(), Isa::detect(), self.folder.path())
    }

    /// Puts a file in the image's place; a new one, for the one that is mapped must not change.
    fn put(&self, bytes: &[u8]) {
        fs::remove_file(&self.path).unwrap();
        fs::write(&self.path, bytes).unwrap();
    }

    /// Sees that the file in the image's place is not used, and the good one is made again.
    fn is_made_again(&self, why: &str) {
        assert!(self.open().is_none(), "{why}");
        let executable = Executable::load(self.plan.clone(), Isa::detect(), self.folder.path());
        assert_eq!(executable.run(&self.inputs).unwrap(), self.expected, "{why}");
        assert!(fs::read(&self.path).unwrap() == self.good, "{why}: not made again");
    }
}

#[test]
fn an_image_is_written_once_and_is_enough_after() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, inputs) = plan();
    let expected = Executable::plain(plan.clone(), Isa::Reference).run(&inputs).unwrap();
    for isa in Isa::available() {
        assert!(Executable::open(&plan.hash(), isa, folder.path()).is_none());
        let first = Executable::load(plan.clone(), isa, folder.path());
        assert_eq!(first.run(&inputs).unwrap(), expected);
        let path = path_of(folder.path(), &plan.hash(), isa);
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let second = Executable::load(plan.clone(), isa, folder.path());
        assert_eq!(second.run(&inputs).unwrap(), expected);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
        let third = Executable::open(&plan.hash(), isa, folder.path()).unwrap();
        assert_eq!(third.run(&inputs).unwrap(), expected);
        assert_eq!(third.inputs().cloned().collect::<Vec<_>>(), plan.inputs());
        assert_eq!((third.peak_bytes(), third.output_bytes()), (plan.peak_bytes(), plan.output_bytes()));
        assert_eq!(third.bytes(), first.bytes());
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), Isa::available().len(), "nothing temporary is left");
}

/// Every opcode, layers of bytes with weights that steps keep, images in blocks, tables of trees.
#[test]
fn every_plan_runs_from_its_image_as_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let made: [fn(u64) -> Plan; 3] = [|seed| random::plan(seed).0, integer::made, patterns::pattern];
    let (mut looked, mut failed) = (0, 0);
    for (seed, make) in (0..900).map(|at| (at, made[at as usize % made.len()])) {
        let plan = make(seed);
        let inputs = random::inputs(&plan, &mut Rng::new(seed ^ 0x2468));
        let valid = plan.clone().validate().unwrap();
        let hash = valid.hash();
        for isa in [Isa::detect(), Isa::Reference] {
            let expected = Executable::new(valid.clone(), isa).run(&inputs);
            drop(Executable::load(valid.clone(), isa, folder.path()));
            let image = Executable::open(&hash, isa, folder.path());
            let image = image.unwrap_or_else(|| panic!("seed {seed}, {}: no image", isa.name()));
            assert_eq!(image.run(&inputs), expected, "seed {seed}, {}: {:#?}", isa.name(), plan.nodes);
            failed += u32::from(expected == Err(RunError::Failed));
            let file = fs::read(path_of(folder.path(), &hash, isa)).unwrap();
            looked += u32::from(file[104..112] != [0; 8]);
        }
    }
    assert!(looked > 500 && failed > 5, "{looked} images with constants, {failed} runs that fail");
}

#[test]
fn a_damaged_image_is_made_again() {
    let kept = Kept::new();
    let [store, looked, contents] = kept.parts;
    let (rest, end) = (4096 + store, kept.good.len());
    // Format, instruction set, plan, arrangement, lengths, what is empty in the page; both pieces of the store; what
    // was looked at, and between that and the contents; the digest.
    let head = [0, 15, 16, 40, 70, 97, 103, 104, 111, 112, 119, 120, 4095];
    let body = [4096, 4096 + (1 << 20), rest - 1, rest, rest + 3, rest + looked - 1, rest + looked];
    let tail = [rest + looked + contents / 2, end - 33, end - 32, end - 1];
    for at in head.into_iter().chain(body).chain(tail) {
        let mut bytes = kept.good.clone();
        bytes[at] ^= 1;
        kept.put(&bytes);
        kept.is_made_again(&format!("byte {at} changed"));
    }
    for len in [0, 10, 64, 104, 4095, 4096, 5000, rest - 1, rest, rest + looked, end - 33, end - 32, end - 1]
    {
        kept.put(&kept.good[..len]);
        kept.is_made_again(&format!("cut to {len}"));
    }
    kept.put(&[&kept.good[..], &[0]].concat());
    kept.is_made_again("a byte more");
    kept.put(&vec![0; end]);
    kept.is_made_again("zeros");
}

#[test]
fn lengths_that_no_file_can_have_are_refused() {
    let kept = Kept::new();
    for at in [96, 104, 112] {
        for len in [u64::MAX, u64::MAX - 4096, u64::MAX / 2, 1 << 40, 1, 0] {
            let mut bytes = kept.good.clone();
            bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
            kept.put(&bytes);
            kept.is_made_again(&format!("length {len} at {at}"));
        }
    }
    // The same sum: the file is as long as it says, and its parts are elsewhere.
    let mut bytes = kept.good.clone();
    bytes[96..104].copy_from_slice(&(kept.parts[0] as u64 - 64).to_le_bytes());
    bytes[104..112].copy_from_slice(&(kept.parts[1] as u64 + 64).to_le_bytes());
    kept.put(&bytes);
    kept.is_made_again("parts moved");
}

#[test]
fn the_image_of_another_plan_or_instruction_set_is_not_believed() {
    let kept = Kept::new();
    let mut changed = kept.plan.clone().into_plan();
    let len = changed.data.len();
    changed.data[len - 2000..].iter_mut().skip(3).step_by(4).for_each(|byte| *byte ^= 0x80);
    let other = changed.validate().unwrap();
    fs::copy(&kept.path, path_of(kept.folder.path(), &other.hash(), Isa::detect())).unwrap();
    assert!(Executable::open(&other.hash(), Isa::detect(), kept.folder.path()).is_none());
    let found = Executable::load(other.clone(), Isa::detect(), kept.folder.path()).run(&kept.inputs).unwrap();
    assert_eq!(found, Executable::plain(other, Isa::Reference).run(&kept.inputs).unwrap());
    assert_ne!(found, kept.expected);
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::detect()) {
        fs::copy(&kept.path, path_of(kept.folder.path(), &kept.plan.hash(), isa)).unwrap();
        assert!(Executable::open(&kept.plan.hash(), isa, kept.folder.path()).is_none(), "{}", isa.name());
    }
}

/// What an older version of this program could have left, with digests that are right.
#[test]
fn an_image_from_which_another_program_would_be_made_is_not_used() {
    let kept = Kept::new();
    let hash = kept.plan.hash();
    let place = Place { hash: &hash, isa: Isa::detect(), folder: kept.folder.path() };
    let (outline, data) = Outline::of(kept.plan.clone());
    let constants = Constants::of_plan(&data);
    let program = Program::new(&outline, &constants);
    let store = Store::pack(&data, Isa::detect(), &program);
    let write = |outline: &Outline, constants: &Constants<'_>, program: &Program| {
        image::write(place, outline, constants, program, store.bytes()).unwrap();
    };
    write(&outline, &constants, &program);
    assert!(fs::read(&kept.path).unwrap() == kept.good);

    write(&outline, &Constants::of_parts(BTreeMap::new()), &program);
    kept.is_made_again("without the constants that the program depends on");

    let plain = Program::plain(&outline, &constants);
    let stored = Store::pack(&data, Isa::detect(), &plain);
    image::write(place, &outline, &constants, &plain, stored.bytes()).unwrap();
    kept.is_made_again("with another arrangement of the store");
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (plan, inputs) = plan();
    let expected = Executable::plain(plan.clone(), Isa::Reference).run(&inputs).unwrap();
    let folder = file.path().join("folder");
    assert!(Executable::open(&plan.hash(), Isa::detect(), &folder).is_none());
    let executable = Executable::load(plan, Isa::detect(), &folder);
    assert_eq!(executable.run(&inputs).unwrap(), expected);
}
