//! A compiler for tests: a file's first word says which plan it is, so that the state machine's rules are
//! tested without the sandbox. The real one is tested in its own crate, and with this one in `tests`.

use crate::engine::Compile;
use assay_compiler::{Compilation, HostError, Refusal};
use assay_plan::{Opcode, PlanBuilder, UnaryOp, ValidPlan};
use assay_types::hash::CompilerHash;
use assay_types::tensor::{DType, InputShape};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

/// Fuel that every compilation burns.
pub const FUEL: u64 = 1000;

/// See the module.
pub struct Toy {
    /// Taken by the file `slow`: says that it started, then waits to be told to go on.
    gate: Mutex<Option<Gate>>,
    /// Answers with another plan than it should.
    pub wrong: bool,
    /// Compilations so far.
    pub count: Arc<Mutex<u32>>,
}

/// Both ends of a rendezvous.
pub struct Gate {
    started: SyncSender<()>,
    go_on: Receiver<()>,
}

impl Gate {
    /// A gate, what tells that it was reached, and what opens it.
    pub fn new() -> (Gate, Receiver<()>, SyncSender<()>) {
        let (started, reached) = sync_channel(1);
        let (open, go_on) = sync_channel(1);
        (Gate { started, go_on }, reached, open)
    }
}

impl Toy {
    pub fn new(gate: Option<Gate>) -> Self {
        Self { gate: Mutex::new(gate), wrong: false, count: Arc::default() }
    }
}

/// `y = -x` over four numbers.
fn neg() -> ValidPlan {
    let mut builder = PlanBuilder::new();
    let x = builder.input("x", DType::F32, &[4]);
    let y = builder.push(Opcode::Unary(UnaryOp::Neg), &[x], DType::F32, &[4]);
    builder.output("y", y);
    builder.finish().unwrap().validate().unwrap()
}

/// `y = table[i]`, which fails when `i` is out of range.
fn gather() -> ValidPlan {
    let mut builder = PlanBuilder::new();
    let table = builder.constant_f32(&[4], &[0.0, 1.0, 2.0, 3.0]);
    let i = builder.input("i", DType::I64, &[1]);
    let y = builder.push(Opcode::Gather { axis: 0 }, &[table, i], DType::F32, &[1]);
    builder.output("y", y);
    builder.finish().unwrap().validate().unwrap()
}

/// One number repeated: `len` of them.
fn repeat(len: u32) -> ValidPlan {
    let mut builder = PlanBuilder::new();
    let x = builder.input("x", DType::F32, &[1]);
    let y = builder.push(Opcode::Broadcast, &[x], DType::F32, &[len]);
    builder.output("y", y);
    builder.finish().unwrap().validate().unwrap()
}

impl Compile for Toy {
    fn hash(&self) -> CompilerHash {
        CompilerHash([7; 32])
    }

    fn compile(&self, onnx: &[u8], _: &[InputShape], fuel: u64) -> Result<Compilation, HostError> {
        *self.count.lock().unwrap() += 1;
        if fuel < FUEL {
            return Ok(Compilation { fuel, memory_bytes: 0, outcome: Err(Refusal::OutOfFuel(fuel)) });
        }
        let text = String::from_utf8_lossy(onnx);
        let outcome = match text.split_whitespace().next() {
            Some("neg") if self.wrong => Ok(repeat(2)),
            Some("neg") => Ok(neg()),
            Some("gather") => Ok(gather()),
            Some("half") => Ok(repeat(40_000)),
            Some("wide") => Ok(repeat(70_000)),
            Some("slow") => {
                if let Some(gate) = self.gate.lock().unwrap().take() {
                    gate.started.send(()).unwrap();
                    gate.go_on.recv().unwrap();
                }
                Ok(neg())
            }
            _ => Err(Refusal::DoesNotCompile("it is no toy".into())),
        };
        Ok(Compilation { fuel: FUEL, memory_bytes: 0, outcome })
    }
}
