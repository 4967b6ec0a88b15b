//! Numbers of code pages and of fonts' character sets go in, encodings come out.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, IBM866, MACINTOSH, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258, X_MAC_CYRILLIC,
};

/// How the bytes of text are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// An encoding of text.
    Encoding(&'static Encoding),
    /// Signs of a symbol font, of which only bullets are known.
    Symbol,
}

/// The encoding of a Windows or DOS code page; none for those that are not known.
pub(super) fn code_page(number: i32) -> Option<&'static Encoding> {
    Some(match number {
        866 => IBM866,
        874 => WINDOWS_874,
        932 => SHIFT_JIS,
        936 => GBK,
        949 | 1361 => EUC_KR,
        950 => BIG5,
        1250 => WINDOWS_1250,
        1251 => WINDOWS_1251,
        1252 | 0 => WINDOWS_1252,
        1253 => WINDOWS_1253,
        1254 => WINDOWS_1254,
        1255 => WINDOWS_1255,
        1256 => WINDOWS_1256,
        1257 => WINDOWS_1257,
        1258 => WINDOWS_1258,
        10_000 => MACINTOSH,
        10_007 => X_MAC_CYRILLIC,
        65_001 => UTF_8,
        _ => return None,
    })
}

/// The character set of `\fcharset`; none for the default, which is the document's.
pub(super) fn of_font(number: i32) -> Option<Charset> {
    let page = match number {
        2 => return Some(Charset::Symbol),
        0 => 1252,
        77 => 10_000,
        128 => 932,
        129 => 949,
        130 => 1361,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    code_page(page).map(Charset::Encoding)
}

/// `bytes` as text, and how many characters of it could not be read.
pub(super) fn decode(bytes: &[u8], charset: Charset) -> (String, usize) {
    match charset {
        Charset::Symbol => (bytes.iter().map(|byte| symbol(u32::from(*byte))).collect(), 0),
        Charset::Encoding(encoding) => {
            let (text, damaged) = encoding.decode_without_bom_handling(bytes);
            let replaced = if damaged { text.matches('\u{fffd}').count() } else { 0 };
            (text.into_owned(), replaced)
        }
    }
}

/// The character for `code` of a symbol font, which Word also writes from U+F000 on.
pub(super) fn symbol(code: u32) -> char {
    match code & 0xff {
        0xb7 | 0xa7 | 0x6f | 0xa8 | 0xd8 | 0xfc => '•',
        code if code < 0x80 => char::from(code as u8),
        _ => '\u{fffd}',
    }
}
