//! Tiny models of every family as a user's own: their vectors beside those of other libraries, and what is refused.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ibid::inference::device::DeviceChoice;
use ibid::inference::embedder::{EmbedSettings, Embedder, Role};
use ibid::inference::precision::Precision;
use ibid::services::open_embedder;
use ibid::vector::dot;
use ibid_encoder::random::Random;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Home, Outcome, project, write};

/// What `scripts/model-parity.py` wrote about texts.
fn models() -> BTreeMap<String, Value> {
    let path = project().join("tests/fixtures/model_texts.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A tiny model whose weights a formula fills in, see the encoder's own tests.
struct Tiny {
    config: Value,
    tokenizer: Value,
    pooling: String,
    tensors: HashMap<String, Tensor>,
    texts: Value,
}

impl Tiny {
    fn named(name: &str) -> Self {
        let path = project().join(format!("crates/encoder/tests/parity/fixtures/{name}.json"));
        let fixture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let texts = models()[name].clone();
        let tensors = fixture["tensors"].as_array().unwrap().iter().map(tensor).collect();
        let pooling = texts["pooling"].as_str().unwrap().to_owned();
        Self { config: fixture["config"].clone(), tokenizer: texts["tokenizer"].clone(), pooling, tensors, texts }
    }

    /// Writes the folder as sentence-transformers does.
    fn write(&self, folder: &Path) {
        write(folder, "config.json", self.config.to_string().as_bytes());
        write(folder, "tokenizer.json", self.tokenizer.to_string().as_bytes());
        candle_core::safetensors::save(&self.tensors, folder.join("model.safetensors")).unwrap();
        let key = match self.pooling.as_str() {
            "last" => "pooling_mode_lasttoken",
            "cls" => "pooling_mode_cls_token",
            _ => "pooling_mode_mean_tokens",
        };
        let pooling = json!({ "word_embedding_dimension": 32, key: true, "pooling_mode_max_tokens": false });
        write(folder, "1_Pooling/config.json", pooling.to_string().as_bytes());
        let length = json!({ "max_seq_length": self.texts["tokens_max"], "do_lower_case": false });
        write(folder, "sentence_bert_config.json", length.to_string().as_bytes());
        let prompts = json!({ "query": self.texts["query_prefix"], "document": self.texts["passage_prefix"] });
        write(folder, "config_sentence_transformers.json", json!({ "prompts": prompts }).to_string().as_bytes());
    }

    /// Writes a manifest beside `folder`, which can say what the folder's own files cannot.
    fn write_manifest(&self, folder: &Path) -> PathBuf {
        let text = |key: &str| self.texts[key].as_str().unwrap().replace('\n', "\\n");
        let width = self.texts["width"].as_u64().map_or(String::new(), |width| width.to_string());
        let manifest = format!(
            "name = \"tiny\"\nkind = \"embedder\"\nfolder = \"{}\"\ntokens_max = {}\ndimensions = {}\npooling = \"{}\"\n\
             matryoshka = [{width}]\ncenter = {}\nquery_prefix = \"{}\"\npassage_prefix = \"{}\"\n",
            folder.display(),
            self.texts["tokens_max"],
            if self.config["hidden_size"] == 48 { 48 } else { 32 },
            self.pooling,
            self.texts["center"],
            text("query_prefix"),
            text("passage_prefix"),
        );
        write(folder.parent().unwrap(), "tiny.toml", manifest.as_bytes())
    }
}

fn tensor(written: &Value) -> (String, Tensor) {
    let (name, shape, center, scale): (String, Vec<usize>, f64, f64) = serde_json::from_value(written.clone()).unwrap();
    let seed = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    let mut random = Random::new(seed);
    let mut value = || (center + scale * ((random.next_bits() >> 40) as f64 / f64::from(1 << 23) - 1.0)) as f32;
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| value()).collect();
    (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
}

/// A folder for a model inside a folder that goes when the test ends.
fn place() -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("tiny");
    std::fs::create_dir(&folder).unwrap();
    (outer, folder)
}

fn settings(place: &Path, dimensions: Option<usize>) -> EmbedSettings {
    EmbedSettings {
        model: place.to_str().unwrap().into(),
        dimensions,
        device: DeviceChoice::Cpu,
        precision: Precision::F32,
        threads: 2,
        ..EmbedSettings::default()
    }
}

fn compare(name: &str, embedder: &Embedder, cases: &Value, cut: bool) {
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let role = if case["role"] == "query" { Role::Query } else { Role::Passage };
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let expected: Vec<f32> = serde_json::from_value(case["vector"].clone()).unwrap();
        let input = embedder.tokenize(text, role).unwrap();
        assert_eq!(input.ids, ids, "{name}, {role:?}, {text:?}");
        if cut {
            let found = embedder.embed(&[text], role).unwrap().vectors.remove(0);
            assert_eq!(found.len(), expected.len(), "{name}");
            let cosine = dot(&found, &expected);
            // What has no tokens points nowhere.
            assert!(cosine >= 0.9999 || ids.is_empty(), "{name}: {cosine}");
            assert!((dot(&found, &found) - 1.0).abs() < 1e-4, "{name}");
        }
        // Chunks come as tokens, and are to be what the same text is.
        let own = embedder.tokenizer().encode(text).unwrap();
        assert_eq!(input.own().is_empty(), own.is_empty(), "{name}, {text:?}");
        if role == Role::Passage {
            assert_eq!(embedder.input(&own.ids, role).ids, ids, "{name}, {text:?}");
        }
    }
}

#[test]
fn texts_of_every_family_have_the_references_vectors() {
    for (name, texts) in models() {
        let (_outer, folder) = place();
        let tiny = Tiny::named(&name);
        tiny.write(&folder);
        let width = texts["width"].as_u64().map(|width| width as usize);
        let by_manifest = open_embedder(&settings(&tiny.write_manifest(&folder), width)).unwrap();
        compare(&name, &by_manifest, &texts["cases"], true);
        // Without a manifest it is known by its folder, but to be cut.
        let by_folder = open_embedder(&settings(&folder, None)).unwrap();
        compare(&name, &by_folder, &texts["cases"], width.is_none());
        let (engine, reason) = (by_folder.engine().name, by_folder.engine_reason());
        match name.as_str() {
            "bert-gelu" | "roberta" | "xlm-roberta" if std::env::var("IBID_SIMD").as_deref() != Ok("candle") => {
                assert_eq!(engine, "native", "{reason}");
            }
            // Which activations run natively is the encoder's own matter.
            name if name.starts_with("bert-") => {}
            name => {
                assert!(engine == "candle" && reason.contains("the native encoder does not run"), "{name}: {reason}");
            }
        }
        assert_eq!(by_folder.manifest().name, "tiny");
        eprintln!("{name}: {} ({reason})", by_folder.engine());
    }
}

#[test]
fn texts_of_ten_million_characters_are_cut_and_keep_their_frame() {
    // One model for each way to tokenize and to frame.
    for name in ["bert-gelu", "xlm-roberta", "qwen3", "static"] {
        let (_outer, folder) = place();
        let tiny = Tiny::named(name);
        tiny.write(&folder);
        let embedder = open_embedder(&settings(&folder, None)).unwrap();
        let tokens_max = tiny.texts["tokens_max"].as_u64().unwrap() as usize;
        let (start, end) = embedder.tokenizer().frame();
        let words = "interest cover of the ratio ".repeat(10_000_000 / 28 + 1);
        for text in [words.as_str(), &words.replace(' ', "")[..]] {
            let input = embedder.tokenize(text, Role::Query).unwrap();
            // A word of a million letters is one unknown token to some, and nothing to a static embedding.
            assert!(input.ids.len() <= tokens_max, "{name}");
            assert!(input.ids.starts_with(start) && input.ids.ends_with(end), "{name}");
            if text.contains(' ') {
                assert!(input.ids.len() == tokens_max && input.cut > 1_000_000, "{name}: {}", input.cut);
            }
        }
        let embedded = embedder.embed(&[&words, ""], Role::Passage).unwrap();
        assert!(embedded.vectors.iter().flatten().all(|value| value.is_finite()) && embedded.cut_tokens > 1_000_000);
    }
}

/// The one line that indexing a document with a changed model ends with.
fn refusal(name: &str, change: impl FnOnce(&mut Tiny), after: impl FnOnce(&Path)) -> String {
    let (outer, folder) = place();
    let mut tiny = Tiny::named(name);
    change(&mut tiny);
    tiny.write(&folder);
    after(&folder);
    let document = write(outer.path(), "note.txt", b"The borrower shall maintain a ratio.\n");
    let home = Home::new();
    let arguments = ["--embedder", folder.to_str().unwrap(), "index", document.to_str().unwrap()];
    let outcome: Outcome = home.run(&arguments);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{name}: {}", outcome.stderr);
    assert!(!home.folder.path().join("home").join("ibid.db").exists(), "no index is begun");
    outcome.stderr
}

#[test]
fn what_is_wrong_with_a_folder_is_said_with_file_and_tensor() {
    let says =
        |error: &str, words: &[&str]| assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    let nothing = |_: &mut Tiny| {};
    // Each for a model that runs natively and for one on Candle.
    for (name, tensor) in [
        ("bert-gelu", "encoder.layer.1.output.dense.weight"),
        ("bert-gelu", "embeddings.word_embeddings.weight"),
        ("modernbert", "layers.2.mlp.Wo.weight"),
    ] {
        let missing = refusal(name, |tiny| drop(tiny.tensors.remove(tensor)), |_| {});
        says(&missing, &["model.safetensors", tensor, "missing"]);
        let shape = |tiny: &mut Tiny| {
            tiny.tensors.insert(tensor.into(), Tensor::zeros((3, 5), DType::F32, &Device::Cpu).unwrap());
        };
        says(&refusal(name, shape, |_| {}), &["model.safetensors", tensor, "[3, 5]"]);
        let spoil = |tiny: &mut Tiny| {
            let shape = tiny.tensors[tensor].shape().clone();
            let mut values = tiny.tensors[tensor].flatten_all().unwrap().to_vec1::<f32>().unwrap();
            *values.last_mut().unwrap() = f32::NAN;
            tiny.tensors.insert(tensor.into(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        };
        says(&refusal(name, spoil, |_| {}), &["model.safetensors", tensor, "not finite"]);
    }
    let layers = refusal("bert-gelu", |tiny| tiny.config["num_hidden_layers"] = 1.into(), |_| {});
    says(&layers, &["model.safetensors", "encoder.layer.1", "belongs to no part"]);
    let unknown = refusal("bert-gelu", |tiny| tiny.config["model_type"] = "mamba".into(), |_| {});
    says(&unknown, &["config.json", "mamba", "modernbert"]);
    let activation = refusal("bert-gelu", |tiny| tiny.config["hidden_act"] = "mish".into(), |_| {});
    says(&activation, &["config.json", "mish", "silu"]);
    let shorten = |tiny: &mut Tiny| {
        let vocabulary = tiny.tokenizer["model"]["vocab"].as_object_mut().unwrap();
        vocabulary.retain(|_, id| id.as_u64().unwrap() < 90);
    };
    says(&refusal("bert-gelu", shorten, |_| {}), &["tokenizer.json", "90", "120 rows", "another model's"]);
    let lengthen = |tiny: &mut Tiny| tiny.tokenizer["model"]["vocab"]["more"] = 120.into();
    says(&refusal("bert-gelu", lengthen, |_| {}), &["tokenizer.json", "121", "word_embeddings", "another model's"]);
    let odd = |tiny: &mut Tiny| tiny.tokenizer["post_processor"] = json!({ "type": "Odd" });
    says(&refusal("qwen3", odd, |_| {}), &["tokenizer.json"]);
    let cut_off = |folder: &Path| {
        let path = folder.join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    says(&refusal("gte", nothing, cut_off), &["model.safetensors"]);
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let remove = |folder: &Path| std::fs::remove_file(folder.join(name)).unwrap();
        says(&refusal("gte", nothing, remove), &[name]);
    }
    for name in ["config.json", "tokenizer.json"] {
        let break_off = |folder: &Path| std::fs::write(folder.join(name), "{\"model_type\": ").unwrap();
        says(&refusal("gte", nothing, break_off), &[name]);
    }
    let unpooled = |folder: &Path| std::fs::remove_dir_all(folder.join("1_Pooling")).unwrap();
    says(&refusal("gte", nothing, unpooled), &["1_Pooling/config.json"]);
    let dense = |folder: &Path| {
        let modules = json!([{ "type": "sentence_transformers.models.Dense" }]);
        write(folder, "modules.json", modules.to_string().as_bytes());
    };
    says(&refusal("gte", nothing, dense), &["modules.json", "Dense"]);
}

#[test]
fn a_model_of_the_user_runs_from_index_to_answer() {
    let (outer, folder) = place();
    for name in ["xlm-roberta", "qwen3", "static"] {
        let tiny = Tiny::named(name);
        tiny.write(&folder);
        let home = Home::new();
        let document =
            write(outer.path(), "papers/note.txt", b"The borrower shall maintain a ratio of interest cover.\n");
        let (document, own) = (document.to_str().unwrap(), folder.to_str().unwrap());
        let (code, report) = home.json(&["--embedder", own, "index", document]);
        assert_eq!((code, &report["files"]["indexed"]), (0, &1.into()), "{name}: {report}");
        // The index knows where its model lies.
        let (code, hits) = home.json(&["search", "interest cover"]);
        assert_eq!((code, hits["hits"].as_array().unwrap().len()), (0, 1), "{name}: {hits}");
        let (_, status) = home.json(&["status"]);
        assert_eq!((&status["identity"]["model"], &status["identity"]["dimensions"]), (&"tiny".into(), &32.into()));
        let doctor = home.run(&["--embedder", own, "doctor"]);
        let is_native = name == "xlm-roberta" && std::env::var("IBID_SIMD").as_deref() != Ok("candle");
        let engine = if is_native { "native" } else { "candle f32" };
        assert!(doctor.stdout.contains("tiny is yours") && doctor.stdout.contains(engine), "{}", doctor.stdout);
        // Only one of these has a token for what it does not know; without any there is nothing to search with.
        let code = home.run(&["search", "%%%"]).code;
        assert_eq!(code, i32::from(name != "xlm-roberta"), "{name}");
        let (code, bench) = home.json(&["--embedder", own, "bench", "embed", "--length", "16", "--count", "2"]);
        assert_eq!((code, &bench["model"]), (0, &"tiny".into()));
    }
}

#[test]
fn narrower_vectors_are_another_index_and_must_be_ones_the_model_gives() {
    let (outer, folder) = place();
    let tiny = Tiny::named("qwen3");
    tiny.write(&folder);
    let manifest = tiny.write_manifest(&folder);
    let home = Home::new();
    let set = |dimensions: &str| {
        home.set(&format!("lock_wait_s = 300.0\n[embed]\nmodel = {:?}\n{dimensions}", manifest.to_str().unwrap()));
    };
    let document = write(outer.path(), "papers/note.txt", b"The borrower shall maintain a ratio of interest cover.\n");
    let index = || home.run(&["index", document.to_str().unwrap()]);
    let width = || home.json(&["status"]).1["identity"]["dimensions"].as_u64().unwrap();
    set("");
    assert_eq!((index().code, width()), (0, 32));
    set("dimensions = 8");
    assert_eq!(home.run(&["search", "interest"]).code, 0, "until then the old one is searched");
    assert_eq!((index().code, width()), (0, 8));
    assert_eq!(home.run(&["search", "interest"]).code, 0);
    set("dimensions = 7");
    for outcome in [index(), home.run(&["search", "interest"])] {
        assert_eq!(outcome.code, 2);
        assert!(
            ["embed.dimensions", "`7`", "8, 32"].iter().all(|word| outcome.stderr.contains(word)),
            "{}",
            outcome.stderr
        );
    }
    set("dimensions = 0");
    assert!(index().stderr.contains("embed.dimensions"));
}
