//! The name of a font of signs and a code go in, the Unicode character that it draws comes out; knows nothing of files.
//!
//! Such fonts show other characters than their codes stand for, so that the text of a run in one of them means nothing without its font.

use std::collections::BTreeMap;

use crate::document::Warning;

/// A font whose codes are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignFont {
    /// Greek letters and mathematics.
    Symbol,
    /// Signs of Microsoft's font of 1997.
    Webdings,
    /// Signs of Microsoft's font of 1990.
    Wingdings,
    /// Its second part: numbers, ticks and figures.
    Wingdings2,
    /// Its third part: arrows.
    Wingdings3,
    /// Adobe's signs.
    Dingbats,
    /// A font of signs that is not known: its signs are lost.
    Unknown,
}

impl SignFont {
    /// The font of signs called `name`; none for a font of letters.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        Some(match name.as_str() {
            "symbol" | "symbolmt" | "symbolps" | "standardsymbolsl" | "standardsymbolsps" => Self::Symbol,
            "webdings" => Self::Webdings,
            "wingdings" | "wingdingsregular" => Self::Wingdings,
            "wingdings2" => Self::Wingdings2,
            "wingdings3" => Self::Wingdings3,
            "zapfdingbats" | "itczapfdingbats" | "dingbats" => Self::Dingbats,
            "marlett" | "mtextra" | "monotypesorts" | "bookshelfsymbol7" | "msreferencespecialty" => Self::Unknown,
            _ => return None,
        })
    }

    /// The name by which a message calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Symbol => "Symbol",
            Self::Webdings => "Webdings",
            Self::Wingdings => "Wingdings",
            Self::Wingdings2 => "Wingdings 2",
            Self::Wingdings3 => "Wingdings 3",
            Self::Dingbats => "Zapf Dingbats",
            Self::Unknown => "unknown fonts",
        }
    }

    /// What the font draws for `character`, a code from 0x20 to 0xFF or one of the private area from U+F000 on, where Office keeps such
    /// codes. Any other character stands for itself. None where nothing is known of it.
    pub(super) fn sign(self, character: char) -> Option<char> {
        let code = match u32::from(character) {
            code @ 0xf020..=0xf0ff => code - 0xf000,
            code @ 0x20..=0xff => code,
            0xe000..=0xf8ff => return None,
            _ => return Some(character),
        };
        let code = u8::try_from(code).ok()?;
        if matches!(code, 0x20 | 0xa0) && self != Self::Symbol {
            return Some(' ');
        }
        match self {
            // The glyph `mu` is the sign of a millionth in Adobe's list of glyphs, and before units that is what it is used as.
            Self::Symbol if code == 0x6d => Some('µ'),
            Self::Symbol => adobe_symbol(code),
            Self::Webdings => at(WEBDINGS, code, 0x21),
            Self::Wingdings => at(WINGDINGS, code, 0x21),
            Self::Wingdings2 => at(WINGDINGS_2, code, 0x21),
            Self::Wingdings3 => at(WINGDINGS_3, code, 0x21),
            Self::Dingbats => dingbat(code),
            Self::Unknown => None,
        }
    }
}

/// `text` in the font `font` as what it shows; signs that cannot be told are dropped and counted in `lost`.
pub(super) fn shown(font: SignFont, text: &str, lost: &mut BTreeMap<SignFont, usize>) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match font.sign(character) {
            Some(sign) => shown.push(sign),
            None if character.is_whitespace() => shown.push(character),
            None => *lost.entry(font).or_default() += 1,
        }
    }
    shown
}

/// Tells of signs that were dropped; none where there are none.
pub(super) fn warning(lost: &BTreeMap<SignFont, usize>) -> Option<Warning> {
    let count: usize = lost.values().sum();
    let fonts: Vec<&str> = lost.keys().map(|font| font.name()).collect();
    let what = if count == 1 { "1 sign was".to_owned() } else { format!("{count} signs were") };
    let message = format!("{what} left out because only their font says what they show ({})", fonts.join(", "));
    (count > 0).then_some(Warning { page: None, lossy: true, message })
}

/// What a character of the private area from U+F020 to U+F0FF most likely shows where its font is not known: bullets and ticks of Wingdings,
/// which is what is met there without a name.
pub(super) fn unnamed(character: char) -> Option<char> {
    match u32::from(character) {
        0xf0b7 => Some('•'),
        0xf0a7 | 0xf0a8 | 0xf06f | 0xf071 | 0xf072 | 0xf078 | 0xf0d8 | 0xf0e0 | 0xf0fb..=0xf0fe => {
            SignFont::Wingdings.sign(character)
        }
        _ => None,
    }
}

/// The character that the font Symbol draws for `code` (PDF 32000-1:2008, annex D.5).
pub(super) fn adobe_symbol(code: u8) -> Option<char> {
    match code {
        0x20 => Some(' '),
        0x21..0x7f => at(SYMBOL_LOW, code, 0x21),
        _ => at(SYMBOL_HIGH, code, 0xa0),
    }
}

/// The character of `table` for `code`, whose first one stands for `first`; a space marks a gap.
fn at(table: &str, code: u8, first: u8) -> Option<char> {
    table.chars().nth(usize::from(code.checked_sub(first)?)).filter(|found| *found != ' ')
}

/// The character that the font Zapf Dingbats draws for `code` (PDF 32000-1:2008, annex D.6).
pub(super) fn dingbat(code: u8) -> Option<char> {
    let code = u32::from(code);
    let point = match code {
        0x20 => 0x20,
        0x25 => 0x260e,
        0x2a => 0x261b,
        0x2b => 0x261e,
        0x48 => 0x2605,
        0x6c => 0x25cf,
        0x6e => 0x25a0,
        0x73 => 0x25b2,
        0x74 => 0x25bc,
        0x75 => 0x25c6,
        0x77 => 0x25d7,
        0x21..=0x7e => 0x2701 + code - 0x21,
        0xa8 => 0x2663,
        0xa9 => 0x2666,
        0xaa => 0x2665,
        0xab => 0x2660,
        0xa1..=0xa7 => 0x2761 + code - 0xa1,
        0xac..=0xb5 => 0x2460 + code - 0xac,
        0xb6..=0xd4 => 0x2776 + code - 0xb6,
        0xd5 => 0x2192,
        0xd6 => 0x2194,
        0xd7 => 0x2195,
        0xd8..=0xfe => 0x2798 + code - 0xd8,
        _ => return None,
    };
    char::from_u32(point)
}

/// Codes from 0x21 and from 0xA0 of the font Symbol; a space marks a gap.
const SYMBOL_LOW: &str =
    "!∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼";
const SYMBOL_HIGH: &str =
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭";

// Codes from 0x21 of Microsoft's fonts of signs, after Unicode's proposal L2/11-052 and Alan Wood's tables as in `dingbat-to-unicode` 1.0.2.
// Where several characters look alike the everyday one is taken: boxes, ticks, crosses and arrows that every font has.
#[rustfmt::skip]
const WEBDINGS: &str = concat!(
    "🕷🕸🕲🕶🏆🎖🖇🗨🗩🗰🗱🌶🎗🙾🙼🗕🗖🗗⏴⏵⏶⏷⏪⏩⏮⏭⏸⏹⏺🗚🗳🛠🏗🏘🏙🏚🏜🏭🏛🏠🏖🏝🛣🔍🏔👁👂🏞🏕🛤🏟🛳🕬🕫🕨🔈",
    "🎔🎕🗬🙽🗭🗪🗫⮔✓🚲☐🛡📦🛱⬛🚑🛈🛩🛰🟈🕴⬤🛥🚔🗘✗❓🛲🚇🚍⛳⦸⊖🚭🗮⏐🗯🗲 🚹🚺🛉🛊🚼👽🏋⛷🏂🏌🏊🏄🏍🏎🚘🗠🛢",
    "💰🏷💳👪🗡🗢🗣✯🖄🖅🖃🖆🖹🖺🖻🕵🕰🖽🖾📋🗒🗓🕮📚🗞🗟🗃🗂🖼🎭🎜🎘🎙🎧💿🎞📷🎟🎬📽📹📾📻🎚🎛📺💻🖥🖦🖧🕹🎮🕻🕼📟🖁",
    "🖀🖨🖩🖿🖪🗜🔒🔓🗝📥📤🕳🌣🌤🌥🌦☁🌨🌧🌩🌪🌬🌫🌜🌡🛋🛏🍽🍸🛎🛍Ⓟ♿🛆🖈🎓🗤🗥🗦🗧🛪🐿🐦🐟🐕🐈🙬🙮🙭🙯🗺🌍🌏🌎🕊",
);
#[rustfmt::skip]
const WINGDINGS: &str = concat!(
    "🖉✂✁👓🕭🕮🕯🕿✆🖂🖃📪📫📬📭🗀🗁🗎🗏🗐🗄⌛🖮🖰🖲🖳🖴🖫🖬✇✍🖎✌🖏👍👎☜☞☝☟🖐☺😐☹💣🕱🏳🏱✈☼🌢❄🕆✞🕈✠",
    "✡☪☯🕉☸♈♉♊♋♌♍♎♏♐♑♒♓🙰🙵●🔾■☐🞐☐☐🞟⧫◆❖⬩☒⮹⌘🏵🏶🙶🙷▯🄋➀➁➂➃➄➅➆➇➈➉🄌➊➋➌➍➎",
    "➏➐➑➒➓🙢🙠🙡🙣🙞🙜🙝🙟∙•⬝○🞆🞈🞊🞋🔿▪☐🟁🟅★🟋🟏🟓🟑⯐⌖⯎⯏⯑✪✰🕐🕑🕒🕓🕔🕕🕖🕗🕘🕙🕚🕛⮰⮱⮲⮳⮴⮵",
    "⮶⮷🙪🙫🙕🙔🙗🙖🙐🙑🙒🙓⌫⌦⮘➢⮙⮛⮈⮊⮉⮋←→↑↓↖↗↙↘🡸➔🡹🡻🡼🡽🡿🡾⇦⇨⇧⇩⬄⇳⬁⬀⬃⬂🢬🢭✗✓☒☑ ",
);
#[rustfmt::skip]
const WINGDINGS_2: &str = concat!(
    "🖊🖋🖌🖍✄✀🕾🕽🗅🗆🗇🗈🗉🗊🗋🗌🗍📋🗑🗔🖵🖶🖷🖸🖭🖯🖱🖒🖓🖘🖙🖚🖛👈👉🖜🖝🖞🖟🖠🖡👆👇🖢🖣🖑✗✓☒☑⮽☒⮾⮿🛇⦸",
    "🙱🙴🙲🙳‽🙹🙺🙻🙦🙤🙥🙧🙚🙘🙙🙛⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿ ☉🌕☽☾⸿✝🕇🕜🕝🕞🕟🕠🕡🕢🕣🕤🕥",
    "🕦🕧🙨🙩⋅🞄⦁●○🞅🞇🞉⊙⦿🞌🞍◾■□🞑🞒🞓🞔▣🞕🞖🞗🞘⬩⬥◇🞚◈🞛🞜🞝🞞⬪⬧◊🞠◖◗⯊⯋⯀⯁⬟⯂⬣⬢⯃⯄🞡🞢🞣",
    "🞤🞥🞦🞧🞨🞩🞪🞫🞬🞭🞮🞯🞰🞱🞲🞳🞴🞵🞶🞷🞸🞹🞺🞻🞼🞽🞾🞿🟀🟂🟄🟆🟉🟊✶🟌🟎🟐🟒✹🟃🟇✯🟍🟔⯌⯍※⁂      ",
);
#[rustfmt::skip]
const WINGDINGS_3: &str = concat!(
    "⭠⭢⭡⭣⭦⭧⭩⭨⭰⭲⭱⭳⭶⭸⭻⭽⭤⭥⭪⭬⭫⭭⭍⮠⮡⮢⮣⮤⮥⮦⮧⮐⮑⮒⮓⮀⮃⭾⭿⮄⮆⮅⮇⮏⮍⮎⮌⭮⭯⎋⌤⌃⌥␣⍽⇪",
    "⮸🢠🢡🢢🢣🢤🢥🢦🢧🢨🢩🢪🢫🡐🡒🡑🡓🡔🡕🡗🡖🡘🡙▲▼△▽◀▶◁▷◣◢◤◥🞀🞂🞁 🞃⯅⯆⯇⯈⮜⮞⮝⮟🠐🠒🠑🠓🠔🠖🠕🠗",
    "🠘🠚🠙🠛🠜🠞🠝🠟🠀🠂🠁🠃🠄🠆🠅🠇🠈🠊🠉🠋🠠🠢🠤🠦🠨🠪🠬🢜🢝🢞🢟🠮🠰🠲🠴🠶🠸🠺🠹🠻🢘🢚🢙🢛🠼🠾🠽🠿🡀🡂🡁🡃🡄🡆🡅🡇",
    "⮨⮩⮪⮫⮬⮭⮮⮯🡠🡢🡡🡣🡤🡥🡧🡦🡰🡲🡱🡳🡴🡵🡷🡶🢀🢂🢁🢃🢄🢅🢇🢆🢐🢒🢑🢓🢔🢖🢕🢗               ",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_private_characters_show_what_their_font_draws() {
        let shown = |font: &str, codes: &str| -> String {
            let font = SignFont::named(font).unwrap();
            codes.chars().map(|code| font.sign(code).unwrap_or('?')).collect()
        };
        assert_eq!(shown("Symbol", "b\u{f062}\u{f0b1}\u{b3}\u{f0a3}\u{2d}\u{f0b0}"), "ββ±≥≤−°");
        assert_eq!(shown("Wingdings", "\u{f0fe}\u{f0a8}\u{f0fc}\u{f0fb}\u{fd}J\u{f0e0}"), "☑☐✓✗☒☺→");
        assert_eq!(shown("Wingdings 2", "PO\u{f052}\u{6a}"), "✓✗☑①");
        assert_eq!(shown("Wingdings 3", "\u{70}\u{71}"), "▲▼");
        assert_eq!(shown("ZapfDingbats", "4\u{f034}"), "✔✔");
        assert_eq!(shown("Webdings", "é\u{f0ff}α"), "♿🕊α");
        assert_eq!(shown("Marlett", "a"), "?");
        assert_eq!((SignFont::named("Arial"), unnamed('\u{f0b7}'), unnamed('\u{f041}')), (None, Some('•'), None));
    }

    #[test]
    fn tables_reach_the_last_code() {
        for table in [WEBDINGS, WINGDINGS, WINGDINGS_2, WINGDINGS_3] {
            assert_eq!(table.chars().count(), 0xff - 0x20);
        }
    }
}
