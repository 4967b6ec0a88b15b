//! Memory for kernels: slices that start on a cache line and grow only.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest register: loads from a line's start never touch two lines.
pub(super) const LINE_BYTES: usize = 64;

/// A buffer whose first element lies on a cache line.
#[derive(Debug, Default)]
pub(super) struct Buffer<E> {
    memory: Vec<E>,
    start: usize,
    len: usize,
}

impl<E: Copy + Default> Buffer<E> {
    /// Makes room for `len` elements and hands them out; what they hold is unspecified. Allocates only when it must grow.
    pub(super) fn hold(&mut self, len: usize) -> &mut [E] {
        if len > self.len {
            let spare = LINE_BYTES / size_of::<E>();
            self.memory = vec![E::default(); len + spare];
            // Where the system cannot tell, the buffer starts unaligned, which costs time only.
            self.start = self.memory.as_ptr().align_offset(LINE_BYTES).min(spare);
            self.len = len;
        }
        &mut self.memory[self.start..self.start + len]
    }
}

impl<E> Deref for Buffer<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<E> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_starts_on_a_line_and_keeps_its_memory() {
        let mut buffer = Buffer::<f32>::default();
        assert_eq!(buffer.hold(100).len(), 100);
        assert_eq!(buffer.as_ptr() as usize % LINE_BYTES, 0);
        let before = buffer.as_ptr();
        assert_eq!(buffer.hold(7).len(), 7);
        assert_eq!(buffer.as_ptr(), before);
        assert_eq!(buffer.hold(1000).len(), 1000);
        assert_eq!(buffer.as_ptr() as usize % LINE_BYTES, 0);
    }
}
