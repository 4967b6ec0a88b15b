//! Scanned pages written here, from letters of 5 × 7 dots, go through reading and the installed program; tests that need it say so where
//! it is absent.

use std::path::Path;

use lopdf::{Dictionary, Object, Stream, dictionary};

use super::*;
use crate::document::Format;
use crate::ingest::ReadSettings;
use crate::ingest::isolated::{ProcessSettings, Reader};
use crate::ingest::pdf::tests::pdf;

const LETTERS: [(char, [&str; 7]); 7] = [
    ('D', ["####.", "#...#", "#...#", "#...#", "#...#", "#...#", "####."]),
    ('E', ["#####", "#....", "#....", "####.", "#....", "#....", "#####"]),
    ('H', ["#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"]),
    ('I', [".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."]),
    ('L', ["#....", "#....", "#....", "#....", "#....", "#....", "#####"]),
    ('P', ["####.", "#...#", "#...#", "####.", "#....", "#....", "#...."]),
    ('T', ["#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."]),
];
const LINES: [&str; 2] = ["THE TITLE", "IT HELPED"];
/// Samples for each dot of a letter.
const DOT: usize = 8;

/// Black dots with a margin, `DOT` samples square each.
#[derive(Clone)]
struct Scan {
    width: usize,
    height: usize,
    black: Vec<bool>,
}

impl Scan {
    fn new() -> Self {
        let (width, height) = (64 * DOT, 32 * DOT);
        let mut scan = Self { width, height, black: vec![false; width * height] };
        for (line, text) in LINES.iter().enumerate() {
            for (at, letter) in text.chars().enumerate() {
                let rows = LETTERS.iter().find(|(known, _)| *known == letter).map_or([""; 7], |(_, rows)| *rows);
                for (y, row) in rows.iter().enumerate() {
                    for (x, _) in row.chars().enumerate().filter(|(_, dot)| *dot == '#') {
                        scan.dot(8 + at * 6 + x, 6 + line * 12 + y);
                    }
                }
            }
        }
        scan
    }

    fn dot(&mut self, x: usize, y: usize) {
        for row in y * DOT..(y + 1) * DOT {
            self.black[row * self.width + x * DOT..][..DOT].fill(true);
        }
    }

    fn get(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.black[y * self.width + x]
    }

    /// The scan a quarter turn clockwise.
    fn turned(&self) -> Self {
        let (width, height) = (self.height, self.width);
        let black = (0..width * height).map(|at| self.get(at / width, self.height - 1 - at % width)).collect();
        Self { width, height, black }
    }

    fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        let black = self.black[rows.start * self.width..rows.end * self.width].to_vec();
        Self { width: self.width, height: rows.len(), black }
    }

    /// One bit a sample, 0 is black.
    fn bits(&self) -> Vec<u8> {
        self.black.chunks(8).map(|eight| eight.iter().fold(0, |byte, &black| byte << 1 | u8::from(!black))).collect()
    }

    fn image(&self, data: Vec<u8>, more: &Dictionary) -> Stream {
        let mut dict = dictionary! { "Type" => "XObject", "Subtype" => "Image", "Width" => self.width as i64,
        "Height" => self.height as i64, "BitsPerComponent" => 1, "ColorSpace" => "DeviceGray" };
        dict.extend(more);
        Stream::new(dict, data)
    }

    fn plain(&self) -> Stream {
        self.image(self.bits(), &Dictionary::new())
    }

    /// A grey JPEG file whose blocks of 8 × 8 samples have one grey each, so that it needs only three codes.
    fn jpeg(&self) -> Vec<u8> {
        let mut out = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
        out.extend([254; 64]);
        let (width, height) = ((self.width as u16).to_be_bytes(), (self.height as u16).to_be_bytes());
        out.extend([0xff, 0xc0, 0, 11, 8, height[0], height[1], width[0], width[1], 1, 1, 0x11, 0]);
        // Differences: none is 0, those of four bits 10, those of three 110. Nothing else in a block is 0.
        out.extend([0xff, 0xc4, 0, 22, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 3]);
        out.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0");
        let mut bits = String::new();
        let mut last = 0;
        for block in 0..self.width / 8 * (self.height / 8) {
            let black = self.get(block % (self.width / 8) * 8, block / (self.width / 8) * 8);
            let level: i32 = if black { -4 } else { 4 };
            bits += match level - last {
                0 => "0",
                4 => "110100",
                -4 => "110011",
                8 => "101000",
                _ => "100111",
            };
            bits += "0";
            last = level;
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        for byte in bits.as_bytes().chunks(8) {
            let byte = byte.iter().fold(0, |byte, &bit| byte << 1 | (bit - b'0'));
            out.push(byte);
            if byte == 0xff {
                out.push(0);
            }
        }
        out.extend(b"\xff\xd9");
        out
    }

    /// A JBIG2 page of one generic region, arithmetically coded with template 0 (ITU-T T.88, 6.2 and annex E).
    fn jbig2(&self) -> Vec<u8> {
        let mut coder = Coder::default();
        for y in 0..self.height as isize {
            for x in 0..self.width as isize {
                let dot = |dx: isize, dy: isize| {
                    let (x, y) = (x + dx, y + dy);
                    usize::from(x >= 0 && y >= 0 && self.get(x as usize, y as usize))
                };
                let around = [
                    (-2, -2),
                    (-1, -2),
                    (0, -2),
                    (1, -2),
                    (2, -2),
                    (-3, -1),
                    (-2, -1),
                    (-1, -1),
                    (0, -1),
                    (1, -1),
                    (2, -1),
                    (3, -1),
                    (-4, 0),
                    (-3, 0),
                    (-2, 0),
                    (-1, 0),
                ];
                let context = around.iter().fold(0, |context, &(dx, dy)| context << 1 | dot(dx, dy));
                coder.encode(context, dot(0, 0) == 1);
            }
        }
        let number = |value: usize| (value as u32).to_be_bytes();
        let mut page = [number(self.width), number(self.height)].concat();
        page.extend([0; 11]);
        let mut region = [number(self.width), number(self.height), number(0), number(0)].concat();
        region.extend([0, 0, 3, 0xff, 0xfd, 0xff, 2, 0xfe, 0xfe, 0xfe]);
        region.extend(coder.finish());
        let segment =
            |at: u8, kind: u8, data: &[u8]| [&[0, 0, 0, at, kind, 0, 1], &number(data.len())[..], data].concat();
        [segment(0, 48, &page), segment(1, 38, &region)].concat()
    }
}

/// The states of the coder: the interval of the less probable symbol, the states after it and after the other, and whether it becomes
/// the more probable one (ITU-T T.88, table E.1).
const STATES: [(u32, usize, usize, bool); 47] = [
    (0x5601, 1, 1, true),
    (0x3401, 6, 2, false),
    (0x1801, 9, 3, false),
    (0x0ac1, 12, 4, false),
    (0x0521, 29, 5, false),
    (0x0221, 33, 38, false),
    (0x5601, 6, 7, true),
    (0x5401, 14, 8, false),
    (0x4801, 14, 9, false),
    (0x3801, 14, 10, false),
    (0x3001, 17, 11, false),
    (0x2401, 18, 12, false),
    (0x1c01, 20, 13, false),
    (0x1601, 21, 29, false),
    (0x5601, 14, 15, true),
    (0x5401, 14, 16, false),
    (0x5101, 15, 17, false),
    (0x4801, 16, 18, false),
    (0x3801, 17, 19, false),
    (0x3401, 18, 20, false),
    (0x3001, 19, 21, false),
    (0x2801, 19, 22, false),
    (0x2401, 20, 23, false),
    (0x2201, 21, 24, false),
    (0x1c01, 22, 25, false),
    (0x1801, 23, 26, false),
    (0x1601, 24, 27, false),
    (0x1401, 25, 28, false),
    (0x1201, 26, 29, false),
    (0x1101, 27, 30, false),
    (0x0ac1, 28, 31, false),
    (0x09c1, 29, 32, false),
    (0x08a1, 30, 33, false),
    (0x0521, 31, 34, false),
    (0x0441, 32, 35, false),
    (0x02a1, 33, 36, false),
    (0x0221, 34, 37, false),
    (0x0141, 35, 38, false),
    (0x0111, 36, 39, false),
    (0x0085, 37, 40, false),
    (0x0049, 38, 41, false),
    (0x0025, 39, 42, false),
    (0x0015, 40, 43, false),
    (0x0009, 41, 44, false),
    (0x0005, 42, 45, false),
    (0x0001, 43, 45, false),
    (0x5601, 46, 46, false),
];

/// The arithmetic coder (ITU-T T.88, annex E.2, as in JPEG 2000).
struct Coder {
    states: Vec<(usize, bool)>,
    a: u32,
    c: u32,
    ct: u32,
    /// The first byte stands before the data.
    out: Vec<u8>,
}

impl Default for Coder {
    fn default() -> Self {
        Self { states: vec![(0, false); 1 << 16], a: 0x8000, c: 0, ct: 12, out: vec![0] }
    }
}

impl Coder {
    fn encode(&mut self, context: usize, bit: bool) {
        let (state, likely) = self.states[context];
        let (size, after_unlikely, after_likely, switches) = STATES[state];
        self.a -= size;
        if bit == likely {
            if self.a & 0x8000 != 0 {
                self.c += size;
                return;
            }
            if self.a < size {
                self.a = size;
            } else {
                self.c += size;
            }
            self.states[context] = (after_likely, likely);
        } else {
            if self.a < size {
                self.c += size;
            } else {
                self.a = size;
            }
            self.states[context] = (after_unlikely, likely != switches);
        }
        while self.a & 0x8000 == 0 {
            self.a <<= 1;
            self.c <<= 1;
            self.ct -= 1;
            if self.ct == 0 {
                self.byte_out();
            }
        }
    }

    fn byte_out(&mut self) {
        let last = self.out.last_mut().expect("begins with one");
        if *last != 0xff && self.c >= 0x800_0000 {
            *last += 1;
            self.c &= 0x7ff_ffff;
        }
        if *last == 0xff {
            self.out.push((self.c >> 20) as u8);
            self.c &= 0xf_ffff;
            self.ct = 7;
        } else {
            self.out.push((self.c >> 19) as u8);
            self.c &= 0x7_ffff;
            self.ct = 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let most = self.c + self.a;
        self.c |= 0xffff;
        if self.c >= most {
            self.c -= 0x8000;
        }
        for _ in 0..2 {
            self.c <<= self.ct;
            self.byte_out();
        }
        self.out.extend([0xff, 0xac]);
        self.out.remove(0);
        self.out
    }
}

/// A file with a page for each content, which draws the images as `I0`, `I1` and so on.
fn scans(contents: &[&str], images: Vec<Stream>) -> Vec<u8> {
    pdf(contents, |pdf, resources| {
        let named =
            images.into_iter().enumerate().map(|(at, image)| (format!("I{at}"), Object::from(pdf.add_object(image))));
        let named: Dictionary = named.collect();
        resources.set("XObject", named);
    })
}

fn is_installed() -> bool {
    let found = Command::new("tesseract").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: tesseract is not installed");
    }
    found
}

fn read(bytes: &[u8], ocr: Ocr) -> Document {
    let mut settings =
        ReadSettings { process: ProcessSettings { enabled: false, ..Default::default() }, ..Default::default() };
    settings.pdf.ocr = ocr;
    let document = Reader::new(settings).read(Path::new("scan.pdf"), bytes, &AtomicBool::new(false)).unwrap();
    document.check().unwrap();
    document
}

/// Expects that the only page gives the lines of the scan.
fn assert_read(what: &str, bytes: &[u8]) {
    let document = read(bytes, Ocr::Tesseract);
    let text = document.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(text, LINES.join(" "), "{what}: {:?}", document.warnings);
    assert!(document.pages[0].is_ocr, "{what}");
    let is_told = |warning: &Warning| !warning.lossy && warning.message.contains("recognised");
    assert!(document.warnings.iter().all(is_told) && document.warnings.len() == 1, "{what}: {:?}", document.warnings);
}

const UPRIGHT: &str = "q 600 0 0 300 6 100 cm /I0 Do Q";

#[test]
fn a_scan_is_read_when_asked_and_named_when_not() {
    let scan = Scan::new();
    let bytes = scans(&[UPRIGHT, "BT /F1 10 Tf 72 700 Td (own) Tj ET"], vec![scan.plain()]);
    let document = read(&bytes, Ocr::Off);
    let warning = &document.warnings[0];
    assert_eq!((document.text.trim(), warning.page, warning.lossy), ("own", Some(1), true));
    assert!(warning.message.contains("install tesseract") && warning.message.contains("read.pdf.ocr"), "{warning:?}");
    if is_installed() {
        let document = read(&bytes, Ocr::Tesseract);
        assert!(document.pages[0].is_ocr && !document.pages[1].is_ocr);
        assert_eq!(document.pages[1].span.of(&document.text), "own");
        assert_eq!(document.warnings.len(), 1, "{:?}", document.warnings);
        assert!(document.warnings[0].page == Some(1) && !document.warnings[0].lossy);
        assert_read("upright", &scans(&[UPRIGHT], vec![scan.plain()]));
    }
}

#[test]
fn turned_and_mirrored_scans_are_read_upright() {
    if !is_installed() {
        return;
    }
    let turned = Scan::new().turned();
    // A scan that lies on its side, put upright where it is drawn.
    let drawn = "q 0 300 -600 0 606 100 cm /I0 Do Q";
    assert_read("drawn", &scans(&[drawn], vec![turned.plain()]));
    let grey = dictionary! { "Filter" => "DCTDecode", "BitsPerComponent" => 8 };
    assert_read("drawn, JPEG", &scans(&[drawn], vec![turned.image(turned.jpeg(), &grey)]));
    let mirrored = "q -600 0 0 300 606 100 cm /I0 Do Q";
    let mut mirror = Scan::new();
    mirror.black.chunks_mut(mirror.width).for_each(<[bool]>::reverse);
    assert_read("mirrored", &scans(&[mirrored], vec![mirror.plain()]));
    assert_read("mirrored, JPEG", &scans(&[mirrored], vec![mirror.image(mirror.jpeg(), &grey)]));
    assert_read("JPEG", &scans(&[UPRIGHT], vec![Scan::new().image(Scan::new().jpeg(), &grey)]));
    // A page that is turned when it is shown.
    for (turns, scan) in [(90, turned.turned().turned()), (270, turned.clone()), (180, turned.turned())] {
        let (width, height) = if turns == 180 { (600, 300) } else { (300, 600) };
        let content = format!("q {width} 0 0 {height} 6 100 cm /I0 Do Q");
        for (what, image) in [("plain", scan.plain()), ("JPEG", scan.image(scan.jpeg(), &grey))] {
            let bytes = scans(&[&content], vec![image]);
            let mut file = lopdf::Document::load_mem(&bytes).unwrap();
            let page = file.page_iter().next().unwrap();
            file.get_dictionary_mut(page).unwrap().set("Rotate", turns);
            let mut bytes = Vec::new();
            file.save_to(&mut bytes).unwrap();
            assert_read(&format!("{what} turned by {turns}"), &bytes);
        }
    }
}

#[test]
fn strips_layers_and_inline_images_are_one_picture() {
    if !is_installed() {
        return;
    }
    let scan = Scan::new();
    // The cut goes through the letters of the first line.
    let cut = 9 * DOT;
    let (above, below) = (scan.rows(0..cut), scan.rows(cut..scan.height));
    let part = 300.0 / scan.height as f64;
    let (upper, lower) = (cut as f64 * part, (scan.height - cut) as f64 * part);
    let strips = format!("q 600 0 0 {lower} 6 100 cm /I1 Do Q q 600 0 0 {upper} 6 {} cm /I0 Do Q", 100.0 + lower);
    assert_read("strips", &scans(&[&strips], vec![above.plain(), below.plain()]));
    let stencil = scan.image(scan.bits(), &dictionary! { "ImageMask" => true });
    let paper = Scan { width: 8, height: 8, black: vec![false; 64] };
    let layers = "q 612 0 0 792 0 0 cm /I0 Do Q q 600 0 0 300 6 100 cm /I1 Do Q";
    let grey = dictionary! { "Filter" => "DCTDecode", "BitsPerComponent" => 8 };
    assert_read("layers", &scans(&[layers], vec![paper.image(paper.jpeg(), &grey), stencil]));
    let hex: String = scan.bits().iter().map(|byte| format!("{byte:02x}")).collect();
    let (width, height) = (scan.width, scan.height);
    let inline = format!("q 600 0 0 300 6 100 cm BI /W {width} /H {height} /BPC 1 /CS /G /F /AHx ID {hex}> EI Q");
    assert_read("inline", &scans(&[&inline], vec![]));
}

#[test]
fn jbig2_scans_are_read() {
    if !is_installed() {
        return;
    }
    let scan = Scan::new();
    let image = scan.image(scan.jbig2(), &dictionary! { "Filter" => "JBIG2Decode" });
    assert_read("JBIG2", &scans(&[UPRIGHT], vec![image]));
}

#[test]
fn a_damaged_picture_leaves_a_warning() {
    let scan = Scan::new();
    let mut pictures = vec![
        scan.image(scan.jbig2()[..60].to_vec(), &dictionary! { "Filter" => "JBIG2Decode" }),
        scan.image(
            vec![0; 9],
            &dictionary! { "Filter" => "CCITTFaxDecode", "DecodeParms" => dictionary! { "K" => -1 } },
        ),
    ];
    if is_installed() {
        pictures.push(scan.image(scan.jpeg()[..90].to_vec(), &dictionary! { "Filter" => "DCTDecode" }));
    }
    for picture in pictures {
        let filter = picture.dict.get(b"Filter").unwrap().as_name().unwrap().to_vec();
        let document = read(&scans(&[UPRIGHT], vec![picture]), Ocr::Tesseract);
        let filter = String::from_utf8_lossy(&filter).into_owned();
        assert_eq!(document.text, "", "{filter}");
        // Without tesseract it is said of the document that pictures are not read.
        let is_placed = |page: Option<u32>| page == Some(1) || page.is_none() && !is_installed();
        let is_told =
            |warning: &Warning| warning.lossy && is_placed(warning.page) && warning.message.contains("picture");
        assert!(
            document.warnings.len() >= 2 && document.warnings.iter().all(is_told),
            "{filter}: {:?}",
            document.warnings
        );
    }
}

#[test]
fn recognised_pages_take_their_place_among_the_others() {
    let text = "first page\n\nthird page".to_owned();
    let pages = vec![
        Page::new(1, ByteSpan::new(0, 10)),
        Page::new(2, ByteSpan::new(10, 10)),
        Page::new(3, ByteSpan::new(12, 22)),
    ];
    let block = |start, end| Block::new(BlockKind::Paragraph, ByteSpan::new(start, end));
    let warning =
        |page| Warning { page: Some(page), lossy: true, message: "the page is a picture without text; do".into() };
    let document = Document {
        format: Format::Pdf,
        text,
        pages,
        blocks: vec![block(0, 10), block(12, 22)],
        warnings: vec![warning(2)],
        ..Document::default()
    };
    let made = with_texts(&document, &[(2, "Loan \nagreement\n\nof 1998\u{c}".into())]);
    made.check().unwrap();
    assert_eq!(made.text, "first page\n\nLoan agreement\n\nof 1998\n\nthird page");
    assert_eq!(made.pages[1].span.of(&made.text), "Loan agreement\n\nof 1998");
    assert!(made.pages[1].is_ocr && !made.pages[2].is_ocr);
    assert!(made.warnings.len() == 1 && !made.warnings[0].lossy, "{:?}", made.warnings);
}
