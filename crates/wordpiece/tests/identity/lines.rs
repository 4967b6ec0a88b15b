//! A seed in, lines of text out that reach into every corner of normalization; knows no tokenizer.

/// SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    fn char_in(&mut self, from: u32, to: u32) -> char {
        let code = from + self.below((to - from + 1) as usize) as u32;
        char::from_u32(code).unwrap_or('\u{FFFD}')
    }
}

/// First and last code point of blocks whose chars are put together into words.
const SCRIPTS: &[(u32, u32)] = &[
    (0xA0, 0xFF),
    (0x100, 0x24F),
    (0x370, 0x3FF),
    (0x400, 0x52F),
    (0x590, 0x6FF),
    (0x900, 0xDFF),
    (0xE00, 0xFFF),
    (0x1100, 0x11FF),
    (0x1E00, 0x1FFF),
    (0x2000, 0x27BF),
    (0x2E80, 0x30FF),
    (0xA640, 0xAB6F),
    (0xFB00, 0xFFFF),
    (0x1_0000, 0x1_1FFF),
    (0x1_D000, 0x1_D7FF),
    (0x1_E000, 0x1_E9FF),
    (0x1_F000, 0x1_FAFF),
];

/// Blocks with the characters that are words of their own, and their neighbours.
const IDEOGRAPHS: &[(u32, u32)] =
    &[(0x4E00, 0x9FFF), (0x33F0, 0x4DFF), (0xF8F0, 0xFB10), (0x2_0000, 0x2_FA2F), (0x2_B800, 0x2_B930)];

/// Marks of many combining classes, among them such that are kept (spacing ones, and later ones than the tables know).
const MARKS: &[char] = &[
    '\u{300}',
    '\u{301}',
    '\u{308}',
    '\u{31B}',
    '\u{327}',
    '\u{328}',
    '\u{323}',
    '\u{338}',
    '\u{344}',
    '\u{345}',
    '\u{34F}',
    '\u{302E}',
    '\u{302F}',
    '\u{3099}',
    '\u{F71}',
    '\u{F73}',
    '\u{F75}',
    '\u{F81}',
    '\u{1D165}',
    '\u{1D16D}',
    '\u{1D166}',
    '\u{5B0}',
    '\u{5C1}',
    '\u{64B}',
    '\u{651}',
    '\u{93C}',
    '\u{94D}',
    '\u{903}',
    '\u{1DF9}',
    '\u{1ABF}',
    '\u{1AC5}',
    '\u{1E136}',
    '\u{16FF0}',
    '\u{1133B}',
    '\u{20D0}',
    '\u{20DD}',
    '\u{1D15F}',
    '\u{1D1C0}',
    '\u{8D3}',
    '\u{10EFD}',
];

const ODD: &[&str] = &[
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[UNK]",
    "[PAD]",
    "[SEP]extra",
    "[cls]",
    "[[CLS]]",
    "[ SEP ]",
    "[SEP",
    "é[SEP]\u{301}",
    "<m>",
    " \u{3000}<m>\t",
    "<m>x",
    "\u{B}<m>\u{B}",
    "\u{301}",
    "İ",
    "ẞ",
    "\u{212A}",
    "\u{212B}",
    "\u{2126}",
    "≠",
    "\u{37E}",
    "\u{1FEF}",
    "\u{387}",
    "\u{0}",
    "\u{7F}",
    "\u{85}",
    "\u{B}",
    "\u{C}",
    "\u{1C}",
    "\u{A0}",
    "\u{AD}",
    "\u{180E}",
    "\u{200B}",
    "\u{200D}",
    "\u{202E}",
    "\u{2028}",
    "\u{2029}",
    "\u{2060}",
    "\u{FEFF}",
    "\u{FFFD}",
    "\u{FFFF}",
    "\u{E000}",
    "\u{F0000}",
    "\u{10FFFF}",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "☃️",
    "don't",
    "U.S.A.",
    "3.14",
    "a_b-c",
    "e=mc²",
    "ﬁﬂ",
    "Straße",
    "naïve",
    "café",
    "cafe\u{301}",
    "Ångström",
    "中文字",
    "日本語テキスト",
    "한국어",
    "\u{1100}\u{1161}\u{11A8}",
    "हिन्दी",
    "العَرَبِيَّة",
    "עִבְרִית",
    "ภาษาไทย",
    "Việt",
    "\r\n",
    "\t",
    "  ",
];

/// One line of up to 24 parts; `words` are taken as they are now and then.
pub(crate) fn line(random: &mut Random, words: &[String]) -> String {
    let mut line = String::new();
    for _ in 0..=random.below(24) {
        part(random, words, &mut line);
        if random.below(2) == 0 {
            line.push(' ');
        }
    }
    line
}

fn part(random: &mut Random, words: &[String], line: &mut String) {
    match random.below(16) {
        0..=3 => line.push_str(random.of(words).trim_start_matches("##")),
        4 => line.push_str(&random.of(words).to_uppercase()),
        5 => (0..=random.below(20)).for_each(|_| line.push(random.char_in(0x21, 0x7E))),
        6 => (0..=random.below(12)).for_each(|_| line.push(random.char_in(0x00, 0x7F))),
        7 => line.push(random.char_in(0, 0x10_FFFF)),
        8 => (0..=random.below(4)).for_each(|_| line.push(random.char_in(0, 0xFFFF))),
        9 => {
            let &(from, to) = random.of(SCRIPTS);
            (0..=random.below(12)).for_each(|_| line.push(random.char_in(from, to)));
        }
        10 => {
            let &(from, to) = random.of(IDEOGRAPHS);
            (0..=random.below(4)).for_each(|_| line.push(random.char_in(from, to)));
        }
        11 => (0..=random.below(6)).for_each(|_| {
            let &(from, to) =
                random.of(&[(0x61, 0x7A), (0x41, 0x5A), (0xC0, 0x17F), (0x1E00, 0x1EFF), (0xAC00, 0xD7A3)]);
            line.push(random.char_in(from, to));
            (0..random.below(4)).for_each(|_| line.push(*random.of(MARKS)));
        }),
        12 => (0..=random.below(3)).for_each(|_| line.push_str(random.of(ODD))),
        13 => line.push_str(random.of(ODD)),
        14 if random.below(8) == 0 => {
            let c = *random.of(&['a', 'Z', '7', 'é', '中', '\u{301}', '한', 'и']);
            (0..90 + random.below(30)).for_each(|_| line.push(c));
        }
        _ => (0..=random.below(18)).for_each(|_| line.push(random.char_in(0x61, 0x7A))),
    }
}
