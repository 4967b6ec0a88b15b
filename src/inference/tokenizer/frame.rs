//! A tokenizer file in, what its post-processor puts around a text out; knows nothing of how words are cut.
//!
//! Models differ: BERT wants `[CLS]` and `[SEP]`, XLM-RoBERTa `<s>` and `</s>`, Qwen3 an end token only, static embeddings
//! nothing. The file says so itself, in a form of its own for each kind of post-processor.

use serde::Deserialize;
use serde_json::Value;

/// The ids around a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) start: Vec<u32>,
    pub(super) end: Vec<u32>,
}

/// The ids around two texts that are one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairFrame {
    /// Before the first text, of token type 0.
    pub start: Vec<u32>,
    /// Between the two.
    pub middle: Vec<u32>,
    /// How many of those are of token type 0.
    pub middle_first: usize,
    /// After the second text.
    pub end: Vec<u32>,
    /// Whether the second text is of token type 1, and what follows it.
    pub is_typed: bool,
}

/// The parts of a `tokenizer.json` that decide about ids outside of a text's own words.
#[derive(Debug, Deserialize)]
pub(super) struct FramingFile {
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: UnknownOfModel,
}

#[derive(Debug, Deserialize)]
struct AddedToken {
    content: String,
    #[serde(default)]
    special: bool,
}

#[derive(Debug, Deserialize)]
struct UnknownOfModel {
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    unk_id: Option<u32>,
}

impl FramingFile {
    /// What stands around a text.
    ///
    /// # Errors
    /// A reason, for a post-processor that is not known or lacks a part.
    pub(super) fn frame(&self) -> Result<Frame, String> {
        let mut frame = Frame::default();
        put_around(&self.post_processor, &mut frame)?;
        Ok(frame)
    }

    /// What stands around and between two texts.
    ///
    /// # Errors
    /// A reason, for a post-processor that says nothing of pairs, or something that is not known here.
    pub(super) fn pair(&self) -> Result<PairFrame, String> {
        let mut found = None;
        find_pair(&self.post_processor, &mut found)?;
        found.ok_or_else(|| "it has no post-processor that says how two texts become one input".into())
    }

    /// The tokens that are no words.
    pub(super) fn special(&self) -> impl Iterator<Item = &str> {
        self.added_tokens.iter().filter(|token| token.special).map(|token| token.content.as_str())
    }

    /// The id of the unknown word; `id_of` looks names up.
    pub(super) fn unknown(&self, id_of: impl Fn(&str) -> Option<u32>) -> Option<u32> {
        self.model.unk_id.or_else(|| self.model.unk_token.as_deref().and_then(id_of))
    }

    /// Whether words are written as bytes, each as a printable character.
    pub(super) fn is_byte_level(&self) -> bool {
        let is = |value: &Value| kind(value) == Some("ByteLevel");
        let parts = self.pre_tokenizer.get("pretokenizers").and_then(Value::as_array);
        is(&self.pre_tokenizer) || parts.is_some_and(|parts| parts.iter().any(is))
    }
}

fn kind(value: &Value) -> Option<&str> {
    value.get("type").and_then(Value::as_str)
}

/// Adds what `processor` puts around what stands there already.
fn put_around(processor: &Value, frame: &mut Frame) -> Result<(), String> {
    if processor.is_null() {
        return Ok(());
    }
    let list = |key: &str| {
        let list = processor.get(key).and_then(Value::as_array);
        list.ok_or_else(|| format!("its post-processor has no list `{key}`"))
    };
    match kind(processor) {
        // It only moves the places of tokens.
        Some("ByteLevel") => Ok(()),
        Some("BertProcessing" | "RobertaProcessing") => {
            let id = |key: &str| {
                let id = list(key)?.get(1).and_then(as_id);
                id.ok_or_else(|| format!("its post-processor names no id for `{key}`"))
            };
            frame.start.insert(0, id("cls")?);
            frame.end.push(id("sep")?);
            Ok(())
        }
        Some("TemplateProcessing") => {
            let (mut start, mut end, mut is_after) = (Vec::new(), Vec::new(), false);
            for piece in list("single")? {
                if piece.get("Sequence").is_some() {
                    if std::mem::replace(&mut is_after, true) {
                        return Err("its post-processor repeats the text".into());
                    }
                    continue;
                }
                let ids = special_ids(processor, piece)?;
                if is_after { &mut end } else { &mut start }.extend(ids);
            }
            frame.start.splice(0..0, start);
            frame.end.extend(end);
            Ok(())
        }
        Some("Sequence") => list("processors")?.iter().try_for_each(|part| put_around(part, frame)),
        other => Err(format!("its post-processor `{}` is not known", other.unwrap_or("(of no type)"))),
    }
}

/// Finds the one part of `processor` that joins two texts.
fn find_pair(processor: &Value, found: &mut Option<PairFrame>) -> Result<(), String> {
    let frame = match kind(processor) {
        Some("Sequence") => {
            let parts = processor.get("processors").and_then(Value::as_array);
            return parts.into_iter().flatten().try_for_each(|part| find_pair(part, found));
        }
        Some("BertProcessing") => {
            let Frame { start, end } = frame_of(processor)?;
            PairFrame { start, middle: end.clone(), middle_first: end.len(), end, is_typed: true }
        }
        Some("RobertaProcessing") => {
            let Frame { start, end } = frame_of(processor)?;
            let middle = end.repeat(2);
            PairFrame { start, middle_first: middle.len(), middle, end, is_typed: false }
        }
        Some("TemplateProcessing") => pair_of_template(processor)?,
        _ => return Ok(()),
    };
    match found.replace(frame) {
        None => Ok(()),
        Some(_) => Err("its post-processor joins two texts twice".into()),
    }
}

fn frame_of(processor: &Value) -> Result<Frame, String> {
    let mut frame = Frame::default();
    put_around(processor, &mut frame)?;
    Ok(frame)
}

fn pair_of_template(processor: &Value) -> Result<PairFrame, String> {
    let pieces = processor.get("pair").and_then(Value::as_array).ok_or("its post-processor has no list `pair`")?;
    let mut frame = PairFrame::default();
    let mut texts = 0;
    for piece in pieces {
        let part = piece.get("Sequence").or_else(|| piece.get("SpecialToken")).unwrap_or(&Value::Null);
        let is_second = part.get("type_id").and_then(Value::as_u64) == Some(1);
        if piece.get("Sequence").is_some() {
            let name = part.get("id").and_then(Value::as_str).unwrap_or_default();
            // The first text is of type 0, the second of either.
            if !matches!((texts, name, is_second), (0, "A", false) | (1, "B", _)) {
                return Err("its post-processor joins two texts in a way that is not known here".into());
            }
            frame.is_typed = is_second;
            texts += 1;
            continue;
        }
        let ids = special_ids(processor, piece)?;
        match texts {
            0 if is_second => return Err("its post-processor begins with the second token type".into()),
            0 => frame.start.extend(ids),
            1 => {
                if !is_second {
                    frame.middle_first += ids.len();
                }
                frame.middle.extend(ids);
            }
            _ => frame.end.extend(ids),
        }
    }
    if texts == 2 { Ok(frame) } else { Err("its post-processor does not join two texts".into()) }
}

/// The ids of a template's special token.
fn special_ids(processor: &Value, piece: &Value) -> Result<Vec<u32>, String> {
    let name = piece.pointer("/SpecialToken/id").and_then(Value::as_str);
    let name = name.ok_or("its post-processor has a part that is neither text nor token")?;
    let ids = processor.get("special_tokens").and_then(|tokens| tokens.get(name)?.get("ids")?.as_array());
    let ids: Option<Vec<u32>> = ids.and_then(|ids| ids.iter().map(as_id).collect());
    ids.ok_or_else(|| format!("its post-processor names no ids for `{name}`"))
}

fn as_id(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(post_processor: &Value) -> Result<(Vec<u32>, Vec<u32>), String> {
        let file = json!({ "post_processor": post_processor, "model": {} });
        let file: FramingFile = serde_json::from_value(file).unwrap();
        file.frame().map(|frame| (frame.start, frame.end))
    }

    #[test]
    fn each_kind_of_post_processor_says_what_stands_around() {
        let template = |single: Value| {
            json!({"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {
                "<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2, 3], "tokens": ["</s>", "x"]}}})
        };
        let token = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let both = template(json!([token("<s>"), text, token("</s>")]));
        let only_end = template(json!([text, token("</s>")]));
        let bert = json!({"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]});
        let byte_level = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false});
        for (post_processor, start, end) in [
            (Value::Null, vec![], vec![]),
            (bert.clone(), vec![101], vec![102]),
            (both.clone(), vec![0], vec![2, 3]),
            (json!({"type": "Sequence", "processors": [byte_level, only_end]}), vec![], vec![2, 3]),
            (json!({"type": "Sequence", "processors": [both, bert]}), vec![101, 0], vec![2, 3, 102]),
        ] {
            assert_eq!(frame(&post_processor), Ok((start, end)), "{post_processor}");
        }
        for wrong in [
            json!({"type": "New"}),
            json!({}),
            json!({"type": "BertProcessing", "sep": ["[SEP]"], "cls": ["[CLS]", 101]}),
            template(json!([token("<pad>"), text])),
            template(json!([text, text])),
            template(json!([{}])),
        ] {
            assert!(frame(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_kind_of_post_processor_says_how_two_texts_are_joined() {
        let token = |name: &str, kind: u64| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let text = |name: &str, kind: u64| json!({"Sequence": {"id": name, "type_id": kind}});
        let template = |pair: Value| {
            json!({"type": "TemplateProcessing", "single": [], "pair": pair, "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [101], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [102], "tokens": ["[SEP]"]}}})
        };
        let pair = |post_processor: &Value| {
            let file: FramingFile =
                serde_json::from_value(json!({"post_processor": post_processor, "model": {}})).unwrap();
            file.pair()
        };
        let typed = PairFrame { start: vec![101], middle: vec![102], middle_first: 1, end: vec![102], is_typed: true };
        let usual =
            template(json!([token("[CLS]", 0), text("A", 0), token("[SEP]", 0), text("B", 1), token("[SEP]", 1)]));
        let bert = json!({"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]});
        let byte_level = json!({"type": "ByteLevel"});
        let sequence = json!({"type": "Sequence", "processors": [byte_level, usual]});
        for post_processor in [&usual, &bert, &sequence] {
            assert_eq!(pair(post_processor), Ok(typed.clone()), "{post_processor}");
        }
        let roberta = json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]});
        let untyped = PairFrame { start: vec![0], middle: vec![2, 2], middle_first: 2, end: vec![2], is_typed: false };
        assert_eq!(pair(&roberta), Ok(untyped));
        let marked = template(json!([text("A", 0), token("[SEP]", 0), token("[CLS]", 1), text("B", 1)]));
        let marks = PairFrame { middle: vec![102, 101], middle_first: 1, is_typed: true, ..PairFrame::default() };
        assert_eq!(pair(&marked), Ok(marks));
        for wrong in [
            Value::Null,
            json!({"type": "ByteLevel"}),
            template(json!([text("A", 0)])),
            template(json!([text("B", 0), text("A", 1)])),
            template(json!([text("A", 1), text("B", 0)])),
            template(json!([text("A", 0), text("B", 1), text("B", 1)])),
            template(json!([token("[CLS]", 1), text("A", 0), text("B", 1)])),
            template(json!([text("A", 0), token("[PAD]", 0), text("B", 1)])),
            template(json!([text("A", 0), {}, text("B", 1)])),
            json!({"type": "Sequence", "processors": [usual, bert]}),
        ] {
            assert!(pair(&wrong).is_err(), "{wrong}");
        }
    }
}
