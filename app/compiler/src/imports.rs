//! What the blob finds outside its sandbox: nothing that differs from one machine or moment to another.
//!
//! The blob is built for WASI, whose functions it links but hardly needs. Random bytes come from a fixed
//! sequence, the clock stands at zero, what it writes is swallowed, there is no environment and no file
//! system. Any other import traps.

use wasmtime::{Caller, Error, Linker, Memory, Module, Result, StoreLimits};

/// What a compilation keeps outside the sandbox.
pub struct Outside {
    pub limits: Limits,
    random: u64,
    /// The start of what the blob wrote: a panic's message, for the author of the model.
    pub said: Vec<u8>,
}

/// Bytes of the blob's writing that are kept.
const MAX_SAID: usize = 500;

/// The memory cap, and whether the machine itself refused memory below it.
pub struct Limits {
    caps: StoreLimits,
    pub refused_by_host: bool,
}

impl Outside {
    pub fn new(caps: StoreLimits) -> Self {
        Self { limits: Limits { caps, refused_by_host: false }, random: 1, said: Vec::new() }
    }
}

impl wasmtime::ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.caps.memory_growing(current, desired, maximum)
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<()> {
        // Reached only for growth that the cap allowed.
        self.refused_by_host = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.caps.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.caps.instances()
    }

    fn tables(&self) -> usize {
        self.caps.tables()
    }

    fn memories(&self) -> usize {
        self.caps.memories()
    }
}

const WASI: &str = "wasi_snapshot_preview1";
/// WASI's error number for a bad file descriptor.
const BAD_FILE: i32 = 8;

fn memory(caller: &mut Caller<'_, Outside>) -> Result<Memory> {
    let export = caller.get_export("memory").and_then(|export| export.into_memory());
    export.ok_or_else(|| Error::msg("the blob exports no memory"))
}

fn slice(bytes: &mut [u8], start: u32, len: u32) -> Result<&mut [u8]> {
    let range = start as usize..start as usize + len as usize;
    bytes.get_mut(range).ok_or_else(|| Error::msg("a pointer out of the blob's memory"))
}

fn zero(caller: &mut Caller<'_, Outside>, start: u32, len: u32) -> Result<()> {
    let memory = memory(caller)?;
    slice(memory.data_mut(caller), start, len)?.fill(0);
    Ok(())
}

/// The imports of the blob.
pub fn linker(engine: &wasmtime::Engine, module: &Module) -> Result<Linker<Outside>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        WASI,
        "random_get",
        |mut caller: Caller<'_, Outside>, start: u32, len: u32| -> Result<i32> {
            let memory = memory(&mut caller)?;
            let (bytes, outside) = memory.data_and_store_mut(&mut caller);
            for byte in slice(bytes, start, len)? {
                // Knuth's linear congruential generator: any fixed sequence would do.
                outside.random = outside
                    .random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *byte = (outside.random >> 56) as u8;
            }
            Ok(0)
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut caller: Caller<'_, Outside>, _clock: i32, _precision: i64, out: u32| -> Result<i32> {
            zero(&mut caller, out, 8).map(|()| 0)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut caller: Caller<'_, Outside>, _file: i32, list: u32, count: u32, out: u32| -> Result<i32> {
            swallow(&mut caller, list, count, out).map(|()| 0)
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_sizes_get",
        |mut caller: Caller<'_, Outside>, count: u32, size: u32| -> Result<i32> {
            zero(&mut caller, count, 4)?;
            zero(&mut caller, size, 4).map(|()| 0)
        },
    )?;
    linker.func_wrap(WASI, "environ_get", |_: i32, _: i32| -> i32 { 0 })?;
    linker.func_wrap(WASI, "fd_prestat_get", |_: i32, _: i32| -> i32 { BAD_FILE })?;
    linker.define_unknown_imports_as_traps(module)?;
    Ok(linker)
}

/// Pretends to write a list of buffers: says how many bytes they have, and keeps the start of them.
fn swallow(caller: &mut Caller<'_, Outside>, list: u32, count: u32, out: u32) -> Result<()> {
    let memory = memory(caller)?;
    let (bytes, outside) = memory.data_and_store_mut(caller);
    let mut total = 0u32;
    for index in 0..count.min(64) {
        let entry = slice(bytes, list.wrapping_add(index * 8), 8)?;
        let number = |at: usize| entry[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let (start, len) = (number(0), number(4));
        let room = MAX_SAID.saturating_sub(outside.said.len()).min(len as usize);
        outside.said.extend_from_slice(slice(bytes, start, room as u32)?);
        total = total.wrapping_add(len);
    }
    slice(bytes, out, 4)?.copy_from_slice(&total.to_le_bytes());
    Ok(())
}
