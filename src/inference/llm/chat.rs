//! A GGUF file's metadata in; a conversation as token ids, and the bytes of tokens, out; knows nothing of weights.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::{Content, Value};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, context};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer};

use super::Message;
use crate::error::{Cause, Error, Result};

/// Kinds of tokens in a GGUF file: control tokens, and ones that its maker added.
const CONTROL: i64 = 3;
const ADDED: i64 = 4;
/// Put into a document's text where it spells a control token, so that it stays text.
const BREAK: char = '\u{200b}';

/// Turns conversations into token ids as the model was trained with, and token ids back into bytes.
pub struct Chat {
    tokenizer: Tokenizer,
    template: String,
    control: Vec<String>,
    /// What each token says; control tokens say nothing.
    bytes: Vec<Vec<u8>>,
    start: Option<String>,
    end: String,
    end_id: u32,
    turn_end_id: Option<u32>,
    add_start: bool,
}

impl Chat {
    /// Reads tokenizer and chat template from a GGUF file's metadata.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when they are missing or of a kind that is not known here.
    pub fn read(content: &Content) -> Result<Self> {
        let words = strings(content, "tokenizer.ggml.tokens")?;
        let merges = strings(content, "tokenizer.ggml.merges")?;
        let kinds = numbers(content, "tokenizer.ggml.token_type").unwrap_or_default();
        let kind = |id: usize| kinds.get(id).copied().unwrap_or(1);
        let tokenizer = tokenizer(content, &words, &merges, &kind)?;
        let word = |key: &str| {
            number(content, key).and_then(|id| Some((id as u32, words.get(usize::try_from(id).ok()?)?.clone())))
        };
        let (end_id, end) = word("tokenizer.ggml.eos_token_id").ok_or_else(|| wrong("the file names no end token"))?;
        let table = byte_table();
        let bytes = words.iter().enumerate().map(|(id, word)| match kind(id) {
            CONTROL => vec![],
            ADDED => word.clone().into_bytes(),
            _ => word.chars().filter_map(|character| table.get(&character).copied()).collect(),
        });
        Ok(Self {
            bytes: bytes.collect(),
            control: words.iter().enumerate().filter(|(id, _)| kind(*id) == CONTROL).map(|(_, w)| w.clone()).collect(),
            template: string(content, "tokenizer.chat_template")?,
            start: word("tokenizer.ggml.bos_token_id").map(|(_, word)| word),
            turn_end_id: tokenizer.token_to_id("<|im_end|>"),
            add_start: matches!(content.metadata.get("tokenizer.ggml.add_bos_token"), Some(Value::Bool(true))),
            tokenizer,
            end,
            end_id,
        })
    }

    /// The token ids of a conversation, ready for the model's answer. A message that spells a control token keeps it as
    /// text: a document cannot end its own message and speak as someone else.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the template refuses the conversation or the tokenizer fails.
    pub fn encode(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let failed = |source: Cause| Error::Tokenizer { operation: "turn the conversation into tokens", source };
        let message = |message: &Message| {
            context! {
                role => message.role.name(),
                content => self.harmless(&message.content),
            }
        };
        let messages: Vec<minijinja::Value> = messages.iter().map(message).collect();
        let mut environment = Environment::new();
        // As the templates' own tool sets it: a line that holds only a tag leaves nothing behind.
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|error| failed(Box::new(error)))?,
        );
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        let values = context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => self.start.clone(),
            eos_token => self.end.clone(),
        };
        let text = environment.render_str(&self.template, values).map_err(|error| failed(Box::new(error)))?;
        let mut ids = self.tokenizer.encode_fast(text, false).map_err(failed)?.get_ids().to_vec();
        if self.add_start
            && let Some(id) = self.start.as_deref().and_then(|start| self.tokenizer.token_to_id(start))
            && ids.first() != Some(&id)
        {
            ids.insert(0, id);
        }
        Ok(ids)
    }

    /// What a token says, as bytes; nothing for control tokens and ids out of range.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether a token ends the answer.
    #[must_use]
    pub fn ends(&self, id: u32) -> bool {
        id == self.end_id || Some(id) == self.turn_end_id
    }

    fn harmless(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for word in self.control.iter().filter(|word| word.chars().count() > 1) {
            if text.contains(word.as_str()) {
                let mut characters = word.chars();
                let mut broken = String::with_capacity(word.len() + BREAK.len_utf8());
                broken.extend(characters.next());
                broken.push(BREAK);
                broken.extend(characters);
                text = text.replace(word.as_str(), &broken);
            }
        }
        text
    }
}

fn tokenizer(content: &Content, words: &[String], merges: &[String], kind: &dyn Fn(usize) -> i64) -> Result<Tokenizer> {
    let (model, split) = (string(content, "tokenizer.ggml.model")?, string(content, "tokenizer.ggml.pre")?);
    let bytes = ByteLevel::new(false, true, true);
    let split: PreTokenizerWrapper = match (model.as_str(), split.as_str()) {
        ("gpt2", "gpt-2") => bytes.into(),
        // Each digit is a token of its own, then as GPT-2.
        ("gpt2", "smollm") => Sequence::new(vec![Digits::new(true).into(), bytes.into()]).into(),
        _ => return Err(wrong(&format!("a tokenizer `{model}` that splits as `{split}` is not known here"))),
    };
    let vocabulary: Vocab = words.iter().enumerate().map(|(id, word)| (word.clone(), id as u32)).collect();
    let pairs = merges.iter().map(|merge| {
        let (left, right) = merge.split_once(' ').ok_or_else(|| wrong(&format!("`{merge}` is no merge")))?;
        Ok((left.to_owned(), right.to_owned()))
    });
    let failed = |source| Error::Tokenizer { operation: "build the tokenizer", source };
    let model =
        BPE::builder().vocab_and_merges(vocabulary, pairs.collect::<Result<Vec<_>>>()?).build().map_err(failed)?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(split));
    let special = words.iter().enumerate().filter(|(id, _)| kind(*id) == CONTROL);
    tokenizer
        .add_special_tokens(special.map(|(_, word)| AddedToken::from(word.clone(), true)).collect::<Vec<_>>())
        .map_err(failed)?;
    let added = words.iter().enumerate().filter(|(id, _)| kind(*id) == ADDED);
    tokenizer
        .add_tokens(added.map(|(_, word)| AddedToken::from(word.clone(), false)).collect::<Vec<_>>())
        .map_err(failed)?;
    Ok(tokenizer)
}

/// The byte that each character of a byte-level vocabulary stands for: printable ones for themselves, the others from
/// U+0100 on in order (GPT-2, `bytes_to_unicode`).
fn byte_table() -> HashMap<char, u8> {
    let mut table = HashMap::with_capacity(256);
    let mut next = 0x100;
    for byte in 0..=u8::MAX {
        let character = if matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            char::from(byte)
        } else {
            next += 1;
            char::from_u32(next - 1).expect("U+0100 to U+0143 are characters")
        };
        table.insert(character, byte);
    }
    table
}

fn wrong(reason: &str) -> Error {
    Error::Tokenizer { operation: "read the tokenizer of a GGUF file", source: reason.into() }
}

fn string(content: &Content, key: &str) -> Result<String> {
    match content.metadata.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(wrong(&format!("it has no text `{key}`"))),
    }
}

fn strings(content: &Content, key: &str) -> Result<Vec<String>> {
    let Some(Value::Array(values)) = content.metadata.get(key) else {
        return Err(wrong(&format!("it has no list `{key}`")));
    };
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(wrong(&format!("the list `{key}` holds something else than text"))),
    };
    values.iter().map(text).collect()
}

fn number(content: &Content, key: &str) -> Option<i64> {
    content.metadata.get(key).and_then(as_number)
}

fn numbers(content: &Content, key: &str) -> Option<Vec<i64>> {
    match content.metadata.get(key) {
        Some(Value::Array(values)) => values.iter().map(as_number).collect(),
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<i64> {
    match *value {
        Value::U8(number) => Some(number.into()),
        Value::I8(number) => Some(number.into()),
        Value::U16(number) => Some(number.into()),
        Value::I16(number) => Some(number.into()),
        Value::U32(number) => Some(number.into()),
        Value::I32(number) => Some(number.into()),
        Value::U64(number) => i64::try_from(number).ok(),
        Value::I64(number) => Some(number),
        _ => None,
    }
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chat").field("tokens", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let table = byte_table();
        assert_eq!(table.len(), 256);
        assert_eq!((table[&'\u{120}'], table[&'\u{10a}'], table[&'a']), (b' ', b'\n', b'a'));
    }
}
