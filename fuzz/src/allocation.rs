//! The bound on memory: an allocator that counts, and an assertion about its count.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that were asked for since the program began. What is given back does not count against it, so a bound holds
/// for the memory in use at any moment as well.
static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(size.saturating_sub(layout.size()), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Does `work` and holds it to `bytes` of memory, such as `4 * input.len() + 1024`.
///
/// # Panics
/// It asked for more.
pub fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let before = ASKED.load(Relaxed);
    let result = work();
    let asked = ASKED.load(Relaxed) - before;
    assert!(
        asked <= bytes,
        "{asked} bytes were asked for; the bound is {bytes}"
    );
    result
}
