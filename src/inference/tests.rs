//! The native encoder against Candle's on the real weights of the built-in embedder, for every set of instructions that this machine has.

use candle_core::Device;
use ibid_encoder::bert::{Bert, BertConfig};
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::precision::Computed;
use ibid_encoder::random::Random;
use ibid_encoder::vector::{dot, normalize};

use super::{cache, manifest};

fn unit(row: &[f32]) -> Vec<f32> {
    let mut row = row.to_vec();
    normalize(&mut row);
    row
}

fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    unit(&(0..width).map(|column| rows.chunks_exact(width).map(|row| row[column]).sum()).collect::<Vec<f32>>())
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
        let bf16 = set.has_bf16().then_some((Computed::Bf16, 0.9999));
        for (precision, lowest) in [Some((Computed::F32, 0.999_999)), bf16].into_iter().flatten() {
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
                        assert!(close >= lowest - 2e-4, "{way}, a row of {} tokens: {close}", batch[index].len());
                    }
                };
                encoder.forward(&batch, compare).unwrap();
            }
        }
    }
}
