//! Text with marks goes in, text without them comes out: what is not seen in blocks of its own, exponents and notes set apart, all spans moved.

use std::collections::HashSet;

use super::raised::{Form, form, name_of, power};
use super::{Look, Shift, is_mark, runs, visible};
use crate::document::{Block, BlockKind, ByteSpan, Cell, HiddenCause, Page, Warning};
use crate::ingest::blocks::first_lines;

/// A text whose marks are gone.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// The text.
    pub(crate) text: String,
    /// Its blocks; what is not seen stands in blocks of the kind `Hidden`, behind the block that it was part of.
    pub(crate) blocks: Vec<Block>,
    /// What was guessed.
    pub(crate) warnings: Vec<Warning>,
}

/// Takes the marks out of `text`, whose blocks and pages are `blocks` and `pages`; `names` are the marks of the notes that there are.
pub(crate) fn resolve(text: String, blocks: Vec<Block>, pages: &mut [Page], mut names: HashSet<String>) -> Resolved {
    if !text.contains(is_mark) {
        return Resolved { text, blocks, warnings: Vec::new() };
    }
    blocks.iter().for_each(|block| note_names(block.span.of(&text), &mut names));
    let mut resolver = Resolver { names, ..Resolver::default() };
    let mut moves = Vec::with_capacity(blocks.len());
    let mut at = 0;
    for block in blocks {
        let gap = &text[at..block.span.start];
        at = block.span.end;
        let before = resolver.text.len();
        // Nothing but the indent goes before the first block.
        let first = resolver.blocks.is_empty();
        resolver.text.push_str(if first { &gap[gap.rfind('\n').map_or(0, |at| at + 1)..] } else { gap });
        let start = resolver.text.len();
        let old = block.span;
        resolver.block(&text, &block);
        if resolver.text.len() == start {
            resolver.text.truncate(before);
        }
        let start = start.min(resolver.text.len());
        moves.push((old, ByteSpan::new(start, resolver.text.len())));
    }
    resolver.text.push_str(&visible(&text[at..]));
    for page in pages {
        page.span = ByteSpan::new(moved(page.span.start, &moves), moved(page.span.end, &moves));
    }
    let warnings = resolver.guesses.warning().into_iter().collect();
    Resolved { text: resolver.text, blocks: resolver.blocks, warnings }
}

/// Where byte `at`, the start or end of a block or between blocks, is now.
fn moved(at: usize, moves: &[(ByteSpan, ByteSpan)]) -> usize {
    match moves[..moves.partition_point(|(old, _)| old.start <= at)].last() {
        Some((old, new)) if at < old.end => new.start,
        Some((old, new)) => new.end + (at - old.end),
        None => 0,
    }
}

/// Adds the marks of the notes in `text` to `names`: what is raised at the start of a line, before its first word.
fn note_names(text: &str, names: &mut HashSet<String>) {
    if !text.contains(super::RAISED) {
        return;
    }
    for line in text.lines() {
        let runs = runs(line, &mut Look::default());
        let Some((look, range)) = runs.first() else { continue };
        let Some((_, next)) = runs.get(1) else { continue };
        // A sign before a letter is part of it, as in ¹⁴C; the mark of a note stands before a blank or a word.
        let (mark, rest) = (&line[range.clone()], &line[next.start..next.end]);
        let is_word =
            rest.chars().take(2).filter(|c| c.is_alphabetic()).count() == 2 && rest.chars().any(char::is_lowercase);
        let is_apart = mark.ends_with(char::is_whitespace) || rest.starts_with(char::is_whitespace) || is_word;
        if look.shift == Shift::Raised && look.cause.is_none() && is_apart {
            names.insert(name_of(mark).to_owned());
        }
    }
}

/// Raised characters that were taken for exponents although nothing says so.
#[derive(Debug, Default)]
struct Guesses {
    count: usize,
    first: String,
}

impl Guesses {
    fn warning(&self) -> Option<Warning> {
        let (count, first) = (self.count, &self.first);
        let message = match count {
            0 => return None,
            1 => {
                format!("1 raised run of characters is neither an exponent nor a known note and was written as {first}")
            }
            _ => format!(
                "{count} raised runs of characters are neither exponents nor known notes and were written as {first} is"
            ),
        };
        Some(Warning { page: None, lossy: false, message })
    }
}

/// What was cut from a line, by cause, in order.
type Asides = Vec<(HiddenCause, String)>;

#[derive(Debug, Default)]
struct Resolver {
    names: HashSet<String>,
    text: String,
    blocks: Vec<Block>,
    guesses: Guesses,
}

impl Resolver {
    /// Adds `block` of `source`, without its marks.
    fn block(&mut self, source: &str, block: &Block) {
        let segment = block.span.of(source);
        let start = self.text.len();
        if !segment.contains(is_mark) {
            self.text.push_str(segment);
            let moved = |span: ByteSpan| {
                ByteSpan::new(span.start - block.span.start + start, span.end - block.span.start + start)
            };
            let cells = block.cells.iter().map(|cell| Cell { span: moved(cell.span), ..*cell }).collect();
            let header = block.header.map(moved);
            self.blocks.push(Block { span: moved(block.span), cells, header, ..block.clone() });
            return;
        }
        let is_table = block.kind == BlockKind::Table;
        let asides = if is_table { self.table(segment, block) } else { self.lines(segment, block.kind) };
        for (cause, aside) in asides {
            let aside = aside.trim();
            if aside.is_empty() {
                continue;
            }
            if self.text.len() > start {
                self.text.push_str("\n\n");
            }
            let from = self.text.len();
            self.text.push_str(aside);
            self.blocks.push(Block::new(BlockKind::Hidden { cause }, ByteSpan::new(from, self.text.len())));
        }
    }

    /// Adds the block `segment` of the kind `kind`; what was cut from it.
    fn lines(&mut self, segment: &str, kind: BlockKind) -> Asides {
        let piece = self.piece(segment, &mut Look::default(), &[]);
        let text = if kind == BlockKind::Code { piece.text.trim_end() } else { piece.text.trim() };
        self.add(kind, text);
        piece.asides
    }

    fn add(&mut self, kind: BlockKind, text: &str) {
        if !text.is_empty() {
            let start = self.text.len();
            self.text.push_str(text);
            self.blocks.push(Block::new(kind, ByteSpan::new(start, self.text.len())));
        }
    }

    /// Adds the table `segment` without the rows of which nothing is seen; what was cut, of one cause together, a row a line.
    fn table(&mut self, segment: &str, block: &Block) -> Asides {
        let base = block.span.start;
        let start = self.text.len();
        let mut asides = Asides::new();
        let mut cells = Vec::with_capacity(block.cells.len());
        let mut left = block.cells.iter().peekable();
        let header_end = block.header.map(|header| header.end - base);
        let (mut from, mut rows, mut gone, mut header_rows) = (0, 0_u32, 0_u32, 0);
        let mut look = Look::default();
        for line in segment.split('\n') {
            let end = from + line.len();
            let mut own: Vec<Cell> = Vec::new();
            while let Some(cell) = left.next_if(|cell| cell.span.start - base < end.max(from + 1)) {
                own.push(*cell);
            }
            let bounds: Vec<usize> = own
                .iter()
                .flat_map(|cell| [cell.span.start, cell.span.end])
                .map(|at| at.saturating_sub(base + from))
                .collect();
            let piece = self.piece(line, &mut look, &bounds);
            let has_cut = !piece.asides.is_empty();
            let text = if has_cut { piece.text.trim_end_matches([' ', '|']) } else { piece.text.trim_end() };
            gather(piece.asides, &mut asides);
            if text.is_empty() && has_cut {
                gone += 1;
            } else {
                if rows > 0 {
                    self.text.push('\n');
                }
                rows += 1;
                header_rows += usize::from(header_end.is_some_and(|header| end <= header));
                let at = self.text.len();
                self.text.push_str(text);
                for (cell, pair) in own.iter().zip(piece.moved.chunks_exact(2)) {
                    let (first, last) = (pair[0].min(text.len()), pair[1].min(text.len()));
                    let span = ByteSpan::new(at + first, at + last.max(first)).trimmed(&self.text);
                    if !span.is_empty() {
                        cells.push(Cell { row: cell.row.saturating_sub(gone), span, ..*cell });
                    }
                }
            }
            from = end + 1;
        }
        let span = ByteSpan::new(start, self.text.len());
        if span.is_empty() {
            return asides;
        }
        let header = (header_rows > 0).then(|| first_lines(&self.text, span, header_rows));
        self.blocks.push(Block { span, cells, header, ..block.clone() });
        asides
    }

    /// One line of a table, or the whole of another block, without its marks; `bounds` are places in it, in order.
    fn piece(&mut self, source: &str, look: &mut Look, bounds: &[usize]) -> Piece {
        let runs = runs(source, look);
        let mut piece = Piece { moved: Vec::with_capacity(bounds.len()), ..Piece::default() };
        let mut bounds = bounds.iter().copied().peekable();
        // Whether the run before was cut, and the visible text ends where it was.
        let mut after_cut = None;
        for (index, (look, range)) in runs.iter().enumerate() {
            while bounds.next_if(|bound| *bound <= range.start).is_some() {
                piece.moved.push(piece.text.len());
            }
            let run = &source[range.clone()];
            if let Some(cause) = look.cause {
                match piece.asides.last_mut().filter(|(known, _)| *known == cause && after_cut == Some(cause)) {
                    Some((_, aside)) => aside.push_str(run),
                    None => piece.asides.push((cause, run.to_owned())),
                }
                after_cut = Some(cause);
                continue;
            }
            let mut range = range.clone();
            if after_cut.take().is_some() {
                range.start += piece.close_gap(run);
            }
            match look.shift {
                Shift::Raised => self.raised(&mut piece, run, Fraction::at(source, &runs[index + 1..]).as_ref()),
                Shift::Note => piece.note(name_of(run)),
                Shift::Level | Shift::Lowered => {
                    let mut from = range.start;
                    while let Some(bound) = bounds.next_if(|bound| *bound < range.end) {
                        let bound = bound.max(from);
                        piece.text.push_str(&source[from..bound]);
                        piece.moved.push(piece.text.len());
                        from = bound;
                    }
                    let shown = &source[from..range.end];
                    // The stroke of a fraction whose parts are raised and lowered, or of numbers that have none.
                    piece.text.push_str(if shown == "⁄" { "/" } else { shown });
                }
            }
        }
        piece.moved.extend(bounds.map(|_| piece.text.len()));
        piece
    }

    fn raised(&mut self, piece: &mut Piece, run: &str, fraction: Option<&Fraction>) {
        let mark = run.trim();
        // A blank between parts it from what stands before.
        let before = if run.starts_with(char::is_whitespace) { "" } else { piece.text.as_str() };
        if fraction.is_some() && mark.bytes().all(|byte| byte.is_ascii_digit()) {
            if before.ends_with(|c: char| c.is_ascii_digit()) {
                piece.text.push(' ');
            }
            piece.text.push_str(run);
            return;
        }
        match form(before, mark, &self.names) {
            Form::Plain => piece.text.push_str(run),
            Form::Note => {
                piece.note(name_of(mark));
                piece.text.push_str(&run[run.trim_end().len()..]);
            }
            shape @ (Form::Power | Form::Guess) => {
                let written = power(mark);
                if shape == Form::Guess {
                    self.guesses.count += 1;
                    if self.guesses.first.is_empty() {
                        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
                        self.guesses.first = format!("{word}{written}");
                    }
                }
                piece.text.push_str(&written);
                piece.text.push_str(&run[run.trim_end().len()..]);
            }
        }
    }
}

/// Adds what was cut from one line of a table to what was cut from the lines above, a line for each cause.
fn gather(line: Asides, all: &mut Asides) {
    let mut joined: Asides = Vec::new();
    for (cause, aside) in line {
        match joined.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, text)) => *text = format!("{text} | {}", aside.trim()),
            None => joined.push((cause, aside.trim().to_owned())),
        }
    }
    for (cause, line) in joined {
        match all.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, text)) => {
                text.push('\n');
                text.push_str(&line);
            }
            None => all.push((cause, line)),
        }
    }
}

/// A raised number before a stroke and a lowered one: `¹/₂`.
struct Fraction;

impl Fraction {
    fn at(source: &str, rest: &[super::Run]) -> Option<Self> {
        let [(stroke_look, stroke), (below_look, below), ..] = rest else { return None };
        let is_stroke = *stroke_look == Look::default() && matches!(&source[stroke.clone()], "/" | "⁄");
        let is_number = source[below.clone()].trim().bytes().all(|byte| byte.is_ascii_digit());
        (is_stroke && is_number && *below_look == Look::at(Shift::Lowered)).then_some(Self)
    }
}

/// A part of a text without marks.
#[derive(Debug, Default)]
struct Piece {
    text: String,
    asides: Asides,
    /// Where the bounds are now.
    moved: Vec<usize>,
}

impl Piece {
    /// Adds the mark of the note `name`, set apart.
    fn note(&mut self, name: &str) {
        if !self.text.is_empty() && !self.text.ends_with(|c: char| c.is_whitespace() || matches!(c, '(' | '[')) {
            self.text.push(' ');
        }
        self.text.push('[');
        self.text.push_str(name);
        self.text.push(']');
    }

    /// Closes the gap that a cut left before `next`; how many bytes of it are not written.
    fn close_gap(&mut self, next: &str) -> usize {
        let is_cell = next.starts_with(" |") || self.text.ends_with("| ");
        let ends_blank = self.text.is_empty() || self.text.ends_with([' ', '\n']);
        if is_cell || !ends_blank {
            return 0;
        }
        if next.starts_with([',', '.', ';', ':', '!', '?', ')']) && self.text.ends_with(' ') {
            self.text.pop();
        }
        next.len() - next.trim_start_matches(' ').len()
    }
}

#[cfg(test)]
mod tests;
