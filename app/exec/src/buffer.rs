//! The memory of a run: an aligned, zeroed block, and typed views of the values in it.
//!
//! This is the only unsafe code of the crate. What makes it sound is the layout: all values of a node, its
//! operands, its result and its scratch, lie inside the block, aligned for any element, and do not overlap
//! while it runs.
#![allow(unsafe_code)]

use assay_plan::memory::ALIGN;
use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// An element type of a tensor as it lies in memory; a bool is a u8.
///
/// # Safety
/// Every bit pattern is a value, and the alignment divides [`ALIGN`].
pub(crate) unsafe trait Element: Copy + 'static {}
// SAFETY: all bit patterns are values; alignments of 1 to 8 divide 64.
unsafe impl Element for f32 {}
// SAFETY: as above.
unsafe impl Element for i64 {}
// SAFETY: as above.
unsafe impl Element for i32 {}
// SAFETY: as above.
unsafe impl Element for i8 {}
// SAFETY: as above.
unsafe impl Element for u8 {}
// SAFETY: as above.
unsafe impl Element for u32 {}
// SAFETY: as above.
unsafe impl Element for u64 {}
// SAFETY: as above, with an alignment of at most 16.
unsafe impl Element for u128 {}
// SAFETY: an array of i32 is as its elements.
unsafe impl Element for [i32; 5] {}
// SAFETY: an array of f32 is as its elements.
unsafe impl Element for [f32; assay_kernels::PANEL] {}

/// A block of bytes aligned to [`ALIGN`], zero at first.
#[derive(Debug)]
pub(crate) struct Buffer {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a buffer owns its bytes; shared access hands out shared slices only, or is unsafe.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

fn layout(len: usize) -> Layout {
    // Reached only on a 32-bit machine, with a plan that this machine cannot hold.
    Layout::from_size_align(len, ALIGN as usize).unwrap_or_else(|_| refused(len))
}

fn refused(len: usize) -> ! {
    alloc::handle_alloc_error(Layout::from_size_align(len.min(1 << 30), 1).unwrap_or(Layout::new::<u8>()))
}

impl Buffer {
    /// A zeroed block. A machine without that much memory stops here, as Rust programs do.
    pub(crate) fn zeroed(len: u64) -> Self {
        let len = usize::try_from(len).unwrap_or_else(|_| refused(usize::MAX)).max(1);
        let layout = layout(len);
        // SAFETY: the layout's size is at least 1.
        let start = unsafe { alloc::alloc_zeroed(layout) };
        match NonNull::new(start) {
            Some(start) => Self { start, len },
            None => alloc::handle_alloc_error(layout),
        }
    }

    /// `count` elements from a byte offset.
    ///
    /// # Safety
    /// No mutable slice of these bytes is alive while the result is.
    pub(crate) unsafe fn slice<T: Element>(&self, offset: u64, count: usize) -> &[T] {
        let start = self.at::<T>(offset, count);
        // SAFETY: `at` has checked bounds and alignment; the bytes are initialised, and the caller excludes
        // aliases.
        unsafe { std::slice::from_raw_parts(start, count) }
    }

    /// `count` elements from a byte offset, to be written.
    ///
    /// # Safety
    /// No other slice of these bytes is alive while the result is.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice_mut<T: Element>(&self, offset: u64, count: usize) -> &mut [T] {
        let start = self.at::<T>(offset, count);
        // SAFETY: `at` has checked bounds and alignment; the bytes are initialised, and the caller excludes
        // aliases.
        unsafe { std::slice::from_raw_parts_mut(start, count) }
    }

    fn at<T: Element>(&self, offset: u64, count: usize) -> *mut T {
        let offset = offset as usize;
        let end = count.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(offset));
        assert!(end.is_some_and(|end| end <= self.len), "a value lies outside its buffer");
        assert!(offset.is_multiple_of(align_of::<T>()), "a value is not aligned");
        // SAFETY: the offset was found to be inside the block.
        unsafe { self.start.as_ptr().add(offset).cast() }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout, and never freed elsewhere.
        unsafe { alloc::dealloc(self.start.as_ptr(), layout(self.len)) }
    }
}

/// The bytes of constants as elements, where they are; `None` when they are not aligned for them.
pub(crate) fn in_place<T: Element>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: every bit pattern of an element is a value.
    let (before, elements, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(elements)
}

/// [`in_place`], to be written.
pub(crate) fn in_place_mut<T: Element>(bytes: &mut [u8]) -> Option<&mut [T]> {
    // SAFETY: every bit pattern of an element is a value, and of bytes too.
    let (before, elements, after) = unsafe { bytes.align_to_mut::<T>() };
    (before.is_empty() && after.is_empty()).then_some(elements)
}
