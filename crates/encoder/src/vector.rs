//! Arithmetic on vectors of f32.

use pulp::{Simd, WithSimd};

/// Scales `vector` to length 1; a zero vector stays zero.
pub fn normalize(vector: &mut [f32]) {
    let width = vector.len();
    normalize_rows(vector, width);
}

/// Scales each row of `rows`, `[n, width]` row-major, to length 1; a row of zeros stays so.
pub fn normalize_rows(rows: &mut [f32], width: usize) {
    if !rows.is_empty() {
        // The same steps for this processor's widest registers.
        pulp::Arch::new().dispatch(Normalize { rows, width });
    }
}

struct Normalize<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "only within the caller is it compiled for the instructions chosen there")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.width) {
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                for value in row {
                    *value /= length;
                }
            }
        }
    }
}

/// The dot product of two vectors of one width.
#[expect(clippy::inline_always, reason = "as `Normalize`")]
#[inline(always)]
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side, so that the compiler can use vector registers without reordering a single sum.
    let mut sums = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalize_leaves_zero_alone() {
        let mut vector = [3.0, 4.0];
        normalize(&mut vector);
        assert!((vector[0] - 0.6).abs() < 1e-6);
        let mut zero = [0.0, 0.0];
        normalize(&mut zero);
        assert!(zero.iter().all(|value: &f32| value.abs() < 1e-12));
        normalize(&mut []);
    }

    #[test]
    fn rows_are_scaled_one_by_one() {
        let mut rows: Vec<f32> = (0..44).map(|x| (x % 11) as f32 * f32::from(x < 33)).collect();
        normalize_rows(&mut rows, 11);
        for row in rows[..33].chunks_exact(11) {
            assert!((dot(row, row) - 1.0).abs() < 1e-6 && row[10] > row[1]);
        }
        assert!(rows[33..].iter().all(|value| value.abs() < 1e-12));
    }

    #[test]
    fn dot_takes_the_rest_along() {
        let a: Vec<f32> = (0..11).map(|x| x as f32).collect();
        assert!((dot(&a, &a) - 385.0).abs() < 1e-3);
    }
}
