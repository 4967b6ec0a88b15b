//! The reader with the built-in embedder's own layers in 8 bits, against Candle on that model's floats; what it refuses.

use std::path::Path;

use candle_core::Tensor;
use ibid_encoder::text_encoder::TextEncoder;
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::inference::cross_encoder::{ReaderSettings, Readers};
use crate::inference::precision::Precision;
use crate::random::Random;

const WIDTH: usize = 384;
/// Biases of heads that put the scores of [`PAIRS`] around one half, where they lie furthest apart.
const HEAD_BIASES: [f32; 2] = [-2.0, 0.5];

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Weights of heads, seed 19, large enough that scores lie far apart.
fn head_weights() -> Vec<f32> {
    let mut random = Random::new(19);
    (0..2 * WIDTH).map(|_| (random.below(2001) as f32 / 1000.0 - 1.0) * 0.5).collect()
}

/// Writes a reader whose layers are those of the built-in embedder, without the tensor `left_out`.
fn write_reader(folder: &Path, left_out: &str) {
    let files = cache::open(&manifest::find("all-minilm-l6-v2", None).unwrap()).unwrap();
    let base = candle_core::safetensors::load(files.path("model.safetensors").unwrap(), &Device::Cpu).unwrap();
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = vec![
        ("heads.weight".into(), Dtype::F32, vec![2, WIDTH], f32_bytes(&head_weights())),
        ("heads.bias".into(), Dtype::F32, vec![2], f32_bytes(&HEAD_BIASES)),
    ];
    for (name, tensor) in base {
        let shape = tensor.dims().to_vec();
        if name.contains("word_embeddings") || name.contains("position_ids") || name.starts_with("pooler") {
            continue;
        }
        let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        if !name.starts_with("encoder.") || shape.len() == 1 {
            parts.push((name, Dtype::F32, shape, f32_bytes(&values)));
            continue;
        }
        let (mut numbers, mut scales) = (Vec::new(), Vec::new());
        for row in values.chunks_exact(shape[1]) {
            let scale = row.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
            numbers.extend(row.iter().map(|value| (value / scale).round() as i8 as u8));
            scales.push(scale);
        }
        parts.push((format!("{name}_scale"), Dtype::F32, vec![shape[0]], f32_bytes(&scales)));
        parts.push((name, Dtype::I8, shape, numbers));
    }
    parts.retain(|(name, ..)| name != left_out);
    let views = parts
        .iter()
        .map(|(name, kind, shape, bytes)| (name.as_str(), TensorView::new(*kind, shape.clone(), bytes).unwrap()));
    std::fs::write(folder.join("reader.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    std::fs::write(folder.join("manifest.toml"), "name = \"test-reader-1\"\n[data]\nrows = 1\n").unwrap();
}

fn open(folder: &Path, precision: Precision, threads: usize) -> Result<Readers> {
    let settings = ReaderSettings { reader: Some(folder.to_path_buf()), ..ReaderSettings::default() };
    Readers::open(&settings, &EmbedSettings { precision, threads, ..EmbedSettings::default() })
}

const PAIRS: [(&str, &str); 7] = [
    ("The fee is waived for members.", "Members pay no fee; all others pay ten pounds a year."),
    ("The fee is waived for members.", "The office closes at noon on Fridays."),
    ("Who signed the lease?", "The lease was signed by Maria Alvarez on 3 May 2021."),
    ("Who signed the lease?", "Rent."),
    ("", ""),
    ("A claim.", ""),
    ("", "Evidence without a claim, which is still read."),
];

/// What Candle gives for the same pairs on the floats.
fn reference(head: Head) -> Vec<f32> {
    let files = cache::open(&manifest::find("all-minilm-l6-v2", None).unwrap()).unwrap();
    let path = |name: &str| files.path(name).unwrap();
    let bert = TextEncoder::open(&path("config.json"), &path("model.safetensors"), &Device::Cpu, DType::F32).unwrap();
    let tokenizer = crate::inference::tokenizer::Tokenizer::open(&path("tokenizer.json")).unwrap();
    let weights = Tensor::from_vec(head_weights(), (2, WIDTH), &Device::Cpu).unwrap().get(head as usize).unwrap();
    let score = |(claim, evidence): &(&str, &str)| {
        let own = |text: &str| tokenizer.encode(text).unwrap().ids;
        let first = own(claim).len() + 2;
        let ids = [vec![101], own(claim), vec![102], own(evidence), vec![102]].concat();
        let states = bert.forward_pairs(&[Pair { ids: &ids, first }]).unwrap();
        let logit = (states.get(0).unwrap() * &weights).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        1.0 / (1.0 + (-logit - HEAD_BIASES[head as usize]).exp())
    };
    PAIRS.iter().map(score).collect()
}

#[test]
fn scores_are_those_of_the_floats_in_every_precision_and_their_order() {
    let folder = tempfile::tempdir().unwrap();
    write_reader(folder.path(), "");
    let references = [Head::Entails, Head::Answers].map(|head| (head, reference(head)));
    let spread = |scores: &[f32]| {
        scores.iter().fold(0.0_f32, |most, score| most.max(*score))
            - scores.iter().fold(1.0_f32, |least, score| least.min(*score))
    };
    // Weights of 8 bits move scores a little, rounded activations some more; what is wrong moves them far.
    for (precision, most) in [(Precision::F32, 0.03), (Precision::Int8, 0.08)] {
        let readers = open(folder.path(), precision, 2).unwrap();
        let reader = readers.reader().unwrap();
        assert_eq!(readers.entailment().unwrap().name(), "test-reader-1");
        for (head, reference) in &references {
            assert!(spread(reference) > 0.3, "the pairs can tell right from wrong: {reference:?}");
            let scores = reader.scores(*head, &PAIRS).unwrap();
            for (score, reference) in scores.iter().zip(reference) {
                assert!((score - reference).abs() < most, "{precision:?} {head:?}: {scores:?} {reference:?}");
            }
        }
        assert_eq!(
            readers.entailment().unwrap().entails(&PAIRS).unwrap(),
            reader.scores(Head::Entails, &PAIRS).unwrap()
        );
    }
}

#[test]
fn a_pair_scores_the_same_alone_and_among_many_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    write_reader(folder.path(), "");
    let many: Vec<(&str, &str)> = PAIRS.iter().copied().cycle().take(60).collect();
    let one = open(folder.path(), Precision::F32, 1).unwrap();
    let alone = |pair: &(&str, &str)| one.reader().unwrap().scores(Head::Answers, &[*pair]).unwrap()[0];
    let expected: Vec<f32> = PAIRS.iter().map(alone).collect();
    for threads in [1, 3] {
        let readers = open(folder.path(), Precision::F32, threads).unwrap();
        let scores = readers.reader().unwrap().scores(Head::Answers, &many).unwrap();
        for (index, score) in scores.iter().enumerate() {
            assert!((score - expected[index % PAIRS.len()]).abs() < 1e-5, "{index}: {score} {expected:?}");
        }
    }
    assert!(one.reader().unwrap().scores(Head::Entails, &[]).unwrap().is_empty());
}

#[test]
fn what_is_too_long_is_cut_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    write_reader(folder.path(), "");
    let readers = open(folder.path(), Precision::F32, 1).unwrap();
    let score =
        |claim: &str, evidence: &str| readers.reader().unwrap().scores(Head::Entails, &[(claim, evidence)]).unwrap()[0];
    let words = |count: usize| "word ".repeat(count);
    // 189 tokens of text, of which a claim of one word has one.
    let full = score("claim", &words(188));
    assert!((full - score("claim", &words(100_000))).abs() < 1e-6);
    assert!((full - score("claim", &words(187))).abs() > 1e-7, "the last word that fits is read");
    let full = score(&words(72), "evidence");
    assert!((full - score(&words(10_000), "evidence")).abs() < 1e-6);
    assert!((full - score(&words(71), "evidence")).abs() > 1e-7);
}

#[test]
fn a_reader_that_is_not_whole_is_refused_with_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["heads.weight", "heads.bias", "encoder.layer.3.output.dense.weight", "embeddings.LayerNorm.bias"] {
        write_reader(folder.path(), name);
        let error = open(folder.path(), Precision::F32, 1).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("reader.safetensors"), "{error}");
    }
    let path = folder.path().join("reader.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(open(folder.path(), Precision::F32, 1).unwrap_err().to_string().contains("reader.safetensors"));
    std::fs::remove_file(folder.path().join("manifest.toml")).unwrap();
    assert!(open(folder.path(), Precision::F32, 1).unwrap_err().to_string().contains("manifest.toml"));
}

#[test]
fn without_a_reader_its_absence_is_explained() {
    let readers = Readers::open(&ReaderSettings::default(), &EmbedSettings::default()).unwrap();
    if let Err(reason) = readers.reader() {
        assert!(!reason.is_empty() && readers.told().contains(reason));
        assert!(readers.entailment().is_none());
    }
}
