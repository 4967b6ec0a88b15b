//! A number and the code of its format go in, the text that a spreadsheet shows comes out (ECMA-376 part 1, 18.8.30 and 18.8.31).
//!
//! Names of months and days are English; what depends on the settings of a machine is written in the form of ISO 8601.

mod date;
mod decimal;

use self::date::Moment;

/// Bytes of a format code; a longer one is no format, and every cell would repeat it.
const CODE_BYTES_MAX: usize = 512;

/// The codes of the formats that every workbook has (18.8.30). Dates that follow the machine's settings are ISO dates.
const BUILT_IN: &[(u32, &str)] = &[
    (1, "0"),
    (2, "0.00"),
    (3, "#,##0"),
    (4, "#,##0.00"),
    (5, "$#,##0;-$#,##0"),
    (6, "$#,##0;-$#,##0"),
    (7, "$#,##0.00;-$#,##0.00"),
    (8, "$#,##0.00;-$#,##0.00"),
    (9, "0%"),
    (10, "0.00%"),
    (11, "0.00E+00"),
    (12, "# ?/?"),
    (13, "# ??/??"),
    (14, "yyyy-mm-dd"),
    (15, "d-mmm-yy"),
    (16, "d-mmm"),
    (17, "mmm-yy"),
    (18, "h:mm AM/PM"),
    (19, "h:mm:ss AM/PM"),
    (20, "h:mm"),
    (21, "h:mm:ss"),
    (22, "yyyy-mm-dd h:mm"),
    (37, "#,##0;(#,##0)"),
    (38, "#,##0;(#,##0)"),
    (39, "#,##0.00;(#,##0.00)"),
    (40, "#,##0.00;(#,##0.00)"),
    (41, "#,##0;(#,##0);\"-\""),
    (42, "$#,##0;$(#,##0);$\"-\""),
    (43, "#,##0.00;(#,##0.00);\"-\""),
    (44, "$#,##0.00;$(#,##0.00);$\"-\""),
    (45, "mm:ss"),
    (46, "[h]:mm:ss"),
    (47, "mm:ss.0"),
    (48, "##0.0E+0"),
    (49, "@"),
];

/// A piece of a format code.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// Shown as it is.
    Literal(String),
    /// A place for a digit: `0`, `#` or `?`.
    Digit(char),
    Point,
    Comma,
    Percent,
    Exponent,
    Slash,
    /// The text of the cell.
    Text,
    /// The number as it is without a format.
    General,
    /// A part of a date or time, and how often its letter stands.
    Date(char, usize),
    /// Hours, minutes or seconds that do not end at a day, an hour or a minute.
    Elapsed(char, usize),
    /// Tenths, hundredths or thousandths of a second.
    Fraction(usize),
    /// Before or after noon.
    Noon,
}

/// One of the up to four parts of a code.
#[derive(Debug, Clone, Default, PartialEq)]
struct Section {
    tokens: Vec<Token>,
    condition: Option<(String, f64)>,
}

/// A format that is ready to be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NumberFormat {
    sections: Vec<Section>,
}

/// `value` in the format of `code`.
pub(super) fn shown(value: f64, code: &str, is_1904: bool) -> String {
    NumberFormat::new(code).show(value, is_1904)
}

impl NumberFormat {
    /// The format that `code` describes.
    pub(super) fn new(code: &str) -> Self {
        if code.len() > CODE_BYTES_MAX {
            return Self::default();
        }
        Self { sections: split(code).into_iter().map(section).collect() }
    }

    /// The format with the number `id` that every workbook has; plain for those that are not known.
    pub(super) fn built_in(id: u32) -> Self {
        Self::new(BUILT_IN.iter().find(|(known, _)| *known == id).map_or("", |(_, code)| code))
    }

    /// `value` as a person sees it. `is_1904`: days are counted from 1904 and not from 1900.
    pub(super) fn show(&self, value: f64, is_1904: bool) -> String {
        let Some((at, section)) = self.section(value) else { return decimal::general(value) };
        if section.tokens.iter().any(|token| matches!(token, Token::Date(..) | Token::Elapsed(..))) {
            return match Moment::new(value, is_1904, section.precision()) {
                Some(moment) => moment.show(&section.tokens),
                None => decimal::general(value),
            };
        }
        // The second part says by itself how a number below zero looks.
        let is_signed = at == 0 || section.condition.is_some();
        let text = decimal::show(value.abs(), &section.tokens);
        let is_zero = !text.chars().any(|character| character.is_ascii_digit() && character != '0');
        if value < 0.0 && is_signed && !is_zero { format!("-{text}") } else { text }
    }

    /// The part for `value`, and its place.
    fn section(&self, value: f64) -> Option<(usize, &Section)> {
        let sections = &self.sections;
        if sections.iter().any(|section| section.condition.is_some()) {
            let met =
                |section: &Section| section.condition.as_ref().is_none_or(|(sign, limit)| compare(value, sign, *limit));
            return sections.iter().enumerate().find(|(_, section)| met(section));
        }
        let numeric = sections.len().min(3);
        let at = match numeric {
            0 => return None,
            2.. if value < 0.0 => 1,
            3 if value == 0.0 => 2,
            _ => 0,
        };
        let section = &sections[at];
        // An empty code is no format, an empty part of one hides the number; a person asks for it with a click.
        (!section.tokens.is_empty()).then_some((at, section))
    }
}

impl Section {
    /// Digits after the point of the seconds.
    fn precision(&self) -> usize {
        self.tokens.iter().map(|token| if let Token::Fraction(digits) = token { *digits } else { 0 }).max().unwrap_or(0)
    }
}

fn compare(value: f64, sign: &str, limit: f64) -> bool {
    match sign {
        "<" => value < limit,
        "<=" => value <= limit,
        ">" => value > limit,
        ">=" => value >= limit,
        "<>" => value.total_cmp(&limit).is_ne(),
        _ => value.total_cmp(&limit).is_eq(),
    }
}

/// The parts of a code between semicolons that are not quoted.
fn split(code: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped, mut is_bracketed) = (0, false, false, false);
    for (at, character) in code.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '\\' | '_' | '*' => is_escaped = true,
            '[' => is_bracketed = true,
            ']' => is_bracketed = false,
            ';' if !is_bracketed => {
                sections.push(&code[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&code[start..]);
    sections
}

fn section(code: &str) -> Section {
    let mut section = Section::default();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let lower = first.to_ascii_lowercase();
        let run = rest.chars().take_while(|character| character.to_ascii_lowercase() == lower).count();
        let mut taken = first.len_utf8();
        match lower {
            '"' => {
                let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
                section.literal(&rest[1..end.min(rest.len())]);
                taken = (end + 1).min(rest.len());
            }
            '\\' | '_' | '*' => {
                let next = rest[1..].chars().next();
                taken += next.map_or(0, char::len_utf8);
                // An underscore leaves the width of the next character, a star fills the cell with it.
                match (lower, next) {
                    ('\\', Some(next)) => section.literal(next.encode_utf8(&mut [0; 4])),
                    ('_', _) | ('*', Some(' ')) => section.literal(" "),
                    _ => {}
                }
            }
            '[' => {
                let end = rest.find(']').unwrap_or(rest.len());
                section.bracket(&rest[1..end]);
                taken = end + 1;
            }
            'g' if starts(rest, "general") => {
                section.tokens.push(Token::General);
                taken = "general".len();
            }
            'a' if starts(rest, "am/pm") || starts(rest, "a/p") => {
                section.tokens.push(Token::Noon);
                taken = if starts(rest, "am/pm") { 5 } else { 3 };
            }
            'y' | 'm' | 'd' | 'h' | 's' => {
                section.tokens.push(Token::Date(lower, run));
                taken = run;
            }
            'e' if rest[1..].starts_with(['+', '-']) => {
                section.tokens.push(Token::Exponent);
                taken = 2;
            }
            '0' | '#' | '?' => section.tokens.push(Token::Digit(first)),
            '.' => {
                let digits = rest[1..].chars().take_while(|digit| *digit == '0').count();
                let is_seconds = matches!(section.tokens.last(), Some(Token::Date('s', _) | Token::Elapsed('s', _)));
                if is_seconds && digits > 0 {
                    section.tokens.push(Token::Fraction(digits.min(3)));
                    taken += digits;
                } else {
                    section.tokens.push(Token::Point);
                }
            }
            ',' => section.tokens.push(Token::Comma),
            '%' => section.tokens.push(Token::Percent),
            '/' => section.tokens.push(Token::Slash),
            '@' => section.tokens.push(Token::Text),
            _ => section.literal(first.encode_utf8(&mut [0; 4])),
        }
        rest = &rest[taken.clamp(first.len_utf8(), rest.len())..];
    }
    section
}

impl Section {
    fn literal(&mut self, text: &str) {
        match self.tokens.last_mut() {
            Some(Token::Literal(literal)) => literal.push_str(text),
            _ => self.tokens.push(Token::Literal(text.to_owned())),
        }
    }

    /// What stands in brackets: a condition, a currency, hours without end, or a colour that nobody needs.
    fn bracket(&mut self, inner: &str) {
        if let Some(currency) = inner.strip_prefix('$') {
            let sign = currency.split('-').next().unwrap_or_default();
            self.literal(sign);
            return;
        }
        let signs = inner.len() - inner.trim_start_matches(['<', '>', '=']).len();
        if let (1.., Ok(limit)) = (signs, inner[signs..].trim().parse()) {
            self.condition = Some((inner[..signs].to_owned(), limit));
            return;
        }
        let lower = inner.to_ascii_lowercase();
        if let Some(letter @ ('h' | 'm' | 's')) = lower.chars().next()
            && lower.chars().all(|character| character == letter)
        {
            self.tokens.push(Token::Elapsed(letter, lower.len()));
        }
    }
}

fn starts(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_a_spreadsheet() {
        let cases = [
            (1234.5, "General", "1234.5"),
            (0.1 + 0.2, "General", "0.3"),
            (1_234_567.891, "#,##0.00", "1,234,567.89"),
            (-1234.0, "#,##0;(#,##0)", "(1,234)"),
            (-0.5, "0%", "-50%"),
            (1.005, "0.00", "1.01"),
            (2.5, "0", "3"),
            (0.0, "0;-0;\"nil\"", "nil"),
            (1_234_567.0, "0.0,,\" m\"", "1.2 m"),
            (12345.0, "0.00E+00", "1.23E+04"),
            (12345.0, "##0.0E+0", "12.3E+3"),
            (5.25, "# ?/?", "5 1/4"),
            (std::f64::consts::PI, "# ??/??", "3 14/99"),
            (0.3, "?/?", "2/7"),
            (0.999, "# ?/?", "1"),
            (2.6, "# ?/8", "2 5/8"),
            (123_456_789.0, "000\\-00\\-0000", "123-45-6789"),
            (7.0, "00000", "00007"),
            (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
            (3.0, "[<2]\"one\";[>=2]\"many\"", "many"),
            (-3.0, "[Red]0.0", "-3.0"),
            (-0.001, "0.00", "0.00"),
            (42.0, "@", "42"),
            (1.0, "\"Q\"0", "Q1"),
            (1e20, "General", "1E+20"),
            (12.0, "0.##", "12."),
            (1234.0, "_($* #,##0_);_($* (#,##0)", "$ 1,234"),
        ];
        for (value, code, expected) in cases {
            assert_eq!(shown(value, code, false).trim(), expected, "{value} as {code}");
        }
    }

    #[test]
    fn dates_look_as_in_a_spreadsheet() {
        let cases = [
            (45_292.0, "yyyy-mm-dd", "2024-01-01"),
            (45_292.75, "d mmm yyyy h:mm AM/PM", "1 Jan 2024 6:00 PM"),
            (59.0, "d/m/yyyy", "28/2/1900"),
            (61.0, "d/m/yyyy", "1/3/1900"),
            (0.5, "hh:mm:ss", "12:00:00"),
            (1.5, "[h]:mm", "36:00"),
            (45_292.0, "dddd, mmmm dd", "Monday, January 01"),
            (0.000_011_574, "mm:ss.0", "00:01.0"),
            (45_292.999_999_99, "yyyy-mm-dd hh:mm", "2024-01-02 00:00"),
            (-1.0, "yyyy", "-1"),
        ];
        for (value, code, expected) in cases {
            assert_eq!(shown(value, code, false), expected, "{value} as {code}");
        }
        assert_eq!(shown(0.0, "yyyy-mm-dd", true), "1904-01-01");
    }

    #[test]
    fn any_code_gives_some_text() {
        for code in [
            "\"", "\\", "[", "[$", "]", "_", "*", "e+", "0/", "/", ".", ";;;", "é", "[h", "%%%%", "0,,,,,,,",
            "General;",
        ] {
            for value in [0.0, -1.5, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY] {
                shown(value, code, false);
            }
        }
    }
}
