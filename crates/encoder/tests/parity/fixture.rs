//! The fixtures, their weights, and what is compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ibid_encoder::error::Result;
use ibid_encoder::random::Random;
use ibid_encoder::text_encoder::TextEncoder;
use serde::Deserialize;
use serde_json::Value;

/// A tiny model and what its reference answers.
#[derive(Clone, Deserialize)]
pub(crate) struct Fixture {
    pub(crate) reference: String,
    pub(crate) config: Value,
    /// Name, shape, center and scale.
    pub(crate) tensors: Vec<(String, Vec<usize>, f64, f64)>,
    pub(crate) cases: Vec<Case>,
}

/// A text and some rows of its last hidden states.
#[derive(Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) ids: Vec<u32>,
    pub(crate) rows: Vec<usize>,
    pub(crate) hidden: Vec<Vec<f32>>,
}

/// Changes a model's tensors before they are written.
pub(crate) type Change<'a> = &'a dyn Fn(&mut HashMap<String, Tensor>);

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let path = folder().join(format!("{name}.json"));
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
    }

    /// The tensors that the formula gives.
    pub(crate) fn weights(&self) -> HashMap<String, Tensor> {
        let tensor = |(name, shape, center, scale): &(String, Vec<usize>, f64, f64)| {
            let seed = name
                .bytes()
                .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
            let mut random = Random::new(seed);
            let mut value = || (center + scale * ((random.next_bits() >> 40) as f64 / f64::from(1 << 23) - 1.0)) as f32;
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| value()).collect();
            (name.clone(), Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap())
        };
        let mut weights: HashMap<_, _> = self.tensors.iter().map(tensor).collect();
        if let Some(mapping) = self.config.get("mapping_of_the_fixture") {
            let mapping: Vec<i64> = serde_json::from_value(mapping.clone()).unwrap();
            weights.insert("mapping".into(), Tensor::new(mapping, &Device::Cpu).unwrap());
        }
        weights
    }

    /// Writes the model below `folder` and opens it.
    pub(crate) fn write(&self, folder: &Path, change: Change<'_>) -> (PathBuf, PathBuf) {
        let (config, weights) = (folder.join("config.json"), folder.join("model.safetensors"));
        let mut tensors = self.weights();
        change(&mut tensors);
        std::fs::write(&config, self.config.to_string()).unwrap();
        candle_core::safetensors::save(&tensors, &weights).unwrap();
        (config, weights)
    }

    pub(crate) fn model(&self, dtype: DType, change: Change<'_>) -> Result<TextEncoder> {
        // The mapping outlives the folder's entry.
        let folder = tempfile::tempdir().unwrap();
        let (config, weights) = self.write(folder.path(), change);
        TextEncoder::open(&config, &weights, &Device::Cpu, dtype)
    }

    pub(crate) fn texts(&self) -> Vec<&[u32]> {
        self.cases.iter().map(|case| case.ids.as_slice()).collect()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures")
}

/// The names of all fixtures.
pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

/// The last hidden states of a batch, one list of rows a text.
pub(crate) fn states(model: &TextEncoder, texts: &[&[u32]]) -> Vec<Vec<Vec<f32>>> {
    let rows = model.forward(texts).unwrap().to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(rows.len(), texts.iter().map(|ids| ids.len()).sum::<usize>());
    let mut rows = rows.into_iter();
    texts.iter().map(|ids| rows.by_ref().take(ids.len()).collect()).collect()
}

/// How two sets of rows compare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Likeness {
    /// The lowest cosine of two rows.
    pub(crate) cosine_min: f64,
    /// The largest difference of two values.
    pub(crate) difference_max: f32,
}

impl Likeness {
    fn of<'a>(pairs: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> Self {
        let mut likeness = Self { cosine_min: 1.0, difference_max: 0.0 };
        for (a, b) in pairs {
            assert_eq!(a.len(), b.len());
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
            let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            // Never `min`: it would pass over NaN.
            if cosine.is_nan() || cosine < likeness.cosine_min {
                likeness.cosine_min = cosine;
            }
            let difference = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
            likeness.difference_max = likeness.difference_max.max(difference);
        }
        likeness
    }
}

/// A model's answers beside those of the fixture's reference.
pub(crate) fn compare(model: &TextEncoder, fixture: &Fixture) -> Likeness {
    compare_found(&states(model, &fixture.texts()), fixture)
}

/// Answers beside those of the fixture's reference.
pub(crate) fn compare_found(found: &[Vec<Vec<f32>>], fixture: &Fixture) -> Likeness {
    let pairs = fixture.cases.iter().zip(found).flat_map(|(case, found)| {
        case.rows.iter().zip(&case.hidden).map(|(row, expected)| (found[*row].as_slice(), expected.as_slice()))
    });
    Likeness::of(pairs)
}

/// Two lists of texts' rows beside each other.
pub(crate) fn compare_states(a: &[Vec<Vec<f32>>], b: &[Vec<Vec<f32>>]) -> Likeness {
    assert_eq!(a.len(), b.len());
    let rows = a.iter().zip(b).flat_map(|(a, b)| a.iter().zip(b));
    Likeness::of(rows.map(|(a, b)| (a.as_slice(), b.as_slice())))
}
