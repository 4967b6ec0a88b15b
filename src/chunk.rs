//! A document in, chunks out: token-bounded byte spans along headings, paragraphs and sentences; never sees a vector.
//!
//! `chunk.text(document) == document.text[chunk.span]` always: whatever is added for the model stays outside the span.

use serde::{Deserialize, Serialize};

use crate::document::{Block, BlockKind, ByteSpan, Document, Format};
use crate::error::Result;
use crate::inference::tokenizer::{Tokenizer, Tokens};
use crate::sentences::sentences;

/// The least [`ChunkSettings::tokens_max`]. Cutting a long sentence takes 2; a smaller chunk than this says too little.
pub const TOKENS_MAX_LEAST: usize = 16;

/// The greatest [`ChunkSettings::context_tokens_max`]: half of what the built-in embedder reads (256); the rest is for the
/// text.
pub const CONTEXT_TOKENS_MOST: usize = 128;

/// How documents are split. Part of the identity of an index: other settings give other chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChunkSettings {
    /// Tokens of a chunk's own text at most; at least [`TOKENS_MAX_LEAST`].
    pub tokens_max: usize,
    /// A heading starts a new chunk once the current one has this many tokens; a new page always does. At most
    /// `tokens_max`, except for the default, under which headings then start no chunk.
    pub tokens_min: usize,
    /// Tokens of whole sentences repeated from the end of the chunk before, where a section is longer than one chunk;
    /// less than `tokens_max`.
    pub overlap_tokens: usize,
    /// Tokens of context (title, headings) put before a chunk for the model, outside its span; at most
    /// [`CONTEXT_TOKENS_MOST`].
    pub context_tokens_max: usize,
}

impl Default for ChunkSettings {
    fn default() -> Self {
        Self { tokens_max: 200, tokens_min: 64, overlap_tokens: 32, context_tokens_max: 48 }
    }
}

/// A passage of a document: the unit that is embedded, found and cited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it lies in the document's text.
    pub span: ByteSpan,
    /// The page of its first byte, where the format has pages.
    pub page: Option<u32>,
    /// The headings above it, outermost first.
    pub heading: Vec<String>,
    /// The tokens of its text.
    pub tokens: Tokens,
}

impl Chunk {
    /// The chunk's text, byte for byte as in the document.
    #[must_use]
    pub fn text<'a>(&self, document: &'a Document) -> &'a str {
        self.span.of(&document.text)
    }
}

/// Splits `document` into chunks, in text order. Every word of the text is in at least one of them.
///
/// # Errors
/// [`Error::Tokenizer`](crate::error::Error::Tokenizer) when the tokenizer fails.
///
/// # Panics
/// When `tokens_max` is below [`TOKENS_MAX_LEAST`]: the settings are checked where they are read.
pub fn chunk(document: &Document, tokenizer: &Tokenizer, settings: &ChunkSettings) -> Result<Vec<Chunk>> {
    assert!(settings.tokens_max >= TOKENS_MAX_LEAST, "a chunk holds {TOKENS_MAX_LEAST} tokens or more");
    let mut builder = Builder::new(document, settings);
    for block in blocks_and_gaps(document) {
        let tokens = tokenizer.encode(block.span.of(&document.text))?;
        let page = document.page_at(block.span.start);
        match block.kind {
            BlockKind::Heading { level } => builder.heading(level, block.span, page, &tokens),
            kind => {
                if kind == BlockKind::Code && document.format == Format::Code {
                    builder.make_room(tokens.len());
                }
                for unit in units(&document.text, block.span, kind, &tokens, settings.tokens_max) {
                    builder.push(unit, page);
                }
            }
        }
    }
    Ok(builder.finish())
}

/// The document's blocks with whatever text lies between them as paragraphs of their own.
fn blocks_and_gaps(document: &Document) -> Vec<Block> {
    let mut all = Vec::with_capacity(document.blocks.len());
    let mut at = 0;
    let gap = |from: usize, to: usize, all: &mut Vec<Block>| {
        let span = ByteSpan::new(from, to).trimmed(&document.text);
        if !span.is_empty() {
            all.push(Block::new(BlockKind::Paragraph, span));
        }
    };
    for block in &document.blocks {
        gap(at, block.span.start, &mut all);
        all.push(block.clone());
        at = block.span.end;
    }
    gap(at, document.text.len(), &mut all);
    all
}

/// The smallest thing that is never split: a sentence, a table row, or a piece of one that is longer than a chunk.
#[derive(Debug, Clone)]
struct Unit {
    span: ByteSpan,
    tokens: Tokens,
    is_heading: bool,
}

impl Unit {
    fn new(span: ByteSpan, at: usize, tokens: &Tokens, range: std::ops::Range<usize>, is_heading: bool) -> Self {
        let spans = tokens.spans[range.clone()].iter().map(|s| ByteSpan::new(s.start + at, s.end + at)).collect();
        Self { span, tokens: Tokens { ids: tokens.ids[range].to_vec(), spans }, is_heading }
    }
}

/// Units of one block. `tokens` are the block's, with spans counted from its start.
fn units(text: &str, block: ByteSpan, kind: BlockKind, tokens: &Tokens, tokens_max: usize) -> Vec<Unit> {
    let inner = block.of(text);
    let spans = match kind {
        BlockKind::Table | BlockKind::Code => lines(inner),
        _ => sentences(inner),
    };
    let mut units = Vec::with_capacity(spans.len());
    let mut next = 0;
    for span in spans {
        // Tokens between sentences, if a splitter ever leaves some, belong to the one that follows.
        let last = next + tokens.spans[next..].partition_point(|token| token.start < span.end);
        let whole = ByteSpan::new(span.start + block.start, span.end + block.start);
        for (range, piece) in pieces(inner, next..last, tokens, tokens_max) {
            let piece = piece.map_or(whole, |piece| ByteSpan::new(piece.start + block.start, piece.end + block.start));
            units.push(Unit::new(piece, block.start, tokens, range, false));
        }
        next = last;
    }
    units
}

fn lines(text: &str) -> Vec<ByteSpan> {
    let mut at = 0;
    let mut spans = Vec::new();
    for line in text.split_inclusive('\n') {
        let span = ByteSpan::new(at, at + line.len()).trimmed(text);
        if !span.is_empty() {
            spans.push(span);
        }
        at += line.len();
    }
    spans
}

/// The token range as it is (no span: the caller knows it), or cut into ranges of at most `tokens_max`, preferably before
/// a token that follows white space.
fn pieces(
    text: &str,
    range: std::ops::Range<usize>,
    tokens: &Tokens,
    tokens_max: usize,
) -> Vec<(std::ops::Range<usize>, Option<ByteSpan>)> {
    if range.len() <= tokens_max {
        return vec![(range, None)];
    }
    let starts_word = |index: usize| {
        let start = tokens.spans[index].start;
        text[..start].ends_with(char::is_whitespace)
    };
    let mut pieces = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let full = (from + tokens_max).min(range.end);
        let to = match full == range.end {
            true => full,
            false => (from + tokens_max / 2..=full).rev().find(|&index| starts_word(index)).unwrap_or(full),
        };
        let span = ByteSpan::new(tokens.spans[from].start, tokens.spans[to - 1].end);
        pieces.push((from..to, Some(span)));
        from = to;
    }
    pieces
}

struct Builder<'a> {
    document: &'a Document,
    settings: &'a ChunkSettings,
    chunks: Vec<Chunk>,
    /// Units of the chunk being built.
    units: Vec<Unit>,
    /// How many of them are repeated from the chunk before.
    repeated: usize,
    token_count: usize,
    page: Option<u32>,
    /// Headings in force, with their levels.
    path: Vec<(u8, String)>,
    /// The path in force at the first running text of the chunk being built.
    chunk_path: Option<Vec<String>>,
}

impl<'a> Builder<'a> {
    fn new(document: &'a Document, settings: &'a ChunkSettings) -> Self {
        Self {
            document,
            settings,
            chunks: Vec::new(),
            units: Vec::new(),
            repeated: 0,
            token_count: 0,
            page: None,
            path: Vec::new(),
            chunk_path: None,
        }
    }

    fn heading(&mut self, level: u8, span: ByteSpan, page: Option<u32>, tokens: &Tokens) {
        if self.token_count >= self.settings.tokens_min {
            self.flush(Repeat::Nothing);
        }
        self.path.retain(|(above, _)| *above < level);
        let title: Vec<&str> = span.of(&self.document.text).split_whitespace().collect();
        self.path.push((level, title.join(" ")));
        for (range, piece) in pieces(span.of(&self.document.text), 0..tokens.len(), tokens, self.settings.tokens_max) {
            let piece = piece.map_or(span, |piece| ByteSpan::new(piece.start + span.start, piece.end + span.start));
            self.push(Unit::new(piece, span.start, tokens, range, true), page);
        }
    }

    fn push(&mut self, unit: Unit, page: Option<u32>) {
        if page != self.page {
            // A chunk never runs over a page's end, so that its page is the page of every quote from it.
            self.flush(Repeat::Nothing);
            self.page = page;
        }
        if self.token_count + unit.tokens.len() > self.settings.tokens_max {
            self.flush(Repeat::Overlap);
            if self.token_count + unit.tokens.len() > self.settings.tokens_max {
                // Repeated sentences that leave no room are dropped; headings that do become a chunk of their own.
                self.flush(Repeat::Nothing);
            }
        }
        if !unit.is_heading && self.chunk_path.is_none() {
            self.chunk_path = Some(self.path.iter().map(|(_, title)| title.clone()).collect());
        }
        self.token_count += unit.tokens.len();
        self.units.push(unit);
    }

    /// Closes the chunk being built when `tokens` more do not fit into it, but do into the next: an item of source code that fits a chunk
    /// is never divided between two.
    fn make_room(&mut self, tokens: usize) {
        let is_over = self.token_count + tokens > self.settings.tokens_max;
        if is_over && tokens <= self.settings.tokens_max {
            self.flush(Repeat::Nothing);
        }
    }

    /// Closes the chunk being built. Headings at its end move on to the next one: they belong to what follows.
    fn flush(&mut self, repeat: Repeat) {
        let mut units = std::mem::take(&mut self.units);
        let body = units.iter().rposition(|unit| !unit.is_heading).map_or(units.len(), |last| last + 1);
        let carried = units.split_off(body);
        let has_new = units.len() > self.repeated;
        if has_new {
            self.chunks.push(self.close(&units));
        }
        self.clear();
        if let (Repeat::Overlap, true, true) = (repeat, has_new, carried.is_empty()) {
            let mut room = self.settings.overlap_tokens;
            let mut first = units.len();
            while first > 0 && !units[first - 1].is_heading && units[first - 1].tokens.len() <= room {
                first -= 1;
                room -= units[first].tokens.len();
            }
            // A chunk that only repeats the one before would be no step forward.
            if first > 0 {
                self.units = units.split_off(first);
            }
        }
        self.repeated = self.units.len();
        self.units.extend(carried);
        self.token_count = self.units.iter().map(|unit| unit.tokens.len()).sum();
    }

    fn clear(&mut self) {
        self.units.clear();
        self.repeated = 0;
        self.token_count = 0;
        self.chunk_path = None;
    }

    fn close(&self, units: &[Unit]) -> Chunk {
        let first = units.first().expect("a chunk is closed only when it has units");
        let last = units.last().expect("a chunk is closed only when it has units");
        let span = ByteSpan::new(first.span.start, last.span.end);
        let heading = match &self.chunk_path {
            Some(path) => path.clone(),
            None => self.path.iter().map(|(_, title)| title.clone()).collect(),
        };
        let mut tokens = Tokens::default();
        for unit in units {
            tokens.ids.extend_from_slice(&unit.tokens.ids);
            tokens.spans.extend_from_slice(&unit.tokens.spans);
        }
        Chunk { span, page: self.document.page_at(span.start), heading, tokens }
    }

    fn finish(mut self) -> Vec<Chunk> {
        if self.units.len() > self.repeated {
            let units = std::mem::take(&mut self.units);
            let chunk = self.close(&units);
            self.chunks.push(chunk);
        }
        self.chunks
    }
}

/// Whether the next chunk begins with the last sentences of this one.
#[derive(Clone, Copy)]
enum Repeat {
    Overlap,
    Nothing,
}
