//! A program's image: one file with all that a plan's program is made from, and its packed constants.
//!
//! It lies beside the plan's file, one for each instruction set, and makes that file needless when the plan is
//! loaded again: what a run reads of the constants is here, packed, and so are the outline and the bytes that the
//! program depends on. Every byte is read once, to be digested.
//!
//! | bytes | |
//! |---|---|
//! | a page | format, instruction set, plan, arrangement of the store, lengths of the parts that follow |
//! | the store | packed constants; mapped as long as the program lives |
//! | looked at | constants that the program was made from, each at a multiple of 64 |
//! | contents | the outline, and where in the plan the constants before it are |
//! | 32 | the digest of everything before |
//!
//! An image is a cache, and is not believed: what is not whole, or of another format, instruction set or plan, or
//! leads to another arrangement, is made again from the plan. It is written under another name and renamed, so that
//! no reader sees half of one, and mapped read-only, so that all processes share its pages. A file that someone
//! else changes while it is mapped, or makes with a digest that is right, is outside what can be guarded against,
//! as is a changed program; the folder is the user's own.

use crate::constants::{Constants, Range};
use crate::outline::Outline;
use crate::program::Program;
use crate::store::Store;
use crate::threads::all;
use assay_kernels::Isa;
use assay_plan::memory::ALIGN;
use assay_types::hash::PlanHash;
use borsh::{BorshDeserialize, BorshSerialize};
use memmap2::{Mmap, MmapOptions};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes before the store: a page, so that it is aligned.
const HEADER: usize = 4096;
/// What a file begins with; the number changes with the arrangement that the kernels want.
const MAGIC: &[u8; 16] = b"assay packed 04\n";
/// Bytes that are digested together.
const PIECE: usize = 1 << 20;
/// Bytes of the digest.
const DIGEST: usize = 32;

/// What a program is, and where its image is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub hash: &'a PlanHash,
    pub isa: Isa,
    pub folder: &'a Path,
}

impl Place<'_> {
    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.{}.packed", self.hash, self.isa.name()))
    }

    /// The first bytes of every image of this plan: 16 of format, 16 of the instruction set's name, the hash.
    fn start(&self) -> [u8; 64] {
        let mut start = [0; 64];
        start[..16].copy_from_slice(MAGIC);
        let name = self.isa.name().as_bytes();
        start[16..][..name.len().min(16)].copy_from_slice(&name[..name.len().min(16)]);
        start[32..].copy_from_slice(self.hash.as_bytes());
        start
    }
}

/// What follows the start: the arrangement of the store, and the bytes of each part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Parts {
    arrangement: [u8; 32],
    store: u64,
    looked: u64,
    contents: u64,
}

impl Parts {
    /// Where the store ends, and where the file.
    fn ends(&self) -> Option<(usize, u64)> {
        let store = self.store.checked_add(HEADER as u64)?;
        let end = store.checked_add(self.looked)?.checked_add(self.contents)?.checked_add(DIGEST as u64)?;
        Some((usize::try_from(store).ok()?, end))
    }

    fn of(program: &Program, looked: u64, contents: u64) -> Self {
        Self { arrangement: program.arrangement(), store: program.store_bytes, looked, contents }
    }
}

/// An image that is whole.
#[derive(Debug)]
pub(crate) struct Image {
    parts: Parts,
    store: Mmap,
    rest: Mmap,
    outline: Outline,
    looked: Vec<Range>,
}

impl Image {
    /// The image of a plan; `None` when there is none that is whole.
    pub(crate) fn open(place: Place<'_>) -> Option<Self> {
        let (parts, store, rest) = open(&place)?;
        let (rest_len, looked) = (rest.len() - DIGEST, parts.looked as usize);
        if rest[rest_len..] != digest(&[&store[..HEADER], &store[HEADER..], &rest[..rest_len]]) {
            return None;
        }
        let (outline, looked) = borsh::from_slice(&rest[looked..rest_len]).ok()?;
        Some(Self { parts, store, rest, outline, looked })
    }

    pub(crate) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The constants that the program was made from; `None` when some are not where they should be.
    pub(crate) fn constants(&self) -> Option<Constants<'_>> {
        let mut found = BTreeMap::new();
        let (mut at, looked) = (0u64, &self.rest[..self.parts.looked as usize]);
        for &range in &self.looked {
            let end = at.checked_add(range.1)?;
            found.insert(range, looked.get(usize::try_from(at).ok()?..usize::try_from(end).ok()?)?);
            at = end.checked_next_multiple_of(ALIGN)?;
        }
        Some(Constants::of_parts(found))
    }

    /// Whether the store is a program's.
    pub(crate) fn fits(&self, program: &Program) -> bool {
        self.parts == Parts::of(program, self.parts.looked, self.parts.contents)
    }

    /// The outline and the store, when the program has been made.
    pub(crate) fn into_parts(self) -> (Outline, Store) {
        (self.outline, Store::Mapped(self.store, HEADER))
    }
}

/// Writes a program's image.
pub(crate) fn write(
    place: Place<'_>,
    outline: &Outline,
    constants: &Constants<'_>,
    program: &Program,
    store: &[u8],
) -> io::Result<()> {
    let (ranges, mut rest) = (constants.looked(), Vec::new());
    for &range in &ranges {
        rest.extend_from_slice(&constants.bytes(range));
        rest.resize(rest.len().next_multiple_of(ALIGN as usize), 0);
    }
    let looked = rest.len();
    borsh::to_writer(&mut rest, &(outline, ranges))?;
    let parts = Parts::of(program, looked as u64, (rest.len() - looked) as u64);
    let mut header = place.start().to_vec();
    borsh::to_writer(&mut header, &parts)?;
    header.resize(HEADER, 0);
    let digest = digest(&[&header, store, &rest]);
    replace(&place, store, |file| {
        [&header[..], store, &rest[..], &digest[..]].into_iter().try_for_each(|part| file.write_all(part))
    })
}

/// The store of an image that was written a moment ago.
pub(crate) fn own_store(place: Place<'_>, program: &Program) -> Option<Store> {
    let (parts, store, _) = open(&place)?;
    (parts == Parts::of(program, parts.looked, parts.contents)).then_some(Store::Mapped(store, HEADER))
}

/// A file that begins as it should and is as long as it says: all up to the end of the store, and the rest.
#[allow(unsafe_code)]
fn open(place: &Place<'_>) -> Option<(Parts, Mmap, Mmap)> {
    let file = File::open(place.path()).ok()?;
    let len = file.metadata().ok().filter(|data| data.is_file())?.len();
    let mut header = [0; HEADER];
    io::Read::read_exact(&mut &file, &mut header).ok()?;
    let mut after = header.strip_prefix(&place.start())?;
    let parts = Parts::deserialize(&mut after).ok()?;
    let (store, end) = parts.ends()?;
    if end != len || !store.is_multiple_of(ALIGN as usize) {
        return None;
    }
    // SAFETY: the file is in a cache that only this program writes, and it never writes to a file that has its
    // final name: a new one takes its place. See the module about others.
    let (all, rest) = unsafe {
        let rest = MmapOptions::new().offset(store as u64).map(&file).ok()?;
        (MmapOptions::new().len(store).map(&file).ok()?, rest)
    };
    (store as u64 + rest.len() as u64 == len).then_some((parts, all, rest))
}

/// The digest of the digests of all pieces, which several threads make.
fn digest(parts: &[&[u8]]) -> [u8; DIGEST] {
    let pieces: Vec<&[u8]> = parts.iter().flat_map(|part| part.chunks(PIECE)).collect();
    let mut digests = vec![[0; DIGEST]; pieces.len()];
    all(pieces.into_iter().zip(&mut digests).collect(), |(piece, digest): (&[u8], &mut [u8; DIGEST])| {
        *digest = *blake3::hash(piece).as_bytes();
    });
    *blake3::hash(digests.as_flattened()).as_bytes()
}

/// Puts a new file in the place of an old one, whole or not at all. `store` tells apart the writers of a process.
fn replace(
    place: &Place<'_>,
    store: &[u8],
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    fs::create_dir_all(place.folder)?;
    let own = format!("packed.{}.{:x}.tmp", std::process::id(), store.as_ptr() as usize);
    let temporary = place.folder.join(own);
    let written = File::create(&temporary).and_then(|mut file| fill(&mut file));
    let done = written.and_then(|()| fs::rename(&temporary, place.path()));
    if done.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    done
}
