//! Lines of text go in, which of them begin an item of a list comes out; knows nothing of formats.
//!
//! Running text is wrapped anywhere, so a line of it may begin with a year, the number of a section, an initial or a Roman numeral. What begins
//! with a number is an item only where the line before ended on purpose, or where the item before or after it stands there too.

/// Digits of a number before an item that needs no neighbour; a longer one is a year as well.
const DIGITS_MAX: usize = 3;
/// Lines around an item in which its neighbours are looked for.
const NEAR_MAX: usize = 64;
/// Signs that begin items and nothing else.
const BULLETS: &[&str] = &["•", "▪", "◦", "‣", "●", "○", "■", "□", "·", "➢", "✓", "☐", "☒", "☑", "*", "+"];
/// Signs that begin items and stand in running text too.
const DASHES: &[&str] = &["-", "–", "—"];

/// How the number of an item is closed: `1.`, `1)`, `(1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    Point,
    Bracket,
    Brackets,
}

/// What a line begins with that may begin an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// A sign that nothing else begins with.
    Bullet,
    /// A dash.
    Dash,
    /// A number in some writing.
    Count(Count),
}

/// A number before an item in each way that it can be read: `i)` is the first item or the ninth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    number: Option<u32>,
    letter: Option<u32>,
    roman: Option<u32>,
    is_upper: bool,
    close: Close,
    /// Whether it begins an item by itself behind a line that ended on purpose.
    is_usual: bool,
}

impl Count {
    /// Whether the two stand next to each other in one list.
    fn is_next_to(self, other: Self) -> bool {
        let near = |one: Option<u32>, two: Option<u32>| one.zip(two).is_some_and(|(one, two)| one.abs_diff(two) == 1);
        let is_near =
            near(self.number, other.number) || near(self.letter, other.letter) || near(self.roman, other.roman);
        self.close == other.close && self.is_upper == other.is_upper && is_near
    }
}

/// What `line` begins with, where text follows it.
pub(crate) fn marker(line: &str) -> Option<Marker> {
    let (mark, rest) = line.trim_start().split_once(char::is_whitespace)?;
    if rest.trim().is_empty() {
        return None;
    }
    if BULLETS.contains(&mark) {
        return Some(Marker::Bullet);
    }
    if DASHES.contains(&mark) {
        return Some(Marker::Dash);
    }
    let (inner, close) = match (mark.strip_prefix('('), mark.strip_suffix(')'), mark.strip_suffix('.')) {
        (Some(open), Some(_), _) => (open.strip_suffix(')')?, Close::Brackets),
        (None, Some(inner), _) => (inner, Close::Bracket),
        (None, None, Some(inner)) => (inner, Close::Point),
        _ => return None,
    };
    let is_number = (1..=DIGITS_MAX + 1).contains(&inner.len()) && inner.bytes().all(|byte| byte.is_ascii_digit());
    let is_upper = inner.starts_with(|c: char| c.is_ascii_uppercase());
    let letter = match inner.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(u32::from(letter.to_ascii_lowercase() - b'a' + 1)),
        _ => None,
    };
    let count = Count {
        number: if is_number { inner.parse().ok() } else { None },
        letter,
        roman: roman(inner),
        is_upper,
        close,
        // A year, an initial and a small letter with a point (`a.` is rare, `i.e.` is not) need a neighbour.
        is_usual: is_number && inner.len() <= DIGITS_MAX || !is_number && !is_upper && close != Close::Point,
    };
    (count.number.is_some() || count.letter.is_some() || count.roman.is_some()).then_some(Marker::Count(count))
}

/// The value of a Roman numeral in letters of one case, up to 39.
fn roman(text: &str) -> Option<u32> {
    let upper = text.to_ascii_uppercase();
    if !text.is_ascii() || text != upper && text != text.to_ascii_lowercase() {
        return None;
    }
    let tens = upper.len() - upper.trim_start_matches('X').len();
    let ones = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    let read = |tens: usize| {
        let one = ones.iter().position(|one| *one == &upper[tens..])?;
        u32::try_from(tens * 10 + one).ok().filter(|value| *value > 0 && tens <= 3)
    };
    read(tens)
}

/// Which of `lines`, one run of lines without an empty one, begin an item.
pub(crate) fn beginnings(lines: &[&str]) -> Vec<bool> {
    let markers: Vec<Option<Marker>> = lines.iter().map(|line| marker(line)).collect();
    let widest = lines.iter().map(|line| line.trim().chars().count()).max().unwrap_or(0);
    (0..lines.len())
        .map(|at| match markers[at] {
            None => false,
            Some(Marker::Bullet) => true,
            Some(Marker::Dash) => {
                at == 0
                    || is_ended(lines[at - 1], lines[at], widest)
                    || has_near(&markers, at, |other| other == Marker::Dash)
            }
            Some(Marker::Count(count)) => {
                let is_apart = at == 0 || is_ended(lines[at - 1], lines[at], widest);
                let is_next = |other| matches!(other, Marker::Count(other) if count.is_next_to(other));
                count.is_usual && is_apart || has_near(&markers, at, is_next)
            }
        })
        .collect()
}

/// Whether `line` ended on purpose: the first word of the `next` one had room on it, or it announces what follows.
pub(crate) fn is_ended(line: &str, next: &str, widest: usize) -> bool {
    let word = next.split_whitespace().next().map_or(0, |word| word.chars().count());
    line.trim_end().ends_with(':') || line.trim().chars().count() + 1 + word <= widest
}

fn has_near(markers: &[Option<Marker>], at: usize, is: impl Fn(Marker) -> bool) -> bool {
    let near = at.saturating_sub(NEAR_MAX)..markers.len().min(at + NEAR_MAX + 1);
    near.filter(|other| *other != at).any(|other| markers[other].is_some_and(&is))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(text: &str) -> Vec<usize> {
        let lines: Vec<&str> = text.lines().collect();
        beginnings(&lines).into_iter().enumerate().filter_map(|(at, begins)| begins.then_some(at)).collect()
    }

    #[test]
    fn running_text_is_no_list_whatever_its_lines_begin_with() {
        for start in ["2019. It", "12. This", "B. Smith", "II. Part", "i) and", "– and", "(3) as"] {
            let text = format!(
                "The loan is repaid in full by the end of the year, or earlier\n{start} goes on as any other line of this text\nand ends."
            );
            assert_eq!(begun(&text), [0_usize; 0], "{text}");
        }
    }

    #[test]
    fn lists_are_lists() {
        assert_eq!(begun("We need:\n1. eggs\n2. milk and all that is made of it, in bottles\nof glass"), [1, 2]);
        assert_eq!(begun("a) one\nb) two\nc) three"), [0, 1, 2]);
        assert_eq!(begun("We say:\n1. one thing"), [1]);
        assert_eq!(begun("- one\n  more\n- two"), [0, 2]);
        assert_eq!(begun("I. one\nII. two\nIII. three"), [0, 1, 2]);
        assert_eq!(begun("2019. It rained.\n2020. It did not."), [0, 1]);
        assert_eq!(begun("2019. It rained."), [0_usize; 0]);
        assert_eq!(begun("x) IX\nix) nine\nviii) eight"), [0, 1, 2]);
    }
}
