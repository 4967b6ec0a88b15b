//! Boxes with arrows between them in, places of both in layers from top to bottom out; knows nothing of workflows.
//!
//! The usual four steps of Sugiyama's method: a layer for each box by its longest way from the top, arrows over several layers cut into
//! pieces, an order in each layer that crosses few arrows, and then places near the boxes that each one is joined to.

use std::collections::HashMap;

/// Sweeps that order the layers, and that move the boxes.
const SWEEPS: usize = 12;

/// Room between boxes of a layer, and the least between layers.
const GAP_X: f64 = 36.0;
const GAP_Y: f64 = 58.0;

/// A box to place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A box in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    /// Its middle.
    pub(super) x: f64,
    /// Its upper edge.
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Placed {
    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(super) fn right(&self) -> f64 {
        self.x + self.width / 2.0
    }
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) boxes: Vec<Placed>,
    /// For each arrow the points that it goes through, from the box that it leaves to the one that it reaches.
    pub(super) arrows: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Places boxes so that every arrow leads downwards. Arrows that would close a circle are left to the caller.
pub(super) fn lay_out(sizes: &[Size], arrows: &[(usize, usize)]) -> Layout {
    let layers_of = layers(sizes.len(), arrows);
    // Arrows over several layers become chains of points, which are boxes without width.
    let mut nodes: Vec<Size> = sizes.to_vec();
    let mut layer: Vec<usize> = layers_of;
    let mut links: Vec<(usize, usize)> = Vec::new();
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for &(from, to) in arrows {
        let mut chain = vec![from];
        for between in layer[from] + 1..layer[to] {
            nodes.push(Size { width: 8.0, height: 0.0 });
            layer.push(between);
            chain.push(nodes.len() - 1);
        }
        chain.push(to);
        links.extend(chain.windows(2).map(|pair| (pair[0], pair[1])));
        chains.push(chain);
    }
    let rows = ordered(&layer, &links);
    let x = across(&nodes, &rows, &links);

    let mut y = vec![0.0; nodes.len()];
    let mut top = 0.0;
    for row in &rows {
        let height = row.iter().map(|node| nodes[*node].height).fold(0.0, f64::max);
        for &node in row {
            y[node] = top + (height - nodes[node].height) / 2.0;
        }
        top += height + GAP_Y;
    }
    let left = (0..nodes.len()).map(|node| x[node] - nodes[node].width / 2.0).fold(f64::INFINITY, f64::min);
    let left = if left.is_finite() { left } else { 0.0 };
    let placed =
        |node: usize| Placed { x: x[node] - left, y: y[node], width: nodes[node].width, height: nodes[node].height };
    let boxes: Vec<Placed> = (0..sizes.len()).map(placed).collect();
    let points = chains.iter().map(|chain| {
        let (first, last) = (placed(chain[0]), placed(chain[chain.len() - 1]));
        let mut points = vec![(first.x, first.bottom())];
        points.extend(chain[1..chain.len() - 1].iter().map(|node| (placed(*node).x, placed(*node).y)));
        points.push((last.x, last.y));
        points
    });
    let arrows = points.collect();
    let width = (0..nodes.len()).map(|node| placed(node).right()).fold(0.0, f64::max);
    Layout { boxes, arrows, width, height: (top - GAP_Y).max(0.0) }
}

/// The layer of each box: its longest way from a box that nothing leads to.
fn layers(count: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut layer = vec![0; count];
    // A circle would go round for ever; it ends after as many rounds as there are boxes.
    for _ in 0..count {
        let mut moved = false;
        for &(from, to) in arrows {
            if from != to && layer[to] < layer[from] + 1 && layer[from] < count {
                layer[to] = layer[from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    layer
}

/// The boxes of each layer from left to right: by the mean place of what each is joined to, sweeping down and up.
fn ordered(layer: &[usize], links: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    for (node, at) in layer.iter().enumerate() {
        rows[*at].push(node);
    }
    let mut best = (crossings(&rows, layer, links), rows.clone());
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let order: Vec<usize> =
            if down { (1..rows.len()).collect() } else { (0..rows.len().saturating_sub(1)).rev().collect() };
        for at in order {
            let other = if down { at - 1 } else { at + 1 };
            let place: HashMap<usize, usize> =
                rows[other].iter().enumerate().map(|(place, node)| (*node, place)).collect();
            let mut keyed: Vec<(f64, usize)> = Vec::new();
            for (own, &node) in rows[at].iter().enumerate() {
                let joined: Vec<usize> = links
                    .iter()
                    .filter_map(|&(from, to)| match down {
                        true if to == node => place.get(&from).copied(),
                        false if from == node => place.get(&to).copied(),
                        _ => None,
                    })
                    .collect();
                let mean = joined.iter().sum::<usize>() as f64 / joined.len().max(1) as f64;
                keyed.push((if joined.is_empty() { own as f64 } else { mean }, node));
            }
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[at] = keyed.into_iter().map(|(_, node)| node).collect();
        }
        let crossed = crossings(&rows, layer, links);
        if crossed < best.0 {
            best = (crossed, rows.clone());
        }
    }
    best.1
}

fn crossings(rows: &[Vec<usize>], layer: &[usize], links: &[(usize, usize)]) -> usize {
    let mut place = vec![0; layer.len()];
    for row in rows {
        for (at, node) in row.iter().enumerate() {
            place[*node] = at;
        }
    }
    let mut count = 0;
    for (number, &(from, to)) in links.iter().enumerate() {
        for &(other_from, other_to) in &links[number + 1..] {
            let same = layer[from] == layer[other_from];
            count += usize::from(
                same && (place[from] < place[other_from]) != (place[to] < place[other_to])
                    && to != other_to
                    && from != other_from,
            );
        }
    }
    count
}

/// The middle of each box: moved towards the mean of what it is joined to, without touching its neighbours.
fn across(nodes: &[Size], rows: &[Vec<usize>], links: &[(usize, usize)]) -> Vec<f64> {
    let mut x = vec![0.0; nodes.len()];
    for row in rows {
        let width: f64 =
            row.iter().map(|node| nodes[*node].width).sum::<f64>() + GAP_X * row.len().saturating_sub(1) as f64;
        let mut at = -width / 2.0;
        for &node in row {
            x[node] = at + nodes[node].width / 2.0;
            at += nodes[node].width + GAP_X;
        }
    }
    // Chains of boxes shall be straight first, then the long arrows.
    let mut joined: Vec<Vec<(usize, f64)>> = vec![Vec::new(); nodes.len()];
    for &(from, to) in links {
        let points = [from, to].into_iter().filter(|node| nodes[*node].height == 0.0).count();
        let pull = [1.0, 0.1, 2.0][points];
        joined[from].push((to, pull));
        joined[to].push((from, pull));
    }
    for _ in 0..SWEEPS * 10 {
        for row in rows {
            let wanted: Vec<f64> = row
                .iter()
                .map(|&node| {
                    let pulls: f64 = joined[node].iter().map(|(_, pull)| pull).sum();
                    let mean = joined[node].iter().map(|(other, pull)| x[*other] * pull).sum::<f64>() / pulls;
                    if pulls > 0.0 { mean } else { x[node] }
                })
                .collect();
            // From the left each box keeps clear of the one before; from the right of the one behind; the mean of both is fair to all.
            let apart = |a: usize, b: usize| f64::midpoint(nodes[a].width, nodes[b].width) + GAP_X;
            let mut from_left = wanted.clone();
            for at in 1..row.len() {
                from_left[at] = from_left[at].max(from_left[at - 1] + apart(row[at - 1], row[at]));
            }
            let mut from_right = wanted;
            for at in (0..row.len().saturating_sub(1)).rev() {
                from_right[at] = from_right[at].min(from_right[at + 1] - apart(row[at], row[at + 1]));
            }
            for (at, &node) in row.iter().enumerate() {
                x[node] = f64::midpoint(from_left[at], from_right[at]);
            }
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_do_not_touch_and_arrows_lead_down() {
        let sizes = vec![Size { width: 100.0, height: 40.0 }; 9];
        let arrows = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 5), (4, 6), (5, 6), (0, 6), (6, 7), (0, 8)];
        let layout = lay_out(&sizes, &arrows);
        for (a, first) in layout.boxes.iter().enumerate() {
            for second in &layout.boxes[a + 1..] {
                let clear_x = (first.x - second.x).abs() >= 100.0 + GAP_X - 0.01;
                assert!(clear_x || (first.y - second.y).abs() >= 40.0, "{first:?} {second:?}");
            }
        }
        for (points, (from, to)) in layout.arrows.iter().zip(arrows) {
            assert_eq!(points[0], (layout.boxes[from].x, layout.boxes[from].bottom()));
            assert!(points.windows(2).all(|pair| pair[0].1 < pair[1].1), "{from} to {to}: {points:?}");
        }
    }

    #[test]
    fn a_circle_ends() {
        let sizes = [Size { width: 10.0, height: 10.0 }; 3];
        assert_eq!(lay_out(&sizes[..0], &[]).boxes.len(), 0);
        let layer = layers(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(layer.len(), 3);
    }
}
