//! Turns byte codes and glyph names of simple fonts into Unicode text; knows encodings, not fonts or files.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::char::compose;

use crate::ingest::symbols;

/// The code tables that a font can start from (PDF 32000-1:2008, annex D).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaseEncoding {
    /// Adobe's own Latin table, the default of Type 1 fonts.
    Standard,
    /// Windows code page 1252 with the gaps filled.
    WinAnsi,
    /// The classic Mac OS Latin table.
    MacRoman,
    /// The built-in table of the font Symbol.
    Symbol,
    /// The built-in table of the font Zapf Dingbats.
    Dingbats,
}

impl BaseEncoding {
    /// The encoding of that name in a PDF, if it is one.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"StandardEncoding" => Some(Self::Standard),
            b"WinAnsiEncoding" | b"PDFDocEncoding" => Some(Self::WinAnsi),
            b"MacRomanEncoding" => Some(Self::MacRoman),
            _ => None,
        }
    }

    /// The character that `code` stands for.
    pub(super) fn char_of(self, code: u8) -> Option<char> {
        let high = |table: &str, first: u8| {
            let index = usize::from(code.checked_sub(first)?);
            table.chars().nth(index).filter(|&found| found != ' ')
        };
        match self {
            _ if code < 0x20 => None,
            Self::Standard => match code {
                0x27 => Some('’'),
                0x60 => Some('‘'),
                0x20..=0x7e => Some(char::from(code)),
                _ => high(STANDARD_HIGH, 0xa1),
            },
            Self::WinAnsi => match code {
                0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d => Some('•'),
                _ => one_byte(encoding_rs::WINDOWS_1252, code),
            },
            Self::MacRoman => one_byte(encoding_rs::MACINTOSH, code),
            Self::Symbol => symbols::adobe_symbol(code),
            Self::Dingbats => symbols::dingbat(code),
        }
    }
}

fn one_byte(encoding: &'static encoding_rs::Encoding, code: u8) -> Option<char> {
    encoding.decode_without_bom_handling_and_without_replacement(&[code])?.chars().next()
}

/// Codes `0xa1..` of the standard encoding; a space marks a gap.
const STANDARD_HIGH: &str =
    "¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ –†‡· ¶•‚„”»…‰ ¿ `´ˆ˜¯˘˙¨ ˚¸ ˝˛ˇ—                Æ ª    ŁØŒº     æ   ı  łøœß";
/// Appends the text of a glyph name, by the rules of the Adobe Glyph List specification; false when the name says nothing.
pub(super) fn push_glyph_name(name: &[u8], out: &mut String) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let stem = name.split('.').next().unwrap_or_default();
    let before = out.len();
    for part in stem.split('_').filter(|part| !part.is_empty()) {
        push_component(part, out);
    }
    out.len() > before
}

fn push_component(name: &str, out: &mut String) {
    if let Some(text) = NAMES.get(name) {
        out.push_str(text);
    } else if let Some(digits) = name.strip_prefix("uni").filter(|digits| digits.len() >= 4 && digits.len() % 4 == 0) {
        let units: Vec<u16> = (0..digits.len())
            .step_by(4)
            .filter_map(|at| u16::from_str_radix(digits.get(at..at + 4)?, 16).ok())
            .collect();
        out.extend(char::decode_utf16(units).filter_map(Result::ok));
    } else if let Some(found) = name
        .strip_prefix('u')
        .filter(|digits| (4..=6).contains(&digits.len()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .and_then(char::from_u32)
    {
        out.push(found);
    } else if let Some(found) = accented(name) {
        out.push(found);
    } else if let Some(digit) =
        name.strip_suffix("oldstyle").or(name.strip_suffix("inferior")).and_then(|base| NAMES.get(base))
    {
        out.push_str(digit);
    }
}

/// The letter of a name such as `Eacute` or `scommaaccent`: a base letter and the name of its accent.
fn accented(name: &str) -> Option<char> {
    let mut chars = name.chars();
    let base = chars.next().filter(char::is_ascii_alphabetic)?;
    let mark = ACCENTS.iter().find(|(accent, _)| *accent == chars.as_str())?.1;
    compose(base, mark)
}

const ACCENTS: [(&str, char); 14] = [
    ("grave", '\u{300}'),
    ("acute", '\u{301}'),
    ("circumflex", '\u{302}'),
    ("tilde", '\u{303}'),
    ("macron", '\u{304}'),
    ("breve", '\u{306}'),
    ("dotaccent", '\u{307}'),
    ("dieresis", '\u{308}'),
    ("ring", '\u{30a}'),
    ("hungarumlaut", '\u{30b}'),
    ("caron", '\u{30c}'),
    ("commaaccent", '\u{327}'),
    ("cedilla", '\u{327}'),
    ("ogonek", '\u{328}'),
];

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let listed = NAME_LIST.split_ascii_whitespace().collect::<Vec<_>>();
    let mut names: HashMap<_, _> = listed.as_chunks::<2>().0.iter().map(|[name, text]| (*name, *text)).collect();
    names.extend((0..LETTERS.len()).map(|at| (&LETTERS[at..=at], &LETTERS[at..=at])));
    names.extend(["space", "nbspace", "nonbreakingspace", "spacehackarabic"].map(|name| (name, " ")));
    names
});

/// Name and text in turn, for names that no rule gives.
const NAME_LIST: &str = "
exclam ! quotedbl \" numbersign # dollar $ percent % ampersand & quotesingle ' parenleft ( parenright ) asterisk * plus +
comma , hyphen - period . slash / zero 0 one 1 two 2 three 3 four 4 five 5 six 6 seven 7 eight 8 nine 9 colon : semicolon ;
less < equal = greater > question ? at @ bracketleft [ backslash \\ bracketright ] asciicircum ^ underscore _ grave `
braceleft { bar | braceright } asciitilde ~ quoteleft ‘ quoteright ’ quotereversed ‛ exclamdown ¡ cent ¢ sterling £ fraction ⁄ yen ¥
florin ƒ section § currency ¤ quotedblleft “ quotedblright ” guillemotleft « guillemotright » guilsinglleft ‹ guilsinglright ›
fi fi fl fl ff ff ffi ffi ffl ffl st st endash – emdash — horizontalbar ― figuredash ‒ dagger † daggerdbl ‡ periodcentered · middot ·
paragraph ¶ bullet • quotesinglbase ‚ quotedblbase „ ellipsis … perthousand ‰ questiondown ¿ acute ´ circumflex ˆ tilde ˜
macron ¯ overscore ¯ breve ˘ dotaccent ˙ dieresis ¨ ring ˚ cedilla ¸ hungarumlaut ˝ ogonek ˛ caron ˇ AE Æ ae æ OE Œ oe œ
Oslash Ø oslash ø Lslash Ł lslash ł Dcroat Đ dcroat đ Hbar Ħ hbar ħ Tbar Ŧ tbar ŧ Eng Ŋ eng ŋ IJ Ĳ ij ĳ dotlessi ı dotlessj ȷ
germandbls ß longs ſ ordfeminine ª ordmasculine º onesuperior ¹ twosuperior ² threesuperior ³ foursuperior ⁴ fivesuperior ⁵
sixsuperior ⁶ sevensuperior ⁷ eightsuperior ⁸ ninesuperior ⁹ zerosuperior ⁰ onehalf ½ onequarter ¼ threequarters ¾ oneeighth ⅛
threeeighths ⅜ fiveeighths ⅝ seveneighths ⅞ onethird ⅓ twothirds ⅔ mu µ mu1 µ multiply × divide ÷ minus − plusminus ± degree °
copyright © registered ® trademark ™ logicalnot ¬ brokenbar ¦ Eth Ð eth ð Thorn Þ thorn þ Euro € euro € sfthyphen - softhyphen -
Alpha Α Beta Β Gamma Γ Delta Δ Epsilon Ε Zeta Ζ Eta Η Theta Θ Iota Ι Kappa Κ Lambda Λ Mu Μ Nu Ν Xi Ξ Omicron Ο Pi Π Rho Ρ
Sigma Σ Tau Τ Upsilon Υ Phi Φ Chi Χ Psi Ψ Omega Ω alpha α beta β gamma γ delta δ epsilon ε epsilon1 ϵ zeta ζ eta η theta θ
theta1 ϑ iota ι kappa κ lambda λ nu ν xi ξ omicron ο pi π rho ρ rho1 ϱ sigma σ sigma1 ς tau τ upsilon υ phi φ phi1 ϕ chi χ
psi ψ omega ω omega1 ϖ infinity ∞ integral ∫ partialdiff ∂ summation ∑ product ∏ radical √ approxequal ≈ notequal ≠ lessequal ≤
greaterequal ≥ equivalence ≡ similar ∼ congruent ≅ proportional ∝ element ∈ notelement ∉ intersection ∩ union ∪ propersubset ⊂
propersuperset ⊃ reflexsubset ⊆ reflexsuperset ⊇ emptyset ∅ universal ∀ existential ∃ gradient ∇ logicaland ∧ logicalor ∨
angle ∠ therefore ∴ perpendicular ⊥ circleplus ⊕ circlemultiply ⊗ asteriskmath ∗ dotmath ⋅ minute ′ second ″ prime ′ lozenge ◊
arrowleft ← arrowup ↑ arrowright → arrowdown ↓ arrowboth ↔ arrowdblleft ⇐ arrowdblup ⇑ arrowdblright ⇒ arrowdbldown ⇓
arrowdblboth ⇔ carriagereturn ↵ club ♣ diamond ♦ heart ♥ spade ♠ aleph ℵ Ifraktur ℑ Rfraktur ℜ weierstrass ℘ estimated ℮
numero № afii61352 № H18533 ▪ filledbox ■ H22073 □ triagup ▲ triagdn ▼ circle ○ H18543 ▪ openbullet ◦ checkmark ✓ dollaroldstyle $
suppress ł visiblespace ␣ check ✓ ballot ☐";

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> String {
        let mut out = String::new();
        push_glyph_name(name.as_bytes(), &mut out);
        out
    }

    #[test]
    fn glyph_names_give_their_text() {
        let cases = [
            ("A", "A"),
            ("space", " "),
            ("fi", "fi"),
            ("f_f_i", "ffi"),
            ("eacute", "é"),
            ("Scaron", "Š"),
            ("scommaaccent", "ş"),
            ("uni20AC", "€"),
            ("uni00660069", "fi"),
            ("u1F600", "😀"),
            ("a.sc", "a"),
            ("sevenoldstyle", "7"),
            (".notdef", ""),
            ("g123", ""),
            ("", ""),
        ];
        for (given, expected) in cases {
            assert_eq!(name(given), expected, "{given}");
        }
    }

    #[test]
    fn tables_have_their_known_places() {
        let of = |base: BaseEncoding, code| base.char_of(code);
        assert_eq!(of(BaseEncoding::Standard, 0xfb), Some('ß'));
        assert_eq!(of(BaseEncoding::Standard, 0xd0), Some('—'));
        assert_eq!(of(BaseEncoding::Standard, 0xae), Some('ﬁ'));
        assert_eq!(of(BaseEncoding::Standard, 0xb0), None);
        assert_eq!(of(BaseEncoding::WinAnsi, 0x93), Some('“'));
        assert_eq!(of(BaseEncoding::MacRoman, 0xde), Some('ﬁ'));
        assert_eq!(of(BaseEncoding::Symbol, 0x61), Some('α'));
        assert_eq!(of(BaseEncoding::Symbol, 0xb7), Some('•'));
        assert_eq!(of(BaseEncoding::Symbol, 0xfe), Some('⎭'));
        assert_eq!(of(BaseEncoding::Dingbats, 0x6c), Some('●'));
        assert_eq!(of(BaseEncoding::Dingbats, 0x33), Some('✓'));
    }
}
