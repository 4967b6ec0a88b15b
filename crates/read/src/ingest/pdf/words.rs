//! Glyphs in the order of drawing → words with their boxes; knows geometry, nothing of PDF syntax or reading order.

use unicode_normalization::char::is_combining_mark;

use crate::ingest::symbols;

/// A gap wider than this part of the font size ends a word.
const WORD_GAP: f32 = 0.149;
/// A step back wider than this part of the font size ends a word.
const STEP_BACK: f32 = 0.5;

/// A run of glyphs without a gap, in the frame of its own direction: `x` along the text, `y` downwards.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    /// Where its text lies in [`PageWords::text`].
    pub(super) start: usize,
    pub(super) end: usize,
    /// Left edge in points.
    pub(super) x0: f32,
    /// Right edge in points.
    pub(super) x1: f32,
    /// The baseline in points.
    pub(super) y: f32,
    /// The height of an em in points.
    pub(super) size: f32,
    /// Clockwise quarter turns of the text on the page.
    pub(super) turns: u8,
    pub(super) bold: bool,
    /// Whether a space was drawn right after it.
    pub(super) space_after: bool,
    /// Its place in the order of drawing.
    pub(super) order: u32,
    /// Set on words inside a ruled table, which are read with it (`u32::MAX`), and on the one that stands for the table: its index.
    pub(super) table: Option<u32>,
}

/// One glyph on the page, y downwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph<'a> {
    pub(super) text: &'a str,
    /// Start and end of its advance on the baseline.
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
    /// The direction of the text; only its sign and larger part count.
    pub(super) direction: (f64, f64),
    pub(super) size: f64,
    pub(super) bold: bool,
}

/// The words of one page.
#[derive(Debug, Default)]
pub(super) struct PageWords {
    pub(super) text: String,
    pub(super) words: Vec<Word>,
    open: Option<Word>,
    /// The last glyph's left edge and where its text starts, to find overprinted glyphs.
    last: (f32, usize),
    /// Glyphs of the open word.
    open_glyphs: u32,
    /// Whether glyphs of the open word were drawn twice, which makes them look bold.
    open_overprinted: bool,
    /// Glyphs that no table gives a text for.
    pub(super) unknown: u32,
    /// All glyphs.
    pub(super) glyphs: u32,
}

impl PageWords {
    /// Adds the next drawn glyph. Glyphs without finite coordinates are dropped.
    pub(super) fn push(&mut self, glyph: Glyph<'_>) {
        let (dx, dy) = glyph.direction;
        let turns = match (dx.abs() >= dy.abs(), dx >= 0.0, dy >= 0.0) {
            (true, true, _) => 0,
            (true, false, _) => 2,
            (false, _, true) => 1,
            (false, _, false) => 3,
        };
        let frame = |(x, y): (f64, f64)| match turns {
            0 => (x as f32, y as f32),
            1 => (y as f32, -x as f32),
            2 => (-x as f32, -y as f32),
            _ => (-y as f32, x as f32),
        };
        let ((x0, y), (x1, _)) = (frame(glyph.from), frame(glyph.to));
        let size = glyph.size as f32;
        if ![x0, x1, y, size].iter().all(|value| value.is_finite()) || size <= 0.0 {
            return;
        }
        self.glyphs = self.glyphs.saturating_add(1);
        self.unknown = self.unknown.saturating_add(u32::from(glyph.text.is_empty()));
        let (x0, x1) = (x0.min(x1), x0.max(x1));
        if glyph.text.chars().all(char::is_whitespace) {
            // An unknown glyph is no space, but nothing can be said of it either.
            if let Some(open) = &mut self.open
                && !glyph.text.is_empty()
            {
                open.space_after = true;
                self.end_word();
            }
            return;
        }
        let same_place = |word: &Word| {
            let repeats = (x0 - self.last.0).abs() < 0.1 * size && (y - word.y).abs() < 0.2 * size;
            repeats && word.turns == turns && self.text[self.last.1..].trim_end() == glyph.text
        };
        // Bold faked by drawing each glyph twice.
        if self.open.as_ref().is_some_and(same_place) {
            self.open_overprinted = true;
            return;
        }
        let joins = |word: &Word| {
            let gap = x0 - word.x1;
            let largest = size.max(word.size);
            word.turns == turns
                && gap <= WORD_GAP * largest.min(word.size.min(size) * 1.3)
                && gap >= -STEP_BACK * largest
                && (y - word.y).abs() < 0.03 * largest + 0.3
                && (size - word.size).abs() < 0.1 * largest
                && glyph.bold == word.bold
        };
        if !self.open.as_ref().is_some_and(joins) {
            self.end_word();
        }
        let at = self.text.len();
        push_normalised(&mut self.text, glyph.text);
        self.last = (x0, at);
        if let Some(open) = &mut self.open {
            open.x0 = open.x0.min(x0);
            open.x1 = open.x1.max(x1);
            open.end = self.text.len();
            self.open_glyphs += 1;
        } else {
            (self.open_glyphs, self.open_overprinted) = (1, false);
            let (start, end, order) = (at, self.text.len(), self.words.len() as u32);
            let bold = glyph.bold;
            self.open = Some(Word { start, end, x0, x1, y, size, turns, bold, space_after: false, order, table: None });
        }
    }

    /// Ends the word in progress, as every break between pieces of content does.
    pub(super) fn end_word(&mut self) {
        if let Some(mut word) = self.open.take()
            && word.end > word.start
        {
            word.bold |= self.open_overprinted;
            // Glyphs of a word stand from left to right here; such scripts are read the other way.
            if self.open_glyphs > 1 && self.text[word.start..word.end].chars().any(is_rtl_char) {
                let reversed = in_logical_order(&self.text[word.start..word.end]);
                self.text.truncate(word.start);
                self.text.push_str(&reversed);
                word.end = self.text.len();
            }
            self.words.push(word);
        }
    }

    /// The text of a word.
    pub(super) fn text_of(&self, word: &Word) -> &str {
        &self.text[word.start..word.end]
    }
}

/// Whether a character is of a script written right to left.
pub(super) fn is_rtl_char(found: char) -> bool {
    matches!(found, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// A word of a right-to-left script from left to right as it is seen → as it is read. Numbers in it run from left to right in both, and
/// marks come after their letter.
fn in_logical_order(seen: &str) -> String {
    let is_number = |found: char| found.is_numeric() || matches!(found, '.' | ',' | '/' | ':');
    let chars: Vec<char> = seen.chars().collect();
    let mut runs: Vec<&[char]> = chars.chunk_by(|a, b| is_number(*a) && is_number(*b)).collect();
    runs.reverse();
    let mut out = String::with_capacity(seen.len());
    // Marks seen at the right of their letter are met before it.
    let mut marks = String::new();
    for run in runs {
        match run {
            [mark] if is_combining_mark(*mark) => marks.push(*mark),
            _ => {
                out.extend(run);
                out.extend(marks.drain(..));
            }
        }
    }
    out.push_str(&marks);
    out
}

/// Appends glyph text with ligatures and presentation forms taken apart, symbol-font bullets named, and control characters gone.
fn push_normalised(out: &mut String, text: &str) {
    for found in text.chars() {
        match found {
            ' '..='~' => out.push(found),
            'ﬀ' => out.push_str("ff"),
            'ﬁ' => out.push_str("fi"),
            'ﬂ' => out.push_str("fl"),
            'ﬃ' => out.push_str("ffi"),
            'ﬄ' => out.push_str("ffl"),
            'ﬅ' | 'ﬆ' => out.push_str("st"),
            // A drawn soft hyphen is a hyphen: many fonts use one glyph for both.
            '\u{ad}' => out.push('-'),
            // Symbol fonts keep their codes in the private use area.
            '\u{e000}'..='\u{f8ff}' => out.push(symbols::unnamed(found).unwrap_or(found)),
            '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{2060}' => {}
            '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' => {
                unicode_normalization::char::decompose_compatible(found, |part| out.push(part));
            }
            found if found.is_control() => {}
            found => out.push(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyph(text: &str, x0: f64, x1: f64, y: f64) -> Glyph<'_> {
        Glyph { text, from: (x0, y), to: (x1, y), direction: (1.0, 0.0), size: 10.0, bold: false }
    }

    fn words(glyphs: &[Glyph<'_>]) -> Vec<String> {
        let mut page = PageWords::default();
        for glyph in glyphs {
            page.push(*glyph);
        }
        page.end_word();
        page.words.iter().map(|word| page.text_of(word).to_string()).collect()
    }

    #[test]
    fn gaps_and_spaces_end_words() {
        let kerned = [glyph("A", 0.0, 6.0, 0.0), glyph("V", 5.5, 11.0, 0.0), glyph("x", 12.0, 16.0, 0.0)];
        assert_eq!(words(&kerned), ["AVx"]);
        assert_eq!(words(&[glyph("a", 0.0, 5.0, 0.0), glyph("b", 7.0, 12.0, 0.0)]), ["a", "b"]);
        assert_eq!(
            words(&[glyph("a", 0.0, 5.0, 0.0), glyph(" ", 5.0, 5.0, 0.0), glyph("b", 5.0, 9.0, 0.0)]),
            ["a", "b"]
        );
        assert_eq!(words(&[glyph("a", 0.0, 5.0, 0.0), glyph("b", 5.0, 9.0, 14.0)]), ["a", "b"]);
    }

    #[test]
    fn overprinted_glyphs_count_once_and_ligatures_open() {
        let twice = [glyph("o", 0.0, 5.0, 0.0), glyph("o", 0.3, 5.3, 0.0), glyph("o", 5.0, 10.0, 0.0)];
        assert_eq!(words(&twice), ["oo"]);
        assert_eq!(words(&[glyph("ﬁ", 0.0, 5.0, 0.0), glyph("n\u{ad}", 5.0, 10.0, 0.0)]), ["fin-"]);
    }

    #[test]
    fn words_of_right_to_left_scripts_are_read_from_the_right() {
        let shown = |text: &'static [&'static str]| -> Vec<Glyph<'static>> {
            text.iter().enumerate().map(|(at, text)| glyph(text, 5.0 * at as f64, 5.0 * at as f64 + 5.0, 0.0)).collect()
        };
        assert_eq!(words(&shown(&["ם", "ו", "ל", "ש"])), ["שלום"]);
        assert_eq!(words(&shown(&["2", "0", "2", "3", "-", "ב"])), ["ב-2023"]);
        assert_eq!(words(&shown(&["ב", "\u{5b7}", "א"])), ["אב\u{5b7}"]);
    }

    #[test]
    fn a_turned_word_keeps_its_letters_in_order() {
        let up = |text, y: f64| Glyph {
            text,
            from: (50.0, y),
            to: (50.0, y - 5.0),
            direction: (0.0, -1.0),
            size: 10.0,
            bold: false,
        };
        let mut page = PageWords::default();
        page.push(up("u", 100.0));
        page.push(up("p", 95.0));
        page.push(Glyph { from: (f64::NAN, 0.0), ..up("x", 0.0) });
        page.end_word();
        assert_eq!((page.text.as_str(), page.words[0].turns), ("up", 3));
    }
}
