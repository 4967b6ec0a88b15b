//! A text to the times of day in it.

use std::ops::Range;

use crate::cite::evidence::Text;

/// The times of day of `text` in minutes after midnight, each with its words.
pub(super) fn clocks(text: &Text) -> Vec<(u32, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.words.len() {
        let read = clock(text, at);
        let Some((minutes, used)) = read else {
            at += 1;
            continue;
        };
        found.push((minutes, at..at + used));
        at += used;
    }
    found
}

/// The time of day that begins with word `at`, and how many words it takes.
fn clock(text: &Text, at: usize) -> Option<(u32, usize)> {
    let word = text.words[at].folded.as_str();
    match word {
        "noon" | "midday" => return Some((12 * 60, 1)),
        "midnight" => return Some((0, 1)),
        _ => {}
    }
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    let tail = &word[digits.len()..];
    let mut hour: u32 = digits.parse().ok().filter(|hour| *hour < 25 && digits.len() <= 2)?;
    let mut used = 1;
    let mut minute = 0;
    let gap = |at: usize| text.words.get(at).map(|next| &text.text[text.words[at - 1].span.end..next.span.start]);
    let mut half = tail.to_owned();
    if tail.is_empty() && gap(at + 1) == Some(":") {
        let next = &text.words[at + 1].folded;
        let digits: String = next.chars().take_while(char::is_ascii_digit).collect();
        minute = digits.parse().ok().filter(|minute| *minute < 60 && digits.len() == 2)?;
        next[2..].clone_into(&mut half);
        used = 2;
    } else if tail.is_empty()
        && !matches!(text.words.get(at + 1).map(|next| next.folded.as_str()), Some("am" | "pm" | "a" | "p"))
    {
        return None;
    }
    if half.is_empty()
        && let Some(next) = text.words.get(at + used)
    {
        if matches!(next.folded.as_str(), "am" | "pm") {
            half.clone_from(&next.folded);
            used += 1;
        } else if matches!(next.folded.as_str(), "a" | "p")
            && text.words.get(at + used + 1).is_some_and(|m| m.folded == "m")
        {
            half = format!("{}m", next.folded);
            used += 2;
        }
    }
    match half.as_str() {
        "am" if hour == 12 => hour = 0,
        "pm" if hour < 12 => hour += 12,
        "am" | "pm" => {}
        "" if used > 1 => {}
        _ => return None,
    }
    Some((hour * 60 + minute, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_form_and_a_bare_number_is_none() {
        for (text, minutes) in [
            ("at 2 pm", 840),
            ("at 14:00", 840),
            ("by 2:30pm", 870),
            ("until noon", 720),
            ("at 12 a.m.", 0),
            ("from 9:05", 545),
        ] {
            let found: Vec<u32> = clocks(&Text::new(text)).into_iter().map(|(minutes, _)| minutes).collect();
            assert_eq!(found, [minutes], "{text}");
        }
        assert!(clocks(&Text::new("14 days, 3:1, page 12 of 30, 25:00")).is_empty());
    }
}
