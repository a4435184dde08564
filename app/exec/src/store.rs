//! The constants of a program, packed: in memory, or in the mapped file of its image.

use crate::buffer::Buffer;
use crate::program::{Program, write_packs};
use assay_kernels::Isa;

/// Bytes of constants.
#[derive(Debug)]
pub(crate) enum Store {
    Owned(Buffer, usize),
    /// A file, and where in it the constants begin: at a multiple of what buffers are aligned to.
    #[cfg(not(target_family = "wasm"))]
    Mapped(memmap2::Mmap, usize),
}

impl Store {
    /// Makes the constants from a plan's data.
    #[allow(unsafe_code)]
    pub(crate) fn pack(data: &[u8], isa: Isa, program: &Program) -> Self {
        let len = program.store_bytes as usize;
        let store = Buffer::zeroed(program.store_bytes);
        // SAFETY: the buffer is not shared yet.
        let bytes = unsafe { store.slice_mut(0, len) };
        if crate::buffer::in_place::<u64>(&data[..data.len() / 8 * 8]).is_some() {
            write_packs(isa, &program.packs, data, bytes);
        } else {
            // The allocator has put the plan's constants at an odd place.
            let aligned = Buffer::zeroed(data.len() as u64);
            // SAFETY: the buffer is not shared.
            let aligned = unsafe { aligned.slice_mut::<u8>(0, data.len()) };
            aligned.copy_from_slice(data);
            write_packs(isa, &program.packs, aligned, bytes);
        }
        Store::Owned(store, len)
    }

    #[allow(unsafe_code)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            // SAFETY: never written after `pack`.
            Store::Owned(store, len) => unsafe { store.slice(0, *len) },
            #[cfg(not(target_family = "wasm"))]
            Store::Mapped(file, start) => &file[*start..],
        }
    }
}
