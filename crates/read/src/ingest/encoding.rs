//! Bytes go in, clean Unicode text with the name of its encoding comes out; knows nothing of what the text means.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

use super::blocks::{Cleaned, clean};
use crate::document::Warning;

/// Bytes that a guess looks at, from shortly before the first byte that is not ASCII.
const GUESS_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that the search for UTF-16 and UTF-32 without a mark looks at; a multiple of four.
const WIDE_BYTES_MAX: usize = 64 * 1024;
/// Bytes from which a pattern of zero bytes says anything.
const WIDE_BYTES_MIN: usize = 8;
/// Bytes at the start of a file in which a declaration of the encoding counts. HTML asks for 1,024; real pages put it later.
const DECLARATION_BYTES_MAX: usize = 16 * 1024;
/// Valid multi-byte sequences from which UTF-8 is believed against a declared one-byte encoding.
const UTF8_SEQUENCES_SURE: usize = 4;

/// The upper half of IBM855, the DOS code page for Cyrillic that the WHATWG standard lacks
/// (<https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/PC/CP855.TXT>).
const IBM855: &str = concat!(
    "ђЂѓЃёЁєЄѕЅіІїЇјЈљЉњЊћЋќЌўЎџЏюЮъЪаАбБцЦдДеЕфФгГ«»░▒▓│┤хХиИ╣║╗╝йЙ┐",
    "└┴┬├─┼кК╚╔╩╦╠═╬¤лЛмМнНоОп┘┌█▄Пя▀ЯрРсСтТуУжЖвВьЬ№\u{ad}ыЫзЗшШэЭщЩчЧ§■\u{a0}",
);
/// Bytes beyond ASCII from which IBM855 is guessed at all.
const IBM855_BYTES_MIN: usize = 64;

/// Text with how it was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text: no byte-order mark, `\n` as the only line break, no control characters but `\n` and `\t`.
    pub text: String,
    /// The encoding's name as the WHATWG standard writes it.
    pub encoding: &'static str,
    /// Whether the encoding was guessed from the bytes.
    pub guessed: bool,
    /// Characters that could not be decoded; each is a U+FFFD in the text.
    pub replaced: usize,
}

impl Decoded {
    /// What a reader of the text should know: that the encoding is a guess, or that part of the text is lost.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.guessed {
            let message = format!("the encoding was guessed; the file was read as {}", self.encoding);
            warnings.push(Warning { page: None, lossy: false, message });
        }
        if self.replaced > 0 {
            let message = format!("{} characters are not valid {} and were replaced", self.replaced, self.encoding);
            // Above one in a hundred the text is no longer what its author wrote.
            let lossy = self.replaced * 100 > self.text.chars().count();
            warnings.push(Warning { page: None, lossy, message });
        }
        warnings
    }
}

/// Decodes `bytes`: a byte-order mark decides, then `declared`, then valid UTF-8, then a guess.
///
/// A declared encoding that the bytes contradict is not followed.
#[must_use]
pub fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    if let Some((order, mark)) = utf32_mark(bytes) {
        return utf32(&bytes[mark..], order, false);
    }
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return with(encoding, &bytes[mark..], false);
    }
    if let Some(wide) = wide_without_mark(bytes) {
        return match wide {
            Wide::Utf16(encoding) => with(encoding, bytes, true),
            Wide::Utf32(order) => utf32(bytes, order, true),
        };
    }
    let utf8 = std::str::from_utf8(bytes);
    if declared.is_some_and(|label| matches!(label.trim().to_ascii_lowercase().as_str(), "ibm855" | "cp855" | "855")) {
        return ibm855(bytes, false);
    }
    if let Some(encoding) = declared.and_then(known) {
        let doubtful = encoding.is_single_byte()
            && utf8.is_ok_and(|text| text.chars().filter(|c| !c.is_ascii()).count() >= UTF8_SEQUENCES_SURE);
        let decoded = with(encoding, bytes, false);
        if decoded.replaced == 0 && !doubtful {
            return decoded;
        }
        let guess = without_declaration(bytes);
        return if doubtful || guess.replaced < decoded.replaced {
            Decoded { guessed: true, ..guess }
        } else {
            decoded
        };
    }
    without_declaration(bytes)
}

/// The encoding that a label names, as far as a file whose ASCII is readable can have it.
fn known(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label.trim().as_bytes())?;
    // The declaration was read as ASCII, so the file is not UTF-16 whatever it says (HTML standard, prescan, step 15 f.).
    Some(match encoding {
        e if e == UTF_16BE || e == UTF_16LE => UTF_8,
        e if e == X_USER_DEFINED => WINDOWS_1252,
        e => e,
    })
}

fn without_declaration(bytes: &[u8]) -> Decoded {
    // ISO-2022-JP is ASCII with escapes, so it would pass as UTF-8.
    if bytes.windows(3).any(|three| matches!(three, b"\x1b$B" | b"\x1b$@")) {
        let decoded = with(ISO_2022_JP, bytes, true);
        if decoded.replaced == 0 {
            return decoded;
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => return with(UTF_8, bytes, false),
        Err(_) if mostly_utf8(bytes) => return with(UTF_8, bytes, false),
        Err(_) => {}
    }
    let first = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0).saturating_sub(1024);
    let sample = &bytes[first..bytes.len().min(first + GUESS_BYTES_MAX)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    // Where the detector sees Western text it has often found nothing that fits.
    if encoding == WINDOWS_1252 && is_russian(&ibm855(sample, true).text) {
        return ibm855(bytes, true);
    }
    with(encoding, bytes, true)
}

/// Whether what is not ASCII in `text` has the letters of a Cyrillic language in their usual shares.
fn is_russian(text: &str) -> bool {
    let (mut all, mut small, mut frequent) = (0_usize, 0_usize, 0_usize);
    for character in text.chars().filter(|character| !character.is_ascii()) {
        all += 1;
        small += usize::from(('а'..='я').contains(&character));
        // The seven most frequent letters of Russian make up more than half of its text.
        frequent += usize::from("оеаинтс".contains(character));
    }
    all >= IBM855_BYTES_MIN && small * 100 > all * 80 && frequent * 100 > all * 40
}

fn ibm855(bytes: &[u8], guessed: bool) -> Decoded {
    let upper: Vec<char> = IBM855.chars().collect();
    let text: String = bytes
        .iter()
        .map(|&byte| if byte.is_ascii() { char::from(byte) } else { upper[usize::from(byte) - 128] })
        .collect();
    Decoded { text: cleaned(&text), encoding: "IBM855", guessed, replaced: 0 }
}

/// Whether the bytes are UTF-8 but for a few that were cut or damaged.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid >= UTF8_SEQUENCES_SURE && invalid * 10 < valid
}

fn with(encoding: &'static Encoding, bytes: &[u8], guessed: bool) -> Decoded {
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    let replaced = if damaged { text.matches('\u{fffd}').count() } else { 0 };
    Decoded { text: cleaned(&text), encoding: encoding.name(), guessed, replaced }
}

/// The same text with `\n` line breaks and without control characters; a form feed ends a paragraph.
fn cleaned(text: &str) -> String {
    let mut clean_text = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\r' && characters.peek() == Some(&'\n') {
            continue;
        }
        match clean(character) {
            Cleaned::Keep(kept) => clean_text.push(kept),
            Cleaned::Break => clean_text.push('\n'),
            Cleaned::Page => clean_text.push_str("\n\n"),
            Cleaned::Drop => {}
        }
    }
    clean_text
}

/// The order of the bytes in a wide character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Big,
    Little,
}

/// An encoding whose characters have at least two bytes, so that plain text in it holds zero bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wide {
    Utf16(&'static Encoding),
    Utf32(ByteOrder),
}

fn utf32_mark(bytes: &[u8]) -> Option<(ByteOrder, usize)> {
    match bytes {
        [0, 0, 0xfe, 0xff, ..] => Some((ByteOrder::Big, 4)),
        // The same four bytes could open UTF-16 text that starts with NUL, which nobody writes.
        [0xff, 0xfe, 0, 0, ..] => Some((ByteOrder::Little, 4)),
        _ => None,
    }
}

/// Whether a byte-order mark of any encoding opens the bytes.
pub(crate) fn has_mark(bytes: &[u8]) -> bool {
    utf32_mark(bytes).is_some() || Encoding::for_bom(bytes).is_some()
}

/// The wide encoding that zero bytes at regular places betray; none for text of one-byte units and for binary data.
pub(crate) fn wide_without_mark(bytes: &[u8]) -> Option<Wide> {
    let sample = &bytes[..bytes.len().min(WIDE_BYTES_MAX)];
    if !sample.contains(&0) || bytes.len() < WIDE_BYTES_MIN || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let mut zeros = [0_usize; 4];
    for (at, _) in sample.iter().enumerate().filter(|(_, byte)| **byte == 0) {
        zeros[at % 4] += 1;
    }
    let quads = sample.len() / 4;
    if quads > 0 && bytes.len().is_multiple_of(4) && (zeros[0] == quads || zeros[3] == quads) {
        let order = if zeros[0] == quads { ByteOrder::Big } else { ByteOrder::Little };
        let decoded = utf32(&sample[..quads * 4], order, true);
        if decoded.replaced == 0 && is_plausible(&decoded.text, quads) {
            return Some(Wide::Utf32(order));
        }
    }
    // Readable ASCII or UTF-8 with a few stray zero bytes is just that.
    if zeros.iter().sum::<usize>() * 4 < sample.len() && std::str::from_utf8(sample).is_ok() {
        return None;
    }
    let (even, odd) = (zeros[0] + zeros[2], zeros[1] + zeros[3]);
    let encoding = if even > odd { UTF_16BE } else { UTF_16LE };
    // Ordinary text has zero bytes on one side only, save for rare characters such as U+3000.
    if even.min(odd) * 8 > even.max(odd) {
        return None;
    }
    let decoded = with(encoding, sample, true);
    let cut_at_end = usize::from(sample.len() < bytes.len());
    (decoded.replaced <= cut_at_end && is_plausible(&decoded.text, sample.len() / 2)).then_some(Wide::Utf16(encoding))
}

/// Whether `text`, cleaned from `units` code units, is made of what people write rather than of chance.
fn is_plausible(text: &str, units: usize) -> bool {
    let (mut all, mut usual) = (0_usize, 0_usize);
    for character in text.chars() {
        all += 1;
        let common = character.is_alphanumeric() || character.is_whitespace() || character.is_ascii_punctuation();
        usual += usize::from(common);
    }
    // Control characters are gone from the text, so a large loss of units is a sign of binary data.
    all * 100 >= units * 80 && usual * 100 >= all * 80
}

fn utf32(bytes: &[u8], order: ByteOrder, guessed: bool) -> Decoded {
    let mut replaced = 0;
    let mut text = String::with_capacity(bytes.len() / 4);
    for quad in bytes.chunks(4) {
        let value = <[u8; 4]>::try_from(quad).ok().map(|quad| match order {
            ByteOrder::Big => u32::from_be_bytes(quad),
            ByteOrder::Little => u32::from_le_bytes(quad),
        });
        text.push(value.and_then(char::from_u32).unwrap_or_else(|| {
            replaced += 1;
            char::REPLACEMENT_CHARACTER
        }));
    }
    let encoding = if order == ByteOrder::Big { "UTF-32BE" } else { "UTF-32LE" };
    Decoded { text: cleaned(&text), encoding, guessed, replaced }
}

/// The encoding that an XML declaration or an HTML `meta` element near the start names.
#[must_use]
pub fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_BYTES_MAX)]).to_ascii_lowercase();
    if let Some(xml) = head.trim_start().strip_prefix("<?xml") {
        let declaration = &xml[..xml.find("?>").unwrap_or(0)];
        if let Some(label) = value_after(declaration, "encoding") {
            return Some(label);
        }
    }
    let mut rest = head.as_str();
    while let Some(at) = rest.find(['<']) {
        rest = &rest[at..];
        if rest.starts_with("<!--") {
            rest = &rest[rest.find("-->").unwrap_or(rest.len())..];
        } else if rest.starts_with("<meta") {
            let end = rest.find('>').unwrap_or(rest.len());
            if let Some(label) = value_after(&rest[..end], "charset").filter(|label| known(label).is_some()) {
                return Some(label);
            }
        }
        let step = rest.chars().next().map_or(0, char::len_utf8);
        rest = &rest[step..];
    }
    None
}

/// The value that follows `name` and `=` in lower-case `text`, without its quotes.
fn value_after(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        rest = &rest[at + name.len()..];
        if let Some(value) = rest.trim_start().strip_prefix('=') {
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let end = value.find(|c: char| c.is_whitespace() || "\"';>/".contains(c)).unwrap_or(value.len());
            return (end > 0).then(|| value[..end].to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn marks_win_over_declarations() {
        let decoded = decode(b"\xef\xbb\xbfcaf\xc3\xa9", Some("windows-1252"));
        assert_eq!((decoded.text.as_str(), decoded.encoding, decoded.guessed), ("café", "UTF-8", false));
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend(wide("né\r\n", u16::to_le_bytes));
        assert_eq!(decode(&bytes, None).text, "né\n");
    }

    #[test]
    fn wide_text_without_a_mark_is_found_and_binary_data_is_not() {
        for text in ["The quick brown fox", "日本語の文章です。 2024\n日本語"] {
            assert_eq!(decode(&wide(text, u16::to_be_bytes), None).text, text);
            assert_eq!(decode(&wide(text, u16::to_le_bytes), None).text, text);
        }
        let quads: Vec<u8> = "Grüße".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        assert_eq!(decode(&quads, None).text, "Grüße");
        let binary: Vec<u8> = (0..=255).cycle().take(4096).collect();
        assert_eq!(wide_without_mark(&binary), None);
        assert_eq!(wide_without_mark(b"[\0]"), None);
    }

    #[test]
    fn a_guess_is_named_and_not_a_loss() {
        let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode("Съешь же ещё этих мягких французских булок да выпей чаю");
        let decoded = decode(&bytes, None);
        assert_eq!((decoded.encoding, decoded.guessed, decoded.replaced), ("windows-1251", true, 0));
        assert!(decoded.warnings().iter().all(|warning| !warning.lossy && warning.message.contains("windows-1251")));
    }

    #[test]
    fn russian_from_dos_is_told_from_western_text() {
        assert_eq!(IBM855.chars().count(), 128);
        let text = "Вчера весь день шёл дождь, и мы остались дома. Вечером пришли соседи, и до ночи говорили о старых временах.";
        let byte = |c: char| IBM855.chars().position(|upper| upper == c).map_or(c as u8, |at| at as u8 + 128);
        let bytes: Vec<u8> = text.chars().map(byte).collect();
        let decoded = decode(&bytes, None);
        assert_eq!((decoded.text.as_str(), decoded.encoding, decoded.guessed), (text, "IBM855", true));
        assert_eq!(decode(&bytes, Some("IBM855")).text, text);
    }

    #[test]
    fn a_declaration_is_followed_unless_the_bytes_contradict_it() {
        assert_eq!(decode(b"caf\xe9", Some("iso-8859-1")).text, "café");
        assert_eq!(decode("déjà vu à côté".as_bytes(), Some("iso-8859-1")).text, "déjà vu à côté");
        assert_eq!(decode(b"caf\xe9 au lait, d\xe9j\xe0 vu", Some("utf-8")).encoding, "windows-1252");
        assert_eq!(decode(b"plain", Some("utf-16")).text, "plain");
    }

    #[test]
    fn damage_to_utf8_is_counted_and_many_losses_are_lossy() {
        let mut bytes = "äöü ".repeat(300).into_bytes();
        bytes.push(0xff);
        let few = decode(&bytes, None);
        assert_eq!((few.encoding, few.replaced), ("UTF-8", 1));
        assert!(few.warnings().iter().all(|warning| !warning.lossy));
        let many = Decoded { text: "a\u{fffd}".into(), encoding: "UTF-8", guessed: false, replaced: 1 };
        assert!(many.warnings()[0].lossy);
    }

    #[test]
    fn line_breaks_and_controls_are_cleaned() {
        assert_eq!(decode(b"a\r\nb\rc\x00\x1b[31md\x0ce\tf\x7f", None).text, "a\nb\nc[31md\n\ne\tf");
    }

    #[test]
    fn declarations_are_found_in_html_and_xml() {
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"<meta charset=windows-1251>", Some("windows-1251")),
            (b"<META http-equiv=Content-Type content=\"text/html; charset=Shift_JIS\">", Some("shift_jis")),
            (b"<?xml version='1.0' encoding='koi8-r'?><a/>", Some("koi8-r")),
            (b"<!-- <meta charset=big5> --><p>", None),
            (b"<meta charset='no such'>", None),
            (b"charset=big5", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(declared(bytes).as_deref(), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
