//! A number of at least zero and the places for its digits go in, its decimal text comes out, rounded as spreadsheets round.

use super::Token;

/// Digits of a number that a spreadsheet keeps.
const DIGITS: usize = 15;
/// Digits of a number without a format that has a fraction; what a cell of usual width shows.
const GENERAL_DIGITS: usize = 10;
/// Whole numbers from here on are written with an exponent when they have no format.
const PLAIN_MAX: f64 = 1e15;
/// Decimal places that are written; Excel allows 30.
const PLACES_MAX: usize = 30;

/// Decimal digits before and after the point, `exponent` of them before it.
#[derive(Debug, Clone)]
struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    /// `value` with [`DIGITS`] digits.
    fn new(value: f64) -> Self {
        let text = format!("{value:.*e}", DIGITS - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        Self { digits, exponent: exponent.parse::<i32>().unwrap_or(0) + 1 }
    }

    /// The digits before and after the point, rounded half up to `places`.
    fn rounded(mut self, places: usize) -> (String, String) {
        let keep = self.exponent + places as i32;
        let round_up = usize::try_from(keep).is_ok_and(|keep| self.digits.get(keep).is_some_and(|digit| *digit >= 5));
        self.digits.truncate(usize::try_from(keep).unwrap_or(0));
        if round_up {
            let mut at = self.digits.len();
            loop {
                if at == 0 {
                    self.digits.insert(0, 1);
                    self.exponent += 1;
                    break;
                }
                at -= 1;
                if self.digits[at] < 9 {
                    self.digits[at] += 1;
                    break;
                }
                self.digits[at] = 0;
            }
        }
        let digit = |at: i32| {
            let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(0);
            char::from(b'0' + digit)
        };
        let whole: String = (0..self.exponent.max(0)).map(digit).collect();
        let fraction = (0..places as i32).map(|place| digit(self.exponent + place)).collect();
        (whole.trim_start_matches('0').to_owned(), fraction)
    }
}

/// `value` without a format.
pub(super) fn general(value: f64) -> String {
    if !value.is_finite() {
        return "#NUM!".into();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    if value == 0.0 {
        return "0".into();
    }
    // Long numbers are identifiers more often than amounts, so they stay whole, unlike in a narrow cell.
    if value < PLAIN_MAX && value.fract() == 0.0 {
        return format!("{sign}{value}");
    }
    if (1e-5..PLAIN_MAX).contains(&value) {
        let decimal = Decimal::new(value);
        let places = (GENERAL_DIGITS as i32 - decimal.exponent.max(0)).clamp(0, PLACES_MAX as i32);
        let (whole, fraction) = decimal.rounded(places as usize);
        let whole = if whole.is_empty() { "0" } else { &whole };
        let text = format!("{sign}{whole}.{fraction}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let text = format!("{value:.5e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{sign}{mantissa}E{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `value`, at least zero, in the places of `tokens`.
pub(super) fn show(value: f64, tokens: &[Token]) -> String {
    if !value.is_finite() {
        return general(value);
    }
    let has_digits = tokens.iter().any(|token| matches!(token, Token::Digit(_)));
    if !has_digits {
        return tokens.iter().map(|token| plain(token, value)).collect();
    }
    if let Some(slash) = tokens.iter().position(|token| *token == Token::Slash) {
        return fraction(value, tokens, slash);
    }
    let percents = tokens.iter().filter(|token| **token == Token::Percent).count();
    let first = tokens.iter().position(|token| matches!(token, Token::Digit(_))).unwrap_or(0);
    let exponent = tokens.iter().position(|token| *token == Token::Exponent);
    let end = exponent.unwrap_or(tokens.len());
    let last = tokens[..end].iter().rposition(|token| matches!(token, Token::Digit(_))).unwrap_or(first);
    let point = tokens[..end].iter().position(|token| *token == Token::Point);
    let whole_end = point.unwrap_or(end);
    // Commas right after the last place divide by thousands, commas between places group.
    let before_point = tokens[..whole_end].iter().rev().take_while(|token| **token == Token::Comma).count();
    let after_last = tokens[(last + 1).min(end)..end].iter().take_while(|token| **token == Token::Comma).count();
    let thousands = if point.is_some() { before_point.max(after_last) } else { after_last };
    let is_grouped =
        tokens[first..whole_end.max(first)].iter().rev().skip(before_point).any(|token| *token == Token::Comma);
    let scaled = value * 100_f64.powi(percents as i32) / 1000_f64.powi(thousands as i32);
    let (scaled, power) = match exponent {
        Some(_) => mantissa(scaled, places(&tokens[..whole_end])),
        None => (scaled, 0),
    };
    let after = point.map_or(0, |point| places(&tokens[point..end])).min(PLACES_MAX);
    let (whole, fraction) = Decimal::new(scaled).rounded(after);
    let mut text = digits(&tokens[..whole_end], &whole, is_grouped);
    if let Some(point) = point {
        text.push_str(&decimals(&tokens[point..end], &fraction));
    }
    if let Some(exponent) = exponent {
        let width = places(&tokens[exponent..]).max(1);
        text.push_str(&format!("E{}{:0width$}", if power < 0 { '-' } else { '+' }, power.abs()));
        text.extend(tokens[exponent..].iter().filter_map(literal));
    }
    text
}

fn places(tokens: &[Token]) -> usize {
    tokens.iter().filter(|token| matches!(token, Token::Digit(_))).count()
}

/// `value` as a mantissa and a power of ten that is a multiple of `places`.
fn mantissa(value: f64, places: usize) -> (f64, i32) {
    if value == 0.0 || !value.is_finite() {
        return (0.0, 0);
    }
    let step = places.clamp(1, 15) as i32;
    let power = (Decimal::new(value).exponent - 1).div_euclid(step) * step;
    // In two steps: a power below -308 has no inverse.
    (value / 10_f64.powi(power / 2) / 10_f64.powi(power - power / 2), power)
}

fn literal(token: &Token) -> Option<&str> {
    match token {
        Token::Literal(text) => Some(text),
        Token::Percent => Some("%"),
        _ => None,
    }
}

fn plain(token: &Token, value: f64) -> String {
    match token {
        Token::General | Token::Text => general(value),
        Token::Slash => "/".into(),
        token => literal(token).unwrap_or_default().to_owned(),
    }
}

/// The digits `whole` in the places before the point; digits for which there is no place stand before the first.
fn digits(tokens: &[Token], whole: &str, is_grouped: bool) -> String {
    let mut place = places(tokens);
    let mut text = String::new();
    // Counted from the right, from 1.
    let push = |text: &mut String, digit: char, at: usize| {
        text.push(digit);
        if is_grouped && at > 1 && (at - 1).is_multiple_of(3) {
            text.push(',');
        }
    };
    let mut rest = whole.chars();
    let mut left = whole.len();
    for token in tokens {
        let Token::Digit(kind) = token else {
            text.extend(literal(token));
            continue;
        };
        while left >= place
            && let Some(digit) = rest.next()
        {
            push(&mut text, digit, left);
            left -= 1;
        }
        if whole.len() < place && *kind == '0' {
            push(&mut text, '0', place);
        }
        place -= 1;
    }
    text
}

/// The digits after the point; those that are zero and not asked for go.
fn decimals(tokens: &[Token], fraction: &str) -> String {
    let mut kinds: Vec<(char, char)> = tokens
        .iter()
        .filter_map(|token| if let Token::Digit(kind) = token { Some(*kind) } else { None })
        .zip(fraction.chars())
        .collect();
    while kinds.last().is_some_and(|(kind, digit)| *kind != '0' && *digit == '0') {
        kinds.pop();
    }
    let mut text: String = std::iter::once('.').chain(kinds.into_iter().map(|(_, digit)| digit)).collect();
    text.extend(tokens.iter().filter_map(literal));
    text
}

/// `value` as a fraction: `# ?/?` or `0/8`.
fn fraction(value: f64, tokens: &[Token], slash: usize) -> String {
    let over: String = tokens[slash + 1..]
        .iter()
        .map_while(|token| match token {
            Token::Literal(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(text.clone()),
            Token::Digit(kind) => Some(kind.to_string()),
            _ => None,
        })
        .collect();
    let fixed: Option<u32> = over.replace(['#', '?'], "").parse().ok().filter(|over| (1..=9999).contains(over));
    let largest = 10_u32.pow(over.len().clamp(1, 4) as u32) - 1;
    // A place before the places of the fraction is one for the whole number.
    let has_whole = tokens[..slash].iter().any(|token| matches!(token, Token::Literal(text) if text.contains(' ')));
    let (whole, rest) = if has_whole { (value.trunc(), value.fract()) } else { (0.0, value) };
    let (above, over) = match fixed {
        Some(over) => ((rest * f64::from(over)).round(), over),
        None => nearest(rest, largest),
    };
    let (whole, above) = if has_whole && above >= f64::from(over) { (whole + 1.0, 0.0) } else { (whole, above) };
    match (has_whole, above == 0.0, whole == 0.0) {
        (true, true, _) => general(whole),
        (true, false, false) => format!("{} {}/{over}", general(whole), general(above)),
        _ => format!("{}/{over}", general(above)),
    }
}

/// The fraction nearest to `value` whose denominator is at most `largest`, by its continued fraction.
fn nearest(value: f64, largest: u32) -> (f64, u32) {
    let (mut before, mut last) = ((0.0, 1.0), (1.0, 0.0));
    let mut rest = value;
    // Denominators at least double every two steps, so a few dozen reach any limit.
    for _ in 0..64 {
        let whole = rest.floor();
        let next = (whole * last.0 + before.0, whole * last.1 + before.1);
        if next.1 > f64::from(largest) {
            // The limit can fall between two steps, and what lies there can be nearer than the step before it.
            let times = ((f64::from(largest) - before.1) / last.1).floor();
            let between = (times * last.0 + before.0, times * last.1 + before.1);
            let off = |(above, over): (f64, f64)| (value - above / over).abs();
            if off(between) < off(last) {
                last = between;
            }
            break;
        }
        (before, last) = (last, next);
        if rest - whole < 1e-10 {
            break;
        }
        rest = 1.0 / (rest - whole);
    }
    (last.0, last.1 as u32)
}
