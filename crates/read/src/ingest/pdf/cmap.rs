//! Reads CMaps: from the codes of a font's strings to Unicode text (ToUnicode) or to glyph numbers (CIDs); knows no fonts.

use super::lexer::{Lexer, Operand, Token};

/// Marks an entry of [`TextMap`] that indexes `strings` instead of being a character.
const IS_STRING: u32 = 1 << 31;
/// Codes of the real world have at most two bytes where texts are mapped one by one.
const DENSE_CODES_MAX: u32 = 1 << 16;

/// Text by code.
#[derive(Debug, Default)]
pub(super) struct TextMap {
    dense: Vec<u32>,
    strings: Vec<Box<str>>,
    /// Ranges of codes too large for the dense table.
    ranges: Vec<(u32, u32, u32)>,
}

impl TextMap {
    /// Every code is its own character.
    pub(super) fn identity() -> Self {
        Self { ranges: vec![(0, u32::from(char::MAX), 0)], ..Self::default() }
    }

    /// Whether no code has text.
    pub(super) fn is_empty(&self) -> bool {
        self.dense.is_empty() && self.ranges.is_empty()
    }

    /// Appends the text of `code`; false when it has none.
    pub(super) fn push(&self, code: u32, out: &mut String) -> bool {
        match self.dense.get(code as usize) {
            Some(0) | None => {}
            Some(&entry) if entry & IS_STRING != 0 => {
                out.push_str(&self.strings[(entry & !IS_STRING) as usize]);
                return true;
            }
            Some(&entry) => {
                out.extend(char::from_u32(entry));
                return true;
            }
        }
        let range = self.ranges.iter().find(|(low, high, _)| (*low..=*high).contains(&code));
        let found = range.and_then(|(low, _, first)| char::from_u32(first.checked_add(code - low)?));
        out.extend(found);
        found.is_some()
    }

    /// Maps `code` to `text`; an empty text removes nothing and adds nothing.
    pub(super) fn set(&mut self, code: u32, text: &str) {
        let mut chars = text.chars();
        let Some(first) = chars.next() else { return };
        if code >= DENSE_CODES_MAX {
            if self.ranges.len() < DENSE_CODES_MAX as usize {
                self.ranges.push((code, code, u32::from(first)));
            }
            return;
        }
        let entry = if chars.as_str().is_empty() {
            u32::from(first)
        } else {
            self.strings.push(text.into());
            (self.strings.len() as u32 - 1) | IS_STRING
        };
        let index = code as usize;
        if self.dense.len() <= index {
            self.dense.resize(index + 1, 0);
        }
        self.dense[index] = entry;
    }
}

/// A range of codes of one length that are legal, each byte within the bytes of `low` and `high`.
#[derive(Debug, Clone, Copy)]
struct CodeSpace {
    length: usize,
    low: u32,
    high: u32,
}

impl CodeSpace {
    fn holds(&self, code: u32) -> bool {
        (0..self.length).all(|index| {
            let byte = |value: u32| value >> (8 * index) & 0xff;
            (byte(self.low)..=byte(self.high)).contains(&byte(code))
        })
    }
}

/// A parsed CMap.
#[derive(Debug, Default)]
pub(super) struct CMap {
    spaces: Vec<CodeSpace>,
    /// Unicode text by code.
    pub(super) text: TextMap,
    /// `(low, high, first CID)`.
    cids: Vec<(u32, u32, u32)>,
    /// Whether glyphs run downwards.
    pub(super) vertical: bool,
}

impl CMap {
    /// Reads a CMap program; what cannot be understood is left out.
    pub(super) fn parse(program: &[u8]) -> Self {
        let mut cmap = Self::default();
        let mut lexer = Lexer::new(program);
        let mut operands: Vec<Operand> = Vec::new();
        while let Some(token) = lexer.next() {
            match token {
                Token::Operand(operand) => operands.push(operand),
                Token::Operator(range) => {
                    // Some writers leave out the space after an operator: `endcodespacerange1`, `endbfrangeendcmap`.
                    let operator = lexer.operator(&range);
                    if operator.starts_with(b"endcodespacerange") {
                        cmap.add_spaces(&lexer, &operands);
                    } else if operator.starts_with(b"endbfchar") {
                        cmap.add_chars(&lexer, &operands);
                    } else if operator.starts_with(b"endbfrange") {
                        cmap.add_ranges(&lexer, &operands);
                    } else if operator.starts_with(b"endcidchar") {
                        cmap.add_cids(&lexer, &operands, 2);
                    } else if operator.starts_with(b"endcidrange") {
                        cmap.add_cids(&lexer, &operands, 3);
                    } else if operator.starts_with(b"def") {
                        cmap.define(&lexer, &operands);
                    }
                    operands.clear();
                    lexer.forget();
                }
            }
        }
        cmap.cids.sort_unstable();
        cmap
    }

    /// The next code of a string: its value and length in bytes. The string must not be empty.
    pub(super) fn next_code(&self, bytes: &[u8]) -> (u32, usize) {
        let mut code = 0;
        for (index, &byte) in bytes.iter().take(4).enumerate() {
            code = code << 8 | u32::from(byte);
            if self.spaces.iter().any(|space| space.length == index + 1 && space.holds(code)) {
                return (code, index + 1);
            }
        }
        let shortest = self.spaces.iter().map(|space| space.length).min().unwrap_or(2).min(bytes.len());
        (bytes[..shortest].iter().fold(0, |code, &byte| code << 8 | u32::from(byte)), shortest)
    }

    /// The glyph number of `code`, zero when it has none.
    pub(super) fn cid(&self, code: u32) -> u32 {
        let after = self.cids.partition_point(|(low, _, _)| *low <= code);
        match after.checked_sub(1).map(|index| self.cids[index]) {
            Some((low, high, first)) if code <= high => first.saturating_add(code - low),
            _ => 0,
        }
    }

    fn define(&mut self, lexer: &Lexer, operands: &[Operand]) {
        if let [.., Operand::Name(name), Operand::Number(value)] = operands
            && lexer.bytes(name) == b"WMode"
        {
            self.vertical = *value != 0.0;
        }
    }

    fn add_spaces(&mut self, lexer: &Lexer, operands: &[Operand]) {
        for pair in operands.as_chunks::<2>().0 {
            if let [Operand::String(low), Operand::String(high)] = pair
                && (1..=4).contains(&low.len())
                && self.spaces.len() < 256
            {
                let (low_code, high_code) = (code(lexer.bytes(low)), code(lexer.bytes(high)));
                self.spaces.push(CodeSpace { length: low.len(), low: low_code, high: high_code });
            }
        }
    }

    fn add_chars(&mut self, lexer: &Lexer, operands: &[Operand]) {
        for pair in operands.as_chunks::<2>().0 {
            match pair {
                [Operand::String(from), Operand::String(to)] => {
                    self.text.set(code(lexer.bytes(from)), &utf16(lexer.bytes(to)));
                }
                [Operand::String(from), Operand::Name(to)] => {
                    let mut text = String::new();
                    super::encoding::push_glyph_name(lexer.bytes(to), &mut text);
                    self.text.set(code(lexer.bytes(from)), &text);
                }
                _ => {}
            }
        }
    }

    fn add_ranges(&mut self, lexer: &Lexer, operands: &[Operand]) {
        let mut rest = operands;
        while let [Operand::String(low), Operand::String(high), target, tail @ ..] = rest {
            let (low, high) = (code(lexer.bytes(low)), code(lexer.bytes(high)));
            rest = tail;
            match target {
                Operand::String(first) => self.add_range(low, high, &utf16(lexer.bytes(first))),
                Operand::ArrayStart => {
                    let end = tail.iter().position(|operand| *operand == Operand::ArrayEnd).unwrap_or(tail.len());
                    for (code, entry) in (low..=high).zip(&tail[..end]) {
                        if let Operand::String(text) = entry {
                            self.text.set(code, &utf16(lexer.bytes(text)));
                        }
                    }
                    rest = &tail[(end + 1).min(tail.len())..];
                }
                _ => {}
            }
        }
    }

    fn add_range(&mut self, low: u32, high: u32, first: &str) {
        let Some(last) = first.chars().next_back() else { return };
        if high >= DENSE_CODES_MAX {
            if self.text.ranges.len() < DENSE_CODES_MAX as usize {
                self.text.ranges.push((low, high, u32::from(last)));
            }
            return;
        }
        let head = &first[..first.len() - last.len_utf8()];
        let mut text = String::new();
        for code in low..=high {
            let Some(next) = char::from_u32(u32::from(last) + (code - low)) else { continue };
            text.clear();
            text.push_str(head);
            text.push(next);
            self.text.set(code, &text);
        }
    }

    fn add_cids(&mut self, lexer: &Lexer, operands: &[Operand], size: usize) {
        for entry in operands.chunks_exact(size) {
            let (Operand::String(low), Operand::Number(cid)) = (&entry[0], &entry[size - 1]) else { continue };
            let low = code(lexer.bytes(low));
            let high = match &entry[size - 2] {
                Operand::String(high) => code(lexer.bytes(high)),
                _ => low,
            };
            if low <= high && self.cids.len() < DENSE_CODES_MAX as usize {
                self.cids.push((low, high, cid.clamp(0.0, 65_535.0) as u32));
            }
        }
    }
}

fn code(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |code, &byte| code << 8 | u32::from(byte))
}

/// The text of a ToUnicode target: big-endian UTF-16, or one byte that stands for itself.
fn utf16(bytes: &[u8]) -> String {
    if let [byte] = bytes {
        return char::from(*byte).to_string();
    }
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cmap: &CMap, code: u32) -> String {
        let mut out = String::new();
        cmap.text.push(code, &mut out);
        out
    }

    #[test]
    fn characters_ranges_and_arrays_are_mapped() {
        let cmap = CMap::parse(
            b"1 begincodespacerange <0000> <ffff> endcodespacerange
              2 beginbfchar <0003> <0020> <0004> <00660069> endbfchar
              3 beginbfrange <0010> <0012> <0041> <0020> <0021> [<0061> <D83DDE00>] <0030> <0031> <00660069> endbfrange",
        );
        for (code, expected) in
            [(3, " "), (4, "fi"), (0x10, "A"), (0x12, "C"), (0x13, ""), (0x20, "a"), (0x21, "😀"), (0x31, "fj")]
        {
            assert_eq!(text(&cmap, code), expected, "{code:x}");
        }
        assert_eq!(cmap.next_code(&[0, 3, 0]), (3, 2));
    }

    #[test]
    fn code_lengths_follow_the_code_spaces() {
        let cmap = CMap::parse(
            b"2 begincodespacerange <00> <80> <8140> <9ffc> endcodespacerange 1 begincidrange <8140> <817e> 633 endcidrange
              1 begincidchar <20> 1 endcidchar /WMode 1 def",
        );
        assert_eq!(cmap.next_code(&[0x41, 0x42]), (0x41, 1));
        assert_eq!(cmap.next_code(&[0x81, 0x42]), (0x8142, 2));
        assert_eq!((cmap.cid(0x8142), cmap.cid(0x20), cmap.cid(0x99)), (635, 1, 0));
        assert!(cmap.vertical);
    }

    #[test]
    fn an_identity_range_may_begin_at_zero_and_lack_spaces() {
        let cmap = CMap::parse(
            b"1 begincodespacerange<0000><ffff>endcodespacerange1 beginbfrange<0000><ffff><0000>endbfrangeendcmap",
        );
        assert_eq!(text(&cmap, 0x41), "A");
        assert_eq!(cmap.next_code(&[0, 0x41]), (0x41, 2));
    }

    #[test]
    fn a_hostile_range_stays_small() {
        let cmap = CMap::parse(b"1 beginbfrange <00000000> <ffffffff> <0041> endbfrange");
        assert_eq!(text(&cmap, 1), "B");
        assert!(cmap.text.dense.is_empty());
        CMap::parse(b"1 beginbfrange <ffff> <0000> <0041> <41> endbfrange 1 begincidrange <00> endcidrange endbfchar");
    }
}
