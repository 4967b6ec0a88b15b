//! Memory for weights that stay: side by side, in pages as large as the system has them.
//!
//! A pass reads every weight once, and even a small model has more pages of the usual size than a processor keeps the places of.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use memmap2::MmapMut;
use pulp::bytemuck::{Pod, cast_slice, cast_slice_mut};

use super::buffer::LINE_BYTES;

/// Bytes that are mapped at once. Pages that nothing is put into take no memory.
const CHUNK_BYTES: usize = 64 << 20;

/// A chunk's memory, once it is filled.
type Memory = Arc<OnceLock<MmapMut>>;

/// Where slices are put, one after the other, each on a cache line. They can be read once it is dropped.
#[derive(Debug, Default)]
pub(super) struct Arena {
    filling: Option<Filling>,
}

#[derive(Debug)]
struct Filling {
    map: MmapMut,
    used: usize,
    memory: Memory,
}

/// A slice in an arena.
#[derive(Debug)]
pub(super) struct Stored<E> {
    memory: Memory,
    start: usize,
    len: usize,
    _elements: PhantomData<E>,
}

impl Arena {
    /// Puts `len` elements there, which are zeros until `fill` writes them.
    ///
    /// # Errors
    /// When the system has no memory.
    pub(super) fn put<E: Pod>(&mut self, len: usize, fill: impl FnOnce(&mut [E])) -> std::io::Result<Stored<E>> {
        const { assert!(LINE_BYTES.is_multiple_of(align_of::<E>())) }
        let bytes = (len * size_of::<E>()).next_multiple_of(LINE_BYTES);
        let mut filling = match self.filling.take() {
            Some(filling) if filling.map.len() - filling.used >= bytes => filling,
            full => {
                full.into_iter().for_each(Filling::close);
                Filling::open(bytes.max(CHUNK_BYTES))?
            }
        };
        let start = filling.used;
        fill(cast_slice_mut(&mut filling.map[start..start + len * size_of::<E>()]));
        filling.used += bytes;
        let memory = Arc::clone(&filling.memory);
        self.filling = Some(filling);
        Ok(Stored { memory, start, len, _elements: PhantomData })
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.filling.take().into_iter().for_each(Filling::close);
    }
}

impl Filling {
    fn open(bytes: usize) -> std::io::Result<Self> {
        let map = MmapMut::map_anon(bytes)?;
        // A system without large pages does as well as it can.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self { map, used: 0, memory: Memory::default() })
    }

    fn close(self) {
        self.memory.set(self.map).expect("a chunk is closed once");
    }
}

impl<E: Pod> Deref for Stored<E> {
    type Target = [E];

    /// # Panics
    /// While the arena is there.
    fn deref(&self) -> &[E] {
        let memory = self.memory.get().expect("weights are read once all are packed");
        cast_slice(&memory[self.start..self.start + self.len * size_of::<E>()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_once_the_arena_is_gone() {
        let mut arena = Arena::default();
        let words = arena.put(3, |to: &mut [u16]| to.copy_from_slice(&[1, 2, 3])).unwrap();
        let none = arena.put(0, |to: &mut [i8]| assert!(to.is_empty())).unwrap();
        // More than what is left of the chunk.
        let count = CHUNK_BYTES / size_of::<f32>();
        let large = arena.put(count, |to: &mut [f32]| to[count - 1] = 5.0).unwrap();
        let after = arena.put(1, |to: &mut [f32]| to[0] = 7.0).unwrap();
        drop(arena);
        assert_eq!(*words, [1, 2, 3]);
        assert!(none.is_empty());
        assert_eq!((large.len(), large[0], large[count - 1], after[0]), (count, 0.0, 5.0, 7.0));
        for start in [words.as_ptr() as usize, large.as_ptr() as usize, after.as_ptr() as usize] {
            assert_eq!(start % LINE_BYTES, 0);
        }
    }
}
