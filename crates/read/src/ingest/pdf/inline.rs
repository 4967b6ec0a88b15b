//! The source of an inline image in a content stream → an image as it stands elsewhere in a file; knows no pages.

use lopdf::{Dictionary, Object, Stream, StringFormat};

use super::lexer::{Lexer, Operand, Token};

/// Arrays in arrays deeper than this are no image's.
const DEPTH_MAX: u8 = 4;

/// The image whose entries stand in `entries`, between `BI` and `ID`, with its data. Colour spaces may be named in `spaces`.
pub(super) fn image(entries: &[u8], data: &[u8], spaces: Option<&Dictionary>) -> Stream {
    let mut lexer = Lexer::new(entries);
    let mut dict = Dictionary::new();
    while let Some(token) = lexer.next() {
        if let Token::Operand(Operand::Name(key)) = token {
            let key = full_name(lexer.bytes(&key)).to_vec();
            let Some(token) = lexer.next() else { break };
            if let Some(value) = value(&mut lexer, token, DEPTH_MAX) {
                dict.set(key, value);
            }
        }
    }
    let named = dict.get(b"ColorSpace").and_then(Object::as_name).ok();
    if let Some(space) = named.and_then(|name| spaces?.get(name).ok()) {
        dict.set("ColorSpace", space.clone());
    }
    Stream::new(dict, data.to_vec())
}

fn value(lexer: &mut Lexer<'_>, token: Token, depth: u8) -> Option<Object> {
    let operand = match token {
        Token::Operand(operand) => operand,
        Token::Operator(range) => {
            return match lexer.operator(&range) {
                b"true" => Some(Object::Boolean(true)),
                b"false" => Some(Object::Boolean(false)),
                b"null" => Some(Object::Null),
                _ => None,
            };
        }
    };
    match operand {
        Operand::Number(number) => Some(Object::Real(number as f32)),
        Operand::Name(name) => Some(Object::Name(lexer.bytes(&name).to_vec())),
        Operand::String(string) => Some(Object::String(lexer.bytes(&string).to_vec(), StringFormat::Hexadecimal)),
        Operand::ArrayStart => Some(Object::Array(list(lexer, &Operand::ArrayEnd, depth.checked_sub(1)?))),
        Operand::DictStart => {
            let entries = list(lexer, &Operand::DictEnd, depth.checked_sub(1)?);
            let pairs = entries.as_chunks::<2>().0.iter();
            let pairs = pairs.filter_map(|[key, value]| Some((key.as_name().ok()?.to_vec(), value.clone())));
            Some(Object::Dictionary(pairs.collect()))
        }
        Operand::ArrayEnd | Operand::DictEnd => None,
    }
}

fn list(lexer: &mut Lexer<'_>, end: &Operand, depth: u8) -> Vec<Object> {
    let mut values = Vec::new();
    while let Some(token) = lexer.next() {
        if matches!(&token, Token::Operand(operand) if operand == end) {
            break;
        }
        values.extend(value(lexer, token, depth));
    }
    values
}

/// The full form of a short key (PDF 32000-1:2008, table 93).
fn full_name(key: &[u8]) -> &[u8] {
    match key {
        b"BPC" => b"BitsPerComponent",
        b"CS" => b"ColorSpace",
        b"D" => b"Decode",
        b"DP" => b"DecodeParms",
        b"F" => b"Filter",
        b"H" => b"Height",
        b"IM" => b"ImageMask",
        b"W" => b"Width",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_entries_become_full_ones() {
        let spaces = Dictionary::from_iter([("Own", Object::Name(b"DeviceRGB".to_vec()))]);
        let image =
            image(b"/W 8 /IM true /F [/A85 /CCF] /DP [null << /K -1 >>] /CS /Own /D[1 0]", b"data", Some(&spaces));
        let name = |key: &[u8]| image.dict.get(key).and_then(Object::as_name).unwrap();
        assert_eq!(image.dict.get(b"Width").unwrap(), &Object::Real(8.0));
        assert_eq!(name(b"ColorSpace"), b"DeviceRGB");
        assert!(image.dict.get(b"ImageMask").unwrap().as_bool().unwrap());
        assert_eq!(image.dict.get(b"Filter").unwrap().as_array().unwrap().len(), 2);
        let parameters = image.dict.get(b"DecodeParms").unwrap().as_array().unwrap();
        assert_eq!(parameters.last().unwrap().as_dict().unwrap().get(b"K").unwrap(), &Object::Real(-1.0));
        assert_eq!(image.content, b"data");
        super::image(b"/D [[[[[[[ /W", b"", None);
    }
}
