//! The last hidden states of a text in, its vector out: pooled, cut, scaled; knows no model.

use super::Want;
use crate::inference::manifest::Pooling;
use crate::vector::{normalize, normalize_rows};

/// How vectors are made of hidden states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    /// Width of a hidden state.
    pub(super) hidden: usize,
    /// Width of a vector: a smaller one keeps the first values (Kusupati et al. 2022, arXiv:2205.13147).
    pub(super) dimensions: usize,
    pub(super) pooling: Pooling,
    /// Whether the mean of its values is taken off a vector before it is cut.
    pub(super) center: bool,
}

impl Pool {
    /// What a text without tokens has: it points nowhere, but every vector in a store is of length 1, so that damage shows.
    /// All such texts have the same one, with a little of each direction.
    pub(super) fn nothing(&self) -> Vec<f32> {
        vec![1.0 / (self.dimensions as f32).sqrt(); self.dimensions]
    }

    /// The vector of one text, and those of its tokens, `[tokens, dimensions]`, where they are wanted: made in place of its last
    /// hidden states, `[tokens, hidden]` with one token or more.
    pub(super) fn apply<'a>(&self, rows: &'a mut [f32], want: Want) -> (Vec<f32>, &'a [f32]) {
        let mut vector = match self.pooling {
            Pooling::Mean => self.sum(rows),
            Pooling::Cls => rows[..self.hidden].to_vec(),
            Pooling::Last => rows[rows.len() - self.hidden..].to_vec(),
        };
        if self.dimensions < self.hidden {
            self.cut(&mut vector);
            vector.truncate(self.dimensions);
        }
        if vector.iter().all(|value| *value == 0.0) {
            vector = self.nothing();
        }
        normalize(&mut vector);
        let tokens = match want {
            Want::Vector => &[],
            Want::VectorAndTokens => self.tokens(rows),
        };
        (vector, tokens)
    }

    fn tokens<'a>(&self, rows: &'a mut [f32]) -> &'a [f32] {
        let count = rows.len() / self.hidden;
        if self.dimensions < self.hidden {
            for index in 0..count {
                let row = index * self.hidden..(index + 1) * self.hidden;
                self.cut(&mut rows[row.clone()]);
                rows.copy_within(row.start..row.start + self.dimensions, index * self.dimensions);
            }
        }
        let tokens = &mut rows[..count * self.dimensions];
        normalize_rows(tokens, self.dimensions);
        tokens
    }

    /// The sum of all rows, which points where their mean does.
    fn sum(&self, rows: &[f32]) -> Vec<f32> {
        let mut vector = vec![0.0; self.hidden];
        for row in rows.chunks_exact(self.hidden) {
            for (sum, value) in vector.iter_mut().zip(row) {
                *sum += value;
            }
        }
        vector
    }

    fn cut(&self, row: &mut [f32]) {
        if self.center && self.dimensions < self.hidden {
            let mean = row.iter().sum::<f32>() / row.len() as f32;
            row.iter_mut().for_each(|value| *value -= mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [f32; 12] = [3.0, 4.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 6.0, 8.0, 1.0, 1.0];

    fn pool(pooling: Pooling, dimensions: usize) -> Pool {
        Pool { hidden: 4, dimensions, pooling, center: false }
    }

    fn close(found: &[f32], expected: &[f32]) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    fn unit(vector: &[f32]) -> Vec<f32> {
        let mut vector = vector.to_vec();
        normalize(&mut vector);
        vector
    }

    #[test]
    fn the_mean_the_first_and_the_last_token() {
        let vector = |pooling| pool(pooling, 4).apply(&mut ROWS.clone(), Want::Vector).0;
        assert!(close(&vector(Pooling::Mean), &unit(&[3.0, 4.0, 1.0, 2.0 / 3.0])));
        assert!(close(&vector(Pooling::Cls), &unit(&ROWS[..4])));
        assert!(close(&vector(Pooling::Last), &unit(&ROWS[8..])));
    }

    #[test]
    fn cut_vectors_are_scaled_after_they_are_cut() {
        let mut rows = ROWS;
        let (vector, tokens) = pool(Pooling::Last, 2).apply(&mut rows, Want::VectorAndTokens);
        assert!(close(&vector, &[0.6, 0.8]));
        assert!(close(tokens, &[0.6, 0.8, 0.0, 0.0, 0.6, 0.8]));
        let mut rows = ROWS;
        let (vector, tokens) = pool(Pooling::Last, 4).apply(&mut rows, Want::VectorAndTokens);
        assert_eq!((vector.len(), tokens.len()), (4, 12));
        // The mean of 6, 8, 1 and 1 is 4.
        let centered = Pool { center: true, ..pool(Pooling::Last, 2) }.apply(&mut ROWS.clone(), Want::Vector).0;
        assert!(close(&centered, &[2.0 / 20_f32.sqrt(), 4.0 / 20_f32.sqrt()]));
        let whole = Pool { center: true, ..pool(Pooling::Last, 4) }.apply(&mut ROWS.clone(), Want::Vector).0;
        assert!(close(&whole, &unit(&ROWS[8..])));
    }

    #[test]
    fn what_points_nowhere_has_a_unit_vector_all_the_same() {
        let pool = pool(Pooling::Mean, 4);
        assert!(close(&pool.nothing(), &[0.5; 4]));
        let mut rows = [1.0, 2.0, 0.0, 0.0, -1.0, -2.0, 0.0, 0.0];
        let (vector, tokens) = pool.apply(&mut rows, Want::VectorAndTokens);
        assert!(close(&vector, &[0.5; 4]) && tokens.len() == 8);
    }
}
