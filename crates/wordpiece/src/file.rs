//! The bytes of a `tokenizer.json` in, a tokenizer out where it is of the BERT kind; knows nothing of texts.
//!
//! Whatever is not known to be encoded alike is declined, so that the caller leaves it to `tokenizers`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::WordPiece;
use crate::added::{Added, AddedTokens};
use crate::fold::Settings;
use crate::names::{Entries, Names};
use crate::vocabulary::Vocabulary;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no JSON.
    #[error("read a tokenizer file as JSON")]
    Json(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct File<'a> {
    version: Option<Value>,
    #[serde(default)]
    added_tokens: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Normalizer {
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
struct AddedToken {
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    /// Large, so it is read last.
    #[serde(borrow)]
    vocab: &'a RawValue,
}

impl WordPiece {
    /// Reads a `tokenizer.json`; `None` where it is of another kind, or asks for something that is not done here.
    ///
    /// Of the BERT kind are files with a `BertNormalizer`, a `BertPreTokenizer`, a `WordPiece` model that has its unknown
    /// token, added tokens that are matched as they are, and a post-processor that changes nothing but to add special
    /// tokens. Truncation and padding are passed over.
    ///
    /// # Errors
    /// [`Error::Json`] when `bytes` are no JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Option<Self>, Error> {
        match serde_json::from_slice::<File<'_>>(bytes) {
            Ok(file) => Ok(from_file(&file)),
            Err(error) if error.is_data() => Ok(None),
            Err(error) => Err(Error::Json(error)),
        }
    }
}

fn from_file(file: &File<'_>) -> Option<WordPiece> {
    let is = |value: &Value, kind: &str| value.get("type").and_then(Value::as_str) == Some(kind);
    let version_known = file.version.as_ref().is_none_or(|version| version == "1.0");
    if !version_known
        || !is(&file.normalizer, "BertNormalizer")
        || !is(&file.pre_tokenizer, "BertPreTokenizer")
        || !only_frames(&file.post_processor)
    {
        return None;
    }
    let normalizer = Normalizer::deserialize(&file.normalizer).ok()?;
    let settings = Settings {
        clean: normalizer.clean_text,
        chinese: normalizer.handle_chinese_chars,
        strip: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
        lower: normalizer.lowercase,
    };
    let model: Model<'_> = serde_json::from_str(file.model?.get()).ok()?;
    if model.kind != "WordPiece" {
        return None;
    }
    let mut entries: Entries<'_> = serde_json::from_str(model.vocab.get()).ok()?;
    entries.sort();
    let vocabulary =
        Vocabulary::new(&entries, &model.unk_token, &model.continuing_subword_prefix, model.max_input_chars_per_word)?;
    let added = added_tokens(&file.added_tokens, &entries)?;
    // Tokens that are only added have names, but no word is cut into them.
    let known = entries.0.len();
    let new: Vec<_> = added.iter().filter(|token| entries.id(&token.content).is_none()).collect();
    entries.0.extend(new.into_iter().map(|token| (Cow::Owned(token.content.clone()), token.id)));
    if entries.0.len() > known {
        entries.sort();
    }
    Some(WordPiece::from_parts(vocabulary, Names::new(&entries)?, AddedTokens::new(added)?, settings))
}

/// Whether a post-processor that may not add special tokens leaves the tokens as they are.
fn only_frames(post_processor: &Value) -> bool {
    match post_processor.get("type").and_then(Value::as_str) {
        None => post_processor.is_null(),
        Some("BertProcessing") => true,
        Some("TemplateProcessing") => {
            let pieces = post_processor.get("single").and_then(Value::as_array);
            let mut sequences = pieces.into_iter().flatten().filter(|piece| piece.get("SpecialToken").is_none());
            let is_a = |piece: &Value| piece.pointer("/Sequence/id").is_some_and(|id| id == "A");
            sequences.next().is_some_and(is_a) && sequences.next().is_none()
        }
        Some(_) => false,
    }
}

/// The added tokens of a file with the ids that `tokenizers` gives them: the vocabulary's own, else the next ones after it,
/// whatever the file says; none where one of them is matched in a way that is not done here.
fn added_tokens(list: &Value, vocabulary: &Entries<'_>) -> Option<Vec<Added>> {
    if list.is_null() {
        return Some(Vec::new());
    }
    let list = Vec::<AddedToken>::deserialize(list).ok()?;
    let mut next = u32::try_from(vocabulary.0.len()).ok()?;
    let mut added: Vec<Added> = Vec::with_capacity(list.len());
    for token in list {
        if token.single_word || token.normalized {
            return None;
        }
        let id = vocabulary.id(&token.content).unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        // Two tokens of one id displace each other there.
        if added.iter().any(|other| other.id == id) {
            return None;
        }
        added.push(Added { content: token.content, id, strips_left: token.lstrip, strips_right: token.rstrip });
    }
    Some(added)
}
