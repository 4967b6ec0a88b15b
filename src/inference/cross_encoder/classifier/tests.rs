//! Tiny classifiers of every architecture against Hugging Face transformers (`scripts/model-parity.py`), and what is refused.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::inference::cross_encoder::Readers;
use crate::random::Random;

/// A tiny classifier and what its reference answers.
#[derive(Clone, Deserialize)]
struct Fixture {
    reference: String,
    config: Value,
    tokenizer: Value,
    /// Name, shape, center and scale.
    tensors: Vec<(String, Vec<usize>, f64, f64)>,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    claim: String,
    evidence: String,
    ids: Vec<u32>,
    /// The softmax over the classes.
    shares: Vec<f32>,
}

fn fixtures() -> BTreeMap<String, Fixture> {
    serde_json::from_str(include_str!("../../../../tests/fixtures/classifiers.json")).unwrap()
}

impl Fixture {
    /// The tensors that the formula of the script gives.
    fn weights(&self) -> HashMap<String, Tensor> {
        let tensor = |(name, shape, center, scale): &(String, Vec<usize>, f64, f64)| {
            let seed = name
                .bytes()
                .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
            let mut random = Random::new(seed);
            let mut value = || (center + scale * ((random.next_bits() >> 40) as f64 / f64::from(1 << 23) - 1.0)) as f32;
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| value()).collect();
            (name.clone(), Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap())
        };
        self.tensors.iter().map(tensor).collect()
    }

    /// Writes the folder, without the tensor `left_out`.
    fn write(&self, left_out: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut weights = self.weights();
        weights.remove(left_out);
        candle_core::safetensors::save(&weights, folder.path().join("model.safetensors")).unwrap();
        std::fs::write(folder.path().join("config.json"), self.config.to_string()).unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), self.tokenizer.to_string()).unwrap();
        folder
    }
}

fn open(folder: &Path, entailment: Option<usize>) -> Result<Classifier> {
    let settings = ReaderSettings { model: Some(folder.to_path_buf()), entailment, reader: None };
    Classifier::open(folder, &settings, &EmbedSettings { threads: 1, ..EmbedSettings::default() })
}

/// What opening a changed fixture says.
fn refusal(fixture: &Fixture, left_out: &str) -> String {
    open(fixture.write(left_out).path(), None).unwrap_err().to_string()
}

#[test]
fn every_architecture_gives_what_its_reference_gives() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 3);
    for (name, fixture) in fixtures {
        let folder = fixture.write("");
        // The classes of one are not named.
        let asked = (name == "roberta").then_some(1);
        let classifier = open(folder.path(), asked).unwrap();
        let class = match name.as_str() {
            "bert" => 2,
            "roberta" => 1,
            _ => 0,
        };
        assert_eq!(classifier.entailment_class(), class, "{name}");
        let pairs: Vec<(&str, &str)> =
            fixture.cases.iter().map(|case| (case.claim.as_str(), case.evidence.as_str())).collect();
        let inputs = classifier.form.inputs(&classifier.tokenizer, &pairs).unwrap();
        let scores = classifier.entails(&pairs).unwrap();
        for ((case, input), score) in fixture.cases.iter().zip(inputs).zip(scores) {
            assert_eq!(input.ids, case.ids, "{name}: {}", case.claim);
            let expected = case.shares[class];
            assert!((score - expected).abs() < 2e-5, "{name} beside {}: {score} {expected}", fixture.reference);
        }
        assert!(classifier.entails(&[]).unwrap().is_empty());
    }
}

#[test]
fn the_named_classifier_reads_claims_in_place_of_the_reader() {
    let folder = fixtures()["bert"].write("");
    let settings = ReaderSettings { model: Some(folder.path().to_path_buf()), ..ReaderSettings::default() };
    let readers = Readers::open(&settings, &EmbedSettings::default()).unwrap();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(readers.entailment().unwrap().name(), name);
    assert!(readers.told().contains(name) && readers.told().contains("class 2 is entailment"), "{}", readers.told());
}

#[test]
fn each_missing_tensor_is_named() {
    for (name, fixture) in fixtures() {
        for (tensor, ..) in &fixture.tensors {
            let error = refusal(&fixture, tensor);
            // Without its word table the prefix cannot be told.
            let own = tensor.trim_start_matches("bert.").trim_start_matches("roberta.");
            assert!(error.contains("model.safetensors") && error.contains(own), "{name} without {tensor}: {error}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_folder_is_said_with_what_to_do() {
    let all = fixtures();
    let error = refusal(&all["roberta"], "");
    assert!(error.contains("check.entailment = INDEX") && error.contains("2 classes"), "{error}");
    let error = open(all["bert"].write("").path(), Some(3)).unwrap_err().to_string();
    assert!(error.contains("check.entailment is 3") && error.contains("3 classes"), "{error}");
    let mut far = all["deberta-v3"].clone();
    far.config["conv_kernel_size"] = 3.into();
    let error = refusal(&far, "");
    assert!(error.contains("conv_kernel_size") && error.contains("config.json"), "{error}");
    let mut other = all["bert"].clone();
    other.config["architectures"] = serde_json::json!(["BertModel"]);
    let error = refusal(&other, "");
    assert!(error.contains("BertModel") && error.contains("BertForSequenceClassification"), "{error}");
    for name in ["bert", "deberta-v3"] {
        let mut smaller = all[name].clone();
        let words = smaller.tensors.iter_mut().find(|(tensor, ..)| tensor.ends_with("word_embeddings.weight")).unwrap();
        words.1[0] = 60;
        smaller.config["vocab_size"] = serde_json::json!(60);
        let error = refusal(&smaller, "");
        assert!(error.contains("120 entries") && error.contains("60 rows"), "{error}");
    }
    let folder = all["bert"].write("");
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    assert!(open(folder.path(), None).unwrap_err().to_string().contains("tokenizer.json"));
    let mut alone = all["bert"].clone();
    alone.tokenizer["post_processor"] = Value::Null;
    let error = refusal(&alone, "");
    assert!(error.contains("two texts become one input"), "{error}");
    let mut shaped = all["deberta-v3"].clone();
    shaped.config["intermediate_size"] = serde_json::json!(47);
    let error = refusal(&shaped, "");
    assert!(error.contains("model.safetensors") && error.contains("intermediate"), "{error}");
}
