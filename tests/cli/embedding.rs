//! The embedder against vectors computed elsewhere, and against human judgement.

use half::f16;
use ibid::config::Settings;
use ibid::inference::embedder::Role;
use ibid::services::open_embedder;
use ibid::vector::{dot, normalize};

use crate::support::{Home, project, test_data};

#[test]
fn vectors_equal_the_reference() {
    let fixtures = project().join("tests/fixtures");
    let texts: Vec<String> = std::fs::read_to_string(fixtures.join("embedding_texts.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_string())
        .collect();
    let bytes = std::fs::read(fixtures.join("embedding_reference.f16")).unwrap();
    let reference: Vec<f32> =
        bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32()).collect();
    assert_eq!(texts.len(), 200);
    let embedder = open_embedder(&Settings::default().embed).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embedded = embedder.embed(&texts, Role::Passage).unwrap();
    assert!(embedded.cut_tokens > 0, "two of the texts are longer than the model reads");
    for ((text, vector), reference) in texts.iter().zip(&embedded.vectors).zip(reference.chunks_exact(384)) {
        let mut reference = reference.to_vec();
        normalize(&mut reference);
        let cosine = dot(vector, &reference);
        assert!(cosine >= 0.9999, "{cosine} for {text:?}");
    }
}

#[test]
fn batches_do_not_change_a_vector() {
    let embedder = open_embedder(&Settings::default().embed).unwrap();
    let texts: Vec<String> = (1..40).map(|length| "interest cover ".repeat(length)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = embedder.embed(&texts, Role::Passage).unwrap().vectors;
    for (text, vector) in texts.iter().zip(&together) {
        let alone = embedder.embed(&[text], Role::Passage).unwrap().vectors.remove(0);
        assert!(dot(&alone, vector) > 0.99999);
    }
}

#[test]
fn similarity_follows_human_judgement() {
    let Some(stsb) = test_data("stsb") else { return };
    let (code, report) = Home::new().json(&["eval", "sts", stsb.to_str().unwrap()]);
    assert_eq!(code, 0);
    let spearman = report["metrics"]["spearman"].as_f64().unwrap();
    assert!((spearman - 0.820).abs() <= 0.002, "{spearman}");
}
