//! The edge to the terminal: data on stdout, everything else on stderr, and no control character that came from outside.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// A look for a piece of text; plain where the terminal or the user wants none.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look {
    /// What a line is about.
    Strong,
    /// What stands back.
    Faint,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// A source or a number that points to one.
    Source,
}

/// Where a text goes; each has its own answer to whether colour is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

fn colours(stream: Stream) -> bool {
    let is_terminal = match stream {
        Stream::Out => std::io::stdout().is_terminal(),
        Stream::Err => std::io::stderr().is_terminal(),
    };
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// `text` in `look`, for `stream`.
pub(crate) fn styled(stream: Stream, look: Look, text: &str) -> String {
    if !colours(stream) {
        return text.to_string();
    }
    let code = match look {
        Look::Strong => "1",
        Look::Faint => "2",
        Look::Good => "32",
        Look::Warn => "33",
        Look::Bad => "31;1",
        Look::Source => "36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// `text` with every character that could steer a terminal or reorder text made visible. Line breaks and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if steers(c) => write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail"),
            c => shown.push(c),
        }
    }
    shown
}

/// [`visible`] on one line: white space is single spaces.
pub(crate) fn one_line(text: &str) -> String {
    visible(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// C0 and C1 controls, and the marks that change the direction of text.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

/// Writes `text` to stdout. A reader that has gone away is no error: `ibid … | head` is fine.
///
/// # Errors
/// [`Error::Io`] when stdout fails otherwise.
pub(crate) fn out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Error::io("write to", "stdout")),
    }
}

/// Writes one JSON value and a line break to stdout.
///
/// # Errors
/// [`Error::Io`] when stdout fails.
pub(crate) fn out_json(value: &serde_json::Value) -> Result<()> {
    out(&json_line(value))
}

/// One JSON value and a line break. Control characters are escaped, the C1 ones too.
pub(crate) fn json_line(value: &serde_json::Value) -> String {
    let text = value.to_string();
    let mut escaped = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            // JSON itself escapes below U+0020; the rest is only legal, not harmless.
            c if steers(c) => {
                write!(escaped, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => escaped.push(c),
        }
    }
    escaped.push('\n');
    escaped
}

/// Writes a line to stderr; nobody is told when that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The path as a person in the current folder would write it.
pub(crate) fn shown_path(path: &str) -> String {
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    let short =
        here.as_deref().and_then(|here| Path::new(path).strip_prefix(here).ok()).map(|path| path.display().to_string());
    one_line(&short.filter(|short| !short.is_empty()).unwrap_or_else(|| path.to_string()))
}

/// `count` with its noun: `1 file`, `2 files`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count))
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut spaced = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    spaced
}

/// Bytes in the unit that leaves a short number.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Seconds as a person says them.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        v if v < 1.0 => format!("{:.0} ms", v * 1000.0),
        v if v < 60.0 => format!("{v:.1} s"),
        v => format!("{} min {:.0} s", (v / 60.0).floor(), v % 60.0),
    }
}

/// `text` broken into lines of at most `width` columns, each behind `indent`.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    use unicode_width::UnicodeWidthStr;
    let room = width.saturating_sub(indent.width()).max(20);
    let mut lines = String::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.width() + 1 + word.width() > room {
                lines.push_str(indent);
                lines.push_str(&line);
                lines.push('\n');
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push_str(indent);
        lines.push_str(&line);
        lines.push('\n');
    }
    lines.trim_end_matches('\n').to_string()
}

/// Columns of the terminal, within reason; 100 where there is none.
pub(crate) fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(100, |(width, _)| width.0);
    usize::from(columns).clamp(40, 110)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        let shown = visible("a\x1b[31mred\u{9b}2J \u{202e}evil\x07\u{7f} é\tok\n");
        assert_eq!(shown, "a\\u{1b}[31mred\\u{9b}2J \\u{202e}evil\\u{7}\\u{7f} é\tok\n");
        assert_eq!(one_line("a\n b\t c"), "a b c");
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(bytes(1_500_000), "1.5 MB");
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(125.0), "2 min 5 s");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        let text = "one two three four five six seven eight nine ten";
        let lines = wrapped(text, 24, "  ");
        assert!(lines.lines().all(|line| line.starts_with("  ") && line.len() <= 24));
        assert_eq!(lines.split_whitespace().collect::<Vec<_>>().join(" "), text);
    }
}
