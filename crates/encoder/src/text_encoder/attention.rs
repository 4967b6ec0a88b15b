//! Queries, keys and values of un-padded texts in, what each token attends to out; knows nothing of weights.
//!
//! Texts of equal length that lie side by side share their products. A long text is cut into blocks of queries, so that
//! its scores take a bounded memory; where tokens see a window only, a block is multiplied with the keys in reach alone.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::softmax_last_dim;
use candle_nn::rotary_emb::rope;

use super::groups::Group;
use super::layer::Norm;

/// Most scores of one block: 64 MiB of f32.
const SCORES_MAX: usize = 1 << 24;

/// What is added to the score of a token out of sight: far below every score, yet finite in f16, where a row of infinities
/// would become NaN.
const OUT_OF_SIGHT: f32 = -1e4;

/// The heads of an attention part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heads {
    /// Query heads.
    pub(super) queries: usize,
    /// Key and value heads, a divisor of `queries`: neighbouring query heads share one.
    pub(super) keys: usize,
    /// Width of a head.
    pub(super) width: usize,
}

/// Which tokens of its text a token sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All of them.
    All,
    /// Itself and those before it.
    Before,
    /// Those at most `radius` away.
    Near {
        /// Tokens on each side.
        radius: usize,
    },
}

/// How scores fall with distance (Press et al. 2021, ALiBi, arXiv:2108.12409), the same on both sides of a token.
#[derive(Debug)]
pub(super) struct Slopes(Tensor);

impl Slopes {
    /// The paper's slopes: for a power of two heads `2^(-8i/heads)`; else those of the power below, then every second one of
    /// the power above.
    pub(super) fn new(heads: usize, device: &Device, dtype: DType) -> candle_core::Result<Self> {
        let slope = |i: usize, of: usize| -(2_f64.powf(-8.0 * i as f64 / of as f64)) as f32;
        let below = if heads.is_power_of_two() { heads } else { heads.next_power_of_two() / 2 };
        let rest = (0..heads - below).map(|i| slope(2 * i + 1, 2 * below));
        let slopes: Vec<f32> = (1..=below).map(|i| slope(i, below)).chain(rest).collect();
        Ok(Self(Tensor::from_vec(slopes, (heads, 1, 1), device)?.to_dtype(dtype)?))
    }
}

/// Some queries of a group and the keys that they see.
struct Block {
    /// First position and number of the queries.
    rows: (usize, usize),
    /// First position and number of the keys.
    keys: (usize, usize),
    /// `[rows, keys]`, added to the scores; with slopes the distances, multiplied by each head's slope before.
    bias: Option<Tensor>,
}

/// What all layers of one kind share in one forward pass.
pub(super) struct Plan<'a> {
    heads: Heads,
    slopes: Option<&'a Slopes>,
    /// Cosines and sines for the longest text.
    rotary: Option<(Tensor, Tensor)>,
    groups: Vec<(&'a Group, Vec<Block>)>,
}

/// How the layers of one kind look at texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) heads: Heads,
    pub(super) reach: Reach,
    pub(super) slopes: Option<&'a Slopes>,
}

impl<'a> Plan<'a> {
    /// The plan for `groups` on a device.
    pub(super) fn new(
        view: View<'a>,
        rotary: Option<(Tensor, Tensor)>,
        groups: &'a [Group],
        place: (&Device, DType),
    ) -> candle_core::Result<Self> {
        Self::bounded(view, rotary, groups, place, SCORES_MAX)
    }

    fn bounded(
        view: View<'a>,
        rotary: Option<(Tensor, Tensor)>,
        groups: &'a [Group],
        (device, dtype): (&Device, DType),
        scores_max: usize,
    ) -> candle_core::Result<Self> {
        let View { heads, reach, slopes } = view;
        assert!(slopes.is_none() || reach == Reach::All, "a token out of sight has no distance");
        let plan = |group: &'a Group| -> candle_core::Result<_> {
            let row_scores = group.texts * heads.queries * group.length;
            let blocks = ranges(group.length, reach, scores_max / row_scores.max(1));
            let blocks = blocks.into_iter().map(|(rows, keys)| {
                let bias = bias(rows, keys, reach, slopes.is_some());
                let bias = bias.map(|bias| Tensor::from_vec(bias, (rows.1, keys.1), device)?.to_dtype(dtype));
                Ok(Block { rows, keys, bias: bias.transpose()? })
            });
            Ok((group, blocks.collect::<candle_core::Result<Vec<_>>>()?))
        };
        let groups = groups.iter().map(plan).collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Self { heads, slopes, rotary, groups })
    }

    /// Attention of each text over itself: `[tokens, queries + keys + values]` in, `[tokens, query heads · width]` out.
    /// `norms` are those of each head's queries and keys.
    pub(super) fn attend(&self, qkv: &Tensor, norms: Option<&(Norm, Norm)>) -> candle_core::Result<Tensor> {
        let Heads { queries, keys, width } = self.heads;
        let outputs = self.groups.iter().map(|(group, blocks)| {
            let (texts, length) = (group.texts, group.length);
            let part = qkv.narrow(0, group.start, texts * length)?;
            let part = part.reshape((texts, length, queries + 2 * keys, width))?;
            // Each [texts, heads, length, width].
            let heads = |from: usize, count: usize| part.narrow(2, from, count)?.transpose(1, 2)?.contiguous();
            let (mut q, mut k, v) = (heads(0, queries)?, heads(queries, keys)?, heads(queries + keys, keys)?);
            if let Some((query_norm, key_norm)) = norms {
                (q, k) = (query_norm.forward(&q)?, key_norm.forward(&k)?);
            }
            if let Some((cos, sin)) = &self.rotary {
                let (cos, sin) = (cos.narrow(0, 0, length)?, sin.narrow(0, 0, length)?);
                (q, k) = (rope(&q, &cos, &sin)?, rope(&k, &cos, &sin)?);
            }
            let q = (q / (width as f64).sqrt())?;
            let parts = blocks
                .iter()
                .map(|block| self.attend_block(block, &q, &k, &v))
                .collect::<candle_core::Result<Vec<_>>>()?;
            let out = if parts.len() == 1 { parts[0].clone() } else { Tensor::cat(&parts, 2)? };
            out.transpose(1, 2)?.reshape((texts * length, queries * width))
        });
        let outputs = outputs.collect::<candle_core::Result<Vec<_>>>()?;
        if outputs.len() == 1 { Ok(outputs[0].clone()) } else { Tensor::cat(&outputs, 0) }
    }

    /// The queries of one block over the keys that they see: `[texts, query heads, rows, width]`.
    fn attend_block(&self, block: &Block, q: &Tensor, k: &Tensor, v: &Tensor) -> candle_core::Result<Tensor> {
        let Heads { queries, keys, width } = self.heads;
        let texts = q.dim(0)?;
        let ((row, rows), (key, seen)) = (block.rows, block.keys);
        // Query heads that share a key head become more rows of one product.
        let q = q.narrow(2, row, rows)?.contiguous()?.reshape((texts, keys, queries / keys * rows, width))?;
        let (k, v) = (k.narrow(2, key, seen)?.contiguous()?, v.narrow(2, key, seen)?.contiguous()?);
        let mut scores = q.matmul(&k.transpose(D::Minus2, D::Minus1)?)?.reshape((texts, queries, rows, seen))?;
        if let Some(bias) = &block.bias {
            scores = match self.slopes {
                Some(Slopes(slopes)) => scores.broadcast_add(&bias.broadcast_mul(slopes)?)?,
                None => scores.broadcast_add(bias)?,
            };
        }
        let weights = softmax_last_dim(&scores)?.reshape((texts, keys, queries / keys * rows, seen))?;
        weights.matmul(&v)?.reshape((texts, queries, rows, width))
    }
}

/// A first position and how many follow it, itself included.
type Span = (usize, usize);

/// Cuts `length` queries into blocks of at most `rows_max`, each with the keys that it sees.
fn ranges(length: usize, reach: Reach, rows_max: usize) -> Vec<(Span, Span)> {
    let rows_max = match reach {
        // Twice the radius: half of each product is in reach, and products stay large.
        Reach::Near { radius } => rows_max.min((2 * radius).max(64)),
        Reach::All | Reach::Before => rows_max,
    };
    let rows_max = rows_max.max(1);
    let block = |start: usize| {
        let end = (start + rows_max).min(length);
        let (first, after) = match reach {
            Reach::All => (0, length),
            Reach::Before => (0, end),
            Reach::Near { radius } => (start.saturating_sub(radius), (end + radius).min(length)),
        };
        ((start, end - start), (first, after - first))
    };
    (0..length).step_by(rows_max).map(block).collect()
}

/// What is added to a block's scores, `[rows, keys]` row-major; `None` where it would be all zeros.
fn bias(rows: Span, keys: Span, reach: Reach, distances: bool) -> Option<Vec<f32>> {
    let seen = |row: usize, key: usize| match reach {
        Reach::All => true,
        Reach::Before => key <= row,
        Reach::Near { radius } => row.abs_diff(key) <= radius,
    };
    let value = |row: usize, key: usize| match (seen(row, key), distances) {
        (true, true) => row.abs_diff(key) as f32,
        (true, false) => 0.0,
        (false, _) => OUT_OF_SIGHT,
    };
    let bias: Vec<f32> =
        (rows.0..rows.0 + rows.1).flat_map(|row| (keys.0..keys.0 + keys.1).map(move |key| value(row, key))).collect();
    bias.iter().any(|value| *value != 0.0).then_some(bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_query_once_and_every_key_in_reach() {
        for reach in [Reach::All, Reach::Before, Reach::Near { radius: 3 }, Reach::Near { radius: 50 }] {
            for (length, rows_max) in [(1, 1), (7, 3), (200, 1000), (130, 16)] {
                let mut next = 0;
                for (rows, keys) in ranges(length, reach, rows_max) {
                    assert_eq!(rows.0, next);
                    next += rows.1;
                    for row in rows.0..next {
                        let seen = |key: &usize| match reach {
                            Reach::All => true,
                            Reach::Before => *key <= row,
                            Reach::Near { radius } => key.abs_diff(row) <= radius,
                        };
                        assert!((0..length).filter(seen).all(|key| (keys.0..keys.0 + keys.1).contains(&key)));
                    }
                }
                assert_eq!(next, length);
            }
        }
    }

    #[test]
    fn a_block_that_sees_everything_has_no_bias() {
        assert_eq!(bias((0, 3), (0, 3), Reach::All, false), None);
        assert_eq!(bias((0, 3), (0, 3), Reach::Near { radius: 2 }, false), None);
        assert_eq!(bias((0, 2), (0, 2), Reach::Before, false), Some(vec![0.0, OUT_OF_SIGHT, 0.0, 0.0]));
        assert_eq!(bias((1, 1), (0, 3), Reach::All, true), Some(vec![1.0, 0.0, 1.0]));
    }

    #[test]
    fn a_text_cut_into_blocks_attends_as_a_whole_one() {
        let device = Device::Cpu;
        let heads = Heads { queries: 4, keys: 2, width: 6 };
        let groups = [Group { start: 0, texts: 2, length: 90 }, Group { start: 180, texts: 1, length: 7 }];
        let qkv = Tensor::randn(0_f32, 2.0, (187, (4 + 2 * 2) * 6), &device).unwrap();
        let slopes = Slopes::new(4, &device, DType::F32).unwrap();
        let near = Reach::Near { radius: 5 };
        for (reach, slopes) in [(Reach::All, None), (Reach::All, Some(&slopes)), (Reach::Before, None), (near, None)] {
            let view = View { heads, reach, slopes };
            let attend = |scores_max: usize| {
                let plan = Plan::bounded(view, None, &groups, (&device, DType::F32), scores_max).unwrap();
                let most = plan.groups.iter().map(|(_, blocks)| blocks.len()).max().unwrap();
                (most, plan.attend(&qkv, None).unwrap().to_vec2::<f32>().unwrap().concat())
            };
            let (_, whole) = attend(SCORES_MAX);
            // Eleven rows at a time, and one where even a single row is over the bound.
            for (scores_max, blocks) in [(2 * 4 * 90 * 11, 9), (1, 90)] {
                let (most, cut) = attend(scores_max);
                assert_eq!(most, blocks);
                assert!(whole.iter().zip(&cut).all(|(a, b)| (a - b).abs() < 1e-5), "{reach:?}");
            }
        }
    }

    #[test]
    fn slopes_for_twelve_heads_are_the_papers() {
        let Slopes(slopes) = Slopes::new(12, &Device::Cpu, DType::F32).unwrap();
        let slopes = slopes.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected =
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.5, 1.5, 2.5, 3.5].map(|power: f32| -(2_f32.powf(-power)));
        assert!(slopes.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-7), "{slopes:?}");
    }
}
