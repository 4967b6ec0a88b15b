//! A paragraph of reStructuredText goes in, its words without markup come out.

use std::collections::HashMap;

/// Bytes after an opening mark in which its closing mark is looked for.
const SPAN_BYTES_MAX: usize = 4000;
/// Characters of the name of a role. Each colon opens one, so that without a bound a line of colons is passed once for each of them.
const ROLE_CHARS_MAX: usize = 100;

/// `text` without emphasis, roles, links and escapes; `substitutions` are the texts of names between bars.
pub(super) fn plain(text: &str, substitutions: &HashMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut spans = Spans { text, substitutions, unclosed: [0; MARKS.len()] };
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        let before = text[..at].chars().next_back();
        if character == '\\' {
            // An escaped space joins what stands around it.
            let escaped = rest[1..].chars().next();
            out.extend(escaped.filter(|c| !c.is_whitespace()));
            at += 1 + escaped.map_or(0, char::len_utf8);
            continue;
        }
        if before.is_none_or(ends_before)
            && let Some((shown, length)) = spans.take(at)
        {
            out.push_str(&shown);
            at += length;
            continue;
        }
        if character == '_' && is_reference(before, &rest[1..]) {
            at += 1 + usize::from(rest.starts_with("__"));
            continue;
        }
        out.push(character);
        at += character.len_utf8();
    }
    out
}

/// Whether `_` after `before` ends the name of a link.
fn is_reference(before: Option<char>, rest: &str) -> bool {
    let rest = rest.strip_prefix('_').unwrap_or(rest);
    before.is_some_and(|c| c.is_alphanumeric() || c == ']') && rest.chars().next().is_none_or(ends_before)
}

/// Whether a mark may stand beside this character.
fn ends_before(after: char) -> bool {
    !after.is_alphanumeric() && !matches!(after, '`' | '_' | '*')
}

/// Marks that close what they open.
const MARKS: [&str; 5] = ["``", "**", "*", "|", "`"];

struct Spans<'a> {
    text: &'a str,
    substitutions: &'a HashMap<String, String>,
    /// For each mark the place before which none closes: what was searched once is not searched again.
    unclosed: [usize; MARKS.len()],
}

impl<'a> Spans<'a> {
    /// The text of the marked span at `at`, and its length in bytes.
    fn take(&mut self, at: usize) -> Option<(String, usize)> {
        let rest = &self.text[at..];
        let mark = MARKS.iter().position(|mark| rest.starts_with(mark)).filter(|mark| MARKS[*mark] != "`");
        let Some(mark) = mark else { return self.quoted(at) };
        let sign = MARKS[mark];
        let inner = self.closed(mark, at + sign.len())?;
        let length = inner.len() + 2 * sign.len();
        Some(match sign {
            "``" => (inner.to_owned(), length),
            "|" => {
                let after = &rest[length..];
                let shown = self.substitutions.get(inner)?.clone();
                (shown, length + (after.len() - after.trim_start_matches('_').len()).min(2))
            }
            _ => (unescaped(inner), length),
        })
    }

    /// Text between back quotes, with the role before or behind it.
    fn quoted(&mut self, at: usize) -> Option<(String, usize)> {
        let rest = &self.text[at..];
        let role = role(rest);
        let target = usize::from(rest[role..].starts_with("_`"));
        if !rest[role + target..].starts_with('`') {
            return None;
        }
        let inner = self.closed(MARKS.len() - 1, at + role + target + 1)?;
        let mut length = role + target + inner.len() + 2;
        let after = &rest[length..];
        let shown = shown(inner, role > 0 || after.starts_with('_'));
        // A link ends with one or two low lines, a role may stand behind its text.
        if role == 0 {
            length += (after.len() - after.trim_start_matches('_').len()).min(2);
            length += self::role(after);
        }
        Some((shown, length))
    }

    /// What stands from `from` to the next closing mark; none when there is none near.
    fn closed(&mut self, mark: usize, from: usize) -> Option<&'a str> {
        let text = self.text;
        let sign = MARKS[mark];
        let mut end = from.saturating_add(SPAN_BYTES_MAX).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if text.get(from..)?.starts_with(char::is_whitespace) {
            return None;
        }
        let mut at = from.max(self.unclosed[mark]);
        while let Some(found) = text.get(at..end.max(at)).and_then(|rest| rest.find(sign)) {
            let close = at + found;
            let before = text[..close].chars().next_back();
            if close > from && before.is_some_and(|c| !c.is_whitespace() && (c != '\\' || sign == "``")) {
                return Some(&text[from..close]);
            }
            at = close + sign.len();
        }
        self.unclosed[mark] = self.unclosed[mark].max(end);
        None
    }
}

/// `text` without the backslashes that keep a sign from being a mark.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.extend(characters.next().filter(|c| !c.is_whitespace())),
            other => out.push(other),
        }
    }
    out
}

/// The length of a role such as `:ref:`, 0 without one.
fn role(rest: &str) -> usize {
    let Some(inner) = rest.strip_prefix(':') else { return 0 };
    let is_named = |c: &char| c.is_alphanumeric() || "_+.-:".contains(*c);
    let length = inner.chars().take(ROLE_CHARS_MAX).take_while(is_named).map(char::len_utf8).sum::<usize>();
    match inner[..length].strip_suffix(':') {
        Some(name) if !name.is_empty() && !name.starts_with(':') => length + 1,
        _ => 0,
    }
}

/// The text of `` `text <target>` `` and the like.
fn shown(inner: &str, is_link: bool) -> String {
    let text = match inner.rsplit_once('<') {
        Some((text, target)) if is_link && target.ends_with('>') => match text.trim() {
            "" => target.trim_end_matches('>'),
            text => text,
        },
        _ => inner,
    };
    let text = if is_link { text.trim_start_matches(['~', '!']) } else { text };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
