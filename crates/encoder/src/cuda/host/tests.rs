//! Every kernel against plain f32 on the same rounded inputs, and the encoder made of them against Candle and against the
//! native encoder on real weights.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};

use super::super::half::Half;
use super::super::pass::{Argument, Kernel, Machine, Memory, Pass, wide_width};
use super::super::plan::{Bucket, TILE_QUERIES, describe};
use super::super::weights::{Packed, pack};
use super::super::{Pooling, Wanted};
use super::Host;
use crate::bert::{BertConfig, map_weights};
use crate::random::Random;
use crate::text_encoder::TextEncoder;
use crate::vector::{dot, normalize};

const HALVES: [Half; 2] = [Half::F16, Half::Bf16];
/// A NaN in either kind: what no kernel may read, and what stays where none may write.
const NAN: u16 = 0xffff;
const LENGTHS: [usize; 10] = [1, 16, 17, 31, 64, 65, 128, 3, 512, 200];

/// How far a result may be off: some units of the last place.
fn tolerance(half: Half) -> f32 {
    match half {
        Half::F16 => 3e-3,
        Half::Bf16 => 2.4e-2,
    }
}

fn hosts(half: Half) -> [Host; 2] {
    [false, true].map(|is_reversed| Host { half, is_reversed })
}

fn random_floats(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.below(20_001) as f32 / 10_000.0 - 1.0).collect()
}

fn random_halves(random: &mut Random, half: Half, count: usize) -> Vec<u16> {
    random_floats(random, count).into_iter().map(|value| half.bits(value)).collect()
}

fn values(half: Half, halves: &[u16]) -> Vec<f32> {
    halves.iter().map(|&bits| half.value(bits)).collect()
}

fn address<T>(memory: &[T]) -> Argument {
    Argument::Address(memory.as_ptr() as u64)
}

fn int(value: usize) -> Argument {
    Argument::Int(value as i32)
}

fn assert_near(half: Half, got: &[f32], wanted: &[f32], what: &str) {
    assert_eq!(got.len(), wanted.len());
    for (index, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let off = (got - wanted).abs();
        assert!(off <= tolerance(half) * wanted.abs().max(1.0), "{what} {half:?}, number {index}: {got}, not {wanted}");
    }
}

/// Attention by definition, in f32, scores as exponents of 2.
fn attention(qkv: &[f32], bias: &[f32], lengths: &[usize], heads: usize, head: usize) -> Vec<f32> {
    let width = heads * head;
    let biased: Vec<f32> = qkv.iter().enumerate().map(|(index, value)| value + bias[index % (3 * width)]).collect();
    let mut out = vec![0.0; qkv.len() / 3];
    let mut first = 0;
    for &length in lengths {
        for h in 0..heads {
            let row = |part: usize, row: usize| &biased[(first + row) * 3 * width + part * width + h * head..][..head];
            for query in 0..length {
                let scores: Vec<f32> = (0..length).map(|key| dot(row(0, query), row(1, key))).collect();
                let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weights: Vec<f32> = scores.iter().map(|score| (score - most).exp2()).collect();
                let total: f32 = weights.iter().sum();
                let to = &mut out[(first + query) * width + h * head..][..head];
                for (key, weight) in weights.iter().enumerate() {
                    to.iter_mut().zip(row(2, key)).for_each(|(to, value)| *to += weight / total * value);
                }
            }
        }
        first += length;
    }
    out
}

#[test]
fn attention_of_every_head_width_is_what_its_definition_gives() {
    let heads = 2;
    for (head, half) in [32, 64, 96, 128].into_iter().flat_map(|head| HALVES.map(|half| (head, half))) {
        let width = heads * head;
        let lengths = if head == 32 { LENGTHS.to_vec() } else { vec![1, 16, 17, 128, 512, 70] };
        let tokens: usize = lengths.iter().sum();
        let mut random = Random::new(head as u64);
        let mut qkv = random_halves(&mut random, half, tokens * 3 * width);
        let bias = random_floats(&mut random, 3 * width);
        let wanted = attention(&values(half, &qkv), &bias, &lengths, heads, head);
        // Rows that belong to no text: reading them would give NaN, writing them is seen.
        let bucket = Bucket::of(&lengths);
        let beyond = bucket.tokens - tokens + 20;
        qkv.extend(vec![NAN; beyond * 3 * width]);
        let mut ints = vec![-1; bucket.parts().end];
        describe(&vec![0; tokens], &lengths, bucket, &mut ints);
        for host in hosts(half) {
            let out = vec![NAN; (tokens + beyond) * width];
            let arguments = [address(&out), address(&qkv), address(&bias), address(&ints), int(width)];
            host.launch(Kernel::Attention(head), (bucket.tiles, heads), 2 * TILE_QUERIES, &arguments).unwrap();
            assert_near(half, &values(half, &out[..tokens * width]), &wanted, &format!("attention, heads of {head}"));
            assert!(out[tokens * width..].iter().all(|&bits| bits == NAN), "no row beyond the texts is written");
        }
    }
}

#[test]
fn attention_keeps_its_digits_where_scores_are_large() {
    let (head, length, half) = (32, 130, Half::F16);
    let mut random = Random::new(5);
    let large: Vec<f32> = random_floats(&mut random, length * 3 * head).iter().map(|value| value * 12.0).collect();
    let qkv: Vec<u16> = large.into_iter().map(|value| half.bits(value)).collect();
    let bias = vec![0.0; 3 * head];
    let wanted = attention(&values(half, &qkv), &bias, &[length], 1, head);
    let bucket = Bucket::of(&[length]);
    let mut ints = vec![0; bucket.parts().end];
    describe(&vec![0; length], &[length], bucket, &mut ints);
    let out = vec![NAN; length * head];
    let arguments = [address(&out), address(&qkv), address(&bias), address(&ints), int(head)];
    let host = Host { half, is_reversed: false };
    host.launch(Kernel::Attention(head), (bucket.tiles, 1), 2 * TILE_QUERIES, &arguments).unwrap();
    assert_near(half, &values(half, &out), &wanted, "attention over large scores");
}

fn normed(rows: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    let norm = |row: &[f32]| {
        let mean = row.iter().sum::<f32>() / width as f32;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / width as f32;
        let scale = 1.0 / (variance + eps).sqrt();
        row.iter().zip(weight.iter().zip(bias)).map(|(x, (w, b))| (x - mean) * scale * w + b).collect::<Vec<_>>()
    };
    rows.chunks_exact(width).flat_map(norm).collect()
}

/// Widths on both sides of each size that a row has in registers.
const WIDTHS: [usize; 9] = [8, 40, 128, 384, 392, 512, 768, 776, 1024];

#[test]
fn embeddings_and_residuals_are_normed_at_every_width() {
    for (width, half) in WIDTHS.into_iter().flat_map(|width| HALVES.map(|half| (width, half))) {
        let mut random = Random::new(width as u64);
        let (tokens, words, eps) = (7, 11, 1e-12_f32);
        let table = random_halves(&mut random, half, words * width);
        let positions = random_floats(&mut random, 5 * width);
        let (weight, bias) = (random_floats(&mut random, width), random_floats(&mut random, width));
        let (ids, places) = ([3, 10, 0, 7, 7, 1, 2], [0, 1, 4, 0, 1, 2, 3]);
        let sum = |token: usize, column: usize| {
            half.value(table[ids[token] as usize * width + column]) + positions[places[token] as usize * width + column]
        };
        let summed: Vec<f32> = (0..tokens * width).map(|index| sum(index / width, index % width)).collect();
        let wanted = normed(&summed, &weight, &bias, eps);
        let grid = (tokens.div_ceil(4), 1);
        for host in hosts(half) {
            let out = vec![NAN; (tokens + 1) * width];
            let arguments = [
                address(&out),
                address(&ids),
                address(&places),
                address(&table),
                address(&positions),
                address(&weight),
                address(&bias),
                int(tokens),
                int(width),
                Argument::Float(eps),
            ];
            host.launch(Kernel::EmbedNorm, grid, 128, &arguments).unwrap();
            assert_near(half, &values(half, &out[..tokens * width]), &wanted, &format!("embeddings of width {width}"));
            assert!(out[tokens * width..].iter().all(|&bits| bits == NAN), "no row beyond is written");

            let x = random_halves(&mut random, half, tokens * width);
            let add = random_halves(&mut random, half, tokens * width);
            let add_bias = random_floats(&mut random, width);
            let total =
                |(index, (x, add)): (usize, (&u16, &u16))| half.value(*x) + half.value(*add) + add_bias[index % width];
            let summed: Vec<f32> = x.iter().zip(&add).enumerate().map(total).collect();
            let wanted = normed(&summed, &weight, &bias, eps);
            let arguments = [
                address(&x),
                address(&add),
                address(&add_bias),
                address(&weight),
                address(&bias),
                int(tokens),
                int(width),
                Argument::Float(eps),
            ];
            host.launch(Kernel::ResidualNorm, grid, 128, &arguments).unwrap();
            assert_near(half, &values(half, &x), &wanted, &format!("residuals of width {width}"));
        }
    }
}

/// Φ(x) · x in f64, by the series of erf.
fn gelu(x: f32) -> f32 {
    let z = f64::from(x) / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    (0.5 * f64::from(x) * (1.0 + 2.0 / std::f64::consts::PI.sqrt() * sum)) as f32
}

#[test]
fn gelu_is_the_exact_one() {
    for half in HALVES {
        for (tokens, width) in [(1, 8), (5, 104), (3, 1536)] {
            let mut random = Random::new(3);
            let before: Vec<u16> = random_halves(&mut random, half, tokens * width)
                .into_iter()
                .map(|bits| half.bits(half.value(bits) * 4.0))
                .collect();
            let bias = random_floats(&mut random, width);
            let wanted: Vec<f32> =
                before.iter().enumerate().map(|(at, &bits)| gelu(half.value(bits) + bias[at % width])).collect();
            for host in hosts(half) {
                let x = before.clone();
                let arguments = [address(&x), address(&bias), int(tokens), int(width)];
                host.launch(Kernel::BiasGelu, ((tokens * width).div_ceil(2048), 1), 256, &arguments).unwrap();
                assert_near(half, &values(half, &x), &wanted, "gelu");
            }
        }
    }
}

#[test]
fn pooled_vectors_are_means_or_first_rows_of_length_1() {
    let lengths = [1_usize, 17, 0, 128, 2];
    for (width, half) in [40, 384, 1024].into_iter().flat_map(|width| HALVES.map(|half| (width, half))) {
        let mut random = Random::new(width as u64);
        let x = random_halves(&mut random, half, lengths.iter().sum::<usize>() * width);
        let mut texts = Vec::new();
        let mut row = 0;
        for &length in &lengths {
            texts.extend([row as i32, length as i32]);
            row += length;
        }
        for (host, is_first) in hosts(half).into_iter().flat_map(|host| [(Host { ..host }, false), (host, true)]) {
            let out = vec![f32::NAN; lengths.len() * width];
            let arguments = [address(&out), address(&x), address(&texts), int(width), int(usize::from(is_first))];
            host.launch(Kernel::Pool, (lengths.len(), 1), 128, &arguments).unwrap();
            let mut row = 0;
            for (index, &length) in lengths.iter().enumerate() {
                let got = &out[index * width..][..width];
                let rows = values(half, &x[row * width..][..length * width]);
                row += length;
                if length == 0 {
                    assert!(got.iter().all(|value| value.is_nan()), "a text of no rows is left out");
                    continue;
                }
                let taken = if is_first { &rows[..width] } else { &rows[..] };
                let mut mean: Vec<f32> =
                    (0..width).map(|column| taken.chunks_exact(width).map(|row| row[column]).sum()).collect();
                normalize(&mut mean);
                for (got, wanted) in got.iter().zip(&mean) {
                    assert!((got - wanted).abs() < 1e-5, "{got}, not {wanted}");
                }
            }
        }
    }
}

#[test]
fn rows_are_scaled_to_length_1() {
    for (width, half) in [8, 40, 384].into_iter().flat_map(|width| HALVES.map(|half| (width, half))) {
        let before = random_halves(&mut Random::new(9), half, 5 * width);
        for host in hosts(half) {
            let x = before.clone();
            host.launch(Kernel::Normalize, (2, 1), 128, &[address(&x), int(5), int(width)]).unwrap();
            let mut wanted = values(half, &before);
            wanted.chunks_exact_mut(width).for_each(normalize);
            assert_near(half, &values(half, &x), &wanted, "rows of length 1");
        }
    }
}

/// The texts' vectors and their tokens' rows, through the whole encoder on this CPU.
fn encode(
    packed: &Packed,
    texts: &[Vec<u32>],
    bucket: Bucket,
    pooling: Pooling,
    wanted: Wanted,
) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let shape = &packed.shape;
    let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    let mut ints = vec![-1; bucket.parts().end];
    describe(&texts.concat(), &lengths, bucket, &mut ints);
    let halves = |width: usize| vec![NAN; bucket.tokens * width];
    let (x, attended, added) = (halves(shape.hidden), halves(shape.hidden), halves(shape.hidden));
    let wide = halves(wide_width(shape));
    let pooled = vec![f32::NAN; bucket.texts * shape.hidden];
    let at = |memory: &[u16]| memory.as_ptr() as u64;
    let memory = Memory {
        halves: at(&packed.halves),
        floats: packed.floats.as_ptr() as u64,
        description: ints.as_ptr() as u64,
        x: at(&x),
        attended: at(&attended),
        added: at(&added),
        wide: at(&wide),
        pooled: pooled.as_ptr() as u64,
    };
    let machine = Host { half: shape.half, is_reversed: false };
    Pass { machine: &machine, shape, places: &packed.places, memory, bucket }.run(pooling, wanted).unwrap();
    let vectors = pooled.chunks_exact(shape.hidden).take(texts.len()).map(<[f32]>::to_vec).collect();
    let mut row = 0;
    let tokens = lengths.iter().map(|length| {
        row += length;
        values(shape.half, &x[(row - length) * shape.hidden..row * shape.hidden])
    });
    (vectors, tokens.collect())
}

fn packed(config: &BertConfig, weights: &Path, half: Half) -> Packed {
    pack(&map_weights(weights).unwrap(), config, half).unwrap()
}

/// The lowest cosine of two lists of rows.
fn lowest_cosine(one: &[Vec<f32>], other: &[Vec<f32>], width: usize) -> f32 {
    assert_eq!(one.len(), other.len());
    let unit = |row: &[f32]| {
        let mut row = row.to_vec();
        normalize(&mut row);
        row
    };
    let rows = one.iter().zip(other).flat_map(|(one, other)| {
        assert_eq!(one.len(), other.len());
        one.chunks_exact(width).zip(other.chunks_exact(width))
    });
    rows.map(|(one, other)| dot(&unit(one), &unit(other))).fold(1.0, |lowest, cosine| match cosine.is_nan() {
        true => f32::NEG_INFINITY,
        false => lowest.min(cosine),
    })
}

fn random_texts(lengths: &[usize], words: usize) -> Vec<Vec<u32>> {
    let mut random = Random::new(11);
    lengths.iter().map(|&length| (0..length).map(|_| random.below(words) as u32).collect()).collect()
}

#[test]
fn the_encoder_made_of_the_kernels_gives_what_candle_gives() {
    let folder = tempfile::tempdir().unwrap();
    let lengths = [128, 1, 17];
    let texts = random_texts(&lengths, 50);
    for (heads, hidden, wide) in [(2, 64, 104), (1, 64, 256), (2, 192, 64), (1, 128, 512)] {
        let config = BertConfig {
            num_attention_heads: heads,
            hidden_size: hidden,
            max_position_embeddings: 128,
            ..crate::native::tests::odd_config()
        };
        let weights = crate::native::tests::save_random(&config, wide, folder.path(), |_, value| value * 0.5);
        let reference = crate::native::tests::candle(&config, &weights, &texts);
        let mean = |rows: &Vec<f32>| {
            let sum = |column: usize| rows.chunks_exact(hidden).map(|row| row[column]).sum();
            (0..hidden).map(sum).collect::<Vec<f32>>()
        };
        let means: Vec<Vec<f32>> = reference.iter().map(mean).collect();
        let firsts: Vec<Vec<f32>> = reference.iter().map(|rows| rows[..hidden].to_vec()).collect();
        for half in HALVES {
            let packed = packed(&config, &weights, half);
            let bucket = Bucket::of(&lengths);
            let (vectors, tokens) = encode(&packed, &texts, bucket, Pooling::Mean, Wanted::VectorsAndTokens);
            let (text, token) = (lowest_cosine(&vectors, &means, hidden), lowest_cosine(&tokens, &reference, hidden));
            eprintln!("{heads} heads, {hidden} wide, {}: texts {text:.6}, tokens {token:.6}", half.name());
            assert!(text >= 0.9995 && token >= 0.9995, "{heads} heads, {hidden} wide, {half:?}: {text} {token}");
            let (vectors, _) = encode(&packed, &texts, bucket, Pooling::First, Wanted::Vectors);
            assert!(lowest_cosine(&vectors, &firsts, hidden) >= 0.9995);
        }
    }
}

#[test]
fn what_fills_a_bucket_changes_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let config = BertConfig { num_attention_heads: 2, hidden_size: 64, ..crate::native::tests::odd_config() };
    let weights = crate::native::tests::save_random(&config, 64, folder.path(), |_, value| value);
    let packed = packed(&config, &weights, Half::F16);
    let texts = random_texts(&[40, 17, 1], 50);
    let small = Bucket::of(&[40, 17, 1]);
    let large = Bucket { tokens: small.tokens + 100, tiles: 16, texts: 8 };
    let run = |bucket| encode(&packed, &texts, bucket, Pooling::Mean, Wanted::VectorsAndTokens);
    assert_eq!(run(small), run(large), "bit by bit");
    let alone: Vec<Vec<f32>> = texts
        .iter()
        .map(|text| {
            let text = std::slice::from_ref(text);
            encode(&packed, text, Bucket::of(&[text[0].len()]), Pooling::Mean, Wanted::Vectors).0.remove(0)
        })
        .collect();
    assert_eq!(run(small).0, alone, "nor does any text change another");
}

/// The folder of real weights, where tests are told of one or the hub's cache holds it.
fn real_model() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("IBID_ENCODER_MODEL") {
        return Some(folder.into());
    }
    let hub = PathBuf::from(std::env::var_os("HOME")?).join(".cache/huggingface/hub");
    let snapshots = hub.join("models--sentence-transformers--all-MiniLM-L6-v2/snapshots");
    let mut folders = std::fs::read_dir(snapshots).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.find(|folder| folder.join("model.safetensors").exists())
}

#[test]
fn real_weights_in_16_bits_give_what_f32_gives() {
    let Some(folder) = real_model() else {
        eprintln!("skipped: no real weights (IBID_ENCODER_MODEL names a folder of them)");
        return;
    };
    let config = BertConfig::open(&folder.join("config.json")).unwrap();
    let weights = folder.join("model.safetensors");
    let lengths = [70, 1, 17];
    let texts = random_texts(&lengths, 20_000);
    let bert = TextEncoder::open(&folder.join("config.json"), &weights, &Device::Cpu, DType::F32).unwrap();
    let states = |ids: &Vec<u32>| bert.forward(&[ids]).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let reference: Vec<Vec<f32>> = texts.iter().map(states).collect();
    let hidden = config.hidden_size;
    let mean = |rows: &Vec<f32>| {
        let sum = |column: usize| rows.chunks_exact(hidden).map(|row| row[column]).sum();
        (0..hidden).map(sum).collect::<Vec<f32>>()
    };
    let means: Vec<Vec<f32>> = reference.iter().map(mean).collect();
    for half in HALVES {
        let bucket = Bucket::of(&lengths);
        let packed = packed(&config, &weights, half);
        let (vectors, tokens) = encode(&packed, &texts, bucket, Pooling::Mean, Wanted::VectorsAndTokens);
        let (text, token) = (lowest_cosine(&vectors, &means, hidden), lowest_cosine(&tokens, &reference, hidden));
        eprintln!("real weights in {}: texts {text:.6}, tokens {token:.6}", half.name());
        assert!(text >= 0.9995 && token >= 0.999, "{half:?}: {text} {token}");
    }
}
