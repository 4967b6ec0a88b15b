//! Lines of reStructuredText go in, what they start with comes out; keeps no state.

/// Characters of an enumerator between its marks.
const ENUMERATOR_CHARS_MAX: usize = 6;

/// Spaces at the start of a line.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// How many of `lines` are empty or set in, without the empty ones at the end.
pub(super) fn indented(lines: &[&str]) -> usize {
    let all = lines.iter().take_while(|line| line.is_empty() || line.starts_with(' ')).count();
    lines[..all].iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1)
}

/// `lines` without the spaces that all of them start with.
pub(super) fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let common = lines.iter().filter(|line| !line.is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(common..).unwrap_or_default()).collect()
}

/// The character of a line under or over a title.
pub(super) fn adornment(line: &str) -> Option<u8> {
    let first = *line.as_bytes().first()?;
    (first.is_ascii_punctuation() && line.len() >= 2 && line.bytes().all(|byte| byte == first)).then_some(first)
}

/// Whether an adornment of `length` fits under `title`.
pub(super) fn fits(title: &str, length: usize) -> bool {
    !title.is_empty() && (length >= 4 || length >= title.chars().count())
}

/// The name of a field and what follows on its line: `:name: value`.
pub(super) fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let is_name = !name.is_empty() && !name.starts_with(char::is_whitespace) && !name.contains('`');
    (is_name && (value.is_empty() || value.starts_with(' '))).then(|| (name, value.trim()))
}

/// The bytes before the text of an item with a bullet.
pub(super) fn bullet(line: &str) -> Option<usize> {
    let bullet = line.chars().next().filter(|c| matches!(c, '*' | '-' | '+' | '•' | '‣'))?.len_utf8();
    let rest = &line[bullet..];
    (rest.is_empty() || rest.starts_with(' ')).then(|| bullet + indent(rest))
}

/// The enumerator of a list item, such as `1.`, `(b)` or `#.`, and the bytes before its text.
///
/// `A. Einstein` at the start of a paragraph is none: the line after an item is empty, set in, or an item, too.
pub(super) fn enumerator<'a>(line: &'a str, next: Option<&&str>) -> Option<(&'a str, usize)> {
    let (mark, rest) = line.split_once(' ')?;
    let label = mark.strip_suffix('.').or_else(|| mark.strip_suffix(')'))?;
    let label = label.strip_prefix('(').unwrap_or(label);
    let is_number = !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    let is_roman = !label.is_empty() && label.to_ascii_lowercase().bytes().all(|byte| b"ivxlcdm".contains(&byte));
    let is_letter = label.len() == 1 && label.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_label = label == "#" || is_number || is_roman || is_letter;
    let follows = next.is_none_or(|next| next.is_empty() || next.starts_with(' ') || enumerator(next, None).is_some());
    let is_item = is_label && label.len() <= ENUMERATOR_CHARS_MAX && follows && !rest.trim().is_empty();
    is_item.then(|| (mark, mark.len() + 1 + indent(rest)))
}

/// The name of a directive and what follows on its line: `name:: arguments`.
pub(super) fn directive(line: &str) -> Option<(&str, &str)> {
    let (name, arguments) = line.split_once("::")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_+.:-".contains(c));
    (is_name && (arguments.is_empty() || arguments.starts_with(' '))).then(|| (name, arguments.trim()))
}
