//! The native encoder against Candle's on the real weights of the built-in embedder, for every set of instructions that this machine has.

use std::path::PathBuf;

use candle_core::Device;
use ibid_encoder::bert::{Bert, BertConfig};
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::precision::Computed;
use ibid_encoder::random::Random;
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
        ids.truncate(126);
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
    let bert = Bert::open(config.clone(), &weights, &Device::Cpu).unwrap();
    let reference = |ids: &Vec<u32>| -> Vec<f32> {
        mean(&bert.forward(&[ids]).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap(), width)
    };
    let reference: Vec<Vec<f32>> = texts.iter().map(reference).collect();
    for set in Instructions::ALL.into_iter().filter(|set| set.is_here()) {
        // Without vector instructions all of them would take minutes.
        let step = if set == Instructions::Portable { 20 } else { 1 };
        for precision in precisions(set) {
            let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
            let batch: Vec<&[u32]> = texts.iter().step_by(step).map(Vec::as_slice).collect();
            let mut sum = 0.0;
            let mut add = |index: usize, rows: &mut [f32]| sum += dot(&mean(rows, width), &reference[index * step]);
            encoder.forward(&batch, &mut add).unwrap();
            let close = sum / batch.len() as f32;
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
    let bert = Bert::open(config.clone(), &weights, &Device::Cpu).unwrap();
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
