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
                let name = piece.pointer("/SpecialToken/id").and_then(Value::as_str);
                let name = name.ok_or("its post-processor has a part that is neither text nor token")?;
                let ids = processor.get("special_tokens").and_then(|tokens| tokens.get(name)?.get("ids")?.as_array());
                let ids: Option<Vec<u32>> = ids.and_then(|ids| ids.iter().map(as_id).collect());
                let ids = ids.ok_or_else(|| format!("its post-processor names no ids for `{name}`"))?;
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
}
