//! The constants of a program: made in memory, or mapped from a file that was made before.
//!
//! The file is a cache beside the plan's. It is not believed: a header names format, instruction set, plan
//! and arrangement, and a digest of the content; what does not fit is made again. It is written under another
//! name and renamed, so that no reader sees half of one, and mapped read-only, so that all processes share
//! its pages. A file that someone else changes while it is mapped is outside what can be guarded against, as
//! is a changed program; the folder is the user's own.

use crate::buffer::Buffer;
use crate::program::{Program, digest, write_packs};
use assay_kernels::Isa;
use assay_plan::{Plan, ValidPlan};
use std::path::Path;

/// Bytes of constants.
#[derive(Debug)]
pub(crate) enum Store {
    Owned(Buffer, usize),
    #[cfg(not(target_family = "wasm"))]
    Mapped(memmap2::Mmap),
}

/// Bytes before the content: a page, so that the content is aligned.
const HEADER: usize = 4096;
/// What a file begins with; the number changes with the arrangement that the kernels want.
const MAGIC: &[u8; 16] = b"assay packed 02\n";
/// Bytes of content that are digested together.
const PIECE: usize = 1 << 20;

impl Store {
    /// Makes the constants from a plan's data.
    #[allow(unsafe_code)]
    pub(crate) fn pack(plan: &Plan, isa: Isa, program: &Program) -> Self {
        let len = program.store_bytes as usize;
        let store = Buffer::zeroed(program.store_bytes);
        // SAFETY: the buffer is not shared yet.
        let bytes = unsafe { store.slice_mut(0, len) };
        if crate::buffer::in_place::<u64>(&plan.data[..plan.data.len() / 8 * 8]).is_some() {
            write_packs(isa, &program.packs, &plan.data, bytes);
        } else {
            // The allocator has put the plan's constants at an odd place.
            let data = Buffer::zeroed(plan.data.len() as u64);
            // SAFETY: the buffer is not shared.
            let data = unsafe { data.slice_mut::<u8>(0, plan.data.len()) };
            data.copy_from_slice(&plan.data);
            write_packs(isa, &program.packs, data, bytes);
        }
        Store::Owned(store, len)
    }

    #[allow(unsafe_code)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            // SAFETY: never written after `pack`.
            Store::Owned(store, len) => unsafe { store.slice(0, *len) },
            #[cfg(not(target_family = "wasm"))]
            Store::Mapped(file) => &file[HEADER..],
        }
    }

    /// The constants from their file, or made and put there.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn load(plan: &ValidPlan, isa: Isa, program: &Program, folder: &Path) -> Self {
        let path = folder.join(format!("{}.{}.packed", plan.hash(), isa.name()));
        let head = header(plan, isa, program);
        if let Some(store) = file::map(&path, &head, program.store_bytes) {
            return store;
        }
        let store = Self::pack(plan.plan(), isa, program);
        // A disk that takes nothing costs time at the next start, and no more.
        let _ = file::write(&path, &head, store.bytes());
        file::map_own(&path, &head, program.store_bytes).unwrap_or(store)
    }

    /// A browser has no files.
    #[cfg(target_family = "wasm")]
    pub(crate) fn load(plan: &ValidPlan, isa: Isa, program: &Program, _: &Path) -> Self {
        Self::pack(plan.plan(), isa, program)
    }
}

/// What a file of these constants begins with: 16 bytes of format, 16 of the instruction set's name, the
/// plan's hash, the digest of the arrangement, the length of the content. The digest of the content follows.
fn header(plan: &ValidPlan, isa: Isa, program: &Program) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..16].copy_from_slice(MAGIC);
    let name = isa.name().as_bytes();
    head[16..][..name.len().min(16)].copy_from_slice(&name[..name.len().min(16)]);
    head[32..64].copy_from_slice(plan.hash().as_bytes());
    head[64..96].copy_from_slice(&digest(&program.packs));
    head[96..].copy_from_slice(&program.store_bytes.to_le_bytes());
    head
}

/// Bytes of the header that are compared.
const HEAD: usize = 104;

#[cfg(not(target_family = "wasm"))]
mod file {
    use super::{HEAD, HEADER, PIECE, Store};
    use std::fs::{self, File};
    use std::io::{Result, Write};
    use std::path::Path;

    /// The digest of the digests of the content's pieces, which several threads make.
    fn content_digest(content: &[u8]) -> [u8; 32] {
        let pieces: Vec<&[u8]> = content.chunks(PIECE).collect();
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        let each = pieces.len().div_ceil(threads).max(1);
        let mut digests = vec![[0; 32]; pieces.len()];
        std::thread::scope(|scope| {
            for (pieces, digests) in pieces.chunks(each).zip(digests.chunks_mut(each)) {
                let work = move || {
                    for (piece, digest) in pieces.iter().zip(digests) {
                        *digest = *blake3::hash(piece).as_bytes();
                    }
                };
                if threads == 1 { work() } else { drop(scope.spawn(work)) }
            }
        });
        *blake3::hash(digests.as_flattened()).as_bytes()
    }

    #[allow(unsafe_code)]
    fn open(path: &Path, head: &[u8; HEAD], bytes: u64) -> Option<memmap2::Mmap> {
        let file = File::open(path).ok()?;
        let len = file.metadata().ok().filter(|data| data.is_file())?.len();
        if len != bytes.checked_add(HEADER as u64)? {
            return None;
        }
        // SAFETY: the file is in a cache that only this program writes, and it never writes to a file that
        // has its final name: a new one takes its place. See the module about others.
        let map = unsafe { memmap2::Mmap::map(&file) }.ok()?;
        (map.len() as u64 == len && map.starts_with(head)).then_some(map)
    }

    /// The content of a file that is whole.
    pub(super) fn map(path: &Path, head: &[u8; HEAD], bytes: u64) -> Option<Store> {
        let map = open(path, head, bytes)?;
        let whole = map[HEAD..HEAD + 32] == content_digest(&map[HEADER..]);
        whole.then_some(Store::Mapped(map))
    }

    /// The content of a file that was written a moment ago.
    pub(super) fn map_own(path: &Path, head: &[u8; HEAD], bytes: u64) -> Option<Store> {
        open(path, head, bytes).map(Store::Mapped)
    }

    pub(super) fn write(path: &Path, head: &[u8; HEAD], content: &[u8]) -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut header = vec![0; HEADER];
        header[..HEAD].copy_from_slice(head);
        header[HEAD..HEAD + 32].copy_from_slice(&content_digest(content));
        let own = format!("packed.{}.{:x}.tmp", std::process::id(), content.as_ptr() as usize);
        let temporary = folder.join(own);
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&header)?;
            file.write_all(content)
        });
        let done = written.and_then(|()| fs::rename(&temporary, path));
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done
    }
}
