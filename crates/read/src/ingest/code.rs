//! Source code goes in, the same text comes out with a block for each item: a function, a type, a method with the comment above it.
//!
//! Told apart by light rules on lines and not by grammars: a grammar for each language would be most of the binary, and where
//! chunks begin needs no more. Where the rules fail, blocks end at empty lines.

mod rules;

use std::ops::Range;

pub use rules::Language;

use rules::Rules;

use crate::document::{Block, BlockKind, ByteSpan, Document, Format};

/// Lines from which a type is divided into its methods.
const CONTAINER_LINES_MIN: usize = 60;
/// Types inside types that are divided.
const DEPTH_MAX: usize = 4;
/// Words of a line among which the one that makes it an item stands.
const ITEM_WORDS_MAX: usize = 6;
/// Lines without a new item after which an open brace is taken for a mistake.
const OPEN_LINES_MAX: usize = 2000;
/// Words that are called like functions but name nothing.
const STATEMENTS: &[&str] =
    &["if", "for", "while", "switch", "return", "else", "do", "match", "using", "use", "import", "include", "assert"];

/// Reads source code; the document's text is `text`, unchanged.
#[must_use]
pub fn read_code(text: String, language: Language) -> Document {
    let lines = lines(&text);
    let mut starts = Vec::new();
    let reader = Reader { text: &text, lines: &lines, rules: language.rules() };
    let base = lines.iter().filter(|line| line.end > line.start).map(|line| line.indent).min().unwrap_or(0);
    reader.items(0..lines.len(), base, 0, &mut starts);
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let blocks = starts
        .iter()
        .zip(ends)
        .filter_map(|(from, to)| {
            let shown = |line: &&Line| line.end > line.start;
            let (first, last) = (lines[*from..to].iter().find(shown)?, lines[*from..to].iter().rfind(shown)?);
            Some(Block::new(BlockKind::Code, ByteSpan::new(first.start, last.end)))
        })
        .collect();
    Document { format: Format::Code, text, blocks, ..Document::default() }
}

/// A line without white space at its end; `start == end` for an empty one.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    /// Characters of white space at the start.
    indent: usize,
}

fn lines(text: &str) -> Vec<Line> {
    let mut start = 0;
    let split = text.split_inclusive('\n').map(|line| {
        let end = start + line.trim_end().len();
        let indent = line.len() - line.trim_start().len();
        let line_start = start;
        start += line.len();
        Line { start: line_start, end, indent }
    });
    split.collect()
}

struct Reader<'a> {
    text: &'a str,
    lines: &'a [Line],
    rules: &'a Rules,
}

/// What is known while lines are passed.
#[derive(Default)]
struct State {
    /// The first line of the item that is open.
    from: Option<usize>,
    /// The first of the comments and attributes that the last lines are.
    lead: Option<usize>,
    /// Whether the item has lines below its first that are set in.
    has_body: bool,
    after_blank: bool,
    /// Braces that are open, and since which line.
    braces: i64,
    opened_at: usize,
    /// The sign that ends the text or comment over several lines that is open.
    closing: Option<&'static str>,
    /// Whether the statement that is open has not ended.
    in_statement: bool,
}

impl Reader<'_> {
    fn content(&self, at: usize) -> &str {
        let line = self.lines[at];
        self.text[line.start..line.end].trim_start()
    }

    /// Adds the first lines of the items in `range`, whose lines start at column `base`.
    fn items(&self, range: Range<usize>, base: usize, depth: usize, starts: &mut Vec<usize>) {
        let mut groups = Vec::new();
        let mut state = State::default();
        for at in range.clone() {
            self.line(at, base, &mut state, &mut groups);
        }
        groups.extend(state.from);
        for (index, first) in groups.iter().enumerate() {
            let end = groups.get(index + 1).copied().unwrap_or(range.end);
            starts.push(*first);
            if depth < DEPTH_MAX && end - first >= CONTAINER_LINES_MIN {
                self.members(*first..end, depth, starts);
            }
        }
    }

    /// Adds the first lines of the methods of a long type; what stands between them stays with what is before it.
    fn members(&self, range: Range<usize>, depth: usize, starts: &mut Vec<usize>) {
        let Some(named) = range.clone().find(|at| self.is_named(*at)) else { return };
        if !head(self.content(named)).any(|word| self.rules.containers.contains(&word)) {
            return;
        }
        let base = self.lines[range.start].indent;
        let is_inner = |at: &usize| self.is_shown(*at) && self.lines[*at].indent > base;
        let (Some(from), Some(last)) = ((named + 1..range.end).find(is_inner), (named + 1..range.end).rfind(is_inner))
        else {
            return;
        };
        let mut found = Vec::new();
        self.items(from..last + 1, self.lines[from].indent, depth + 1, &mut found);
        starts.extend(found.into_iter().filter(|at| {
            let named = (*at..range.end).find(|at| self.is_shown(*at) && !self.is_lead(*at));
            named.is_some_and(|at| self.is_named(at))
        }));
    }

    fn is_shown(&self, at: usize) -> bool {
        self.lines[at].end > self.lines[at].start
    }

    fn line(&self, at: usize, base: usize, state: &mut State, groups: &mut Vec<usize>) {
        let content = self.content(at);
        if let Some(closing) = state.closing {
            state.closing = (!content.contains(closing)).then_some(closing);
            return;
        }
        if content.is_empty() {
            state.after_blank = true;
            return;
        }
        let is_outer = self.lines[at].indent <= base;
        let is_lead = is_outer && self.is_lead(at);
        let drifts = at - state.opened_at.min(at) > OPEN_LINES_MAX;
        let is_open = state.in_statement || (state.braces > 0 && !drifts && !is_keyword(content, self.rules));
        match state.from {
            Some(_) if !is_outer || is_open || self.continues(content) => {
                state.has_body = true;
                state.lead = None;
            }
            Some(from) if state.after_blank || state.has_body => {
                groups.push(from);
                *state = State { from: Some(at), lead: is_lead.then_some(at), ..State::default() };
            }
            Some(from) => {
                // Comments right above belong to the item.
                let first = state.lead.unwrap_or(at);
                if first != from && self.is_named(at) && !self.is_half(from, at) {
                    groups.push(from);
                    *state = State { from: Some(first), ..State::default() };
                }
                state.lead = is_lead.then_some(state.lead.unwrap_or(at));
            }
            None => *state = State { from: Some(at), lead: is_lead.then_some(at), ..State::default() },
        }
        state.after_blank = false;
        self.pass(at, content, state);
    }

    /// Whether the line before `at` is the first half of a name, as in C with its type above.
    fn is_half(&self, from: usize, at: usize) -> bool {
        let before = self.content(from);
        from + 1 == at
            && !before.ends_with([';', '}', ',', ':'])
            && !is_keyword(before, self.rules)
            && self.rules.braces
    }

    /// Counts what the line opens and closes.
    fn pass(&self, at: usize, content: &str, state: &mut State) {
        if self.rules.braces {
            let before = state.braces;
            state.braces = (state.braces + braces(content)).max(0);
            if before == 0 {
                state.opened_at = at;
            }
        }
        let comment = content.rfind("/*").filter(|open| !content[*open..].contains("*/"));
        if comment.is_some() && self.rules.leads.contains(&"/*") {
            state.closing = Some("*/");
        }
        for quote in self.rules.quotes {
            if content.matches(quote).count() % 2 == 1 {
                state.closing = Some(quote);
            }
        }
        if self.rules.statements && !self.is_lead(at) {
            state.in_statement = !content.ends_with(';');
            state.has_body = true;
        }
    }

    fn is_lead(&self, at: usize) -> bool {
        let content = self.content(at);
        self.rules.leads.iter().any(|lead| content.starts_with(lead))
    }

    fn continues(&self, content: &str) -> bool {
        content.starts_with(['}', ')', ']', '{'])
            || words(content).next().is_some_and(|word| self.rules.continuations.contains(&word))
    }

    /// Whether the line names an item.
    fn is_named(&self, at: usize) -> bool {
        let content = self.content(at);
        if self.is_lead(at) && !content.starts_with("@i") {
            return false;
        }
        let calls = || {
            let first = words(content).next().unwrap_or_default();
            content.contains('(')
                && !content.ends_with([';', ','])
                && !STATEMENTS.contains(&first)
                && !content.starts_with('#')
        };
        is_keyword(content, self.rules) || (self.rules.braces && calls())
    }
}

/// Whether one of the first words is the name of a kind of item.
fn is_keyword(content: &str, rules: &Rules) -> bool {
    let known = |word: &str| match rules.statements {
        true => rules.items.iter().any(|item| item.eq_ignore_ascii_case(word)),
        false => rules.items.contains(&word),
    };
    head(content).any(known)
}

/// The words at the start of a line, before parameters and values.
fn head(content: &str) -> impl Iterator<Item = &str> {
    let seen = content.strip_prefix("pub(").and_then(|rest| rest.split_once(") ")).map_or(content, |(_, rest)| rest);
    words(seen.split(['(', '=', '{', '"']).next().unwrap_or_default()).take(ITEM_WORDS_MAX)
}

fn words(content: &str) -> impl Iterator<Item = &str> {
    content.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '@')).filter(|word| !word.is_empty())
}

/// Braces that a line opens less those that it closes, outside strings and comments that begin and end in it.
fn braces(content: &str) -> i64 {
    let bytes = content.as_bytes();
    let (mut net, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => net += 1,
            b'}' => net -= 1,
            b'/' if bytes.get(at + 1) == Some(&b'/') => break,
            b'\'' if bytes.get(at + 2) == Some(&b'\'') => at += 2,
            quote @ (b'"' | b'`') => {
                let end = (at + 1..bytes.len()).find(|end| bytes[*end] == quote && bytes[*end - 1] != b'\\');
                at = end.unwrap_or(at);
            }
            _ => {}
        }
        at += 1;
    }
    net
}

#[cfg(test)]
mod tests;
