//! What stands between products against the same in f64, for every arithmetic that this machine has.

use super::*;
use crate::native::attention::{AttentionScratch, attend};
use crate::native::f32::F32;
use crate::native::finish::{Biased, Scaled};
use crate::native::functions::ROUNDING;
use crate::native::kernel::slots;
use crate::random::Random;

/// Calls `$check` with every arithmetic here, and what makes a value of an element of it.
macro_rules! everywhere {
    ($check:ident) => {
        $check(F32(pulp::Scalar128b), |value| value);
        #[cfg(target_arch = "x86_64")]
        {
            pulp::x86::V3::try_new().map(|simd| $check(F32(simd), |value| value));
            pulp::x86::V4::try_new().map(|simd| $check(F32(simd), |value| value));
            crate::native::bf16::Bf16::try_new().map(|bf16| $check(bf16, |bits| f32::from_bits(u32::from(bits) << 16)));
        }
    };
}

fn narrowed<A: Arithmetic>(arithmetic: A, values: &[f32]) -> Vec<A::Left> {
    let mut to = vec![A::Left::default(); values.len()];
    arithmetic.narrow(values, &mut to);
    to
}

/// Values that 8 bits hold exactly, `count` of them, from `low` to `high` 64ths.
fn short_values(random: &mut Random, count: usize, low: i32, high: i32) -> Vec<f32> {
    let value = |_| (low + random.below((high - low + 1) as usize) as i32) as f32 / 64.0;
    (0..count).map(value).collect()
}

/// Φ(x) by its series, which has only terms of one sign.
fn phi(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..400 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

#[test]
fn the_bounds_of_a_row_tell_its_range_and_whether_all_are_numbers() {
    fn check<A: Arithmetic>(arithmetic: A, _: impl Fn(A::Left) -> f32) {
        let mut random = Random::new(3);
        for (low, high) in [(-127, 127), (5, 100), (-100, -5), (0, 0)] {
            let values = short_values(&mut random, 3 * A::WIDTH, low, high);
            let bounds = |values: &[f32]| arithmetic.bounds(narrowed(arithmetic, values).chunks_exact(A::WIDTH));
            let expected = values.iter().fold((0.0_f32, 0.0_f32), |(least, most), &v| (least.min(v), most.max(v)));
            assert_eq!(bounds(&values), expected);
            for odd in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut values = values.clone();
                values[A::WIDTH + 1] = odd;
                let (least, most) = bounds(&values);
                assert!(!(most - least).is_finite(), "{odd} among {low} to {high}: {least} {most}");
            }
        }
    }
    everywhere!(check);
}

#[test]
fn bytes_are_the_nearest_whole_numbers() {
    fn check<A: Arithmetic>(arithmetic: A, _: impl Fn(A::Left) -> f32) {
        let values = short_values(&mut Random::new(5), A::WIDTH, -127, 127);
        let mut bytes = vec![0_u8; A::WIDTH];
        arithmetic.bytes(&narrowed(arithmetic, &values), 60.0, ROUNDING + 120.0, &mut bytes);
        let expected: Vec<u8> = values.iter().map(|value| (value * 60.0).round_ties_even() as i32 as u8).collect();
        let expected: Vec<u8> = expected.into_iter().map(|byte| byte.wrapping_add(120)).collect();
        assert_eq!(bytes, expected);
    }
    everywhere!(check);
}

#[test]
fn softmax_holds_for_rows_far_below_the_others() {
    fn check<A: Arithmetic>(arithmetic: A, value: impl Fn(A::Left) -> f32) {
        let mut random = Random::new(7);
        for (rows, columns) in [(1, 1), (4, 5), (3, A::WIDTH), (A::ROWS.min(6), 3 * A::WIDTH - 2)] {
            let padded = rows.next_multiple_of(A::ROWS_STEP);
            let blocks = columns.div_ceil(A::WIDTH);
            let lowered = |row: usize| [0.0, -300.0, -40.0, -3000.0][row % 4];
            let scores: Vec<Vec<f32>> = (0..rows)
                .map(|row| (0..columns).map(|_| random.below(2000) as f32 / 100.0 + lowered(row)).collect())
                .collect();
            let at = |row: usize, column: usize| (column / A::WIDTH * padded + row) * A::WIDTH + column % A::WIDTH;
            let mut tile = vec![0.0; blocks * padded * A::WIDTH];
            for (row, scores) in scores.iter().enumerate() {
                for (column, score) in scores.iter().enumerate() {
                    tile[at(row, column)] = *score;
                }
            }
            let mut weights = vec![A::Left::default(); tile.len()];
            let mut factors = vec![0.0; rows];
            arithmetic.softmax(&mut tile, padded, &mut factors, columns, &mut weights);
            for (row, scores) in scores.iter().enumerate() {
                let highest = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let sum: f64 = scores.iter().map(|score| (f64::from(*score) - highest).exp()).sum();
                for (column, score) in scores.iter().enumerate() {
                    let expected = (f64::from(*score) - highest).exp() / sum;
                    let found = f64::from(value(weights[at(row, column)]) * factors[row]);
                    assert!((found - expected).abs() < 5e-3 * expected + 1e-20, "{row} {column}: {found} {expected}");
                }
                for column in columns..blocks * A::WIDTH {
                    assert!(value(weights[at(row, column)]) * factors[row] < 1e-15, "no column that does not count");
                }
            }
        }
    }
    everywhere!(check);
}

#[test]
fn gelu_is_gelu_from_one_end_to_the_other() {
    fn check<A: Arithmetic>(arithmetic: A, value: impl Fn(A::Left) -> f32) {
        let rows = A::ROWS.min(6);
        let count = rows * A::WIDTH;
        for start in (-1000..1000).step_by(count) {
            let values: Vec<f32> = (start..).take(count).map(|step| step as f32 / 100.0).collect();
            let mut to = vec![A::Left::default(); count];
            let finish = Biased { bias: &vec![0.0; A::WIDTH] };
            arithmetic.activate(Activation::Gelu, &mut values.clone(), finish, &mut to);
            for (x, found) in values.iter().map(|x| f64::from(*x)).zip(to) {
                let expected = x * phi(x.clamp(-9.0, 9.0));
                let off = (f64::from(value(found)) - expected).abs();
                assert!(off < 1.5e-4 + 4e-3 * expected.abs(), "gelu({x}) is {expected}, {off} off");
            }
        }
        let mut tile = vec![f32::NAN; A::WIDTH];
        let mut to = vec![A::Left::default(); A::WIDTH];
        arithmetic.activate(Activation::Gelu, &mut tile, Biased { bias: &vec![0.0; A::WIDTH] }, &mut to);
        assert!(to.into_iter().all(|found| value(found).is_nan()), "what is no number stays none");
    }
    everywhere!(check);
}

#[test]
fn whole_numbers_become_values_by_their_scales() {
    fn check<A: Arithmetic>(arithmetic: A, value: impl Fn(A::Left) -> f32) {
        let mut random = Random::new(9);
        let mut number = |most: usize| random.below(2 * most + 1) as f32 - most as f32;
        let rows = 3;
        let sums: Vec<i32> = (0..rows * A::WIDTH).map(|_| number(9000) as i32).collect();
        let tile: Vec<f32> = sums.iter().map(|sum| f32::from_bits(sum.cast_unsigned())).collect();
        let mut some = |count: usize| -> Vec<f32> { (0..count).map(|_| number(100) / 100.0).collect() };
        let (scales, offsets) = (some(rows), some(rows));
        let (bias, column_scales, column_sums) = (some(A::WIDTH), some(A::WIDTH), some(A::WIDTH));
        let finish = Scaled {
            bias: &bias,
            scales: &scales,
            offsets: &offsets,
            column_scales: &column_scales,
            column_sums: &column_sums,
        };
        let stride = A::WIDTH + 5;
        let mut to = vec![A::Left::default(); rows * stride];
        arithmetic.put(&tile, rows, finish, &mut to, stride);
        for row in 0..rows {
            for column in 0..A::WIDTH {
                let sum = sums[row * A::WIDTH + column] as f32;
                let expected =
                    sum * scales[row] * column_scales[column] + offsets[row] * column_sums[column] + bias[column];
                let found = value(to[row * stride + column]);
                assert!((found - expected).abs() <= 4e-3 * expected.abs() + 1e-3, "{found} is not {expected}");
            }
        }
    }
    everywhere!(check);
}

#[test]
fn attention_weighs_values_by_scores_however_long_a_text_is_and_however_low_a_row() {
    fn check<A: Arithmetic>(arithmetic: A, value: impl Fn(A::Left) -> f32) {
        let _session = arithmetic.begin();
        let mut random = Random::new(13);
        for (length, blocks) in [(1, 1), (2, 3), (9, 1), (15, 2), (16, 1), (17, 1), (3 * A::WIDTH - 2, 2)] {
            let depth = blocks * A::WIDTH;
            let stride = 3 * depth + A::WIDTH;
            let mut rows: Vec<Vec<f32>> = (0..length).map(|_| short_values(&mut random, stride, -64, 64)).collect();
            for (row, values) in rows.iter_mut().enumerate() {
                // The first column of the keys lowers all scores of a row alike.
                values[0] = [0.0, -300.0, -40.0, -2944.0, 300.0][row % 5];
                values[depth] = 1.0;
            }
            let qkv = narrowed(arithmetic, &rows.concat());
            // The text begins within a tile, behind three rows of others, and its head behind a block of another one.
            let (start, block) = (3, 1);
            let tiles: Vec<_> = tiles::<A>(start + length).collect();
            let inputs = depth + 2 * A::WIDTH;
            let mut data = vec![A::Left::default(); slots(&tiles) * inputs];
            let mut context = Blocks { data: &mut data, tiles: &tiles, depth: inputs, width: A::WIDTH };
            let mut scratch = AttentionScratch::default();
            attend(arithmetic, (length, depth), (&qkv, stride), &mut context, (start, block), &mut scratch);
            let mut written = 0;
            for tile in &tiles {
                for row in 0..tile.rows {
                    let values = |column: usize| {
                        let block = tile.slot * inputs + (column / A::WIDTH * tile.padded + row) * A::WIDTH;
                        f64::from(value(data[block + column % A::WIDTH]))
                    };
                    let own = A::WIDTH..A::WIDTH + depth;
                    let (before, after) = (0..own.start, own.end..inputs);
                    assert!(
                        before.chain(after).all(|column| values(column) == 0.0),
                        "the blocks beside are left alone"
                    );
                    let Some(token) = (tile.start + row).checked_sub(start) else {
                        assert!(own.clone().all(|column| values(column) == 0.0), "the rows before are left alone");
                        continue;
                    };
                    let product = |other: &Vec<f32>| -> f64 {
                        let (query, key) = (&rows[token][..depth], &other[depth..2 * depth]);
                        query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum()
                    };
                    let scores: Vec<f64> = rows.iter().map(product).collect();
                    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
                    let sum: f64 = weights.iter().sum();
                    for (column, at) in own.enumerate() {
                        let weighed = weights.iter().zip(&rows).map(|(w, row)| w * f64::from(row[2 * depth + column]));
                        let expected = weighed.sum::<f64>() / sum;
                        let off = (values(at) - expected).abs();
                        assert!(off < 6e-3, "{length} {depth}: {token} {column} is {} not {expected}", values(at));
                        written += 1;
                    }
                }
            }
            assert_eq!(written, length * depth);
        }
    }
    everywhere!(check);
}
