//! Widths of the standard fonts, for files that name one and give no widths; knows only family, weight and character.

use unicode_normalization::char::decompose_canonical;

/// Widths of `' '..='~'` in thousandths of an em, from the fonts' published metrics (Adobe Core 14 AFM).
type Widths = [u16; 95];

const HELVETICA: Widths = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];
const HELVETICA_BOLD: Widths = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
];
const TIMES: Widths = [
    250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889,
    722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500,
    444, 333, 500, 500, 278, 278, 500, 278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480,
    200, 480, 541,
];
const TIMES_BOLD: Widths = [
    250, 333, 555, 500, 500, 1000, 833, 278, 333, 333, 500, 570, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 500, 333, 333, 570, 570, 570, 500, 930, 722, 667, 722, 722, 667, 611, 778, 778, 389, 500, 778, 667, 944,
    722, 778, 611, 778, 722, 556, 667, 722, 722, 1000, 722, 722, 667, 333, 278, 333, 581, 500, 333, 500, 556, 444, 556,
    444, 333, 500, 556, 278, 333, 556, 278, 833, 556, 500, 556, 556, 444, 389, 333, 556, 500, 722, 500, 500, 444, 394,
    220, 394, 520,
];
const TIMES_ITALIC: Widths = [
    250, 333, 420, 500, 500, 833, 778, 214, 333, 333, 500, 675, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 500, 333, 333, 675, 675, 675, 500, 920, 611, 611, 667, 722, 611, 611, 722, 722, 333, 444, 667, 556, 833,
    667, 722, 611, 722, 611, 500, 556, 722, 611, 833, 611, 556, 556, 389, 278, 389, 422, 500, 333, 500, 500, 444, 500,
    444, 278, 500, 500, 278, 278, 444, 278, 722, 500, 500, 500, 500, 389, 389, 278, 500, 444, 667, 444, 444, 389, 400,
    275, 400, 541,
];

/// The width of `wanted` in thousandths of an em, in the standard font nearest to one of this name.
pub(super) fn standard_width(font_name: &str, bold: bool, italic: bool, wanted: char) -> f32 {
    let name = font_name.to_ascii_lowercase();
    if ["courier", "mono", "consol", "typewriter"].iter().any(|part| name.contains(part)) {
        return 600.0;
    }
    let serif = ["times", "roman", "serif", "georgia", "garamond", "book", "cmr", "minion"];
    let table = match (serif.iter().any(|part| name.contains(part)), bold, italic) {
        (false, false, _) => &HELVETICA,
        (false, true, _) => &HELVETICA_BOLD,
        (true, true, _) => &TIMES_BOLD,
        (true, false, true) => &TIMES_ITALIC,
        (true, false, false) => &TIMES,
    };
    let mut base = None;
    decompose_canonical(wanted, |part| base = base.or(Some(part)));
    let alike = match base.unwrap_or(wanted) {
        '\u{a0}' => ' ',
        '‘' | '’' | '‚' => '`',
        '“' | '”' | '„' => '"',
        '–' => '0',
        '•' | '·' => '-',
        '—' | '…' | '™' => '@',
        other => other,
    };
    let index = (alike as usize).checked_sub(0x20).filter(|&index| index < table.len());
    index.map_or(556.0, |index| f32::from(table[index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_family_and_weight() {
        assert_eq!(standard_width("Helvetica", false, false, 'A') as i32, 667);
        assert_eq!(standard_width("Helvetica-Bold", true, false, '~') as i32, 584);
        assert_eq!(standard_width("Times-Roman", false, false, 'é') as i32, 444);
        assert_eq!(standard_width("Times-Italic", false, true, 'z') as i32, 389);
        assert_eq!(standard_width("Courier", false, false, 'i') as i32, 600);
    }
}
