//! RTF goes in, its text with headings, lists and tables comes out; pictures, objects and looks stay behind.

mod charset;
mod lexer;
mod paragraphs;
mod state;
mod words;

use std::collections::HashMap;

use encoding_rs::WINDOWS_1252;
use serde::{Deserialize, Serialize};

use super::blocks::title;
use crate::document::{Document, FileStatus, Format, Warning};
use crate::error::{Error, Result};
use charset::Charset;
use lexer::{Lexer, Token};
use paragraphs::{Layout, Paragraphs};
use state::{State, Target};
use words::{SKIPPED, STARRED, character, outline};

/// How much of an RTF file is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RtfSettings {
    /// Nesting of groups above which braces are ignored.
    pub depth_max: usize,
}

impl Default for RtfSettings {
    fn default() -> Self {
        Self { depth_max: 512 }
    }
}

/// Reads RTF.
///
/// # Errors
/// [`Error::Document`] with status `malformed` when the bytes do not start as RTF does.
pub fn read_rtf(bytes: &[u8], settings: &RtfSettings) -> Result<Document> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len());
    if !bytes[start..].starts_with(b"{\\rtf") {
        let reason = "the file does not start as Rich Text does; open it in a word processor and save it again";
        return Err(Error::document(FileStatus::Malformed, reason));
    }
    let mut reader = Reader::new(settings);
    for token in Lexer::new(&bytes[start..]) {
        reader.take(token);
        if reader.is_over {
            break;
        }
    }
    Ok(reader.finish())
}

struct Reader<'a> {
    settings: &'a RtfSettings,
    state: State,
    saved: Vec<State>,
    /// Groups that are open beyond the limit.
    ignored: usize,
    is_deep: bool,
    is_over: bool,
    starred: bool,
    charset: Charset,
    fonts: HashMap<i32, Charset>,
    font: i32,
    default_font: Option<i32>,
    /// The level of a heading that each style is.
    styles: HashMap<i32, u8>,
    style: (i32, Option<u8>, String),
    title: String,
    /// Bytes of text that are not decoded yet.
    bytes: Vec<u8>,
    /// Half of a character beyond U+FFFF.
    half: Option<u16>,
    /// Characters to pass over after a `\u`.
    passing: usize,
    paragraphs: Paragraphs,
    replaced: usize,
    pictures: usize,
    objects: usize,
    unknown_page: Option<i32>,
}

impl<'a> Reader<'a> {
    fn new(settings: &'a RtfSettings) -> Self {
        let charset = Charset::Encoding(WINDOWS_1252);
        let state = State {
            target: Target::Body,
            replacements: 1,
            charset,
            hidden: false,
            note: false,
            layout: Layout::default(),
        };
        Self {
            settings,
            state,
            saved: Vec::new(),
            ignored: 0,
            is_deep: false,
            is_over: false,
            starred: false,
            charset,
            fonts: HashMap::new(),
            font: 0,
            default_font: None,
            styles: HashMap::new(),
            style: (0, None, String::new()),
            title: String::new(),
            bytes: Vec::new(),
            half: None,
            passing: 0,
            paragraphs: Paragraphs::default(),
            replaced: 0,
            pictures: 0,
            objects: 0,
            unknown_page: None,
        }
    }

    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Open | Token::Close => self.passing = 0,
            _ if self.passing > 0 && !matches!(token, Token::Word("u", _)) => {
                self.passing -= 1;
                return;
            }
            _ => {}
        }
        if let Token::Text(byte) = token {
            if self.state.target != Target::Nowhere && !self.state.hidden {
                self.bytes.push(byte);
            }
            // A style's definition ends with a semicolon, with or without a group around it.
            if byte == b';' && self.state.target == Target::Styles {
                self.decode();
                self.end_style();
            }
            return;
        }
        self.decode();
        let starred = std::mem::take(&mut self.starred);
        match token {
            Token::Open => self.open(),
            Token::Close => self.close(),
            Token::Symbol(sign) => self.symbol(sign),
            Token::Word(word, number) => self.word(word, number, starred),
            Token::Text(_) => {}
        }
    }

    fn open(&mut self) {
        if self.saved.len() >= self.settings.depth_max {
            self.ignored += 1;
            self.is_deep = true;
        } else {
            self.saved.push(self.state);
            self.state.note = false;
        }
    }

    fn close(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        if self.state.note {
            self.paragraphs.end_note();
        }
        if let Some(state) = self.saved.pop() {
            self.state = state;
        }
        self.is_over = self.saved.is_empty();
    }

    /// Turns the bytes so far into text.
    fn decode(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        self.drop_half();
        let (text, replaced) = charset::decode(&self.bytes, self.state.charset);
        self.replaced += replaced;
        self.bytes.clear();
        self.text(&text);
    }

    fn text(&mut self, text: &str) {
        match self.state.target {
            Target::Body if !self.state.hidden => self.paragraphs.text(text),
            Target::Styles => self.style.2.push_str(text),
            Target::Title => self.title.push_str(text),
            Target::Mark => self.paragraphs.mark(text),
            Target::Body | Target::Nowhere | Target::Fonts => {}
        }
    }

    fn symbol(&mut self, sign: u8) {
        match sign {
            b'*' => self.starred = true,
            b'~' => self.text("\u{a0}"),
            b'_' => self.text("\u{2011}"),
            b'\\' | b'{' | b'}' => self.text(char::from(sign).encode_utf8(&mut [0; 4])),
            b'\t' => self.text("\t"),
            b'\r' | b'\n' => self.end_paragraph(),
            _ => {}
        }
    }

    fn word(&mut self, word: &str, number: Option<i32>, starred: bool) {
        if self.group(word, starred) || self.table_entry(word, number) {
            return;
        }
        match (word, number) {
            ("u", Some(code)) => self.unicode(code),
            ("uc", Some(count)) => self.state.replacements = usize::try_from(count).unwrap_or(1).min(16),
            ("ansicpg", Some(page)) => match charset::code_page(page) {
                Some(encoding) => {
                    self.charset = Charset::Encoding(encoding);
                    self.state.charset = self.charset;
                }
                None => self.unknown_page = Some(page),
            },
            ("mac", _) => self.word("ansicpg", Some(10_000), false),
            ("pc", _) => self.unknown_page = Some(437),
            ("pca", _) => self.unknown_page = Some(850),
            ("deff", font) => self.default_font = font,
            ("f", Some(font)) => self.set_font(font),
            ("plain", _) => {
                self.state.hidden = false;
                if let Some(font) = self.default_font {
                    self.set_font(font);
                }
            }
            ("v" | "deleted", number) => self.state.hidden = number != Some(0),
            ("pard", _) => self.state.layout = Layout::default(),
            ("s", Some(style)) => self.state.layout.level = self.styles.get(&style).copied(),
            ("outlinelevel", Some(level)) => self.state.layout.level = outline(level),
            ("intbl", _) => self.state.layout.in_table = true,
            ("ilvl", Some(level)) => self.state.layout.list_level = usize::try_from(level).unwrap_or(0).min(8),
            ("par" | "sect" | "page", _) => self.end_paragraph(),
            ("cell" | "nestcell", _) if self.in_body() => self.paragraphs.end_cell(),
            ("row" | "nestrow", _) if self.in_body() => self.paragraphs.end_row(),
            ("line" | "softline", _) => self.text("\n"),
            _ => self.text(character(word)),
        }
    }

    /// Takes a word that says what its group is; whether it was one.
    fn group(&mut self, word: &str, starred: bool) -> bool {
        match word {
            "pict" if self.in_body() => self.pictures += 1,
            "object" if self.in_body() => self.objects += 1,
            _ => {}
        }
        let target = match word {
            "fonttbl" => Target::Fonts,
            "stylesheet" => Target::Styles,
            "title" if self.state.target == Target::Body => Target::Title,
            "listtext" | "pntext" if self.in_body() => Target::Mark,
            "ud" => Target::Body,
            "footnote" | "annotation" | "shptxt" if self.in_body() => {
                if !self.state.note && self.ignored == 0 {
                    self.paragraphs.start_note();
                    self.state.note = true;
                }
                return true;
            }
            "info" => return true,
            _ if SKIPPED.contains(&word) || (starred && !STARRED.contains(&word)) => Target::Nowhere,
            _ => return false,
        };
        self.state.target = target;
        true
    }

    /// Takes a word inside the table of fonts or of styles; whether it belongs there.
    fn table_entry(&mut self, word: &str, number: Option<i32>) -> bool {
        match (self.state.target, word, number) {
            (Target::Fonts, "f", Some(font)) => self.font = font,
            (Target::Fonts, "fcharset", Some(charset)) => {
                let charset = charset::of_font(charset).unwrap_or(self.charset);
                self.fonts.insert(self.font, charset);
            }
            (Target::Fonts, "cpg", Some(page)) => {
                if let Some(encoding) = charset::code_page(page) {
                    self.fonts.insert(self.font, Charset::Encoding(encoding));
                }
            }
            (Target::Styles, "s", Some(style)) => self.style.0 = style,
            (Target::Styles, "outlinelevel", Some(level)) => self.style.1 = outline(level),
            (Target::Styles, "u", Some(code)) => self.unicode(code),
            (Target::Fonts | Target::Styles, ..) => {}
            _ => return false,
        }
        true
    }

    fn end_style(&mut self) {
        let (number, outline, name) = std::mem::take(&mut self.style);
        let name = name.trim_end_matches(';').trim().to_lowercase();
        let named = name.strip_prefix("heading ").and_then(|level| level.trim().parse::<u8>().ok());
        let level = outline.or(named.filter(|level| (1..=9).contains(level))).or((name == "title").then_some(1));
        if let Some(level) = level {
            self.styles.insert(number, level.min(6));
        }
    }

    fn set_font(&mut self, font: i32) {
        self.state.charset = self.fonts.get(&font).copied().unwrap_or(self.charset);
    }

    /// Shows that half of a character came alone.
    fn drop_half(&mut self) {
        if self.half.take().is_some() {
            self.replaced += 1;
            self.text("\u{fffd}");
        }
    }

    fn unicode(&mut self, code: i32) {
        self.passing = self.state.replacements;
        // Codes above 32,767 are written as negative numbers.
        let unit = code as u16;
        if !(0xdc00..0xe000).contains(&unit) {
            self.drop_half();
        }
        let character = match (self.half.take(), unit) {
            (_, 0xd800..0xdc00) => {
                self.half = Some(unit);
                return;
            }
            (Some(high), low) => char::decode_utf16([high, low]).next().and_then(Result::ok),
            (None, 0xf000..0xf100) => Some(charset::symbol(u32::from(unit))),
            (None, _) => char::from_u32(u32::from(unit)),
        };
        self.replaced += usize::from(character.is_none());
        self.text(character.unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]));
    }

    fn in_body(&self) -> bool {
        self.state.target == Target::Body
    }

    fn end_paragraph(&mut self) {
        self.drop_half();
        if self.in_body() {
            self.paragraphs.end(self.state.layout);
        }
    }

    fn finish(mut self) -> Document {
        self.decode();
        self.drop_half();
        let mut warnings = Vec::new();
        let mut tell = |lossy, message| warnings.push(Warning { page: None, lossy, message });
        if !self.is_over {
            tell(true, "the file ends inside a group; part of it may be missing".to_owned());
        }
        if self.is_deep {
            let depth = self.settings.depth_max;
            tell(false, format!("groups nested deeper than read.rtf.depth_max = {depth} were flattened"));
        }
        if self.replaced > 0 {
            let lossy = self.replaced * 100 > self.paragraphs.len();
            tell(lossy, format!("{} characters could not be read and were replaced", self.replaced));
        }
        if let Some(page) = self.unknown_page {
            tell(false, format!("the code page {page} is not known; the file was read as windows-1252"));
        }
        if self.pictures > 0 {
            tell(false, format!("{} pictures were left out; text in them is not read", self.pictures));
        }
        if self.objects > 0 {
            tell(
                false,
                format!(
                    "{} embedded objects were left out; only what the document shows of them is read",
                    self.objects
                ),
            );
        }
        let (text, blocks, first_heading) = self.paragraphs.finish(self.state.layout);
        let title = title(&self.title).or(first_heading);
        Document { format: Format::Rtf, title, text, blocks, warnings, ..Document::default() }
    }
}

#[cfg(test)]
mod tests;
