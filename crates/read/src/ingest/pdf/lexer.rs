//! Splits the bytes of a content stream or CMap into operands and operators; knows the syntax of PDF, nothing of its meaning.

use std::ops::Range;

/// One operand of an operator. Byte ranges point into [`Lexer::bytes`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    /// An integer or real; always finite.
    Number(f64),
    /// A name without its slash.
    Name(Range<usize>),
    /// A string, decoded from its literal or hexadecimal form.
    String(Range<usize>),
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// `<<`
    DictStart,
    /// `>>`
    DictEnd,
}

/// What the lexer found next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Something that belongs to the operator which follows.
    Operand(Operand),
    /// An operator: its bytes in the source.
    Operator(Range<usize>),
}

/// Reads tokens one after another. Damaged input never fails: bytes that fit nothing are skipped.
pub(super) struct Lexer<'a> {
    source: &'a [u8],
    at: usize,
    /// The decoded bytes of names and strings since the last [`Lexer::forget`].
    decoded: Vec<u8>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        Self { source, at: 0, decoded: Vec::with_capacity(256) }
    }

    /// The bytes of an operand's name or string.
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.decoded[range.clone()]
    }

    /// The bytes of an operator.
    pub(super) fn operator(&self, range: &Range<usize>) -> &'a [u8] {
        &self.source[range.clone()]
    }

    /// Forgets decoded bytes; ranges handed out before are void.
    pub(super) fn forget(&mut self) {
        self.decoded.clear();
    }

    /// The next token, or `None` at the end.
    pub(super) fn next(&mut self) -> Option<Token> {
        loop {
            let byte = *self.source.get(self.at)?;
            match byte {
                b'%' => self.skip_comment(),
                b'(' => return Some(Token::Operand(Operand::String(self.literal_string()))),
                b'<' if self.source.get(self.at + 1) == Some(&b'<') => {
                    self.at += 2;
                    return Some(Token::Operand(Operand::DictStart));
                }
                b'<' => return Some(Token::Operand(Operand::String(self.hex_string()))),
                b'>' if self.source.get(self.at + 1) == Some(&b'>') => {
                    self.at += 2;
                    return Some(Token::Operand(Operand::DictEnd));
                }
                // White space, and brackets that close nothing.
                b' ' | b'\n' | b'\r' | b'\t' | 0 | 12 | b')' | b'{' | b'}' | b'>' => self.at += 1,
                b'[' => {
                    self.at += 1;
                    return Some(Token::Operand(Operand::ArrayStart));
                }
                b']' => {
                    self.at += 1;
                    return Some(Token::Operand(Operand::ArrayEnd));
                }
                b'/' => return Some(Token::Operand(Operand::Name(self.name()))),
                b'0'..=b'9' | b'+' | b'-' | b'.' => {
                    if let Some(number) = self.number() {
                        return Some(Token::Operand(Operand::Number(number)));
                    }
                }
                _ => {
                    let start = self.at;
                    while self.source.get(self.at).is_some_and(|&byte| is_regular(byte)) {
                        self.at += 1;
                    }
                    return Some(Token::Operator(start..self.at));
                }
            }
        }
    }

    /// Skips the data of an inline image; call it right after the operator `ID`. Returns the data.
    pub(super) fn skip_inline_image(&mut self) -> &'a [u8] {
        let rest = self.source;
        let start = (self.at + 1).min(rest.len());
        let mut at = self.at + 1;
        while at + 2 <= rest.len() {
            let Some(found) = rest[at..].windows(2).position(|pair| pair == b"EI") else { break };
            at += found;
            let before = at == 0 || is_space(rest[at - 1]);
            let after = rest.get(at + 2).is_none_or(|&byte| is_space(byte));
            // Image data may hold "EI" by chance; what follows the real one is text again.
            let tail = &rest[(at + 2).min(rest.len())..(at + 14).min(rest.len())];
            if before && after && tail.iter().all(|&byte| is_space(byte) || (0x20..0x7f).contains(&byte)) {
                self.at = at + 2;
                return &rest[start..at];
            }
            at += 2;
        }
        self.at = rest.len();
        &rest[start..]
    }

    fn skip_comment(&mut self) {
        while self.source.get(self.at).is_some_and(|&byte| byte != b'\n' && byte != b'\r') {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Option<f64> {
        let start = self.at;
        let (mut negative, mut whole, mut scale, mut seen_dot, mut digits) = (false, 0f64, 1f64, false, 0u32);
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'-' if self.at == start => negative = true,
                b'+' if self.at == start => {}
                // Some writers put two signs; a sign inside a number ends it for other readers too.
                b'-' if digits == 0 => negative = true,
                b'.' if !seen_dot => seen_dot = true,
                b'0'..=b'9' => {
                    digits += 1;
                    if seen_dot {
                        scale /= 10.0;
                        whole += f64::from(byte - b'0') * scale;
                    } else {
                        whole = whole * 10.0 + f64::from(byte - b'0');
                    }
                }
                _ => break,
            }
            self.at += 1;
        }
        if self.at == start {
            self.at += 1;
        }
        // Junk glued to a number, such as `12abc` or `1-2`, is dropped with it.
        while self.source.get(self.at).is_some_and(|&byte| byte == b'-' || byte == b'.' || byte == b'+') {
            self.at += 1;
        }
        let value = if negative { -whole } else { whole };
        (value.is_finite() && (digits > 0 || seen_dot)).then_some(value)
    }

    fn name(&mut self) -> Range<usize> {
        self.at += 1;
        let start = self.decoded.len();
        while let Some(&byte) = self.source.get(self.at) {
            if !is_regular(byte) {
                break;
            }
            self.at += 1;
            let escaped = (byte == b'#')
                .then(|| Some(hex(*self.source.get(self.at)?)? << 4 | hex(*self.source.get(self.at + 1)?)?))
                .flatten();
            if escaped.is_some() {
                self.at += 2;
            }
            self.decoded.push(escaped.unwrap_or(byte));
        }
        start..self.decoded.len()
    }

    fn hex_string(&mut self) -> Range<usize> {
        self.at += 1;
        let start = self.decoded.len();
        let mut high = None;
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            if byte == b'>' {
                break;
            }
            let Some(digit) = hex(byte) else { continue };
            match high.take() {
                Some(high) => self.decoded.push(high << 4 | digit),
                None => high = Some(digit),
            }
        }
        if let Some(high) = high {
            self.decoded.push(high << 4);
        }
        start..self.decoded.len()
    }

    fn literal_string(&mut self) -> Range<usize> {
        self.at += 1;
        let start = self.decoded.len();
        let mut depth = 1;
        while let Some(&byte) = self.source.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.escape(),
                b'(' => {
                    depth += 1;
                    self.decoded.push(byte);
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                    self.decoded.push(byte);
                }
                _ => self.decoded.push(byte),
            }
        }
        start..self.decoded.len()
    }

    fn escape(&mut self) {
        let Some(&byte) = self.source.get(self.at) else { return };
        self.at += 1;
        match byte {
            b'n' => self.decoded.push(b'\n'),
            b'r' => self.decoded.push(b'\r'),
            b't' => self.decoded.push(b'\t'),
            b'b' => self.decoded.push(8),
            b'f' => self.decoded.push(12),
            b'\n' => {}
            b'\r' => {
                if self.source.get(self.at) == Some(&b'\n') {
                    self.at += 1;
                }
            }
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.source.get(self.at) {
                        Some(&digit @ b'0'..=b'7') => value = value * 8 + u32::from(digit - b'0'),
                        _ => break,
                    }
                    self.at += 1;
                }
                self.decoded.push((value & 0xff) as u8);
            }
            other => self.decoded.push(other),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0 | 12)
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// The value of a hexadecimal digit.
pub(super) fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<String> {
        let mut lexer = Lexer::new(source.as_bytes());
        let mut out = vec![];
        while let Some(token) = lexer.next() {
            out.push(match token {
                Token::Operand(Operand::Number(number)) => format!("{number:.3}"),
                Token::Operand(Operand::Name(range)) => format!("/{}", String::from_utf8_lossy(lexer.bytes(&range))),
                Token::Operand(Operand::String(range)) => format!("({})", String::from_utf8_lossy(lexer.bytes(&range))),
                Token::Operand(other) => format!("{other:?}"),
                Token::Operator(range) => String::from_utf8_lossy(lexer.operator(&range)).into_owned(),
            });
        }
        out
    }

    #[test]
    fn strings_keep_their_escapes_and_nesting() {
        assert_eq!(tokens(r"(a\(b\)(c)\101\n) Tj"), ["(a(b)(c)A\n)", "Tj"]);
        assert_eq!(tokens("<48 65 6C6c6> Tj"), ["(Hell`)", "Tj"]);
    }

    #[test]
    fn numbers_and_names_stand_without_spaces() {
        assert_eq!(tokens("/F#31 12.5Tf-3 .5 --2 Td"), ["/F1", "12.500", "Tf-3", "0.500", "-2.000", "Td"]);
        assert_eq!(tokens("[(a)-250(b)]TJ"), ["ArrayStart", "(a)", "-250.000", "(b)", "ArrayEnd", "TJ"]);
    }

    #[test]
    fn an_inline_image_is_skipped() {
        let mut lexer = Lexer::new(b"ID \x00\xffEI\x01 EI Q");
        assert!(matches!(lexer.next(), Some(Token::Operator(_))));
        assert_eq!(lexer.skip_inline_image(), b"\x00\xffEI\x01 ");
        let Some(Token::Operator(range)) = lexer.next() else { panic!("an operator follows") };
        assert_eq!(lexer.operator(&range), b"Q");
    }

    #[test]
    fn damaged_input_ends() {
        for source in ["(never closed", "<41", "[", ">>>", "+", "-", "1e999", "\\", "/", "%", "<<<<"] {
            assert!(tokens(source).len() < 10, "{source}");
        }
    }
}
