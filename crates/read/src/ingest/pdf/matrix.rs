//! Affine maps of the plane as PDF writes them; plain arithmetic.

/// `[a b c d e f]`: maps `(x, y)` to `(a·x + c·y + e, b·x + d·y + f)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// A shift by `(x, y)`.
    pub(super) fn shift(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// The map that applies `self` first and `next` to its result.
    pub(super) fn then(self, next: Self) -> Self {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, next.0);
        Self([a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l])
    }

    /// Where a point goes.
    pub(super) fn apply(self, x: f64, y: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }

    /// The map back, where there is one.
    pub(super) fn inverse(self) -> Option<Self> {
        let [a, b, c, d, e, f] = self.0;
        let size = a * d - b * c;
        let [a, b, c, d] = [d / size, -b / size, -c / size, a / size];
        let back = Self([a, b, c, d, -(a * e + c * f), -(b * e + d * f)]);
        back.0.iter().all(|number| number.is_finite()).then_some(back)
    }

    /// The lowest and the highest corner of where the unit square goes.
    pub(super) fn unit_box(self) -> ((f64, f64), (f64, f64)) {
        let corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)].map(|(x, y)| self.apply(x, y));
        let low = corners.iter().fold((f64::MAX, f64::MAX), |low, corner| (low.0.min(corner.0), low.1.min(corner.1)));
        let high =
            corners.iter().fold((f64::MIN, f64::MIN), |high, corner| (high.0.max(corner.0), high.1.max(corner.1)));
        (low, high)
    }

    /// The map from a page's space, y up, to its picture with y down and the top left corner at the origin, after `turns`
    /// clockwise quarter turns; with the picture's width and height.
    pub(super) fn page(media_box: [f64; 4], turns: u8) -> (Self, f64, f64) {
        let [x0, y0, x1, y1] = media_box;
        let (width, height) = (x1 - x0, y1 - y0);
        match turns {
            1 => (Self([0.0, 1.0, 1.0, 0.0, -y0, -x0]), height, width),
            2 => (Self([-1.0, 0.0, 0.0, 1.0, x1, -y0]), width, height),
            3 => (Self([0.0, -1.0, -1.0, 0.0, y1, x1]), height, width),
            _ => (Self([1.0, 0.0, 0.0, -1.0, -x0, y1]), width, height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_chain_in_order() {
        let scaled = Matrix([2.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(Matrix::shift(1.0, 2.0).then(scaled).apply(0.0, 0.0), (2.0, 4.0));
        assert_eq!(scaled.then(Matrix::shift(1.0, 2.0)).apply(1.0, 1.0), (3.0, 4.0));
    }

    #[test]
    fn maps_lead_back() {
        let map = Matrix([0.0, 2.0, -3.0, 1.0, 5.0, 7.0]);
        let there = map.apply(0.25, 0.5);
        let back = map.inverse().unwrap().apply(there.0, there.1);
        assert!((back.0 - 0.25).abs() < 1e-9 && (back.1 - 0.5).abs() < 1e-9, "{back:?}");
        assert_eq!(map.unit_box(), ((2.0, 7.0), (5.0, 10.0)));
        assert_eq!(Matrix([0.0; 6]).inverse(), None);
    }

    #[test]
    fn turned_pages_keep_their_corners_inside() {
        for turns in 0..4 {
            let (map, width, height) = Matrix::page([10.0, 20.0, 110.0, 220.0], turns);
            for (x, y) in [(10.0, 20.0), (110.0, 220.0), (10.0, 220.0)] {
                let (x, y) = map.apply(x, y);
                assert!((0.0..=width).contains(&x) && (0.0..=height).contains(&y), "{turns}: {x} {y}");
            }
        }
        // The top left of an upright page turned clockwise is at the top right.
        assert_eq!(Matrix::page([0.0, 0.0, 100.0, 200.0], 1).0.apply(0.0, 200.0), (200.0, 0.0));
    }
}
