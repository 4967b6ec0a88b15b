//! A font as text extraction needs it: codes of a string → Unicode text and advance widths; knows nothing of pages.

use lopdf::{Dictionary, Object, Stream};

use super::cmap::{CMap, TextMap};
use super::encoding::{BaseEncoding, push_glyph_name};
use super::file::{PdfFile, number};
use super::metrics::standard_width;
use super::predefined::{self, Predefined};
use super::typeface;

/// Glyph numbers above this have the default width.
const CIDS_MAX: usize = 1 << 16;

/// How the bytes of a string become codes.
#[derive(Debug)]
enum Codes {
    /// One byte a code.
    Simple,
    /// Two bytes, and the code is the glyph number.
    Identity,
    /// Two bytes of UTF-16.
    Unicode,
    /// One or two bytes of a national character set.
    National(&'static encoding_rs::Encoding),
    /// As many bytes as the predefined CMap of the font wants.
    Predefined,
    /// By an embedded CMap.
    Mapped(Box<CMap>),
}

/// One font of a file.
#[derive(Debug)]
pub(super) struct Font {
    codes: Codes,
    /// Glyph numbers by code where a predefined CMap tells them.
    cids: Option<Predefined>,
    /// Text by code from `/ToUnicode`.
    to_unicode: TextMap,
    /// Text by code (simple) or by glyph number (composite) from the encoding or the embedded font.
    fallback: TextMap,
    /// Widths by code or glyph number, in em.
    widths: Vec<f32>,
    default_width: f32,
    /// Whether strokes are heavy.
    pub(super) bold: bool,
    /// Whether glyphs run downwards.
    pub(super) vertical: bool,
    /// Height of an em relative to the font size; differs from 1 in Type 3 fonts only.
    pub(super) em: f32,
}

/// One glyph of a shown string.
pub(super) struct Shown<'a> {
    /// Its text; empty when no table gives one.
    pub(super) text: &'a str,
    /// Its advance in em.
    pub(super) width: f32,
    /// Whether word spacing applies: the one-byte code 32.
    pub(super) is_space_code: bool,
}

impl Font {
    /// Reads a font dictionary; what is missing or damaged is replaced by what is usual.
    pub(super) fn read(file: &PdfFile, dict: &Dictionary) -> Self {
        let to_unicode = match file.get(dict, b"ToUnicode") {
            Some(Object::Stream(stream)) => {
                file.decode(stream).map(|program| CMap::parse(&program).text).unwrap_or_default()
            }
            Some(Object::Name(name)) if name.starts_with(b"Identity") => TextMap::identity(),
            _ => TextMap::default(),
        };
        match file.get_name(dict, b"Subtype") {
            Some(b"Type0") => Self::composite(file, dict, to_unicode),
            _ => Self::simple(file, dict, to_unicode),
        }
    }

    /// Calls `each` for every glyph of a string.
    pub(super) fn decode(&self, bytes: &[u8], text: &mut String, mut each: impl FnMut(Shown<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (code, length) = self.next_code(rest);
            let glyph = match &self.codes {
                Codes::Mapped(cmap) => cmap.cid(code),
                _ => self.cids.as_ref().map_or(code, |cids| cids.cid(code, length)),
            };
            text.clear();
            let known = self.to_unicode.push(code, text)
                || self.push_own(code, &rest[..length], text)
                || self.fallback.push(glyph, text);
            if !known {
                text.clear();
            }
            let width = match &self.codes {
                Codes::National(_) if length == 1 && self.cids.is_none() => 0.5,
                _ => self.widths.get(glyph as usize).copied().unwrap_or(self.default_width),
            };
            each(Shown { text, width, is_space_code: length == 1 && code == 32 });
            rest = &rest[length..];
        }
    }

    fn next_code(&self, bytes: &[u8]) -> (u32, usize) {
        let pair = || match bytes {
            [high, low, ..] => (u32::from(*high) << 8 | u32::from(*low), 2),
            _ => (u32::from(bytes[0]), 1),
        };
        match &self.codes {
            Codes::Simple => (u32::from(bytes[0]), 1),
            Codes::Unicode if matches!(bytes, [0xd8..=0xdb, _, 0xdc..=0xdf, _, ..]) => {
                (bytes[..4].iter().fold(0, |code, &byte| code << 8 | u32::from(byte)), 4)
            }
            Codes::Identity | Codes::Unicode => pair(),
            Codes::Predefined => self.cids.as_ref().and_then(|cids| cids.next_code(bytes)).unwrap_or_else(pair),
            Codes::National(encoding) => {
                let single =
                    bytes[0] < 0x80 || (*encoding == encoding_rs::SHIFT_JIS && matches!(bytes[0], 0x80 | 0xa0..=0xdf));
                if single { (u32::from(bytes[0]), 1) } else { pair() }
            }
            Codes::Mapped(cmap) => cmap.next_code(bytes),
        }
    }

    /// The text that the code itself is, in encodings made of characters.
    fn push_own(&self, code: u32, bytes: &[u8], text: &mut String) -> bool {
        match &self.codes {
            Codes::Unicode => {
                let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
                let found = char::decode_utf16(units).next().and_then(Result::ok);
                text.extend(found);
                found.is_some()
            }
            Codes::National(encoding) => {
                let decoded = encoding.decode_without_bom_handling_and_without_replacement(bytes);
                text.push_str(decoded.as_deref().unwrap_or_default());
                decoded.is_some()
            }
            Codes::Mapped(cmap) => cmap.text.push(code, text),
            Codes::Simple | Codes::Identity | Codes::Predefined => false,
        }
    }

    fn simple(file: &PdfFile, dict: &Dictionary, to_unicode: TextMap) -> Self {
        let descriptor = file.get_dict(dict, b"FontDescriptor");
        let name = font_name(file, dict);
        let (bold, italic) = weight(file, &name, descriptor);
        let is_type3 = file.get_name(dict, b"Subtype") == Some(b"Type3");
        let fallback = simple_text(file, dict, descriptor, &name);
        let matrix = file.get(dict, b"FontMatrix").and_then(|matrix| file.numbers(matrix));
        let scale = match &matrix {
            Some(matrix) if is_type3 && matrix.len() == 6 => matrix[0].abs() as f32,
            _ => 0.001,
        };
        let missing =
            descriptor.and_then(|descriptor| file.get_number(descriptor, b"MissingWidth")).unwrap_or(0.0) as f32;
        let given = file.get(dict, b"Widths").and_then(|widths| file.numbers(widths));
        let widths = match given {
            Some(given) => {
                let first = file.get_number(dict, b"FirstChar").unwrap_or(0.0).clamp(0.0, 255.0) as usize;
                let mut widths = vec![missing * scale; 256];
                for (slot, width) in widths.iter_mut().skip(first).zip(given) {
                    *slot = width as f32 * scale;
                }
                widths
            }
            None => standard_widths(&fallback, &name, bold, italic),
        };
        let em = match (is_type3, &matrix, file.get(dict, b"FontBBox").and_then(|bbox| file.numbers(bbox))) {
            (true, Some(matrix), Some(bbox)) if matrix.len() == 6 && bbox.len() == 4 => {
                let height = ((bbox[3] - bbox[1]) * matrix[3]).abs() as f32;
                if (0.01..100.0).contains(&height) { height } else { 1.0 }
            }
            _ => 1.0,
        };
        Self {
            codes: Codes::Simple,
            cids: None,
            to_unicode,
            fallback,
            widths,
            default_width: 0.0,
            bold,
            vertical: false,
            em,
        }
    }

    fn composite(file: &PdfFile, dict: &Dictionary, to_unicode: TextMap) -> Self {
        let descendant = match file.get(dict, b"DescendantFonts") {
            Some(Object::Array(list)) => list.first().map(|font| file.resolve(font)),
            other => other,
        };
        let empty = Dictionary::new();
        let descendant = descendant.and_then(|font| font.as_dict().ok()).unwrap_or(&empty);
        let descriptor = file.get_dict(descendant, b"FontDescriptor");
        let (bold, _) = weight(file, &font_name(file, dict), descriptor);
        let (codes, cids, vertical) = composite_codes(file, dict);
        let default_width = file.get_number(descendant, b"DW").unwrap_or(1000.0) as f32 / 1000.0;
        let widths = file.get(descendant, b"W").map(|w| cid_widths(file, w, default_width)).unwrap_or_default();
        let collection = if to_unicode.is_empty() { predefined::collection_text(file, descendant) } else { None };
        let fallback = match (&codes, descriptor, collection) {
            (_, _, Some(text)) => text,
            (Codes::Identity | Codes::Mapped(_), Some(descriptor), None) if to_unicode.is_empty() => {
                embedded_text(file, descriptor)
            }
            _ => TextMap::default(),
        };
        Self { codes, cids, to_unicode, fallback, widths, default_width, bold, vertical, em: 1.0 }
    }
}

fn font_name(file: &PdfFile, dict: &Dictionary) -> String {
    String::from_utf8_lossy(file.get_name(dict, b"BaseFont").unwrap_or_default()).into_owned()
}

/// Whether the font is bold and whether it is italic, by its name and flags.
fn weight(file: &PdfFile, name: &str, descriptor: Option<&Dictionary>) -> (bool, bool) {
    let lower = name.to_ascii_lowercase();
    let flags = descriptor.and_then(|descriptor| file.get_number(descriptor, b"Flags")).unwrap_or(0.0) as i64;
    let weight = descriptor.and_then(|descriptor| file.get_number(descriptor, b"FontWeight")).unwrap_or(0.0);
    let bold = ["bold", "black", "heavy", "semibd", "demi"].iter().any(|part| lower.contains(part));
    let italic = ["italic", "oblique"].iter().any(|part| lower.contains(part));
    (bold || flags & 1 << 18 != 0 || weight >= 600.0, italic || flags & 1 << 6 != 0)
}

/// Text by code of a simple font, from its encoding.
fn simple_text(file: &PdfFile, dict: &Dictionary, descriptor: Option<&Dictionary>, name: &str) -> TextMap {
    let encoding = file.get(dict, b"Encoding");
    let named = match encoding {
        Some(Object::Name(name)) => BaseEncoding::named(name),
        Some(Object::Dictionary(encoding)) => file.get_name(encoding, b"BaseEncoding").and_then(BaseEncoding::named),
        _ => None,
    };
    let symbolic = |part: &str| name.split('+').next_back().is_some_and(|name| name.starts_with(part));
    let base = named.unwrap_or_else(|| match file.get_name(dict, b"Subtype") {
        _ if symbolic("Symbol") => BaseEncoding::Symbol,
        _ if symbolic("ZapfDingbats") => BaseEncoding::Dingbats,
        Some(b"TrueType") => BaseEncoding::WinAnsi,
        _ => BaseEncoding::Standard,
    });
    let mut text = TextMap::default();
    let mut buffer = String::new();
    for code in 0..=255u8 {
        if let Some(found) = base.char_of(code) {
            text.set(u32::from(code), found.encode_utf8(&mut [0; 4]));
        }
    }
    if named.is_none()
        && let Some(Object::Stream(program)) = descriptor.and_then(|descriptor| file.get(descriptor, b"FontFile"))
        && let Ok(program) = file.decode(program)
    {
        for (code, name) in typeface::type1_encoding(&program) {
            buffer.clear();
            if push_glyph_name(name, &mut buffer) {
                text.set(code, &buffer);
            }
        }
    }
    let differences = match encoding {
        Some(Object::Dictionary(encoding)) => file.get(encoding, b"Differences").and_then(|list| list.as_array().ok()),
        _ => None,
    };
    let mut code = 0u32;
    for entry in differences.into_iter().flatten() {
        match file.resolve(entry) {
            Object::Name(name) => {
                buffer.clear();
                if code < 256 && push_glyph_name(name, &mut buffer) {
                    text.set(code, &buffer);
                }
                code = code.saturating_add(1);
            }
            other => code = number(other).unwrap_or(0.0).clamp(0.0, 255.0) as u32,
        }
    }
    text
}

fn standard_widths(text: &TextMap, name: &str, bold: bool, italic: bool) -> Vec<f32> {
    let mut buffer = String::new();
    (0..256)
        .map(|code| {
            buffer.clear();
            text.push(code, &mut buffer);
            let em = buffer.chars().next().map_or(0.0, |found| standard_width(name, bold, italic, found));
            em / 1000.0
        })
        .collect()
}

fn composite_codes(file: &PdfFile, dict: &Dictionary) -> (Codes, Option<Predefined>, bool) {
    match file.get(dict, b"Encoding") {
        Some(Object::Name(name)) => {
            let cids = Predefined::named(name);
            let name = String::from_utf8_lossy(name);
            let codes = match named_codes(&name) {
                Codes::Identity if cids.is_some() => Codes::Predefined,
                codes => codes,
            };
            (codes, cids, name.ends_with("-V") || name == "V")
        }
        Some(Object::Stream(stream)) => {
            let (codes, vertical) = embedded_codes(file, stream);
            (codes, None, vertical)
        }
        _ => (Codes::Identity, None, false),
    }
}

fn embedded_codes(file: &PdfFile, stream: &Stream) -> (Codes, bool) {
    let Ok(program) = file.decode(stream) else { return (Codes::Identity, false) };
    let cmap = CMap::parse(&program);
    let vertical = cmap.vertical || file.get_number(&stream.dict, b"WMode").is_some_and(|mode| mode != 0.0);
    (Codes::Mapped(Box::new(cmap)), vertical)
}

/// The predefined CMaps (PDF 32000-1:2008, table 118) whose codes are text, by the character set that they encode.
fn named_codes(name: &str) -> Codes {
    let starts = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    if name.contains("UCS2") || name.contains("UTF16") {
        Codes::Unicode
    } else if starts(&["90ms", "90pv", "90msp", "83pv", "Add-RKSJ", "Ext-RKSJ"]) {
        Codes::National(encoding_rs::SHIFT_JIS)
    } else if starts(&["EUC-"]) {
        Codes::National(encoding_rs::EUC_JP)
    } else if starts(&["GB-EUC", "GBK-", "GBpc", "GBKp"]) {
        Codes::National(encoding_rs::GBK)
    } else if starts(&["ETen", "B5pc", "HKscs", "ETenms"]) {
        Codes::National(encoding_rs::BIG5)
    } else if starts(&["KSC"]) {
        Codes::National(encoding_rs::EUC_KR)
    } else {
        Codes::Identity
    }
}

/// Text by glyph number from the character map of the embedded font.
fn embedded_text(file: &PdfFile, descriptor: &Dictionary) -> TextMap {
    let program = [&b"FontFile2"[..], b"FontFile3"].iter().find_map(|key| match file.get(descriptor, key) {
        Some(Object::Stream(stream)) => file.decode(stream).ok(),
        _ => None,
    });
    let mut text = TextMap::default();
    for (glyph, found) in program.map(|program| typeface::glyph_characters(&program)).unwrap_or_default() {
        text.set(u32::from(glyph), found.encode_utf8(&mut [0; 4]));
    }
    text
}

/// The `/W` array: `first [w1 w2 …]` and `first last w` in any order.
fn cid_widths(file: &PdfFile, object: &Object, default: f32) -> Vec<f32> {
    let mut widths: Vec<f32> = Vec::new();
    let mut set = |cid: usize, width: f64| {
        if cid < CIDS_MAX {
            if widths.len() <= cid {
                widths.resize(cid + 1, default);
            }
            widths[cid] = width as f32 / 1000.0;
        }
    };
    let entries: Vec<&Object> = object.as_array().into_iter().flatten().map(|entry| file.resolve(entry)).collect();
    let mut rest = entries.as_slice();
    loop {
        match rest {
            [first, Object::Array(list), tail @ ..] => {
                let first = number(first).unwrap_or(0.0).max(0.0) as usize;
                for (index, width) in list.iter().enumerate() {
                    set(first.saturating_add(index), number(file.resolve(width)).unwrap_or(0.0));
                }
                rest = tail;
            }
            [first, last, width, tail @ ..] => {
                let (first, last) = (number(first).unwrap_or(0.0).max(0.0), number(last).unwrap_or(0.0));
                for cid in first as usize..=(last.min(CIDS_MAX as f64).max(0.0) as usize) {
                    set(cid, number(width).unwrap_or(0.0));
                }
                rest = tail;
            }
            _ => return widths,
        }
    }
}
