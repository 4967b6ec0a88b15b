//! The WordPiece tokenizer of *ibid*: text in, vocabulary ids and byte spans out, exactly as the `tokenizers` crate gives
//! them for `tokenizer.json` files of the BERT kind; knows nothing of models, and leaves every other file to that crate.
//!
//! Why it is faster, most important first:
//! - a word of ASCII letters and digits is found, lower-cased and packed into two integers eight bytes at a time, and looked
//!   up whole in a table of such integers: no string is made and most words need nothing else;
//! - other words are cut by one walk of a trie for each piece instead of one lookup for each prefix;
//! - a word with other characters is normalized char by char through a table that is filled as blocks of Unicode are met.

mod added;
mod encode;
mod file;
mod fold;
mod names;
mod packed;
mod stream;
mod trie;
mod vocabulary;

use std::ops::Range;

pub use encode::WordPiece;
pub use file::Error;
pub use stream::Buffers;

/// The tokens of one text, without the special tokens that frame a model's input.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Vocabulary ids in text order.
    pub ids: Vec<u32>,
    /// Where each token lies in the text, in bytes; of the same length as `ids`.
    pub spans: Vec<Range<usize>>,
    buffers: Buffers,
}
