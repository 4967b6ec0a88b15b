//! A count and the way it is written go in, the mark that a person sees before a list item comes out; knows nothing of documents.

/// Characters of a mark; a longer one is no mark.
const LABEL_CHARS_MAX: usize = 32;
/// Levels that a list can have (ECMA-376 part 1, 17.9.3; OpenDocument allows ten).
pub(super) const LEVELS_MAX: usize = 10;

/// How a count is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum NumberStyle {
    /// `1`
    #[default]
    Decimal,
    /// `01`
    DecimalZero,
    /// `a`
    LowerLetter,
    /// `A`
    UpperLetter,
    /// `i`
    LowerRoman,
    /// `I`
    UpperRoman,
    /// A sign and no count.
    Bullet,
    /// Nothing at all.
    Absent,
}

/// One level of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    pub(super) style: NumberStyle,
    /// What stands around the counts: `%1.%2)`. Each `%n` is the count of level `n`.
    pub(super) pattern: String,
    pub(super) start: u32,
}

/// The counts of one list.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    counts: [Option<u32>; LEVELS_MAX],
}

impl Counts {
    /// Counts an item at `level` and gives its mark; none where the level has none.
    pub(super) fn next(&mut self, levels: &[Level], level: usize) -> Option<String> {
        let level = level.min(LEVELS_MAX - 1);
        let own = levels.get(level)?;
        self.counts[level] = Some(self.counts[level].map_or(own.start, |count| count.saturating_add(1)));
        self.counts[level + 1..].fill(None);
        match own.style {
            NumberStyle::Bullet => Some("-".into()),
            NumberStyle::Absent => None,
            _ => self.label(levels, &own.pattern),
        }
    }

    /// Makes the next item at `level` start anew.
    pub(super) fn restart(&mut self, level: usize) {
        self.counts[level.min(LEVELS_MAX - 1)..].fill(None);
    }

    fn label(&self, levels: &[Level], pattern: &str) -> Option<String> {
        let mut label = String::new();
        let mut characters = pattern.chars().take(LABEL_CHARS_MAX);
        while let Some(character) = characters.next() {
            if character != '%' {
                label.push(character);
                continue;
            }
            let Some(at) = characters.next().and_then(|digit| digit.to_digit(10)) else { continue };
            let at = (at as usize).saturating_sub(1);
            if let Some(level) = levels.get(at) {
                let count = self.counts.get(at).copied().flatten().unwrap_or(level.start);
                label.push_str(&written(level.style, count));
            }
        }
        let label = label.trim();
        (!label.is_empty()).then(|| label.to_owned())
    }
}

/// `count` in the style `style`.
pub(super) fn written(style: NumberStyle, count: u32) -> String {
    match style {
        NumberStyle::Decimal => count.to_string(),
        NumberStyle::DecimalZero => format!("{count:02}"),
        NumberStyle::LowerLetter => letters(count).to_lowercase(),
        NumberStyle::UpperLetter => letters(count),
        NumberStyle::LowerRoman => roman(count).to_lowercase(),
        NumberStyle::UpperRoman => roman(count),
        NumberStyle::Bullet | NumberStyle::Absent => String::new(),
    }
}

/// A to Z, then AA to ZZ: the letter is repeated, as word processors do.
fn letters(count: u32) -> String {
    let Some(index) = count.checked_sub(1) else { return "0".into() };
    let letter = char::from(b'A' + (index % 26) as u8);
    let times = (index / 26 + 1) as usize;
    if times > 4 { count.to_string() } else { letter.to_string().repeat(times) }
}

fn roman(count: u32) -> String {
    if count == 0 || count > 3999 {
        return count.to_string();
    }
    #[rustfmt::skip]
    let steps = [
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"),
        (5, "V"), (4, "IV"), (1, "I"),
    ];
    let mut left = count;
    let mut roman = String::new();
    for (value, digits) in steps {
        while left >= value {
            roman.push_str(digits);
            left -= value;
        }
    }
    roman
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_as_lists_write_them() {
        let shown: Vec<_> = [1, 4, 26, 27, 53].into_iter().map(|n| written(NumberStyle::LowerLetter, n)).collect();
        assert_eq!(shown, ["a", "d", "z", "aa", "aaa"]);
        assert_eq!(written(NumberStyle::LowerRoman, 1994), "mcmxciv");
        assert_eq!(written(NumberStyle::DecimalZero, 7), "07");
    }

    #[test]
    fn deeper_levels_start_anew_after_a_higher_one() {
        let level = |pattern: &str| Level { pattern: pattern.into(), start: 1, ..Level::default() };
        let levels = [level("%1."), level("%1.%2")];
        let mut counts = Counts::default();
        let shown: Vec<_> = [0, 1, 1, 0, 1].into_iter().filter_map(|at| counts.next(&levels, at)).collect();
        assert_eq!(shown, ["1.", "1.1", "1.2", "2.", "2.1"]);
        counts.restart(0);
        assert_eq!(counts.next(&levels, 0).as_deref(), Some("1."));
    }
}
