//! Every fixture agrees with its reference, in any batch and under any of its tensors' published prefixes.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use ibid_encoder::bert::BertConfig;
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::precision::Computed;
use ibid_encoder::text_encoder::Family;
use serde_json::{Value, json};

use crate::fixture::{Fixture, compare, compare_found, compare_states, names, states};

#[test]
fn every_family_agrees_with_its_reference() {
    for name in names() {
        let fixture = Fixture::open(&name);
        let model = fixture.model(DType::F32, &|_| {}).unwrap();
        let likeness = compare(&model, &fixture);
        eprintln!("{name}: {likeness:?} beside {}", fixture.reference);
        assert!(likeness.cosine_min >= 0.999_999, "{name}: {likeness:?}");
        assert!(likeness.difference_max <= 2e-5, "{name}: {likeness:?}");
        assert_eq!(model.hidden_size(), fixture.cases[0].hidden[0].len());
        assert_eq!(model.vocabulary_size(), 120);
    }
}

#[test]
fn what_runs_natively_agrees_with_its_reference_too() {
    let mut count = 0;
    let is_native = |name: &&String| name.starts_with("bert") || name.ends_with("roberta");
    for name in names().iter().filter(is_native) {
        let fixture = Fixture::open(name);
        let folder = tempfile::tempdir().unwrap();
        for prefix in ["", if name.contains("roberta") { "roberta." } else { "bert." }] {
            let rename = |tensors: &mut HashMap<String, Tensor>| {
                *tensors = tensors.drain().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
            };
            let (config, weights) = fixture.write(folder.path(), &rename);
            for set in Instructions::ALL.into_iter().filter(|set| set.is_here()) {
                let config = BertConfig::open(&config).unwrap();
                let encoder = Encoder::open(config, &weights, set, Computed::F32).unwrap();
                let mut found = Vec::new();
                let width = encoder.config().hidden_size;
                encoder
                    .forward(&fixture.texts(), |_, rows| {
                        found.push(rows.chunks_exact(width).map(<[f32]>::to_vec).collect());
                    })
                    .unwrap();
                let likeness = compare_found(&found, &fixture);
                assert!(likeness.cosine_min >= 0.999_999, "{name} {}: {likeness:?}", set.name());
                assert!(likeness.difference_max <= 5e-5, "{name} {}: {likeness:?}", set.name());
                count += 1;
            }
        }
    }
    assert!(count >= 2 * 6, "the fixtures are there");
}

#[test]
fn families_are_told_apart() {
    let expected = [
        ("bert-gelu", Family::Bert, Some(24)),
        ("roberta", Family::Roberta, Some(24)),
        ("xlm-roberta", Family::Roberta, Some(24)),
        ("jina-bert", Family::JinaBert, Some(64)),
        ("nomic-bert", Family::NomicBert, Some(64)),
        ("modernbert", Family::ModernBert, Some(256)),
        ("gte", Family::Gte, Some(64)),
        ("qwen3", Family::Qwen3, Some(64)),
        ("static", Family::Static, None),
    ];
    for (name, family, tokens_max) in expected {
        let mut fixture = Fixture::open(name);
        let model = fixture.model(DType::F32, &|_| {}).unwrap();
        assert_eq!((model.family(), model.tokens_max()), (family, tokens_max), "{name}");
        // Without `model_type`, the architecture tells.
        fixture.config.as_object_mut().unwrap().remove("model_type");
        assert_eq!(fixture.model(DType::F32, &|_| {}).unwrap().family(), family, "{name}");
    }
}

#[test]
fn a_batch_gives_what_each_text_gives_alone() {
    for name in names() {
        let fixture = Fixture::open(&name);
        let model = fixture.model(DType::F32, &|_| {}).unwrap();
        let mut texts = fixture.texts();
        texts.insert(1, &[]);
        texts.reverse();
        let together = states(&model, &texts);
        let alone: Vec<_> = texts.iter().map(|text| states(&model, &[text]).remove(0)).collect();
        let likeness = compare_states(&together, &alone);
        assert!(likeness.difference_max <= 1e-5, "{name}: {likeness:?}");
        assert_eq!(together.iter().filter(|rows| rows.is_empty()).count(), 1);
    }
}

#[test]
fn nothing_to_do_is_no_error() {
    for name in names() {
        let model = Fixture::open(&name).model(DType::F32, &|_| {}).unwrap();
        for batch in [&[] as &[&[u32]], &[&[]], &[&[], &[]]] {
            assert_eq!(model.forward(batch).unwrap().dims(), [0, model.hidden_size()], "{name}");
        }
    }
}

#[test]
fn tensors_may_stand_under_the_name_of_the_whole_model() {
    let prefixes = [
        ("bert-gelu", "bert."),
        ("jina-bert", "bert."),
        ("roberta", "roberta."),
        ("xlm-roberta", "roberta."),
        ("modernbert", "model."),
        ("qwen3", "model."),
        ("gte", "new."),
    ];
    for (name, prefix) in prefixes {
        let fixture = Fixture::open(name);
        let rename = |tensors: &mut HashMap<String, Tensor>| {
            *tensors = tensors.drain().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
        };
        let likeness = compare(&fixture.model(DType::F32, &rename).unwrap(), &fixture);
        assert!(likeness.cosine_min >= 0.999_999, "{name}: {likeness:?}");
    }
}

#[test]
fn weights_stored_in_sixteen_bits_are_read() {
    for (stored, cosine) in [(DType::F16, 0.9999), (DType::BF16, 0.998)] {
        for name in ["jina-bert", "qwen3", "static"] {
            let fixture = Fixture::open(name);
            let narrow = |tensors: &mut HashMap<String, Tensor>| {
                tensors.values_mut().for_each(|tensor| *tensor = tensor.to_dtype(stored).unwrap());
            };
            let likeness = compare(&fixture.model(DType::F32, &narrow).unwrap(), &fixture);
            assert!(likeness.cosine_min >= cosine, "{name} {stored:?}: {likeness:?}");
            assert!(likeness.difference_max > 1e-5, "{name} {stored:?}: the narrow weights were not the ones read");
        }
    }
}

#[test]
fn products_in_sixteen_bits_stay_finite_and_near() {
    for name in names() {
        let fixture = Fixture::open(&name);
        let likeness = compare(&fixture.model(DType::F16, &|_| {}).unwrap(), &fixture);
        assert!(likeness.cosine_min >= 0.999, "{name}: {likeness:?}");
    }
}

/// Each value of a configuration that changes what is computed is really read: with another one, the vectors differ. This
/// also shows that the fixtures can tell right from wrong.
#[test]
fn another_configuration_gives_other_vectors() {
    let changes: [(&str, &str, Value); 14] = [
        ("bert-gelu", "hidden_act", json!("relu")),
        ("bert-gelu_new", "hidden_act", json!("silu")),
        ("bert-gelu", "num_attention_heads", json!(2)),
        ("xlm-roberta", "pad_token_id", json!(0)),
        ("jina-bert", "num_attention_heads", json!(8)),
        ("jina-bert", "feed_forward_type", json!("reglu")),
        ("nomic-bert", "rotary_emb_base", json!(10_000)),
        ("nomic-bert", "activation_function", json!("geglu")),
        ("modernbert", "local_attention", json!(6)),
        ("modernbert", "global_attn_every_n_layers", json!(2)),
        ("modernbert", "local_rope_theta", json!(160_000.0)),
        ("gte-ntk", "rope_scaling", Value::Null),
        ("gte", "rope_theta", json!(10_000)),
        ("qwen3", "rope_theta", json!(10_000)),
    ];
    for (name, key, value) in changes {
        let mut fixture = Fixture::open(name);
        assert_ne!(fixture.config[key], value);
        fixture.config[key] = value.clone();
        let likeness = compare(&fixture.model(DType::F32, &|_| {}).unwrap(), &fixture);
        assert!(likeness.cosine_min < 0.9999, "{name} with {key} = {value}: {likeness:?}");
    }
}
