//! Runs the content streams of a page and hands every shown glyph on, with its place; knows operators, nothing of words or layout.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Object, Stream};

use super::PdfSettings;
use super::file::{PageNode, PdfFile};
use super::font::Font;
use super::lexer::{Lexer, Operand, Token};
use super::matrix::Matrix;
use super::words::{Glyph, PageWords};

/// Saved graphics states deeper than this are not kept; real pages stay below a few dozen.
const STATES_MAX: usize = 512;
/// More operands than any operator takes, with room for long `TJ` arrays.
const OPERANDS_MAX: usize = 65_536;

/// Fonts read so far, by the address of their dictionary, which stays put while the file is open.
pub(super) type FontCache = HashMap<usize, Rc<Font>>;

/// What running a page gave besides its glyphs.
#[derive(Debug, Default)]
pub(super) struct PageRun {
    /// Images drawn, inline ones included.
    pub(super) images: u32,
    /// What could not be read, in words.
    pub(super) problems: Vec<String>,
}

#[derive(Clone)]
struct State {
    ctm: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    char_space: f64,
    word_space: f64,
    scale: f64,
    leading: f64,
    rise: f64,
    mode: u8,
}

/// Text that stands for everything drawn inside one marked-content sequence.
struct Replacement {
    text: String,
    depth: usize,
    placed: Option<((f64, f64), (f64, f64), (f64, f64), f64, bool)>,
}

/// One page in progress.
pub(super) struct Interpreter<'a> {
    file: &'a PdfFile,
    settings: &'a PdfSettings,
    fonts: &'a mut FontCache,
    words: &'a mut PageWords,
    run: PageRun,
    operations_left: u32,
    bounds: (f64, f64),
    state: State,
    text_matrix: Matrix,
    line_matrix: Matrix,
    marked_depth: usize,
    replacement: Option<Replacement>,
    buffer: String,
    /// Addresses of the forms being drawn, to stop one that draws itself.
    forms: Vec<usize>,
}

impl<'a> Interpreter<'a> {
    /// Runs all of a page's content and collects its words.
    pub(super) fn run_page(
        file: &'a PdfFile,
        settings: &'a PdfSettings,
        fonts: &'a mut FontCache,
        words: &'a mut PageWords,
        page: &PageNode<'a>,
    ) -> PageRun {
        let (ctm, width, height) = Matrix::page(page.media_box, page.turns);
        let state = State {
            ctm,
            font: None,
            size: 0.0,
            char_space: 0.0,
            word_space: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
            mode: 0,
        };
        let mut interpreter = Self {
            file,
            settings,
            fonts,
            words,
            run: PageRun::default(),
            operations_left: settings.operations_max,
            bounds: (width, height),
            state,
            text_matrix: Matrix::IDENTITY,
            line_matrix: Matrix::IDENTITY,
            marked_depth: 0,
            replacement: None,
            buffer: String::new(),
            forms: vec![],
        };
        let content = interpreter.page_content(page);
        interpreter.run_content(&content, page.resources);
        interpreter.words.end_word();
        interpreter.run
    }

    fn page_content(&mut self, page: &PageNode<'a>) -> Vec<u8> {
        let parts: Vec<&Object> = match self.file.get(page.dict, b"Contents") {
            Some(Object::Array(list)) => list.iter().map(|part| self.file.resolve(part)).collect(),
            Some(part) => vec![part],
            None => vec![],
        };
        let mut content = Vec::new();
        for part in parts {
            let Object::Stream(stream) = part else { continue };
            match self.file.decode(stream) {
                Ok(bytes) if content.is_empty() => content = bytes,
                Ok(bytes) if content.len() + bytes.len() <= self.settings.stream_bytes_max => {
                    // The parts are one stream, but no token runs across their border.
                    content.push(b'\n');
                    content.extend(bytes);
                }
                Ok(_) => self.problem("its content is larger than pdf.stream_bytes_max"),
                Err(reason) => self.problem(&format!("a part of its content cannot be unpacked: {reason}")),
            }
        }
        content
    }

    fn problem(&mut self, reason: &str) {
        if self.run.problems.len() < 8 && !self.run.problems.iter().any(|known| known == reason) {
            self.run.problems.push(reason.to_string());
        }
    }

    fn run_content(&mut self, content: &[u8], resources: Option<&'a Dictionary>) {
        let mut lexer = Lexer::new(content);
        let mut operands: Vec<Operand> = Vec::with_capacity(64);
        let mut states: Vec<State> = Vec::new();
        while let Some(token) = lexer.next() {
            match token {
                Token::Operand(operand) => {
                    if operands.len() < OPERANDS_MAX {
                        operands.push(operand);
                    }
                }
                Token::Operator(range) => {
                    let Some(left) = self.operations_left.checked_sub(1) else {
                        self.problem("it has more operations than pdf.operations_max; the rest was not read");
                        return;
                    };
                    self.operations_left = left;
                    match lexer.operator(&range) {
                        b"q" if states.len() < STATES_MAX => states.push(self.state.clone()),
                        b"Q" => {
                            if let Some(state) = states.pop() {
                                self.state = state;
                            }
                        }
                        b"ID" => {
                            self.run.images += 1;
                            lexer.skip_inline_image();
                        }
                        b"Do" => {
                            if let [.., Operand::Name(name)] = operands.as_slice() {
                                self.draw(lexer.bytes(name), resources);
                            }
                        }
                        operator => self.execute(operator, &operands, &lexer, resources),
                    }
                    operands.clear();
                    lexer.forget();
                }
            }
        }
    }

    fn execute(&mut self, operator: &[u8], operands: &[Operand], lexer: &Lexer, resources: Option<&'a Dictionary>) {
        let number = |index: usize| match operands.get(index) {
            Some(Operand::Number(value)) => *value,
            _ => 0.0,
        };
        match operator {
            b"cm" => {
                let matrix = Matrix(std::array::from_fn(number));
                self.state.ctm = matrix.then(self.state.ctm);
            }
            b"BT" => self.set_text_matrix(Matrix::IDENTITY),
            b"Tf" => {
                if let [.., Operand::Name(name), Operand::Number(size)] = operands {
                    self.state.font = self.font(lexer.bytes(name), resources);
                    self.state.size = *size;
                }
            }
            b"Tm" => self.set_text_matrix(Matrix(std::array::from_fn(number))),
            b"Td" => self.next_line(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.next_line(number(0), number(1));
            }
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"TL" => self.state.leading = number(0),
            b"Tc" => self.state.char_space = number(0),
            b"Tw" => self.state.word_space = number(0),
            b"Tz" => self.state.scale = number(0) / 100.0,
            b"Ts" => self.state.rise = number(0),
            b"Tr" => self.state.mode = number(0) as u8,
            b"Tj" | b"TJ" => self.show_all(operands, lexer),
            b"'" => {
                self.next_line(0.0, -self.state.leading);
                self.show_all(operands, lexer);
            }
            b"\"" => {
                (self.state.word_space, self.state.char_space) = (number(0), number(1));
                self.next_line(0.0, -self.state.leading);
                self.show_all(operands.get(2..).unwrap_or_default(), lexer);
            }
            b"gs" => self.graphics_state(operands, lexer, resources),
            b"BMC" => self.marked_depth += 1,
            b"BDC" => {
                self.marked_depth += 1;
                self.begin_replacement(operands, lexer, resources);
            }
            b"EMC" => self.end_marked(),
            _ => {}
        }
    }

    fn set_text_matrix(&mut self, matrix: Matrix) {
        self.text_matrix = matrix;
        self.line_matrix = matrix;
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.set_text_matrix(Matrix::shift(x, y).then(self.line_matrix));
    }

    fn font(&mut self, name: &[u8], resources: Option<&'a Dictionary>) -> Option<Rc<Font>> {
        let fonts = self.file.get_dict(resources?, b"Font")?;
        let dict = self.file.get_dict(fonts, name)?;
        Some(self.cached_font(dict))
    }

    fn cached_font(&mut self, dict: &'a Dictionary) -> Rc<Font> {
        let key = std::ptr::from_ref(dict).addr();
        let file = self.file;
        Rc::clone(self.fonts.entry(key).or_insert_with(|| Rc::new(Font::read(file, dict))))
    }

    fn graphics_state(&mut self, operands: &[Operand], lexer: &Lexer, resources: Option<&'a Dictionary>) {
        let (Some(resources), [.., Operand::Name(name)]) = (resources, operands) else { return };
        let state = self
            .file
            .get_dict(resources, b"ExtGState")
            .and_then(|states| self.file.get_dict(states, lexer.bytes(name)));
        if let Some(Object::Array(font)) = state.and_then(|state| self.file.get(state, b"Font"))
            && let [font, size] = font.as_slice()
            && let Object::Dictionary(dict) = self.file.resolve(font)
        {
            self.state.font = Some(self.cached_font(dict));
            self.state.size = super::file::number(self.file.resolve(size)).unwrap_or(0.0);
        }
    }

    fn show_all(&mut self, operands: &[Operand], lexer: &Lexer) {
        let Some(font) = self.state.font.clone() else { return };
        for operand in operands {
            match operand {
                Operand::String(range) => self.show(&font, lexer.bytes(range)),
                Operand::Number(back) => {
                    let shift = -back / 1000.0 * self.state.size;
                    let (x, y) = if font.vertical { (0.0, shift) } else { (shift * self.state.scale, 0.0) };
                    self.text_matrix = Matrix::shift(x, y).then(self.text_matrix);
                }
                _ => {}
            }
        }
    }

    fn show(&mut self, font: &Font, bytes: &[u8]) {
        let State { size, scale, rise, char_space, word_space, ctm, mode, .. } = self.state;
        let to_page = self.text_matrix.then(ctm);
        let [a, b, c, d, ..] = to_page.0;
        let em = size * f64::from(font.em);
        let height = (c * c + d * d).sqrt() * em.abs();
        let direction = match (font.vertical, size < 0.0) {
            (true, _) => (-c, -d),
            (false, true) => (-a * scale, -b * scale),
            (false, false) => (a * scale, b * scale),
        };
        let bold = font.bold || mode == 2;
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut along = 0.0;
        font.decode(bytes, &mut buffer, |shown| {
            let extra = char_space + if shown.is_space_code { word_space } else { 0.0 };
            let (width, advance) = if font.vertical {
                (size, size + extra)
            } else {
                (f64::from(shown.width) * size * scale, (f64::from(shown.width) * size + extra) * scale)
            };
            let place = |along: f64| match font.vertical {
                true => to_page.apply(-0.5 * f64::from(shown.width) * size, rise - along),
                false => to_page.apply(along, rise),
            };
            let glyph =
                Glyph { text: shown.text, from: place(along), to: place(along + width), direction, size: height, bold };
            self.place(glyph);
            along += advance;
        });
        self.buffer = buffer;
        let (x, y) = if font.vertical { (0.0, -along) } else { (along, 0.0) };
        self.text_matrix = Matrix::shift(x, y).then(self.text_matrix);
    }

    fn place(&mut self, glyph: Glyph<'_>) {
        let (width, height) = self.bounds;
        let ((x0, y0), (x1, y1)) = (glyph.from, glyph.to);
        let size = glyph.size;
        // Nobody sees what lies beside the page; a glyph on its edge counts.
        if x0.max(x1) < -size || y0.max(y1) < -size || x0.min(x1) > width + size || y0.min(y1) > height + size {
            return;
        }
        match &mut self.replacement {
            None => self.words.push(glyph),
            Some(replacement) => match &mut replacement.placed {
                Some((_, to, ..)) => *to = glyph.to,
                None => replacement.placed = Some((glyph.from, glyph.to, glyph.direction, glyph.size, glyph.bold)),
            },
        }
    }

    /// Starts to collect a sequence that carries its own text (`/ActualText`).
    fn begin_replacement(&mut self, operands: &[Operand], lexer: &Lexer, resources: Option<&'a Dictionary>) {
        if self.replacement.is_some() {
            return;
        }
        let text = match operands {
            [_, Operand::DictStart, entries @ ..] => entries.array_windows().find_map(|pair| match pair {
                [Operand::Name(key), Operand::String(text)] if lexer.bytes(key) == b"ActualText" => {
                    Some(text_string(lexer.bytes(text)))
                }
                _ => None,
            }),
            [_, Operand::Name(name), ..] => resources
                .and_then(|resources| self.file.get_dict(resources, b"Properties"))
                .and_then(|list| self.file.get_dict(list, lexer.bytes(name)))
                .and_then(|properties| self.file.get(properties, b"ActualText"))
                .and_then(|text| Some(text_string(text.as_str().ok()?))),
            _ => None,
        };
        self.replacement = text.map(|text| Replacement { text, depth: self.marked_depth, placed: None });
    }

    fn end_marked(&mut self) {
        if let Some(replacement) = self.replacement.take_if(|replacement| replacement.depth >= self.marked_depth)
            && let Some((from, to, direction, size, bold)) = replacement.placed
        {
            self.push_spread(&replacement.text, from, to, Glyph { text: "", from, to, direction, size, bold });
        }
        self.marked_depth = self.marked_depth.saturating_sub(1);
    }

    /// Spreads a text evenly over the place of the glyphs it stands for.
    fn push_spread(&mut self, text: &str, from: (f64, f64), to: (f64, f64), like: Glyph<'_>) {
        let count = text.chars().count().max(1) as f64;
        let at = |index: f64| {
            let part = index / count;
            (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
        };
        for (index, found) in text.chars().enumerate() {
            let mut utf8 = [0; 4];
            let text = found.encode_utf8(&mut utf8);
            let glyph = Glyph { text, from: at(index as f64), to: at(index as f64 + 1.0), ..like };
            self.words.push(glyph);
        }
    }

    fn draw(&mut self, name: &[u8], resources: Option<&'a Dictionary>) {
        let objects = resources.and_then(|resources| self.file.get_dict(resources, b"XObject"));
        let Some(Object::Stream(stream)) = objects.and_then(|objects| self.file.get(objects, name)) else { return };
        match self.file.get_name(&stream.dict, b"Subtype") {
            Some(b"Image") => self.run.images += 1,
            Some(b"Form") => self.draw_form(stream, resources),
            _ => {}
        }
    }

    fn draw_form(&mut self, form: &'a Stream, resources: Option<&'a Dictionary>) {
        let key = std::ptr::from_ref(form).addr();
        if self.forms.len() >= self.settings.form_depth_max as usize || self.forms.contains(&key) {
            self.problem("its forms are nested deeper than pdf.form_depth_max or draw themselves");
            return;
        }
        let content = match self.file.decode(form) {
            Ok(content) => content,
            Err(reason) => return self.problem(&format!("a form on it cannot be unpacked: {reason}")),
        };
        let matrix = self.file.get(&form.dict, b"Matrix").and_then(|matrix| self.file.numbers(matrix)?.try_into().ok());
        let saved = (self.state.clone(), self.text_matrix, self.line_matrix);
        self.state.ctm = Matrix(matrix.unwrap_or(Matrix::IDENTITY.0)).then(self.state.ctm);
        self.forms.push(key);
        self.run_content(&content, self.file.get_dict(&form.dict, b"Resources").or(resources));
        self.forms.pop();
        (self.state, self.text_matrix, self.line_matrix) = saved;
    }
}

/// A text string of a PDF: UTF-16 or UTF-8 with its mark, else Latin.
pub(super) fn text_string(bytes: &[u8]) -> String {
    if let Some(units) = bytes.strip_prefix(b"\xfe\xff") {
        let units = units.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
        return char::decode_utf16(units).filter_map(Result::ok).collect();
    }
    match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
