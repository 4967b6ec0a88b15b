//! Files that are not what they should be, and ids that no model has: each is an error that names what is wrong.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use ibid_encoder::error::Error;
use ibid_encoder::text_encoder::TextEncoder;
use serde_json::{Value, json};

use crate::fixture::{Change, Fixture, names};

/// The error of opening a changed model, with its causes.
fn refusal(fixture: &Fixture, change: Change<'_>) -> String {
    chain(&fixture.model(DType::F32, change).unwrap_err())
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[test]
fn each_missing_tensor_is_named() {
    for name in names() {
        let fixture = Fixture::open(&name);
        for (tensor, ..) in fixture.tensors.iter().filter(|(tensor, ..)| tensor != "weights") {
            let error = refusal(&fixture, &|tensors| drop(tensors.remove(tensor)));
            assert!(error.contains("model.safetensors") && error.contains("is missing"), "{name}: {error}");
            // Without its word table the prefix cannot be told, and the first known one is named.
            assert!(error.contains(tensor), "{name}: {error}");
        }
    }
}

#[test]
fn each_wrong_shape_is_named() {
    for name in names() {
        let fixture = Fixture::open(&name);
        for (tensor, shape, ..) in fixture.tensors.iter().filter(|(tensor, ..)| tensor != "embeddings") {
            let mut wrong = shape.clone();
            *wrong.last_mut().unwrap() += 1;
            let error = refusal(&fixture, &|tensors| {
                let values = Tensor::zeros(wrong.as_slice(), DType::F32, &Device::Cpu).unwrap();
                tensors.insert(tensor.clone(), values);
            });
            assert!(error.contains(tensor) && error.contains(&format!("has shape {wrong:?}")), "{name}: {error}");
        }
    }
}

fn spoil(tensors: &mut HashMap<String, Tensor>, name: &str, value: f32) {
    let tensor = &tensors[name];
    let mut values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    *values.last_mut().unwrap() = value;
    let spoiled = Tensor::from_vec(values, tensor.dims(), &Device::Cpu).unwrap();
    tensors.insert(name.to_owned(), spoiled);
}

#[test]
fn each_tensor_that_is_not_finite_is_named() {
    for name in names() {
        let fixture = Fixture::open(&name);
        for (tensor, ..) in &fixture.tensors {
            for value in [f32::NAN, f32::INFINITY] {
                let opened = fixture.model(DType::F32, &|tensors| spoil(tensors, tensor, value));
                let says = |error: &Error| chain(error).contains(tensor) && chain(error).contains("not finite");
                match opened {
                    Err(error) => assert!(says(&error), "{name}: {error}"),
                    // The word table is read row by row: its last word tells, or a look at all of it.
                    Ok(model) => {
                        assert!(
                            says(&model.forward(&[&[119]]).unwrap_err()) && says(&model.check_words().unwrap_err())
                        );
                        assert!(model.forward(&[&[5]]).is_ok() && model.word_table() == tensor, "{name}: {tensor}");
                    }
                }
            }
        }
    }
}

#[test]
fn layers_that_the_configuration_does_not_have_are_refused() {
    for (name, key) in [
        ("bert-gelu", "num_hidden_layers"),
        ("roberta", "num_hidden_layers"),
        ("jina-bert", "num_hidden_layers"),
        ("nomic-bert", "n_layer"),
        ("modernbert", "num_hidden_layers"),
        ("gte", "num_hidden_layers"),
        ("qwen3", "num_hidden_layers"),
    ] {
        let mut fixture = Fixture::open(name);
        fixture.config[key] = json!(1);
        let error = refusal(&fixture, &|_| {});
        assert!(error.contains("belongs to no part"), "{name}: {error}");
    }
}

#[test]
fn tables_that_every_version_computes_are_passed_over() {
    let fixture = Fixture::open("qwen3");
    let model = fixture.model(DType::F32, &|tensors| {
        let table = Tensor::zeros(8, DType::F32, &Device::Cpu).unwrap();
        tensors.insert("layers.0.self_attn.rotary_emb.inv_freq".into(), table);
    });
    assert!(model.is_ok());
}

#[test]
fn an_unknown_architecture_lists_the_known_ones() {
    for config in [json!({"model_type": "mamba"}), json!({"architectures": ["mambaModel"]}), json!({}), json!([])] {
        let mut fixture = Fixture::open("bert-gelu");
        fixture.config = config.clone();
        let error = refusal(&fixture, &|_| {});
        assert!(error.contains("config.json"), "{error}");
        assert!(!config.is_object() || error.contains("modernbert, new, nomic_bert, qwen3, roberta"), "{error}");
        assert_eq!(error.contains("mamba"), config.to_string().contains("mamba"), "{error}");
    }
}

#[test]
fn parts_that_do_not_run_here_are_refused() {
    let changes: [(&str, &str, Value); 21] = [
        ("bert-gelu", "position_embedding_type", json!("relative_key")),
        ("bert-gelu", "hidden_act", json!("mish")),
        ("bert-gelu", "num_attention_heads", json!(0)),
        ("bert-gelu", "num_attention_heads", json!(5)),
        ("bert-gelu", "hidden_size", json!("wide")),
        ("bert-gelu", "num_hidden_layers", json!(0)),
        ("xlm-roberta", "pad_token_id", Value::Null),
        ("xlm-roberta", "pad_token_id", json!(25)),
        ("jina-bert", "feed_forward_type", json!("original")),
        ("nomic-bert", "prenorm", json!(true)),
        ("nomic-bert", "rotary_scaling_factor", json!(2.0)),
        ("nomic-bert", "rotary_emb_base", json!(0)),
        ("nomic-bert", "rope_parameters", json!({"rope_type": "dynamic", "rope_theta": 1000.0})),
        ("nomic-bert", "num_experts", json!(8)),
        ("modernbert", "global_attn_every_n_layers", json!(0)),
        ("modernbert-newer", "layer_types", json!(["full_attention"])),
        ("gte", "rope_scaling", json!({"type": "yarn", "factor": 2.0})),
        ("qwen3", "use_sliding_window", json!(true)),
        ("qwen3", "rope_scaling", json!({"rope_type": "yarn", "factor": 4.0})),
        ("qwen3", "num_key_value_heads", json!(3)),
        ("qwen3", "head_dim", json!(15)),
    ];
    for (name, key, value) in changes {
        let mut fixture = Fixture::open(name);
        fixture.config[key] = value.clone();
        let opened = fixture.model(DType::F32, &|_| {});
        assert!(matches!(opened, Err(Error::Config { .. })), "{name} with {key} = {value}: {opened:?}");
    }
}

#[test]
fn ids_and_lengths_outside_the_model_are_refused() {
    for name in names() {
        let model = Fixture::open(&name).model(DType::F32, &|_| {}).unwrap();
        let error = chain(&model.forward(&[&[5], &[120]]).unwrap_err());
        assert!(error.contains("token id 120") && error.contains("120"), "{name}: {error}");
        if let Some(tokens_max) = model.tokens_max() {
            let full = vec![5; tokens_max + 1];
            assert!(model.forward(&[&full[1..]]).is_ok(), "{name}");
            let error = chain(&model.forward(&[&full]).unwrap_err());
            assert!(error.contains(&format!("{} tokens", tokens_max + 1)), "{name}: {error}");
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (config, weights) = Fixture::open("bert-gelu").write(folder.path(), &|_| {});
    let open = |config: &std::path::Path, weights: &std::path::Path| {
        chain(&TextEncoder::open(config, weights, &Device::Cpu, DType::F32).unwrap_err())
    };
    let nowhere = folder.path().join("nowhere");
    assert!(open(&nowhere, &weights).contains("nowhere"));
    assert!(open(&config, &nowhere).contains("nowhere"));
    std::fs::write(&nowhere, "neither JSON nor weights").unwrap();
    assert!(open(&nowhere, &weights).contains("nowhere"));
    assert!(open(&config, &nowhere).contains("map the weights"));
}

#[test]
fn a_mapping_to_rows_that_are_not_there_is_refused() {
    let mut fixture = Fixture::open("static-mapped");
    fixture.config["mapping_of_the_fixture"][5] = json!(40);
    let error = refusal(&fixture, &|_| {});
    assert!(error.contains("mapping") && error.contains("outside the table of 40"), "{error}");
}

#[test]
fn weights_stored_as_integers_are_refused() {
    let fixture = Fixture::open("static");
    let error = refusal(&fixture, &|tensors| {
        let bytes = tensors["embeddings"].to_dtype(DType::U8).unwrap();
        tensors.insert("embeddings".into(), bytes);
    });
    assert!(error.contains("embeddings") && error.contains("U8"), "{error}");
}
