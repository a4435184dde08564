//! The file of packed constants: used when it is whole, made again when it is anything else.

use super::random::{self, Rng};
use crate::{Executable, Isa};
use assay_plan::*;
use assay_types::tensor::{DType, NamedTensor};
use std::fs;
use std::path::PathBuf;

/// A plan with packed and other constants of more than one digested piece.
fn plan() -> (ValidPlan, Vec<NamedTensor>) {
    let mut rng = Rng::new(4);
    let mut b = PlanBuilder::new();
    let x = b.input("x", DType::F32, &[2, 600]);
    let bytes = rng.bytes(DType::F32, &[600, 700]);
    let w = b.constant(DType::F32, &[600, 700], &bytes);
    let op = Opcode::Einsum { a: vec![0, 1], b: vec![1, 2], out: vec![0, 2] };
    let y = b.push(op, &[x, w], DType::F32, &[2, 700]);
    let bytes = rng.bytes(DType::F32, &[2, 700]);
    let c = b.constant(DType::F32, &[2, 700], &bytes);
    let y = b.push(Opcode::Binary(BinaryOp::Div), &[c, y], DType::F32, &[2, 700]);
    b.output("y", y);
    let plan = b.finish().unwrap();
    let inputs = random::inputs(&plan, &mut rng);
    (plan.validate().unwrap(), inputs)
}

fn only_file(folder: &tempfile::TempDir) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn constants_are_written_once_and_mapped_after() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, inputs) = plan();
    let expected = Executable::plain(plan.clone(), Isa::Reference).run(&inputs).unwrap();
    for isa in Isa::available() {
        let first = Executable::load(plan.clone(), isa, folder.path());
        assert_eq!(first.run(&inputs).unwrap(), expected);
        let path = folder.path().join(format!("{}.{}.packed", plan.hash(), isa.name()));
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let second = Executable::load(plan.clone(), isa, folder.path());
        assert_eq!(second.run(&inputs).unwrap(), expected);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), Isa::available().len(), "nothing temporary is left");
}

#[test]
fn a_damaged_file_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, inputs) = plan();
    let load = || Executable::load(plan.clone(), Isa::detect(), folder.path()).run(&inputs).unwrap();
    let expected = load();
    let path = only_file(&folder);
    let good = fs::read(&path).unwrap();
    let damaged = |damage: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        damage(&mut bytes);
        // A file of its own: the one that is mapped must not change.
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        assert_eq!(load(), expected);
        assert!(fs::read(&path).unwrap() == good, "the file was not made again");
    };
    // Format, instruction set, plan, arrangement, length, digest; then content of both pieces.
    for at in [0, 15, 16, 40, 70, 97, 104, 135, 4096, 4096 + (1 << 20), good.len() - 1] {
        damaged(&|bytes| bytes[at] ^= 1);
    }
    for len in [0, 10, 104, 4095, 4096, 5000, good.len() - 1] {
        damaged(&|bytes| bytes.truncate(len));
    }
    damaged(&|bytes| bytes.push(0));
    damaged(&|bytes| bytes.fill(0));
}

#[test]
fn the_file_of_another_plan_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, inputs) = plan();
    let expected = Executable::load(plan.clone(), Isa::detect(), folder.path()).run(&inputs).unwrap();
    let path = only_file(&folder);
    let mut changed = plan.clone().into_plan();
    let len = changed.data.len();
    changed.data[len - 2000..].iter_mut().skip(3).step_by(4).for_each(|byte| *byte ^= 0x80);
    let other = changed.validate().unwrap();
    let name = format!("{}.{}.packed", other.hash(), Isa::detect().name());
    fs::copy(&path, folder.path().join(name)).unwrap();
    let found = Executable::load(other.clone(), Isa::detect(), folder.path()).run(&inputs).unwrap();
    assert_eq!(found, Executable::plain(other, Isa::Reference).run(&inputs).unwrap());
    assert_ne!(found, expected);
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (plan, inputs) = plan();
    let expected = Executable::plain(plan.clone(), Isa::Reference).run(&inputs).unwrap();
    let executable = Executable::load(plan, Isa::detect(), &file.path().join("folder"));
    assert_eq!(executable.run(&inputs).unwrap(), expected);
}
