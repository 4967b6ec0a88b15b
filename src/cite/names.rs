//! Text to the names in it: people, places, products, acronyms; found by spelling alone, without a list of names.

use super::lexical::Word;
use crate::document::ByteSpan;

/// A name of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its words, folded and without joining words such as "of".
    pub words: Vec<String>,
    /// From its first word to its last.
    pub span: ByteSpan,
    /// Whether it is one word that opens a sentence, so that its capital says nothing.
    pub unsure: bool,
}

/// Words with a capital that name no thing: months are dates, and the rest opens sentences.
const NOT_NAMES: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "according",
    "additionally",
    "despite",
    "following",
    "although",
    "since",
    "later",
    "early",
    "late",
    "unlike",
    "like",
    "including",
    "among",
    "along",
    "another",
    "several",
    "today",
    "meanwhile",
    "currently",
    "originally",
    "eventually",
    "subsequently",
    "finally",
    "further",
    "furthermore",
    "moreover",
    "therefore",
    "however",
    "thus",
    "hence",
    "overall",
    "besides",
    "similarly",
    "instead",
    "yes",
    "no",
    "not",
    "one",
    "two",
    "three",
    "many",
    "most",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
];

/// The names of `text`, whose words are `words`, in order.
#[must_use]
pub fn names(text: &str, words: &[Word]) -> Vec<Name> {
    let mut found: Vec<Name> = Vec::new();
    let mut open: Option<Name> = None;
    for (index, word) in words.iter().enumerate() {
        let opens = opens_sentence(text, word.span.start);
        let is_code = is_code(word.span.of(text));
        // "Fund I", "Plan B"
        let numeral = word.capital
            && word.folded.len() == 1
            && open.as_ref().is_some_and(|name| &text[name.span.end..word.span.start] == " ");
        let capital = word.capital && !NOT_NAMES.contains(&word.folded.as_str()) && word.folded.chars().count() > 1;
        if !(capital && !word.stop || is_code || numeral) {
            let joins = matches!(&*word.folded, "of" | "de" | "the" | "for" | "van" | "von" | "del" | "la" | "al")
                && words.get(index + 1).is_some_and(|next| next.capital && !next.stop);
            let adjoins = open.as_ref().is_some_and(|name| text[name.span.end..word.span.start].trim().is_empty());
            if joins && adjoins {
                if let Some(name) = &mut open {
                    name.span.end = word.span.end;
                }
            } else {
                found.extend(open.take());
            }
            continue;
        }
        match &mut open {
            Some(name)
                if text[name.span.end..word.span.start].chars().all(|c| " -.&\u{a0}\n".contains(c)) && !opens =>
            {
                name.words.push(word.folded.clone());
                name.span.end = word.span.end;
                name.unsure = false;
            }
            _ => {
                found.extend(open.take());
                open = Some(Name { words: vec![word.folded.clone()], span: word.span, unsure: opens && !is_code });
            }
        }
    }
    found.extend(open);
    found
}

/// Whether a word is spelled as an acronym, product or part number: `UNHCR`, `iPhone`, `X200`.
fn is_code(written: &str) -> bool {
    let bare = written.trim_end_matches("'s").trim_end_matches("’s");
    let inner_capital = bare.chars().skip(1).any(char::is_uppercase);
    let letters = bare.chars().filter(|c| c.is_alphabetic()).count();
    let digits = bare.chars().any(char::is_numeric);
    let ends_as_number = bare.starts_with(|c: char| c.is_ascii_digit());
    inner_capital && letters > 1 || letters > 0 && digits && !ends_as_number
}

fn opens_sentence(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(|c: char| c.is_whitespace() || "\"'“‘([*".contains(c));
    before.is_empty() || before.ends_with(['.', '!', '?', ':', ';', '\n', '•'])
}

/// Whether evidence that holds `has` bears out `word` of a name: the word itself, its stem, or the land of a people.
pub fn holds_word(word: &str, stem: &str, has: impl Fn(&str) -> bool) -> bool {
    has(word) || has(stem) || word.strip_suffix('n').is_some_and(|land| land.ends_with('a') && has(land))
}

/// The initials of a name of two words or more, as its acronym would be written.
#[must_use]
pub fn initials(name: &Name) -> Option<String> {
    (name.words.len() > 1).then(|| name.words.iter().filter_map(|word| word.chars().next()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cite::lexical::words;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = names(text, &words(text)).into_iter().map(|name| name.words.join(" ")).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn names_run_over_capitals_and_joining_words() {
        check("In May the Bank of England lent to Helen Marsh, Leeds.", &["bank england", "helen marsh", "leeds"]);
        check("The valve X200, the iPhone and UNHCR's staff", &["x200", "iphone", "unhcr"]);
        check("However, the pump stopped on Monday in 2021.", &[]);
    }

    #[test]
    fn a_word_that_opens_a_sentence_is_unsure() {
        let text = "Researchers met. Then Ann Lee left.";
        let found = names(text, &words(text));
        assert_eq!(found.iter().map(|name| name.unsure).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_people_is_borne_out_by_its_land() {
        assert!(holds_word("american", "american", |word| word == "america"));
        assert!(!holds_word("austrian", "austrian", |word| word == "australia"));
    }
}
