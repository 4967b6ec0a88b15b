//! Arithmetic on vectors of f32.

/// Scales `vector` to length 1; a zero vector stays zero.
pub fn normalize(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// The dot product of two vectors of one width.
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
    }

    #[test]
    fn dot_takes_the_rest_along() {
        let a: Vec<f32> = (0..11).map(|x| x as f32).collect();
        assert!((dot(&a, &a) - 385.0).abs() < 1e-3);
    }
}
