//! RTF bytes go in, groups, control words and bytes of text come out; knows nothing of what the words mean.

/// Bytes of a control word that count; the specification allows 32.
const WORD_BYTES_MAX: usize = 32;

/// One thing in an RTF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `\word12`: the word and its number.
    Word(&'a str, Option<i32>),
    /// `\*` and other signs after a backslash.
    Symbol(u8),
    /// A byte of text, plain or as `\'hh`.
    Text(u8),
}

/// The tokens of `bytes` in order. Line breaks and the data after `\bin` are none.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn word(&mut self) -> Token<'a> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let length = rest.iter().take(WORD_BYTES_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        self.at += length;
        let negative =
            self.bytes.get(self.at) == Some(&b'-') && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit);
        self.at += usize::from(negative);
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = (digits > 0).then(|| {
            let value = self.bytes[self.at..self.at + digits]
                .iter()
                .fold(0_i32, |value, digit| value.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
            if negative { -value } else { value }
        });
        self.at += digits;
        // One space ends a word and is not text.
        self.at += usize::from(self.bytes.get(self.at) == Some(&b' '));
        if word == "bin" {
            let skipped = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
            self.at = self.at.saturating_add(skipped).min(self.bytes.len());
        }
        Token::Word(word, number)
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'{' => return Some(Token::Open),
                b'}' => return Some(Token::Close),
                b'\r' | b'\n' | 0 => {}
                b'\\' => {
                    let sign = *self.bytes.get(self.at)?;
                    if sign.is_ascii_alphabetic() {
                        return Some(self.word());
                    }
                    self.at += 1;
                    if sign != b'\'' {
                        return Some(Token::Symbol(sign));
                    }
                    let digit = |at: usize| self.bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
                    if let (Some(high), Some(low)) = (digit(self.at), digit(self.at + 1)) {
                        self.at += 2;
                        return Some(Token::Text((high * 16 + low) as u8));
                    }
                }
                _ => return Some(Token::Text(byte)),
            }
        }
    }
}
