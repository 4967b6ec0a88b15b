//! Runs the content streams of a page and hands every shown glyph on, with its place; knows operators, nothing of words or layout.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Object, Stream};

use super::file::{PageNode, PdfFile, Unpacked};
use super::font::Font;
use super::inflate::Extent;
use super::inline;
use super::lexer::{Lexer, Operand, Token};
use super::matrix::Matrix;
use super::path::Path;
use super::pictures::{IMAGES_MAX, Placed};
use super::ruling::Ruling;
use super::words::{Glyph, PageWords};
use super::{Ocr, PdfSettings};

/// Saved graphics states deeper than this are not kept; real pages stay below a few dozen.
const STATES_MAX: usize = 512;
/// More operands than any operator takes, with room for long `TJ` arrays.
const OPERANDS_MAX: usize = 65_536;

/// Annotation flags (PDF 32000-1:2008, table 165).
const ANNOTATION_HIDDEN: i64 = 1 << 1;
const ANNOTATION_NO_VIEW: i64 = 1 << 5;

/// Fonts read so far, by the address of their dictionary, which stays put while the file is open.
pub(super) type FontCache = HashMap<usize, Rc<Font>>;

/// What running a page gave besides its glyphs.
#[derive(Default)]
pub(super) struct PageRun<'a> {
    /// Images drawn, inline ones included.
    pub(super) images: u32,
    /// The images where they are to be recognised, as they were drawn.
    pub(super) placed: Vec<Placed<'a>>,
    /// Width and height of the upright page, in points.
    pub(super) size: (f64, f64),
    /// The annotations that can be seen.
    pub(super) annotations: Vec<Drawn<'a>>,
    /// The lines drawn.
    pub(super) rulings: Vec<Ruling>,
    /// What could not be read, in words.
    pub(super) problems: Vec<String>,
}

/// An annotation with the text that its appearance drew.
pub(super) struct Drawn<'a> {
    pub(super) dict: &'a Dictionary,
    pub(super) text: String,
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
    /// The place of what was drawn so far.
    placed: Option<Glyph<'static>>,
}

/// One page in progress.
pub(super) struct Interpreter<'a> {
    file: &'a PdfFile,
    settings: &'a PdfSettings,
    fonts: &'a mut FontCache,
    words: PageWords,
    run: PageRun<'a>,
    operations_left: u32,
    bounds: (f64, f64),
    state: State,
    text_matrix: Matrix,
    line_matrix: Matrix,
    marked_depth: usize,
    replacement: Option<Replacement>,
    path: Path,
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
        page: &PageNode<'a>,
    ) -> (PageWords, PageRun<'a>) {
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
            words: PageWords::default(),
            run: PageRun { size: (width, height), ..PageRun::default() },
            operations_left: settings.operations_max,
            bounds: (width, height),
            state,
            text_matrix: Matrix::IDENTITY,
            line_matrix: Matrix::IDENTITY,
            marked_depth: 0,
            replacement: None,
            path: Path::default(),
            buffer: String::new(),
            forms: vec![],
        };
        let content = interpreter.page_content(page);
        interpreter.run_content(&content, page.resources);
        interpreter.draw_annotations(page, ctm);
        interpreter.words.end_word();
        (interpreter.words, interpreter.run)
    }

    fn page_content(&mut self, page: &PageNode<'a>) -> Vec<u8> {
        let file = self.file;
        let contents = page.dict.get(b"Contents").ok();
        let parts: Vec<&'a Object> = match contents.map(|contents| file.resolve(contents)) {
            Some(Object::Array(list)) => list.iter().collect(),
            _ => contents.into_iter().collect(),
        };
        let mut content = Vec::new();
        for part in parts {
            let stream = match file.resolve(part) {
                Object::Stream(stream) => stream,
                Object::Null if !file.is_lost(part) => continue,
                _ => {
                    self.problem("a part of its content cannot be found");
                    continue;
                }
            };
            let unpacked = match file.unpack(stream) {
                Ok(unpacked) => unpacked,
                Err(reason) => {
                    self.problem(&format!("a part of its content cannot be unpacked: {reason}"));
                    continue;
                }
            };
            if is_damaged(&unpacked) {
                self.problem("a part of its content is damaged");
            }
            if content.is_empty() {
                content = unpacked.bytes;
            } else if content.len() + unpacked.bytes.len() <= self.settings.stream_bytes_max {
                // The parts are one stream, but no token runs across their border.
                content.push(b'\n');
                content.extend(unpacked.bytes);
            } else {
                self.problem("its content is larger than read.pdf.stream_bytes_max");
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
        let mut inline_from = 0;
        while let Some(token) = lexer.next() {
            match token {
                Token::Operand(operand) => {
                    if operands.len() < OPERANDS_MAX {
                        operands.push(operand);
                    }
                }
                Token::Operator(range) => {
                    let Some(left) = self.operations_left.checked_sub(1) else {
                        self.problem("it has more operations than read.pdf.operations_max; the rest was not read");
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
                        b"BI" => inline_from = range.end,
                        b"ID" => {
                            let data = lexer.skip_inline_image();
                            let entries = content.get(inline_from..range.start).unwrap_or_default();
                            let spaces = resources.and_then(|all| self.file.get_dict(all, b"ColorSpace"));
                            self.note_image(|| Cow::Owned(inline::image(entries, data, spaces)));
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
            b"re" => self.path.rectangle(self.state.ctm, std::array::from_fn(number)),
            b"m" => self.path.move_to(self.state.ctm.apply(number(0), number(1))),
            b"l" => self.path.line_to(self.state.ctm.apply(number(0), number(1))),
            b"h" => self.path.close(),
            b"S" | b"B" | b"B*" => self.path.paint(&mut self.run.rulings, true),
            b"s" | b"b" | b"b*" => {
                self.path.close();
                self.path.paint(&mut self.run.rulings, true);
            }
            b"f" | b"F" | b"f*" => self.path.paint(&mut self.run.rulings, false),
            b"n" => self.path.clear(),
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
        if fonts.get(name).is_ok_and(|font| self.file.is_lost(font)) {
            self.problem("a font on it cannot be found; text in it is missing");
        }
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
            let place = |along: f64| {
                if font.vertical {
                    to_page.apply(-0.5 * f64::from(shown.width) * size, rise - along)
                } else {
                    to_page.apply(along, rise)
                }
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
                Some(placed) => placed.to = glyph.to,
                None => replacement.placed = Some(Glyph { text: "", ..glyph }),
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
            && let Some(placed) = replacement.placed
        {
            self.push_spread(&replacement.text, placed);
        }
        self.marked_depth = self.marked_depth.saturating_sub(1);
    }

    /// Spreads a text evenly over the place of the glyphs it stands for.
    fn push_spread(&mut self, text: &str, like: Glyph<'_>) {
        let (from, to) = (like.from, like.to);
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
            Some(b"Image") => self.note_image(|| Cow::Borrowed(stream)),
            Some(b"Form") => self.draw_form(stream, resources),
            _ => {}
        }
    }

    fn note_image(&mut self, image: impl FnOnce() -> Cow<'a, Stream>) {
        self.run.images += 1;
        if self.settings.ocr != Ocr::Off && self.run.placed.len() < IMAGES_MAX {
            // An image fills the unit square.
            self.run.placed.push(Placed { image: image(), place: self.state.ctm });
        }
    }

    fn draw_form(&mut self, form: &'a Stream, resources: Option<&'a Dictionary>) {
        let key = std::ptr::from_ref(form).addr();
        if self.forms.len() >= self.settings.form_depth_max as usize || self.forms.contains(&key) {
            self.problem("its forms are nested deeper than read.pdf.form_depth_max or draw themselves");
            return;
        }
        let content = match self.file.unpack(form) {
            Ok(unpacked) => {
                if is_damaged(&unpacked) {
                    self.problem("a form on it is damaged");
                }
                unpacked.bytes
            }
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

impl<'a> Interpreter<'a> {
    /// Draws form fields, stamps and notes that have an appearance of their own.
    fn draw_annotations(&mut self, page: &PageNode<'a>, base: Matrix) {
        let annotations = self.file.get(page.dict, b"Annots").and_then(|list| list.as_array().ok());
        for annotation in annotations.into_iter().flatten() {
            let Object::Dictionary(annotation) = self.file.resolve(annotation) else { continue };
            let flags = self.file.get_number(annotation, b"F").unwrap_or(0.0) as i64;
            let hidden = flags & (ANNOTATION_HIDDEN | ANNOTATION_NO_VIEW) != 0;
            if hidden || self.file.get_name(annotation, b"Subtype") == Some(b"Popup") {
                continue;
            }
            self.words.end_word();
            let start = self.words.text.len();
            if let Some(form) = self.appearance(annotation)
                && let Some(place) = self.annotation_place(annotation, form)
            {
                self.state.ctm = place.then(base);
                self.draw_form(form, page.resources);
                self.words.end_word();
            }
            let text = self.words.text[start..].to_string();
            self.run.annotations.push(Drawn { dict: annotation, text });
        }
    }

    /// The stream that shows an annotation in its present state.
    fn appearance(&self, annotation: &'a Dictionary) -> Option<&'a Stream> {
        match self.file.get(self.file.get_dict(annotation, b"AP")?, b"N")? {
            Object::Stream(stream) => Some(stream),
            Object::Dictionary(states) => {
                let state = self.file.get_name(annotation, b"AS")?;
                self.file.get(states, state)?.as_stream().ok()
            }
            _ => None,
        }
    }

    /// The map that fits an appearance's box into the annotation's rectangle (PDF 32000-1:2008, algorithm 8.1).
    fn annotation_place(&self, annotation: &'a Dictionary, form: &'a Stream) -> Option<Matrix> {
        let four = |dict: &'a Dictionary, key: &[u8]| -> Option<[f64; 4]> {
            self.file.numbers(self.file.get(dict, key)?)?.try_into().ok()
        };
        let [rx0, ry0, rx1, ry1] = four(annotation, b"Rect")?;
        let [bx0, by0, bx1, by1] = four(&form.dict, b"BBox")?;
        let matrix = self.file.get(&form.dict, b"Matrix").and_then(|matrix| self.file.numbers(matrix)?.try_into().ok());
        let matrix = Matrix(matrix.unwrap_or(Matrix::IDENTITY.0));
        let corners = [(bx0, by0), (bx0, by1), (bx1, by0), (bx1, by1)].map(|(x, y)| matrix.apply(x, y));
        let low = corners.iter().fold((f64::MAX, f64::MAX), |low, corner| (low.0.min(corner.0), low.1.min(corner.1)));
        let high =
            corners.iter().fold((f64::MIN, f64::MIN), |high, corner| (high.0.max(corner.0), high.1.max(corner.1)));
        let scale = |size: f64, wanted: f64| if size.abs() > 1e-6 { wanted / size } else { 1.0 };
        let (sx, sy) = (scale(high.0 - low.0, (rx1 - rx0).abs()), scale(high.1 - low.1, (ry1 - ry0).abs()));
        Some(Matrix([sx, 0.0, 0.0, sy, rx0.min(rx1) - low.0 * sx, ry0.min(ry1) - low.1 * sy]))
    }
}

/// The operators of content streams (PDF 32000-1:2008, table 51), and the words that are operands.
const OPERATORS: &str = "b B b* B* BDC BI BMC BT BX c cm CS cs d d0 d1 Do DP EI EMC ET EX f F f* G g gs h i ID j J K k l m M MP n q \
    Q re RG rg ri s S SC sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' \" true false null";

/// Whether content broke off, or has a wrong checksum and also reads like no content: the checksum alone is wrong in sound files too.
fn is_damaged(content: &Unpacked) -> bool {
    match content.extent {
        Extent::Whole => false,
        Extent::Unproven => has_unknown_operators(&content.bytes),
        Extent::Broken => true,
    }
}

fn has_unknown_operators(content: &[u8]) -> bool {
    let mut lexer = Lexer::new(content);
    while let Some(token) = lexer.next() {
        if let Token::Operator(range) = token {
            let operator = lexer.operator(&range);
            if operator == b"ID" {
                lexer.skip_inline_image();
            } else if !OPERATORS.split(' ').any(|known| known.as_bytes() == operator) {
                return true;
            }
        }
        lexer.forget();
    }
    false
}

/// A text string of a PDF: UTF-16 or UTF-8 with its mark, else Latin.
pub(super) fn text_string(bytes: &[u8]) -> String {
    let utf16 = |units: &[u8], read: fn([u8; 2]) -> u16| -> String {
        let units = units.as_chunks::<2>().0.iter().map(|pair| read(*pair));
        char::decode_utf16(units).filter_map(Result::ok).collect()
    };
    if let Some(units) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(units, u16::from_be_bytes);
    }
    if let Some(units) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(units, u16::from_le_bytes);
    }
    match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
