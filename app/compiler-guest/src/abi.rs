//! The functions that the host calls.
//!
//! The host asks for memory with `assay_alloc`, writes the file and the shapes there, calls `assay_compile`
//! once, and reads the result at `assay_out_ptr`, `assay_out_len`: a plan when the call returned 0, a reason
//! when it returned 1.
#![allow(unsafe_code)]

use crate::compile;
use std::alloc::{Layout, alloc};
use std::sync::Mutex;

static OUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Memory of `len` bytes, or null when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn assay_alloc(len: usize) -> *mut u8 {
    match Layout::array::<u8>(len.max(1)) {
        // SAFETY: the layout's size is at least 1.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// Compiles; takes both buffers.
///
/// # Safety
/// Each pointer comes from [`assay_alloc`] of the length beside it, was filled, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn assay_compile(
    file: *mut u8,
    file_len: usize,
    shapes: *mut u8,
    shapes_len: usize,
) -> i32 {
    let take = |start: *mut u8, len: usize| {
        // SAFETY: as this function's contract says; `assay_alloc` gave the allocation a capacity of
        // `len.max(1)`.
        unsafe { Vec::from_raw_parts(start, len, len.max(1)) }
    };
    if file.is_null() || shapes.is_null() {
        return put(1, b"the file does not fit the compiler's memory".to_vec());
    }
    match compile::compile(take(file, file_len), &take(shapes, shapes_len)) {
        Ok(plan) => put(0, plan),
        Err(reason) => put(1, reason.into_bytes()),
    }
}

fn put(status: i32, bytes: Vec<u8>) -> i32 {
    match OUT.lock() {
        Ok(mut out) => {
            *out = bytes;
            status
        }
        Err(_) => 1,
    }
}

/// Where the result starts.
#[unsafe(no_mangle)]
pub extern "C" fn assay_out_ptr() -> *const u8 {
    OUT.lock().map_or(std::ptr::null(), |out| out.as_ptr())
}

/// Bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn assay_out_len() -> usize {
    OUT.lock().map_or(0, |out| out.len())
}
