//! The native encoder against Candle's, on a small model of odd sizes, for every set of instructions
//! that this machine has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::random::Random;
use crate::text_encoder::TextEncoder;
use crate::vector::{dot, normalize};

/// Every way to compute that this machine has.
fn ways() -> impl Iterator<Item = (Instructions, Computed)> {
    let here = Instructions::ALL.into_iter().filter(|set| set.is_here());
    here.flat_map(|set| {
        let bf16 = set.has_bf16().then_some((set, Computed::Bf16));
        [Some((set, Computed::F32)), bf16, Some((set, Computed::Int8))].into_iter().flatten()
    })
}

/// Sizes that are no multiple of any register's width.
pub(crate) fn odd_config() -> BertConfig {
    let text = r#"{"hidden_size": 57, "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 40,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu", "model_type": "bert"}"#;
    serde_json::from_str(text).unwrap()
}

/// Writes random weights for `config` with a feed-forward part of `wide`; every value passes `change` first.
pub(crate) fn save_random(
    config: &BertConfig,
    wide: usize,
    folder: &Path,
    change: impl Fn(&str, f32) -> f32,
) -> PathBuf {
    let mut random = Random::new(7);
    let mut tensors = HashMap::new();
    let hidden = config.hidden_size;
    let mut add = |name: String, shape: &[usize], scale: f32| {
        let count: usize = shape.iter().product();
        let value = |_| change(&name, (random.below(20_001) as f32 / 10_000.0 - 1.0) * scale);
        let values: Vec<f32> = (0..count).map(value).collect();
        tensors.insert(name.clone(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    for (name, rows) in [("word", 50), ("position", config.max_position_embeddings), ("token_type", 2)] {
        add(format!("bert.embeddings.{name}_embeddings.weight"), &[rows, hidden], 1.0);
    }
    let mut norms = vec!["bert.embeddings.LayerNorm".to_string()];
    for layer in 0..config.num_hidden_layers {
        let at = format!("bert.encoder.layer.{layer}");
        let linear = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", wide, hidden),
            ("output.dense", hidden, wide),
        ];
        for (name, outputs, inputs) in linear {
            add(format!("{at}.{name}.weight"), &[outputs, inputs], 0.3);
            add(format!("{at}.{name}.bias"), &[outputs], 0.3);
        }
        norms.extend([format!("{at}.attention.output.LayerNorm"), format!("{at}.output.LayerNorm")]);
    }
    for name in norms {
        add(format!("{name}.weight"), &[hidden], 1.0);
        add(format!("{name}.bias"), &[hidden], 0.3);
    }
    let path = folder.join("model.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

fn random_texts(lengths: &[usize], words: usize) -> Vec<Vec<u32>> {
    let mut random = Random::new(11);
    lengths.iter().map(|&length| (0..length).map(|_| random.below(words) as u32).collect()).collect()
}

/// The hidden states of each text.
fn run(encoder: &Encoder, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let batch: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let mut outputs = vec![Vec::new(); batch.len()];
    encoder.forward(&batch, |index, rows| outputs[index] = rows.to_vec()).unwrap();
    outputs
}

/// The lowest cosine between the mean vectors of two runs, and between any two rows.
fn lowest_cosines(one: &[Vec<f32>], other: &[Vec<f32>], width: usize) -> (f32, f32) {
    let unit = |row: &[f32]| {
        let mut row = row.to_vec();
        normalize(&mut row);
        row
    };
    let mean = |rows: &[f32]| {
        let sum = |column: usize| rows.chunks_exact(width).map(|row| row[column]).sum();
        unit(&(0..width).map(sum).collect::<Vec<f32>>())
    };
    let (mut means, mut rows) = (1.0_f32, 1.0_f32);
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one.len(), other.len());
        means = means.min(dot(&mean(one), &mean(other)));
        for (one, other) in one.chunks_exact(width).zip(other.chunks_exact(width)) {
            rows = rows.min(dot(&unit(one), &unit(other)));
        }
    }
    (means, rows)
}

/// Candle's encoder of `config` in a file that [`save_random`] wrote.
fn candle_encoder(config: &BertConfig, weights: &Path) -> TextEncoder {
    let file = candle_core::safetensors::load(weights, &Device::Cpu).unwrap();
    let inner = file["bert.encoder.layer.0.intermediate.dense.bias"].elem_count();
    let described = serde_json::json!({
        "model_type": "bert", "hidden_size": config.hidden_size, "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads, "intermediate_size": inner, "type_vocab_size": 2,
        "max_position_embeddings": config.max_position_embeddings, "layer_norm_eps": config.layer_norm_eps,
        "hidden_act": config.hidden_act,
    });
    let path = weights.with_file_name("config.json");
    std::fs::write(&path, described.to_string()).unwrap();
    TextEncoder::open(&path, weights, &Device::Cpu, DType::F32).unwrap()
}

pub(crate) fn candle(config: &BertConfig, weights: &Path, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let bert = candle_encoder(config, weights);
    texts.iter().map(|ids| bert.forward(&[ids]).unwrap().flatten_all().unwrap().to_vec1().unwrap()).collect()
}

#[test]
fn odd_sizes_give_what_candle_gives() {
    let folder = tempfile::tempdir().unwrap();
    let lengths: Vec<usize> = (0..=40).chain([3, 40, 1]).collect();
    let texts = random_texts(&lengths, 50);
    for (heads, hidden, wide) in [(3, 57, 100), (3, 48, 100), (1, 40, 7), (2, 140, 33), (8, 8, 64)] {
        let config = BertConfig { num_attention_heads: heads, hidden_size: hidden, ..odd_config() };
        let weights = save_random(&config, wide, folder.path(), |_, value| value);
        let reference = candle(&config, &weights, &texts[1..]);
        for (set, precision) in ways() {
            let outputs = run(&Encoder::open(config.clone(), &weights, set, precision).unwrap(), &texts);
            assert!(outputs[0].is_empty(), "a text of no tokens has no states");
            let (means, rows) = lowest_cosines(&outputs[1..], &reference, hidden);
            // Random weights spread every error, so that rounded operands may be further off than with real ones.
            let lowest = match precision {
                Computed::F32 => 0.999_999,
                Computed::Bf16 => 0.999,
                Computed::Int8 => 0.99,
            };
            assert!(
                means >= lowest && rows >= lowest - 1e-5,
                "{} {precision:?} {hidden}/{heads}: {means} {rows}",
                set.name()
            );
        }
    }
}

/// The first token's state of each pair of `texts`, cut in two after `first` tokens.
fn run_pairs(encoder: &Encoder, texts: &[Vec<u32>], first: impl Fn(&[u32]) -> usize) -> Vec<Vec<f32>> {
    let batch: Vec<Pair<'_>> = texts.iter().map(|ids| Pair { ids, first: first(ids) }).collect();
    let mut outputs = vec![Vec::new(); batch.len()];
    encoder.forward_pairs(&batch, |index, state| outputs[index] = state.to_vec()).unwrap();
    outputs
}

#[test]
fn the_first_token_of_a_pair_has_the_state_that_candle_gives() {
    let folder = tempfile::tempdir().unwrap();
    let lengths: Vec<usize> = (1..=40).chain([3, 40, 1]).collect();
    let texts = random_texts(&lengths, 50);
    let half = |ids: &[u32]| ids.len().div_ceil(2);
    for (heads, hidden, wide, layers) in [(3, 57, 100, 2), (3, 48, 100, 1), (1, 40, 7, 2), (2, 140, 33, 3)] {
        let shape = BertConfig { num_attention_heads: heads, hidden_size: hidden, ..odd_config() };
        let config = BertConfig { num_hidden_layers: layers, ..shape };
        let weights = save_random(&config, wide, folder.path(), |_, value| value);
        let bert = candle_encoder(&config, &weights);
        let first_rows = |first: &dyn Fn(&[u32]) -> usize| -> Vec<Vec<f32>> {
            let row = |ids: &Vec<u32>| {
                let states = bert.forward_pairs(&[Pair { ids, first: first(ids) }]).unwrap();
                states.get(0).unwrap().to_vec1().unwrap()
            };
            texts.iter().map(row).collect()
        };
        let (reference, untyped) = (first_rows(&half), first_rows(&|ids| ids.len()));
        let (_, unlike) = lowest_cosines(&reference, &untyped, hidden);
        assert!(unlike < 0.999, "token types make a difference: {unlike}");
        for (set, precision) in ways() {
            let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
            let lowest = match precision {
                Computed::F32 => 0.999_999,
                Computed::Bf16 => 0.999,
                Computed::Int8 => 0.99,
            };
            let (_, rows) = lowest_cosines(&run_pairs(&encoder, &texts, half), &reference, hidden);
            assert!(rows >= lowest - 1e-5, "{} {precision:?} {hidden}/{heads}: {rows}", set.name());
            // Without a second type, a pair is a text: what is left out in the last layer changes nothing.
            let whole: Vec<Vec<f32>> = run(&encoder, &texts).into_iter().map(|rows| rows[..hidden].to_vec()).collect();
            let (_, rows) = lowest_cosines(&run_pairs(&encoder, &texts, <[u32]>::len), &whole, hidden);
            assert!(rows >= lowest - 1e-5, "{} {precision:?} {hidden}/{heads}: {rows}", set.name());
        }
    }
}

/// The tensors of a file as those of its layers only, linear layers as whole numbers of 8 bits with a scale a row; and as the floats that
/// these are.
fn in_eight_bits(file: HashMap<String, Tensor>) -> (Vec<u8>, HashMap<String, Tensor>) {
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut floats = HashMap::new();
    for (name, tensor) in file {
        let shape = tensor.dims().to_vec();
        let name = name.strip_prefix("bert.").unwrap().to_owned();
        let mut values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        if name.starts_with("encoder.") && shape.len() == 2 {
            let (mut numbers, mut scales) = (Vec::new(), Vec::new());
            for row in values.chunks_exact_mut(shape[1]) {
                let scale = row.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
                numbers.extend(row.iter().map(|value| (value / scale).round() as i8 as u8));
                row.iter_mut().for_each(|value| *value = (*value / scale).round() * scale);
                scales.push(scale);
            }
            parts.push((format!("{name}_scale"), Dtype::F32, vec![shape[0]], bytes(&scales)));
            parts.push((name.clone(), Dtype::I8, shape.clone(), numbers));
        } else if !name.contains("word") {
            parts.push((name.clone(), Dtype::F32, shape.clone(), bytes(&values)));
        }
        floats.insert(format!("bert.{name}"), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    }
    let views = parts
        .iter()
        .map(|(name, kind, shape, bytes)| (name.as_str(), TensorView::new(*kind, shape.clone(), bytes).unwrap()));
    (safetensors::serialize(views, None).unwrap(), floats)
}

#[test]
fn layers_of_eight_bits_beside_another_files_words_are_those_of_their_floats() {
    let folder = tempfile::tempdir().unwrap();
    let config = odd_config();
    let weights = save_random(&config, 100, folder.path(), |_, value| value);
    let (layers, floats) = in_eight_bits(candle_core::safetensors::load(&weights, &Device::Cpu).unwrap());
    candle_core::safetensors::save(&floats, &weights).unwrap();
    let texts = random_texts(&[1, 7, 40], 50);
    let half = |ids: &[u32]| ids.len().div_ceil(2);
    for (set, precision) in ways() {
        let whole = Encoder::open(config.clone(), &weights, set, precision).unwrap();
        let parts = Encoder::open_parts(config.clone(), &weights, &layers, set, precision).unwrap();
        let (whole, parts) = (run_pairs(&whole, &texts, half), run_pairs(&parts, &texts, half));
        let (_, rows) = lowest_cosines(&whole, &parts, config.hidden_size);
        assert!(rows >= 0.999_99, "{} {precision:?}: {rows}", set.name());
    }
    let open = |bytes: &[u8]| {
        Encoder::open_parts(config.clone(), &weights, bytes, Instructions::Portable, Computed::F32).unwrap_err()
    };
    let without = |left_out: &str| {
        let file = SafeTensors::deserialize(&layers).unwrap();
        let rest = file.tensors().into_iter().filter(|(name, _)| name != left_out);
        std::error::Error::source(&open(&safetensors::serialize(rest, None).unwrap())).unwrap().to_string()
    };
    for name in ["encoder.layer.1.output.dense.weight_scale", "encoder.layer.0.attention.self.key.bias"] {
        assert!(without(name).contains(name), "{}", without(name));
    }
    open(&layers[..layers.len() / 2]);
    open(b"no such file");
}

#[test]
fn every_activation_gives_what_candle_gives() {
    let folder = tempfile::tempdir().unwrap();
    let texts = random_texts(&[1, 9, 40], 50);
    for name in ["gelu", "gelu_new", "relu", "silu"] {
        let config = BertConfig { hidden_act: name.into(), ..odd_config() };
        // The wide layer's bias is large, so that every part of the function's curve is reached.
        let far = |name: &str, value: f32| if name.ends_with("intermediate.dense.bias") { value * 30.0 } else { value };
        let weights = save_random(&config, 100, folder.path(), far);
        let reference = candle(&config, &weights, &texts);
        for (set, precision) in ways() {
            let outputs = run(&Encoder::open(config.clone(), &weights, set, precision).unwrap(), &texts);
            let (means, rows) = lowest_cosines(&outputs, &reference, config.hidden_size);
            let lowest = if precision == Computed::F32 { 0.999_99 } else { 0.99 };
            assert!(means >= lowest && rows >= lowest, "{} {precision:?} {name}: {means} {rows}", set.name());
        }
    }
}

#[test]
fn nothing_is_allocated_once_the_longest_texts_were_seen() {
    let folder = tempfile::tempdir().unwrap();
    let config = odd_config();
    let weights = save_random(&config, 100, folder.path(), |_, value| value);
    // Several groups of several texts.
    let texts = random_texts(&[40, 3, 17, 40, 1].repeat(30), 50);
    let batch: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    for (set, precision) in ways() {
        let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
        let pass = || encoder.forward(&batch, |_, rows| assert!(!rows.is_empty())).unwrap();
        let first = allocation_counter::measure(pass);
        assert!(first.count_total > 0, "the count counts");
        let later = allocation_counter::measure(pass);
        assert_eq!(later.count_total, 0, "{} {precision:?}", set.name());
        let pairs: Vec<Pair<'_>> = batch.iter().map(|ids| Pair { ids, first: 1 }).collect();
        let pass = || encoder.forward_pairs(&pairs, |_, state| assert!(!state.is_empty())).unwrap();
        pass();
        assert_eq!(allocation_counter::measure(pass).count_total, 0, "{} {precision:?}, pairs", set.name());
    }
}

#[test]
fn bad_input_is_an_error_and_nan_weights_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let config = odd_config();
    let weights = save_random(&config, 20, folder.path(), |_, value| value);
    for (set, precision) in ways() {
        let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
        assert!(
            precision != Computed::F32 || encoder.instructions() != Instructions::Amx,
            "AMX has no products of f32"
        );
        encoder.forward(&[], |_, _| panic!("there is no text")).unwrap();
        encoder.forward(&[&[]], |_, rows| assert!(rows.is_empty())).unwrap();
        let mut widths = Vec::new();
        encoder.forward(&[&[1], &[]], |_, rows| widths.push(rows.len())).unwrap();
        assert_eq!(widths, [config.hidden_size, 0], "a text of no tokens may come last");
        assert!(encoder.forward(&[&[1, 50]], |_, _| panic!("refused before it runs")).is_err());
        assert!(encoder.forward(&[&[1], &[1; 41]], |_, _| panic!("refused before it runs")).is_err());
        for ids in [&[] as &[u32], &[1, 50], &[1; 41]] {
            let pairs = [Pair { ids: &[1], first: 1 }, Pair { ids, first: 1 }];
            assert!(encoder.forward_pairs(&pairs, |_, _| panic!("refused before it runs")).is_err());
        }
        encoder.forward_pairs(&[], |_, _| panic!("there is no pair")).unwrap();
    }
    let wide = BertConfig { hidden_size: 60, ..config.clone() };
    let error = Encoder::open(wide, &weights, Instructions::Portable, Computed::F32).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("word table"));
    let deep = BertConfig { num_hidden_layers: 3, ..config.clone() };
    assert!(Encoder::open(deep, &weights, Instructions::Portable, Computed::F32).is_err());
    // Whatever of a layer is broken, no value hides it.
    for part in
        ["attention.self.query", "attention.self.value", "attention.output.dense", "intermediate", "output.LayerNorm"]
    {
        let broken = |name: &str, value: f32| {
            let is_broken = name.strip_prefix("bert.encoder.layer.1.").is_some_and(|name| name.starts_with(part));
            if is_broken { f32::NAN } else { value }
        };
        let weights = save_random(&config, 20, folder.path(), broken);
        for (set, precision) in ways() {
            let encoder = Encoder::open(config.clone(), &weights, set, precision).unwrap();
            for length in [5, 33] {
                let states = run(&encoder, &random_texts(&[length], 50)).concat();
                assert!(states.iter().any(|value| value.is_nan()), "{part}: {} {precision:?} {length}", set.name());
            }
        }
    }
}
