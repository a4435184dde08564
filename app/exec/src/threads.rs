//! Work on several threads: rows of a product, blocks of a convolution, constants to pack, bytes to digest.
//!
//! Each result is one thread's, computed as one thread computes all of them, so no bit depends on the number
//! of threads. A thread is worth some work; a machine that gives none costs time only, for the parts lie in a
//! queue that the caller empties as well.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Multiply-adds that repay starting a thread.
const WORTH: usize = 4_000_000;
/// Threads that memory keeps up with.
const MOST: usize = 8;

/// How many parts to make of `units` equal pieces of work that are so many multiply-adds together.
pub(crate) fn parts(threads: usize, units: usize, multiply_adds: usize) -> usize {
    if cfg!(target_family = "wasm") {
        return 1;
    }
    threads.min(units).min(multiply_adds / WORTH).max(1)
}

/// The units of each part.
pub(crate) fn ranges(units: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |part| units * part / parts..units * (part + 1) / parts)
}

/// Does all parts, each on a thread of its own if the machine gives so many.
pub(crate) fn each<T: Send>(parts: Vec<T>, work: impl Fn(T) + Sync) {
    let threads = parts.len();
    on(threads, parts, work);
}

/// Does all parts, many small ones, on the threads that this process may use.
pub(crate) fn all<T: Send>(parts: Vec<T>, work: impl Fn(T) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(MOST));
    on(threads.min(parts.len()), parts, work);
}

fn on<T: Send>(threads: usize, parts: Vec<T>, work: impl Fn(T) + Sync) {
    let helpers = threads.saturating_sub(1);
    let queue = Mutex::new(parts);
    let drain = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(part) = next else { break };
            work(part);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            let _ = std::thread::Builder::new().spawn_scoped(scope, drain);
        }
        drain();
    });
}
