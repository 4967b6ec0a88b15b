//! The native encoder against Candle's on the real weights of the built-in embedder, for every set of instructions that this machine has.

use std::path::PathBuf;

use candle_core::{DType, Device};
use ibid_encoder::bert::BertConfig;
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::precision::Computed;
use ibid_encoder::random::Random;
use ibid_encoder::text_encoder::TextEncoder;
use ibid_encoder::vector::{dot, normalize};

use super::tokenizer::Tokenizer;
use super::{cache, manifest};

fn unit(row: &[f32]) -> Vec<f32> {
    let mut row = row.to_vec();
    normalize(&mut row);
    row
}

fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    unit(&(0..width).map(|column| rows.chunks_exact(width).map(|row| row[column]).sum()).collect::<Vec<f32>>())
}

/// What `set` computes in.
fn precisions(set: Instructions) -> impl Iterator<Item = Computed> {
    [Computed::F32, Computed::Bf16, Computed::Int8]
        .into_iter()
        .filter(move |&it| it != Computed::Bf16 || set.has_bf16())
}

/// The first ids of `count` real texts; none where there is no data.
fn real_texts(count: usize, tokenizer: &Tokenizer) -> Vec<Vec<u32>> {
    let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = std::env::var_os("IBID_TEST_DATA").map_or_else(here, PathBuf::from).join("scifact/corpus.jsonl");
    let Ok(corpus) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not here (set IBID_TEST_DATA)", path.display());
        return Vec::new();
    };
    let ids = |line: &str| {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        let mut ids = tokenizer.encode(document["text"].as_str().unwrap()).unwrap().ids;
        ids.truncate(62);
        let (start, end) = tokenizer.frame();
        [start, &ids, end].concat()
    };
    corpus.lines().take(count).map(ids).collect()
}

#[test]
fn every_precision_stays_close_to_the_reference_on_real_texts() {
    let files = cache::open(&manifest::find("all-minilm-l6-v2", None).unwrap()).unwrap();
    let tokenizer = Tokenizer::open(&files.path("tokenizer.json").unwrap()).unwrap();
    let texts = real_texts(1000, &tokenizer);
    if texts.is_empty() {
        return;
    }
    assert_eq!(texts.len(), 1000);
    let config = BertConfig::open(&files.path("config.json").unwrap()).unwrap();
    let (weights, width) = (files.path("model.safetensors").unwrap(), config.hidden_size);
    let run = |set: Instructions, precision: Computed, texts: &[&[u32]]| -> Vec<Vec<f32>> {
        let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
        let mut vectors = Vec::new();
        encoder.forward(texts, |_, rows| vectors.push(mean(rows, width))).unwrap();
        vectors
    };
    let close = |one: &[Vec<f32>], other: &[Vec<f32>]| {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other).map(|(one, other)| dot(one, other)).sum::<f32>() / one.len() as f32
    };
    let every = |step: usize| texts.iter().step_by(step).map(Vec::as_slice).collect::<Vec<_>>();
    // Candle takes minutes for all of them here: it vouches for the fastest f32, and that for everything else.
    let fastest = Instructions::ALL.into_iter().find(|set| set.is_here()).unwrap();
    let reference = run(fastest, Computed::F32, &every(1));
    let bert = TextEncoder::open(&files.path("config.json").unwrap(), &weights, &Device::Cpu, DType::F32).unwrap();
    let candle = |ids: &&[u32]| mean(&bert.forward(&[ids]).unwrap().flatten_all().unwrap().to_vec1().unwrap(), width);
    let candle: Vec<Vec<f32>> = every(20).iter().map(candle).collect();
    let vouched: Vec<Vec<f32>> = reference.iter().step_by(20).cloned().collect();
    assert!(close(&candle, &vouched) >= 0.999_999);
    for set in Instructions::ALL.into_iter().filter(|set| set.is_here()) {
        // The slower ones would take minutes for all of them.
        let step = match set {
            Instructions::Amx | Instructions::Avx512 => 1,
            Instructions::Avx2 => 4,
            Instructions::Portable => 40,
        };
        for precision in precisions(set) {
            let wanted: Vec<Vec<f32>> = reference.iter().step_by(step).cloned().collect();
            let close = close(&run(set, precision, &every(step)), &wanted);
            eprintln!("{} {}: mean cosine {close:.7}", set.name(), precision.name());
            let lowest = match precision {
                Computed::F32 => 0.999_999,
                Computed::Bf16 => 0.9999,
                Computed::Int8 => 0.997,
            };
            assert!(close >= lowest, "{} {}: {close}", set.name(), precision.name());
        }
    }
}

#[test]
fn real_weights_give_what_candle_gives() {
    let files = cache::open(&manifest::find("all-minilm-l6-v2", None).unwrap()).unwrap();
    let config = BertConfig::open(&files.path("config.json").unwrap()).unwrap();
    let (weights, width) = (files.path("model.safetensors").unwrap(), config.hidden_size);
    let mut random = Random::new(11);
    let lengths = [1, 2, 3, 5, 7, 13, 14, 15, 16, 17, 27, 29, 31, 32, 33, 63, 65, 2, 127, 300, 512, 129, 1];
    let texts: Vec<Vec<u32>> =
        lengths.iter().map(|&length| (0..length).map(|_| random.below(30_000) as u32).collect()).collect();
    let bert = TextEncoder::open(&files.path("config.json").unwrap(), &weights, &Device::Cpu, DType::F32).unwrap();
    let reference: Vec<Vec<f32>> =
        texts.iter().map(|ids| bert.forward(&[ids]).unwrap().flatten_all().unwrap().to_vec1().unwrap()).collect();
    for set in Instructions::ALL.into_iter().filter(|set| set.is_here()) {
        for precision in precisions(set) {
            // Random words spread every error, so that 8 bits may be further off than with a text.
            let (lowest, row_slack) = match precision {
                Computed::F32 => (0.999_999, 2e-4),
                Computed::Bf16 => (0.9999, 2e-4),
                Computed::Int8 => (0.98, 0.03),
            };
            let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
            let way = format!("{} {precision:?}", set.name());
            // Alone too: a group of one text goes another way.
            for batch in [&texts[..], &texts[7..8]] {
                let first = if batch.len() == 1 { 7 } else { 0 };
                let batch: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
                let compare = |index: usize, rows: &mut [f32]| {
                    let wanted = &reference[first + index];
                    assert_eq!(rows.len(), wanted.len());
                    let close = dot(&mean(rows, width), &mean(wanted, width));
                    assert!(close >= lowest, "{way}, {} tokens: {close}", batch[index].len());
                    for (row, wanted) in rows.chunks_exact(width).zip(wanted.chunks_exact(width)) {
                        let close = dot(&unit(row), &unit(wanted));
                        assert!(close >= lowest - row_slack, "{way}, a row of {} tokens: {close}", batch[index].len());
                    }
                };
                encoder.forward(&batch, compare).unwrap();
            }
        }
    }
}
