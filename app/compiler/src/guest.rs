//! One conversation with the blob: the file and the shapes in, a plan or a reason out.
//!
//! The blob exports `assay_alloc(len) -> pointer`, `assay_compile(file, len, shapes, len) -> 0 or 1`,
//! `assay_out_ptr` and `assay_out_len`. What it says is bounded and checked here like anything else that an
//! outsider sends.

use crate::error::HostError;
use crate::imports::Outside;
use assay_types::codec;
use assay_types::limits::{MAX_COMPILE_MEMORY, MAX_PLAN_BYTES};
use assay_types::tensor::InputShape;
use wasmtime::{Error, Instance, InstancePre, Memory, Result, Store, StoreLimitsBuilder, Trap};

/// Bytes of a reason that are kept.
const MAX_REASON_BYTES: usize = 2000;
/// Elements of the blob's function table: far above what it has, and it never grows one.
const MAX_TABLE: usize = 1 << 20;

/// How a run of the blob ended.
pub enum Ending {
    /// It wrote a plan, not yet checked.
    Plan(Vec<u8>),
    /// It refused, stopped, or ran out of memory.
    Refused(String),
    /// The fuel ran out.
    OutOfFuel,
}

/// What a run of the blob took, and how it ended.
pub struct Run {
    /// Fuel burned.
    pub fuel: u64,
    /// Bytes of its memory at the end: a memory never shrinks, so no moment had more.
    pub memory_bytes: u64,
    /// How it ended.
    pub ending: Ending,
}

/// Runs the blob once, in a fresh instance.
pub fn run(
    pre: &InstancePre<Outside>,
    onnx: &[u8],
    shapes: &[InputShape],
    fuel: u64,
) -> Result<Run, HostError> {
    let caps = StoreLimitsBuilder::new().memory_size(MAX_COMPILE_MEMORY).table_elements(MAX_TABLE).build();
    let mut store = Store::new(pre.module().engine(), Outside::new(caps));
    store.limiter(|outside| &mut outside.limits);
    store.set_fuel(fuel).map_err(|error| HostError::Load(error.to_string()))?;
    // An instance is made of the blob alone: if that fails, it is the machine's doing.
    let instance =
        pre.instantiate(&mut store).map_err(|_| HostError::Resources("memory for the compiler"))?;
    let talked = talk(&mut store, &instance, onnx, shapes);
    if store.data().limits.refused_by_host {
        return Err(HostError::Resources("memory for the compiler"));
    }
    let memory = instance.get_memory(&mut store, "memory");
    let memory_bytes = memory.map_or(0, |memory| memory.data_size(&store) as u64);
    let left = store.get_fuel().map_err(|error| HostError::Load(error.to_string()))?;
    let ending = match talked {
        Ok(ending) => ending,
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => {
                return Ok(Run { fuel, memory_bytes, ending: Ending::OutOfFuel });
            }
            Some(_) => Ending::Refused(stopped(&store.data().said)),
            None => Ending::Refused("the compiler broke its protocol on this file".into()),
        },
    };
    Ok(Run { fuel: fuel.saturating_sub(left), memory_bytes, ending })
}

fn talk(
    store: &mut Store<Outside>,
    instance: &Instance,
    onnx: &[u8],
    shapes: &[InputShape],
) -> Result<Ending> {
    // The registries of tract are constructors; without this call they would run at every export.
    instance.get_typed_func::<(), ()>(&mut *store, "__wasm_call_ctors")?.call(&mut *store, ())?;
    let memory = instance.get_memory(&mut *store, "memory").ok_or_else(|| Error::msg("no memory"))?;
    let shapes = codec::encode(&shapes);
    let file = put(store, instance, memory, onnx)?;
    let list = put(store, instance, memory, &shapes)?;
    let compile = instance.get_typed_func::<(u32, u32, u32, u32), i32>(&mut *store, "assay_compile")?;
    let verdict = compile.call(&mut *store, (file, onnx.len() as u32, list, shapes.len() as u32))?;
    let start =
        instance.get_typed_func::<(), u32>(&mut *store, "assay_out_ptr")?.call(&mut *store, ())? as usize;
    let len =
        instance.get_typed_func::<(), u32>(&mut *store, "assay_out_len")?.call(&mut *store, ())? as usize;
    let limit = if verdict == 0 { MAX_PLAN_BYTES } else { MAX_REASON_BYTES };
    let len = len.min(limit);
    let out = start.checked_add(len).and_then(|end| memory.data(&*store).get(start..end));
    let out = out.ok_or_else(|| Error::msg("a result out of the blob's memory"))?;
    Ok(match verdict {
        0 => Ending::Plan(out.to_vec()),
        _ => Ending::Refused(readable(out)),
    })
}

/// Copies bytes into the blob's memory.
fn put(store: &mut Store<Outside>, instance: &Instance, memory: Memory, bytes: &[u8]) -> Result<u32> {
    let len = u32::try_from(bytes.len())?;
    let start = instance.get_typed_func::<u32, u32>(&mut *store, "assay_alloc")?.call(&mut *store, len)?;
    memory.write(&mut *store, start as usize, bytes)?;
    Ok(start)
}

/// What to say of a trap: the message of the compiler's panic, if it had one. The place in its source that
/// stands in the line before says nothing to a model's author.
fn stopped(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let message = text.lines().skip_while(|line| !line.contains("panicked at")).nth(1).unwrap_or(&text);
    match readable(message.as_bytes()).trim() {
        "" => "the compiler stopped on this file, or ran out of memory".to_owned(),
        words => format!("the compiler stopped: {words}"),
    }
}

/// A reason as one line of text.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
