//! What stands before a raised run and the run go in, how it is written on one line comes out; knows nothing of formats.
//!
//! An exponent that is written without its `^` makes another number (`106` for 10⁶), and so does the mark of a note (`1,2345` for 1,234⁵).

use std::collections::HashSet;

/// Characters of a raised run that is still an exponent or a mark; a longer one is text in another place.
const RAISED_CHARS_MAX: usize = 12;

/// Units that numbers with exponents have, as they are written.
#[rustfmt::skip]
const UNITS: &[&str] = &[
    "m", "mm", "cm", "dm", "km", "nm", "µm", "μm", "ft", "in", "yd", "mi", "s", "ms", "sec", "min", "h", "hr", "kg", "g", "mg", "t", "W", "kW",
    "K", "Hz", "N", "kN", "Pa", "kPa", "J", "V", "A", "C", "mol", "L", "l", "mL", "ml", "ha", "px", "Å", "Ω", "rad", "sr", "cd", "lx", "T",
];
/// Those of them that are words too, and units only behind a number.
const UNITS_AND_WORDS: &[&str] = &["in", "min", "mi", "ha", "rad", "ms"];
/// The ends of ordinal numbers, which are raised by custom and mean the same on the line.
const ORDINALS: &[&str] = &["st", "nd", "rd", "th", "er", "ère", "re", "e", "è", "ème", "eme", "o", "a", "os", "as"];
/// What is raised behind words by custom and means the same on the line.
const SIGNS: &[&str] =
    &["TM", "SM", "MC", "®", "©", "™", "℠", "*", "**", "***", "†", "‡", "§", "¶", "°", "º", "ª", "′", "″", "'", "\""];

/// How a raised run is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// As an exponent.
    Power,
    /// As the mark of a note.
    Note,
    /// As an exponent, because nothing says what it is.
    Guess,
}

/// How the raised run `mark` behind `before` is written, where `names` are the marks of the notes that there are.
pub(super) fn form(before: &str, mark: &str, names: &HashSet<String>) -> Form {
    let base = before.rsplit(|c: char| c.is_whitespace() || c == '|').next().unwrap_or_default();
    let Some(last) = base.chars().next_back() else { return Form::Plain };
    if mark.is_empty() || mark.chars().nth(RAISED_CHARS_MAX).is_some() || mark.trim().contains(char::is_whitespace) {
        return Form::Plain;
    }
    let parts: Vec<&str> = name_of(mark).split([',', ';']).map(str::trim).collect();
    let is_known = !parts.is_empty() && parts.iter().all(|part| names.contains(*part));
    let is_signed = mark.starts_with(['+', '-', '−', '–']) && mark.chars().nth(1).is_some_and(char::is_alphanumeric);
    let is_count = is_count(mark);
    let word = word_of(base);
    if is_signed || number_of(base) == Some("10") {
        return if ORDINALS.contains(&mark) || SIGNS.contains(&mark) { Form::Plain } else { Form::Power };
    }
    if last.is_ascii_digit() {
        return match mark {
            _ if is_known || is_count => Form::Note,
            _ if ORDINALS.contains(&mark) || SIGNS.contains(&mark) => Form::Plain,
            _ if parts.iter().all(|part| part.chars().count() == 1) => Form::Note,
            _ => Form::Guess,
        };
    }
    if is_bracketed(mark) && is_count {
        return Form::Note;
    }
    let is_short = is_count || mark.chars().all(|c| c.is_alphanumeric() || "+-−*/()".contains(c));
    let stands_alone = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    if is_short && !SIGNS.contains(&mark) && (is_unit_of_number(before, word) || stands_alone) {
        return Form::Power;
    }
    if is_known {
        return Form::Note;
    }
    if ORDINALS.contains(&mark) || SIGNS.contains(&mark) {
        return Form::Plain;
    }
    match last {
        ')' | ']' | '}' => Form::Power,
        '.' | ',' | ';' | ':' | '!' | '?' | '"' | '\'' | '”' | '’' | '»' | '%' | '。' | '、' if is_count => {
            Form::Note
        }
        _ if UNITS.contains(&word) && !UNITS_AND_WORDS.contains(&word) && is_short => Form::Power,
        _ => Form::Guess,
    }
}

/// The name of a note by its mark: without brackets around it.
pub(super) fn name_of(mark: &str) -> &str {
    let mark = mark.trim();
    let inner = mark.strip_prefix(['(', '[']).unwrap_or(mark);
    inner.strip_suffix([')', ']']).unwrap_or(inner).trim()
}

/// `mark` behind a `^`: in brackets where it is more than one number or word.
pub(super) fn power(mark: &str) -> String {
    let rest = mark.strip_prefix(['+', '-', '−', '–']).unwrap_or(mark);
    let is_one = !rest.is_empty() && rest.chars().all(|c| c.is_alphanumeric() || c == '.') || is_wrapped(mark);
    if is_one { format!("^{mark}") } else { format!("^({mark})") }
}

fn is_wrapped(mark: &str) -> bool {
    mark.starts_with('(') && mark.ends_with(')')
}

fn is_bracketed(mark: &str) -> bool {
    name_of(mark).len() < mark.trim().len()
}

/// Whether the mark counts: `5`, `5,6`, `5–7`, `(5)`.
fn is_count(mark: &str) -> bool {
    let name = name_of(mark);
    name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_digit() || ",;-–. ".contains(c))
}

/// The number that `base` is, less a sign, a bracket or a sign of multiplication before it.
fn number_of(base: &str) -> Option<&str> {
    let number = base
        .rsplit(['×', '*', '·', '⋅', '(', '[', '~', '≈', '=', '<', '>', '/', '-', '−', '–', '+', '±', 'x'])
        .next()?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// The letters at the end of `base`.
fn word_of(base: &str) -> &str {
    let start = base.char_indices().rev().take_while(|(_, c)| c.is_alphabetic() || *c == 'µ').last();
    start.map_or("", |(at, _)| &base[at..])
}

/// Whether `word`, which `before` ends with, is a unit behind a number or behind another unit (`12 m`, `12m`, `kg/m`).
fn is_unit_of_number(before: &str, word: &str) -> bool {
    if !UNITS.contains(&word) {
        return false;
    }
    let ahead = before[..before.len() - word.len()].trim_end();
    ahead.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '/' | '·' | '⋅' | '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_notes_and_what_is_neither() {
        let names: HashSet<String> = ["1", "2", "a"].map(String::from).into();
        let cases = [
            // Base, mark, and what it is without and with notes called 1, 2 and a.
            ("10", "6", Form::Power, Form::Power),
            ("5 × 10", "−3", Form::Power, Form::Power),
            ("3×10", "2", Form::Power, Form::Power),
            ("1,210", "2", Form::Note, Form::Note),
            ("1,234", "5", Form::Note, Form::Note),
            ("1,234", "5,6", Form::Note, Form::Note),
            ("1,234", "(1)", Form::Note, Form::Note),
            ("2", "−3", Form::Power, Form::Power),
            ("12 m", "2", Form::Power, Form::Power),
            ("12m", "3", Form::Power, Form::Power),
            ("kg/m", "3", Form::Power, Form::Power),
            ("12 in", "2", Form::Power, Form::Power),
            ("held in", "7", Form::Guess, Form::Guess),
            ("x", "2", Form::Power, Form::Power),
            ("x", "n+1", Form::Power, Form::Power),
            ("(a+b)", "2", Form::Power, Form::Note),
            ("(a+b)", "7", Form::Power, Form::Power),
            ("word", "2", Form::Guess, Form::Note),
            ("word", "7", Form::Guess, Form::Guess),
            ("rose.", "7", Form::Note, Form::Note),
            ("1", "st", Form::Plain, Form::Plain),
            ("Acme", "TM", Form::Plain, Form::Plain),
            ("1,234", "*", Form::Plain, Form::Plain),
            ("1,234", "b", Form::Note, Form::Note),
            ("3", "a", Form::Plain, Form::Note),
            ("a | ", "14", Form::Plain, Form::Plain),
            ("", "14", Form::Plain, Form::Plain),
        ];
        for (before, mark, without, with) in cases {
            assert_eq!(form(before, mark, &HashSet::new()), without, "{before}⟨{mark}⟩");
            assert_eq!(form(before, mark, &names), with, "{before}⟨{mark}⟩ with notes");
        }
    }

    #[test]
    fn an_exponent_of_several_parts_is_held_together() {
        let shown: Vec<_> = ["6", "−3", "n", "n+1", "(n)", "1/2", "2n"].into_iter().map(power).collect();
        assert_eq!(shown, ["^6", "^−3", "^n", "^(n+1)", "^(n)", "^(1/2)", "^2n"]);
    }
}
