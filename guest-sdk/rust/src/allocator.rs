//! An allocator for instances that live for one entry of the log.
//!
//! Growing a linear memory costs the host several times what making the instance does, and the allocator of the standard library
//! grows it at the first allocation. So the first bytes come from an arena that is part of the module's memory from the
//! beginning, by moving a pointer; what does not fit any more comes from the allocator of the standard library. Whatever is
//! freed last is free at once, and all of the arena when nothing in it is in use, so that a machine that lives on gets its
//! scratch space from it as well.

#![allow(unsafe_code)] // An allocator cannot be written without.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::{Cell, UnsafeCell},
    ptr,
};

/// How much most entries need: a few commands and answers. What is not touched costs nothing.
#[cfg(target_arch = "wasm32")]
const ARENA_BYTES: usize = 256 * 1024;

/// What the arena is aligned to; what needs more does not come from it.
const ALIGN_MAX: usize = 16;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: ArenaFirst<std::alloc::System, ARENA_BYTES> = ArenaFirst::new(std::alloc::System);

#[repr(C, align(16))]
struct Memory<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

/// An arena, and an allocator for what does not fit into it.
struct ArenaFirst<Rest, const BYTES: usize> {
    memory: Memory<BYTES>,
    /// Where what is free begins.
    next: Cell<usize>,
    /// How many allocations are in use.
    used: Cell<usize>,
    rest: Rest,
}

// SAFETY: `Cell` and `UnsafeCell` are not for several threads, and there is but one: a plugin has no threads (the host
// refuses shared memories), and the tests keep each arena to the thread that made it.
unsafe impl<Rest: Sync, const BYTES: usize> Sync for ArenaFirst<Rest, BYTES> {}

impl<Rest, const BYTES: usize> ArenaFirst<Rest, BYTES> {
    const fn new(rest: Rest) -> Self {
        let memory = Memory(UnsafeCell::new([0; BYTES]));
        Self { memory, next: Cell::new(0), used: Cell::new(0), rest }
    }

    fn begin(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// Where in the arena this is, if it is.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        (pointer as usize).checked_sub(self.begin() as usize).filter(|offset| *offset < BYTES)
    }

    /// Room for a layout at the end of what is in use.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if layout.align() > ALIGN_MAX || layout.size() == 0 {
            return None;
        }
        let start = self.next.get().next_multiple_of(layout.align());
        let end = start.checked_add(layout.size()).filter(|end| *end <= BYTES)?;
        self.next.set(end);
        self.used.set(self.used.get() + 1);
        // SAFETY: `start` is less than `end`, which is within the arena.
        Some(unsafe { self.begin().add(start) })
    }

    fn give_back(&self, offset: usize, size: usize) {
        let used = self.used.get() - 1;
        self.used.set(used);
        if used == 0 {
            self.next.set(0);
        } else if offset + size == self.next.get() {
            self.next.set(offset);
        }
    }

    /// Whether what stands there, if it is the last, was made as long as that where it is.
    fn resize_last(&self, offset: usize, size: usize, new_size: usize) -> bool {
        let fits = offset + size == self.next.get() && new_size <= BYTES - offset;
        if fits {
            self.next.set(offset + new_size);
        }
        fits
    }
}

// SAFETY: what `take` gives lies in the arena, is aligned, and overlaps nothing in use: `next` stands behind all of it, and
// goes back only over what was freed. All else is the other allocator's, which is told of nothing but its own.
unsafe impl<Rest: GlobalAlloc, const BYTES: usize> GlobalAlloc for ArenaFirst<Rest, BYTES> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(pointer) => pointer,
            // SAFETY: as this function's caller promises.
            None => unsafe { self.rest.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            Some(offset) => self.give_back(offset, layout.size()),
            // SAFETY: it is not of the arena, so it is of the other allocator.
            None => unsafe { self.rest.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset(pointer) else {
            // SAFETY: it is not of the arena, so it is of the other allocator.
            return unsafe { self.rest.realloc(pointer, layout, new_size) };
        };
        if self.resize_last(offset, layout.size(), new_size) {
            return pointer;
        }
        // SAFETY: the caller promises that the new size is not zero and fits with this alignment.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(new_size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are as long as that, and do not overlap: the old one is still in use.
            unsafe {
                ptr::copy_nonoverlapping(pointer, new, layout.size().min(new_size));
                self.dealloc(pointer, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::System;

    type Small = ArenaFirst<System, 1024>;

    /// Something that was allocated and filled with a byte.
    struct Piece {
        pointer: *mut u8,
        layout: Layout,
        byte: u8,
    }

    impl Piece {
        fn new(arena: &Small, size: usize, align: usize, byte: u8) -> Self {
            let layout = Layout::from_size_align(size, align).unwrap();
            let pointer = unsafe { arena.alloc(layout) };
            assert_eq!(pointer as usize % align, 0);
            unsafe { pointer.write_bytes(byte, size) };
            Self { pointer, layout, byte }
        }

        fn check(&self) {
            let bytes = unsafe { std::slice::from_raw_parts(self.pointer, self.layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == self.byte), "overwritten by another");
        }

        fn resize(&mut self, arena: &Small, size: usize) {
            let pointer = unsafe { arena.realloc(self.pointer, self.layout, size) };
            let kept = size.min(self.layout.size());
            self.pointer = pointer;
            self.layout = Layout::from_size_align(kept, self.layout.align()).unwrap();
            self.check();
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            unsafe { pointer.write_bytes(self.byte, size) };
        }

        fn free(self, arena: &Small) {
            self.check();
            unsafe { arena.dealloc(self.pointer, self.layout) };
        }
    }

    #[test]
    fn nothing_in_use_is_ever_given_twice() {
        let arena = Small::new(System);
        let mut pieces: Vec<Piece> = Vec::new();
        let mut state = 7_u64;
        let mut draw = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % bound
        };
        for step in 0..50_000_usize {
            match draw(5) {
                0 | 1 if pieces.len() < 40 => {
                    let (size, align) = (1 + draw(120), 1 << draw(6));
                    pieces.push(Piece::new(&arena, size, align, u8::try_from(step % 251).unwrap()));
                }
                2 if !pieces.is_empty() => {
                    let place = draw(pieces.len());
                    let size = 1 + draw(200);
                    pieces[place].resize(&arena, size);
                }
                // Mostly what came last, as programs do.
                3 if !pieces.is_empty() => pieces.pop().unwrap().free(&arena),
                4 if !pieces.is_empty() => {
                    let place = draw(pieces.len());
                    pieces.swap_remove(place).free(&arena);
                }
                _ => {}
            }
            pieces.iter().for_each(Piece::check);
        }
        pieces.into_iter().for_each(|piece| piece.free(&arena));
        assert_eq!((arena.next.get(), arena.used.get()), (0, 0));
    }

    #[test]
    fn what_is_freed_last_is_free_at_once_and_all_when_nothing_is_used() {
        let arena = Small::new(System);
        let first = Piece::new(&arena, 100, 8, 1);
        let mut last = Piece::new(&arena, 100, 8, 2);
        let begin = last.pointer;
        last.resize(&arena, 300);
        assert_eq!(last.pointer, begin, "it grows where it is");
        last.free(&arena);
        assert_eq!(Piece::new(&arena, 800, 8, 3).pointer, begin);
        first.free(&arena);
        assert_eq!(arena.used.get(), 1);
    }

    #[test]
    fn what_does_not_fit_comes_from_elsewhere() {
        let arena = Small::new(System);
        for (size, align) in [(1025, 1), (8, 32)] {
            let piece = Piece::new(&arena, size, align, 9);
            assert_eq!(arena.offset(piece.pointer), None);
            piece.free(&arena);
        }
        let mut piece = Piece::new(&arena, 1000, 1, 4);
        piece.resize(&arena, 5000);
        assert_eq!((arena.offset(piece.pointer), arena.used.get()), (None, 0), "it has moved out");
        piece.free(&arena);
    }
}
