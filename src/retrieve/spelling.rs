//! A question in, the same with words that no document has put right by the words that documents have, or that there is nothing to put
//! right out.
//!
//! A wrong change is worse than none: it answers another question. So a word is changed only where it is known nowhere, one word is clearly
//! nearest, and the difference is one that a slip makes. Names are changed by less still, since another letter makes another name.

use rust_stemmers::{Algorithm, Stemmer};
use strsim::osa_distance;

use crate::database::Database;
use crate::error::Result;
use crate::stop_words::is_stop_word;
use crate::vocabulary::{WordCount, is_word, runs};

/// Fewest letters of a word that is put right.
const LETTERS_MIN: usize = 5;
/// Letters from which two of them may differ.
const LETTERS_OF_TWO: usize = 8;
/// Letters from which a name may have one too many or too few that is not its neighbour's double.
const LETTERS_OF_NAME: usize = 9;
/// Words of a question that are looked up at most.
const WORDS_MAX: usize = 16;
/// Letters at the end that two words share which are one form of one word.
const ENDING_LETTERS: usize = 3;
/// Endings that tell who does a thing from whom it is done to: a lessor is no misspelt lessee.
const ROLES: [&str; 3] = ["or", "er", "ee"];

/// The question with its misspelt words put right by the words of the index; `None` where no word changes. `is_known` says of a word in
/// lower case that no document has whether it is one all the same.
///
/// # Errors
/// What the database or `is_known` report.
pub(super) fn corrected(
    question: &str,
    database: &Database,
    is_known: impl Fn(&str) -> Result<bool>,
) -> Result<Option<String>> {
    let mut right = String::new();
    let mut kept = 0;
    let mut has_all_words = None;
    for (at, word) in doubtful(question).into_iter().take(WORDS_MAX) {
        let lower = word.to_lowercase();
        if is_stop_word(&lower) || database.word(&lower)?.is_some() || is_known(&lower)? {
            continue;
        }
        if !*has_all_words.get_or_insert(database.has_all_words()?) {
            return Ok(None);
        }
        if let Some(found) = nearest(word, &lower, database)? {
            right.push_str(&question[kept..at]);
            right.push_str(&found);
            kept = at + word.len();
        }
    }
    right.push_str(&question[kept..]);
    Ok((kept > 0).then_some(right))
}

/// The words of a question that may be misspelt, with their places: long enough, part of no code or address, and not quoted.
fn doubtful(question: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_quoted = false;
    for piece in question.split_whitespace() {
        let start = piece.as_ptr() as usize - question.as_ptr() as usize;
        is_quoted |= piece.starts_with(['"', '“', '«', '„']);
        let bare = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let is_plain = bare.chars().all(|c| c.is_alphabetic() || "-/'’".contains(c));
        if !is_quoted && is_plain {
            let words = runs(piece).filter(|(_, run)| is_word(run) && run.chars().count() >= LETTERS_MIN);
            // Capitals inside a word are no slip: `iPhone`, `EBITDA`.
            let words = words.filter(|(_, run)| !run.chars().skip(1).any(char::is_uppercase));
            found.extend(words.map(|(at, run)| (start + at, run)));
        }
        is_quoted &= !piece.trim_end_matches(['?', '.', ',', ';', ':', '!']).ends_with(['"', '”', '»', '“']);
    }
    found
}

/// A word of the documents that is near.
struct Near {
    word: String,
    count: WordCount,
    distance: usize,
    stem: String,
}

/// A word as it was written, in the forms that others are compared with.
struct Slip<'a> {
    lower: &'a str,
    letters: Vec<char>,
    bits: u32,
    is_name: bool,
    /// Changes that make one word of another at most.
    most: usize,
}

impl Slip<'_> {
    /// The distance to a word of the documents; `None` where that is another word, not the one that was meant.
    fn distance(&self, word: &str, count: WordCount) -> Option<usize> {
        // Each change makes two letters more or less at most.
        let is_far = word.len().abs_diff(self.lower.len()) > 2 * self.most
            || (letters_of(word) ^ self.bits).count_ones() > 2 * self.most as u32;
        let distance = if is_far { usize::MAX } else { osa_distance(self.lower, word) };
        if distance > self.most {
            return None;
        }
        let target: Vec<char> = word.chars().collect();
        let is_swap = is_swapped(&self.letters, &target);
        let is_allowed = match target[0] == self.letters[0] {
            true if self.is_name || count.lower == 0 => {
                count.all > count.lower && (is_swap || is_doubled(&self.letters, &target))
            }
            true => is_swap || !differs_in_role(self.lower, word),
            false => is_swap,
        };
        is_allowed.then_some(distance)
    }

    /// Whether a word of the same stem is another form of this one, and not the same form: what differs is its end.
    fn is_form(&self, word: &str) -> bool {
        let alike = self.letters.iter().rev().zip(word.chars().rev()).take_while(|(a, b)| **a == *b);
        alike.count() < ENDING_LETTERS
    }
}

/// The one word of the documents that `written` (`lower` in lower case) is a slip for.
fn nearest(written: &str, lower: &str, database: &Database) -> Result<Option<String>> {
    let stemmer = Stemmer::create(Algorithm::English);
    let stem = stemmer.stem(lower);
    let letters: Vec<char> = lower.chars().collect();
    let is_name = written.starts_with(char::is_uppercase);
    let most = if letters.len() >= LETTERS_OF_TWO && !is_name { 2 } else { 1 };
    // The first letter is hardly ever wrong, but may have changed places with the second.
    let firsts = [Some(letters[0]), letters.get(1).copied().filter(|second| *second != letters[0])];
    let slip = Slip { lower, bits: letters_of(lower), letters, is_name, most };
    let mut near: Vec<Near> = Vec::new();
    let mut has_form = false;
    for first in firsts.into_iter().flatten() {
        database.each_word(first, |word, count| {
            let distance = slip.distance(word, count);
            if distance.is_none() && !word.starts_with(&*stem) {
                return;
            }
            let other = stemmer.stem(word).into_owned();
            if other == stem && slip.is_form(word) {
                has_form = true;
            } else if let Some(distance) = distance {
                near.push(Near { word: word.to_owned(), count, distance, stem: other });
            }
        })?;
    }
    if near.iter().any(|near| near.stem == stem) {
        near.retain(|near| near.stem == stem);
    } else if has_form {
        // Search knows words by their stems.
        return Ok(None);
    }
    let least = near.iter().map(|near| near.distance).min();
    near.retain(|near| Some(near.distance) == least);
    let is_one = near.windows(2).all(|pair| pair[0].stem == pair[1].stem);
    let best = near.into_iter().max_by_key(|near| near.count.all).filter(|_| is_one);
    Ok(best.map(|near| if is_name || near.count.lower == 0 { capitalised(&near.word) } else { near.word }))
}

/// The letters of a word as bits; letters that are not a to z share six.
fn letters_of(word: &str) -> u32 {
    word.chars().fold(0, |bits, c| {
        bits | match c {
            'a'..='z' => 1 << (c as u32 - 'a' as u32),
            _ => 1 << (26 + c as u32 % 6),
        }
    })
}

/// Whether two words differ in neighbours that changed places.
fn is_swapped(a: &[char], b: &[char]) -> bool {
    let Some(at) = a.iter().zip(b).position(|(a, b)| a != b) else { return false };
    a.len() == b.len() && at + 1 < a.len() && a[at] == b[at + 1] && a[at + 1] == b[at] && a[at + 2..] == b[at + 2..]
}

/// Whether one word has a letter more than the other: one that doubles its neighbour, or any where both are long.
fn is_doubled(a: &[char], b: &[char]) -> bool {
    let (long, short) = if a.len() > b.len() { (a, b) } else { (b, a) };
    if long.len() != short.len() + 1 {
        return false;
    }
    let at = long.iter().zip(short).position(|(a, b)| a != b).unwrap_or(short.len());
    let is_double = at > 0 && long[at] == long[at - 1];
    long[at + 1..] == short[at..] && (is_double || short.len() >= LETTERS_OF_NAME)
}

/// Whether two words are those of the two sides of one thing.
fn differs_in_role(a: &str, b: &str) -> bool {
    let root = |word: &str| ROLES.iter().find_map(|ending| word.strip_suffix(ending).map(str::to_owned));
    root(a).is_some_and(|root_of_a| root(b).is_some_and(|root_of_b| root_of_a == root_of_b))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{FileEntry, FileRow};
    use crate::vocabulary::count;

    const TEXT: &str = "The covenant allows leverage of 4.0:1 and two covenants more. Each pallet is in Saltmarsh Road. Dunmorrow \
        Foods is the customer of Larkmoor and of Pellow, says Anderson. The key of idempotency; animals of the annual \
        holidays and management. The lessee and mortgagee pay; the loan is secured by receivables. Holly is green. The \
        audited accounts. The token was refreshed, or refresh it. The second quarter; a quorum. Johnson came.";

    fn database(text: &str) -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open(&folder.path().join("ibid.db")).unwrap();
        let row = FileRow { path: "/a".into(), format: Some("text".into()), ..FileRow::default() };
        database.commit_files(&[FileEntry { row, words: count([text]), ..FileEntry::default() }], &[]).unwrap();
        (folder, database)
    }

    fn fixed(question: &str, database: &Database) -> String {
        // What the embedder's own vocabulary would know.
        let known = |word: &str| Ok(["dividend", "lessor", "chairman"].contains(&word));
        corrected(question, database, known).unwrap().unwrap_or_else(|| question.into())
    }

    #[test]
    fn a_misspelt_word_becomes_the_one_that_documents_have() {
        let (_folder, database) = database(TEXT);
        for (question, right) in [
            ("What does the convenant allow?", "What does the covenant allow?"),
            ("how many palet positions", "how many pallet positions"),
            ("how long is an idempotancy key kept", "how long is an idempotency key kept"),
            ("What did Pelow take from farm anmials?", "What did Pellow take from farm animals?"),
            ("anual hollidays", "annual holidays"),
            ("What managment fee is paid?", "What management fee is paid?"),
            ("the quorom", "the quorum"),
            ("a refesh tokken", "a refresh token"),
            ("Dunmorow Foods on Saltmarsch Road", "Dunmorrow Foods on Saltmarsh Road"),
            ("the secund quarter of Larkmor", "the second quarter of Larkmoor"),
            ("an ocvenant", "an covenant"),
            ("larkmor", "Larkmoor"),
        ] {
            assert_eq!(fixed(question, &database), right);
        }
    }

    #[test]
    fn what_is_no_slip_stays() {
        let (_folder, database) = database(TEXT);
        for question in [
            // Names of somebody else.
            "Who owns Hooli?",
            "What is the revenue of hooli?",
            "Who is Andersen?",
            "Who is Johnston?",
            "who is andersen",
            // Known words, and forms of them.
            "What does the covenant say of leverages?",
            "the dividend of the lessor",
            "refreshing audit tokens",
            // Another word, not a slip.
            "the mortgagor",
            "the unsecured loan",
            "unaudited accounts",
            // Codes, acronyms, addresses and quotes.
            "COVENENT EBITDAA P-15O covenent4 covenent@mail.example",
            "who says \"covenent of\" and “covenent”",
            // Too short, or near nothing.
            "the hols of xyzzyplugh",
        ] {
            assert_eq!(fixed(question, &database), question);
        }
    }

    #[test]
    fn two_words_that_are_as_near_leave_it_as_it_is() {
        let (_folder, database) = database("the plaintiff and the planter; the planner");
        assert_eq!(fixed("who is the planber", &database), "who is the planber");
        assert_eq!(fixed("who is the plaintif", &database), "who is the plaintiff");
    }

    #[test]
    fn words_that_are_not_all_counted_put_nothing_right() {
        let (_folder, mut database) = database(TEXT);
        assert_eq!(fixed("the convenant", &database), "the covenant");
        let row = FileRow { path: "/b".into(), format: Some("text".into()), ..FileRow::default() };
        database.commit_files(&[FileEntry { row, ..FileEntry::default() }], &[]).unwrap();
        assert_eq!(fixed("the convenant", &database), "the covenant", "a document without a word is counted, too");
        database.forget_words_of("/b");
        assert_eq!(fixed("the convenant", &database), "the convenant");
    }

    #[test]
    fn a_document_that_goes_takes_its_words_along() {
        let (_folder, mut database) = database(TEXT);
        database.remove_files(&["/a".into()]).unwrap();
        assert_eq!(fixed("the convenant", &database), "the convenant");
    }
}
