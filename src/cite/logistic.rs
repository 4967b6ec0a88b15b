//! Rows of features with labels to the coefficients of a logistic regression; knows nothing of what the features mean.

/// The probability, 0 to 1, of log odds.
#[must_use]
pub fn probability(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

/// The log odds of a probability, no further from 0 than `most`, so that one figure does not decide alone.
#[must_use]
pub fn log_odds(probability: f64, most: f64) -> f64 {
    (probability / (1.0 - probability)).ln().clamp(-most, most)
}

/// A fitted model: the probability of a row is `1 / (1 + exp(-(intercept + Σ weight · value)))`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Logistic {
    /// Added to every sum.
    pub intercept: f64,
    /// One a feature, in the features' own units.
    pub weights: Vec<f64>,
}

impl Logistic {
    /// Log odds of the row.
    #[must_use]
    pub fn decide(&self, row: &[f64]) -> f64 {
        self.intercept + self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
    }

    /// Probability of the row, 0 to 1.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        probability(self.decide(row))
    }

    /// Fits by Newton's method (iteratively reweighted least squares; Hastie et al., The Elements of Statistical Learning,
    /// 4.4.1) on standardised features, with `penalty / 2 · |weights|²` added to the summed loss. The same rows give the same
    /// weights. Rows all have the width of the first.
    ///
    /// # Panics
    /// When there are no rows or not one label a row.
    #[must_use]
    pub fn fit(rows: &[Vec<f64>], labels: &[bool], penalty: f64) -> Self {
        assert!(!rows.is_empty() && rows.len() == labels.len(), "one label a row");
        let width = rows[0].len();
        let count = rows.len() as f64;
        let mean: Vec<f64> = (0..width).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / count).collect();
        let spread = |at: usize| (rows.iter().map(|row| (row[at] - mean[at]).powi(2)).sum::<f64>() / count).sqrt();
        // A constant feature gets weight 0 whatever it is divided by.
        let spread: Vec<f64> = (0..width).map(|at| if spread(at) > 1e-12 { spread(at) } else { 1.0 }).collect();
        let scaled = |row: &[f64]| -> Vec<f64> {
            let values = row.iter().enumerate().map(|(at, value)| (value - mean[at]) / spread[at]);
            std::iter::once(1.0).chain(values).collect()
        };
        let scaled: Vec<Vec<f64>> = rows.iter().map(|row| scaled(row)).collect();
        let mut beta = vec![0.0; width + 1];
        for _ in 0..100 {
            let step = newton_step(&scaled, labels, &beta, penalty);
            beta.iter_mut().zip(&step).for_each(|(value, step)| *value += step);
            if step.iter().all(|step| step.abs() < 1e-10) {
                break;
            }
        }
        let weights: Vec<f64> = (0..width).map(|at| beta[at + 1] / spread[at]).collect();
        let shift: f64 = weights.iter().zip(&mean).map(|(weight, mean)| weight * mean).sum();
        Self { intercept: beta[0] - shift, weights }
    }
}

fn newton_step(rows: &[Vec<f64>], labels: &[bool], beta: &[f64], penalty: f64) -> Vec<f64> {
    let width = beta.len();
    let mut hessian = vec![vec![0.0; width]; width];
    let mut gradient = vec![0.0; width];
    for (row, &label) in rows.iter().zip(labels) {
        let odds: f64 = row.iter().zip(beta).map(|(value, beta)| value * beta).sum();
        let probability = probability(odds);
        let curvature = (probability * (1.0 - probability)).max(1e-9);
        for a in 0..width {
            gradient[a] += row[a] * (f64::from(u8::from(label)) - probability);
            for b in 0..width {
                hessian[a][b] += curvature * row[a] * row[b];
            }
        }
    }
    // The intercept is free.
    for at in 1..width {
        gradient[at] -= penalty * beta[at];
        hessian[at][at] += penalty;
    }
    solve(hessian, gradient)
}

/// Gaussian elimination with pivoting; the matrix is positive definite by construction.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let width = right.len();
    for at in 0..width {
        let pivot = (at..width).max_by(|&a, &b| matrix[a][at].abs().total_cmp(&matrix[b][at].abs())).unwrap_or(at);
        matrix.swap(at, pivot);
        right.swap(at, pivot);
        let head = matrix[at].clone();
        for below in at + 1..width {
            let factor = matrix[below][at] / head[at];
            matrix[below].iter_mut().zip(&head).for_each(|(value, head)| *value -= factor * head);
            right[below] -= factor * right[at];
        }
    }
    for at in (0..width).rev() {
        let known: f64 = (at + 1..width).map(|next| matrix[at][next] * right[next]).sum();
        right[at] = (right[at] - known) / matrix[at][at];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_is_where_the_penalised_gradient_is_zero() {
        let rows: Vec<Vec<f64>> = (0..40).map(|i| vec![f64::from(i), f64::from(i * 7 % 11)]).collect();
        let labels: Vec<bool> = (0..40).map(|i| i > 15 && i % 5 != 0).collect();
        let fitted = Logistic::fit(&rows, &labels, 0.0);
        for at in 0..3 {
            let value = |row: &[f64]| if at == 0 { 1.0 } else { row[at - 1] };
            let gradient: f64 = rows
                .iter()
                .zip(&labels)
                .map(|(row, &label)| value(row) * (f64::from(u8::from(label)) - fitted.predict(row)))
                .sum();
            assert!(gradient.abs() < 1e-6, "gradient {at}: {gradient}");
        }
        let shrunk = Logistic::fit(&rows, &labels, 100.0);
        assert!(shrunk.weights[0].abs() < fitted.weights[0].abs());
    }

    #[test]
    fn separable_and_constant_features_stay_finite() {
        let rows: Vec<Vec<f64>> = (0..10).map(|i| vec![f64::from(i), 3.0]).collect();
        let labels: Vec<bool> = (0..10).map(|i| i >= 5).collect();
        let fitted = Logistic::fit(&rows, &labels, 1.0);
        assert!(fitted.weights.iter().all(|weight| weight.is_finite()));
        assert!(fitted.weights[1].abs() < 1e-9);
        assert!(fitted.predict(&rows[9]) > 0.5 && fitted.predict(&rows[0]) < 0.5);
    }
}
