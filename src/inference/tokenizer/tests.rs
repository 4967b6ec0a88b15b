//! Pieces of long texts, frames, and files that are no tokenizers.

use super::*;

#[test]
fn pieces_cover_a_long_text_and_end_at_white_space() {
    let text = "né word ".repeat(40_000);
    let mut start = 0;
    let mut pieces = 0;
    while start < text.len() {
        let end = piece_end(&text, start);
        assert!(end > start && end - start <= PIECE_BYTES_MAX && text.is_char_boundary(end));
        assert!(end == text.len() || text.as_bytes()[end] == b' ');
        start = end;
        pieces += 1;
    }
    assert!(pieces > 4);
}

#[test]
fn a_text_without_white_space_is_still_cut_on_a_char_boundary() {
    let text = "é".repeat(PIECE_BYTES_MAX);
    let end = piece_end(&text, 0);
    assert!(end > 0 && text.is_char_boundary(end));
}

/// The tokenizer that `change` makes of a small one.
fn opened(change: impl FnOnce(&mut serde_json::Value)) -> Result<Tokenizer> {
    let mut file = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null,
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": true,
            "add_prefix_space": false},
        "model": {"type": "WordLevel", "vocab": {"<s>": 0, "</s>": 1, "?": 2, "one": 3}, "unk_token": "?"},
    });
    change(&mut file);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, file.to_string()).unwrap();
    Tokenizer::open(&path)
}

#[test]
fn unknown_words_are_left_out_only_where_a_model_wants_no_frame() {
    let tokenizer = opened(|_| {}).unwrap();
    assert_eq!(tokenizer.frame(), (&[0][..], &[1][..]));
    assert!(tokenizer.is_special(0) && !tokenizer.is_special(3));
    assert_eq!(tokenizer.encode("one two one").unwrap().ids, [3, 2, 3]);
    let bare = tokenizer.without_frame();
    assert_eq!(bare.frame(), (&[][..], &[][..]));
    let tokens = bare.encode("one two one").unwrap();
    assert_eq!((tokens.ids, tokens.spans), (vec![3, 3], vec![ByteSpan::new(0, 3), ByteSpan::new(8, 11)]));
}

#[test]
fn files_that_are_no_tokenizers_are_named() {
    let refusals = [
        opened(|file| *file = serde_json::json!({"vocab": []})),
        opened(|file| file["post_processor"]["type"] = "Odd".into()),
        opened(|file| file["post_processor"]["cls"][1] = 4.into()),
        Tokenizer::open(Path::new("/nowhere/tokenizer.json")),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err().to_string();
        assert!(error.contains("tokenizer.json"), "{error}");
    }
}
