//! Identity with `tokenizers`: texts in, the same ids and byte offsets out of both.
//!
//! `IBID_LINES` sets how many generated lines each set of settings gets (default 20,000 in all); `IBID_TOKENIZER` names a
//! real `tokenizer.json`, `IBID_TEXT` a real text; without them the tests that need them say that they are skipped.

mod lines;

use std::str::FromStr;

use ibid_wordpiece::{Buffers, Tokens, WordPiece};
use lines::{Random, line};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

/// Seed of all generated lines.
const SEED: u64 = 0x1B1D;

/// Both tokenizers of one file.
struct Pair {
    theirs: Tokenizer,
    ours: WordPiece,
    tokens: Tokens,
    buffers: Buffers,
    ids: Vec<u32>,
}

impl Pair {
    fn new(file: &Value) -> Self {
        let text = file.to_string();
        let mut theirs = Tokenizer::from_str(&text).expect("a tokenizer");
        theirs.with_padding(None);
        theirs.with_truncation(None).expect("no truncation");
        let ours = WordPiece::from_json(text.as_bytes()).expect("JSON").expect("of the BERT kind");
        Self { theirs, ours, tokens: Tokens::default(), buffers: Buffers::default(), ids: Vec::new() }
    }

    fn check(&mut self, text: &str) {
        let expected = self.theirs.encode(text, false).expect("tokens");
        self.ours.encode(text, &mut self.tokens);
        let spans: Vec<(usize, usize)> = self.tokens.spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(self.tokens.ids, expected.get_ids(), "ids of {text:?} by seed {SEED:#x}");
        assert_eq!(spans, expected.get_offsets(), "spans of {text:?} by seed {SEED:#x}");
        self.ours.encode_ids(text, &mut self.buffers, &mut self.ids);
        assert_eq!(self.ids, self.tokens.ids, "ids alone of {text:?}");
    }
}

fn normalizer(clean: bool, chinese: bool, strip: Option<bool>, lower: bool) -> Value {
    json!({"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": strip, "lowercase": lower})
}

/// Those of BERT uncased and cased, and what else the format allows.
fn normalizers() -> Vec<Value> {
    vec![
        normalizer(true, true, None, true),
        normalizer(true, true, None, false),
        normalizer(true, true, Some(false), true),
        normalizer(true, false, None, true),
        normalizer(true, false, Some(true), false),
        normalizer(false, true, None, true),
        normalizer(false, false, Some(false), false),
    ]
}

fn added(id: u32, content: &str, strips: bool) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": strips, "rstrip": strips, "normalized": false, "special": true})
}

/// A tokenizer of a few hundred tokens, with gaps so that words remain unknown; `<m>` takes white space around it.
fn small(normalizer: &Value) -> Value {
    let mut tokens: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).to_vec();
    let letters = ('a'..='y').chain('A'..='W').chain('0'..='8').map(String::from);
    let others = "éÉèñüßığİkåωсиаЯхगनमाहिअبتةעבקกา中文字日本語一한국어\u{1100}\u{1161}\u{11A8}\u{1112}²☃👩\u{301}\u{200D}\u{1D165}\u{7F}\u{FFFD}";
    let words = "the ing ed don un able anti cafe café naive tion in er ab abc abcd supercalifragilisticexpialidocious CAFE The";
    let starts = letters.chain(others.chars().map(String::from)).chain(words.split(' ').map(str::to_owned));
    for token in starts {
        tokens.push(format!("##{token}"));
        tokens.push(token);
    }
    tokens.extend(".,;:!?'\"()-=`[]\u{387}。、–—".chars().map(String::from));
    tokens.push("##".to_owned());
    let mut seen = std::collections::HashSet::new();
    tokens.retain(|token| seen.insert(token.clone()));
    let vocab: serde_json::Map<String, Value> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [
            added(0, "[PAD]", false), added(1, "[UNK]", false), added(2, "[CLS]", false), added(3, "[SEP]", false),
            added(4, "[MASK]", false), added(999, "<m>", true),
        ],
        "normalizer": normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": vocab,
        },
    })
}

fn words(file: &Value) -> Vec<String> {
    file["model"]["vocab"].as_object().expect("a vocabulary").keys().cloned().collect()
}

fn check_lines(file: &Value, count: usize, seed: u64) {
    let (mut pair, words, mut random) = (Pair::new(file), words(file), Random(seed));
    for _ in 0..count {
        pair.check(&line(&mut random, &words));
    }
}

/// Generated lines in all.
fn lines_all() -> usize {
    std::env::var("IBID_LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(20_000)
}

/// Lines for each of `parts` runs.
fn share(parts: usize) -> usize {
    lines_all().div_ceil(parts)
}

/// The real file, or none after saying that `test` is skipped.
fn real(test: &str) -> Option<Value> {
    let Ok(path) = std::env::var("IBID_TOKENIZER") else {
        eprintln!("{test}: skipped, IBID_TOKENIZER names no tokenizer.json");
        return None;
    };
    Some(serde_json::from_slice(&std::fs::read(path).expect("the file of IBID_TOKENIZER")).expect("JSON"))
}

#[test]
fn generated_lines_with_a_small_vocabulary() {
    let normalizers = normalizers();
    for (at, normalizer) in normalizers.iter().enumerate() {
        check_lines(&small(normalizer), share(normalizers.len() * 2), SEED + at as u64);
    }
}

#[test]
fn generated_lines_with_a_real_vocabulary() {
    let Some(mut file) = real("generated_lines_with_a_real_vocabulary") else { return };
    check_lines(&file, share(4), SEED);
    let normalizers = normalizers();
    for (at, normalizer) in normalizers.iter().enumerate() {
        file["normalizer"] = normalizer.clone();
        check_lines(&file, share(normalizers.len() * 4), !SEED + at as u64);
    }
}

#[test]
fn every_char_alone_in_words_and_among_marks() {
    // All of them take minutes: a run of few lines takes every 17th.
    let step = if lines_all() < 1_000_000 { 17 } else { 1 };
    for normalizer in normalizers() {
        let mut pair = Pair::new(&small(&normalizer));
        let chars: Vec<char> = ('\0'..=char::MAX).step_by(step).collect();
        for block in chars.chunks(64) {
            let alone = |c: &char| format!("{c} a{c}b e\u{1D165}{c}\u{323}\u{302E} ");
            pair.check(&block.iter().map(alone).collect::<String>());
            pair.check(&block.iter().collect::<String>());
        }
    }
}

#[test]
fn real_text_line_by_line_and_in_one_piece() {
    let Some(file) = real("real_text_line_by_line_and_in_one_piece") else { return };
    let Ok(path) = std::env::var("IBID_TEXT") else {
        eprintln!("real_text_line_by_line_and_in_one_piece: skipped, IBID_TEXT names no text");
        return;
    };
    let text = std::fs::read_to_string(path).expect("the file of IBID_TEXT");
    let mut pair = Pair::new(&file);
    text.lines().for_each(|line| pair.check(line));
    let mut end = text.len().min(1 << 20);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    pair.check(&text[..end]);
}

#[test]
fn words_of_every_length_around_the_limits() {
    for limit in [0, 1, 5, 16, 100] {
        let mut file = small(&normalizer(true, true, None, true));
        file["model"]["max_input_chars_per_word"] = json!(limit);
        let mut pair = Pair::new(&file);
        for length in 0..130 {
            for letter in ["a", "B", "é", "z", "가", "a\u{301}", "中", "!", "\u{1F}"] {
                pair.check(&letter.repeat(length));
                pair.check(&format!("{}d the", letter.repeat(length)));
            }
        }
    }
}

#[test]
fn names_and_ids_are_the_same() {
    let mut files = vec![small(&normalizer(true, true, None, true))];
    files.extend(real("names_and_ids_are_the_same: real vocabulary"));
    for file in files {
        let pair = Pair::new(&file);
        let size = pair.theirs.get_vocab_size(true);
        assert_eq!(pair.ours.vocabulary_size(), size);
        for id in 0..size as u32 + 10 {
            assert_eq!(pair.ours.token(id), pair.theirs.id_to_token(id).as_deref());
        }
        for token in words(&file).iter().map(String::as_str).chain(["<m>", "[CLS]", "", "no such token"]) {
            assert_eq!(pair.ours.id(token), pair.theirs.token_to_id(token), "{token}");
        }
    }
}

#[test]
fn files_that_ask_for_more_are_declined() {
    let base = small(&normalizer(true, true, None, true));
    let reads = |file: &Value| WordPiece::from_json(file.to_string().as_bytes()).expect("JSON").is_some();
    assert!(reads(&base));
    for (pointer, value) in [
        ("/version", json!("2.0")),
        ("/normalizer", json!(null)),
        ("/normalizer/type", json!("NFD")),
        ("/normalizer/lowercase", json!("yes")),
        ("/pre_tokenizer/type", json!("Whitespace")),
        ("/model/type", json!("WordLevel")),
        ("/model/unk_token", json!("<unk>")),
        ("/model/vocab", json!([])),
        ("/model/vocab/a", json!(3)),
        ("/model/vocab/a", json!(-1)),
        ("/added_tokens/0/single_word", json!(true)),
        ("/added_tokens/0/normalized", json!(true)),
        ("/added_tokens/0/content", json!("PAD")),
        ("/added_tokens/0/content", json!("[SEP]")),
        ("/added_tokens/0/content", json!("")),
        // Its id would be the number of tokens, which a token of the model has.
        ("/model/vocab/a", json!(words(&base).len())),
        ("/post_processor", json!({"type": "ByteLevel", "trim_offsets": true})),
        ("/post_processor", json!({"type": "TemplateProcessing", "single": []})),
    ] {
        let mut file = base.clone();
        *file.pointer_mut(pointer).expect("a field of the file") = value.clone();
        assert!(!reads(&file), "{pointer} {value}");
    }
    assert!(WordPiece::from_json(b"[1]").expect("JSON").is_none());
    assert!(WordPiece::from_json(b"{\"version\":").is_err());
}
