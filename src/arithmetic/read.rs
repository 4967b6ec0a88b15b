//! A formula's text in, its tokens out: numbers with scales and units, dates, names, signs.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::value::{CURRENCIES, Unit, Value};
use crate::months::month;

/// A part of a formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A number or a date.
    Value(Value),
    /// The name of a value or a function.
    Name(String),
    /// One of `+ - * / ^ ( ) ,`; `of` is `*`.
    Sign(char),
}

/// Words after a number that scale it, as powers of ten.
const SCALES: [(&str, u32); 14] = [
    ("k", 3),
    ("thousand", 3),
    ("thousands", 3),
    ("m", 6),
    ("mn", 6),
    ("mm", 6),
    ("million", 6),
    ("millions", 6),
    ("b", 9),
    ("bn", 9),
    ("billion", 9),
    ("billions", 9),
    ("tn", 12),
    ("trillion", 12),
];

/// Units that are words, with what one of them is.
const WORDS: [(&str, i64, Unit); 13] = [
    ("percent", 1, Unit::Percent),
    ("pct", 1, Unit::Percent),
    ("day", 1, Unit::Days),
    ("days", 1, Unit::Days),
    ("week", 7, Unit::Days),
    ("weeks", 7, Unit::Days),
    ("month", 1, Unit::Months),
    ("months", 1, Unit::Months),
    ("quarter", 3, Unit::Months),
    ("quarters", 3, Unit::Months),
    ("year", 12, Unit::Months),
    ("years", 12, Unit::Months),
    ("percentage", 1, Unit::Percent),
];

/// Splits a formula.
///
/// # Errors
/// What cannot be read, in words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut reader = Reader { rest: text };
    let mut tokens = Vec::new();
    while let Some(token) = reader.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn token(&mut self) -> Result<Option<Token>, String> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if first.is_ascii_digit() || (first == '.' && self.rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            return self.number().map(Some);
        }
        if let Some(code) = self.currency() {
            self.rest = self.rest.trim_start();
            let starts_number = self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            return match starts_number.then(|| self.number()).transpose()? {
                Some(Token::Value(Value::Amount(number, Unit::Plain))) => {
                    Ok(Some(Token::Value(Value::Amount(number, Unit::Currency(code)))))
                }
                _ => Err(format!("a number is missing after {code}")),
            };
        }
        if first.is_alphabetic() || first == '_' {
            let word = self.word();
            if let Some(date) = self.date_after_month(&word)? {
                return Ok(Some(Token::Value(Value::Date(date))));
            }
            return Ok(Some(if word.eq_ignore_ascii_case("of") { Token::Sign('*') } else { Token::Name(word) }));
        }
        self.rest = &self.rest[first.len_utf8()..];
        match first {
            '+' | '-' | '*' | '/' | '^' | '(' | ')' | ',' => Ok(Some(Token::Sign(first))),
            ';' => Ok(Some(Token::Sign(','))),
            '×' | '·' => Ok(Some(Token::Sign('*'))),
            '÷' => Ok(Some(Token::Sign('/'))),
            '−' | '–' => Ok(Some(Token::Sign('-'))),
            other => Err(format!("`{}` is not part of a formula", other.escape_debug())),
        }
    }

    /// A currency before its number.
    fn currency(&mut self) -> Option<&'static str> {
        for (written, code) in CURRENCIES {
            let Some(head) = self.rest.get(..written.len()).filter(|head| head.eq_ignore_ascii_case(written)) else {
                continue;
            };
            let after = &self.rest[head.len()..];
            let is_word = written.starts_with(|c: char| c.is_ascii_alphabetic());
            let number_follows = after.trim_start().starts_with(|c: char| c.is_ascii_digit());
            if !is_word || number_follows {
                self.rest = after;
                return Some(code);
            }
        }
        None
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(self.rest.len());
        let word = self.rest[..end].trim_end_matches('.');
        self.rest = &self.rest[word.len()..];
        word.to_string()
    }

    /// The next word, which is taken only if `known` knows it.
    fn word_if<T>(&mut self, known: impl Fn(&str) -> Option<T>) -> Option<T> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let found = known(&rest[..end].to_lowercase())?;
        self.rest = &rest[end..];
        Some(found)
    }

    fn number(&mut self) -> Result<Token, String> {
        if let Some(date) = self.iso_date()? {
            return Ok(Token::Value(Value::Date(date)));
        }
        let number = self.digits()?;
        if let Some(date) = self.date_after_day(number)? {
            return Ok(Token::Value(Value::Date(date)));
        }
        let scale = self.word_if(|word| SCALES.iter().find(|(name, _)| *name == word).map(|(_, zeros)| *zeros));
        let scale = Decimal::from(10_u64.pow(scale.unwrap_or(0)));
        let number = number.checked_mul(scale).ok_or("a number has more than 28 digits")?;
        let after = self.rest.trim_start();
        if let Some(after) = after.strip_prefix('%') {
            self.rest = after;
            return Ok(Token::Value(Value::Amount(number, Unit::Percent)));
        }
        let symbol = CURRENCIES.iter().find(|(sign, _)| !sign.is_ascii() && after.starts_with(sign));
        if let Some((sign, code)) = symbol {
            self.rest = &after[sign.len()..];
            return Ok(Token::Value(Value::Amount(number, Unit::Currency(code))));
        }
        let hundred = Decimal::ONE_HUNDRED;
        let unit = self.word_if(|word| {
            if matches!(word, "bp" | "bps") {
                return Some((Decimal::ONE / hundred, Unit::Percent));
            }
            let currency = CURRENCIES.iter().find(|(name, _)| *name == word);
            let currency = currency.map(|(_, code)| (Decimal::ONE, Unit::Currency(code)));
            let named = || WORDS.iter().find(|(name, ..)| *name == word);
            currency.or_else(|| named().map(|(_, of, unit)| (Decimal::from(*of), *unit)))
        });
        let (of, unit) = unit.unwrap_or((Decimal::ONE, Unit::Plain));
        let number = number.checked_mul(of).ok_or("a number has more than 28 digits")?;
        Ok(Token::Value(Value::Amount(number, unit)))
    }

    /// Digits with a decimal point, and commas where exactly three digits follow; an exponent.
    fn digits(&mut self) -> Result<Decimal, String> {
        let bytes = self.rest.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut text = String::new();
        let mut at = 0;
        let mut has_point = false;
        loop {
            match bytes.get(at) {
                Some(b'0'..=b'9') => text.push(bytes[at] as char),
                Some(b'_') if digit(at + 1) => {}
                Some(b'.') if !has_point && digit(at + 1) => {
                    has_point = true;
                    text.push('.');
                }
                // A point that ends a sentence or a number.
                Some(b'.') if !has_point && !bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) => has_point = true,
                Some(b',') if !has_point && (1..=3).all(|n| digit(at + n)) && !digit(at + 4) => {}
                _ => break,
            }
            at += 1;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
            let mut end = at + 1 + signed;
            while digit(end) {
                end += 1;
            }
            if end > at + 1 + signed {
                text.push_str(&self.rest[at..end]);
                at = end;
            }
        }
        let read =
            if text.contains(['e', 'E']) { Decimal::from_scientific(&text) } else { Decimal::from_str_exact(&text) };
        let number = read.map_err(|_| format!("`{}` has more than 28 digits", &self.rest[..at]))?;
        self.rest = &self.rest[at..];
        Ok(number)
    }

    /// `2024-03-31`, without spaces; with them it is a subtraction.
    fn iso_date(&mut self) -> Result<Option<Date>, String> {
        let Some(head) = self.rest.get(..10) else { return Ok(None) };
        let shape = head.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        if !shape || self.rest[10..].starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        let date = head.parse().map_err(|_| format!("there is no day {head}"))?;
        self.rest = &self.rest[10..];
        Ok(Some(date))
    }

    /// `31 March 2024`, its day already read.
    fn date_after_day(&mut self, day: Decimal) -> Result<Option<Date>, String> {
        let before = self.rest;
        let Some(month) = self.word_if(month) else { return Ok(None) };
        if let (Ok(day), Some(year)) = (i8::try_from(day), self.year()) {
            return date(year, month, day).map(Some);
        }
        self.rest = before;
        Ok(None)
    }

    /// `March 31, 2024`, its month already read.
    fn date_after_month(&mut self, word: &str) -> Result<Option<Date>, String> {
        let Some(month) = month(&word.to_lowercase()) else { return Ok(None) };
        let before = self.rest;
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        if let Ok(day) = self.rest[..end].parse::<i8>() {
            self.rest = &self.rest[end..];
            if let Some(year) = self.year() {
                return date(year, month, day).map(Some);
            }
        }
        self.rest = before;
        Ok(None)
    }

    /// Four digits after spaces and perhaps a comma.
    fn year(&mut self) -> Option<i16> {
        let rest = self.rest.trim_start_matches([' ', ',']);
        let year = rest.get(..4).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit()))?;
        if rest[4..].starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = &rest[4..];
        year.parse().ok()
    }
}

fn date(year: i16, month: u8, day: i8) -> Result<Date, String> {
    Date::new(year, month as i8, day).map_err(|_| format!("there is no day {year:04}-{month:02}-{day:02}"))
}
