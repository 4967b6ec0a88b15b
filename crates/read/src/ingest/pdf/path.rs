//! Path operators → the straight lines that a page shows; knows segments and rectangles, nothing of tables.

use super::matrix::Matrix;
use super::ruling::{RULINGS_MAX, Ruling, THICKNESS_MAX};

/// Segments kept of one path; more are a drawing.
const SEGMENTS_MAX: usize = 2_000;

type Point = (f64, f64);

/// The path in construction, in page space.
#[derive(Debug, Default)]
pub(super) struct Path {
    segments: Vec<(Point, Point)>,
    /// Opposite corners of rectangles along the axes.
    rectangles: Vec<(Point, Point)>,
    start: Point,
    at: Point,
}

impl Path {
    pub(super) fn move_to(&mut self, to: Point) {
        (self.start, self.at) = (to, to);
    }

    pub(super) fn line_to(&mut self, to: Point) {
        if self.segments.len() < SEGMENTS_MAX {
            self.segments.push((self.at, to));
        }
        self.at = to;
    }

    pub(super) fn close(&mut self) {
        if self.at != self.start {
            self.line_to(self.start);
        }
    }

    /// `[x, y, width, height]` in the space of `ctm`.
    pub(super) fn rectangle(&mut self, ctm: Matrix, [x, y, width, height]: [f64; 4]) {
        if self.rectangles.len() < SEGMENTS_MAX {
            self.rectangles.push((ctm.apply(x, y), ctm.apply(x + width, y + height)));
        }
    }

    /// Ends the path, stroked or filled: strokes show all its lines, fills only areas as thin as lines.
    pub(super) fn paint(&mut self, out: &mut Vec<Ruling>, is_stroked: bool) {
        if out.len() < RULINGS_MAX {
            let point = |(x, y): Point| (x as f32, y as f32);
            for &(a, b) in &self.rectangles {
                let ((x0, y0), (x1, y1)) = (point(a), point(b));
                let is_thin = (x1 - x0).abs() <= THICKNESS_MAX || (y1 - y0).abs() <= THICKNESS_MAX;
                if is_thin {
                    out.extend(Ruling::between((x0, y0), (x1, y1)));
                } else if is_stroked {
                    let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
                    out.extend(corners.array_windows().filter_map(|[a, b]| Ruling::between(*a, *b)));
                }
            }
            if is_stroked {
                out.extend(self.segments.iter().filter_map(|&(a, b)| Ruling::between(point(a), point(b))));
            } else {
                out.extend(self.thin_area());
            }
        }
        self.clear();
    }

    /// The line that a filled area of four straight sides is, when it is thin.
    fn thin_area(&self) -> Option<Ruling> {
        if !(3..=5).contains(&self.segments.len()) {
            return None;
        }
        let ends = || self.segments.iter().flat_map(|&(a, b)| [a, b]);
        let low = ends().fold((f64::MAX, f64::MAX), |low, end| (low.0.min(end.0), low.1.min(end.1)));
        let high = ends().fold((f64::MIN, f64::MIN), |high, end| (high.0.max(end.0), high.1.max(end.1)));
        Ruling::between((low.0 as f32, low.1 as f32), (high.0 as f32, high.1 as f32))
    }

    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.rectangles.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_and_thin_fills_are_lines() {
        let (mut path, mut out) = (Path::default(), Vec::new());
        path.move_to((0.0, 0.0));
        path.line_to((50.0, 0.0));
        path.line_to((50.0, 20.0));
        path.paint(&mut out, true);
        path.rectangle(Matrix::IDENTITY, [0.0, 30.0, 60.0, 0.5]);
        path.rectangle(Matrix::IDENTITY, [0.0, 40.0, 60.0, 30.0]);
        path.paint(&mut out, false);
        assert_eq!((out.len(), out[0].is_horizontal, out[1].is_horizontal, out[2].to), (3, true, false, 60.0));
        path.rectangle(Matrix::IDENTITY, [0.0, 40.0, 60.0, 30.0]);
        path.paint(&mut out, true);
        path.move_to((0.0, 0.0));
        path.clear();
        path.paint(&mut out, true);
        assert_eq!(out.len(), 7);
    }
}
